"""Explaining a tenant's KPI: the state to read it from, on either refund basis, and the raw records behind a member.

    from growthos_assets.explaining import explain

    cac = explain("blended_cac", "acme", by=["channel_id"])
    cac.explanation.members                   # what each channel did to the change
    cac.behind(channel_id="meta").collect()   # the rows of the facts, with the ids of their raw payloads

The event basis books a refund on its own day, as kpi_daily does; the order basis on the day of the order that it gives
back. Over the whole history both are the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, cast

import polars as pl
from pandera.typing.polars import LazyFrame

import kpis
from growthos_assets import clock
from growthos_assets.kpis.kpi_daily import kpi_daily
from growthos_assets.loading import load_table, warehouse
from growthos_assets.marts.dim_campaign import NO_CAMPAIGN
from growthos_assets.raw.file import FileOrders
from growthos_assets.staging import file
from growthos_assets.staging.channels import group_channel
from growthos_assets.staging.kinds import DAY
from growthos_assets.staging.parse import DataType, clean, decoded, first_text
from kpis import Window
from kpis.engine import CALENDAR, DAILY, DIMENSIONS, dated, of_state
from kpis.explain import Explanation
from kpis.explain import explain as taken_apart
from kpis.kpi import Basis, RefundBasis
from warehouse import raw, tenants
from warehouse.tenants import Tenant

_SALE = ("order_id", "customer_id")
_LINE = (*_SALE, "line_id", "product_id", "sku", "category")
_NAMED: Final[Mapping[str, Sequence[str]]] = {
    "fact_orders": _SALE,
    "fact_order_lines": _LINE,
    "fact_refunds": (*_LINE, "refund_line_id"),
    "fact_spend": (),
}
"""What a row of each fact tells of itself beside day, channel and campaign. Traffic tells day and channel."""

ITEM: Final = ("fact", *(name for name in DIMENSIONS if name not in CALENDAR), "line_id", "refund_line_id")


class Facts(NamedTuple):
    """The tables that kpi_daily is summed from."""

    fact_orders: pl.LazyFrame
    fact_order_lines: pl.LazyFrame
    fact_refunds: pl.LazyFrame
    fact_spend: pl.LazyFrame
    fact_traffic: pl.LazyFrame


def facts_of(tenant: str) -> Facts:
    """The tenant's facts."""
    return Facts(*(load_table(f"marts/{name}", tenant, None).lazy() for name in Facts._fields))


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
    """A tenant's KPI taken apart, and the way down to what it was made from."""

    tenant: Tenant
    refund_basis: RefundBasis
    explanation: Explanation

    @property
    def basis(self) -> Basis:
        """The basis of the numbers, a name in kpis.kpi.BASES: the one asked for, where it makes a difference."""
        return self.explanation.kpi.basis_where(self.refund_basis)

    def behind(self, **member: object) -> pl.LazyFrame:
        """One row per row of a fact behind a member in the window (behind the whole, without one).

        The columns of ITEM, the KPI's measures as the row adds them, and `records`: stream and external_id of the raw
        records that it was made from. Nothing is read before this is called. ValueError for a key that the KPI cannot
        be read by.
        """
        kpi = self.explanation.kpi
        facts = facts_of(self.tenant.tenant_id)
        items = itemized(facts, self.refund_basis)
        of_state(items, [kpi.name], list(member))
        adds = pl.any_horizontal(pl.col(kpi.measures).fill_null(0) != 0)
        is_member = [pl.col(key).eq_missing(pl.lit(value)) for key, value in member.items()]
        rows = dated(items, member).filter(self.explanation.window.filter(), adds, *is_member)
        return _traced(rows.select(*ITEM, *kpi.measures), facts, self.tenant)


def explain(
    kpi: str,
    tenant: str,
    window: Window | None = None,
    baseline: Window | None = None,
    by: Sequence[str] = (),
    basis: RefundBasis = "event",
) -> Explained:
    """A KPI of a window (the last seven complete days) against another (the days before it), by its members.

    ValueError for a KPI that there is not, and for one that means nothing by one of the keys, with the reason.
    """
    warehouse()
    settings = tenants.get(tenant)
    if window is None:
        window = kpis.trailing(7, kpis.last_complete_day(clock.now(settings), settings.timezone))
    state = state_of(tenant, basis, by)
    return Explained(settings, basis, taken_apart(state, kpi, window, baseline or window.previous(), by))


def state_of(tenant: str, basis: RefundBasis, by: Sequence[str] = ()) -> pl.LazyFrame:
    """The state to read a tenant's KPIs from, on that basis and by these keys: kpi_daily, where it will do."""
    stored = basis == "event" and set(by) <= set(DAILY)
    return load_table("kpis/kpi_daily", tenant, None).lazy() if stored else itemized(facts_of(tenant), basis)


