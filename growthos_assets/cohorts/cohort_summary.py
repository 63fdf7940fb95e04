"""cohorts/cohort_summary: what each cohort cost and brought, in one row."""

from datetime import datetime
from typing import Annotated

import polars as pl
from pandera.typing.polars import LazyFrame

import kpis.cohorts
import kpis.curves
from growthos_assets.cohorts.audit import cohorts_hold_each_buyer_once
from growthos_assets.cohorts.cohorts import Cohorts
from growthos_assets.cohorts.lives import daily, lives, product_labels
from growthos_assets.marts.dim_customer import DimCustomer
from growthos_assets.marts.dim_product import DimProduct
from growthos_assets.marts.fact_spend import FactSpend
from growthos_assets.table import Finding, check, table
from kpis.lives import COHORTINGS
from kpis.windows import last_complete_day
from warehouse.contract import Money, Table, column
from warehouse.tenants import Tenant

_WHEN = ["fact_orders.customer_id", "fact_orders.order_date"]
_AGE = {"sources": _WHEN}
_REVENUE = {"sources": [*_WHEN, "fact_orders.revenue_net"]}
_MARGIN = {"sources": [*_WHEN, "fact_orders.contribution_margin"]}
_SPENT = ["fact_spend.date", "fact_spend.channel_id", "fact_spend.spend"]


class CohortSummary(Table, name="cohorts.cohort_summary", key=("cohort_by", "cohort", "is_left_truncated")):
    """One row per cohort of every kind: the columns of cohorts, with contribution margin, and of how many each is.

    A month or a week has a figure once all of it has that age. Another cohort goes on growing: its figures are of its
    customers who have that age, whose number is mature_…. Fewer than 30 are mostly chance. By product, this tells which
    first purchase makes customers who come back; by channel, which one pays back.
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
    label: str = column(
        "What people call the cohort: of a product its title and SKU.",
        metadata={"sources": [*_WHEN, "dim_product.title", "dim_product.sku"]},
    )
    cohort_size: int = column("Customers.", gt=0, metadata=_AGE)
    observed_days: int = column("Age in days that all of them have reached.", ge=0, metadata=_AGE)
    spend: Money = column(
        "Ad spend that acquired it: of its month or week, of its channel, or all; null where nobody can say.",
        nullable=True,
        metadata={"sources": _SPENT},
    )
    avg_cac: float = column(
        "Spend per customer; null without spend.", nullable=True, metadata={"sources": [*_WHEN, *_SPENT]}
    )
    payback_days: int = column(
        "First age at which the mean contribution margin per customer has reached avg_cac; null while it has not.",
        nullable=True,
        ge=0,
        metadata={"sources": [*_MARGIN["sources"], *_SPENT]},
    )
    d7_retention: float = column(
        "Share with another order on a later day, within 7.", nullable=True, ge=0, le=1, metadata=_AGE
    )
    d30_retention: float = column("The same within 30 days.", nullable=True, ge=0, le=1, metadata=_AGE)
    d60_retention: float = column("The same within 60 days.", nullable=True, ge=0, le=1, metadata=_AGE)
    d90_retention: float = column("The same within 90 days.", nullable=True, ge=0, le=1, metadata=_AGE)
    ltv30: float = column(
        "Net revenue within 30 days of the first order, per customer.", nullable=True, metadata=_REVENUE
    )
    ltv90: float = column("The same within 90 days.", nullable=True, metadata=_REVENUE)
    ltv180: float = column("The same within 180 days.", nullable=True, metadata=_REVENUE)
    margin30: float = column(
        "Contribution margin within 30 days of the first order, per customer.", nullable=True, metadata=_MARGIN
    )
    margin90: float = column("The same within 90 days.", nullable=True, metadata=_MARGIN)
    margin180: float = column("The same within 180 days.", nullable=True, metadata=_MARGIN)
    mature_7: int = column("Customers of at least 7 days of age.", ge=0, metadata=_AGE)
    mature_30: int = column("The same of 30 days.", ge=0, metadata=_AGE)
    mature_60: int = column("The same of 60 days.", ge=0, metadata=_AGE)
    mature_90: int = column("The same of 90 days.", ge=0, metadata=_AGE)
    mature_180: int = column("The same of 180 days.", ge=0, metadata=_AGE)


@table(CohortSummary)
def cohort_summary(
    daily: Annotated[pl.LazyFrame, daily],
    lives: Annotated[pl.LazyFrame, lives],
    fact_spend: LazyFrame[FactSpend],
    dim_product: LazyFrame[DimProduct],
    tenant: Tenant,
    now: datetime,
) -> pl.LazyFrame:
    spend = kpis.curves.acquired(lives, fact_spend, last_complete_day(now, tenant.timezone))
    labels = product_labels(dim_product).select(pl.lit("product").alias("cohort_by"), "label", cohort="product")
    return (
        kpis.cohorts.summary(daily, spend)
        .join(labels, on=["cohort_by", "cohort"], how="left")
        .with_columns(pl.coalesce("label", "cohort"))
    )


@check(CohortSummary)
def summary_holds_every_buyer(
    cohort_summary: LazyFrame[CohortSummary], dim_customer: LazyFrame[DimCustomer], tenant: Tenant, now: datetime
) -> Finding:
    """The cohorts of each cohorting add up to the customers who have bought up to the last complete day."""
    return cohorts_hold_each_buyer_once(cohort_summary, dim_customer, tenant, now)


@check(CohortSummary)
def months_are_those_of_cohorts(cohort_summary: LazyFrame[CohortSummary], cohorts: LazyFrame[Cohorts]) -> Finding:
    """By month, every figure is that of the table cohorts."""
    of_cohorts = cohorts.rename({"cohort_month": "cohort"}).collect()
    here = cohort_summary.filter(cohort_by="month").select(of_cohorts.columns).collect()
    apart = of_cohorts.join(here, on=of_cohorts.columns, how="anti", nulls_equal=True)
    return Finding.of(apart, "months differ from the table cohorts", ok="all months are those of the table cohorts")
