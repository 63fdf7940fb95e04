"""Explaining a tenant's KPI: the state to read it from, on either refund basis, and the raw records behind a member.

    from growthos_assets.explaining import explain

    cac = explain("blended_cac", "acme", by=["channel_id"])
    cac.explanation.members                   # what each channel did to the change
    cac.behind(channel_id="meta").collect()   # the rows of the facts, with the ids of their raw payloads
    explain("retention_rate", "acme", by=["first_channel"], age=60)     # of those who came in a week, 60 days on

The event basis books a refund on its own day, as kpi_daily does; the order basis on the day of the order that it gives
back. Over the whole history both are the same.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, cast

import polars as pl
from pandera.typing.polars import LazyFrame

import kpis
import kpis.lives
from growthos_assets import clock
from growthos_assets.cohorts.lives import lives
from growthos_assets.kpis.kpi_daily import kpi_daily
from growthos_assets.loading import load_table, warehouse
from growthos_assets.marts.dim_campaign import NO_CAMPAIGN
from growthos_assets.tracing import ITEM, Facts, facts_of, traced
from kpis import Window
from kpis.engine import DAILY, dated, of_lives, of_state
from kpis.explain import Explanation
from kpis.explain import explain as taken_apart
from kpis.kpi import Basis, RefundBasis
from warehouse import tenants
from warehouse.tenants import Tenant

AGE: Final = 30
"""Days of their lives that customers are looked at, where nobody says otherwise."""

_OF_ORDER = ("order_id", "customer_id", "channel_id", "campaign_id")
_SALE = ("order_id", "customer_id")
_LINE = (*_SALE, "line_id", "product_id", "sku", "category")
_NAMED: Final[Mapping[str, Sequence[str]]] = {
    "fact_orders": _SALE,
    "fact_order_lines": _LINE,
    "fact_refunds": (*_LINE, "refund_line_id"),
    "fact_spend": (),
}
"""What a row of each fact tells of itself beside day, channel and campaign. Traffic tells day and channel."""


def itemized(facts: Facts, basis: RefundBasis = "event") -> pl.LazyFrame:
    """One row per row of a fact: the columns of ITEM, and the measures that it adds.

    A state of kpis, finer than kpi_daily and the same by construction: kpi_daily's own transform makes it, for which
    every row is a campaign of its own. On the order basis a row counts on the day of its order, and a return that names
    no order on its own.
    """
    numbered = {
        name: rows.with_row_index("row").with_columns(fact=pl.lit(name), item=pl.format(f"{name}#{{}}", "row"))
        for name, rows in facts._asdict().items()
        if name in _NAMED
    }
    told = [rows.select("item", "fact", "campaign_id", *_NAMED[name]) for name, rows in numbered.items()]
    every_row = {name: rows.with_columns(campaign_id="item") for name, rows in numbered.items()}
    measures = kpi_daily(**facts._asdict() | every_row)
    items = (
        measures.rename({"campaign_id": "item"})
        .join(pl.concat(told, how="diagonal"), on="item", how="left")
        .join(_ordered(facts.fact_orders), on="order_id", how="left")
        .with_columns(pl.col("fact").fill_null("fact_traffic"), pl.col("campaign_id").fill_null(NO_CAMPAIGN))
    )
    if basis == "order":
        items = items.with_columns(date=pl.coalesce("order_date", "date"))
    return items.select(*ITEM, *kpis.MEASURES)


def _ordered(fact_orders: pl.LazyFrame) -> pl.LazyFrame:
    """Of every order: its day, the country that it went to (ISO 3166), and its customer's cohort."""
    cohorts = (
        fact_orders.filter("is_counted")
        .group_by("customer_id")
        .agg(cohort_month=pl.col("order_date").min().dt.strftime("%Y-%m"))
    )
    country = pl.col("region").str.split("-").list.first()
    return fact_orders.join(cohorts, on="customer_id", how="left").select(
        "order_id", "order_date", "cohort_month", country=country
    )


