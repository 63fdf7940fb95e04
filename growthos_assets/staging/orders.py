"""staging.stg_orders: every order that a shop or a file tells of, with where it came from."""

from functools import partial

import polars as pl
from pandera.typing.polars import LazyFrame

from growthos_assets.raw.shopify import ShopifyOrders
from growthos_assets.staging import file, shopify
from growthos_assets.staging.arrival import arrived, complete, height
from growthos_assets.staging.channels import attributed
from growthos_assets.staging.identity import People, identified
from growthos_assets.staging.kinds import local_date
from growthos_assets.staging.parse import clean, staged
from growthos_assets.table import Finding, Received, check, table
from warehouse.contract import Instant, Money, Table, column
from warehouse.tenants import Tenant

payload = partial(column, metadata={"sources": ["shopify_orders.payload", "file_orders.payload"]})
"""A column read from an order's payload, whatever it is called there."""


class StgOrders(Table, name="staging.stg_orders", key=("order_id",)):
    """One row per order.

    Test, voided and cancelled orders are kept and flagged. Money is in the tenant's currency; an order in
    another one is in quarantine. A file's order is made of its readable sale rows; its returns are in
    stg_refunds alone.
    """

    order_id: str = payload("Shopify's gid, or the order id of the file.")
    source: str = column("Who told of it.", isin=["shopify", "file"])
    order_name: str = payload("The number that people know it by, such as #1001.", nullable=True)
    processed_at: Instant = payload("When it was placed; of a file's order its earliest sale row.")
    order_date: pl.Date = payload("Its day in the tenant's time zone.")
    customer_id: str = payload(
        "The shop's customer, of ids with the same e-mail the one that ordered first; else who is known by the "
        "same e-mail, else email:<hash>; null for a guest.",
        nullable=True,
    )
    email_hash: str = payload("The e-mail as landed: hashed unless the tenant keeps PII.", nullable=True)
    currency: str = payload("ISO 4217 code; always the tenant's.")
    shipping_charged: Money = payload("Shipping that the customer paid; of a file the largest row's.", ge=0)
    tax: Money = payload("All tax of the order.", ge=0)
    source_gross: Money = payload(
        "Lines before discounts by the source's own header: subtotal + discounts; of a file Σ its sale rows; "
        "null once the order was edited, since its header is then of no one moment.",
        nullable=True,
    )
    source_discounts: Money = payload("Discounts by the source's own header; null with source_gross.", nullable=True)
    taxes_included: bool = payload("True if the header's prices, and so source_gross, hold the tax.")
    presentment_currency: str = payload("The currency that the customer was charged in.", nullable=True)
    presentment_total: Money = payload(
        "The order's total as the customer was charged, in that currency: for audit, never summed.", nullable=True
    )
    landing_url: str = payload("The first page of the last visit before the order.", nullable=True)
    referrer: str = payload("The page that led to that visit.", nullable=True)
    source_name: str = payload("Where in the shop it was placed, such as web or pos.", nullable=True)
    utm_source: str = payload("As the visit was tagged, else from the landing URL.", nullable=True)
    utm_medium: str = payload("As the visit was tagged, else from the landing URL.", nullable=True)
    utm_campaign: str = payload("As the visit was tagged, else from the landing URL.", nullable=True)
    click_id: str = payload("Name of the ad platform's parameter in the landing URL, such as gclid.", nullable=True)
    channel_id: str = payload("The channel that gets the order.")
    channel_rule: str = payload("The rule of staging/channels.py that decided.")
    region: str = payload("Shipping country, or country-province: DE, US-NY.", nullable=True)
    is_test: bool = payload("A trial of the checkout.")
    is_cancelled: bool = payload("Cancelled; paid back or not.")
    is_voided: bool = payload("Cancelled before anything was paid; of a file every cancelled order.")
    is_counted: bool = payload("Neither test nor voided: counts in the numbers.")
    seen_at: Instant = column(
        "When the version that it was made from was landed.",
        metadata={"sources": ["shopify_orders.seen_at", "file_orders.seen_at"]},
    )


@table(StgOrders)
def stg_orders(
    decoded_orders: shopify.Orders,
    file_lines: file.Lines,
    people: People,
    tenant: Tenant,
) -> pl.LazyFrame:
    """Both sources' orders in one shape, then the person, the channel and the day."""
    orders = headers(decoded_orders, file_lines)
    known = attributed(identified(orders, people)).with_columns(
        order_date=local_date(pl.col("processed_at"), tenant.timezone),
        is_counted=~pl.col("is_test") & ~pl.col("is_voided"),
    )
    return staged(known, StgOrders)


def headers(decoded_orders: pl.LazyFrame, file_lines: pl.LazyFrame) -> pl.LazyFrame:
    """Both sources' orders in one shape, as each tells them of itself, with `_problems`."""
    return pl.concat([_of_shopify(decoded_orders), _of_file(file_lines)], how="diagonal")


def _of_shopify(orders: pl.LazyFrame) -> pl.LazyFrame:
    as_placed = ~pl.col("is_edited")
    duties = pl.when("duties_included").then("duties").otherwise(0)
    return orders.with_columns(
        source=pl.lit("shopify"),
        source_gross=pl.when(as_placed).then(pl.col("subtotal") - duties + pl.col("source_discounts")),
        source_discounts=pl.when(as_placed).then("source_discounts"),
        is_cancelled=pl.col("cancelled_at").is_not_null(),
        is_voided=pl.col("status").eq_missing(pl.lit("VOIDED")),
    )


def _of_file(lines: pl.LazyFrame) -> pl.LazyFrame:
    """An order is what its sale rows say; where their texts differ, the smallest one."""
    texts = ("customer_id", "email_hash", "currency", "landing_url", "referrer", "source_name")
    return (
        lines.filter(clean() & ~pl.col("is_return"))
        .group_by("order_id")
        .agg(
            pl.col("processed_at", *texts).min(),
            pl.col("seen_at").max(),
            shipping_charged=pl.col("shipping").max(),
            tax=pl.col("tax").sum(),
            source_gross=pl.col("gross").sum(),
            source_discounts=pl.col("discount").sum(),
            is_test=pl.col("is_test").any(),
            is_cancelled=pl.col("cancelled_at").is_not_null().any(),
        )
        .with_columns(source=pl.lit("file"), taxes_included=pl.lit(False), is_voided="is_cancelled")
    )


@check(StgOrders)
def orders_not_empty(
    stg_orders: LazyFrame[StgOrders], decoded_orders: shopify.Orders, file_lines: file.Lines
) -> Finding:
    """Where a shop or a file tells of orders, there are orders; a file may tell of returns alone."""
    sales = file_lines.filter(~(clean() & pl.col("is_return")))
    return arrived(stg_orders, [decoded_orders, sales], "no shop is connected and no file of orders was imported")


@check(StgOrders)
def no_duplicate_orders(stg_orders: LazyFrame[StgOrders]) -> Finding:
    """No order is there twice."""
    twice = stg_orders.group_by("order_id").len().filter(pl.col("len") > 1).collect()
    return Finding.of(twice, "orders are there more than once", ok="every order is there once")


@check(StgOrders)
def orders_complete(
    stg_orders: LazyFrame[StgOrders],
    file_lines: file.Lines,
    quarantined: pl.LazyFrame,
    received: Received,
) -> Finding:
    """Every order of the shop is here or in quarantine, and every one of which a file has a readable sale is here."""
    of_files = file_lines.filter(clean() & ~pl.col("is_return")).select("order_id").unique()
    return complete(received[ShopifyOrders] + height(of_files), stg_orders, quarantined)
