"""What the ledger of syncs says to whoever asks: how far accounts are proven, what could not be pulled, every slice."""

from datetime import date, datetime

import polars as pl

from warehouse.database import Warehouse, query
from warehouse.quoting import instant, literal

NO_SLICE = ""
"""The slice_id where a source would not name a connection's accounts. In place of the account is the connection's name:
a shop's is that of the shop, and still tells nothing of what was asked of it."""


def read_to(
    warehouse: Warehouse, tenant_id: str, source: str, stream: str, known_at: datetime | None = None
) -> dict[str, datetime]:
    """Every account of which anything of the stream was ever verified, and up to when: by now, or by that instant."""
    with warehouse.as_tenant(tenant_id) as cursor:
        found = query(
            cursor,
            "SELECT account, max(end_at) FROM ops.sync_slices WHERE source = $1 AND stream = $2 "
            f"AND state = 'verified' AND {_by('finished_at', known_at)} GROUP BY account ORDER BY account",
            [source, stream],
        )
    return dict(found.iter_rows())


def history(warehouse: Warehouse, tenant_id: str, limit: int = 100, state: str | None = None) -> pl.DataFrame:
    """The newest `limit` slices of all streams, or those in a state, newest first; columns as SyncSlices."""
    newest = f"ORDER BY planned_at DESC, source, stream, start_at DESC LIMIT {limit}"
    condition, parameters = ("state = $1", [state]) if state else ("true", [])
    return warehouse.read("ops.sync_slices", tenant_id, where=f"{condition} {newest}", parameters=parameters)


def unproven(
    warehouse: Warehouse, tenant_id: str, first_day: date, last_day: date, known_at: datetime | None = None
) -> pl.DataFrame:
    """What could not be pulled of those days, as it stands or stood: stream, account, first_day, last_day, error.

    One row per stream and account, with its newest error; the days are those that are missing. Slices count in UTC, so
    that one at the edge may be of the day beside. The past is told of half a year as it was; of what is older, only the
    last proof is kept.
    """
    with warehouse.as_tenant(tenant_id) as cursor:
        return query(
            cursor,
            "SELECT f.source || '/' || f.stream AS stream, f.account, "
            f"greatest(min(f.start_at)::date, {literal(str(first_day))}::date) AS first_day, "
            f"least((max(f.end_at) - interval '1 microsecond')::date, {literal(str(last_day))}::date) AS last_day, "
            "(array_agg(f.error ORDER BY f.planned_at DESC, f.pull_id))[1] AS error "
            f"FROM ops.sync_slices f WHERE f.state = 'failed' AND f.slice_id <> {literal(NO_SLICE)} "
            f"AND {_by('f.planned_at', known_at)} AND f.end_at > {literal(str(first_day))}::date "
            f"AND f.start_at < {literal(str(last_day))}::date + 1 "
            "AND NOT EXISTS (SELECT FROM ops.sync_slices v WHERE v.state = 'verified' "
            "AND (v.source, v.stream, v.account) = (f.source, f.stream, f.account) "
            "AND v.start_at <= f.start_at AND v.end_at >= f.end_at AND v.part::text IN ('{}', f.part::text) "
            f"AND v.planned_at > f.planned_at AND {_by('v.finished_at', known_at)}) "
            "GROUP BY 1, 2 ORDER BY 1, 2",
        )


def retries(warehouse: Warehouse, tenant_id: str) -> list[datetime]:
    """When rate-limited sources may be asked again, earliest first: those that were asked for nothing since.

    An instant may be long over, since an account that no login reaches any more is asked for nothing.
    """
    return limits(warehouse, tenant_id, "true")


def limits(warehouse: Warehouse, tenant_id: str, condition: str) -> list[datetime]:
    """Until when the source said to wait, where nothing was asked of the account since: to be planned is not enough.

    Earlier versions did not note which connection could not name its accounts: nobody waits for those rows.
    """
    with warehouse.as_tenant(tenant_id) as cursor:
        found = query(
            cursor,
            "SELECT DISTINCT retry_at FROM ops.sync_slices f "
            f"WHERE error_kind = 'rate_limited' AND retry_at IS NOT NULL AND f.account <> '' AND {condition} "
            "AND NOT EXISTS (SELECT FROM ops.sync_slices l WHERE (l.source, l.stream, l.account, l.slice_id = $1) "
            "= (f.source, f.stream, f.account, f.slice_id = $1) AND l.started_at > f.finished_at) ORDER BY retry_at",
            [NO_SLICE],
        )
    return found["retry_at"].to_list()


def _by(column: str, known_at: datetime | None) -> str:
    """Whether it was so by that instant; without one, by now."""
    return "true" if known_at is None else f"{column} <= {instant(known_at)}"
