"""From the rows of the facts to the raw records that they were made from."""

from collections.abc import Mapping
from typing import Final, NamedTuple, cast

import polars as pl
from pandera.typing.polars import LazyFrame

from growthos_assets import clock
from growthos_assets.loading import load_table, warehouse
from growthos_assets.raw.file import FileOrders
from growthos_assets.staging import file
from growthos_assets.staging.channels import group_channel
from growthos_assets.staging.kinds import DAY
from growthos_assets.staging.parse import DataType, clean, decoded, first_text
from growthos_assets.staging.spend import file_campaign
from kpis.engine import CALENDAR, DIMENSIONS
from warehouse import versions
from warehouse.tenants import Tenant

ITEM: Final = ("fact", *(name for name in DIMENSIONS if name not in CALENDAR), "line_id", "refund_line_id")
"""What a row of any fact tells of itself."""


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
        _texts("account_id", "campaign_id", "campaign_name", "channel", "source", "date"),
        _campaign("file", file_campaign(), pl.col("date")),
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


def traced(items: pl.LazyFrame, facts: Facts, tenant: Tenant) -> pl.LazyFrame:
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
    return versions.scan_latest(warehouse(), tenant.tenant_id, f"raw.{stream.replace('/', '_')}")
