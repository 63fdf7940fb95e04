"""cohorts/cohorts: who came back, what they were worth, and when they had paid for themselves."""

from datetime import datetime
from itertools import pairwise

import polars as pl
from pandera.typing.polars import LazyFrame

import kpis.cohorts
from growthos_assets.charts import retention_heatmap
from growthos_assets.cohorts.audit import buyers
from growthos_assets.marts.dim_customer import DimCustomer
from growthos_assets.marts.fact_orders import FactOrders
from growthos_assets.marts.fact_spend import FactSpend
from growthos_assets.table import Finding, check, table
from kpis.windows import last_complete_day
from warehouse.contract import Table, column
from warehouse.tenants import Tenant

RETENTION = ("d7_retention", "d30_retention", "d60_retention", "d90_retention")

_RETURNED = {"sources": ["fact_orders.customer_id", "fact_orders.order_date"]}
_EARNED = {"sources": [*_RETURNED["sources"], "fact_orders.revenue_net"]}
_SPENT = {"sources": ["fact_spend.date", "fact_spend.spend"]}


class Cohorts(Table, name="cohorts.cohorts", key=("cohort_month",)):
    """One row per month in which customers placed their first order, up to the last complete day.

    A figure is null until the cohort's youngest customer has reached that age: a young cohort must not look
    like a bad one.
    """

    cohort_month: str = column(
        "Month of the first counted order, YYYY-MM.",
        str_matches=r"^\d{4}-\d{2}$",
        metadata={"sources": ["fact_orders.order_date"]},
    )
    cohort_size: int = column("Customers.", gt=0, metadata={"sources": ["fact_orders.customer_id"]})
    d7_retention: float = column(
        "Share with another order on a later day, within 7.", nullable=True, metadata=_RETURNED
    )
    d30_retention: float = column("The same within 30 days.", nullable=True, metadata=_RETURNED)
    d60_retention: float = column("The same within 60 days.", nullable=True, metadata=_RETURNED)
    d90_retention: float = column("The same within 90 days.", nullable=True, metadata=_RETURNED)
    ltv30: float = column(
        "Net revenue within 30 days of the first order, per customer.", nullable=True, metadata=_EARNED
    )
    ltv90: float = column("The same within 90 days.", nullable=True, metadata=_EARNED)
    ltv180: float = column("The same within 180 days.", nullable=True, metadata=_EARNED)
    avg_cac: float = column("Ad spend of the month per customer; null without spend.", nullable=True, metadata=_SPENT)
    payback_days: int = column(
        "Age at which its contribution margin had earned the month's ad spend; null while it has not.",
        nullable=True,
        ge=0,
        metadata={"sources": ["fact_orders.contribution_margin", *_SPENT["sources"]]},
    )
    observed_days: int = column(
        "Age in days that every customer of the cohort has reached.",
        ge=0,
        metadata={"sources": ["fact_orders.order_date"]},
    )
    is_left_truncated: bool = column(
        "The first month of the history, whose customers may have bought before it.",
        metadata={"sources": ["fact_orders.order_date"]},
    )


@table(Cohorts, show=retention_heatmap)
def cohorts(
    fact_orders: LazyFrame[FactOrders], fact_spend: LazyFrame[FactSpend], tenant: Tenant, now: datetime
) -> pl.LazyFrame:
    return kpis.cohorts.cohorts(fact_orders.filter("is_counted"), fact_spend, last_complete_day(now, tenant.timezone))


@check(Cohorts)
def cohorts_not_empty(
    cohorts: LazyFrame[Cohorts], dim_customer: LazyFrame[DimCustomer], tenant: Tenant, now: datetime
) -> Finding:
    """There is a cohort, if any identified customer has bought."""
    if not buyers(dim_customer, tenant, now):
        return Finding.skip("no identified customer has bought up to the last complete day")
    rows = cohorts.select(pl.len()).collect().item()
    return Finding(rows > 0, f"{rows} cohorts" if rows else "customers have bought, but there is no cohort")


@check(Cohorts)
def cohorts_hold_every_buyer(
    cohorts: LazyFrame[Cohorts], dim_customer: LazyFrame[DimCustomer], tenant: Tenant, now: datetime
) -> Finding:
    """Cohort sizes add up to the customers who have bought up to the last complete day."""
    bought = buyers(dim_customer, tenant, now)
    members = cohorts.select(pl.sum("cohort_size")).collect().item()
    return Finding(members == bought, f"{members} customers in cohorts, {bought} have bought")


@check(Cohorts)
def retention_in_order(cohorts: LazyFrame[Cohorts]) -> Finding:
    """Retention is a share, and never falls from 7 to 30 to 60 to 90 days."""
    shares = [pl.col(retention).is_between(0, 1) for retention in RETENTION]
    grows = [pl.col(early) <= pl.col(late) for early, late in pairwise(RETENTION)]
    wrong = cohorts.filter(~pl.all_horizontal(rule.fill_null(True) for rule in shares + grows))
    return Finding.of(wrong.collect(), "cohorts have impossible retention", ok="retention is between 0 and 1 and grows")
