"""Monthly acquisition cohorts: who came back, what they are worth, when they paid for themselves."""

from __future__ import annotations

from datetime import date
from typing import Final, NamedTuple

import polars as pl

RETENTION_DAYS: Final = (7, 30, 60, 90)
LTV_DAYS: Final = (30, 90, 180)

Frame = pl.DataFrame | pl.LazyFrame


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
    aged = _aged(orders.lazy(), last_day)
    age = pl.col("age")
    members = aged.group_by("cohort_month").agg(
        pl.col("customer_id").n_unique().cast(pl.Int64).alias("cohort_size"),
        (pl.lit(last_day) - pl.col("first_day").max()).dt.total_days().alias("observed_days"),
        *(
            pl.col("customer_id").filter(age.is_between(1, n)).n_unique().alias(f"d{n}_retention")
            for n in RETENTION_DAYS
        ),
        *(pl.col("revenue_net").filter(age <= n).sum().alias(f"ltv{n}") for n in LTV_DAYS),
    )
    month_spend = _month_spend(spend.lazy(), last_day)
    return (
        members.join(month_spend, on="cohort_month", how="left")
        .join(_payback(aged, members, month_spend), on="cohort_month", how="left")
        .sort("cohort_month")
        .select(
            "cohort_month",
            "cohort_size",
            *(_mature(f"d{n}_retention", n) for n in RETENTION_DAYS),
            *(_mature(f"ltv{n}", n) for n in LTV_DAYS),
            _per_customer("spend").alias("avg_cac"),
            "payback_days",
            "observed_days",
            (pl.col("cohort_month") == pl.col("cohort_month").min()).alias("is_left_truncated"),
        )
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


def _aged(orders: pl.LazyFrame, last_day: date) -> pl.LazyFrame:
    """The customers' orders with cohort_month, first_day and age in days."""
    return (
        orders.filter(pl.col("customer_id").is_not_null() & (pl.col("order_date") <= last_day))
        .with_columns(pl.col("order_date").min().over("customer_id").alias("first_day"))
        .with_columns(
            _month("first_day").alias("cohort_month"),
            (pl.col("order_date") - pl.col("first_day")).dt.total_days().alias("age"),
        )
    )


def _month_spend(spend: pl.LazyFrame, last_day: date) -> pl.LazyFrame:
    return (
        spend.filter(pl.col("spend").is_not_null() & (pl.col("date") <= last_day))
        .group_by(_month("date").alias("cohort_month"))
        .agg(pl.col("spend").sum())
    )


def _payback(aged: pl.LazyFrame, members: pl.LazyFrame, month_spend: pl.LazyFrame) -> pl.LazyFrame:
    """cohort_month, payback_days, for the cohorts that have earned their spend back."""
    # Sum against sum, not per customer against CAC: the same comparison, and exact.
    earned = pl.col("contribution_margin").cum_sum().over("cohort_month", order_by="age")
    return (
        aged.join(members.select("cohort_month", "observed_days"), on="cohort_month")
        .filter(pl.col("age") <= pl.col("observed_days"))
        .group_by("cohort_month", "age")
        .agg(pl.col("contribution_margin").sum())
        .join(month_spend, on="cohort_month")
        .filter((pl.col("spend") > 0) & (earned >= pl.col("spend")))
        .group_by("cohort_month")
        .agg(pl.col("age").min().alias("payback_days"))
    )


def _mature(total: str, days: int) -> pl.Expr:
    return pl.when(pl.col("observed_days") >= days).then(_per_customer(total)).alias(total)


def _per_customer(total: str) -> pl.Expr:
    return pl.col(total).cast(pl.Float64) / pl.col("cohort_size")


def _month(day: str) -> pl.Expr:
    return pl.col(day).dt.strftime("%Y-%m")
