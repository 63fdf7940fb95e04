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
        without(cursor, "seqscan")
        later = f"{_of(kind, 'l')} AND l.import_id NOT IN ({gone})"
        overruled = query(
            cursor,
            f"SELECT count(DISTINCT external_id)::bigint AS records FROM raw.raw_events r WHERE {_of(kind, 'r')} "
            f"AND r.import_id = {import_id} AND EXISTS (SELECT FROM raw.raw_events l "
            f"WHERE {later} AND l.external_id = r.external_id AND l.import_id > {import_id})",
        ).item()
        execute(
            cursor,
            "CREATE TEMP TABLE stage_undo ON COMMIT DROP AS SELECT n.external_id, n.version, n.import_id, "
            f"b.version AS before, n.payload_hash <> {GONE} AS is_here, coalesce(b.payload_hash <> {GONE}, false) "
            f"AS was_here FROM raw.raw_events n LEFT JOIN LATERAL (SELECT version, payload_hash FROM raw.raw_events b "
            f"WHERE {_of(kind, 'b')} AND b.external_id = n.external_id AND b.version < n.version "
            f"AND coalesce(b.import_id NOT IN ({gone}), true) ORDER BY version DESC LIMIT 1) b ON true "
            f"WHERE {_of(kind, 'n')} AND n.import_id IN ({gone}) AND NOT EXISTS (SELECT FROM raw.raw_events m "
            f"WHERE {_of(kind, 'm')} AND m.external_id = n.external_id AND m.version > n.version) "
            f"AND n.payload_hash <> coalesce(b.payload_hash, {GONE})",
        )
        changed = query(
            cursor,
            "SELECT u.external_id, u.import_id, u.is_here, u.was_here, r.payload::text AS payload FROM stage_undo u "
            f"JOIN raw.raw_events r ON {_of(kind, 'r')} AND r.external_id = u.external_id "
            "AND r.version = CASE WHEN u.is_here THEN u.version ELSE u.before END",
        )
        ids = [pl.Series("external_id", dtype=pl.String)]
        for (own, *_), records in changed.group_by("import_id"):
            others = query(
                cursor,
                f"SELECT payload::text FROM raw.raw_events l WHERE {later} AND l.import_id > {own} "
                f"AND l.payload_hash <> {GONE} AND split_part(l.external_id, '/', 1) IN "
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
