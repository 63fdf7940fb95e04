"""cohorts/cohort_months: what each cohort's customers did in each calendar month of their lives."""

from datetime import datetime
from typing import Annotated

import polars as pl
from pandera.typing.polars import LazyFrame

import kpis.curves
from growthos_assets.cohorts.lives import lives
from growthos_assets.marts.dim_customer import DimCustomer
from growthos_assets.table import Finding, check, table
from kpis.lives import COHORTINGS
from kpis.windows import last_complete_day
from warehouse.contract import Money, Table, column
from warehouse.tenants import Tenant

_WHEN = ["fact_orders.customer_id", "fact_orders.order_date"]
_AGE = {"sources": _WHEN}


class CohortMonths(Table, name="cohorts.cohort_months", key=("cohort_by", "cohort", "is_left_truncated", "month")):
    """One row per cohort and calendar month of life: the sums in that month of those for whom it is over.

    Month 0 is that of each customer's first order. Retention by month is active_customers ÷ mature_customers. Cohorts,
    and what to read, are as in cohort_curves, which has sums until an age instead of in a month.
    """

    cohort_by: str = column("What divides customers into cohorts.", isin=list(COHORTINGS))
    cohort: str = column(
        "The cohort, as in cohort_curves.",
        metadata={
            "sources": [*_WHEN, "fact_orders.channel_id", "fact_orders.discounts", "fact_order_lines.product_id"]
        },
    )
    is_left_truncated: bool = column(
        "Of customers first seen in the history's first month, who may have bought before it.", metadata=_AGE
    )
    month: int = column("Calendar months since that of each customer's first order.", ge=0, metadata=_AGE)
    cohort_size: int = column("All customers of the cohort.", gt=0, metadata=_AGE)
    mature_customers: int = column("Those for whom that month is over; the sums are theirs.", gt=0, metadata=_AGE)
    active_customers: int = column("Those with an order in that month.", ge=0, metadata=_AGE)
    orders: int = column("Their orders in that month.", ge=0, metadata=_AGE)
    revenue_net: Money = column(
        "Net revenue of these orders, refunds to date taken off.",
        metadata={"sources": [*_WHEN, "fact_orders.revenue_net"]},
    )
    contribution_margin: Money = column(
        "Their contribution margin.", metadata={"sources": [*_WHEN, "fact_orders.contribution_margin"]}
    )
    is_readable: bool = column(
        "The month is over for the whole cohort; of a cohort that is no month or week, always.", metadata=_AGE
    )
    is_small: bool = column(f"It is over for fewer than {kpis.curves.FEW} customers: mostly chance.", metadata=_AGE)


@table(CohortMonths)
def cohort_months(lives: Annotated[pl.LazyFrame, lives]) -> pl.LazyFrame:
    return kpis.curves.months(lives)


@check(CohortMonths)
def months_hold_every_buyer_of_a_whole_month(
    cohort_months: LazyFrame[CohortMonths], dim_customer: LazyFrame[DimCustomer], tenant: Tenant, now: datetime
) -> Finding:
    """In month 0 each cohorting has all customers whose first month is over, and each of them has ordered."""
    last_day = last_complete_day(now, tenant.timezone)
    first = pl.col("first_order_date")
    expected = dim_customer.filter(first.dt.month_end() <= last_day).select(pl.len()).collect().item()
    begun = cohort_months.filter(month=0).group_by("cohort_by").agg(pl.sum("mature_customers", "active_customers"))
    wrong = begun.filter(pl.any_horizontal(pl.col("mature_customers", "active_customers") != expected)).collect()
    return Finding.of(
        wrong, f"cohortings do not begin with the {expected} customers", ok=f"every cohorting begins with {expected}"
    )


@check(CohortMonths)
def months_are_possible(cohort_months: LazyFrame[CohortMonths]) -> Finding:
    """No more customers are active than there are, or than orders."""
    wrong = cohort_months.filter(
        (pl.col("active_customers") > pl.col("mature_customers"))
        | (pl.col("mature_customers") > pl.col("cohort_size"))
        | (pl.col("active_customers") > pl.col("orders"))
    )
    return Finding.of(wrong.collect(), "months of cohorts have impossible sums", ok="all sums are possible")
