"""Exact money for the marts: every share of an amount is rounded once, half to even, to four decimals."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated

import polars as pl

from warehouse.contract import MONEY

Rate = Annotated[pl.Decimal, 38, 4]
"""A share between 0 and 1 in a table."""

FACTOR = pl.Decimal(38, 8)
"""A rate inside a computation."""
EXACT = pl.Decimal(38, 12)
"""Holds money × rate unrounded (4 + 8 decimals); polars rounds a product to its wider operand's scale."""


def share(amount: pl.Expr, rate: pl.Expr | Decimal) -> pl.Expr:
    """`rate` of `amount`; the rate has at most eight decimals."""
    factor = pl.lit(rate) if isinstance(rate, Decimal) else rate
    return (amount.cast(EXACT) * factor.cast(FACTOR)).cast(MONEY)


def prorated(amount: pl.Expr, units: pl.Expr, of: pl.Expr) -> pl.Expr:
    """The part of `amount` that `units` out of `of` carry; null where `of` is not positive."""
    whole = pl.when(of > 0).then(of)
    return (amount.cast(EXACT) * units / whole).cast(MONEY)


def margin(category: pl.Expr, margins: Mapping[str, Decimal]) -> pl.Expr:
    """The gross margin assumed for a lower-cased category; `margins["default"]` for another or none."""
    return category.replace_strict(dict(margins), default=margins["default"], return_dtype=FACTOR)


def estimated_cost(revenue: pl.Expr, category: pl.Expr, margins: Mapping[str, Decimal]) -> pl.Expr:
    """What goods cost that were sold for `revenue`, from the margin of their category."""
    return share(revenue, pl.lit(Decimal(1)).cast(FACTOR) - margin(category, margins))
