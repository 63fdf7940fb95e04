"""Files as shops export them, and what becomes of them."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
from cli_command import Done

Row = Mapping[str, str]
Import = Callable[..., Done]
HEADER = "order_id,line_id,processed_at,quantity,unit_price"


def line(order: str, line_id: str = "1", **changed: str) -> Row:
    """A good row of an order file: one mug of an order at noon."""
    good = {
        "order_id": order,
        "line_id": line_id,
        "processed_at": "2026-02-02 12:00:00",
        "customer_id": f"customer {order}",
        "sku": "MUG",
        "quantity": "1",
        "unit_price": "9.99",
    }
    return good | changed


def csv(path: Path, *rows: Row) -> Path:
    """The rows as a CSV with every column that one of them has."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    pl.DataFrame([{column: row.get(column) for column in columns} for row in rows]).write_csv(path)
    return path


def text(path: Path, lines: Iterable[str], encoding: str = "utf-8") -> Path:
    """A file of these lines."""
    path.write_bytes("".join(f"{line}\n" for line in lines).encode(encoding))
    return path


def counts(done: Done) -> tuple[int, int, int, int, int]:
    """Rows (read, landed, unchanged, repeated, quarantined) of an import that said so and why."""
    names = ("read", "landed", "unchanged", "repeated", "quarantined")
    assert done.code == (1 if done.document["quarantined"] else 0), done
    assert sum(done.document["reasons"].values()) == done.document["quarantined"]
    return tuple(done.document[name] for name in names)


def staged(tenant_id: str, name: str, *columns: str) -> list[tuple[Any, ...]]:
    """The rows that a table will have of all that has landed, sorted; none may be quarantined."""
    from growthos_assets import clock, graph
    from growthos_assets.loading import warehouse
    from growthos_assets.table import Call
    from warehouse import tenants, versions
    from warehouse.contract import Table
    from warehouse.split import split

    tables, tenant = {table.contract: table for table in graph.tables()}, tenants.get(tenant_id)

    def read(contract: type[Table]) -> pl.LazyFrame:
        if contract not in tables:
            return versions.scan_latest(warehouse(), tenant_id, contract.__spec__.qualified)
        good, bad = split(call(tables[contract].transform).collect(), contract)
        assert bad.is_empty(), bad
        return good.lazy()

    call = Call(read, {"tenant": tenant, "now": clock.now(tenant)})
    (contract,) = (contract for contract in tables if contract.__spec__.name == name)
    return sorted(read(contract).select(columns).collect().iter_rows())
