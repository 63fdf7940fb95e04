"""staging.stg_order_lines: what was sold."""

from decimal import Decimal

import polars as pl
from pandera.typing.polars import LazyFrame

from growthos_assets.staging import file, shopify
from growthos_assets.staging.kinds import AMOUNT, COUNT, FLAG, LIMIT, LOWER, TEXT, local_date
from growthos_assets.staging.orders import StgOrders, payload
from growthos_assets.staging.parse import clean, note, parse, rule, staged
from growthos_assets.table import Finding, check, table
from warehouse.contract import Instant, Money, Table, column
from warehouse.split import PROBLEMS
from warehouse.tenants import Tenant


class StgOrderLines(Table, name="staging.stg_order_lines", key=("order_id", "line_id")):
    """One row per line of an order, as it was sold; what came back later is in stg_refunds.

    Money is without tax. revenue_gross = quantity × unit_price; where a shop's prices hold the tax, the
    line's own tax is taken out of price and discount alike: revenue_gross − discounts + tax is exactly what
    was paid, and unit_price is rounded to four decimals.
    """

    order_id: str = payload("The order that it is part of.")
    line_id: str = payload("Shopify's gid, or the line id of the file.")
    source: str = column("Who told of it.", isin=["shopify", "file"])
    processed_at: Instant = payload("When its order was placed.")
    order_date: pl.Date = payload("Its order's day in the tenant's time zone.")
    product_id: str = payload("Shopify variant gid, or the file's SKU.", nullable=True)
    sku: str = payload("The shop's own article number.", nullable=True)
    title: str = payload("What was sold.", nullable=True)
    category: str = payload("Shopify's product type, or the file's category; lower-cased.", nullable=True)
    quantity: int = payload("Units sold.", ge=0)
    unit_price: Money = payload("Price of one before discounts.", ge=0)
    revenue_gross: Money = payload("quantity × unit_price, before discounts.", ge=0)
    discounts: Money = payload("The line's share of every discount.", ge=0)
    tax: Money = payload("Tax of the line.", ge=0)
    is_gift_card: bool = payload("A gift card: money owed, never revenue.")
    currency: str = payload("ISO 4217 code; always the tenant's.")


CENT = Decimal("0.01")
KINDS = {
    "line_id": TEXT,
    "product_id": TEXT,
    "sku": TEXT,
    "title": TEXT,
    "category": LOWER,
    "quantity": COUNT,
    "unit_price": AMOUNT,
    "is_gift_card": FLAG,
}


@table(StgOrderLines)
def stg_order_lines(decoded_orders: shopify.Orders, file_lines: file.Lines, tenant: Tenant) -> pl.LazyFrame:
    """Both sources' lines in one shape; of a file the sale rows and those that cannot be read."""
    lines = pl.concat([_of_shopify(decoded_orders), _of_file(file_lines)], how="diagonal")
    dated = lines.with_columns(order_date=local_date(pl.col("processed_at"), tenant.timezone))
    return staged(dated, StgOrderLines)


def _of_shopify(orders: pl.LazyFrame) -> pl.LazyFrame:
    line = pl.col("line")
    lines = (
        orders.select(
            "order_id",
            "processed_at",
            "currency",
            "taxes_included",
            PROBLEMS,
            line=pl.col("lineItems").struct["nodes"],
        )
        .explode("line", keep_nulls=False)
        .select(
            pl.exclude("line"),
            line_id=line.struct["id"],
            product_id=line.struct["variant"].struct["id"],
            sku=line.struct["sku"],
            title=line.struct["title"],
            category=line.struct["product"].struct["productType"],
            quantity=line.struct["quantity"],
            unit_price=shopify.amount(line.struct["originalUnitPriceSet"]),
            is_gift_card=line.struct["isGiftCard"],
            discounts=shopify.amounts(line.struct["discountAllocations"], "allocatedAmountSet"),
            tax=shopify.amounts(line.struct["taxLines"], "priceSet"),
            source=pl.lit("shopify"),
        )
    )
    priced = parse(lines, KINDS, required=("line_id", "quantity", "unit_price", "is_gift_card")).with_columns(
        revenue_gross=pl.col("quantity") * pl.col("unit_price"),
        discounts=shopify.total(pl.col("discounts")),
        tax=shopify.total(pl.col("tax")),
    )
    paid = pl.col("revenue_gross") - pl.col("discounts")
    judged = note(
        priced,
        rule(pl.col("discounts").is_null(), "discountAllocations: one of them is not an amount"),
        rule(pl.col("tax").is_null(), "taxLines: one of them is not an amount"),
        rule(paid < 0, "discounts: {} are more than quantity × unit_price", pl.col("discounts")),
        rule(pl.col("taxes_included") & (pl.col("tax") > paid), "tax: {} is more than the price", pl.col("tax")),
        rule(pl.col("revenue_gross") >= LIMIT, "quantity × unit_price is a billion or more"),
    )
    return _without_tax(judged)


def _without_tax(lines: pl.LazyFrame) -> pl.LazyFrame:
    """Prices that hold the tax brought to what they are without it; the tax itself stays, to the cent.

    The discount shrinks in proportion. A line that cost nothing in the end tells no rate and stays as it is.
    """
    paid = pl.col("revenue_gross") - pl.col("discounts")
    holds_tax = pl.col("taxes_included") & (paid > 0)
    net = paid - pl.col("tax")
    discounts = pl.col("discounts") * net / pl.when(paid > 0).then(paid)
    units = pl.when(pl.col("quantity") > 0).then("quantity")
    return lines.with_columns(
        discounts=pl.when(holds_tax).then(discounts).otherwise("discounts"),
        revenue_gross=pl.when(holds_tax).then(net + discounts).otherwise("revenue_gross"),
        unit_price=pl.when(holds_tax).then((net + discounts) / units).otherwise("unit_price"),
    )


def _of_file(lines: pl.LazyFrame) -> pl.LazyFrame:
    first = pl.when(clean()).then("processed_at").min().over("order_id")
    return lines.filter(~pl.col("is_return")).with_columns(
        source=pl.lit("file"),
        processed_at=pl.coalesce(first, "processed_at"),
        product_id="sku",
        revenue_gross="gross",
        discounts="discount",
        is_gift_card=pl.lit(False),
    )


@check(StgOrderLines)
def header_matches_lines(stg_order_lines: LazyFrame[StgOrderLines], stg_orders: LazyFrame[StgOrders]) -> Finding:
    """What each order's own header says was paid for its lines is what the lines say, to the cent."""
    of_lines = stg_order_lines.group_by("order_id").agg(
        lines=(pl.col("revenue_gross") - pl.col("discounts")).sum(), tax=pl.col("tax").sum()
    )
    wrong = (
        stg_orders.join(of_lines, on="order_id", how="left", suffix="_of_lines")
        .select(
            "order_id",
            header=pl.col("source_gross") - pl.col("source_discounts"),
            lines=pl.col("lines").fill_null(0)
            + pl.when("taxes_included").then(pl.col("tax_of_lines").fill_null(0)).otherwise(0),
        )
        .filter((pl.col("header") - pl.col("lines")).abs() >= pl.lit(CENT))
        .collect()
    )
    return Finding.of(wrong, "orders whose lines do not add up to their header", ok="all headers match their lines")
