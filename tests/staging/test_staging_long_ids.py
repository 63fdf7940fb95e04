"""An id that no key can hold keeps its own row out, whichever API tells it; no check of the others fails by that."""

from typing import Any

import pytest
from staging_shop import Staged, line, order, raw, refund, returned, shopify_orders, stage

from growthos_assets.staging.kinds import ID_BYTES

LONG = "é" * (ID_BYTES // 2) + "e"
FITS = LONG[:-1]


def without(table: str, staged: Staged, column: str) -> None:
    """The table turns a row away by this column, alone."""
    (reason,) = set(staged.reasons(table))
    assert reason.startswith(f"{column}: 'éé")
    assert reason.endswith(f"is not an id or a name of at most {ID_BYTES} bytes, free of NUL characters")


def everything_agrees(staged: Staged) -> None:
    for check in ("header_matches_lines", "no_duplicate_orders", "agreements_agree"):
        assert staged.findings[check].passed, check


ORDERS: list[tuple[str, dict[str, Any]]] = [
    ("order_id", {"id": LONG}),
    ("customer_id", {"customer": {"id": LONG}}),
    ("email_hash", {"email": LONG, "customer": None}),
]


@pytest.mark.parametrize(("column", "changed"), ORDERS)
def test_an_order_is_held_back_with_its_lines_and_refunds(column: str, changed: dict[str, Any]) -> None:
    broken = order(2, line(2), refunds=[refund(returned(2))], **changed)
    staged = stage(shopify_orders=shopify_orders(order(), broken))
    for table in ("stg_orders", "stg_order_lines", "stg_refunds"):
        without(table, staged, column)
    assert staged.row("stg_orders")["order_id"] == "order-1"
    assert staged.row("stg_order_lines")["order_id"] == "order-1"
    assert staged.row("stg_customers")["customer_id"] == "customer-1"
    everything_agrees(staged)


def test_what_fits_is_a_key_of_every_table() -> None:
    ids = {"id": FITS, "customer": {"id": FITS}, "email": FITS}
    sold = line(id=FITS, sku=FITS, variant={"id": FITS}, product={"productType": FITS})
    staged = stage(shopify_orders=shopify_orders(order(1, sold, refunds=[refund(returned())], **ids)))
    for table in ("stg_orders", "stg_order_lines", "stg_refunds", "stg_customers", "stg_products"):
        assert staged.good[table].height == 1, staged.reasons(table)
    everything_agrees(staged)


@pytest.mark.parametrize(
    ("stream", "table", "column", "payload"),
    [
        ("shopify_customers", "stg_customers", "customer_id", {"id": LONG}),
        ("shopify_products", "stg_products", "product_id", {"variants": {"nodes": [{"id": LONG}]}}),
        (
            "shopify_products",
            "stg_products",
            "category",
            {"productType": LONG, "variants": {"nodes": [{"id": "variant-1"}]}},
        ),
        (
            "meta_insights",
            "stg_spend",
            "campaign_id",
            {"campaign_id": LONG, "account_currency": "USD", "date_start": "2026-02-01", "spend": "1"},
        ),
        (
            "google_ads_insights",
            "stg_spend",
            "campaign_id",
            {
                "customer": {"id": "2", "currencyCode": "USD"},
                "campaign": {"id": LONG},
                "segments": {"date": "2026-02-01"},
                "metrics": {},
            },
        ),
        (
            "ga4_traffic",
            "stg_traffic",
            "channel_group",
            {
                "dimensions": {"date": "20260201", "sessionDefaultChannelGroup": LONG},
                "metrics": dict.fromkeys(
                    ("sessions", "itemViewEvents", "addToCarts", "checkouts", "ecommercePurchases"), "1"
                ),
            },
        ),
    ],
)
def test_whatever_is_a_key_has_room_in_one(stream: str, table: str, column: str, payload: dict[str, Any]) -> None:
    staged = stage(**{stream: raw([("x", payload)])})
    assert staged.good[table].is_empty()
    without(table, staged, column)
