"""What makes a row of a file the same row again, and what a file that has it has all of.

Everything is said of a row's texts: every field of its kind, stripped; null where it is blank or not there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import polars as pl


@dataclass(frozen=True)
class Identity:
    """Of one kind of row: its record's id, and what it is part of."""

    external_id: pl.Expr
    """Null for a row that names no record of its own."""
    whole: Mapping[str, pl.Expr]
    """What a file that has one row of it has all rows of: one that it no longer has, is no more."""
    refined: str | None = None
    """The part of it that a file may leave blank: what was told without is told anew with it, and the other way round
    where a file says it of nothing that is otherwise of the same whole."""
    made: Mapping[str, pl.Expr] = field(default_factory=dict[str, pl.Expr])
    """Fields that, where they are blank, are made of others and a count."""


ORDER, LINE, AT = pl.col("order_id"), pl.col("line_id"), pl.col("processed_at")
SPELLED = (
    AT.str.replace("T", " ", literal=True)
    .str.replace(r"Z$", "+00:00")
    .str.replace(r"(\d\d:\d\d):00(?:\.0+)?", "$1")
    .str.replace(r" 00:00$", "")
)
"""The instant in one spelling: a spreadsheet writes it in another one than the shop, a Parquet file in a third."""
IS_RETURN = pl.col("quantity").str.starts_with("-").fill_null(False)
RETURN = pl.when(IS_RETURN).then(pl.lit("return"))
NTH = (pl.int_range(pl.len()) + 1).over(ORDER, LINE, AT, IS_RETURN).cast(pl.String)
MARK = pl.concat_str(RETURN, AT, NTH, separator="/", ignore_nulls=True)
"""Of several rows alike, which. By the instant too: what comes back in another month's file is not what came before."""
IS_MADE = (LINE.str.starts_with(AT + "/") | (IS_RETURN & LINE.str.starts_with("return/"))).fill_null(False)
"""The line_id is a mark; that of a return was once made as a sale's."""

ORDERS = Identity(
    # a return may repeat the ids of what it gives back, and of earlier returns
    pl.concat_str(
        ORDER,
        pl.concat_str(LINE, pl.when(IS_RETURN & ~IS_MADE).then(MARK), separator="/", ignore_nulls=True),
        separator="/",
    ),
    whole={
        "order_id": ORDER,
        "line_id": pl.when(~IS_MADE).then(LINE),
        "is_return": IS_RETURN,
        "returned_at": pl.when(IS_RETURN).then(SPELLED),
    },
    refined="line_id",
    made={"line_id": MARK},
)


PLATFORMS = {
    "meta": ("meta ads", "meta_ads", "facebook", "facebook ads", "facebook_ads", "fb", "fb ads"),
    "google": ("google ads", "google_ads", "adwords", "google adwords"),
    "tiktok": ("tiktok ads", "tiktok_ads"),
}
"""Ad platforms, and what people call each besides; Instagram is a part of Meta that may stand beside the whole."""


def platform(channel: pl.Expr) -> pl.Expr:
    """The channel of a file in one spelling, and an ad platform's under one name."""
    words = {word: name for name, others in PLATFORMS.items() for word in others}
    return channel.str.to_lowercase().replace(words)


DATE, CHANNEL = pl.col("date"), platform(pl.col("channel"))
DAY = DATE.str.replace(r"^(\d{4}-\d{2}-\d{2})[T ].*$", "$1")
"""The date without the time of day that some files have with it."""
CAMPAIGN = pl.coalesce("campaign_id", "campaign_name", CHANNEL)
SPEND = Identity(
    # campaigns of several channels and accounts may share a name
    pl.concat_str(CAMPAIGN, DATE, CHANNEL.fill_null(""), pl.col("account_id").fill_null(""), separator="/"),
    whole={"campaign": CAMPAIGN, "date": DAY, "channel": CHANNEL, "account_id": pl.col("account_id")},
    refined="account_id",
)

TRAFFIC = Identity(pl.concat_str("channel", DATE, separator="/"), whole={"channel": pl.col("channel"), "date": DAY})


def texts(rows: pl.DataFrame, fields: Iterable[str]) -> pl.LazyFrame:
    """The rows' texts, as identities read them."""
    there = {name: pl.col(name).str.strip_chars().replace("", None) for name in rows.columns}
    return rows.lazy().select(there.get(name, pl.lit(None, pl.String)).alias(name) for name in fields)


def decoded(payloads: pl.Series, fields: Iterable[str]) -> pl.DataFrame:
    """The rows that the payloads were made of, but for what was made."""
    record = pl.Struct(dict.fromkeys(fields, pl.String))
    return payloads.str.json_decode(record).struct.unnest()


def kept(known: pl.DataFrame, rows: pl.DataFrame, identity: Identity, fields: Iterable[str]) -> pl.Series:
    """The ids of those known records (external_id, payload) of whose whole the rows have nothing."""
    payloads = decoded(known["payload"], fields)
    told = texts(rows, fields).select(**identity.whole)
    parts = texts(payloads, fields).select(**identity.whole).with_columns(known["external_id"])
    if identity.refined:
        others = [name for name in identity.whole if name != identity.refined]
        coarse = told.group_by(others).agg(pl.col(identity.refined).count()).filter(pl.col(identity.refined) == 0)
        parts = parts.join(coarse, on=others, how="anti", nulls_equal=True)
        told = pl.concat([told, told.with_columns(pl.lit(None, pl.String).alias(identity.refined))])
    return parts.join(told, on=list(identity.whole), how="anti", nulls_equal=True).collect()["external_id"]
