"""What the staging tests share: payloads in the shape of the APIs, and the staging tables made from them."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar

import polars as pl

from growthos_assets.raw.records import RawRecords
from growthos_assets.staging import customers, order_lines, orders, products, refunds, spend, traffic
from growthos_assets.table import TABLES, Call, Contract, Finding
from warehouse.contract import polars_schema
from warehouse.split import split
from warehouse.tenants import Tenant

NOW = datetime(2026, 2, 10, 5, tzinfo=UTC)
SHOP = Tenant("shop", "Shop", timezone="America/New_York", currency="USD")
STREAMS = (
    "shopify_orders", "shopify_customers", "shopify_products", "file_orders",
    "meta_insights", "google_ads_insights", "file_spend", "ga4_traffic", "ga4_funnel", "file_traffic",
)  # fmt: skip
MODULES = (orders, order_lines, refunds, customers, products, spend, traffic)
NAMES = [name for module in MODULES for name in TABLES if TABLES[name].transform.__module__ == module.__name__]

LOSE_NOTHING = {
    "orders_complete", "lines_complete", "refunds_complete", "customers_complete", "products_complete",
    "spend_complete", "traffic_complete", "ga4_adds_up",
}  # fmt: skip
"""Checks that hold whatever comes in: each table that a test makes has to pass its own."""

Payload = dict[str, Any]
V = TypeVar("V")


def raw(records: Iterable[tuple[str, Payload]]) -> pl.LazyFrame:
    rows = [(key, 1, json.dumps(payload), b"", NOW) for key, payload in records]
    frame = pl.DataFrame(rows, schema=polars_schema(RawRecords), orient="row")
    return frame.with_columns(import_id=pl.lit(None, pl.Int64)).lazy()


class OnDemand(dict[str, V]):
    """Made when first asked for: a test looks at few of the tables."""

    def __init__(self, make: Callable[[str], V]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, name: str) -> V:
        self[name] = self._make(name)
        return self[name]


class Staged:
    """Good and quarantined rows of every staging table, and what its checks find, over raw frames."""

    def __init__(self, tenant: Tenant, now: datetime, streams: dict[str, pl.LazyFrame]) -> None:
        self._streams = streams
        self._call = Call(self._read, {"tenant": tenant, "now": now})
        self._split = OnDemand(self._stage)
        self.good = OnDemand(lambda table: self._split[table][0])
        self.bad = OnDemand(lambda table: self._split[table][1])
        self.findings = OnDemand(self.find)

    def _read(self, contract: Contract) -> pl.LazyFrame:
        name = contract.__spec__.name
        return self._streams[name] if name in self._streams else self.good[name].lazy()

    def _stage(self, table: str) -> tuple[pl.DataFrame, pl.DataFrame]:
        declared = TABLES[table]
        made = self._split[table] = split(self._call(declared.transform).collect(), declared.contract)
        for check in (check for check in declared.checks if check.name in LOSE_NOTHING):
            finding = self.find(check.name)
            assert finding.passed, f"{check.name}: {finding.message}"
        return made

    def find(self, name: str) -> Finding:
        ((table, check),) = ((table, c) for table in NAMES for c in TABLES[table].checks if c.name == name)
        received = OnDemand(lambda contract: self._streams[contract.__spec__.name].select(pl.len()).collect().item())
        return self._call(check.function, quarantined=self.bad[table].lazy(), received=received)

    def reasons(self, table: str) -> list[str]:
        return self.bad[table]["reasons"].explode().to_list()

    def row(self, table: str) -> Payload:
        """The table's only row."""
        rows = self.good[table]
        assert rows.height == 1, f"{table} has {rows.height} rows; quarantined: {self.reasons(table)}"
        return rows.row(0, named=True)

    def column(self, table: str, column: str, by: str) -> dict[Any, Any]:
        return dict(self.good[table].select(by, column).iter_rows())

    def reasons_by(self, table: str, key: str) -> dict[Any, list[str]]:
        return dict(self.bad[table].select(key, "reasons").iter_rows())


def stage(tenant: Tenant = SHOP, now: datetime = NOW, **streams: pl.LazyFrame) -> Staged:
    """The staging tables made from raw frames; streams that are not given are empty."""
    return Staged(tenant, now, {name: raw([]) for name in STREAMS} | streams)


# files


def sale(order: str = "1", line: str = "1", **changed: str) -> Payload:
    """A row of an order file: two units at 10.00 on 2026-02-01."""
    row = {"order_id": order, "line_id": line, "processed_at": "2026-02-01 12:00:00", "sku": "A-1"}
    return row | {"title": "Shirt", "category": "Apparel", "quantity": "2", "unit_price": "10.00"} | changed


