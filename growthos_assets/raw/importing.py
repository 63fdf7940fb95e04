"""Files that people export: CSV, Parquet or JSON lines, one row per order line, campaign day or channel day.

A file lands in raw.raw_events as it is, every value as text under our field's name. Nothing is judged here: a
broken row lands like any other, and staging turns it away into the quarantine with its reason, so that mending a
rule or the file is all that it takes to get it in.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from warehouse import raw, tenants, vault
from warehouse.database import Warehouse
from warehouse.tenants import Tenant

ROWS_PER_BATCH = 50_000
EMAIL = "email"


class ImportFileError(Exception):
    """The file can't be read as what it is said to be; the message says what to change."""


@dataclass(frozen=True)
class Kind:
    """One kind of file: its fields (True: required), and those whose values identify a row."""

    stream: str
    fields: Mapping[str, bool]
    identity: tuple[str, ...]
    numbered: str | None = None
    """A field that is filled by counting the rows of the same identity where the file has none."""


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
        identity=("order_id", "line_id"),
        numbered="line_id",
    ),
    "spend": Kind(
        stream="spend",
        fields={
            "date": True,
            "channel": True,
            "campaign_id": False,
            "campaign_name": False,
            "spend": True,
            "impressions": False,
            "clicks": False,
            "conversions": False,
            "conversion_value": False,
            "currency": False,
        },
        identity=("channel", "campaign_id", "campaign_name", "date"),
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
        identity=("channel", "date"),
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

    @property
    def unchanged(self) -> int:
        """Rows that an earlier import had landed already, with the same content."""
        return self.read - self.landed - self.repeated


def import_file(
    database: Warehouse,
    tenant: Tenant,
    kind: Kind,
    path: Path,
    columns: Mapping[str, str],
    seen_at: datetime,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Imported:
    """Land a file's rows, all or nothing; a file that was landed before changes nothing.

    `columns` maps our field names to the file's column names where they differ. `progress` hears (rows sent, rows).
    ImportFileError when the file can't be read or lacks a required column.
    """
    rows = _renamed(read_file(path), kind, columns, path)
    records = _records(rows, kind, None if tenant.keep_pii else tenants.pii_key(tenant.tenant_id))
    distinct = records.unique(["external_id", "payload"], keep="first", maintain_order=True)

    def batches() -> Iterator[pl.DataFrame]:
        for batch in distinct.iter_slices(ROWS_PER_BATCH):
            yield batch
            sent[0] += batch.height
            progress(sent[0], distinct.height)

    sent = [0]
    landed = raw.land(database, tenant.tenant_id, "file", kind.stream, batches(), seen_at)
    return Imported(distinct, rows.height, landed.landed, rows.height - distinct.height)


def read_file(path: Path) -> pl.DataFrame:
    """The file's rows, every value as text. The ending says the format: .csv, .tsv, .parquet, .jsonl, .ndjson."""
    readers: Mapping[str, Callable[[Path], pl.DataFrame]] = {
        ".csv": _read_csv,
        ".tsv": _read_csv,
        ".txt": _read_csv,
        ".parquet": pl.read_parquet,
        ".jsonl": _read_jsonl,
        ".ndjson": _read_jsonl,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise ImportFileError(f"{path.name}: can't tell the format. Name it {', '.join(readers)}.")
    if not path.is_file():
        raise ImportFileError(f"There is no file {path}.")
    if path.stat().st_size == 0:
        raise ImportFileError(f"{path.name} is empty.")
    try:
        frame = reader(path)
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        first = str(error).strip().splitlines()[0]
        raise ImportFileError(
            f"{path.name} can't be read as {path.suffix[1:]}: {first}. "
            "Export it again as UTF-8 with a header row, and with as many fields in every row as in the header."
        ) from None
    if frame.is_empty():
        raise ImportFileError(f"{path.name} has a header but no row.")
    return frame.select(_as_text(name, dtype) for name, dtype in frame.schema.items())


def _read_csv(path: Path) -> pl.DataFrame:
    with path.open(encoding="utf-8-sig") as file:
        header = file.readline()
    separator = max(",;\t|", key=header.count)
    return pl.read_csv(path, separator=separator, infer_schema=False)


def _read_jsonl(path: Path) -> pl.DataFrame:
    """Each line by itself: values keep their text, and a line that is no JSON object lands with what it says."""
    import msgspec

    rows: list[dict[str, str | None]] = []
    for line in path.read_text(encoding="utf-8-sig").splitlines():
        if not line.strip():
            continue
        try:
            values = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
        except msgspec.DecodeError:
            rows.append({UNREADABLE: line})
            continue
        rows.append({name: _json_text(bytes(value)) for name, value in values.items()})
    return pl.DataFrame(rows, infer_schema_length=None)


UNREADABLE = "unreadable"
"""The field under which a line that could not be parsed lands, word for word."""


def _json_text(value: bytes) -> str | None:
    import msgspec

    if value == b"null":
        return None
    return msgspec.json.decode(value, type=str) if value.startswith(b'"') else value.decode()


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime):
        return column.dt.to_string("%Y-%m-%dT%H:%M:%S%.f" + ("%:z" if dtype.time_zone else ""))
    if dtype.is_nested():
        raise ImportFileError(f"Column {name} holds lists or objects. Export one plain value per column.")
    return column.cast(pl.String)


def _renamed(frame: pl.DataFrame, kind: Kind, columns: Mapping[str, str], path: Path) -> pl.DataFrame:
    unknown = [field for field in columns if field not in kind.fields]
    if unknown:
        raise ImportFileError(
            f"--map names {', '.join(unknown)}, which is no field of {kind.stream}. "
            f"The fields are {', '.join(kind.fields)}."
        )
    source = {field: columns.get(field, field) for field in kind.fields}
    missing = [
        f"{field} (column {column!r})" if column != field else field
        for field, column in source.items()
        if column not in frame.columns and (kind.fields[field] or field in columns)
    ]
    if missing:
        raise ImportFileError(
            f"{path.name} has no {', '.join(missing)}. Its columns are {', '.join(frame.columns)}. "
            "Say which is which with --map field=column."
        )
    present = {field: column for field, column in source.items() if column in frame.columns}
    kept = [pl.col(column).alias(field) for field, column in present.items()]
    extra = [UNREADABLE] if UNREADABLE in frame.columns else []
    return frame.select(*kept, *extra)


def _records(rows: pl.DataFrame, kind: Kind, pii_key: bytes | None) -> pl.DataFrame:
    if EMAIL in rows.columns and pii_key is not None:
        rows = rows.with_columns(vault.hash_emails(rows[EMAIL], pii_key))
    if kind.numbered and kind.numbered not in rows.columns:
        others = [field for field in kind.identity if field != kind.numbered]
        rows = rows.with_columns((pl.int_range(pl.len()) + 1).over(others).cast(pl.String).alias(kind.numbered))
    identity = [pl.col(field).str.strip_chars() for field in kind.identity if field in rows.columns]
    records = rows.select(
        pl.concat_str(identity, separator="/", ignore_nulls=True).alias("external_id"),
        pl.struct(sorted(rows.columns)).struct.json_encode().alias("payload"),
    )
    return _numbered_variants(records)


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
