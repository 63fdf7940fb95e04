"""marts/fact_traffic: how many came to the shop, and how far they got."""

from itertools import pairwise

import polars as pl
from pandera.typing.polars import LazyFrame

from growthos_assets.marts.audit import known, not_empty, reconciled
from growthos_assets.marts.dim_channel import DimChannel
from growthos_assets.staging.traffic import StgTraffic
from growthos_assets.table import Finding, check, table
from warehouse.contract import Table, column

STEPS = ("sessions", "pdp_views", "add_to_cart", "checkouts", "purchases")
"""The funnel, widest first."""
TOLD = {step: pl.col(step).is_not_null() for step in STEPS}
DOUBTS = ("is_sampled", "is_thresholded", "has_other")
"""What the analytics tool says against its own figures."""


class FactTraffic(Table, name="marts.fact_traffic", key=("date", "channel_id")):
    """One row per day and channel with traffic: the sum of the analytics tool's channel groups in it.

    Steps after `sessions` count events, not visits. One that not all of its groups tell is unknown: the others' sum
    would be divided by the visits of all.
    """

    date: pl.Date = column("The analytics property's local day.")
    channel_id: str = column("The channel.")
    sessions: int = column("Visits.", ge=0)
    pdp_views: int = column("Views of a product page; null where a file does not say.", nullable=True, ge=0)
    add_to_cart: int = column("Products put into a cart; null where a file does not say.", nullable=True, ge=0)
    checkouts: int = column("Checkouts begun; null where a file does not say.", nullable=True, ge=0)
    purchases: int = column("Purchases that the analytics saw; null where a file does not say.", nullable=True, ge=0)
    is_sampled: bool = column("Some of it is estimated from a sample.")
    is_thresholded: bool = column("Some of it may be withheld to protect privacy.")
    has_other: bool = column('Some of it may be summed up as "(other)".')
    is_settled: bool = column("The day's figures no longer change.")


@table(FactTraffic)
def fact_traffic(stg_traffic: LazyFrame[StgTraffic]) -> pl.LazyFrame:
    return stg_traffic.group_by("date", "channel_id").agg(
        *(pl.when(TOLD[step].all()).then(pl.col(step).sum()) for step in STEPS),
        pl.col(DOUBTS).any(),
        pl.col("is_settled").all(),
    )


@check(FactTraffic)
def fk_traffic_channel(fact_traffic: LazyFrame[FactTraffic], dim_channel: LazyFrame[DimChannel]) -> Finding:
    """All traffic is on one of the channels."""
    return known(fact_traffic, "channel_id", dim_channel)


@check(FactTraffic)
def traffic_not_empty(fact_traffic: LazyFrame[FactTraffic], stg_traffic: LazyFrame[StgTraffic]) -> Finding:
    """There is traffic, if any analytics source is connected."""
    return not_empty(fact_traffic, stg_traffic, skip="no web analytics source has sent any traffic")


@check(FactTraffic)
def traffic_reconciles_with_staging(
    fact_traffic: LazyFrame[FactTraffic], stg_traffic: LazyFrame[StgTraffic]
) -> Finding:
    """Every step of the funnel adds up to that of staging, on the days and channels of which all tell it."""
    whole = [pl.when(TOLD[step].all().over("date", "channel_id")).then(step).alias(step) for step in STEPS]
    totals = pl.sum(*STEPS)
    return reconciled(stg_traffic.select("date", "channel_id", *whole).select(totals), fact_traffic.select(totals))


@check(FactTraffic, severity="warn")
def funnel_nested(fact_traffic: LazyFrame[FactTraffic]) -> Finding:
    """No step of the funnel has more visits than the one before it."""
    grows = pl.any_horizontal(pl.col(after) > pl.col(before) for before, after in pairwise(STEPS))
    return Finding.of(
        fact_traffic.filter(grows).collect(),
        "days and channels have more visits in a step than before it: events may be counted, not sessions",
        ok="every step is within the one before",
    )


@check(FactTraffic, severity="warn")
def traffic_counted_once(stg_traffic: LazyFrame[StgTraffic]) -> Finding:
    """No day of a channel has traffic from two sources, which would both have counted the same visits."""
    sources = stg_traffic.group_by("date", "channel_id").agg(pl.col("source").unique().sort())
    twice = sources.filter(pl.col("source").list.len() > 1).collect()
    return Finding.of(
        twice,
        "days and channels are counted by two sources: disconnect one",
        ok="one source per day and channel",
    )
