"""Reading cohorts: one value by age or by month, without what is not known yet, and with of how many it is."""

from __future__ import annotations

from typing import Final, NamedTuple

import polars as pl
from polars import col

from kpis.curves import KEY, PERIODS
from kpis.frame import Frame
from kpis.kpi import Kpi
from kpis.registry import KPIS


class Value(NamedTuple):
    """What can be read of a cohort: until an age (of cohort_curves), or in a calendar month (of cohort_months).

    `mean` is the column of cohort_curves with its mean cumulative function.
    """

    name: str
    label: str
    by_age: Kpi
    by_month: Kpi | None = None
    mean: str | None = None


# One row per value, as the table it is.
# fmt: off
VALUES: Final[dict[str, Value]] = {value.name: value for value in (
    Value("retention", "Customers who ordered again", KPIS["retention_rate"], KPIS["retention_month"]),
    Value("repeat", "Customers with a second order", KPIS["repeat_rate"]),
    Value("revenue", "Net revenue per customer", KPIS["ltv_at_days"], KPIS["ltv_at_days"], "mean_revenue_net"),
    Value("margin", "Contribution margin per customer", KPIS["ltv_margin"], KPIS["ltv_margin"],
          "mean_contribution_margin"),
    Value("orders", "Orders per customer", KPIS["orders_per_customer"], KPIS["orders_per_customer"], "mean_orders"),
)}
# fmt: on


def shown(by: str) -> pl.Expr:
    """The cohorts that are read of one cohorting, and all customers.

    The left-truncated ones are a cohort like any other where cohorts are months or weeks, and left out elsewhere.
    """
    one = (col("cohort_by") == by) & (pl.lit(by in PERIODS) | ~col("is_left_truncated"))
    pooled = (col("cohort_by") == "all") & ~col("is_left_truncated")
    return one | pooled


def by_age(curves: Frame, value: Value, by: str) -> pl.LazyFrame:
    """One row per cohort that is shown, and age in days: see _cells. `curves` is cohort_curves."""
    mean = pl.lit(None, pl.Float64) if value.mean is None else col(value.mean)
    return _cells(curves, value.by_age, by, "age_days", mean)


def by_month(months: Frame, value: Value, by: str) -> pl.LazyFrame:
    """One row per cohort that is shown, and month: see _cells. `months` is cohort_months.

    Raises ValueError for a value that is not counted by month.
    """
    if value.by_month is None:
        names = ", ".join(other.name for other in VALUES.values() if other.by_month)
        raise ValueError(f"{value.name} is not counted by calendar month; read {names}, or leave out the months")
    return _cells(months, value.by_month, by, "month", pl.lit(None, pl.Float64))


def _cells(frame: Frame, kpi: Kpi, by: str, step: str, mean: pl.Expr) -> pl.LazyFrame:
    """cohort_by, cohort, is_left_truncated, step, value, mean, mature_customers, is_small; sorted.

    value is null where the cohort cannot be read yet. A share of customers begins after step 0, where it says nothing.
    """
    return (
        frame.lazy()
        .filter(shown(by), col(step) >= (1 if kpi.unit == "percent" else 0))
        .select(
            *KEY,
            col(step).alias("step"),
            pl.when("is_readable").then(kpi.expr().cast(pl.Float64)).alias("value"),
            mean.alias("mean"),
            "mature_customers",
            "is_small",
        )
        .sort(*KEY, "step")
    )
