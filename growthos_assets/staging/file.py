"""Imported order files, read once for the three tables made from them.

A row of a file is a sale, or with a negative quantity a return on its own day. A row that cannot be read, return or
not, is turned away with the sales: they wait for no other table.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import polars as pl
from pandera.typing.polars import LazyFrame

from growthos_assets.raw.file import FileOrders
from growthos_assets.staging.kinds import (
    AMOUNT,
    FLAG,
    ID,
    LIMIT,
    LOWER_ID,
    SIGNED_AMOUNT,
    SIGNED_COUNT,
    TEXT,
    UPPER,
    Kind,
    instant,
)
from growthos_assets.staging.parse import clean, file_rows, foreign_currency, later_than, note, parse, rule
from warehouse.tenants import Tenant

IDS = ("order_id", "line_id", "customer_id", "sku")
TEXTS = ("title", "landing_url", "referrer", "source_name")

REQUIRED = ("order_id", "line_id", "processed_at", "quantity", "unit_price")


def kinds(tenant: Tenant) -> Mapping[str, Kind]:
    """The columns of an order file, and what each must hold."""
    return {
        **dict.fromkeys(IDS, ID),
        **dict.fromkeys(TEXTS, TEXT),
        "processed_at": instant(tenant.timezone),
        "cancelled_at": instant(tenant.timezone),
        "email_hash": LOWER_ID,
        "category": LOWER_ID,
        "currency": UPPER,
        "quantity": SIGNED_COUNT,
        "unit_price": AMOUNT,
        "discount": SIGNED_AMOUNT,
        "tax": SIGNED_AMOUNT,
        "shipping": AMOUNT,
        "is_test": FLAG,
    }


def lines(file_orders: LazyFrame[FileOrders], tenant: Tenant, now: datetime) -> pl.LazyFrame:
    """One row per row of the files, sale or return, typed, with `_problems`.

    `quantity` keeps its sign and `is_return` says it; `gross` is |quantity| × unit_price; a return's discount
    and tax count without their sign, since some exports mirror them and some do not. Prices are without tax.
    """
    fields = ["email" if name == "email_hash" else name for name in kinds(tenant)]
    rows = file_rows(file_orders, fields).rename({"email": "email_hash"})
    defaults = {"discount": "0", "tax": "0", "shipping": "0", "is_test": "false", "currency": tenant.currency}
    parsed = parse(rows, kinds(tenant), required=REQUIRED, defaults=defaults)
    amounts = parsed.with_columns(
        gross=pl.col("quantity").abs() * pl.col("unit_price"),
        is_return=(pl.col("quantity") < 0).fill_null(False),
    ).with_columns(
        pl.when("is_return").then(pl.col(name).abs()).otherwise(name).alias(name) for name in ("discount", "tax")
    )
    judged = note(
        amounts,
        foreign_currency(tenant),
        later_than(now, "processed_at"),
        rule(
            ~pl.col("discount").is_between(0, "gross"),
            "discount: {} is not between 0 and quantity × unit_price",
            pl.col("discount"),
        ),
        rule(pl.col("tax") < 0, "tax: {} is negative", pl.col("tax")),
        rule(pl.col("gross") >= LIMIT, "quantity × unit_price is a billion or more"),
    )
    return _without_repeats(judged)


Lines = Annotated[pl.LazyFrame, lines]
"""The files' rows as a transform's parameter."""


def _without_repeats(lines: pl.LazyFrame) -> pl.LazyFrame:
    """Of readable sale rows with the same ids, the one with the smallest external id stands.

    Returns may repeat the ids of what they give back.
    """
    key = ("order_id", "line_id", "is_sale")
    repeated = [pl.when("is_repeated").then(name) for name in key]  # null for nearly all: cheap to group by
    first = pl.col("external_id").min().over(repeated)
    return note(
        lines.with_columns(is_sale=clean() & ~pl.col("is_return"))
        .with_columns(is_repeated=pl.col("is_sale") & pl.struct(key).is_duplicated())
        .with_columns(repeats=pl.col("is_repeated") & (pl.col("external_id") != first)),
        rule(
            pl.col("repeats"),
            "line_id: {} is already another row of order {}",
            pl.col("line_id"),
            pl.col("order_id"),
        ),
    )
