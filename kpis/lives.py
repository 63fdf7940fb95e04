"""Customers' lives: every order at its age since the first one, and the cohorts that its customer is in.

An age is a number of local days, or of calendar months: dates are subtracted, so that no hour and no change of clocks
is in it. A customer is *observed* up to the age that they have reached on the last day.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final, NamedTuple

import polars as pl
from polars import col

from kpis.frame import Frame

UNKNOWN: Final = "(none)"
"""The product of a line that names none, and of an order without lines."""
PRODUCT: Final = pl.coalesce("product_id", "sku", pl.lit(UNKNOWN))
"""What product a line is of."""

DISCOUNT_BANDS: Final = ((0, "0%"), (10, "0-10%"), (20, "10-20%"), (30, "20-30%"))
"""Up to how many percent of gross a discount is in a band; whole percents, so that a cent lost in rounding is none."""
DEEPEST: Final = "30%+"


class Cohorting(NamedTuple):
    """A way to divide customers into cohorts, each of them into exactly one.

    `of_customer` is over a row of lives(), `of_spend` over a row of spend (date, channel_id): which cohort was acquired
    with it; None where nobody can say. A cohort of a `period` is read once all of it is that old; any other takes in
    customers every day, so that its figures are of those who are old enough.
    """

    name: str
    label: str
    of_customer: pl.Expr
    of_spend: pl.Expr | None
    period: bool = False


def _month(day: str) -> pl.Expr:
    return col(day).dt.strftime("%Y-%m")


def _week(day: str) -> pl.Expr:
    return col(day).dt.truncate("1w").dt.strftime("%Y-%m-%d")


# One row per cohorting, as the table it is.
# fmt: off
COHORTINGS: Final[dict[str, Cohorting]] = {by.name: by for by in (
    Cohorting("month", "month of first order", _month("first_day"), _month("date"), period=True),
    Cohorting("week", "week of first order", _week("first_day"), _week("date"), period=True),
    Cohorting("channel", "first channel", col("first_channel"), col("channel_id")),
    Cohorting("product", "first product", col("first_product"), None),
    Cohorting("discount", "discount on the first order", col("first_discount"), None),
    Cohorting("all", "all customers", pl.lit("all"), pl.lit("all")),
)}
# fmt: on


def lives(orders: Frame, last_day: date) -> pl.LazyFrame:
    """One row per order of a customer up to `last_day`, by customer and day; guests (null) are left out.

    `orders` holds the counted orders: customer_id, order_date and whatever else; its columns are kept. Added are

    - first_day (Date); age, age_in_months (Int32): days, and calendar months, from it to the order.
    - observed_days, observed_months (Int32): the age that the customer has reached, in complete days, and the newest
      calendar month that is over; -1 while even that of the first order is not.
    - customers, repeat_customers, returned_customers, active_customers, orders (Int64): 1 on an order that is the
      customer's first, the second ever, the first on a later day, the first in its calendar month, any; else 0. So
      their sums count customers.
    - is_left_truncated: first seen in the first month of the history, so perhaps an old customer.
    """
    first, age = col("first_day"), col("age")
    is_first = (col("customer_id") != col("customer_id").shift()).fill_null(True)
    return (
        orders.lazy()
        .filter(col("customer_id").is_not_null() & (col("order_date") <= last_day))
        .sort("customer_id", "order_date")
        .with_columns(is_first.alias("is_first"))
        .with_columns(pl.when("is_first").then("order_date").forward_fill().alias("first_day"))
        .with_columns(
            (col("order_date") - first).dt.total_days().cast(pl.Int32).alias("age"),
            (_months(col("order_date")) - _months(first)).alias("age_in_months"),
            (pl.lit(last_day) - first).dt.total_days().cast(pl.Int32).alias("observed_days"),
            (_months(pl.lit(last_day + timedelta(1))) - 1 - _months(first)).alias("observed_months"),
        )
        .with_columns(
            col("is_first").cast(pl.Int64).alias("customers"),
            _one(~col("is_first") & col("is_first").shift()).alias("repeat_customers"),
            _one((age > 0) & (age.shift() == 0)).alias("returned_customers"),
            _one(col("is_first") | (col("age_in_months") != col("age_in_months").shift())).alias("active_customers"),
            pl.lit(1, pl.Int64).alias("orders"),
            (_months(first) == _months(first.min())).alias("is_left_truncated"),
        )
        .drop("is_first")
    )


def with_cohorts(lives: Frame, lines: Frame) -> pl.LazyFrame:
    """`lives` with what each customer began with: first_channel, first_product, first_discount (a band's name).

    `lives` must have order_id, is_new_customer (true on each customer's first order), channel_id, revenue_gross and
    discounts; `lines` holds the counted lines: order_id, line_id, product_id, sku, revenue_gross, discounts. The first
    product is that of the first order's largest line after discounts, of equal ones that with the lowest line_id.
    """
    firsts = (
        lives.lazy()
        .filter("is_new_customer")
        .select("customer_id", "order_id", col("channel_id").alias("first_channel"), _band().alias("first_discount"))
    )
    after_discounts = col("revenue_gross") - col("discounts")
    largest = (
        lines.lazy()
        .join(firsts, on="order_id", how="semi")
        .group_by("order_id")
        .agg(PRODUCT.sort_by(after_discounts, "line_id", descending=[True, False]).first().alias("first_product"))
    )
    begun = firsts.join(largest, on="order_id", how="left").with_columns(col("first_product").fill_null(UNKNOWN))
    return lives.lazy().join(begun.drop("order_id"), on="customer_id", how="left", maintain_order="left")


def state(lives: Frame, age: int) -> pl.LazyFrame:
    """A state of kpis by the day of each customer's first order: what those who are `age` days old did by that age.

    One row per order until then, of with_cohorts()' rows: date (that day), order_id, customer_id, first_channel,
    first_product, first_discount, and the measures OF_LIVES, orders, revenue_net, contribution_margin.
    Customers first seen in the history's first month are left out, since they may be old ones.
    """
    return (
        lives.lazy()
        .filter((col("observed_days") >= age) & (col("age") <= age) & ~col("is_left_truncated"))
        .select(
            "order_id", "customer_id", "first_channel", "first_product", "first_discount",
            "returned_customers", "repeat_customers", "orders", "revenue_net", "contribution_margin",
            date="first_day", mature_customers="customers",
        )
    )  # fmt: skip


def _band() -> pl.Expr:
    """The discount on an order; one that costs nothing has none."""
    gross = col("revenue_gross").cast(pl.Float64)
    percent = pl.when(gross > 0).then(100 * col("discounts").cast(pl.Float64) / gross).otherwise(0).round()
    bands = [pl.when(percent <= most).then(pl.lit(name)) for most, name in DISCOUNT_BANDS]
    return pl.coalesce(*bands, pl.lit(DEEPEST))


def _months(day: pl.Expr) -> pl.Expr:
    return 12 * day.dt.year() + day.dt.month()


def _one(holds: pl.Expr) -> pl.Expr:
    return holds.fill_null(False).cast(pl.Int64)
