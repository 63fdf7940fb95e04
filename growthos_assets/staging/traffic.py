"""staging.stg_traffic: visits to the shop and how far they got."""

from datetime import datetime
from functools import partial

import polars as pl
from pandera.typing.polars import LazyFrame

from growthos_assets.raw.file import FileTraffic
from growthos_assets.raw.ga4 import Ga4Traffic
from growthos_assets.staging.arrival import arrived
from growthos_assets.staging.channels import group_channel
from growthos_assets.staging.kinds import COUNT, DAY, TEXT
from growthos_assets.staging.parse import day_after, decoded, first_text, note, parse, staged
from growthos_assets.table import Finding, check, table
from warehouse.contract import Table, column
from warehouse.tenants import Tenant

payload = partial(column, metadata={"sources": ["ga4_traffic.payload", "file_traffic.payload"]})


class StgTraffic(Table, name="staging.stg_traffic", key=("source", "date", "channel_group")):
    """One row per day and channel group of web analytics.

    The day is the analytics property's own. Steps after `sessions` count events, not visits.
    """

    source: str = column("Who counted.", isin=["ga4", "file"])
    date: pl.Date = payload("The property's local day.")
    channel_group: str = payload("GA4's default channel group, or the file's word for the channel.")
    channel_id: str = payload("Our channel for that group.")
    sessions: int = payload("Visits.", ge=0)
    pdp_views: int = payload("Views of a product page.", ge=0)
    add_to_cart: int = payload("Products put into a cart.", ge=0)
    checkouts: int = payload("Checkouts begun.", ge=0)
    purchases: int = payload("Purchases that the analytics saw.", ge=0)
    is_sampled: bool = payload("GA4 estimated the row from a sample.")
    is_thresholded: bool = payload("GA4 may have withheld rows to protect privacy.")


STEPS = {
    "sessions": "sessions",
    "pdp_views": "itemViewEvents",
    "add_to_cart": "addToCarts",
    "checkouts": "checkouts",
    "purchases": "ecommercePurchases",
}
"""Our steps and GA4's metrics."""

KINDS = {"date": DAY, "channel_group": TEXT, **dict.fromkeys(STEPS, COUNT)}


@table(StgTraffic)
def stg_traffic(
    ga4_traffic: LazyFrame[Ga4Traffic], file_traffic: LazyFrame[FileTraffic], tenant: Tenant, now: datetime
) -> pl.LazyFrame:
    """Both sources' days in one shape."""
    counted = pl.concat([_of_ga4(ga4_traffic), _of_file(file_traffic)], how="diagonal")
    mapped = note(counted, day_after(now, tenant)).with_columns(channel_id=group_channel(pl.col("channel_group")))
    return staged(mapped, StgTraffic)


def _of_ga4(raw: pl.LazyFrame) -> pl.LazyFrame:
    rows = decoded(
        raw,
        {
            "dimensions": pl.Struct({"date": pl.String, "sessionDefaultChannelGroup": pl.String}),
            "metrics": pl.Struct(dict.fromkeys(STEPS.values(), pl.String)),
            "samplingMetadatas": pl.List(pl.Struct({"samplesReadCount": pl.String})),
            "subjectToThresholding": pl.String,
        },
    ).select(
        source=pl.lit("ga4"),
        date=pl.col("dimensions").struct["date"],
        channel_group=pl.col("dimensions").struct["sessionDefaultChannelGroup"],
        **{step: pl.col("metrics").struct[metric] for step, metric in STEPS.items()},
        is_sampled=pl.col("samplingMetadatas").list.len().fill_null(0) > 0,
        is_thresholded=pl.col("subjectToThresholding").eq_missing(pl.lit("true")),
    )
    return parse(rows, KINDS, required=KINDS)


def _of_file(raw: pl.LazyFrame) -> pl.LazyFrame:
    """A file names its channel as channel or as channel_group; a step that it does not count is 0."""
    rows = decoded(raw, dict.fromkeys((*KINDS, "channel"), pl.String)).select(
        *(name for name in KINDS if name != "channel_group"),
        source=pl.lit("file"),
        channel_group=first_text("channel_group", "channel"),
        is_sampled=pl.lit(False),
        is_thresholded=pl.lit(False),
    )
    steps = [step for step in STEPS if step != "sessions"]
    required = ("date", "channel_group", "sessions")
    return parse(rows, KINDS, required=required, defaults=dict.fromkeys(steps, "0"))


@check(StgTraffic)
def traffic_not_empty(
    stg_traffic: LazyFrame[StgTraffic],
    ga4_traffic: LazyFrame[Ga4Traffic],
    file_traffic: LazyFrame[FileTraffic],
) -> Finding:
    """Where web analytics report, there is traffic."""
    return arrived(stg_traffic, [ga4_traffic, file_traffic], "no web analytics source is connected")
