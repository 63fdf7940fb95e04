"""A shop of a handful of orders, landed as its source would have told of them."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import polars as pl

from growthos_assets.loading import warehouse
from warehouse import raw, tenants
from warehouse.tenants import Tenant

NOW = datetime(2026, 2, 10, 5, tzinfo=UTC)

Payload = dict[str, Any]


def open_shop(tenant_id: str, **settings: Any) -> Tenant:
    """A tenant whose clock stands at NOW, with no source connected."""
    warehouse()
    tenants.create(Tenant(tenant_id, tenant_id.title(), **{"clock_at": NOW, **settings}))
    return tenants.get(tenant_id)


def land(tenant: str, stream: str, records: Mapping[str, Payload], seen_at: datetime = NOW) -> None:
    """Append records to `source/stream`."""
    source, name = stream.split("/")
    batch = pl.DataFrame(
        {"external_id": list(records), "payload": [json.dumps(payload) for payload in records.values()]},
        schema={"external_id": pl.String, "payload": pl.String},
    )
    raw.land(warehouse(), tenant, source, name, [batch], seen_at)


def orders(*numbers: int, **changes: Any) -> dict[str, Payload]:
    """Shopify's orders of those numbers, by id."""
    made = [order(number, **changes) for number in numbers]
    return {payload["id"]: payload for payload in made}


def order(
    number: int, *, price: str = "10.00", subtotal: str | None = None, at: str = "2026-02-01T12:00:00Z"
) -> Payload:
    """A paid order of one line at `price`; `subtotal` is what its header claims, if not the same."""
    return {
        "id": f"gid://shopify/Order/{number}",
        "name": f"#{number}",
        "processedAt": at,
        "test": False,
        "displayFinancialStatus": "PAID",
        "currencyCode": "USD",
        "taxesIncluded": False,
        "customer": {"id": f"gid://shopify/Customer/{number}"},
        "subtotalPriceSet": _money(subtotal or price),
        "totalDiscountsSet": _money("0.00"),
        "totalShippingPriceSet": _money("0.00"),
        "totalTaxSet": _money("0.00"),
        "lineItems": {
            "nodes": [
                {
                    "id": f"gid://shopify/LineItem/{number}",
                    "title": "Mug",
                    "quantity": 1,
                    "isGiftCard": False,
                    "originalUnitPriceSet": _money(price),
                    "discountAllocations": [],
                    "taxLines": [],
                }
            ]
        },
        "refunds": [],
    }


def _money(amount: str) -> Payload:
    return {"shopMoney": {"amount": amount, "currencyCode": "USD"}}
