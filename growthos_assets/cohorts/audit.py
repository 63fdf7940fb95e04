"""What the checks of the cohort tables share: who has bought, and that each of them is there once."""

from datetime import datetime

import polars as pl

from growthos_assets.table import Finding
from kpis.windows import last_complete_day
from warehouse.tenants import Tenant


def buyers(dim_customer: pl.LazyFrame, tenant: Tenant, now: datetime) -> int:
    """How many customers have their first order on a complete day."""
    return _buyers(dim_customer, tenant, now).select(pl.len()).collect().item()


def each_buyer_once(rows: pl.LazyFrame, dim_customer: pl.LazyFrame, tenant: Tenant, now: datetime) -> Finding:
    """Every customer who has bought up to the last complete day has exactly one row, and nobody else has."""
    bought = _buyers(dim_customer, tenant, now).select("customer_id", bought=True)
    apart = (
        rows.group_by("customer_id")
        .agg(rows=pl.len())
        .join(bought, on="customer_id", how="full", coalesce=True)
        .filter(pl.col("rows").ne_missing(1) | pl.col("bought").is_null())
        .collect()
    )
    return Finding.of(apart, "customers do not have exactly one row", ok="every buyer has one row")


def cohorts_hold_each_buyer_once(
    cohorts: pl.LazyFrame, dim_customer: pl.LazyFrame, tenant: Tenant, now: datetime
) -> Finding:
    """The cohorts of each cohorting add up to the customers who have bought up to the last complete day."""
    expected = buyers(dim_customer, tenant, now)
    members = cohorts.group_by("cohort_by").agg(customers=pl.sum("cohort_size"))
    return Finding.of(
        members.filter(pl.col("customers") != expected).collect(),
        f"cohortings do not hold the {expected} customers who have bought, each once",
        ok=f"every cohorting holds {expected} customers",
    )


def _buyers(dim_customer: pl.LazyFrame, tenant: Tenant, now: datetime) -> pl.LazyFrame:
    return dim_customer.filter(pl.col("first_order_date") <= last_complete_day(now, tenant.timezone))
