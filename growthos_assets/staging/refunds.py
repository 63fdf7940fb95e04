"""staging.stg_refunds: what came back, on the day it came back."""

from datetime import datetime

import polars as pl
from pandera.typing.polars import LazyFrame

from growthos_assets.staging import file, shopify
from growthos_assets.staging.identity import customers_by_email, identified
from growthos_assets.staging.kinds import COUNT, SIGNED_AMOUNT, TEXT, instant, local_date
from growthos_assets.staging.order_lines import StgOrderLines
from growthos_assets.staging.orders import StgOrders, payload
from growthos_assets.staging.parse import later_than, note, parse, staged
from growthos_assets.table import table
from warehouse.contract import Instant, Money, Table, column
from warehouse.split import PROBLEMS
from warehouse.tenants import Tenant


class StgRefunds(Table, name="staging.stg_refunds", key=("refund_line_id",)):
    """One row per line of a refund, and per adjustment of one.

    Made from what was returned, never from payments: a payment back may be for shipping or tax. Refunded
    shipping was never revenue, so its adjustment is not here.
    """

    refund_line_id: str = payload("Shopify's gid, or the id of the file's row.")
    refund_id: str = payload("The refund that it is part of; of a file the order id of its row.")
    source: str = column("Who told of it.", isin=["shopify", "file"])
    order_id: str = payload("The order that it gives back; null when it names none that exists.", nullable=True)
    line_id: str = payload("The order line that it gives back, where it names one.", nullable=True)
    customer_id: str = payload("The order's customer, else who the row names.", nullable=True)
    refunded_at: Instant = payload("When it happened.")
    refund_date: pl.Date = payload("Its day in the tenant's time zone.")
    product_id: str = payload("Shopify variant gid, or the file's SKU.", nullable=True)
    sku: str = payload("The shop's own article number.", nullable=True)
    title: str = payload("What came back.", nullable=True)
    category: str = payload("Its lower-cased category.", nullable=True)
    quantity: int = payload("Units that came back; 0 for an adjustment.", ge=0)
    amount: Money = payload("Takes away from revenue, without tax; below 0 where the shop kept something back.")
    tax: Money = payload("Tax that went back with it.")
    is_restocked: bool = payload("The units can be sold again.")
    kind: str = column("Units that came back, or a difference settled in money.", isin=["return", "adjustment"])
    is_counted: bool = payload("Its order is neither test nor voided, and it is no gift card.")


RESTOCKED = ("RETURN", "CANCEL", "LEGACY_RESTOCK")
NOT_REVENUE = ("SHIPPING_REFUND",)
"""Adjustments that settle what was never revenue."""

KINDS = {
    "refund_line_id": TEXT,
    "refund_id": TEXT,
    "line_id": TEXT,
    "refunded_at": instant(),
    "quantity": COUNT,
    "amount": SIGNED_AMOUNT,
    "tax": SIGNED_AMOUNT,
}
REQUIRED = ("refund_line_id", "refund_id", "refunded_at", "quantity", "amount", "tax")
PRODUCT = ("product_id", "sku", "title", "category")