def file_orders(*rows: Payload) -> pl.LazyFrame:
    """Landed as the importer does: <order>/<line>, and ~2 behind it for a second row with the same ids."""
    seen: dict[str, int] = {}
    records: list[tuple[str, Payload]] = []
    for row in rows:
        key = f"{row.get('order_id', '')}/{row.get('line_id', '')}"
        seen[key] = seen.get(key, 0) + 1
        records.append((key if seen[key] == 1 else f"{key}~{seen[key]}", row))
    return raw(records)


def stage_file(*rows: Payload, tenant: Tenant = SHOP) -> Staged:
    return stage(tenant, file_orders=file_orders(*rows))


# Shopify


def bag(amount: str) -> Payload:
    """A MoneyBag whose customer paid in another currency."""
    return {
        "shopMoney": {"amount": amount, "currencyCode": "USD"},
        "presentmentMoney": {"amount": "999.99", "currencyCode": "EUR"},
    }


def line(
    number: int = 1,
    price: str = "50.00",
    quantity: int = 1,
    discount: str = "",
    tax: str = "",
    **changed: Any,
) -> Payload:
    return {
        "id": f"line-{number}",
        "title": "Linen shirt",
        "sku": f"LS-{number}",
        "quantity": quantity,
        "isGiftCard": False,
        "product": {"id": "product-1", "productType": "Apparel"},
        "variant": {"id": f"variant-{number}"},
        "originalUnitPriceSet": bag(price),
        "discountAllocations": [{"allocatedAmountSet": bag(discount)}] if discount else [],
        "taxLines": [{"priceSet": bag(tax)}] if tax else [],
    } | changed


def visit(landing: str | None = None, referrer: str | None = None, **utm: str) -> Payload:
    last = {"landingPage": landing, "referrerUrl": referrer, "source": "x", "utmParameters": utm or None}
    return {"ready": True, "lastVisit": last}


def order(
    number: int = 1, *lines: Payload, subtotal: str = "50.00", discounts: str = "0.00", **changed: Any
) -> Payload:
    return {
        "id": f"order-{number}",
        "name": f"#{number}",
        "processedAt": "2026-02-01T17:00:00Z",
        "cancelledAt": None,
        "test": False,
        "displayFinancialStatus": "PAID",
        "sourceName": "web",
        "currencyCode": "USD",
        "taxesIncluded": False,
        "email": "hmac:ada",
        "customer": {"id": "customer-1"},
        "shippingAddress": {"countryCodeV2": "US", "provinceCode": "NY"},
        "subtotalPriceSet": bag(subtotal),
        "totalDiscountsSet": bag(discounts),
        "totalShippingPriceSet": bag("5.95"),
        "totalTaxSet": bag("4.00"),
        "customerJourneySummary": visit(),
        "lineItems": {"nodes": list(lines) or [line()]},
        "refunds": [],
    } | changed


def refund(*lines: Payload, adjustments: Iterable[Payload] = (), at: str = "2026-02-05T03:30:00Z") -> Payload:
    return {
        "id": "refund-1",
        "createdAt": at,
        "refundLineItems": {"nodes": list(lines)},
        "orderAdjustments": {"nodes": list(adjustments)},
    }


def returned(
    number: int = 1,
    subtotal: str = "50.00",
    tax: str = "4.00",
    restock: str | None = "RETURN",
    quantity: int = 1,
) -> Payload:
    return {
        "id": f"returned-{number}",
        "quantity": quantity,
        "restockType": restock,
        "subtotalSet": bag(subtotal),
        "totalTaxSet": bag(tax),
        "lineItem": {"id": f"line-{number}"},
    }


def adjustment(amount: str, reason: str | None = "REFUND_DISCREPANCY", number: int = 1) -> Payload:
    return {
        "id": f"adjustment-{number}",
        "reason": reason,
        "amountSet": bag(amount),
        "taxAmountSet": bag("0.00"),
    }


def agreement(*sales: Payload, reason: str = "ORDER", at: str = "2026-02-01T17:00:00Z") -> Payload:
    """What was agreed at an instant, as the shop tells it of an order that something befell."""
    return {"id": f"agreement-{at}-{reason}", "happenedAt": at, "reason": reason, "sales": {"nodes": list(sales)}}


def agreed(
    action: str, total: str, tax: str = "0.00", line: int | None = 1, quantity: int | None = 1, kind: str = "PRODUCT"
) -> Payload:
    """A sale of an agreement: `total` is after discounts and with tax."""
    own = {"lineItem": {"id": f"line-{line}"}} if line else {}
    return own | {
        "id": f"sale-{action}-{kind}-{line}-{total}",
        "actionType": action,
        "lineType": kind,
        "quantity": quantity,
        "totalAmount": bag(total),
        "totalTaxAmount": bag(tax),
    }


def agreements(*told: Payload) -> Payload:
    return {"nodes": list(told)}


def shopify_orders(*payloads: Payload) -> pl.LazyFrame:
    return raw((payload["id"], payload) for payload in payloads)


def stage_shop(*payloads: Payload, tenant: Tenant = SHOP) -> Staged:
    return stage(tenant, shopify_orders=shopify_orders(*payloads))
