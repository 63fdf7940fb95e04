"""Files as shops export them."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import polars as pl

Row = Mapping[str, str]


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
