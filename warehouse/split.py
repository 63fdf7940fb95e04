"""Rows that keep their contract, and rows that break it with the reasons: the quarantine's gate.

pandera declares the rules; the split runs each of them once as one boolean per row, which pandera itself does not
offer on polars (its drop_invalid_rows loses columns, keeps duplicates and drops good rows without a word). Beside
them it asks what the database will: one value that PostgreSQL can't store would stop the whole table.
"""

from decimal import Decimal
from typing import Any

import pandera.polars as pa
import polars as pl
from pandera.config import ValidationDepth, config_context

from warehouse.contract import DIGITS, KEY_BYTES, Table, polars_schema, schema_of

PROBLEMS = "_problems"
"""A transform may add this List[String] column: reasons of its own for which a row must not go on."""

REASONS = "reasons"

QUARANTINE_LIMIT = 0.5
"""Share of broken rows above which none goes on: the input is not what it is taken for."""

WORDS = {
    "equal_to": "is not {value}",
    "not_equal_to": "is {value}",
    "greater_than": "is not above {min_value}",
    "greater_than_or_equal_to": "is below {min_value}",
    "less_than": "is not below {max_value}",
    "less_than_or_equal_to": "is above {max_value}",
    "in_range": "is not between {min_value} and {max_value}",
    "isin": "is none of {allowed_values}",
    "notin": "is one of {forbidden_values}",
    "str_matches": "does not match {pattern}",
    "str_length": "has a wrong length",
}
"""What is wrong with a value that breaks pandera's rule of that name."""


def too_bad(bad: int, rows: int) -> bool:
    """Whether so many of the rows are broken that none goes on."""
    return bad > QUARANTINE_LIMIT * rows


def conform(frame: pl.DataFrame, contract: type[Table]) -> pl.DataFrame:
    """The frame in the contract's column order and exact types.

    Raises pandera's SchemaErrors when a column is missing, unknown or of another kind: that is a fault of the
    transform, not of a row.
    """
    wanted = polars_schema(contract)
    widened = [
        pl.col(name).cast(dtype)
        for name, dtype in wanted.items()
        if name in frame.schema and _same_kind(frame.schema[name], dtype)
    ]
    frame = frame.with_columns(widened)
    if dict(frame.schema) != dict(wanted):  # pandera has the words for what is wrong, and takes long to find nothing
        with config_context(validation_depth=ValidationDepth.SCHEMA_ONLY):
            schema_of(contract).validate(frame.lazy(), lazy=True)
    return frame.select(wanted.names())


def split(frame: pl.DataFrame, contract: type[Table]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(good, bad): good rows exactly as the contract has them; bad rows with their `reasons` List[String].

    good.height + bad.height == frame.height. Of rows with the same key the first that breaks nothing else is kept.
    """
    rows = conform(frame.drop(PROBLEMS, strict=False), contract)
    if rows.is_empty():
        return rows, _none_bad(rows)
    verdicts, own = _verdicts(rows, contract), _own_reasons(frame)
    ok = verdicts.select(pl.all_horizontal(own.list.len() == 0, pl.all())).to_series()
    if key := contract.__spec__.key:
        first = rows.select(pl.struct(*key, ok.alias("")).is_first_distinct()).to_series()
        verdicts = verdicts.with_columns((first | ~ok).alias(f"another row has the same {' and '.join(key)}"))
        ok &= first
    if ok.all():
        return rows, _none_bad(rows)

    broken = pl.concat_list(pl.when(~pl.col(rule)).then(pl.lit(rule)) for rule in verdicts.columns).list.drop_nulls()
    # a value that a transform could not read is null by now: its own reason says more than "is missing"
    reasons = pl.when(pl.col(PROBLEMS).list.len() > 0).then(PROBLEMS).otherwise(broken).alias(REASONS)
    return rows.filter(ok), rows.filter(~ok).hstack(verdicts.with_columns(own).filter(~ok).select(reasons))


def _none_bad(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.clear().with_columns(pl.lit(None, pl.List(pl.String)).alias(REASONS))


def _own_reasons(frame: pl.DataFrame) -> pl.Series:
    """What the transform found wrong with each row; an empty list where nothing."""
    none = pl.lit([], pl.List(pl.String))
    own = pl.col(PROBLEMS).fill_null(none) if PROBLEMS in frame.columns else pl.repeat(none, pl.len())
    return frame.select(own.alias(PROBLEMS)).to_series()


def _verdicts(rows: pl.DataFrame, contract: type[Table]) -> pl.DataFrame:
    """One boolean column per rule, named by the reason that a person will read."""
    schema = schema_of(contract)
    masks: dict[str, pl.Series] = {}
    for name, col in schema.columns.items():
        values = rows[name]
        if not col.nullable:
            masks[f"{name} is missing"] = values.is_not_null()
        for reason, storable in _storable(values).items():
            masks[f"{name} {reason}"] = storable.fill_null(True)
        for rule in _rules(col):
            masks[f"{name} {_words(rule)}"] = _mask(rule, rows, name)
    for reason, fits in _indexable(rows, contract).items():
        masks[reason] = fits
    for rule in _rules(schema):
        masks[_words(rule)] = _mask(rule, rows, None)
    return pl.DataFrame(masks)


def _indexable(rows: pl.DataFrame, contract: type[Table]) -> dict[str, pl.Series]:
    """Reason → which rows the database can index, by key and by what else they are found by."""
    verdicts: dict[str, pl.Series] = {}
    for columns in (contract.__spec__.key, contract.__spec__.index):
        if texts := [name for name in columns if rows.schema[name] == pl.String]:
            length = rows.select(pl.sum_horizontal(pl.col(texts).str.len_bytes())).to_series()
            are = "are" if len(texts) > 1 else "is"
            verdicts[f"{' and '.join(texts)} {are} too long to be a key"] = length <= KEY_BYTES
    return verdicts


def _storable(values: pl.Series) -> dict[str, pl.Series]:
    """Reason → which values the database can hold, or a sum can use."""
    dtype = values.dtype
    if dtype.is_float():
        return {"is not a number": values.is_not_nan()}
    if isinstance(dtype, pl.Decimal):
        return {"is too large": values.abs() < Decimal(10) ** (DIGITS - dtype.scale)}
    if dtype == pl.String:
        return {"holds a NUL character": ~values.str.contains("\0", literal=True)}
    return {}


def _rules(schema: Any) -> list[pa.Check]:
    return schema.checks or []


def _mask(rule: pa.Check, rows: pl.DataFrame, column: str | None) -> pl.Series:
    output: Any = rule(rows.lazy(), column).check_output  # pyright: ignore[reportUnknownMemberType]
    verdict: pl.Series = output.collect().to_series() if isinstance(output, pl.LazyFrame) else output
    if len(verdict) != rows.height:
        raise TypeError(f"rule {_words(rule)!r} must give one boolean per row")
    return verdict.fill_null(True)


def _words(rule: Any) -> str:
    words = WORDS.get(rule.name)
    return words.format_map(rule.statistics) if words else str(rule.error or rule.name)


def _same_kind(have: pl.DataType, want: pl.DataType) -> bool:
    """Types between which a cast only widens or adds nothing: integers, decimals, instants, nulls."""
    return (
        have == pl.Null
        or (have.is_integer() and want.is_integer())
        or (have.is_float() and want.is_float())
        or (have.is_decimal() and want.is_decimal())
        or (isinstance(have, pl.Datetime) and isinstance(want, pl.Datetime) and have.time_zone == want.time_zone)
    )
