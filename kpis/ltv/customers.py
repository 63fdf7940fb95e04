"""Customers as the LTV models see them: how often and how lately they bought again, and for how much."""

from __future__ import annotations

from datetime import date

import polars as pl

from kpis.frame import Frame


def customers(orders: Frame, last_day: date) -> pl.LazyFrame:
    """One row per customer who has bought up to `last_day`, sorted by customer_id; guests are left out.

    `orders` holds the counted orders: customer_id (null for a guest), order_date, revenue_net,
    contribution_margin. A day with several orders is one purchase, as in the models' papers. Gives

    - first_day
    - repeat_orders (Int64): later days with an order; the papers' x.
    - last_order_age_days (Int64): from the first to the newest of those days, 0 without any; their tₓ.
    - age_days (Int64): from the first day to `last_day`; their T.
    - repeat_order_value (Float64, money): net revenue per later day; null without any, may be 0 or less after refunds.
    - repeat_revenue, repeat_margin (exact money): net revenue and contribution margin of the later days.
    - is_left_truncated: first seen in the first month of the history, so perhaps an old customer.
    """
    first = pl.col("first_day")
    again = pl.col("order_date") > first
    return (
        order_days(orders)
        .filter(pl.col("order_date") <= last_day)
        .group_by("customer_id")
        .agg(
            first.first(),
            again.sum().cast(pl.Int64).alias("repeat_orders"),
            (pl.col("order_date").max() - first.first()).dt.total_days().alias("last_order_age_days"),
            pl.col("revenue_net").filter(again).sum().alias("repeat_revenue"),
            pl.col("contribution_margin").filter(again).sum().alias("repeat_margin"),
        )
        .sort("customer_id")
        .select(
            "customer_id",
            "first_day",
            "repeat_orders",
            "last_order_age_days",
            (pl.lit(last_day) - first).dt.total_days().alias("age_days"),
            pl.when(pl.col("repeat_orders") > 0)
            .then(pl.col("repeat_revenue").cast(pl.Float64) / pl.col("repeat_orders"))
            .alias("repeat_order_value"),
            "repeat_revenue",
            "repeat_margin",
            (first.dt.truncate("1mo") == first.min().dt.truncate("1mo")).alias("is_left_truncated"),
        )
    )


def order_days(orders: Frame) -> pl.LazyFrame:
    """One row per customer and day with an order: its revenue_net, contribution_margin and the customer's first_day."""
    return (
        orders.lazy()
        .filter(pl.col("customer_id").is_not_null())
        .group_by("customer_id", "order_date")
        .agg(pl.sum("revenue_net", "contribution_margin"))
        .with_columns(pl.col("order_date").min().over("customer_id").alias("first_day"))
    )


def repeat_orders(orders: Frame, after: date, until: date) -> pl.LazyFrame:
    """One row per customer with repeat orders after one day and until another: customer_id, orders, revenue_net.

    An order is a day with orders, and the customer's first is none.
    """
    day = pl.col("order_date")
    return (
        order_days(orders)
        .filter((day > pl.col("first_day")) & (day > after) & (day <= until))
        .group_by("customer_id")
        .agg(pl.len().cast(pl.Int64).alias("orders"), pl.sum("revenue_net"))
    )
