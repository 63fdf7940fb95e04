"""staging.stg_order_lines: what was sold."""

from datetime import datetime
from decimal import Decimal

import polars as pl
from pandera.typing.polars import LazyFrame

from growthos_assets.raw.file import FileOrders
from growthos_assets.staging import agreements, file, shopify
from growthos_assets.staging.arrival import complete, height
from growthos_assets.staging.kinds import AMOUNT, COUNT, FLAG, ID, LIMIT, LOWER_ID, TEXT, local_date
from growthos_assets.staging.orders import headers, payload
from growthos_assets.staging.parse import clean, note, parse, rule, staged
from growthos_assets.table import Finding, Received, check, table
from warehouse.contract import Instant, Money, Table, column
from warehouse.split import PROBLEMS
from warehouse.tenants import Tenant


class StgOrderLines(Table, name="staging.stg_order_lines", key=("order_id", "line_id")):
    """One row per line of an order, as it was sold; what came back later is in stg_refunds.

    A line that an edit or an exchange added is sold on that day, not on its order's. Tips are no lines. Money is
    without tax and duties. revenue_gross = quantity × unit_price; where a shop's prices hold the tax, the line's
    own tax is taken out of price and discount alike: revenue_gross − discounts + tax is exactly what was paid, and
    unit_price is rounded to four decimals.
    """

    order_id: str = payload("The order that it is part of.")
    line_id: str = payload(
        "Shopify's gid, or the line id of the file; of units that were added to a line later gid/sale's gid."
    )
    source: str = column("Who told of it.", isin=["shopify", "file"])
    processed_at: Instant = payload("When it was ordered: with its order, or by the edit or exchange that added it.")
    order_date: pl.Date = payload("That day in the tenant's time zone.")
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
PRODUCT = ("product_id", "sku", "title", "category")
KINDS = {
    "line_id": ID,
    "product_id": ID,
    "sku": ID,
    "title": TEXT,
    "category": LOWER_ID,
    "quantity": COUNT,
    "unit_price": AMOUNT,
    "is_gift_card": FLAG,
}


@table(StgOrderLines)
def stg_order_lines(
    decoded_orders: shopify.Orders, file_lines: file.Lines, tenant: Tenant, now: datetime
) -> pl.LazyFrame:
    """Both sources' lines in one shape; of a file the sale rows and all that cannot be read."""
    lines = pl.concat([_of_shopify(decoded_orders, now), _of_file(file_lines)], how="diagonal")
    dated = lines.with_columns(order_date=local_date(pl.col("processed_at"), tenant.timezone))
    return staged(dated, StgOrderLines)


def _of_shopify(orders: pl.LazyFrame, now: datetime) -> pl.LazyFrame:
    """The lines of plain orders, and what the agreements of the others sold, described by their lines."""
    plain = _plain(_listed(orders.filter(~pl.col("is_told"))))
    told = _agreed(agreements.sales(orders, now), _listed(orders.filter("is_told")))
    sold = pl.concat([plain, told], how="diagonal")
    paid = pl.col("revenue_gross") - pl.col("discounts")
    judged = note(
        sold.with_columns(source=pl.lit("shopify")),
        rule(pl.col("discounts").is_null(), "discountAllocations: one of them is not an amount"),
        rule(pl.col("tax").is_null(), "taxLines: one of them is not an amount"),
        rule(paid < 0, "discounts: {} are more than quantity × unit_price", pl.col("discounts")),
        rule(pl.col("taxes_included") & (pl.col("tax") > paid), "tax: {} is more than the price", pl.col("tax")),
        rule(pl.col("revenue_gross") >= LIMIT, "quantity × unit_price is a billion or more"),
    )
    return _without_tax(judged)


def _listed(orders: pl.LazyFrame) -> pl.LazyFrame:
    """One row per line that an order lists; `list_price` is of all its units, without duties that prices hold."""
    line = pl.col("line")
    lines = (
        orders.select(
            "order_id",
            "processed_at",
            "currency",
            "taxes_included",
            "duties_included",
            "tip",
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
            discounts=shopify.total(shopify.amounts(line.struct["discountAllocations"], "allocatedAmountSet")),
            tax=shopify.total(shopify.amounts(line.struct["taxLines"], "priceSet")),
            duties=shopify.total(shopify.amounts(line.struct["duties"], "price")),
        )
    )
    duties = pl.when("duties_included").then("duties").otherwise(0)
    return parse(lines, KINDS, required=("line_id", "quantity", "unit_price", "is_gift_card")).with_columns(
        list_price=pl.col("quantity") * pl.col("unit_price") - duties
    )


def _plain(listed: pl.LazyFrame) -> pl.LazyFrame:
    return listed.filter(~_is_tip()).with_columns(revenue_gross="list_price")


