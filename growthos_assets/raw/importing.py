"""Files that people export: CSV, Parquet or JSON lines, one row per order line, campaign day or channel day.

A file lands in raw.raw_events as it is, every value as text under our field's name. Nothing is judged here: a
broken row lands like any other, and staging turns it away into the quarantine with its reason, so that mending a
rule or the file is all that it takes to get it in. A file that is mostly broken comes not this far (preview.py).
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from growthos_assets.raw import formats, identity
from growthos_assets.raw.formats import TWIN, UNREADABLE, UNREADABLE_LINE, ImportFileError
from growthos_assets.raw.identity import Identity
from warehouse import imports, raw, vault
from warehouse.contract import KEY_BYTES
from warehouse.database import Cursor, Warehouse
from warehouse.imports import Undone
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


def land_rows(
    database: Warehouse,
    tenant: Tenant,
    kind: Kind,
    file: str,
    rows: pl.DataFrame,
    said: pl.DataFrame,
    quarantined: int,
    seen_at: datetime,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Land what the rows of a file `said`, all or nothing; what was landed before changes nothing.

    With it ends what earlier files had of the same wholes, and this one no longer has. It is remembered as an import:
    its row of ops.imports, with so many `quarantined`, is given. `progress` hears (records sent, records).
    """
    imported: dict[str, Any] = {}

    def batches() -> Iterator[pl.DataFrame]:
        sent = 0
        for batch in said.iter_slices(ROWS_PER_BATCH):
            yield batch
            sent += batch.height
            progress(sent, said.height)

    def end(cursor: Cursor, landed: raw.Landed) -> None:
        vanished = 0
        if not (known := raw.akin(cursor, imports.SOURCE, kind.stream)).is_empty():
            others = identity.kept(known, rows, kind.identity, kind.fields)
            vanished = raw.bury(cursor, imports.SOURCE, kind.stream, raw.AKIN, others, seen_at, import_id)
        imported.update(
            import_id=import_id,
            kind=kind.stream,
            file=file,
            read=rows.height,
            landed=landed.landed,
            unchanged=landed.unchanged,
            repeated=rows.height - said.height,
            vanished=vanished,
            quarantined=quarantined,
        )
        imports.note(database, cursor, imported)

    with imports.taking_turns(database, tenant.tenant_id):
        import_id = imports.following(database, tenant.tenant_id)
        raw.land(
            database, tenant.tenant_id, imports.SOURCE, kind.stream, batches(), seen_at, end, import_id=import_id
        )  # fmt: skip
    return imported


def take_back(database: Warehouse, tenant: Tenant, import_id: int, seen_at: datetime) -> Undone | None:
    """Take an import back (`imports.undo`); None if it was before."""
    with imports.taking_turns(database, tenant.tenant_id):
        row = imports.get(database, tenant.tenant_id, import_id)
        if row["undone_at"]:
            return None
        kind = KINDS[row["kind"]]

        def kept(known: pl.DataFrame, others: pl.DataFrame) -> pl.Series:
            told = identity.decoded(others["payload"], kind.fields)
            return identity.kept(known, told, kind.identity, kind.fields)

        return imports.undo(database, tenant.tenant_id, import_id, kind.stream, kept, seen_at)


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


def said(rows: pl.DataFrame, kind: Kind, pii_key: bytes | None) -> pl.DataFrame:
    """The rows' records, once each: what another one says again, id and all, is repeated."""
    return records(rows, kind, pii_key).unique(["external_id", "payload"], keep="first", maintain_order=True)


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
