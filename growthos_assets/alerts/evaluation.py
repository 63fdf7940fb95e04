"""The tenant's alerts of today: from its tables and what is remembered, to what fires; and remembering it."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial

import polars as pl
from pandera.typing.polars import LazyFrame

import kpis
from growthos_assets.cohorts.cohorts import Cohorts
from growthos_assets.kpis.kpi_daily import KpiDaily
from growthos_assets.loading import warehouse
from growthos_assets.marts.dim_campaign import DimCampaign
from growthos_assets.marts.dim_channel import DimChannel, channel_names
from growthos_assets.marts.fact_order_lines import FactOrderLines
from growthos_assets.raw.shopify import ShopifyOrders
from kpis import Window
from kpis.alerts import EPISODES, Evaluation, Facts, Memory, Shop
from warehouse import alert_states, proofs, refreshes
from warehouse.tenants import Tenant

DAYS = 7
"""The window of the weekly rules."""


def evaluated(
    kpi_daily: LazyFrame[KpiDaily],
    cohorts: LazyFrame[Cohorts],
    fact_order_lines: LazyFrame[FactOrderLines],
    dim_channel: LazyFrame[DimChannel],
    dim_campaign: LazyFrame[DimCampaign],
    tenant: Tenant,
    now: datetime,
    known_at: datetime | None,
    stored_by: str | None,
) -> pl.LazyFrame:
    """What fires after the last complete day; its states, and what there is to tell, are stored by the run `stored_by`.

    It is here, and not in the transform, that the alerts' tables are read and written. The same evaluation again stores
    the same states and no event twice; one of what was known at an instant stores nothing.
    """
    shop = shop_of(kpi_daily, cohorts, fact_order_lines, dim_channel, dim_campaign, tenant, now)
    evaluation = assess(proven(shop, tenant, known_at), now)
    if stored_by:
        _store(tenant, evaluation, now, stored_by)
    return evaluation.firing.lazy()


def _store(tenant: Tenant, evaluation: Evaluation, now: datetime, run_id: str) -> None:
    events = kpis.alerts.event_rows(evaluation.events, evaluation.messages, now)
    windows = {day: kpis.alerts.state_rows(states) for day, states in evaluation.windows.items()}
    fence = partial(refreshes.fence, run_id=run_id)
    alert_states.record(warehouse(), tenant.tenant_id, windows, events, fence)


def assess(shop: Shop, now: datetime) -> Evaluation:
    """Evaluate with what is remembered of the days before; nothing is stored."""
    memory, latest = _remembered(shop, shop.facts.as_of - timedelta(kpis.alerts.RESTATED - 1), now)
    return kpis.alerts.assess(shop, memory, now, latest)


def fired_during(shop: Shop, window: Window, now: datetime) -> pl.DataFrame:
    """What fired on a day of the window (EPISODES); nothing is stored.

    Rules are made for a week: a window of another length is looked at alone, without what is remembered.
    """
    if window.days == DAYS:
        memory, _ = _remembered(shop, window.start, now)
        return kpis.alerts.during(shop, memory, window, now)
    alone = kpis.alerts.alone(replace(shop, facts=replace(shop.facts, as_of=window.end)), window)
    return pl.concat([alone, pl.DataFrame(schema=EPISODES)], how="diagonal").with_columns(
        pl.col("silenced_by").fill_null("")
    )


def _remembered(shop: Shop, before: date, now: datetime) -> tuple[Memory, date | None]:
    """What is remembered, as of now, of the days before that one; and the newest window of which anything is."""
    known = alert_states.remembered(warehouse(), shop.tenant, before, now)
    return kpis.alerts.remembered(known.states, known.events, known.silences, known.calendar), known.latest


def proven(shop: Shop, tenant: Tenant, known_at: datetime | None = None) -> Shop:
    """The shop with the days of which its orders may not be here: not pulled, or not whole.

    `known_at` is the instant whose records its tables were made from. Without one they are the latest, and the ledger
    counts as it stands: a run's own sync ends after the instant that the run calls now. Orders that nobody syncs come
    when somebody imports them: they are known to be here up to the newest one.
    """
    facts, stream = shop.facts, ShopifyOrders.stream_key()
    first = facts.first_day
    if first is None:
        return shop
    failed = proofs.unproven(warehouse(), tenant.tenant_id, first, facts.as_of, known_at).filter(stream=stream)
    unproven = [Window(*days) for days in failed.select("first_day", "last_day").iter_rows()]
    reached = proofs.read_to(warehouse(), tenant.tenant_id, *stream.split("/"), known_at=known_at).values()
    sold = facts.sources().get("shop", {first})
    last = kpis.last_complete_day(min(reached), tenant.timezone) if reached else max(sold)
    return replace(shop, facts=replace(facts, unproven=unproven, orders_to=last))


def shop_of(
    kpi_daily: pl.LazyFrame,
    cohorts: pl.LazyFrame,
    fact_order_lines: pl.LazyFrame,
    dim_channel: pl.LazyFrame,
    dim_campaign: pl.LazyFrame,
    tenant: Tenant,
    now: datetime,
) -> Shop:
    """The tenant, as its alerts look at it. A category counts the orders that have a line of it."""
    categories = (
        fact_order_lines.filter("is_counted", pl.col("category").is_not_null())
        .group_by("category", date="order_date")
        .agg(orders=pl.col("order_id").n_unique(), revenue_gross=pl.sum("revenue_gross"))
    )
    campaigns = dim_campaign.select("campaign_id", "campaign_name").collect().iter_rows()
    facts = Facts(
        kpi_daily.collect(),
        cohorts.collect(),
        kpis.last_complete_day(now, tenant.timezone),
        categories.collect(),
    )
    names = channel_names(dim_channel) | dict(campaigns)
    return Shop(tenant.tenant_id, facts, tenant.alert_thresholds, names, tenant.currency)
