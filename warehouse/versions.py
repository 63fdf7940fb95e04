"""Reading the raw records: the latest version of each, or the one that was known at an instant; and what changed."""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, cast

import polars as pl
import pyarrow  # pyright: ignore[reportMissingTypeStubs]
from polars.io.plugins import register_io_source

from warehouse.database import Warehouse, query, without
from warehouse.quoting import instant, qualified, quoted
from warehouse.raw import GONE

_ARROW: Any = pyarrow  # which has no types


def scan_latest(
    warehouse: Warehouse,
    tenant_id: str,
    table: str,
    as_of: datetime | None = None,
    counted: Callable[[int], None] = lambda records: None,
) -> pl.LazyFrame:
    """The latest version of every record of a stream's view (`raw.shopify_orders`), or the one known at `as_of`.

    Columns external_id, version, payload, payload_hash, seen_at, and import_id of files, in no order. Rows come from
    the database in batches as the frame is collected, and only the columns that are asked for: a history need not fit
    in memory.
    `counted` is told of how many there were, each time that all have come.
    """
    schema = {
        "external_id": pl.String,
        "version": pl.Int64,
        "payload": pl.String,
        "payload_hash": pl.Binary,
        "seen_at": pl.Datetime("us", "UTC"),
    }
    if table.startswith("raw.file_"):
        schema["import_id"] = pl.Int64

    def rows(
        columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, _batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        sql = _latest(table, columns or list(schema), as_of)
        with warehouse.as_tenant(tenant_id) as cursor:
            # without statistics, as after a first landing, the planner would look each record up among the newer ones
            without(cursor, "nestloop")
            cursor.execute(sql if n_rows is None else f"{sql} LIMIT {n_rows}")
            batches: Any = cursor
            records = 0
            for batch in batches.fetch_record_batch():  # which the driver's types do not know
                frame = pl.DataFrame({name: _owned(batch.column(name)) for name in batch.schema.names})
                records += frame.height
                yield frame if predicate is None else frame.filter(predicate)
        if n_rows is None:
            counted(records)
        _ARROW.default_memory_pool().release_unused()  # else it keeps what a history's batches took

    return register_io_source(rows, schema=schema)


def _owned(column: Any) -> Any:
    """The Arrow column in memory of its own: else whoever keeps one column of a batch keeps the whole batch."""
    return column.copy_to(_ARROW.default_cpu_memory_manager())


def read_latest(warehouse: Warehouse, tenant_id: str, table: str, as_of: datetime | None = None) -> pl.DataFrame:
    """`scan_latest`, all of it now."""
    return scan_latest(warehouse, tenant_id, table, as_of).collect()


def state(warehouse: Warehouse, tenant_id: str, table: str, as_of: datetime | None = None) -> str:
    """What changes whenever a stream's records do, also where some end: versions are only ever appended."""
    known = f" WHERE seen_at <= {instant(as_of)}" if as_of else ""
    versions = f"SELECT count(*)::bigint AS versions, max(seen_at) AS newest FROM {qualified(table)}{known}"
    with warehouse.as_tenant(tenant_id) as cursor:
        count, newest = query(cursor, versions).row(0)
    return f"{count} versions, newest {newest}"


def restatements(warehouse: Warehouse, tenant_id: str, table: str, since: datetime, limit: int = 1000) -> pl.DataFrame:
    """What sources have changed of what they had said before, newest first: at most `limit` changed records.

    Columns external_id, field (its dotted path in the payload), old and new (as text; null where there is none) and
    seen_at, one row per field of a version landed at or after `since`.
    """
    with warehouse.as_tenant(tenant_id) as cursor:
        found = query(
            cursor,
            "SELECT v.external_id, v.seen_at, p.payload::text AS old, v.payload::text AS new "
            f"FROM {qualified(table)} v JOIN {qualified(table)} p "
            "ON p.external_id = v.external_id AND p.version = v.version - 1 "
            f"WHERE v.version > 1 AND v.seen_at >= {instant(since)} "
            f"ORDER BY v.seen_at DESC, v.external_id, v.version DESC LIMIT {limit}",
        )
    changes = [
        (external_id, path, before.get(path), after.get(path), seen_at)
        for external_id, seen_at, old, new in found.iter_rows()
        for before, after in [(dict(_leaves(json.loads(old))), dict(_leaves(json.loads(new))))]
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    ]
    columns = {"external_id": pl.String, "field": pl.String, "old": pl.String, "new": pl.String}
    return pl.DataFrame(changes, schema={**columns, "seen_at": pl.Datetime("us", "UTC")}, orient="row")


def _leaves(node: Any, path: str = "") -> Iterator[tuple[str, str | None]]:
    """(dotted path, value as text) of everything in a payload that holds nothing else."""
    steps: list[tuple[Any, Any]] = []
    if isinstance(node, dict):
        steps = list(cast("dict[str, Any]", node).items())
    elif isinstance(node, list):
        steps = list(enumerate(cast("list[Any]", node)))
    if not steps:
        yield path, None if node is None else str(cast("object", node))
    for step, value in steps:
        yield from _leaves(value, f"{path}.{step}" if path else str(step))


def _latest(table: str, columns: Sequence[str], as_of: datetime | None) -> str:
    """Of each record the newest version, or the newest that was known at `as_of`.

    Versions count up from 1 with time, and nearly all records have no second one: only the others are grouped. One
    whose newest version says that it is gone is none.
    """
    known = f" AND seen_at <= {instant(as_of)}" if as_of else ""
    records = f"(SELECT * FROM {qualified(table)} WHERE true{known})"
    selected = (f"v.{quoted(c)}::text AS {quoted(c)}" if c == "payload" else f"v.{quoted(c)}" for c in columns)
    return (
        f"SELECT {', '.join(selected)} FROM {records} v LEFT JOIN "
        f"(SELECT external_id, max(version) AS newest FROM {records} r WHERE version > 1 GROUP BY external_id) n "
        f"ON n.external_id = v.external_id WHERE v.version = coalesce(n.newest, 1) AND v.payload_hash <> {GONE}"
    )
