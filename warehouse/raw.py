"""The raw records: append-only, one row per version of a record, addressed by content."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from polars.io.plugins import register_io_source

from warehouse.database import Warehouse, execute, lock
from warehouse.quoting import literal, qualified, quoted


@dataclass(frozen=True)
class Landed:
    """What became of a batch of records."""

    received: int
    landed: int

    @property
    def unchanged(self) -> int:
        """Records that added no version: the latest has this payload already, or a later record of the batch won."""
        return self.received - self.landed


def land(
    warehouse: Warehouse,
    tenant_id: str,
    source: str,
    stream: str,
    batches: Iterable[pl.DataFrame],
    seen_at: datetime,
) -> Landed:
    """Append the records whose payload differs from the latest version of the same external_id.

    Each batch has external_id and payload (JSON text). All batches land in one transaction, or nothing does; of an
    external_id that occurs more than once, the last payload counts. A payload that changes and changes back makes
    three versions: what counts is the latest, not whether it was ever seen.
    """
    received = 0
    of_stream = f"r.source = {literal(source)} AND r.stream = {literal(stream)}"
    with warehouse.as_tenant(tenant_id) as cursor:
        # two pulls of one stream take turns, so that versions count up without a gap or a clash
        lock(cursor, f"{source}/{stream}")
        execute(
            cursor,
            "CREATE TEMP TABLE stage_raw (position bigint, external_id text, payload json, payload_hash bytea) "
            "ON COMMIT DROP",
        )
        for batch in batches:
            hashes = [hashlib.sha256(payload.encode()).digest() for payload in batch["payload"]]
            staged = batch.select(
                pl.int_range(received, received + batch.height, dtype=pl.Int64).alias("position"),
                "external_id",
                "payload",
                pl.Series("payload_hash", hashes, dtype=pl.Binary),
            )
            cursor.adbc_ingest("stage_raw", staged, mode="append", temporary=True)
            received += batch.height
        if not received:
            return Landed(0, 0)
        execute(cursor, "ANALYZE stage_raw")
        landed = execute(
            cursor,
            "INSERT INTO raw.raw_events "
            "(tenant_id, source, stream, external_id, version, payload, payload_hash, seen_at) "
            f"SELECT current_setting('app.tenant_id'), {literal(source)}, {literal(stream)}, s.external_id, "
            f"coalesce(l.version, 0) + 1, s.payload, s.payload_hash, {_instant(seen_at)} "
            "FROM stage_raw s LEFT JOIN LATERAL ("
            f"SELECT r.version, r.payload_hash FROM raw.raw_events r WHERE {of_stream} "
            "AND r.external_id = s.external_id ORDER BY r.version DESC LIMIT 1) l ON true "
            "WHERE l.payload_hash IS DISTINCT FROM s.payload_hash AND NOT EXISTS (SELECT FROM stage_raw later "
            "WHERE later.external_id = s.external_id AND later.position > s.position)",
        )
    return Landed(received, landed)


def scan_latest(warehouse: Warehouse, tenant_id: str, table: str, as_of: datetime | None = None) -> pl.LazyFrame:
    """The latest version of every record of a stream's view (`raw.shopify_orders`), or the one known at `as_of`.

    Columns external_id, version, payload, payload_hash, seen_at, in no particular order. Rows come from the database
    in batches as the frame is collected, and only the columns that are asked for: a history need not fit in memory.
    """
    schema = {
        "external_id": pl.String,
        "version": pl.Int64,
        "payload": pl.String,
        "payload_hash": pl.Binary,
        "seen_at": pl.Datetime("us", "UTC"),
    }

    def rows(
        columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, _batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        sql = _latest(table, columns or list(schema), as_of)
        with warehouse.as_tenant(tenant_id) as cursor:
            # without statistics, as after a first landing, the planner would look each record up among the newer ones
            execute(cursor, "SET LOCAL enable_nestloop = off")
            cursor.execute(sql if n_rows is None else f"{sql} LIMIT {n_rows}")
            batches: Any = cursor
            for batch in batches.fetch_record_batch():  # which the driver's types do not know
                frame = pl.DataFrame(batch)
                yield frame if predicate is None else frame.filter(predicate)

    return register_io_source(rows, schema=schema)


def read_latest(warehouse: Warehouse, tenant_id: str, table: str, as_of: datetime | None = None) -> pl.DataFrame:
    """`scan_latest`, all of it now."""
    return scan_latest(warehouse, tenant_id, table, as_of).collect()


def _latest(table: str, columns: Sequence[str], as_of: datetime | None) -> str:
    """Of each record the newest version, or the newest that was known at `as_of`.

    Versions count up from 1 with time, and nearly all records have no second one: only the others are grouped.
    """
    known = f" AND seen_at <= {_instant(as_of)}" if as_of else ""
    records = f"(SELECT * FROM {qualified(table)} WHERE true{known})"
    selected = (f"v.{quoted(c)}::text AS {quoted(c)}" if c == "payload" else f"v.{quoted(c)}" for c in columns)
    return (
        f"SELECT {', '.join(selected)} FROM {records} v LEFT JOIN "
        f"(SELECT external_id, max(version) AS newest FROM {records} r WHERE version > 1 GROUP BY external_id) n "
        "ON n.external_id = v.external_id WHERE v.version = coalesce(n.newest, 1)"
    )


def _instant(at: datetime) -> str:
    if at.tzinfo is None:
        raise ValueError(f"{at.isoformat()} needs a time zone: write e.g. {at.isoformat()}+00:00.")
    return f"{literal(at.isoformat())}::timestamptz"
