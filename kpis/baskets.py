"""Which products are bought together, and which one after the other."""

from __future__ import annotations

from typing import Any, Final

import polars as pl
from polars import col

from kpis.frame import Frame
from kpis.lives import PRODUCT, UNKNOWN

LEAST: Final = 10
"""Fewer times than these, a pair is chance."""
MOST: Final = 20
"""Others of a product that are kept: those that it shares the most baskets with."""
AT_ONCE: Final = 500
"""Products whose pairs are counted at once: each may have been bought with every other."""


def product_pairs(lives: Frame, lines: Frame) -> pl.LazyFrame:
    """One row per kind, product and other product that were bought at least LEAST times, sorted; of a product, the MOST
    others that it shares the most baskets with, of equally many those that are rarer by themselves, then by name.

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
    together = _pairs("together", bought, bought, col("product") != col("other"))
    return pl.concat([together, _pairs("next", followed, following)]).sort("kind", "product", "other").lazy()


def _pairs(kind: str, before: pl.DataFrame, after: pl.DataFrame, which: pl.Expr | bool = True) -> pl.DataFrame:
    """The pairs of a product in a basket of `before` and one in the basket of the same number of `after`."""
    after = after.join(before, on="basket", how="semi").rename({"product": "other"})
    baskets = before["basket"].n_unique()
    # a pair is no more frequent than either of the two
    products, others = _frequent(before, "product"), _frequent(after, "other")
    found = (
        _counted(_numbered(before, products, "product"), _numbered(after, others, "other"))
        .filter(col("pair_baskets") >= LEAST)
        .join(products, left_on="product_number", right_on="number")
        .join(others, left_on="other_number", right_on="number")
        .filter(which)
    )
    confidence = col("pair_baskets") / col("product_baskets")
    return (
        found.sort("pair_baskets", "other_baskets", "other", descending=[True, False, False])
        .group_by("product", maintain_order=True)
        .head(MOST)
        .select(
            pl.lit(kind).alias("kind"), "product", "other",
            pl.lit(baskets, pl.Int64).alias("baskets"), "product_baskets", "other_baskets", "pair_baskets",
            (col("pair_baskets") / baskets).alias("support"),
            confidence.alias("confidence"),
            (confidence * baskets / col("other_baskets")).alias("lift"),
        )
    )  # fmt: skip


def _frequent(items: pl.DataFrame, product: str) -> pl.DataFrame:
    """The products that are in LEAST baskets, each with a `number`."""
    return (
        items.filter(col(product) != UNKNOWN)
        .group_by(product)
        .agg(pl.len().cast(pl.Int64).alias(f"{product}_baskets"))
        .filter(col(f"{product}_baskets") >= LEAST)
        .with_row_index("number")
    )


def _numbered(items: pl.DataFrame, frequent: pl.DataFrame, product: str) -> pl.DataFrame:
    return items.join(frequent, on=product).select("basket", col("number").alias(f"{product}_number"))


def _counted(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """product_number, other_number, pair_baskets, of at least LEAST.

    The product of two sparse matrices, products × baskets and baskets × others: a basket of n products has n² pairs,
    and none of them is ever written down.
    """
    counts = pl.DataFrame(schema={"product_number": pl.UInt32, "other_number": pl.UInt32, "pair_baskets": pl.Int64})
    if before.is_empty() or after.is_empty():
        return counts
    baskets = int(pl.concat([before["basket"], after["basket"]]).to_numpy().max()) + 1
    products = _matrix(before["product_number"], before["basket"], baskets)
    others = _matrix(after["other_number"], after["basket"], baskets).T.tocsr()
    for first in range(0, products.shape[0], AT_ONCE):
        met = (products[first : first + AT_ONCE] @ others).tocoo()
        some = pl.DataFrame({"product_number": met.row + first, "other_number": met.col, "pair_baskets": met.data})
        counts = counts.vstack(some.filter(col("pair_baskets") >= LEAST).cast(counts.schema))
    return counts


def _matrix(products: pl.Series, baskets: pl.Series, width: int) -> Any:
    """Products × baskets: 1 where the one is in the other, else 0."""
    from scipy import sparse  # pyright: ignore[reportMissingTypeStubs]  (here: who counts no pairs need not wait for it)

    untyped: Any = sparse
    ones, rows = pl.ones(len(products), pl.Int32, eager=True).to_numpy(), products.to_numpy()
    return untyped.csr_array((ones, (rows, baskets.to_numpy())), shape=(int(rows.max()) + 1, width))
