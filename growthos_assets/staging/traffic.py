"""staging.stg_traffic: visits to the shop and how far they got."""

from datetime import datetime, timedelta
from functools import partial
from typing import Annotated
from zoneinfo import ZoneInfo

import polars as pl
from pandera.typing.polars import LazyFrame

from growthos_assets.raw.file import FileTraffic
from growthos_assets.raw.ga4 import Ga4Funnel, Ga4Traffic
from growthos_assets.staging.arrival import arrived, complete, height
from growthos_assets.staging.channels import group_channel
from growthos_assets.staging.kinds import COUNT, DAY, ID
from growthos_assets.staging.parse import clean, day_after, decoded, file_rows, first_text, note, parse, staged
from growthos_assets.table import Finding, Received, check, table
from warehouse.contract import Table, column
from warehouse.split import PROBLEMS
from warehouse.tenants import Tenant

payload = partial(column, metadata={"sources": ["ga4_traffic.payload", "file_traffic.payload"]})


class StgTraffic(Table, name="staging.stg_traffic", key=("source", "date", "channel_group")):
    """One row per day and channel group of web analytics.

    The day is the analytics property's own; of several properties it is the sum of theirs, so that somebody who visits
    two of them is two visits. Steps after `sessions` count events, not visits.
    """

    source: str = column("Who counted.", isin=["ga4", "file"])
    date: pl.Date = payload("The property's local day.")
    channel_group: str = payload("GA4's default channel group, or the file's word for the channel.")
    channel_id: str = payload("Our channel for that group.")
    sessions: int = payload("Visits.", ge=0)
    pdp_views: int = payload("Views of a product page; null where a file does not say.", nullable=True, ge=0)
    add_to_cart: int = payload("Products put into a cart; null where a file does not say.", nullable=True, ge=0)
    checkouts: int = payload("Checkouts begun; null where a file does not say.", nullable=True, ge=0)
    purchases: int = payload("Purchases that the analytics saw; null where a file does not say.", nullable=True, ge=0)
    is_sampled: bool = payload("GA4 estimated the row from a sample.")
    is_thresholded: bool = payload("GA4 may have withheld rows to protect privacy.")
    has_other: bool = payload('GA4 may have summed small rows up as "(other)".')
    is_settled: bool = payload("The day's figures no longer change: GA4's are three days old or older.")


STEPS = {
    "sessions": "sessions",
    "pdp_views": "itemViewEvents",
    "add_to_cart": "addToCarts",
    "checkouts": "checkouts",
    "purchases": "ecommercePurchases",
}
"""Our steps and GA4's metrics."""

DOUBTS = ("is_sampled", "is_thresholded", "has_other")

SETTLED_AFTER = timedelta(days=3)
"""Up to 72 hours later GA4 still takes in what devices kept while offline."""

TOLERATED = 0.05
"""Of a day's sessions: GA4 estimates each count for itself, so that parts and whole differ by a percent or two."""

KINDS = {"date": DAY, "channel_group": ID, **dict.fromkeys(STEPS, COUNT)}


def rows(ga4_traffic: LazyFrame[Ga4Traffic]) -> pl.LazyFrame:
    """One row per raw row of GA4, typed, with `_problems`."""
    told = decoded(
        ga4_traffic,
        {
            "requestedDate": pl.String,
            "dimensions": pl.Struct({"date": pl.String, "sessionDefaultChannelGroup": pl.String}),
            "metrics": pl.Struct(dict.fromkeys(STEPS.values(), pl.String)),
            "samplingMetadatas": pl.List(pl.Struct({"samplesReadCount": pl.String})),
            "subjectToThresholding": pl.String,
            "dataLossFromOtherRow": pl.String,
        },
    ).select(
        date=pl.coalesce("requestedDate", pl.col("dimensions").struct["date"]),
        channel_group=pl.col("dimensions").struct["sessionDefaultChannelGroup"],
        **{step: pl.col("metrics").struct[metric] for step, metric in STEPS.items()},
        is_sampled=pl.col("samplingMetadatas").list.len().fill_null(0) > 0,
        is_thresholded=pl.col("subjectToThresholding").eq_missing(pl.lit("true")),
        has_other=pl.col("dataLossFromOtherRow").eq_missing(pl.lit("true")),
    )
    return parse(told, KINDS, required=KINDS)


Rows = Annotated[pl.LazyFrame, rows]
"""GA4's rows as a transform's parameter."""


@table(StgTraffic)
def stg_traffic(ga4_rows: Rows, file_traffic: LazyFrame[FileTraffic], tenant: Tenant, now: datetime) -> pl.LazyFrame:
    """Both sources' days in one shape."""
    counted = pl.concat([_of_ga4(ga4_rows, now, tenant), _of_file(file_traffic)], how="diagonal")
    mapped = note(counted, day_after(now, tenant)).with_columns(channel_id=group_channel(pl.col("channel_group")))
    return staged(mapped, StgTraffic)


