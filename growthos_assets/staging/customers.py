"""staging.stg_customers: everyone that a shop lists or an order names."""

import polars as pl
from pandera.typing.polars import LazyFrame

from growthos_assets.raw.shopify import ShopifyCustomers
from growthos_assets.staging import shopify
from growthos_assets.staging.arrival import complete, height
from growthos_assets.staging.identity import People, identified
from growthos_assets.staging.orders import StgOrders
from growthos_assets.staging.parse import clean, staged
from growthos_assets.staging.refunds import StgRefunds
from growthos_assets.table import Finding, Received, check, table
from warehouse.contract import Instant, Table, column

SHOPIFY = {"sources": ["shopify_customers.payload"]}
DESCRIBED = ("source", "email_hash", "created_at", "region")


class StgCustomers(Table, name="staging.stg_customers", key=("customer_id",)):
    """One row per customer: those that Shopify lists, and those that only orders or returns name.

    A customer of several ids is described by the one that the shop made first.
    """

    customer_id: str = column(
        "Shopify's gid, the file's id, or email:<hash>; of ids with the same e-mail the one that ordered first.",
        metadata=SHOPIFY,
    )
    source: str = column("Who told of the customer first.", isin=["shopify", "file"])
    email_hash: str = column(
        "The e-mail as landed: hashed unless the tenant keeps PII.", nullable=True, metadata=SHOPIFY
    )
    created_at: Instant = column(
        "When the shop's record was made; null where only orders name the customer.",
        nullable=True,
        metadata=SHOPIFY,
    )
    region: str = column("Country, or country-province: DE, US-NY.", nullable=True, metadata=SHOPIFY)


@table(StgCustomers)
def stg_customers(
    listed_customers: shopify.Customers,
    stg_orders: LazyFrame[StgOrders],
    stg_refunds: LazyFrame[StgRefunds],
    people: People,
) -> pl.LazyFrame:
    """The shop's list, then who is not on it, described by the first order."""
    records = listed_customers.with_columns(source=pl.lit("shopify"), listed_id="customer_id")
    listed = _described(identified(records.filter(clean()), people), "created_at", "listed_id")
    named = (
        pl.concat([stg_orders, stg_refunds.rename({"refunded_at": "processed_at"})], how="diagonal")
        .filter(pl.col("customer_id").is_not_null())
        .join(listed, on="customer_id", how="anti")
    )
    known = [listed, _described(named, "processed_at", "order_id", "refund_line_id"), records.filter(~clean())]
    return staged(pl.concat(known, how="diagonal"), StgCustomers)


def _described(told: pl.LazyFrame, *order: str) -> pl.LazyFrame:
    """One row per customer: of each of its columns what was said first, in that order."""
    columns = pl.col(*(name for name in DESCRIBED if name in told.collect_schema()))
    return told.group_by("customer_id").agg(columns.sort_by(*order, nulls_last=True).drop_nulls().first())


@check(StgCustomers)
def customers_complete(
    stg_customers: LazyFrame[StgCustomers],
    listed_customers: shopify.Customers,
    stg_orders: LazyFrame[StgOrders],
    stg_refunds: LazyFrame[StgRefunds],
    people: People,
    quarantined: pl.LazyFrame,
    received: Received,
) -> Finding:
    """Every person that the shop lists, or an order or a return names, is here, or the record in quarantine."""
    readable = listed_customers.filter(clean())
    listed = people.join(readable, on="customer_id", how="semi").select(customer_id="person")
    named = (orders.select("customer_id").drop_nulls() for orders in (stg_orders, stg_refunds))
    unreadable = received[ShopifyCustomers] - height(readable)
    return complete(unreadable + height(pl.concat([listed, *named]).unique()), stg_customers, quarantined)
