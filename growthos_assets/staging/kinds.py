"""The kinds of values that payloads hold as text, and how strictly each is read."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import partial

import polars as pl

from warehouse.contract import KEY_BYTES, MONEY

LIMIT = 10**9
"""Numbers of a billion and more are typing errors, and their sums would overflow the database's money."""

ID_BYTES = (KEY_BYTES - 100) // 3
"""How long an id may be, or a name that is used as one: three of them, as an order, its line and the sale that added to
that, are one key, with what joins them or goes before."""

EARLIEST = date(1990, 1, 1)
"""Older days are what spreadsheets and databases write for "none"."""

DAY_LONG = timedelta(days=1)
INSTANT = pl.Datetime("us", "UTC")
FORMS = (
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d %H:%M%#z",
)
TRUTH = {"true": True, "1": True, "yes": True, "y": True, "false": False, "0": False, "no": False, "n": False}


@dataclass(frozen=True)
class Kind:
    """A kind of value: its name in a sentence, how text is read (null if it cannot be), which values fit."""

    noun: str
    read: Callable[[pl.Expr], pl.Expr]
    fits: Callable[[pl.Expr], pl.Expr] = pl.Expr.is_not_null


def _signed(value: pl.Expr) -> pl.Expr:
    return value.is_between(-LIMIT, LIMIT, closed="none")


def _not_negative(value: pl.Expr) -> pl.Expr:
    return value.is_between(0, LIMIT, closed="left")


def _storable(text: pl.Expr) -> pl.Expr:
    return ~text.str.contains("\0", literal=True)


def _indexable(text: pl.Expr) -> pl.Expr:
    return _storable(text) & (text.str.len_bytes() <= ID_BYTES)


def _money(text: pl.Expr) -> pl.Expr:
    return text.cast(MONEY, strict=False)


def _micros(text: pl.Expr) -> pl.Expr:
    """Millionths of the currency's unit; exact to the money's four decimals."""
    millionth = pl.lit(Decimal("0.000001"), pl.Decimal(38, 6))
    return (text.cast(pl.Decimal(38, 6), strict=False) * millionth).cast(MONEY)


def _whole(text: pl.Expr) -> pl.Expr:
    return text.str.replace(r"\.0*$", "").cast(pl.Int64, strict=False)


def _day(text: pl.Expr) -> pl.Expr:
    day = text.str.replace(r"^(\d{4}-\d{2}-\d{2})[T ].*$", "$1")
    return pl.coalesce(day.str.to_date(form, strict=False) for form in ("%Y-%m-%d", "%Y%m%d"))


def _truth(text: pl.Expr) -> pl.Expr:
    return text.str.to_lowercase().replace_strict(TRUTH, default=None, return_dtype=pl.Boolean)


def local_to_utc(local: pl.Series, timezone: str) -> pl.Series:
    """Wall-clock times in `timezone` as instants: the earlier of two, moved forward where there is none.

    A time that a clock change skips is read with the offset that held until then, as PEP 495 reads it: a day
    earlier the same time exists, and a day of elapsed time later is the instant.
    """

    def to_utc(wall: pl.Series) -> pl.Series:
        zoned = wall.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")
        return zoned.dt.convert_time_zone("UTC")

    exact = to_utc(local)
    return exact.zip_with(exact.is_not_null(), to_utc(local - DAY_LONG) + DAY_LONG)


def local_date(instant: pl.Expr, timezone: str) -> pl.Expr:
    """The business day: the date at the instant on `timezone`'s wall."""
    return instant.dt.convert_time_zone(timezone).dt.date()


def _instants(text: pl.Series, timezone: str) -> pl.Series:
    """Tries one form after the other while something is unread: most columns are all of the first form."""
    text = text.str.replace("T", " ", literal=True)
    at = pl.repeat(None, len(text), dtype=INSTANT, eager=True)
    for form in FORMS:
        if at.null_count() == text.null_count():
            break
        if form.endswith("z"):
            read = text.str.to_datetime(form, time_unit="us", time_zone="UTC", strict=False)
        else:
            read = local_to_utc(text.str.to_datetime(form, time_unit="us", strict=False), timezone)
        at = at.zip_with(at.is_not_null(), read)
    return at


def instant(timezone: str = "UTC") -> Kind:
    """ISO 8601 dates and times, T or a space between; without a zone they are `timezone`'s wall clock."""
    return Kind(
        "a date or time such as 2026-02-09 or 2026-02-09T14:30:00Z",
        lambda text: text.map_batches(partial(_instants, timezone=timezone), return_dtype=INSTANT, is_elementwise=True),
        lambda at: at.dt.date() >= EARLIEST,
    )


WORDS = "a text free of NUL characters"
ID_WORDS = f"an id or a name of at most {ID_BYTES} bytes, free of NUL characters"
TEXT = Kind(WORDS, lambda text: text, _storable)
ID = Kind(ID_WORDS, lambda text: text, _indexable)
LOWER_ID = Kind(ID_WORDS, lambda text: text.str.to_lowercase(), _indexable)
UPPER = Kind(WORDS, lambda text: text.str.to_uppercase(), _storable)
FLAG = Kind("true or false", _truth)
AMOUNT = Kind("an amount from 0 to a billion, such as 19.90", _money, _not_negative)
SIGNED_AMOUNT = Kind("an amount below a billion, such as -19.90", _money, _signed)
MICROS = Kind("a number of millionths from 0 to a billion units", _micros, _not_negative)
COUNT = Kind("a whole number from 0 to a billion", _whole, _not_negative)
SIGNED_COUNT = Kind("a whole number below a billion", _whole, _signed)
NUMBER = Kind("a number from 0 to a billion", lambda text: text.cast(pl.Float64, strict=False), _not_negative)
DAY = Kind("a date such as 2026-02-09", _day, lambda day: day >= EARLIEST)
