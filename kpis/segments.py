"""RFM segments: how recently, how often and for how much each customer bought, against the others."""

from __future__ import annotations

from datetime import date
from typing import Final, NamedTuple

import polars as pl
from polars import col

_r, _f, _m = col("r_score"), col("f_score"), col("m_score")


class Segment(NamedTuple):
    """A named group of customers; `rule` is over r_score, f_score and m_score."""

    name: str
    rule: pl.Expr
    doc: str


# A customer is in the first segment whose rule holds.
SEGMENTS: Final = (
    Segment("Champions", (_r >= 4) & (_f >= 4) & (_m >= 4), "Best on every score."),
    Segment("Loyal", (_r >= 3) & (_f >= 3) & (_m >= 3), "Good on every score."),
    Segment("Potential", (_r >= 3) & (_f <= 3) & (_m <= 3), "Here lately; could buy more, or more often."),
    Segment("At Risk", (_r <= 2) & (_f >= 3) & (_m >= 3), "Used to buy well, not seen lately."),
    Segment("Lost", (_r == 1) & (_f == 1), "Bought once, longest ago."),
    Segment("Dormant", pl.lit(True), "Everyone else."),
)


def rfm(orders: pl.DataFrame | pl.LazyFrame, last_day: date) -> pl.LazyFrame:
    """One row per customer, sorted by customer_id; guests (null) and days after `last_day` are left out.

    `orders`: one row per counted order with customer_id, order_date, revenue_net. Gives recency_days
    (since the newest order), frequency (orders), monetary (net revenue), r_score, f_score, m_score
    (1–5, 5 is best) and segment.

    A score is the fifth into which the share of the other customers strictly below falls, so equal
    customers have equal scores; a customer alone scores 3. Recency counts in days and from 5 down: who are
    equally recent share the better score, who have bought equally often the lower one.
    """
    return (
        orders.lazy()
        .filter(col("customer_id").is_not_null() & (col("order_date") <= last_day))
        .group_by("customer_id")
        .agg(
            (pl.lit(last_day) - col("order_date").max()).dt.total_days().alias("recency_days"),
            pl.len().cast(pl.Int64).alias("frequency"),
            col("revenue_net").sum().alias("monetary"),
        )
        .sort("customer_id")
        .with_columns(
            (6 - _fifth("recency_days")).alias("r_score"),  # fewer days are better
            _fifth("frequency").alias("f_score"),
            _fifth("monetary").alias("m_score"),
        )
        .with_columns(
            pl.coalesce(pl.when(s.rule).then(pl.lit(s.name)) for s in SEGMENTS).alias("segment"),
        )
    )


def _fifth(value: str) -> pl.Expr:
    below = col(value).rank("min").cast(pl.Int64) - 1
    others = pl.len().cast(pl.Int64) - 1
    return pl.when(others > 0).then((5 * below // others).clip(0, 4) + 1).otherwise(3)
