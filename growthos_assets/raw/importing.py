"""Files that people export: CSV, Parquet or JSON lines, one row per order line, campaign day or channel day.

A file lands in raw.raw_events as it is, every value as text under our field's name. Nothing is judged here: a
broken row lands like any other, and staging turns it away into the quarantine with its reason, so that mending a
rule or the file is all that it takes to get it in.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import polars as pl

from growthos_assets.raw import formats, identity
from growthos_assets.raw.formats import TWIN, UNREADABLE, UNREADABLE_LINE, ImportFileError
from growthos_assets.raw.identity import Identity
from warehouse import raw, tenants, vault
from warehouse.contract import KEY_BYTES
from warehouse.database import Cursor, Warehouse
from warehouse.tenants import Tenant

ROWS_PER_BATCH = 50_000
EMAIL = "email"


@dataclass(frozen=True)
class Kind:
    """One kind of file: its fields, True for those that it must have, and what makes a row the same row again."""

    stream: str
    fields: Mapping[str, bool]
    identity: Identity
    synonyms: Mapping[str, str] = field(default_factory=dict[str, str])
    """Other names of a column → our field."""


KINDS: Mapping[str, Kind] = {
    "orders": Kind(
        stream="orders",
        fields={
            "order_id": True,
            "line_id": False,
            "processed_at": True,
            "customer_id": False,
            "email": False,
            "sku": False,
            "title": False,
            "category": False,
            "quantity": True,
            "unit_price": True,
            "discount": False,
            "tax": False,
            "shipping": False,
            "currency": False,
            "landing_url": False,
            "referrer": False,
            "source_name": False,
            "is_test": False,
            "cancelled_at": False,
        },
        identity=identity.ORDERS,
    ),
    "spend": Kind(
        stream="spend",
        fields={
            "date": True,
            "channel": True,
            "account_id": False,
            "campaign_id": False,
            "campaign_name": False,
            "spend": True,
            "impressions": False,
            "clicks": False,
            "conversions": False,
            "conversion_value": False,
            "currency": False,
        },
        identity=identity.SPEND,
        synonyms={"source": "channel"},
    ),
    "traffic": Kind(
        stream="traffic",
        fields={
            "date": True,
            "channel": True,
            "sessions": True,
            "pdp_views": False,
            "add_to_cart": False,
            "checkouts": False,
            "purchases": False,
        },
        identity=identity.TRAFFIC,
        synonyms={"channel_group": "channel"},
    ),
}


@dataclass(frozen=True)
class Imported:
    """What became of a file's rows: read = landed + unchanged + repeated."""

    records: pl.DataFrame
    """What the file says: external_id and payload of every record."""
    read: int
    landed: int
    repeated: int
    """Rows that say again, id and all, what another row of the file says."""
    vanished: int
    """Records of earlier files that were ended: this file has other rows of the same whole, and these no longer."""

    @property
    def unchanged(self) -> int:
        """Rows that an earlier import had landed already, with the same content."""
        return self.read - self.landed - self.repeated


