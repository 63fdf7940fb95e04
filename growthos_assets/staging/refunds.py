"""staging.stg_refunds: what came back, on the day it came back."""

from datetime import datetime

import polars as pl
from pandera.typing.polars import LazyFrame

from growthos_assets.staging import agreements, file, shopify
from growthos_assets.staging.arrival import complete, height
from growthos_assets.staging.identity import People, identified
from growthos_assets.staging.kinds import COUNT, ID, SIGNED_AMOUNT, instant, local_date
from growthos_assets.staging.order_lines import CENT, PRODUCT, StgOrderLines
from growthos_assets.staging.orders import StgOrders, payload
from growthos_assets.staging.parse import clean, later_than, note, parse, staged
from growthos_assets.table import Finding, check, table
from warehouse.contract import Instant, Money, Table, column
from warehouse.split import PROBLEMS
from warehouse.tenants import Tenant


class StgRefunds(Table, name="staging.stg_refunds", key=("refund_line_id",)):
    """One row per line of a refund, and per adjustment of one.

    Made from what was returned, never from payments: a payment back may be for shipping or tax. Where an order's
    agreements tell its sales, from those that took back or corrected: units removed by an edit are returned on the
    day of the edit, paid for or not. Refunded shipping was never revenue, and is not here.
    """

    refund_line_id: str = payload(
        "Shopify's gid of the sale that took it back, else of the refund's line; a file's row."
    )
    refund_id: str = payload("The agreement, else the refund, that it is part of; of a file the order id of its row.")
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

KINDS = {
    "refund_line_id": ID,
    "refund_id": ID,
    "line_id": ID,
    "refunded_at": instant(),
    "quantity": COUNT,
    "amount": SIGNED_AMOUNT,
    "tax": SIGNED_AMOUNT,
}
REQUIRED = ("refund_line_id", "refund_id", "refunded_at", "quantity", "amount", "tax")


