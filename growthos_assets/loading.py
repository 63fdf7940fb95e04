"""This process's warehouse, and reading a table of the graph outside Dagster."""

from collections.abc import Sequence

import polars as pl

from warehouse import migrate, tenants, versions
from warehouse.database import Warehouse
from warehouse.server import app_url, text

_warehouses: dict[str, Warehouse] = {}


def warehouse() -> Warehouse:
    """This process's warehouse, its schema brought up to date first."""
    url = text(app_url())
    if url not in _warehouses:
        migrate.upgrade()
        _warehouses[url] = Warehouse(url)
    return _warehouses[url]


def close() -> None:
    """Give this process's connections back; the next `warehouse()` opens new ones."""
    for opened in _warehouses.values():
        opened.close()
    _warehouses.clear()


def load_table(key: str | Sequence[str], tenant: str, columns: Sequence[str] | None) -> pl.DataFrame:
    """See growthos_assets.load."""
    database = warehouse()
    tenants.get(tenant)
    path = key.split("/") if isinstance(key, str) else list(key)
    table = ".".join(path)
    if path[0] == "raw":
        database.columns(table)  # which says so if there is no such table
        frame = versions.read_latest(database, tenant, table).sort("external_id")
        return frame if columns is None else frame.select(columns)
    frame = database.read(table, tenant, columns=columns)
    return frame.sort(
        column.name for column in database.columns(table) if column.is_key and column.name in frame.columns
    )
