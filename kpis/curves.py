"""Cohort curves: what cohorts of customers did by an age, or in a calendar month, of their lives.

Every amount enters a curve at its age, and leaves it when its customer is no longer observed: so a figure at an age is
of exactly the customers who have reached it, whether a cohort is looked at alone or pooled with others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

import polars as pl
from polars import col

from kpis.frame import Frame
from kpis.lives import COHORTINGS, Cohorting

KEY: Final = ("cohort_by", "cohort", "is_left_truncated")
AGES: Final = (0, 7, 14, 30, 60, 90, 120, 150, 180, 270, 365, 540, 730, 1095)
"""The ages in days at which a curve is kept."""
FEW: Final = 30
"""Fewer customers than these are mostly chance."""
PERIODS: Final = tuple(by.name for by in COHORTINGS.values() if by.period)

_SUMS: Final = ("orders", "revenue_net", "contribution_margin")
_COUNTS: Final = ("returned_customers", "repeat_customers")
_ENTERING: Final = ("customers", "active_customers", *_COUNTS, *_SUMS)
_MEANS: Final = tuple(f"mean_{name}" for name in _SUMS)


def daily(lives: Frame, cohortings: Iterable[Cohorting] = COHORTINGS.values()) -> pl.LazyFrame:
    """One row per cohort (KEY) and age_days: of AGES as far as a member has reached, and at which something happens.

    `lives` is what lives.lives() gives, with the columns that the cohortings look at. The columns are those of
    curves(), and observed_days: the age that all of the cohort have reached.
    """
    return pl.concat([_daily(lives.lazy(), by) for by in cohortings])


def curves(daily: Frame) -> pl.LazyFrame:
    """One row per cohort (KEY) and age_days of AGES, sorted: what its customers of that age did until then.

    - cohort_size, mature_customers (Int64): all of the cohort, and those observed up to that age. The measures are
      sums over the latter, so that sums of rows are right as well.
    - returned_customers, repeat_customers (Int64): with an order on a later day than the first; with a second order.
    - orders (Int64), revenue_net, contribution_margin (exact money): until that age, the first order's included.
    - mean_orders, mean_revenue_net, mean_contribution_margin (Float64): per customer, from those too who were observed
      for a part of that time: the mean cumulative function, Σ over the ages until then of what was added at an age ÷
      the customers observed at it. Unbiased if when customers came says nothing of how they buy. Rows of it do not add
      up. W. Nelson, Graphical analysis of system repair data, Journal of Quality Technology 20 (1988); with amounts:
      Recurrent Events Data Analysis, SIAM 2003.
    - is_readable: the whole cohort is that old; of a cohort that is no period, always. is_small: fewer than FEW are.
    """
    return (
        daily.lazy()
        .filter(col("age_days").is_in(AGES))
        .select(
            *KEY, "age_days", "cohort_size", "mature_customers", *_COUNTS, *_SUMS, *_MEANS, "is_readable", "is_small"
        )
        .sort(*KEY, "age_days")
    )


def months(lives: Frame, cohortings: Iterable[Cohorting] = COHORTINGS.values()) -> pl.LazyFrame:
    """One row per cohort (KEY) and calendar month of life, sorted: what happened in it. Month 0 is of the first order.

    cohort_size, mature_customers (those for whom that month is over; the measures are theirs), active_customers (with
    an order in it), orders, revenue_net, contribution_margin (Decimal); is_readable, is_small as in curves().
    """
    added = {f"{name}_added": name for name in ("active_customers", *_SUMS)}
    return (
        pl.concat([_stepped(lives.lazy(), by, "age_in_months", "observed_months") for by in cohortings])
        .drop(added.values())
        .rename(added)
        .select(
            *KEY, col("step").alias("month"), "cohort_size", "mature_customers", *added.values(),
            "is_readable", "is_small",
        )
        .sort(*KEY, "month")
    )  # fmt: skip


def acquired(
    lives: Frame, spend: Frame, last_day: date, cohortings: Iterable[Cohorting] = COHORTINGS.values()
) -> pl.LazyFrame:
    """One row per cohort (KEY) and the ad spend that it was acquired with; none where nobody can say.

    `spend` holds date, channel_id, spend. What was spent until the end of the history's first month acquired those who
    came in it, who are cohorts of their own. Of a cohort whose first customer came before any spend is known, only a
    part of what was spent on it is.
    """
    firsts = lives.lazy().filter(col("customers") == 1)
    began = firsts.select(col("first_day").min().dt.month_end().alias("began"))
    known = spend.lazy().filter(col("spend").is_not_null() & (col("date") <= last_day))
    dated = known.join(began, how="cross").with_columns((col("date") <= col("began")).alias("is_left_truncated"))
    late = firsts.join(known.select(col("date").min().alias("known_from")), how="cross")
    return pl.concat(
        dated.group_by(pl.lit(by.name).alias("cohort_by"), by.of_spend.alias("cohort"), "is_left_truncated")
        .agg(pl.sum("spend"))
        .join(
            late.group_by(by.of_customer.alias("cohort"), "is_left_truncated")
            .agg(col("first_day").min(), col("known_from").first())
            .filter(col("first_day") >= col("known_from")),
            on=["cohort", "is_left_truncated"],
            how="semi",
        )
        for by in cohortings
        if by.of_spend is not None
    )


def payback(daily: Frame, acquired: Frame) -> pl.LazyFrame:
    """One row per cohort (KEY) that has paid back what it was acquired with: payback_days (Int64).

    That is the first age at which its mean contribution margin per customer (curves()) has reached its spend ÷ its
    customers. The curve is read at ages that the whole of a period has reached, or FEW of any other cohort.
    """
    earned = (col("mean_contribution_margin") * col("cohort_size")).round(4)  # the last decimal of money: exact
    is_read = col("is_readable") & (col("cohort_by").is_in(PERIODS) | ~col("is_small"))
    return (
        daily.lazy()
        .join(acquired.lazy(), on=KEY)
        .filter(is_read & (col("spend") > 0) & (earned >= col("spend").cast(pl.Float64)))
        .group_by(KEY)
        .agg(col("age_days").min().alias("payback_days"))
    )


def _daily(lives: pl.LazyFrame, by: Cohorting) -> pl.LazyFrame:
    means = [
        (col(f"{name}_added").cast(pl.Float64) / col("mature_customers")).cum_sum().over(KEY).alias(f"mean_{name}")
        for name in _SUMS
    ]
    return (
        _stepped(lives, by, "age", "observed_days", AGES)
        .with_columns(means)
        .select(
            *KEY, col("step").alias("age_days"), "cohort_size", "mature_customers", *_COUNTS, *_SUMS, *_MEANS,
            "is_readable", "is_small", col("youngest").alias("observed_days"),
        )
    )  # fmt: skip


def _stepped(
    lives: pl.LazyFrame, by: Cohorting, at: str, until: str, ages: Sequence[int] | None = None
) -> pl.LazyFrame:
    """One row per cohort and step (an age `at` which something happens, or of `ages`), in order.

    For each of _ENTERING, what was added at that step, and under its own name the sum until then of those who are
    observed at it; the number of these is mature_customers.
    """
    members = lives.with_columns(pl.lit(by.name).alias("cohort_by"), by.of_customer.alias("cohort"))
    cohorts = members.group_by(KEY).agg(
        pl.sum("customers").alias("cohort_size"),
        col(until).min().cast(pl.Int64).alias("youngest"),
        col(until).max().alias("oldest"),
    )
    steps = cohorts.select(*KEY, pl.int_ranges(0, col("oldest") + 1, dtype=pl.Int32).alias("step")).explode(
        "step", empty_as_null=False
    )
    observed = members.filter(col(at) <= col(until))
    added = observed.group_by(*KEY, col(at).alias("step")).agg(pl.sum(*_ENTERING).name.suffix("_added"))
    gone = observed.group_by(*KEY, (col(until) + 1).alias("step")).agg(pl.sum(*_ENTERING).name.suffix("_gone"))
    within = [(col(f"{name}_added") - col(f"{name}_gone")).cum_sum().over(KEY).alias(name) for name in _ENTERING]
    return (
        pl.concat([steps if ages is None else steps.filter(col("step").is_in(ages)), added, gone], how="diagonal")
        .group_by(*KEY, "step")
        .agg(pl.all().sum())
        .sort(*KEY, "step")
        .with_columns(within)
        .rename({"customers": "mature_customers"})
        .filter(col("mature_customers") > 0)
        .join(cohorts.drop("oldest"), on=KEY, maintain_order="left")
        .with_columns(
            col("step").cast(pl.Int64),
            (col("mature_customers") == col("cohort_size") if by.period else pl.lit(True)).alias("is_readable"),
            (col("mature_customers") < FEW).alias("is_small"),
        )
    )
