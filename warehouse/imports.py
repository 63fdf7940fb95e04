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
from warehouse.errors import TurnLost, UnknownImport
from warehouse.ops import Imports
from warehouse.quoting import instant, literal
from warehouse.raw import GONE

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
        return _following(cursor)


def note(warehouse: Warehouse, cursor: Cursor, row: Mapping[str, object]) -> None:
    """Remember an import, in the transaction that lands it; TurnLost if another one has its id by now."""
    lock(cursor, Imports.__spec__.qualified)
    if _following(cursor) != row["import_id"]:
        raise TurnLost(
            "Another import of this tenant has landed meanwhile, since the connection that held the turn of this one "
            "broke. Nothing of this file has landed: import it again."
        )
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
    with warehouse.as_tenant(tenant_id) as cursor:
        lock(cursor, f"{SOURCE}/{kind}")  # as whatever lands
        without(cursor, "nestloop")  # without statistics, each record would be held against all others
        now = instant(datetime.now(UTC))
        execute(cursor, f"UPDATE ops.imports SET undone_at = {now} WHERE import_id = {import_id}")
        undone = query(cursor, "SELECT import_id FROM ops.imports WHERE undone_at IS NOT NULL")
        gone = ", ".join(map(str, undone["import_id"]))  # this one among them
        overruled = _stage(cursor, kind, import_id, gone)
        changed = _changed(cursor, kind)
        back = _untold_since(cursor, kind, changed, gone, kept)
        _append(cursor, kind, back["external_id"], seen_at)
    ended = back.filter(~pl.col("was_here")).height
    beside = changed.join(back, on="external_id", how="anti").filter(pl.col("import_id") == import_id).height
    return Undone(back.height - ended, ended, overruled + beside)


def _stage(cursor: Cursor, kind: str, import_id: int, gone: str) -> int:
    """`stage_undo`: the records that imports that are gone have told of, with their newest version, and the newest of
    what stands: `before`. Gives how many of the import's own a later one has told of, too."""
    execute(
        cursor,
        "CREATE TEMP TABLE stage_undo ON COMMIT DROP AS SELECT external_id, max(version) AS version, "
        f"max(version) FILTER (WHERE stands) AS before, bool_or(import_id = {import_id}) AS is_of_it "
        f"FROM (SELECT external_id, version, import_id, import_id IS NULL OR import_id NOT IN ({gone}) AS stands "
        f"FROM raw.raw_events r WHERE {_of(kind, 'r')}) r GROUP BY external_id HAVING NOT bool_and(stands)",
    )
    execute(cursor, "ANALYZE stage_undo")
    overruled = "SELECT count(*)::bigint AS records FROM stage_undo WHERE is_of_it AND version = before"
    return query(cursor, overruled).item()


def _changed(cursor: Cursor, kind: str) -> pl.DataFrame:
    """The staged records that are as an import that is gone has left them, and were something else before.

    Their payload is what they are; of one that was ended, what it was.
    """
    return query(
        cursor,
        f"SELECT u.external_id, n.import_id, coalesce(b.payload_hash <> {GONE}, false) AS was_here, "
        f"CASE WHEN n.payload_hash <> {GONE} THEN n.payload ELSE b.payload END::text AS payload "
        f"FROM stage_undo u JOIN raw.raw_events n ON {_of(kind, 'n')} AND n.external_id = u.external_id "
        f"AND n.version = u.version LEFT JOIN raw.raw_events b ON {_of(kind, 'b')} "
        "AND b.external_id = u.external_id AND b.version = u.before "
        f"WHERE u.version IS DISTINCT FROM u.before AND n.payload_hash <> coalesce(b.payload_hash, {GONE})",
    )


def _untold_since(cursor: Cursor, kind: str, changed: pl.DataFrame, gone: str, kept: Kept) -> pl.DataFrame:
    """Those of whose whole no import has told anything since the one that changed them."""
    ids = [pl.Series("external_id", dtype=pl.String)]
    for (own, *_), records in changed.group_by("import_id"):
        others = query(
            cursor,
            f"SELECT payload::text FROM raw.raw_events l WHERE {_of(kind, 'l')} AND l.import_id > {own} "
            f"AND l.import_id NOT IN ({gone}) AND l.payload_hash <> {GONE} AND split_part(l.external_id, '/', 1) IN "
            "(SELECT split_part(external_id, '/', 1) FROM stage_undo)",
        )
        ids.append(kept(records.select("external_id", "payload"), others))
    return changed.join(pl.concat(ids).to_frame(), on="external_id", how="semi")


def _append(cursor: Cursor, kind: str, ids: pl.Series, seen_at: datetime) -> None:
    """Another version of these records: what they were before."""
    execute(cursor, "CREATE TEMP TABLE stage_back (external_id text) ON COMMIT DROP")
    copy(cursor, "stage_back", ids.to_frame())
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


def _of(kind: str, alias: str) -> str:
    return f"{alias}.source = {literal(SOURCE)} AND {alias}.stream = {literal(kind)}"


def _following(cursor: Cursor) -> int:
    return query(cursor, "SELECT coalesce(max(import_id), 0) + 1 AS following FROM ops.imports").item()
