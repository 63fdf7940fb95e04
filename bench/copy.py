"""The yardstick: a bare COPY of a frame into a table of the same types, constraints and keys, outside row security."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import polars as pl

from warehouse.contract import Table
from warehouse.database import Warehouse
from warehouse.quoting import qualified
from warehouse.server import owner_url, text

TWIN = "bare_copy"


def bare_copy(warehouse: Warehouse, contract: type[Table], frame: pl.DataFrame, tenant_id: str) -> float:
    """Seconds to COPY the tenant's rows, committed, into an empty twin of the contract's table; it is dropped again.

    The twin is an ordinary table of an earlier transaction: it is logged as its original is.
    """
    table = contract.__spec__.qualified
    order = [column.name for column in warehouse.columns(table)]
    rows = frame.with_columns(tenant_id=pl.lit(tenant_id)).select(order)
    with closing(adbc.connect(text(owner_url()))) as owner, _twin(owner, table), closing(owner.cursor()) as cursor:
        started = time.perf_counter()
        cursor.adbc_ingest(TWIN, rows, mode="append")
        owner.commit()
        return time.perf_counter() - started


@contextmanager
def _twin(owner: Any, table: str) -> Iterator[None]:
    def execute(statement: str) -> None:
        with closing(owner.cursor()) as cursor:
            cursor.execute(statement)
        owner.commit()

    execute(f"CREATE TABLE {TWIN} (LIKE {qualified(table)} INCLUDING CONSTRAINTS INCLUDING INDEXES INCLUDING STORAGE)")
    try:
        yield
    finally:
        execute(f"DROP TABLE {TWIN}")