def land_rows(
    database: Warehouse,
    tenant: Tenant,
    kind: Kind,
    rows: pl.DataFrame,
    seen_at: datetime,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Imported:
    """Land the rows that `read_file` gave, all or nothing; rows that were landed before change nothing.

    With them ends what earlier files had of the same wholes, and this one no longer has. `progress` hears (rows sent,
    rows).
    """
    said = records(rows, kind, None if tenant.keep_pii else tenants.pii_key(tenant.tenant_id))
    vanished = 0
    distinct = said.unique(["external_id", "payload"], keep="first", maintain_order=True)

    def batches() -> Iterator[pl.DataFrame]:
        sent = 0
        for batch in distinct.iter_slices(ROWS_PER_BATCH):
            yield batch
            sent += batch.height
            progress(sent, distinct.height)

    def end(cursor: Cursor, _: raw.Landed) -> None:
        nonlocal vanished
        if not (known := raw.akin(cursor, "file", kind.stream)).is_empty():
            others = identity.kept(known, rows, kind.identity, kind.fields)
            vanished = raw.bury(cursor, "file", kind.stream, raw.AKIN, others, seen_at)

    landed = raw.land(database, tenant.tenant_id, "file", kind.stream, batches(), seen_at, end)
    return Imported(distinct, rows.height, landed.landed, rows.height - distinct.height, vanished)


def read_file(path: Path, kind: Kind, columns: Mapping[str, str]) -> pl.DataFrame:
    """The file's rows under our field names, every value as text. The ending says the format.

    `columns` maps our field names to the file's column names where they differ. ImportFileError when the file can't
    be read or lacks a required column.
    """
    if unknown := [name for name in columns if name not in kind.fields]:
        raise ImportFileError(
            f"--map names {', '.join(unknown)}, which is no field of {kind.stream}. "
            f"The fields are {', '.join(kind.fields)}."
        )
    return _renamed(formats.read(path), kind, columns, path)


def _renamed(frame: pl.DataFrame, kind: Kind, columns: Mapping[str, str], path: Path) -> pl.DataFrame:
    """The columns that are fields, under our names and as text."""
    named = {synonym: field for synonym, field in kind.synonyms.items() if synonym in frame.columns}
    named |= {field: field for field in kind.fields if field in frame.columns}
    source = {field: column for column, field in named.items()} | dict(columns)
    missing = [
        f"{field} (column {source[field]!r})" if field in columns else field
        for field, required in kind.fields.items()
        if (required or field in columns) and source.get(field) not in frame.columns
    ]
    if missing:
        raise ImportFileError(
            f"{path.name} has no {', '.join(missing)}. Its columns are {', '.join(frame.columns)}. "
            "Say which is which with --map field=column."
        )
    if twice := [column for column in dict.fromkeys(source.values()) if f"{column}{TWIN}" in frame.columns]:
        raise ImportFileError(f"{path.name} names {', '.join(twice)} twice: rename one of the columns.")
    source |= {name: name for name in (UNREADABLE, UNREADABLE_LINE) if name in frame.columns}
    return frame.select(_as_text(column, frame.schema[column]).alias(field) for field, column in source.items())


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime):
        return column.dt.to_string("%Y-%m-%dT%H:%M:%S%.f" + ("%:z" if dtype.time_zone else ""))
    if dtype.is_float():  # what has gaps, pandas makes float: the customer 17850.0 is 17850
        whole = column.cast(pl.Int64, strict=False)
        return pl.when(whole == column).then(whole.cast(pl.String)).otherwise(column.cast(pl.String))
    if dtype.is_nested() or dtype in (pl.Binary, pl.Duration):
        raise ImportFileError(f"Column {name} holds {dtype}. Export one plain value per row.")
    return column.cast(pl.String)


def records(rows: pl.DataFrame, kind: Kind, pii_key: bytes | None) -> pl.DataFrame:
    """One record per row: external_id and payload, e-mail addresses hashed with the key if there is one."""
    made = {name: pl.coalesce(name, mark) for name, mark in kind.identity.made.items()}
    if made:
        rows = rows.with_columns(identity.texts(rows, kind.fields).select(**made).collect())
    if EMAIL in rows.columns and pii_key is not None:
        rows = rows.with_columns(vault.hash_emails(rows[EMAIL], pii_key))
    # no text of the database can hold a NUL; the payload's JSON can, and staging says so of the row
    external_id = kind.identity.external_id.str.replace_all("\0", "", literal=True)
    ids = identity.texts(rows, kind.fields).select(external_id=external_id).collect()
    records = ids.with_columns(rows.select(payload=pl.struct(sorted(rows.columns)).struct.json_encode())["payload"])
    return _numbered_variants(_addressed_by_content(records))


def _addressed_by_content(records: pl.DataFrame) -> pl.DataFrame:
    """What names no record of its own (a blank order_id, an unreadable line) is known by what it says.

    So is what names it by more than a key holds: one quote that is not closed makes a field of many lines.
    """
    nameless = pl.col("external_id").is_null() | (pl.col("external_id").str.len_bytes() > KEY_BYTES)
    found = records.filter(nameless)["payload"].unique()
    if found.is_empty():
        return records
    hashes = {payload: f"#{hashlib.sha256(payload.encode()).hexdigest()[:16]}" for payload in found}
    by_content = pl.col("payload").replace_strict(hashes, default=None, return_dtype=pl.String)
    return records.with_columns(pl.when(nameless).then(by_content).otherwise("external_id").alias("external_id"))


def _numbered_variants(records: pl.DataFrame) -> pl.DataFrame:
    """The second, third, … content under one identity gets "~2", "~3", … behind its external_id.

    Another content is another record: staging keeps the first and says why not the others.
    """
    distinct = records.unique(maintain_order=True)
    if distinct.height == distinct["external_id"].n_unique():
        return records
    variants = distinct.with_columns(variant=pl.int_range(pl.len()).over("external_id") + 1)
    return records.join(variants, on=["external_id", "payload"], how="left", maintain_order="left").select(
        external_id=pl.when(pl.col("variant") > 1)
        .then(pl.format("{}~{}", "external_id", "variant"))
        .otherwise("external_id"),
        payload="payload",
    )
