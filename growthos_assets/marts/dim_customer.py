"""marts/dim_customer: who buys, since when, and how they were won."""

import polars as pl
from pandera.typing.polars import LazyFrame

from growthos_assets.marts.fact_orders import FactOrders
from growthos_assets.staging.customers import StgCustomers
from growthos_assets.table import Finding, check, table
from warehouse.contract import Money, Table, column, polars_schema


class DimCustomer(Table, name="marts.dim_customer", key=("customer_id",)):
    """One row per customer; one without a counted order has no first order and belongs to no cohort."""

    customer_id: str = column("The shop's id, or one made from the hashed e-mail address.")
    first_order_id: str = column(
        "The first counted order.", nullable=True, metadata={"sources": ["fact_orders.order_id"]}
    )
    first_order_date: pl.Date = column(
        "Business day of the first counted order.",
        nullable=True,
        metadata={"sources": ["fact_orders.order_date"]},
    )
    acquisition_channel: str = column(
        "Channel of the first counted order.", nullable=True, metadata={"sources": ["fact_orders.channel_id"]}
    )
    region: str = column("Where the customer lives, as far as the shop knows.", nullable=True)
    email_hash: str = column("The e-mail address, hashed with the tenant's key.", nullable=True)
    cohort_month: str = column(
        "Month of the first counted order, YYYY-MM.",
        nullable=True,
        str_matches=r"^\d{4}-\d{2}$",
        metadata={"sources": ["fact_orders.order_date"]},
    )
    total_orders: int = column("Counted orders.", ge=0, metadata={"sources": ["fact_orders.order_id"]})
    total_revenue: Money = column(
        "Net revenue of the counted orders, refunds taken off.",
        metadata={"sources": ["fact_orders.revenue_net"]},
    )


@table(DimCustomer)
def dim_customer(stg_customers: LazyFrame[StgCustomers], fact_orders: LazyFrame[FactOrders]) -> pl.LazyFrame:
    counted = fact_orders.filter("is_counted")
    firsts = counted.filter("is_new_customer").select(
        "customer_id",
        first_order_id="order_id",
        first_order_date="order_date",
        acquisition_channel="channel_id",
        cohort_month=pl.col("order_date").dt.strftime("%Y-%m"),
    )
    totals = counted.group_by("customer_id").agg(
        total_orders=pl.len().cast(pl.Int64), total_revenue=pl.sum("revenue_net")
    )
    return (
        stg_customers.join(firsts, on="customer_id", how="left")
        .join(totals, on="customer_id", how="left")
        .with_columns(pl.col("total_orders", "total_revenue").fill_null(0))
        .select(polars_schema(DimCustomer).names())
    )


@check(DimCustomer)
def new_customers_once(dim_customer: LazyFrame[DimCustomer], fact_orders: LazyFrame[FactOrders]) -> Finding:
    """A customer with a counted order has exactly one new-customer order, and one without has none."""
    news = fact_orders.filter("is_new_customer").group_by("customer_id").agg(new_orders=pl.len())
    wrong = (
        dim_customer.join(news, on="customer_id", how="full", coalesce=True)
        .filter(pl.col("new_orders").fill_null(0) != (pl.col("total_orders").fill_null(0) > 0).cast(pl.UInt32))
        .collect()
    )
    return Finding.of(wrong, "customers are not new exactly once", ok="every buyer is new exactly once")
