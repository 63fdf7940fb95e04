"""marts/fact_refunds: what came back, on the day it came back."""

import polars as pl
from pandera.typing.polars import LazyFrame

from growthos_assets.marts.attribution import CAMPAIGN, NEW_CUSTOMER, attributed
from growthos_assets.marts.audit import known, reconciled
from growthos_assets.marts.dim_campaign import NO_CAMPAIGN, DimCampaign
from growthos_assets.marts.dim_channel import DimChannel
from growthos_assets.marts.dim_product import DimProduct
from growthos_assets.marts.fact_order_lines import FactOrderLines
from growthos_assets.marts.money import estimated_cost, prorated, share
from growthos_assets.staging.orders import StgOrders
from growthos_assets.staging.refunds import StgRefunds
from growthos_assets.table import Finding, check, table
from warehouse.contract import Money, Table, column, polars_schema
from warehouse.tenants import Tenant


class FactRefunds(Table, name="marts.fact_refunds", key=("refund_line_id",)):
    """One row per refunded line or refund adjustment, dated when it happened.

    Each cost here was booked when the goods were sold and is taken back with the refund.
    A return that names no order is kept: it lowers the revenue of channel `other`.
    """

    refund_line_id: str = column("The refunded line.")
    refund_id: str = column("The agreement or refund that it is part of.")
    refund_date: pl.Date = column("Business day of the refund in the tenant's time zone.")
    order_id: str = column("The order that it refunds; null when it names none.", nullable=True)
    line_id: str = column("The order's line that it refunds.", nullable=True)
    customer_id: str = column("Whose order it was; null for a guest.", nullable=True)
    channel_id: str = column("The order's channel; `other` without an order.")
    campaign_id: str = column(
        'The order\'s campaign; "(none)" without an order.',
        metadata=CAMPAIGN,
    )
    product_id: str = column("The product that came back.", nullable=True)
    sku: str = column("The brand's own code.", nullable=True)
    title: str = column("What the shop called it.", nullable=True)
    category: str = column(
        "Lower-cased product type, of the refund or else of the line or the product.",
        nullable=True,
        metadata={"sources": ["stg_refunds.category", "fact_order_lines.category", "dim_product.category"]},
    )
    kind: str = column("Goods that came back, or a correction of the amount.", isin=["return", "adjustment"])
    quantity: int = column("Units that came back.", ge=0)
    refunds: Money = column(
        "Revenue given back, without tax and shipping; negative when a correction is in the shop's favour.",
        metadata={"sources": ["stg_refunds.amount"]},
    )
    cogs: Money = column(
        "Cost of restocked goods: the same per unit as on the order's line; without a line the product's "
        "unit cost, or else refunds × (1 − the category's margin).",
        ge=0,
        metadata={
            "sources": [
                "fact_order_lines.cogs",
                "fact_order_lines.quantity",
                "dim_product.unit_cost",
                "stg_refunds.quantity",
                "stg_refunds.amount",
                "stg_refunds.is_restocked",
            ]
        },
    )
    shipping_cost: Money = column("The tenant's rate × refunds.", metadata={"sources": ["stg_refunds.amount"]})
    ops_cost: Money = column("The tenant's rate × refunds.", metadata={"sources": ["stg_refunds.amount"]})
    is_restocked: bool = column("The units can be sold again.")
    is_gift_card: bool = column("The line refunded was a gift card.")
    is_new_customer_order: bool = column(
        "The order was its customer's first.",
        metadata=NEW_CUSTOMER,
    )
    is_counted: bool = column("Counts in measures: its order does, and it is no gift card.")


@table(FactRefunds)
def fact_refunds(
    stg_refunds: LazyFrame[StgRefunds],
    stg_orders: LazyFrame[StgOrders],
    fact_order_lines: LazyFrame[FactOrderLines],
    dim_campaign: LazyFrame[DimCampaign],
    dim_product: LazyFrame[DimProduct],
    tenant: Tenant,
) -> pl.LazyFrame:
    orders = attributed(stg_orders, dim_campaign).select(
        "order_id", "channel_id", "campaign_id", is_new_customer_order="is_new_customer"
    )
    lines = fact_order_lines.select(
        "order_id",
        "line_id",
        "is_gift_card",
        sold="quantity",
        sold_cogs="cogs",
        sold_category="category",
    )
    products = dim_product.select("product_id", "unit_cost", product_category="category")
    amount = pl.col("amount")
    return (
        stg_refunds.join(orders, on="order_id", how="left")
        .join(lines, on=["order_id", "line_id"], how="left")
        .join(products, on="product_id", how="left")
        .with_columns(
            pl.col("channel_id").fill_null("other"),
            pl.col("campaign_id").fill_null(NO_CAMPAIGN),
            pl.col("is_gift_card", "is_new_customer_order").fill_null(False),
            category=pl.coalesce("category", "sold_category", "product_category"),
        )
        .with_columns(
            refunds=amount,
            cogs=pl.when("is_restocked")
            .then(
                pl.coalesce(
                    prorated(pl.col("sold_cogs"), pl.col("quantity"), of=pl.col("sold")),
                    pl.col("unit_cost") * pl.col("quantity"),
                    estimated_cost(amount, pl.col("category"), tenant.category_margins),
                )
            )
            .otherwise(pl.lit(0)),
            shipping_cost=share(amount, tenant.shipping_rate),
            ops_cost=share(amount, tenant.ops_rate),
        )
        .select(polars_schema(FactRefunds).names())
    )


@check(FactRefunds)
def fk_refunds_channel(fact_refunds: LazyFrame[FactRefunds], dim_channel: LazyFrame[DimChannel]) -> Finding:
    """Every refund's channel is one of the channels."""
    return known(fact_refunds, "channel_id", dim_channel)


@check(FactRefunds)
def refunds_reconcile_with_staging(fact_refunds: LazyFrame[FactRefunds], stg_refunds: LazyFrame[StgRefunds]) -> Finding:
    """Every refund of staging is here with its full amount, gift cards and uncounted orders included."""
    return reconciled(stg_refunds.select(refunds=pl.sum("amount")), fact_refunds.select(pl.sum("refunds")))
