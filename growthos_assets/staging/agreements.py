"""Shopify's sales agreements: its own ledger of what was sold and taken back, entry by entry.

An order is placed, edited, returned, refunded: each time the shop and the customer agree on sales, and the shop's
own reports are sums of them. So where an order tells them, they decide what revenue was made or given back, and on
which day; lines and refunds then only describe the goods. An edit that removes a line is told twice, by the agreement
and by a refund without a payment: a ledger is read once.
https://shopify.dev/docs/api/admin-graphql/2026-10/interfaces/SalesAgreement
"""

from datetime import datetime

import polars as pl

from growthos_assets.staging import shopify
from growthos_assets.staging.kinds import ID, SIGNED_AMOUNT, SIGNED_COUNT, instant
from growthos_assets.staging.parse import later_than, note, parse
from warehouse.split import PROBLEMS

REVENUE = ("PRODUCT", "ADJUSTMENT")
"""Line types that are revenue; shipping, tips, duties and fees never are."""

GIFT_CARD = "GIFT_CARD"
"""Kept beside revenue, flagged: a liability."""

KINDS = {
    "sale_id": ID,
    "agreement_id": ID,
    "line_id": ID,
    "happened_at": instant(),
    "quantity": SIGNED_COUNT,
    "total": SIGNED_AMOUNT,
    "tax": SIGNED_AMOUNT,
}
REQUIRED = ("sale_id", "agreement_id", "happened_at", "total", "tax")


def sales(orders: pl.LazyFrame, now: datetime) -> pl.LazyFrame:
    """One row per sale of products, gift cards and adjustments in the orders that tell theirs, with `_problems`.

    sale_id, agreement_id, line_id, reason (of the agreement), action, line_type; signed quantity, total (after
    discounts, with tax), tax, net (without tax); happened_at: when it was agreed. Placing the order happened when the
    order did, so that its sales stay on their day when a refund makes it tell them.
    """
    agreement, sale = pl.col("agreement"), pl.col("sale")
    told = (
        orders.filter("is_told")
        .select(
            "order_id",
            "processed_at",
            "currency",
            "taxes_included",
            PROBLEMS,
            agreement=pl.col("agreements").struct["nodes"],
        )
        .explode("agreement", keep_nulls=False)
        .select(
            pl.exclude("agreement"),
            agreement_id=agreement.struct["id"],
            happened_at=agreement.struct["happenedAt"],
            reason=agreement.struct["reason"],
            sale=agreement.struct["sales"].struct["nodes"],
        )
        .explode("sale", keep_nulls=False)
        .select(
            pl.exclude("sale"),
            sale_id=sale.struct["id"],
            action=sale.struct["actionType"],
            line_type=sale.struct["lineType"],
            line_id=sale.struct["lineItem"].struct["id"],
            quantity=sale.struct["quantity"],
            total=shopify.amount(sale.struct["totalAmount"]),
            tax=shopify.amount(sale.struct["totalTaxAmount"]),
        )
        .filter(pl.col("line_type").is_in((*REVENUE, GIFT_CARD)))
    )
    typed = parse(told, KINDS, required=REQUIRED, defaults={"quantity": "0"}).with_columns(
        happened_at=pl.when(pl.col("reason") == "ORDER").then("processed_at").otherwise("happened_at"),
        net=pl.col("total") - pl.col("tax"),
    )
    return note(typed.drop("processed_at"), later_than(now, "happened_at"))


def entries(orders: pl.LazyFrame) -> pl.LazyFrame:
    """What `sales` is made from, for counting: `action` and `line_type` of each entry of the ledgers, as told."""
    nodes = pl.col("agreements").struct["nodes"].explode(keep_nulls=False).struct["sales"].struct["nodes"]
    entry = orders.filter("is_told").select(entry=nodes.explode(keep_nulls=False))
    return entry.select(
        action=pl.col("entry").struct["actionType"], line_type=pl.col("entry").struct["lineType"]
    ).filter(pl.col("line_type").is_in((*REVENUE, GIFT_CARD)))


def is_sold() -> pl.Expr:
    """The sale is goods that went out; any other takes back, or corrects, what an earlier one sold."""
    return ((pl.col("action") == "ORDER") & (pl.col("line_type") != "ADJUSTMENT")).fill_null(False)