@table(StgRefunds)
def stg_refunds(
    decoded_orders: shopify.Orders,
    file_lines: file.Lines,
    stg_orders: LazyFrame[StgOrders],
    stg_order_lines: LazyFrame[StgOrderLines],
    people: People,
    tenant: Tenant,
    now: datetime,
) -> pl.LazyFrame:
    """Both sources' returns in one shape, tied to the order and the line that they give back."""
    returned = pl.concat(
        [
            _of_shopify(decoded_orders, now),
            identified(_of_file(file_lines), people),
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
    refunds = _refunds(orders)
    plain = _recorded(refunds.filter(~pl.col("is_told")), now)
    told = _agreed(agreements.sales(orders, now), _lines(refunds.filter("is_told")))
    return pl.concat([plain, told], how="diagonal").with_columns(source=pl.lit("shopify"), is_test=pl.lit(False))


def _refunds(orders: pl.LazyFrame) -> pl.LazyFrame:
    refund = pl.col("refund")
    return (
        orders.select("order_id", "is_told", "taxes_included", PROBLEMS, refund="refunds")
        .explode("refund", keep_nulls=False)
        .select(
            pl.exclude("refund"),
            refund_id=refund.struct["id"],
            refunded_at=refund.struct["createdAt"],
            line=refund.struct["refundLineItems"].struct["nodes"],
            adjustment=refund.struct["orderAdjustments"].struct["nodes"],
        )
    )


def _lines(refunds: pl.LazyFrame) -> pl.LazyFrame:
    line = pl.col("line")
    line_id = line.struct["lineItem"].struct["id"]
    return refunds.explode("line", keep_nulls=False).select(
        pl.exclude("line", "adjustment"),
        refund_line_id=pl.coalesce(line.struct["id"], pl.concat_str("refund_id", line_id, separator="/")),
        line_id=line_id,
        quantity=line.struct["quantity"],
        amount=shopify.amount(line.struct["subtotalSet"]),
        tax=shopify.amount(line.struct["totalTaxSet"]),
        is_restocked=line.struct["restockType"].is_in(RESTOCKED).fill_null(False),
        kind=pl.lit("return"),
    )


def _recorded(refunds: pl.LazyFrame, now: datetime) -> pl.LazyFrame:
    """Of orders without a ledger, what their refunds record: lines, and adjustments of their sum."""
    adjustment = pl.col("adjustment")
    adjustments = refunds.explode("adjustment", keep_nulls=False).select(
        pl.exclude("line", "adjustment"),
        refund_line_id=adjustment.struct["id"],
        line_id=pl.lit(None, pl.String),
        quantity=pl.lit("0"),
        amount=shopify.amount(adjustment.struct["amountSet"]),
        tax=shopify.amount(adjustment.struct["taxAmountSet"]),
        is_restocked=pl.lit(False),
        kind=pl.lit("adjustment"),
    )
    typed = parse(pl.concat([_lines(refunds), adjustments]), KINDS, required=REQUIRED)
    # an adjustment is what the shop kept of the calculated refund, so it counts against what was returned
    kept = pl.col("kind") == "adjustment"
    without_tax = pl.col("amount") - pl.when("taxes_included").then("tax").otherwise(0)
    return note(
        typed.with_columns(
            amount=pl.when(kept).then(-pl.col("amount")).otherwise(without_tax),
            tax=pl.when(kept).then(-pl.col("tax")).otherwise("tax"),
        ),
        later_than(now, "refunded_at"),
    )


def _agreed(sales: pl.LazyFrame, lines: pl.LazyFrame) -> pl.LazyFrame:
    """What agreements took back or corrected.

    Whether the units can be sold again says the line's refund nearest in time; units without one, that an edit
    removed, have never left the shelf.
    """
    restocked = parse(lines.drop(PROBLEMS), {"refunded_at": instant()}).drop_nulls("refunded_at")
    returned = (pl.col("action") == "RETURN") & (pl.col("quantity") < 0)
    return (
        sales.filter(~agreements.is_sold())
        .sort("happened_at")
        .join_asof(
            restocked.select("order_id", "line_id", "refunded_at", "is_restocked").sort("refunded_at"),
            left_on="happened_at",
            right_on="refunded_at",
            by=["order_id", "line_id"],
            strategy="nearest",
            check_sortedness=False,
        )
        .with_columns(
            refund_line_id="sale_id",
            refund_id="agreement_id",
            refunded_at="happened_at",
            quantity=pl.when(returned).then(-pl.col("quantity")).otherwise(0),
            amount=-pl.col("net"),
            tax=-pl.col("tax"),
            is_restocked=returned & pl.coalesce("is_restocked", pl.col("reason") == "ORDER_EDIT").fill_null(False),
            kind=pl.when(returned).then(pl.lit("return")).otherwise(pl.lit("adjustment")),
        )
    )


def _of_file(lines: pl.LazyFrame) -> pl.LazyFrame:
    return lines.filter(pl.col("is_return") & clean()).with_columns(
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


@check(StgRefunds, severity="warn")
def agreements_agree(
    stg_refunds: LazyFrame[StgRefunds],
    stg_order_lines: LazyFrame[StgOrderLines],
    decoded_orders: shopify.Orders,
    tenant: Tenant,
    now: datetime,
) -> Finding:
    """Where orders tell their agreements, lines less returns are the net sales agreed on each day, to the cent.

    Net sales are the totals without tax of products and adjustments.
    """
    day = local_date(pl.col("happened_at"), tenant.timezone)
    told = (
        agreements.sales(decoded_orders.filter(clean()), now)
        .filter(pl.col("line_type").is_in(agreements.REVENUE))
        .group_by("order_id", day=day)
        .agg(agreed=pl.col("net").sum())
        .collect()
    )
    if told.is_empty():
        return Finding.skip("no order tells its agreements")
    gift_cards = stg_order_lines.filter("is_gift_card")
    sold = stg_order_lines.filter(~pl.col("is_gift_card")).select(
        "order_id", day="order_date", net=pl.col("revenue_gross") - pl.col("discounts")
    )
    returned = stg_refunds.join(gift_cards, on=("order_id", "line_id"), how="anti").select(
        "order_id", day="refund_date", net=-pl.col("amount")
    )
    facts = (
        pl.concat([sold, returned])
        .join(told.lazy(), on="order_id", how="semi")
        .group_by("order_id", "day")
        .agg(facts=pl.col("net").sum())
    )
    days = told.lazy().join(facts, on=("order_id", "day"), how="full", coalesce=True)
    apart = days.filter((pl.col("agreed").fill_null(0) - pl.col("facts").fill_null(0)).abs() >= pl.lit(CENT))
    return Finding.of(
        apart.sort("order_id", "day").collect(),
        "days of orders have other net sales than their agreements tell",
        ok="all orders are what their agreements tell",
    )


@check(StgRefunds)
def refunds_complete(
    stg_refunds: LazyFrame[StgRefunds],
    decoded_orders: shopify.Orders,
    file_lines: file.Lines,
    quarantined: pl.LazyFrame,
) -> Finding:
    """Every line and adjustment of a plain order's refunds, all else that the others' agreements tell than sales, and
    every readable return of a file is here or in quarantine."""
    refund = decoded_orders.filter(~pl.col("is_told")).select(refund=pl.col("refunds").explode(keep_nulls=False))
    nodes = (pl.col("refund").struct[name].struct["nodes"] for name in ("refundLineItems", "orderAdjustments"))
    recorded = (refund.select(node.explode(keep_nulls=False)) for node in nodes)
    taken_back = agreements.entries(decoded_orders).filter(~agreements.is_sold())
    returned = file_lines.filter(pl.col("is_return") & clean())
    return complete(height(*recorded, taken_back, returned), stg_refunds, quarantined)
