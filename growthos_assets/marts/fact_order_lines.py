"""marts/fact_order_lines: what was sold, line by line, and what it cost."""

import polars as pl
from pandera.typing.polars import LazyFrame

from growthos_assets.marts.attribution import CAMPAIGN, NEW_CUSTOMER, attributed
from growthos_assets.marts.audit import known
from growthos_assets.marts.dim_campaign import DimCampaign
from growthos_assets.marts.dim_product import DimProduct
from growthos_assets.marts.money import estimated_cost, share
from growthos_assets.staging.order_lines import StgOrderLines
from growthos_assets.staging.orders import StgOrders
from growthos_assets.table import Finding, check, table
from warehouse.contract import Money, Table, column, polars_schema
from warehouse.tenants import Tenant

_NET = {"sources": ["stg_order_lines.revenue_gross", "stg_order_lines.discounts"]}
_COGS = {
    "sources": [
        "dim_product.unit_cost",
        "stg_order_lines.quantity",
        "stg_order_lines.category",
        *_NET["sources"],
    ]
}


class FactOrderLines(Table, name="marts.fact_order_lines", key=("order_id", "line_id")):
    """One row per line of an order, as it was sold; what came back is in fact_refunds.

    Money is rounded here and in fact_refunds only; every coarser number is a sum of these, so all agree.
    Gift cards are kept and flagged but never counted: selling one is a liability, not revenue.
    """

    order_id: str = column("The order.")
    line_id: str = column("The line within the order.")
    order_date: pl.Date = column(
        "Business day in the tenant's time zone on which the line was ordered: with its order, or by the edit or "
        "exchange that added it."
    )
    customer_id: str = column("Who bought; null for a guest.", nullable=True)
    channel_id: str = column("The order's channel.")
    campaign_id: str = column("The order's campaign.", metadata=CAMPAIGN)
    is_new_customer_order: bool = column("The order is its customer's first.", metadata=NEW_CUSTOMER)
    product_id: str = column("The product, where the source names one.", nullable=True)
    sku: str = column("The brand's own code.", nullable=True)
    title: str = column("What the shop called it when it was sold.", nullable=True)
    category: str = column(
        "Lower-cased product type, of the line or else of its product.",
        nullable=True,
        metadata={"sources": ["stg_order_lines.category", "dim_product.category"]},
    )
    quantity: int = column("Units.", ge=0)
    unit_price: Money = column("Price of one unit before discounts, without tax.", ge=0)
    revenue_gross: Money = column("quantity × unit_price.", ge=0)
    discounts: Money = column("The line's share of every discount.", ge=0)
    cogs: Money = column(
        "Cost of the goods: unit cost × quantity, or (gross − discounts) × (1 − the category's margin).",
        ge=0,
        metadata=_COGS,
    )
    cogs_source: str = column(
        "Which of the two it was.",
        isin=["unit_cost", "category_margin"],
        metadata=_COGS,
    )
    shipping_cost: Money = column(
        "Cost of shipping: the tenant's rate × (gross − discounts).",
        ge=0,
        metadata=_NET,
    )
    ops_cost: Money = column(
        "Cost of fulfilment: the tenant's rate × (gross − discounts).",
        ge=0,
        metadata=_NET,
    )
    is_gift_card: bool = column("A gift card was sold.")
    is_counted: bool = column("Counts in measures: the order does, and it is no gift card.")


@table(FactOrderLines)
def fact_order_lines(
    stg_order_lines: LazyFrame[StgOrderLines],
    stg_orders: LazyFrame[StgOrders],
    dim_campaign: LazyFrame[DimCampaign],
    dim_product: LazyFrame[DimProduct],
    tenant: Tenant,
) -> pl.LazyFrame:
    orders = attributed(stg_orders, dim_campaign).select(
        "order_id",
        "customer_id",
        "channel_id",
        "campaign_id",
        "is_counted",
        is_new_customer_order="is_new_customer",
    )
    products = dim_product.select("product_id", "unit_cost", product_category="category")
    net = pl.col("revenue_gross") - pl.col("discounts")
    return (
        stg_order_lines.join(orders, on="order_id", how="left")
        .join(products, on="product_id", how="left")
        .with_columns(category=pl.coalesce("category", "product_category"))
        .with_columns(
            cogs=pl.coalesce(
                pl.col("unit_cost") * pl.col("quantity"),
                estimated_cost(net, pl.col("category"), tenant.category_margins),
            ),
            cogs_source=pl.when(pl.col("unit_cost").is_null())
            .then(pl.lit("category_margin"))
            .otherwise(pl.lit("unit_cost")),
            shipping_cost=share(net, tenant.shipping_rate),
            ops_cost=share(net, tenant.ops_rate),
            is_counted=pl.col("is_counted") & ~pl.col("is_gift_card"),
        )
        .select(polars_schema(FactOrderLines).names())
    )


@check(FactOrderLines, severity="warn")
def fk_lines_product(fact_order_lines: LazyFrame[FactOrderLines], dim_product: LazyFrame[DimProduct]) -> Finding:
    """Every product that a line names is in dim_product; the cost of an unknown one is estimated."""
    return known(fact_order_lines, "product_id", dim_product)
