"""Cohorts as people read them: who came back, what they are worth, when they paid for themselves."""

from __future__ import annotations

from datetime import date
from typing import Final, NamedTuple

import polars as pl
from polars import col

from kpis.curves import KEY, acquired, daily, payback
from kpis.frame import Frame
from kpis.lives import COHORTINGS, lives
from kpis.registry import KPIS

RETENTION_DAYS: Final = (7, 30, 60, 90)
LTV_DAYS: Final = (30, 90, 180)

_FIGURES: Final = (
    ("retention_rate", "d{}_retention", RETENTION_DAYS),
    ("ltv_at_days", "ltv{}", LTV_DAYS),
    ("ltv_margin", "margin{}", LTV_DAYS),
)
"""KPI, the column's name, and at which ages."""


def cohorts(orders: Frame, spend: Frame, last_day: date) -> pl.LazyFrame:
    """One row per cohort_month ('YYYY-MM'), the month of its customers' first counted order, in order.

    `orders` holds the counted orders: customer_id (null for a guest, who is in no cohort), order_date,
    revenue_net, contribution_margin. `spend` holds date, spend. Days after `last_day` are not looked at.

    - cohort_size (Int64): its customers.
    - observed_days (Int64): the age in complete days that its youngest customer so far has reached, and so
      all have. A later figure is null: d30_retention until observed_days is 30.
    - d7_…, d30_…, d60_…, d90_retention (Float64, fraction of 1): share with another order on a later day,
      at most n days after the first day. So how orders of the first day are ranked does not matter.
    - ltv30, ltv90, ltv180 (Float64, money): net revenue at most n days after the first day ÷ cohort_size.
    - avg_cac (Float64, money): spend of the calendar month so far ÷ cohort_size; null without spend.
    - payback_days (Int64): the first age at which the cohort's own contribution margin has earned back its
      month's spend; null while it has not, and when nothing was spent.
    - is_left_truncated: the first month of the history, whose "new" customers may be old ones.
    """
    by_month = [COHORTINGS["month"]]
    needed = orders.lazy().select("customer_id", "order_date", "revenue_net", "contribution_margin")
    lived = lives(needed, last_day).collect()  # what follows reads it, and the days, several times
    days = daily(lived, by_month).collect()
    return summary(days, acquired(lived, spend, last_day, by_month)).select(
        col("cohort").alias("cohort_month"),
        "cohort_size",
        *(f"d{n}_retention" for n in RETENTION_DAYS),
        *(f"ltv{n}" for n in LTV_DAYS),
        "avg_cac",
        "payback_days",
        "observed_days",
        "is_left_truncated",
    )


def summary(daily: Frame, acquired: Frame) -> pl.LazyFrame:
    """One row per cohort (curves.KEY), sorted, from what curves.daily() and curves.acquired() give.

    The columns of cohorts(), for any cohorting; spend (money); margin30, margin90, margin180 (Float64, money):
    contribution margin as ltv… is net revenue; mature_7, mature_30, mature_60, mature_90, mature_180 (Int64): of how
    many customers the figures at that age are. All of a period's, or else there is no figure; of another cohort those
    who are that old.
    """
    figures = [
        col(kpi).filter((col("age_days") == n) & col("is_readable")).first().alias(name.format(n))
        for kpi, name, ages in _FIGURES
        for n in ages
    ]
    ages = sorted({*RETENTION_DAYS, *LTV_DAYS})
    mature = [col("mature_customers").filter(col("age_days") == n).sum().alias(f"mature_{n}") for n in ages]
    daily = daily.lazy()
    return (
        daily.with_columns(KPIS[kpi].expr() for kpi, _, _ in _FIGURES)
        .group_by(KEY)
        .agg(pl.first("cohort_size", "observed_days"), *figures, *mature)
        .join(acquired.lazy(), on=KEY, how="left")
        .join(payback(daily, acquired), on=KEY, how="left")
        .with_columns((col("spend").cast(pl.Float64) / col("cohort_size")).alias("avg_cac"))
        .sort(KEY)
    )


class RetentionBaseline(NamedTuple):
    """The D30 retention of the newest mature cohort, and what to hold it against; None where unknown."""

    cohort_month: str | None
    current: float | None
    baseline: float | None


def baseline_retention(cohorts: Frame) -> RetentionBaseline:
    """D30 of the newest mature cohort against the mean of the older mature ones, weighted by their size.

    A left-truncated cohort is neither: its customers are not known to be new.
    """
    mature = (
        cohorts.lazy()
        .filter(pl.col("d30_retention").is_not_null() & ~pl.col("is_left_truncated"))
        .select("cohort_month", "cohort_size", "d30_retention")
        .sort("cohort_month", descending=True)
        .collect()
        .rows()
    )
    if not mature:
        return RetentionBaseline(None, None, None)
    (month, _, current), *older = mature
    customers = sum(size for _, size, _ in older)
    baseline = sum(size * rate for _, size, rate in older) / customers if customers else None
    return RetentionBaseline(month, current, baseline)