def _of_ga4(rows: pl.LazyFrame, now: datetime, tenant: Tenant) -> pl.LazyFrame:
    """GA4's rows are by property, source, medium and campaign too: a channel group's are added up.

    Properties do not know of each other: what several of them saw of one visit counts once in each.
    """
    alone = pl.when(~clean()).then("row").alias("row")  # what is wrong with a row stays its own
    summed = (
        rows.with_row_index("row")
        .group_by("date", "channel_group", PROBLEMS, alone, maintain_order=True)
        .agg(pl.sum(*STEPS), pl.any(*DOUBTS))
    )
    settled = now.astimezone(ZoneInfo(tenant.timezone)).date() - SETTLED_AFTER
    return summed.drop("row").with_columns(source=pl.lit("ga4"), is_settled=pl.col("date") <= settled)


def _of_file(raw: pl.LazyFrame) -> pl.LazyFrame:
    """A file names its channel as channel or as channel_group; a step that it does not count is unknown."""
    rows = file_rows(raw, (*KINDS, "channel")).select(
        PROBLEMS,
        *(name for name in KINDS if name != "channel_group"),
        source=pl.lit("file"),
        channel_group=first_text("channel_group", "channel"),
        is_settled=pl.lit(True),
        **dict.fromkeys(DOUBTS, pl.lit(False)),
    )
    return parse(rows, KINDS, required=("date", "channel_group", "sessions"))


@check(StgTraffic)
def traffic_not_empty(
    stg_traffic: LazyFrame[StgTraffic],
    ga4_traffic: LazyFrame[Ga4Traffic],
    file_traffic: LazyFrame[FileTraffic],
) -> Finding:
    """Where web analytics report, there is traffic."""
    return arrived(stg_traffic, [ga4_traffic, file_traffic], "no web analytics source is connected")


@check(StgTraffic)
def traffic_complete(
    stg_traffic: LazyFrame[StgTraffic],
    ga4_rows: Rows,
    quarantined: pl.LazyFrame,
    received: Received,
) -> Finding:
    """Every day and channel group that GA4 has readable rows of, and every other record, is here or in quarantine."""
    readable = ga4_rows.filter(clean())
    groups = readable.select("date", "channel_group").unique()
    alone = received[Ga4Traffic] - height(readable) + received[FileTraffic]
    return complete(alone + height(groups), stg_traffic, quarantined)


@check(StgTraffic)
def ga4_adds_up(stg_traffic: LazyFrame[StgTraffic], ga4_rows: Rows, quarantined: pl.LazyFrame) -> Finding:
    """Every step of GA4's funnel, over all of its rows, is the sum of the channel groups, here or in quarantine."""
    staged_rows = pl.concat([stg_traffic, quarantined], how="diagonal").filter(source="ga4")
    told, here = (frame.select(pl.sum(*STEPS)).collect() for frame in (ga4_rows, staged_rows))
    lost = (told - here).unpivot(variable_name="step", value_name="lost").filter(pl.col("lost") != 0)
    return Finding.of(lost, "steps of the funnel do not add up to GA4's own rows", ok="all of GA4's rows are in a sum")


@check(StgTraffic, severity="warn")
def ga4_tells_all_sessions(stg_traffic: LazyFrame[StgTraffic], ga4_funnel: LazyFrame[Ga4Funnel]) -> Finding:
    """The channels of a GA4 day have the sessions of the day as a whole, give or take 5 %."""
    totals = _totals(ga4_funnel).collect()
    if totals.is_empty():
        return Finding.skip("GA4 is not connected")
    told = stg_traffic.filter(source="ga4").group_by("date").agg(by_channel=pl.sum("sessions")).collect()
    days = totals.join(told, on="date", how="left").with_columns(pl.col("by_channel").fill_null(0))
    days = days.with_columns(withheld=pl.col("total") - pl.col("by_channel"))
    return Finding.of(
        days.filter(pl.col("withheld").abs() > TOLERATED * pl.col("total")).sort("date"),
        "days of GA4 have other sessions by channel than in total: it withheld some, or took some back",
        ok="the channels have each day's sessions",
    )


def _totals(raw: pl.LazyFrame) -> pl.LazyFrame:
    """Each day's sessions, over all properties."""
    rows = decoded(
        raw, {"dimensions": pl.Struct({"date": pl.String}), "metrics": pl.Struct({"sessions": pl.String})}
    ).select(date=pl.col("dimensions").struct["date"], total=pl.col("metrics").struct["sessions"])
    return parse(rows, {"date": DAY, "total": COUNT}).drop_nulls("date").group_by("date").agg(pl.sum("total"))
