"""cohorts/cohort_curves: what each cohort's customers did until an age."""

from datetime import datetime
from typing import Annotated

import polars as pl
from pandera.typing.polars import LazyFrame

import kpis.curves
from growthos_assets.charts import value_curves
from growthos_assets.cohorts.audit import cohorts_hold_each_buyer_once
from growthos_assets.cohorts.lives import daily
from growthos_assets.marts.dim_customer import DimCustomer
from growthos_assets.table import Finding, check, table
from kpis.lives import COHORTINGS
from warehouse.contract import Money, Table, column
from warehouse.tenants import Tenant

_WHEN = ["fact_orders.customer_id", "fact_orders.order_date"]
_AGE = {"sources": _WHEN}
_COHORT = {
    "sources": [
        *_WHEN, "fact_orders.is_new_customer", "fact_orders.channel_id", "fact_orders.discounts",
        "fact_orders.revenue_gross", "fact_order_lines.product_id", "fact_order_lines.sku",
        "fact_order_lines.revenue_gross", "fact_order_lines.discounts",
    ]
}  # fmt: skip
_REVENUE = {"sources": [*_WHEN, "fact_orders.revenue_net"]}
_MARGIN = {"sources": [*_WHEN, "fact_orders.contribution_margin"]}


class CohortCurves(Table, name="cohorts.cohort_curves", key=("cohort_by", "cohort", "is_left_truncated", "age_days")):
    """One row per cohort and age: the sums of those of its customers who have reached that age, until that age.

    Sums, so that rows of any cohorts may be added before they are divided: retention is returned_customers ÷
    mature_customers, LTV is revenue_net ÷ mature_customers. Read rows that are readable, and leave the left-truncated
    ones out. Money is on the order basis: a refund lowers the order that it belongs to, at that order's age.
    """

    cohort_by: str = column(
        "What divides customers into cohorts; each is in exactly one cohort of each: " + ", ".join(COHORTINGS) + ".",
        isin=list(COHORTINGS),
    )
    cohort: str = column(
        "Month (YYYY-MM), or week (its Monday), of the first order; its channel, product or discount band; or `all`.",
        metadata=_COHORT,
    )
    is_left_truncated: bool = column(
        "Of customers first seen in the history's first month, who may have bought before it.", metadata=_AGE
    )
    age_days: int = column("Local days since each customer's first order.", ge=0, metadata=_AGE)
    cohort_size: int = column("All customers of the cohort.", gt=0, metadata=_AGE)
    mature_customers: int = column("Those who have reached that age; the sums are theirs.", gt=0, metadata=_AGE)
    returned_customers: int = column("Those with an order on a later day than the first.", ge=0, metadata=_AGE)
    repeat_customers: int = column("Those with a second order, be it on the first day.", ge=0, metadata=_AGE)
    orders: int = column("Their orders, the first one too.", gt=0, metadata=_AGE)
    revenue_net: Money = column("Their net revenue.", metadata=_REVENUE)
    contribution_margin: Money = column("Their contribution margin.", metadata=_MARGIN)
    mean_orders: float = column(
        "Mean cumulative function of orders: per customer, from all who were observed for a part of the time too. "
        "It does not add up over rows.",
        ge=1,
        metadata=_AGE,
    )
    mean_revenue_net: float = column("The same of net revenue.", metadata=_REVENUE)
    mean_contribution_margin: float = column("The same of contribution margin.", metadata=_MARGIN)
    is_readable: bool = column(
        "The whole cohort has reached that age; of a cohort that is no month or week, always.", metadata=_AGE
    )
    is_small: bool = column(
        f"Fewer than {kpis.curves.FEW} customers have reached that age: mostly chance.", metadata=_AGE
    )


@table(CohortCurves, show=value_curves)
def cohort_curves(daily: Annotated[pl.LazyFrame, daily]) -> pl.LazyFrame:
    return kpis.curves.curves(daily)


@check(CohortCurves)
def curves_hold_every_buyer(
    cohort_curves: LazyFrame[CohortCurves], dim_customer: LazyFrame[DimCustomer], tenant: Tenant, now: datetime
) -> Finding:
    """The cohorts of each cohorting add up to the customers who have bought up to the last complete day."""
    return cohorts_hold_each_buyer_once(cohort_curves.filter(age_days=0), dim_customer, tenant, now)


@check(CohortCurves)
def curves_are_possible(cohort_curves: LazyFrame[CohortCurves]) -> Finding:
    """Nobody is counted twice, whoever returned has repeated, and no mean of orders falls with age."""
    key = [name for name in CohortCurves.__spec__.key if name != "age_days"]
    falls = pl.col("mean_orders").diff().over(key, order_by="age_days") < -1e-9  # they are sums of fractions
    wrong = cohort_curves.filter(
        (pl.col("returned_customers") > pl.col("repeat_customers"))
        | (pl.col("repeat_customers") > pl.col("mature_customers"))
        | (pl.col("mature_customers") > pl.col("cohort_size"))
        | (pl.col("orders") < pl.col("mature_customers") + pl.col("repeat_customers"))
        | falls.fill_null(False)
    )
    return Finding.of(wrong.collect(), "ages of cohorts have impossible sums", ok="all sums are possible")
