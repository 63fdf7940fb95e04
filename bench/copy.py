"""The yardstick: a bare COPY of a frame into a table of the same types and key, without row-level security."""

import time

import polars as pl

from warehouse.contract import Table
from warehouse.database import Warehouse, execute
from warehouse.quoting import qualified, quoted


def bare_copy(warehouse: Warehouse, contract: type[Table], frame: pl.DataFrame, tenant_id: str) -> float:
    """Seconds to COPY the tenant's rows into an empty twin of the contract's table; the twin is dropped again."""
    spec = contract.__spec__
    rows = frame.with_columns(tenant_id=pl.lit(tenant_id))
    key = ", ".join(map(quoted, ("tenant_id", *spec.key)))
    with warehouse.as_tenant(tenant_id) as cursor:
        execute(cursor, f"CREATE TEMP TABLE twin AS SELECT * FROM {qualified(spec.qualified)} WITH NO DATA")
        execute(cursor, f"ALTER TABLE twin ADD PRIMARY KEY ({key})")
        started = time.perf_counter()
        cursor.adbc_ingest("twin", rows.select(_order(warehouse, spec.qualified)), mode="append", temporary=True)
        seconds = time.perf_counter() - started
        execute(cursor, "DROP TABLE twin")
    return seconds


def _order(warehouse: Warehouse, table: str) -> list[str]:
    return [column.name for column in warehouse.columns(table)]