def _is_tip() -> pl.Expr:
    """Shopify lists a tip as a line. Nothing marks it: it is no product, and costs what the order was tipped."""
    nameless = pl.all_horizontal(pl.col("product_id", "sku", "category").is_null())
    return (nameless & (pl.col("tip") > 0) & (pl.col("list_price") == pl.col("tip"))).fill_null(False)


def _agreed(sales: pl.LazyFrame, listed: pl.LazyFrame) -> pl.LazyFrame:
    """What was sold for more than its list price, by the rounding of another currency, was sold without discount."""
    paid = pl.when("taxes_included").then("total").otherwise("net")
    list_price = pl.col("list_price") * pl.col("quantity") / pl.when(pl.col("units") > 0).then("units")
    key = ("order_id", "line_id")
    goods = listed.select(*key, *PRODUCT, "unit_price", "list_price", units="quantity")
    goods = goods.unique(key, keep="first", maintain_order=True)  # what is listed twice is not sold twice
    return (
        sales.filter(agreements.is_sold())
        .join(goods, on=key, how="left")
        .sort("happened_at", maintain_order=True)
        .with_columns(
            line_id=pl.when(pl.struct("order_id", "line_id").is_first_distinct())
            .then(pl.coalesce("line_id", "sale_id"))
            .otherwise(pl.concat_str("line_id", "sale_id", separator="/", ignore_nulls=True)),
            processed_at="happened_at",
            revenue_gross=pl.max_horizontal(list_price, paid),
            is_gift_card=pl.col("line_type") == agreements.GIFT_CARD,
        )
        .with_columns(discounts=pl.col("revenue_gross") - paid)
    )


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
    ).with_columns(unit_price=pl.coalesce(pl.col("revenue_gross") / units, "unit_price"))


def _of_file(lines: pl.LazyFrame) -> pl.LazyFrame:
    first = pl.when(clean()).then("processed_at").min().over("order_id")
    return lines.filter(~(pl.col("is_return") & clean())).with_columns(
        source=pl.lit("file"),
        processed_at=pl.coalesce(first, "processed_at"),
        product_id="sku",
        revenue_gross="gross",
        discounts="discount",
        is_gift_card=pl.lit(False),
    )


@check(StgOrderLines)
def header_matches_lines(
    stg_order_lines: LazyFrame[StgOrderLines], decoded_orders: shopify.Orders, file_lines: file.Lines
) -> Finding:
    """What an order's own header says was paid for its lines is what the lines say, to the cent.

    The header of an order that was edited or exchanged moves with it, and is left to agreements_agree. One charged
    in another currency has each of its amounts rounded by itself: a cent per unit is no difference.
    """
    # not from stg_orders: where that is not published, what is wrong with the lines is told all the same
    orders = headers(decoded_orders, file_lines).filter(clean()).unique("order_id", keep="first", maintain_order=True)
    of_lines = stg_order_lines.group_by("order_id").agg(
        pl.col("quantity").sum(),
        last_sale=pl.col("processed_at").max(),
        lines=(pl.col("revenue_gross") - pl.col("discounts")).sum(),
        tax=pl.col("tax").sum(),
    )
    exchanged = (pl.col("last_sale") > pl.col("processed_at")).fill_null(False)
    converted = (pl.col("presentment_currency") != pl.col("currency")).fill_null(False)
    cents = pl.when(converted).then(1 + pl.col("quantity").fill_null(0)).otherwise(1)
    wrong = (
        orders.join(of_lines, on="order_id", how="left", suffix="_of_lines")
        .filter(~exchanged)
        .select(
            "order_id",
            header=pl.col("source_gross") - pl.col("source_discounts"),
            lines=pl.col("lines").fill_null(0)
            + pl.when("taxes_included").then(pl.col("tax_of_lines").fill_null(0)).otherwise(0),
            tolerated=pl.lit(CENT) * cents,
        )
        .filter((pl.col("header") - pl.col("lines")).abs() >= pl.col("tolerated"))
        .drop("tolerated")
        .collect()
    )
    return Finding.of(wrong, "orders whose lines do not add up to their header", ok="all headers match their lines")


@check(StgOrderLines)
def lines_complete(
    stg_order_lines: LazyFrame[StgOrderLines],
    decoded_orders: shopify.Orders,
    file_lines: file.Lines,
    quarantined: pl.LazyFrame,
    received: Received,
) -> Finding:
    """Every line of a plain order that is no tip, every sale of the others' agreements, and every row of a file but the
    readable returns is here or in quarantine."""
    plain = decoded_orders.filter(~pl.col("is_told"))
    listed = plain.select(pl.col("lineItems").struct["nodes"].explode(keep_nulls=False))
    tips = _listed(plain.filter(pl.col("tip") > 0)).filter(_is_tip())
    sold = agreements.entries(decoded_orders).filter(agreements.is_sold())
    returned = file_lines.filter(pl.col("is_return") & clean())
    rows_in = received[FileOrders] + height(listed, sold) - height(tips, returned)
    return complete(rows_in, stg_order_lines, quarantined)
