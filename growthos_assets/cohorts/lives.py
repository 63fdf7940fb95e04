"""Each customer's orders by age, which all tables of cohorts are made from: worked out once a run, stored nowhere."""

from datetime import datetime
from typing import Annotated

import polars as pl
from pandera.typing.polars import LazyFrame

import kpis.curves
import kpis.lives
from growthos_assets.marts.dim_product import DimProduct
from growthos_assets.marts.fact_order_lines import FactOrderLines
from growthos_assets.marts.fact_orders import FactOrders
from kpis.windows import last_complete_day
from warehouse.tenants import Tenant


def lives(
    fact_orders: LazyFrame[FactOrders], fact_order_lines: LazyFrame[FactOrderLines], tenant: Tenant, now: datetime
) -> pl.LazyFrame:
    """The customers' counted orders, each with its age and what its customer began with."""
    orders = fact_orders.filter("is_counted").select(
        "customer_id", "order_id", "order_date", "processed_at", "is_new_customer", "channel_id",
        "revenue_gross", "discounts", "revenue_net", "contribution_margin",
    )  # fmt: skip
    lived = kpis.lives.lives(orders, last_complete_day(now, tenant.timezone))
    return kpis.lives.with_cohorts(lived, fact_order_lines.filter("is_counted"))


def daily(lives: Annotated[pl.LazyFrame, lives]) -> pl.LazyFrame:
    """The curves of all cohorts, at every age at which something happens."""
    return kpis.curves.daily(lives)


def product_labels(dim_product: LazyFrame[DimProduct]) -> pl.LazyFrame:
    """product, label: what people call it. Variants of a product share its title, so the SKU is beside it."""
    return dim_product.filter(pl.col("title").is_not_null()).select(
        product="product_id", label=pl.concat_str("title", "sku", separator=" · ", ignore_nulls=True)
    )
