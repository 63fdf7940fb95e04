"""marts/dim_product: what is sold, and what it costs."""

import polars as pl
from pandera.typing.polars import LazyFrame

from growthos_assets.marts.money import Rate, margin
from growthos_assets.staging.products import StgProducts
from growthos_assets.table import table
from warehouse.contract import Money, Table, column, polars_schema
from warehouse.tenants import Tenant


class DimProduct(Table, name="marts.dim_product", key=("product_id",)):
    """One row per product that can be ordered: a Shopify variant, or a SKU of imported files."""

    product_id: str = column("Shopify's variant id, or the SKU.")
    sku: str = column("The brand's own code.", nullable=True)
    title: str = column("What the shop calls it.", nullable=True)
    category: str = column("Lower-cased product type.", nullable=True)
    unit_cost: Money = column("What one unit costs the brand; null when the shop does not say.", nullable=True, ge=0)
    margin_rate: Rate = column(
        "Gross margin assumed for the category, which gives the cost where unit_cost is null.",
        metadata={"sources": ["stg_products.category"]},
    )


@table(DimProduct)
def dim_product(stg_products: LazyFrame[StgProducts], tenant: Tenant) -> pl.LazyFrame:
    return stg_products.with_columns(margin_rate=margin(pl.col("category"), tenant.category_margins)).select(
        polars_schema(DimProduct).names()
    )
