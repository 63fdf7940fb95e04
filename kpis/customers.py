"""What each customer is worth so far and may still be, and where the customers of a segment came from."""

from __future__ import annotations

from typing import Final

import polars as pl
from polars import col

from kpis.frame import Frame
from kpis.registry import KPIS

AT_RISK: Final = 0.5
"""The probability of still being a customer below which one is at risk."""

_SUMS: Final = ("orders", "revenue_gross", "discounts", "revenue_net", "contribution_margin")


def customer_value(lives: Frame, segments: Frame, forecasts: Frame) -> pl.LazyFrame:
    """One row per customer, sorted by customer_id.

    `lives` is what lives.with_cohorts() gives, with processed_at; `segments` has customer_id and segment, `forecasts`
    customer_id, p_alive and expected_revenue_365 (kpis.ltv). Gives segment; first_order_date, last_order_date;
    first_channel, last_channel, first_product, first_discount; is_left_truncated; orders, and the exact sums of
    revenue_gross, discounts, revenue_net, contribution_margin; aov; and

    - days_between_orders (Float64): mean days from an order day to the next; null with only one. As Klaviyo's average
      days between orders, but that orders of one day are one.
    - next_order_expected (Date): so many days after the newest order; null with only one order day.
    - p_alive, expected_revenue_365: the forecast's.
    - is_at_risk: p_alive is below AT_RISK; null where it is not known.
    """
    day = col("order_date")
    gaps = col("order_days") - 1
    return (
        lives.lazy()
        .group_by("customer_id")
        .agg(
            pl.first("first_channel", "first_product", "first_discount", "is_left_truncated"),
            day.min().alias("first_order_date"),
            day.max().alias("last_order_date"),
            day.n_unique().cast(pl.Int64).alias("order_days"),
            col("channel_id").sort_by("processed_at", "order_id").last().alias("last_channel"),
            pl.sum(*_SUMS),
        )
        .join(segments.lazy().select("customer_id", "segment"), on="customer_id", how="left")
        .join(forecasts.lazy().select("customer_id", "p_alive", "expected_revenue_365"), on="customer_id", how="left")
        .with_columns(
            KPIS["aov"].expr(),
            pl.when(gaps > 0)
            .then((col("last_order_date") - col("first_order_date")).dt.total_days() / gaps)
            .alias("days_between_orders"),
            (col("p_alive") < AT_RISK).alias("is_at_risk"),
        )
        .with_columns(
            (col("last_order_date") + pl.duration(days=col("days_between_orders").round())).alias("next_order_expected")
        )
        .drop("order_days")
        .sort("customer_id")
    )


def segment_channels(customers: Frame) -> pl.LazyFrame:
    """One row per segment and first_channel, sorted, from what customer_value() gives.

    customers (Int64), orders (Int64), revenue_net, contribution_margin (exact money), and their shares of all:
    customer_share, revenue_share, margin_share (Float64, fractions of 1); null where the whole is not positive.
    """
    shares = {"customers": "customer_share", "revenue_net": "revenue_share", "contribution_margin": "margin_share"}
    return (
        customers.lazy()
        .group_by("segment", "first_channel")
        .agg(pl.len().cast(pl.Int64).alias("customers"), pl.sum("orders", "revenue_net", "contribution_margin"))
        .with_columns(_share(column).alias(name) for column, name in shares.items())
        .sort("segment", "first_channel")
    )


def _share(column: str) -> pl.Expr:
    part = col(column).cast(pl.Float64)
    whole = col(column).sum().cast(pl.Float64)
    return pl.when(whole > 0).then(part / whole)
