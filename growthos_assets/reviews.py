"""Reviews on demand: of any window as it is known now, and of a week as it was known then. Nothing is stored.

from growthos_assets.reviews import known_now, known_then
"""

import json
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import polars as pl

import kpis
from growthos_assets.alerts.reviewing import read_by, review
from growthos_assets.alerts.wbr import REVIEW_HOUR
from growthos_assets.loading import load_table, warehouse
from growthos_assets.recomputing import Recomputed
from growthos_assets.table import Contract
from kpis import Window
from kpis.wbr import Review
from warehouse import raw, tenants
from warehouse.tenants import Tenant


class Told(NamedTuple):
    """A review in every form, and when what it says was known. `content` is {} where only the words were kept."""

    markdown: str
    html: str
    content: Mapping[str, Any]
    alerts: list[str]
    known_at: datetime
    restated: str | None = None


def known_now(tenant: Tenant, window: Window, now: datetime) -> Told:
    """The window from the tables as they are; it says what has changed since the stored review of it was written."""
    found = _from_tables(tenant, window, now)
    then = _stored(tenant, window)
    return _told(found, now, then and _restated(then, found, tenant))


def known_then(tenant: Tenant, week: Window, now: datetime) -> Told | None:
    """The review of a week as it was written; of one of which none was, from what was known when it would have been.

    None if nothing was known then. `restated` says what is known otherwise now.
    """
    then = _stored(tenant, week) or _recomputed(tenant, week, now)
    return then and then._replace(restated=_restated(then, _from_tables(tenant, week, now), tenant))


def known_since(tenant: Tenant) -> datetime | None:
    """When the first of the tenant's records was seen: no review can tell what was known before. None without any."""
    return raw.first_seen(warehouse(), tenant.tenant_id)


def written_at(tenant: Tenant, week: Window) -> datetime:
    """When the review of a week is written: on the Monday after it."""
    monday = datetime.combine(week.end + timedelta(1), time(REVIEW_HOUR), ZoneInfo(tenant.timezone))
    return monday.astimezone(ZoneInfo("UTC"))


def _stored(tenant: Tenant, week: Window) -> Told | None:
    rows = load_table("alerts/wbr", tenant.tenant_id, None)
    found = rows.filter(week_start=week.start, week_end=week.end).to_dicts()
    if not found:
        return None
    (row,) = found
    content = json.loads(row["content"])
    return Told(row["markdown"], row["html"], content, kpis.wbr.alert_ids(content), row["written_at"])


def _recomputed(tenant: Tenant, week: Window, now: datetime) -> Told | None:
    known_at = min(now, written_at(tenant, week))
    then = tenants.known_at(tenant, known_at)
    found = review(read_by(Recomputed(then, known_at).read), then, week, known_at, known_at)
    return None if found.missing else _told(found, known_at)


def _from_tables(tenant: Tenant, window: Window, now: datetime) -> Review:
    def read(contract: Contract) -> pl.LazyFrame:
        spec = contract.__spec__
        return load_table([spec.schema, spec.name], tenant.tenant_id, None).lazy()

    return review(read_by(read), tenant, window, now)


def _told(found: Review, known_at: datetime, restated: str | None = None) -> Told:
    content = found.document()
    forms = kpis.wbr.markdown(found, restated), kpis.wbr.html(found, restated)
    return Told(*forms, content, kpis.wbr.alert_ids(content), known_at, restated)


def _restated(then: Told, now: Review, tenant: Tenant) -> str | None:
    known_on = then.known_at.astimezone(ZoneInfo(tenant.timezone)).date()
    return kpis.wbr.restated(then.content, now.document(), str(known_on))
