"""cohorts/product_pairs: which products are bought together, and which one next."""

from typing import Annotated

import polars as pl
from pandera.typing.polars import LazyFrame

import kpis.baskets
from growthos_assets.cohorts.lives import lives, product_labels
from growthos_assets.marts.dim_product import DimProduct
from growthos_assets.marts.fact_order_lines import FactOrderLines
from growthos_assets.table import Finding, check, table
from warehouse.contract import Table, column

_BASKETS = ["fact_orders.customer_id", "fact_orders.order_date", "fact_order_lines.order_id"]
_PRODUCT = ["fact_order_lines.product_id", "fact_order_lines.sku"]
_PAIR = {"sources": [*_BASKETS, *_PRODUCT]}
_LABEL = {"sources": [*_PRODUCT, "dim_product.title", "dim_product.sku"]}


class ProductPairs(Table, name="cohorts.product_pairs", key=("kind", "product", "other")):
    """One row per product and other product that were often bought together, or the other next.

    A basket is what a customer bought on one day, but for gift cards; guests are left out, since nobody knows what they
    bought next. Pairs of fewer than 10 baskets are left out: they are chance. Of a product there are the 20 others that
    it shares the most baskets with; read by product, the highest lift first.
    """

    kind: str = column(
        "together: in one basket; next: the other in the customer's next basket.",
        isin=["together", "next"],
    )
    product: str = column("The product: product_id, else sku.", metadata={"sources": _PRODUCT})
    other: str = column("The other one; of kind next it may be the same.", metadata={"sources": _PRODUCT})
    label: str = column("The product's title and SKU.", metadata=_LABEL)
    other_label: str = column("The other's.", metadata=_LABEL)
    baskets: int = column(
        "All baskets; of kind next, those which another has followed.", gt=0, metadata={"sources": _BASKETS}
    )
    product_baskets: int = column("Those with the product.", gt=0, metadata=_PAIR)
    other_baskets: int = column("Those with the other; of kind next, followed by it.", gt=0, metadata=_PAIR)
    pair_baskets: int = column("Those with both.", ge=kpis.baskets.LEAST, metadata=_PAIR)
    support: float = column("pair_baskets ÷ baskets.", gt=0, le=1, metadata=_PAIR)
    confidence: float = column(
        "pair_baskets ÷ product_baskets: of those who buy the product, how many buy the other.",
        gt=0,
        le=1,
        metadata=_PAIR,
    )
    lift: float = column(
        "confidence ÷ (other_baskets ÷ baskets): how many times likelier the other is with the product; 1 is chance.",
        gt=0,
        metadata=_PAIR,
    )


@table(ProductPairs)
def product_pairs(
    lives: Annotated[pl.LazyFrame, lives],
    fact_order_lines: LazyFrame[FactOrderLines],
    dim_product: LazyFrame[DimProduct],
) -> pl.LazyFrame:
    labels = product_labels(dim_product)
    others = labels.rename({"product": "other", "label": "other_label"})
    return (
        kpis.baskets.product_pairs(lives, fact_order_lines.filter("is_counted"))
        .join(labels, on="product", how="left")
        .join(others, on="other", how="left")
        .with_columns(label=pl.coalesce("label", "product"), other_label=pl.coalesce("other_label", "other"))
    )


@check(ProductPairs)
def pairs_are_possible(product_pairs: LazyFrame[ProductPairs]) -> Finding:
    """No pair is in more baskets than either of the two, nor a product in more than there are."""
    least = pl.min_horizontal("product_baskets", "other_baskets")
    most = pl.max_horizontal("product_baskets", "other_baskets")
    wrong = product_pairs.filter((pl.col("pair_baskets") > least) | (most > pl.col("baskets")))
    return Finding.of(wrong.collect(), "pairs are in more baskets than there are", ok="all counts are possible")


@check(ProductPairs)
def pairs_agree_from_both_sides(product_pairs: LazyFrame[ProductPairs]) -> Finding:
    """What is bought together is the same from both sides, where both are among the product's first."""
    together = product_pairs.filter(kind="together")
    turned = together.rename({"product": "other", "other": "product"})
    both = together.join(turned, on=["product", "other"], suffix="_turned")
    differing = both.filter(pl.col("pair_baskets") != pl.col("pair_baskets_turned")).collect()
    return Finding.of(differing, "pairs differ by side", ok="every pair is the same from both sides")