class _Report(NamedTuple):
    """How a stream's payload tells which row of a fact it makes."""

    fact: str
    fields: Mapping[str, DataType]
    key: Mapping[str, pl.Expr]


def _struct(*names: str) -> pl.Struct:
    return pl.Struct(dict.fromkeys(names, pl.String))


def _texts(*names: str) -> Mapping[str, DataType]:
    return dict.fromkeys(names, pl.String)


def _campaign(source: str, campaign: pl.Expr, day: pl.Expr) -> Mapping[str, pl.Expr]:
    return {"campaign_id": pl.format(source + ":{}", campaign), "date": DAY.read(day)}


def _visits(group: pl.Expr, day: pl.Expr) -> Mapping[str, pl.Expr]:
    return {"channel_id": group_channel(group), "date": DAY.read(day)}


_REPORTS: Final[Mapping[str, _Report]] = {
    "meta/insights": _Report(
        "fact_spend",
        _texts("campaign_id", "date_start"),
        _campaign("meta", pl.col("campaign_id"), pl.col("date_start")),
    ),
    "google_ads/insights": _Report(
        "fact_spend",
        {"campaign": _struct("id"), "segments": _struct("date")},
        _campaign("google_ads", pl.col("campaign").struct["id"], pl.col("segments").struct["date"]),
    ),
    "file/spend": _Report(
        "fact_spend",
        _texts("campaign_id", "campaign_name", "channel", "source", "date"),
        _campaign("file", first_text("campaign_id", "campaign_name", "channel", "source"), pl.col("date")),
    ),
    "ga4/traffic": _Report(
        "fact_traffic",
        {"requestedDate": pl.String, "dimensions": _struct("date", "sessionDefaultChannelGroup")},
        _visits(
            pl.col("dimensions").struct["sessionDefaultChannelGroup"],
            pl.coalesce("requestedDate", pl.col("dimensions").struct["date"]),
        ),
    ),
    "file/traffic": _Report(
        "fact_traffic",
        _texts("channel_group", "channel", "date"),
        _visits(first_text("channel_group", "channel"), pl.col("date")),
    ),
}


def _traced(items: pl.LazyFrame, facts: Facts, tenant: Tenant) -> pl.LazyFrame:
    """The items with `records`."""
    record = pl.struct("stream", "external_id").sort_by("stream", "external_id").alias("records")
    parts = [
        items.filter(fact=fact).join(records.group_by(key).agg(record), on=key, how="left")
        for fact, (key, records) in _records(facts, tenant).items()
    ]
    return pl.concat(parts).sort(*ITEM)


def _records(facts: Facts, tenant: Tenant) -> dict[str, tuple[list[str], pl.LazyFrame]]:
    """Of each fact: its key, and the raw records of each row as the key, stream and external_id."""
    filed = file.lines(cast("LazyFrame[FileOrders]", _raw("file/orders", tenant)), tenant, clock.now(tenant))
    in_file = filed.filter(clean()).select(
        "external_id", "order_id", "line_id", "is_return", stream=pl.lit("file/orders")
    )
    sold = in_file.filter(~pl.col("is_return"))
    shop = facts.fact_orders.filter(source="shopify").select(
        "order_id", external_id="order_id", stream=pl.lit("shopify/orders")
    )
    returned = load_table("staging/stg_refunds", tenant.tenant_id, ["refund_line_id", "source", "order_id"]).lazy()
    refunds = returned.filter(source="shopify").select(
        "refund_line_id", external_id="order_id", stream=pl.lit("shopify/orders")
    )
    lines = facts.fact_order_lines.select("order_id", "line_id").join(shop, on="order_id")
    return {
        "fact_orders": (["order_id"], _stacked(shop, sold)),
        "fact_order_lines": (["order_id", "line_id"], _stacked(lines, sold)),
        "fact_refunds": (
            ["refund_line_id"],
            _stacked(refunds, in_file.filter("is_return").with_columns(refund_line_id="external_id")),
        ),
        "fact_spend": (["campaign_id", "date"], _reported("fact_spend", tenant)),
        "fact_traffic": (["channel_id", "date"], _reported("fact_traffic", tenant)),
    }


def _stacked(shop: pl.LazyFrame, filed: pl.LazyFrame) -> pl.LazyFrame:
    return pl.concat([shop, filed.select(shop.collect_schema().names())])


def _reported(fact: str, tenant: Tenant) -> pl.LazyFrame:
    streams = {stream: report for stream, report in _REPORTS.items() if report.fact == fact}
    return pl.concat(
        decoded(_raw(stream, tenant), report.fields).select("external_id", stream=pl.lit(stream), **report.key)
        for stream, report in streams.items()
    )


def _raw(stream: str, tenant: Tenant) -> pl.LazyFrame:
    return raw.scan_latest(warehouse(), tenant.tenant_id, f"raw.{stream.replace('/', '_')}")
