"""A small shop in staging, and the marts that are built from it."""

import inspect
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

import growthos_assets.marts.dim_customer
import growthos_assets.marts.dim_date
import growthos_assets.marts.fact_spend
import growthos_assets.marts.fact_traffic  # noqa: F401  (declares its table)
from growthos_assets.staging.customers import StgCustomers
from growthos_assets.staging.order_lines import StgOrderLines
from growthos_assets.staging.orders import StgOrders
from growthos_assets.staging.products import StgProducts
from growthos_assets.staging.refunds import StgRefunds
from growthos_assets.staging.spend import StgSpend
from growthos_assets.staging.traffic import StgTraffic
from growthos_assets.table import TABLES, Finding, inputs, upstream_first
from warehouse.contract import Table, polars_schema, schema_of
from warehouse.split import split
from warehouse.tenants import Tenant

TENANT = Tenant("acme", "Acme", shipping_rate=Decimal("0.15"), ops_rate=Decimal("0.10"))
NOW = datetime(2026, 2, 9, 12, tzinfo=UTC)
DAY = date(2026, 1, 5)
INSTANT = datetime(2026, 1, 5, 9, tzinfo=UTC)

MARTS = [table for table in upstream_first(TABLES) if table.key[0] == "marts"]
STAGING = (StgOrders, StgOrderLines, StgRefunds, StgCustomers, StgProducts, StgSpend, StgTraffic)
BLANKS: dict[type[pl.DataType], Any] = {
    pl.String: "x",
    pl.Decimal: Decimal(0),
    pl.Int64: 0,
    pl.Boolean: False,
    pl.Date: DAY,
    pl.Datetime: INSTANT,
}


def frame(contract: type[Table], *rows: Mapping[str, Any]) -> pl.DataFrame:
    """Rows of a contract; a column that a row does not name is null, or blank where null is not allowed."""
    schema = polars_schema(contract)
    blank = {
        name: None if col.nullable else BLANKS[type(schema[name])] for name, col in schema_of(contract).columns.items()
    }
    unknown = {name for row in rows for name in row} - set(schema)
    assert not unknown, f"{contract.__name__} has no {unknown}"
    return pl.DataFrame([blank | dict(row) for row in rows], schema=schema, orient="row")


def order(order_id: str, **given: Any) -> dict[str, Any]:
    return {"order_id": order_id, "channel_id": "direct", "is_counted": True} | given


def line(order_id: str, line_id: str, price: str, quantity: int = 1, **given: Any) -> dict[str, Any]:
    gross = Decimal(price) * quantity
    own = {"order_id": order_id, "line_id": line_id, "unit_price": Decimal(price), "quantity": quantity}
    return own | {"revenue_gross": gross} | given


def refund(refund_line_id: str, amount: str, **given: Any) -> dict[str, Any]:
    own = {"refund_line_id": refund_line_id, "amount": Decimal(amount), "kind": "return", "is_counted": True}
    return own | given


class Shop:
    """Staging frames of a shop; a table that is not given is empty. Customers are those that orders name."""

    def __init__(self, tenant: Tenant = TENANT, **rows: Iterable[Mapping[str, Any]]) -> None:
        names = {order["customer_id"] for order in rows.get("orders", ()) if order.get("customer_id")}
        rows.setdefault("customers", [{"customer_id": name} for name in sorted(names)])
        self.tenant = tenant
        self.staged = {
            contract.__spec__.name: frame(contract, *rows.pop(contract.__spec__.name.removeprefix("stg_"), ()))
            for contract in STAGING
        }
        assert not rows, f"no table of staging is called {set(rows)}"

    def marts(self) -> dict[str, pl.DataFrame]:
        """Every mart by name, just as the transforms make it."""
        frames = dict(self.staged)
        for declaration in MARTS:
            frames[declaration.name] = self.call(declaration.transform, frames).collect()
        return {declaration.name: frames[declaration.name] for declaration in MARTS}

    def audited(self) -> dict[str, pl.DataFrame]:
        """The same in the contracts' types; no row may break its contract and no blocking check may fail."""
        frames = self.staged | self.marts()
        for declaration in MARTS:
            frames[declaration.name], broken = split(frames[declaration.name], declaration.contract)
            assert broken.is_empty(), broken
            for check in declaration.checks:
                finding: Finding = self.call(check.function, frames)
                assert finding.passed or not check.blocking, (check.name, finding)
        return {declaration.name: frames[declaration.name] for declaration in MARTS}

    def call(self, function: Any, frames: Mapping[str, pl.DataFrame]) -> Any:
        """A transform or check with the tables it asks for, taken from `frames`."""
        given = {"tenant": self.tenant, "now": NOW}
        parameters = inspect.signature(function).parameters
        tables = {name: frames[name].lazy() for name in inputs(function)}
        return function(**tables, **{name: given[name] for name in parameters if name in given})
