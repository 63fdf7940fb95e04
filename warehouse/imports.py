"""Files that were imported: each is remembered, and can be taken back.

What counts of a record is its newest version, of the imports that were not taken back. So to take one back appends
versions, of what stood before it or that nothing did: no version goes, and who asks for an instant before sees what was
known then.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl

from warehouse.contract import polars_schema
from warehouse.database import Cursor, Warehouse, copy, execute, lock, query, without
from warehouse.errors import UnknownImport
from warehouse.ops import Imports
from warehouse.quoting import literal
from warehouse.raw import GONE, instant

SOURCE = "file"

Kept = Callable[[pl.DataFrame, pl.DataFrame], pl.Series]
"""Of records (external_id, payload), the ids of those of whose whole other payloads say nothing."""


@dataclass(frozen=True)
class Undone:
    """What became of the records of an import that was taken back."""

    restored: int = 0
    """Records that are what they were before it."""
    ended: int = 0
    """Records that were not there before it."""
    stay: int = 0
    """Records that are as later imports have left them."""


def taking_turns(warehouse: Warehouse, tenant_id: str) -> AbstractContextManager[object]:
    """One at a time: the imports of a tenant, and what takes them back."""
    return warehouse.holding(tenant_id, "import")


def following(warehouse: Warehouse, tenant_id: str) -> int:
    """The id of the next import, within its turn."""
    with warehouse.as_tenant(tenant_id) as cursor:
        return query(cursor, "SELECT coalesce(max(import_id), 0) + 1 AS following FROM ops.imports").item()


def note(warehouse: Warehouse, cursor: Cursor, row: Mapping[str, object]) -> None:
    """Remember an import, in the transaction that lands it."""
    told = {**row, "imported_at": datetime.now(UTC), "undone_at": None}
    warehouse.replace(cursor, Imports, pl.DataFrame([told], schema=polars_schema(Imports)), keep_others=True)


def everything(warehouse: Warehouse, tenant_id: str) -> list[dict[str, Any]]:
    """The tenant's imports, the newest first."""
    return warehouse.read(Imports.__spec__.qualified, tenant_id).sort("import_id", descending=True).to_dicts()


def get(warehouse: Warehouse, tenant_id: str, import_id: int) -> dict[str, Any]:
    """The import of that id; UnknownImport if there is none."""
    for row in everything(warehouse, tenant_id):
        if row["import_id"] == import_id:
            return row
    raise UnknownImport(
        f"{tenant_id} has no import {import_id}: `growthos import list --tenant {tenant_id}` shows those that it has."
    )


def undo(warehouse: Warehouse, tenant_id: str, import_id: int, kind: str, kept: Kept, seen_at: datetime) -> Undone:
    """Take an import back, within its turn.

    What a later import has told of stays as that has left it: a record, and the others of the same whole (`kept`).
    """
    undone = [row["import_id"] for row in everything(warehouse, tenant_id) if row["undone_at"]]
    gone = ", ".join(map(str, (import_id, *undone)))
    with warehouse.as_tenant(tenant_id) as cursor:
        lock(cursor, f"{SOURCE}/{kind}")  # as whatever lands
        without(cursor, "nestloop")  # without statistics, each record would be held against all others
        execute(
            cursor,
            "CREATE TEMP TABLE stage_undo ON COMMIT DROP AS SELECT external_id, max(version) AS version, "
            f"max(version) FILTER (WHERE stands) AS before, bool_or(import_id = {import_id}) AS is_of_it "
            "FROM (SELECT external_id, version, import_id, import_id IS NULL OR import_id NOT IN "
            f"({gone}) AS stands FROM raw.raw_events r WHERE {_of(kind, 'r')}) r "
            "GROUP BY external_id HAVING NOT bool_and(stands)",
        )
        execute(cursor, "ANALYZE stage_undo")
        overruled = query(
            cursor, "SELECT count(*)::bigint AS records FROM stage_undo WHERE is_of_it AND version = before"
        ).item()
        changed = query(
            cursor,
            f"SELECT u.external_id, n.import_id, coalesce(b.payload_hash <> {GONE}, false) AS was_here, "
            f"CASE WHEN n.payload_hash <> {GONE} THEN n.payload ELSE b.payload END::text AS payload "
            f"FROM stage_undo u JOIN raw.raw_events n ON {_of(kind, 'n')} AND n.external_id = u.external_id "
            f"AND n.version = u.version LEFT JOIN raw.raw_events b ON {_of(kind, 'b')} "
            "AND b.external_id = u.external_id AND b.version = u.before "
            f"WHERE u.version IS DISTINCT FROM u.before AND n.payload_hash <> coalesce(b.payload_hash, {GONE})",
        )
        ids = [pl.Series("external_id", dtype=pl.String)]
        for (own, *_), records in changed.group_by("import_id"):
            others = query(
                cursor,
                f"SELECT payload::text FROM raw.raw_events l WHERE {_of(kind, 'l')} AND l.import_id NOT IN ({gone}) "
                f"AND l.import_id > {own} AND l.payload_hash <> {GONE} AND split_part(l.external_id, '/', 1) IN "
                "(SELECT split_part(external_id, '/', 1) FROM stage_undo)",
            )
            ids.append(kept(records.select("external_id", "payload"), others))
        back = changed.join(pl.concat(ids).to_frame(), on="external_id", how="semi")
        execute(cursor, "CREATE TEMP TABLE stage_back (external_id text) ON COMMIT DROP")
        copy(cursor, "stage_back", back.select("external_id"))
        execute(
            cursor,
            "INSERT INTO raw.raw_events "
            "(tenant_id, source, stream, external_id, version, account, payload, payload_hash, seen_at, import_id) "
            f"SELECT current_setting('app.tenant_id'), {literal(SOURCE)}, {literal(kind)}, u.external_id, "
            f"u.version + 1, b.account, coalesce(b.payload, 'null'), coalesce(b.payload_hash, {GONE}), "
            f"{instant(seen_at)}, b.import_id FROM stage_undo u JOIN stage_back USING (external_id) "
            f"LEFT JOIN raw.raw_events b ON {_of(kind, 'b')} "
            "AND b.external_id = u.external_id AND b.version = u.before",
        )
        execute(
            cursor,
            f"UPDATE ops.imports SET undone_at = {instant(datetime.now(UTC))} WHERE import_id = {import_id}",
        )
    ended = back.filter(~pl.col("was_here")).height
    beside = changed.join(back, on="external_id", how="anti").filter(pl.col("import_id") == import_id).height
    return Undone(back.height - ended, ended, overruled + beside)


def _of(kind: str, alias: str) -> str:
    return f"{alias}.source = {literal(SOURCE)} AND {alias}.stream = {literal(kind)}"
