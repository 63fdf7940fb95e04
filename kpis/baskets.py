"""Which products are bought together, and which one after the other."""

from __future__ import annotations

from typing import Final

import polars as pl
from polars import col

from kpis.lives import PRODUCT, UNKNOWN, Frame

LEAST: Final = 10
"""Fewer times than these, a pair is chance."""


def product_pairs(lives: Frame, lines: Frame) -> pl.LazyFrame:
    """One row per kind, product and other product that were bought at least LEAST times, sorted.

    `lives` is what lives.lives() gives, with order_id; `lines` holds the counted lines: order_id, product_id, sku. So
    guests are left out. A basket is what a customer bought on one day, known or not: a day of orders without a counted
    line is none, and stands between no two. Of kind

    - "together": both are in a basket. Each pair is there twice, once for each product.
    - "next": the product is in a basket, the other in the customer's next one; it may be the same product. Baskets
      that no other has followed yet are not counted.

    baskets: all that were looked at; product_baskets, other_baskets: with the one, with the other (of kind "next": in
    the next); pair_baskets: with both. support = pair_baskets ÷ baskets, confidence = pair_baskets ÷ product_baskets,
    lift = confidence ÷ (other_baskets ÷ baskets): 1 if the two had nothing to do with each other. Support and
    confidence: Agrawal, Imielinski, Swami, SIGMOD 1993; lift (there: interest): Brin, Motwani, Ullman, Tsur, SIGMOD
    1997.
    """
    sold = (
        lives.lazy()
        .select("order_id", "customer_id", "order_date")
        .join(lines.lazy().select("order_id", PRODUCT.alias("product")), on="order_id")
    )
    days = sold.select("customer_id", "order_date").unique().sort("customer_id", "order_date")
    is_followed = (col("customer_id") == col("customer_id").shift(-1)).fill_null(False)
    baskets = days.with_columns(pl.int_range(pl.len()).alias("basket"), is_followed.alias("is_followed"))
    items = (
        sold.join(baskets, on=["customer_id", "order_date"])
        .select("basket", "product", "is_followed")
        .unique()
        .collect()  # what follows reads it several times
    )
    bought = items.select("basket", "product")
    followed, following = items.filter("is_followed").drop("is_followed"), bought.with_columns(col("basket") - 1)
    together = _pairs("together", bought, bought).filter(col("product") != col("other"))
    return pl.concat([together, _pairs("next", followed, following)]).sort("kind", "product", "other").lazy()


def _pairs(kind: str, before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """The pairs of a product in a basket of `before` and one in the basket of the same number of `after`."""
    after = after.join(before, on="basket", how="semi").rename({"product": "other"})
    baskets = before["basket"].n_unique()
    # a pair is no more frequent than either of the two
    products, others = _frequent(before, "product"), _frequent(after, "other")
    found = (
        before.join(products, on="product", how="semi")
        .join(after.join(others, on="other", how="semi"), on="basket")
        .group_by("product", "other")
        .agg(pl.len().cast(pl.Int64).alias("pair_baskets"))
        .filter(col("pair_baskets") >= LEAST)
    )
    confidence = col("pair_baskets") / col("product_baskets")
    return (
        found.join(products, on="product")
        .join(others, on="other")
        .select(
            pl.lit(kind).alias("kind"), "product", "other",
            pl.lit(baskets, pl.Int64).alias("baskets"), "product_baskets", "other_baskets", "pair_baskets",
            (col("pair_baskets") / baskets).alias("support"),
            confidence.alias("confidence"),
            (confidence * baskets / col("other_baskets")).alias("lift"),
        )
    )  # fmt: skip


def _frequent(items: pl.DataFrame, product: str) -> pl.DataFrame:
    return (
        items.filter(col(product) != UNKNOWN)
        .group_by(product)
        .agg(pl.len().cast(pl.Int64).alias(f"{product}_baskets"))
        .filter(col(f"{product}_baskets") >= LEAST)
    )
