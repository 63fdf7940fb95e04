"""What a tenant's tables were last made from: known only after a run that has made them all, and was the last to."""

import polars as pl

from warehouse.contract import polars_schema
from warehouse.database import Cursor, Warehouse, execute, query
from warehouse.errors import TurnLost
from warehouse.ops import Refreshes
from warehouse.quoting import literal


def begin(database: Warehouse, tenant_id: str, run_id: str) -> None:
    """The run is going to write tables: what they are made from is unknown until it has ended."""
    row = pl.DataFrame([{"run_id": run_id, "state": None}], schema=polars_schema(Refreshes))
    database.publish(Refreshes, row, tenant_id)


def fence(cursor: Cursor, run_id: str) -> None:
    """Within a transaction that writes tables: no run has begun after this one, and none does before the end.

    TurnLost if one has. The lock by which runs take turns goes with its connection, and the run may not notice.
    """
    if query(cursor, f"SELECT run_id FROM ops.refreshes WHERE run_id = {literal(run_id)} FOR SHARE").is_empty():
        raise TurnLost(
            "Another run of this tenant has begun, since the connection that held the turn of this one broke. It "
            "writes nothing more, so as not to put older rows over newer ones. Run again what it was to make."
        )


def end(database: Warehouse, tenant_id: str, run_id: str, state: str) -> None:
    """The run has made all tables, from what `state` is the digest of; nothing if another run has begun by now."""
    with database.as_tenant(tenant_id) as cursor:
        execute(cursor, f"UPDATE ops.refreshes SET state = {literal(state)} WHERE run_id = {literal(run_id)}")


def state(database: Warehouse, tenant_id: str) -> str | None:
    """The digest of what the tables were made from; None if that is not known of all of them."""
    with database.as_tenant(tenant_id) as cursor:
        found = query(cursor, "SELECT state FROM ops.refreshes")
    return found.item() if found.height else None