@table(StgRefunds)
def stg_refunds(
    decoded_orders: shopify.Orders,
    file_lines: file.Lines,
    stg_orders: LazyFrame[StgOrders],
    stg_order_lines: LazyFrame[StgOrderLines],
    tenant: Tenant,
    now: datetime,
) -> pl.LazyFrame:
    """Both sources' returns in one shape, tied to the order and the line that they give back."""
    returned = pl.concat(
        [
            _of_shopify(decoded_orders, now),
            identified(_of_file(file_lines), customers_by_email(stg_orders)),
        ],
        how="diagonal",
    )
    orders = stg_orders.select("order_id", "customer_id", "is_counted", exists=pl.lit(True))
    lines = stg_order_lines.select("order_id", "line_id", "product_id", "sku", "title", "category", "is_gift_card")
    same_product = pl.col("product_id").is_null() | (pl.col("product_id") == pl.col("product_id_sold"))
    is_line = (pl.col("is_gift_card").is_not_null() & same_product).fill_null(False)
    tied = (
        returned.join(orders, on="order_id", how="left", suffix="_of_order")
        .join(lines, on=("order_id", "line_id"), how="left", suffix="_sold")
        .with_columns(
            *(pl.coalesce(name, pl.when(is_line).then(f"{name}_sold")) for name in PRODUCT),
            order_id=pl.when("exists").then("order_id"),
            line_id=pl.when(is_line).then("line_id"),
            customer_id=pl.coalesce("customer_id_of_order", "customer_id"),
            refund_date=local_date(pl.col("refunded_at"), tenant.timezone),
            is_counted=pl.col("is_counted").fill_null(~pl.col("is_test")) & ~(is_line & pl.col("is_gift_card")),
        )
    )
    return staged(tied, StgRefunds)


def _of_shopify(orders: pl.LazyFrame, now: datetime) -> pl.LazyFrame:
    refund, line, adjustment = pl.col("refund"), pl.col("line"), pl.col("adjustment")
    refunds = (
        orders.select("order_id", "taxes_included", PROBLEMS, refund="refunds")
        .explode("refund", keep_nulls=False)
        .select(
            pl.exclude("refund"),
            refund_id=refund.struct["id"],
            refunded_at=refund.struct["createdAt"],
            line=refund.struct["refundLineItems"].struct["nodes"],
            adjustment=refund.struct["orderAdjustments"].struct["nodes"],
        )
    )
    line_id = line.struct["lineItem"].struct["id"]
    lines = refunds.explode("line", keep_nulls=False).select(
        pl.exclude("line", "adjustment"),
        refund_line_id=pl.coalesce(line.struct["id"], pl.concat_str("refund_id", line_id, separator="/")),
        line_id=line_id,
        quantity=line.struct["quantity"],
        amount=shopify.amount(line.struct["subtotalSet"]),
        tax=shopify.amount(line.struct["totalTaxSet"]),
        is_restocked=line.struct["restockType"].is_in(RESTOCKED).fill_null(False),
        kind=pl.lit("return"),
    )
    adjustments = (
        refunds.explode("adjustment", keep_nulls=False)
        .filter(~adjustment.struct["reason"].is_in(NOT_REVENUE).fill_null(False))
        .select(
            pl.exclude("line", "adjustment"),
            refund_line_id=adjustment.struct["id"],
            line_id=pl.lit(None, pl.String),
            quantity=pl.lit("0"),
            amount=shopify.amount(adjustment.struct["amountSet"]),
            tax=shopify.amount(adjustment.struct["taxAmountSet"]),
            is_restocked=pl.lit(False),
            kind=pl.lit("adjustment"),
        )
    )
    typed = parse(pl.concat([lines, adjustments]), KINDS, required=REQUIRED)
    # an adjustment is what the shop kept of the calculated refund, so it counts against what was returned
    kept = pl.col("kind") == "adjustment"
    without_tax = pl.col("amount") - pl.when("taxes_included").then("tax").otherwise(0)
    return note(
        typed.with_columns(
            source=pl.lit("shopify"),
            amount=pl.when(kept).then(-pl.col("amount")).otherwise(without_tax),
            tax=pl.when(kept).then(-pl.col("tax")).otherwise("tax"),
            is_test=pl.lit(False),
        ),
        later_than(now, "refunded_at"),
    )


def _of_file(lines: pl.LazyFrame) -> pl.LazyFrame:
    return lines.filter("is_return").with_columns(
        refund_line_id="external_id",
        refund_id="order_id",
        source=pl.lit("file"),
        refunded_at="processed_at",
        product_id="sku",
        quantity=pl.col("quantity").abs(),
        amount=pl.col("gross") - pl.col("discount"),
        is_restocked=pl.lit(True),
        kind=pl.lit("return"),
    )
