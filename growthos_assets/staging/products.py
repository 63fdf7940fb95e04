"""staging.stg_products: everything that a shop lists or a line names, with what it costs the shop."""

from typing import Annotated

import polars as pl
from pandera.typing.polars import LazyFrame

from growthos_assets.raw.shopify import ShopifyProducts
from growthos_assets.staging.arrival import complete, height
from growthos_assets.staging.kinds import AMOUNT, ID, LOWER_ID, TEXT
from growthos_assets.staging.order_lines import StgOrderLines
from growthos_assets.staging.parse import clean, decoded, foreign_currency, note, parse, staged
from growthos_assets.staging.refunds import StgRefunds
from growthos_assets.table import Finding, Received, check, table
from warehouse.contract import Money, Table, column
from warehouse.tenants import Tenant

SHOPIFY = {"sources": ["shopify_products.payload"]}


class StgProducts(Table, name="staging.stg_products", key=("product_id",)):
    """One row per thing sold: Shopify's variants, and those that only order lines or returns name."""

    product_id: str = column("Shopify variant gid, or the file's SKU.", metadata=SHOPIFY)
    source: str = column("Who told of it.", isin=["shopify", "file"])
    sku: str = column("The shop's own article number.", nullable=True, metadata=SHOPIFY)
    title: str = column("The product's name, of a product that only lines name the latest.", nullable=True)
    category: str = column("Shopify's product type; lower-cased.", nullable=True, metadata=SHOPIFY)
    unit_cost: Money = column("What one unit costs the shop, where it says so.", nullable=True, ge=0, metadata=SHOPIFY)


COST = pl.Struct({"unitCost": pl.Struct({"amount": pl.String, "currencyCode": pl.String})})
VARIANT = pl.Struct({"id": pl.String, "sku": pl.String, "inventoryItem": COST})
KINDS = {
    "product_id": ID,
    "sku": TEXT,
    "title": TEXT,
    "category": LOWER_ID,
    "unit_cost": AMOUNT,
    "unit_cost_currency": TEXT,
}


def listed(shopify_products: LazyFrame[ShopifyProducts]) -> pl.LazyFrame:
    """One row per raw product, `variant` the list of its variants; each leaf as text."""
    fields = {"title": pl.String, "productType": pl.String, "variants": pl.Struct({"nodes": pl.List(VARIANT)})}
    return decoded(shopify_products, fields).select(
        "title", category="productType", variant=pl.col("variants").struct["nodes"]
    )


Listed = Annotated[pl.LazyFrame, listed]
"""The shop's products as a transform's parameter."""


@table(StgProducts)
def stg_products(
    listed_products: Listed,
    stg_order_lines: LazyFrame[StgOrderLines],
    stg_refunds: LazyFrame[StgRefunds],
    tenant: Tenant,
) -> pl.LazyFrame:
    """The shop's variants, then what is not among them, described by its latest line."""
    variants = _variants(listed_products, tenant)
    named = (
        pl.concat([stg_order_lines, stg_refunds.rename({"refunded_at": "processed_at"})], how="diagonal")
        .filter(pl.col("product_id").is_not_null())
        .join(variants.filter(clean()), on="product_id", how="anti")
        .group_by("product_id")
        .agg(
            pl.col("source", "sku", "title", "category")
            .sort_by("processed_at", "order_id", "line_id", "refund_line_id")
            .drop_nulls()
            .last()
        )
    )
    return staged(pl.concat([variants, named], how="diagonal"), StgProducts)


def _variants(listed: pl.LazyFrame, tenant: Tenant) -> pl.LazyFrame:
    variant = pl.col("variant")
    cost = variant.struct["inventoryItem"].struct["unitCost"]
    variants = listed.explode("variant", keep_nulls=False).select(
        "title",
        "category",
        source=pl.lit("shopify"),
        product_id=variant.struct["id"],
        sku=variant.struct["sku"],
        unit_cost=cost.struct["amount"],
        unit_cost_currency=cost.struct["currencyCode"],
    )
    typed = parse(variants, KINDS, required=("product_id",))
    return note(typed, foreign_currency(tenant, "unit_cost_currency"))


@check(StgProducts)
def products_complete(
    stg_products: LazyFrame[StgProducts],
    listed_products: Listed,
    stg_order_lines: LazyFrame[StgOrderLines],
    stg_refunds: LazyFrame[StgRefunds],
    tenant: Tenant,
    quarantined: pl.LazyFrame,
    received: Received,
) -> Finding:
    """Every variant that the shop lists, and every product that only lines name, is here or in quarantine."""
    variants = listed_products.select(pl.col("variant").explode(keep_nulls=False))
    known = _variants(listed_products, tenant).filter(clean()).select("product_id")
    named = pl.concat(lines.select("product_id").drop_nulls() for lines in (stg_order_lines, stg_refunds)).unique()
    others = named.join(known, on="product_id", how="anti")
    unread = received[ShopifyProducts] - height(listed_products)
    return complete(unread + height(variants, others), stg_products, quarantined)
