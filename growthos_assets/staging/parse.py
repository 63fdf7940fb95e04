"""Reading payloads strictly: what is no value of its kind becomes null, and a problem of its row.

A payload is decoded with every leaf as text and then read here, so that a wrong value costs its row and not
the batch. The problems of a row gather in the column `_problems`; a row that has any goes to quarantine
with them.
"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import polars as pl
from polars._typing import PolarsDataType
from polars.selectors import by_name

from growthos_assets.raw.formats import UNREADABLE, UNREADABLE_LINE
from growthos_assets.staging.kinds import Kind
from warehouse.contract import Table, polars_schema
from warehouse.split import PROBLEMS
from warehouse.tenants import Tenant

DataType = pl.DataType | type[pl.DataType]

SEPARATOR = "\x1f"
"""Between the sentences of `_problems` while it is made: text joins ten times faster than lists do."""

QUOTED = 80
"""Letters of a value that a problem quotes; all of them are in the raw record."""

DECODED_AT_ONCE = 1_000
"""Payloads; decoding takes ten times their size in memory, and is an eighth faster where that fits in the caches."""


def decoded(raw: pl.LazyFrame, fields: Mapping[str, DataType]) -> pl.LazyFrame:
    """The payload's fields as columns of text, beside `external_id`, `seen_at` and, of files, `import_id`."""
    record = pl.Struct(fields)
    # what is flat is read as fast as it could be cut down
    lean = _leaner(record) if any(kind.is_nested() for kind in fields.values()) else None

    def decode_part(payloads: pl.Series) -> pl.Series:
        texts = pl.Series(payloads.name, map(lean, payloads), pl.String) if lean else payloads
        return texts.str.json_decode(record)

    def decode(payloads: pl.Series) -> pl.Series:
        parts = (payloads.slice(start, DECODED_AT_ONCE) for start in range(0, len(payloads), DECODED_AT_ONCE))
        with ThreadPoolExecutor(pl.thread_pool_size()) as threads:  # polars itself decodes one after the other
            done = list(threads.map(decode_part, parts))
        return pl.concat(done) if done else pl.Series(payloads.name, [], record)

    payload = pl.col("payload").map_batches(decode, return_dtype=record, is_elementwise=True)
    told = by_name("external_id", "seen_at", "import_id", require_all=False)
    return raw.select(told, payload=payload).unnest("payload")


def file_rows(raw: pl.LazyFrame, fields: Iterable[str]) -> pl.LazyFrame:
    """The fields of a file's rows as text, beside those of `decoded`; a line that is none has `_problems`."""
    rows = decoded(raw, dict.fromkeys((*fields, UNREADABLE, UNREADABLE_LINE), pl.String))
    problem = rule(
        pl.col(UNREADABLE).is_not_null(),
        "{} in line {} is no JSON object",
        pl.col(UNREADABLE),
        pl.col(UNREADABLE_LINE).fill_null("?"),
    )
    return rows.select(pl.exclude(UNREADABLE, UNREADABLE_LINE), problem.alias(PROBLEMS))


def _leaner(record: pl.Struct) -> Callable[[str], str]:
    """What cuts a payload down to the record's fields: polars makes a tree of all that it is given, at a high price."""
    read, write = msgspec.json.Decoder(_shape(record)).decode, msgspec.json.Encoder().encode

    def lean(payload: str) -> str:
        try:
            return write(read(payload)).decode()
        except msgspec.MsgspecError:  # of another shape: what becomes of it, is for polars to say
            return payload

    return lean


def _shape(kind: PolarsDataType) -> Any:
    """The type by which msgspec reads such a value, its leaves undecoded."""
    if isinstance(kind, pl.List):
        return list[_shape(kind.inner)] | None
    if not isinstance(kind, pl.Struct):
        return msgspec.Raw
    fields: list[tuple[str, Any, Any]] = []
    for at, field in enumerate(kind.fields):
        shape = _shape(field.dtype)
        missing = msgspec.Raw(b"null") if shape is msgspec.Raw else None
        fields.append((f"field_{at}", shape, msgspec.field(default=missing, name=field.name)))
    return msgspec.defstruct("Fields", fields, gc=False) | None