@dataclass(frozen=True)
class Explained:
    """A tenant's KPI taken apart, and the way down to what it was made from.

    `items` gives the state that is as fine as the facts; `age` is of a KPI of customers' lives, in days.
    """

    tenant: Tenant
    refund_basis: RefundBasis
    explanation: Explanation
    items: Callable[[], pl.LazyFrame]
    age: int | None = None

    @property
    def basis(self) -> Basis:
        """The basis of the numbers, a name in kpis.kpi.BASES: the one asked for, where it makes a difference."""
        kpi = self.explanation.kpi
        return kpi.basis if self.age is not None else kpi.basis_where(self.refund_basis)

    def behind(self, **member: object) -> pl.LazyFrame:
        """One row per row of a fact behind a member in the window (behind the whole, without one).

        The columns of ITEM, the KPI's measures as the row adds them, and `records`: stream and external_id of the raw
        records that it was made from. Nothing is read before this is called. ValueError for a key that the KPI cannot
        be read by.
        """
        kpi = self.explanation.kpi
        items = self.items()
        of_state(items, [kpi.name], list(member))
        adds = pl.any_horizontal(pl.col(kpi.measures).fill_null(0) != 0)
        is_member = [pl.col(key).eq_missing(pl.lit(value)) for key, value in member.items()]
        rows = dated(items, member).filter(self.explanation.window.filter(), adds, *is_member)
        facts = facts_of(self.tenant.tenant_id)
        if self.age is not None:  # its state has an order on the day of its customer's first
            orders = facts.fact_orders.select(*(name for name in ITEM if name in _OF_ORDER), date="order_date")
            rows = rows.select("order_id", *kpi.measures).join(orders, on="order_id")
            absent = [pl.lit(None, pl.String).alias(name) for name in ITEM if name not in (*_OF_ORDER, "date", "fact")]
            rows = rows.with_columns(*absent, fact=pl.lit("fact_orders"))
        return traced(rows.select(*ITEM, *kpi.measures), facts, self.tenant)


def explain(
    kpi: str,
    tenant: str,
    window: Window | None = None,
    baseline: Window | None = None,
    by: Sequence[str] = (),
    basis: RefundBasis = "event",
    age: int = AGE,
) -> Explained:
    """A KPI of a window (the last seven complete days) against another (the days before it), by its members.

    A KPI of customers' lives, such as retention_rate, is of those whose first order is in the window, and of what they
    did until they were `age` days old; its window ends so many days earlier, unless one is given. Money is then on the
    order basis. ValueError for a KPI that there is not, and for one that means nothing by one of the keys, with the
    reason; and for a negative age.
    """
    warehouse()
    settings = tenants.get(tenant)
    now = clock.now(settings)
    is_of_lives = kpi in kpis.KPIS and of_lives(kpis.KPIS[kpi])
    if window is None:
        window = kpis.trailing(7, last_day_of(kpi, now, settings, age))
    if age < 0:
        raise ValueError(f"an age is a number of days since the first order, and cannot be {age}")
    if is_of_lives:
        state = lives_of(settings, now, age)
        taken = taken_apart(state, kpi, window, baseline or window.previous(), by)
        return Explained(settings, basis, taken, lambda: state, age)
    taken = taken_apart(state_of(tenant, basis, by), kpi, window, baseline or window.previous(), by)
    return Explained(settings, basis, taken, lambda: itemized(facts_of(tenant), basis))


def last_day_of(kpi: str, now: datetime, tenant: Tenant, age: int = AGE) -> date:
    """The last day on which a KPI is whole: the last complete one, or that of the youngest who have reached the age."""
    last = kpis.last_complete_day(now, tenant.timezone)
    return last - timedelta(age) if kpi in kpis.KPIS and of_lives(kpis.KPIS[kpi]) else last


def lives_of(tenant: Tenant, now: datetime, age: int) -> pl.LazyFrame:
    """The state of customers' lives up to that age: kpis.lives.state."""
    orders, lines = (
        cast("LazyFrame[Any]", load_table(f"marts/{name}", tenant.tenant_id, None).lazy())
        for name in ("fact_orders", "fact_order_lines")
    )
    return kpis.lives.state(lives(orders, lines, tenant, now), age)


def state_of(tenant: str, basis: RefundBasis, by: Sequence[str] = ()) -> pl.LazyFrame:
    """The state to read a tenant's KPIs from, on that basis and by these keys: kpi_daily, where it will do."""
    stored = basis == "event" and set(by) <= set(DAILY)
    return load_table("kpis/kpi_daily", tenant, None).lazy() if stored else itemized(facts_of(tenant), basis)
