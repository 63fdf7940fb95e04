"""What a tenant's tables were last made from: known only after a run that has made them all, and was the last to."""

import polars as pl

from warehouse.contract import polars_schema
from warehouse.database import Warehouse, execute, query
from warehouse.ops import Refreshes
from warehouse.quoting import literal


def begin(database: Warehouse, tenant_id: str, run_id: str) -> None:
    """The run is going to write tables: what they are made from is unknown until it has ended."""
    row = pl.DataFrame([{"run_id": run_id, "state": None}], schema=polars_schema(Refreshes))
    database.publish(Refreshes, row, tenant_id)


def end(database: Warehouse, tenant_id: str, run_id: str, state: str) -> None:
    """The run has made all tables, from what `state` is the digest of; nothing if another run has begun by now."""
    with database.as_tenant(tenant_id) as cursor:
        execute(cursor, f"UPDATE ops.refreshes SET state = {literal(state)} WHERE run_id = {literal(run_id)}")


def state(database: Warehouse, tenant_id: str) -> str | None:
    """The digest of what the tables were made from; None if that is not known of all of them."""
    with database.as_tenant(tenant_id) as cursor:
        found = query(cursor, "SELECT state FROM ops.refreshes")
    return found.item() if found.height else None