def parse(
    frame: pl.LazyFrame,
    kinds: Mapping[str, Kind],
    *,
    required: Iterable[str] = (),
    defaults: Mapping[str, str] = MappingProxyType({}),
) -> pl.LazyFrame:
    """The frame with its text columns read as their kinds; what is missing or unreadable adds to `_problems`.

    Blank text is absent. Absent is the column's default, else null, and a problem only where it is required.
    """
    trimmed = {name: pl.col(name).str.strip_chars() for name in kinds}
    texts = {
        name: pl.when(text != "").then(text).otherwise(pl.lit(defaults.get(name), pl.String))
        for name, text in trimmed.items()
    }
    reads = {f"{name} as read": kind.read(pl.col(name)) for name, kind in kinds.items()}
    values = {
        name: pl.when(kind.fits(pl.col(f"{name} as read"))).then(f"{name} as read") for name, kind in kinds.items()
    }
    known = [PROBLEMS] if PROBLEMS in frame.collect_schema() else []
    # of a row that is known to be broken, nobody asks what it lacks
    asked = clean() if known else pl.lit(True)
    missing = [rule(asked & pl.col(name).is_null(), f"{name} is missing") for name in required]
    unread = [
        rule(
            pl.col(name).is_not_null() & values[name].is_null(),
            f"{name}: {{}} is not {kind.noun}",
            pl.col(name),
        )
        for name, kind in kinds.items()
    ]
    return (
        frame.with_columns(**texts)
        .with_columns(**reads)
        .with_columns(_joined(*known, *missing, *unread), **values)
        .drop(*reads)
    )


def first_text(*columns: str) -> pl.Expr:
    """The first of several columns that is not blank."""
    return pl.coalesce(pl.col(name).str.strip_chars().replace("", None) for name in columns)


def rule(broken: pl.Expr, sentence: str, *values: pl.Expr) -> pl.Expr:
    """The sentence for rows where `broken` is true, `{}` standing for the values; null for the others.

    Values are quoted, as far as a person reads them: by that reasons.py tells rows that break the same rule.
    """
    quoted = [value.cast(pl.String).str.slice(0, QUOTED) for value in values]
    told = pl.format(sentence.replace("{}", "'{}'"), *quoted) if values else pl.lit(sentence)
    return pl.when(broken).then(told)


def note(frame: pl.LazyFrame, *rules: pl.Expr) -> pl.LazyFrame:
    """The frame with what the rules found added to `_problems`."""
    return frame.with_columns(_joined(PROBLEMS, *rules))


def _joined(*found: pl.Expr | str) -> pl.Expr:
    sentences = pl.concat_str(*found, separator=SEPARATOR, ignore_nulls=True)
    return sentences.replace("", None).alias(PROBLEMS)


def clean() -> pl.Expr:
    """True for rows without a problem."""
    return pl.col(PROBLEMS).is_null()


def staged(frame: pl.LazyFrame, contract: type[Table]) -> pl.LazyFrame:
    """The contract's columns, and the problems as the list of sentences that the quarantine keeps."""
    problems = pl.col(PROBLEMS).str.replace_all("\0", "␀", literal=True).str.split(SEPARATOR)
    return frame.select(*polars_schema(contract), problems)


def foreign_currency(tenant: Tenant, column: str = "currency") -> pl.Expr:
    """Money of several currencies is never summed: what is not the tenant's own is a problem."""
    sentence = f"{column}: {{}} is not the tenant's {tenant.currency}"
    return rule(pl.col(column) != tenant.currency, sentence, pl.col(column))


def later_than(now: datetime, column: str) -> pl.Expr:
    """An instant after `now` cannot have happened."""
    return rule(pl.col(column) > now, f"{column} is in the future")


def day_after(now: datetime, tenant: Tenant, column: str = "date") -> pl.Expr:
    """A day that has begun nowhere yet: an ad account's zone may be a day ahead of the tenant's."""
    tomorrow = now.astimezone(ZoneInfo(tenant.timezone)).date() + timedelta(days=1)
    return rule(pl.col(column) > tomorrow, f"{column} is in the future")
