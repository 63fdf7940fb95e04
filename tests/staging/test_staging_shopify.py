"""Shopify orders: money without tax, refunds as facts, and what is kept but not counted."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from staging_shop import (
    NAMES,
    SHOP,
    Staged,
    adjustment,
    line,
    order,
    raw,
    refund,
    returned,
    shopify_orders,
    stage,
    stage_shop,
    visit,
)

from connectors.demo import DemoSource
from connectors.source import STREAMS


def test_an_order_as_the_shop_tells_it() -> None:
    row = stage_shop(order()).row("stg_orders")
    assert row["order_id"] == "order-1"
    assert row["source"] == "shopify"
    assert row["order_name"] == "#1"
    assert row["processed_at"] == datetime(2026, 2, 1, 17, tzinfo=UTC)
    assert row["order_date"] == date(2026, 2, 1)
    assert (row["customer_id"], row["email_hash"]) == ("customer-1", "hmac:ada")
    assert (row["shipping_charged"], row["tax"], row["source_gross"]) == (
        Decimal("5.95"),
        Decimal(4),
        Decimal(50),
    )
    assert row["region"] == "US-NY"
    assert row["is_counted"]


def test_the_day_is_the_shops_not_utcs() -> None:
    assert stage_shop(order(processedAt="2026-02-02T04:59:59Z")).row("stg_orders")["order_date"] == date(2026, 2, 1)


def test_a_line_as_the_shop_tells_it() -> None:
    bought = line(price="30.00", quantity=2, discount="6.00", tax="4.32")
    row = stage_shop(order(1, bought, subtotal="54.00", discounts="6.00")).row("stg_order_lines")
    assert (row["product_id"], row["sku"], row["category"]) == ("variant-1", "LS-1", "apparel")
    assert (row["quantity"], row["unit_price"], row["revenue_gross"]) == (2, Decimal(30), Decimal(60))
    assert (row["discounts"], row["tax"]) == (Decimal(6), Decimal("4.32"))


def test_prices_that_hold_the_tax_are_brought_to_what_they_are_without_it() -> None:
    bought = line(price="119.00", quantity=2, discount="23.80", tax="34.20")
    staged = stage_shop(order(1, bought, subtotal="214.20", discounts="23.80", taxesIncluded=True))
    row = staged.row("stg_order_lines")
    assert row["revenue_gross"] == Decimal(200)
    assert row["discounts"] == Decimal(20)
    assert row["unit_price"] == Decimal(100)
    assert row["tax"] == Decimal("34.20")
    assert staged.findings["header_matches_lines"].passed


def test_a_line_that_costs_nothing_in_the_end_tells_no_tax_rate() -> None:
    bought = line(price="119.00", discount="119.00")
    row = stage_shop(order(1, bought, subtotal="0", discounts="119.00", taxesIncluded=True)).row("stg_order_lines")
    assert row["revenue_gross"] == row["discounts"] == Decimal(119)


sold = st.tuples(st.integers(1, 12), st.integers(0, 200_000), st.integers(0, 100), st.integers(0, 27))


@settings(max_examples=6)
@given(st.lists(sold, min_size=10, max_size=60))
def test_what_was_paid_without_tax_is_exact_and_the_discount_never_exceeds_the_price(
    lines: list[tuple[int, int, int, int]],
) -> None:
    orders, paid = [], {}
    for number, (quantity, price, percent, rate) in enumerate(lines):
        discount = quantity * price * percent // 100
        net = quantity * price - discount
        tax = net * rate // (100 + rate)
        unit, off, held, rest = (f"{cents / 100:.2f}" for cents in (price, discount, tax, net))
        bought = line(number, price=unit, quantity=quantity, discount=off, tax=held)
        orders.append(order(number, bought, subtotal=rest, discounts=off, taxesIncluded=True))
        paid[f"line-{number}"] = Decimal(rest)
    staged = stage_shop(*orders)
    rows = list(staged.good["stg_order_lines"].iter_rows(named=True))
    assert len(rows) == len(lines)
    for row in rows:
        assert row["revenue_gross"] - row["discounts"] + row["tax"] == paid[row["line_id"]]
        assert 0 <= row["discounts"] <= row["revenue_gross"]
        rounding = Decimal("0.00005") * row["quantity"]
        assert abs(row["unit_price"] * row["quantity"] - row["revenue_gross"]) <= rounding
    assert staged.findings["header_matches_lines"].passed


def test_test_and_voided_orders_are_kept_and_do_not_count() -> None:
    staged = stage_shop(
        order(1),
        order(2, test=True),
        order(3, cancelledAt="2026-02-02T00:00:00Z", displayFinancialStatus="VOIDED"),
        order(4, cancelledAt="2026-02-02T00:00:00Z", displayFinancialStatus="REFUNDED"),
        order(5, displayFinancialStatus=None),
    )
    flags = staged.good["stg_orders"].sort("order_id").select("is_test", "is_cancelled", "is_voided", "is_counted")
    assert flags.rows() == [
        (False, False, False, True),
        (True, False, False, False),
        (False, True, True, False),
        (False, True, False, True),
        (False, False, False, True),
    ]


def test_an_order_of_the_counter_has_no_journey_and_no_address() -> None:
    pos = order(sourceName="pos", customerJourneySummary=None, shippingAddress=None, customer=None, email=None)
    row = stage_shop(pos).row("stg_orders")
    assert (row["channel_rule"], row["region"], row["customer_id"]) == ("shop_source", None, None)


def test_a_guest_is_known_by_the_e_mail() -> None:
    staged = stage_shop(order(1), order(2, customer=None), order(3, customer=None, email="hmac:eve"))
    assert staged.column("stg_orders", "customer_id", by="order_id") == {
        "order-1": "customer-1",
        "order-2": "customer-1",
        "order-3": "email:hmac:eve",
    }


def test_where_no_e_mail_is_told_only_the_shops_own_customers_are_known() -> None:
    named, guest = order(1), order(2, customer=None)
    del named["email"], guest["email"]
    listed = {"id": "customer-1", "createdAt": "2025-01-01T00:00:00Z", "defaultAddress": None}
    staged = stage(shopify_orders=shopify_orders(named, guest), shopify_customers=raw([("customer-1", listed)]))
    assert staged.column("stg_orders", "customer_id", by="order_id") == {"order-1": "customer-1", "order-2": None}
    assert staged.column("stg_orders", "email_hash", by="order_id") == {"order-1": None, "order-2": None}
    assert list(staged.good["stg_customers"]["customer_id"]) == ["customer-1"]
    assert staged.bad["stg_orders"].is_empty()
    assert staged.bad["stg_customers"].is_empty()


def test_the_last_visit_decides_the_channel() -> None:
    journey = visit("https://shop.com/?gclid=x&utm_campaign=Brand_Search", "https://www.google.com/", source="google")
    row = stage_shop(order(customerJourneySummary=journey)).row("stg_orders")
    assert (row["click_id"], row["channel_id"], row["channel_rule"]) == ("gclid", "google", "click_gclid")
    assert (row["utm_source"], row["utm_campaign"]) == ("google", "Brand_Search")


@pytest.mark.parametrize(
    ("country", "province", "region"), [("US", "NY", "US-NY"), ("DE", None, "DE"), (None, "NY", None)]
)
def test_region_is_the_country_and_its_province(country: str | None, province: str | None, region: str | None) -> None:
    row = stage_shop(order(shippingAddress={"countryCodeV2": country, "provinceCode": province})).row("stg_orders")
    assert row["region"] == region


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"currencyCode": "EUR"}, "currency: 'EUR' is not the tenant's USD"),
        ({"processedAt": "2026-03-01T00:00:00Z"}, "processed_at is in the future"),
        ({"processedAt": None}, "processed_at is missing"),
        ({"totalTaxSet": None}, "tax is missing"),
    ],
)
def test_a_record_that_cannot_be_trusted_is_held_back_whole(changed: dict[str, Any], reason: str) -> None:
    staged = stage_shop(order(1, refunds=[refund(returned())], **changed), order(2))
    for table in ("stg_orders", "stg_order_lines", "stg_refunds"):
        assert staged.reasons(table) == [reason]
    assert staged.row("stg_orders")["order_id"] == "order-2"
    assert staged.row("stg_order_lines")["order_id"] == "order-2"
    assert staged.findings["header_matches_lines"].passed


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"quantity": None}, "quantity is missing"),
        ({"originalUnitPriceSet": None}, "unit_price is missing"),
        (
            {"discountAllocations": [{"allocatedAmountSet": None}]},
            "discountAllocations: one of them is not an amount",
        ),
        ({"taxLines": [{"priceSet": None}]}, "taxLines: one of them is not an amount"),
        (line(price="500000000", quantity=2), "quantity × unit_price is a billion or more"),
    ],
)
def test_a_broken_line_is_quarantined_and_its_header_no_longer_matches(changed: dict[str, Any], reason: str) -> None:
    staged = stage_shop(order(1, line() | changed))
    assert staged.reasons("stg_order_lines") == [reason]
    finding = staged.findings["header_matches_lines"]
    assert not finding.passed
    assert finding.message == "1 orders whose lines do not add up to their header"


def test_a_discount_above_the_price_cannot_be() -> None:
    staged = stage_shop(order(1, line(price="10.00", discount="10.01"), subtotal="0"))
    assert staged.reasons("stg_order_lines") == ["discounts: '10.0100' are more than quantity × unit_price"]


def test_a_line_of_no_unit_keeps_its_price() -> None:
    row = stage_shop(order(1, line(quantity=0), subtotal="0.00")).row("stg_order_lines")
    assert (row["quantity"], row["unit_price"], row["revenue_gross"]) == (0, Decimal(50), 0)


def test_a_header_a_cent_off_is_found() -> None:
    finding = stage_shop(order(1, line(price="50.01"))).findings["header_matches_lines"]
    assert not finding.passed
    assert finding.metadata["examples"]["order_id"].to_list() == ["order-1"]


def test_a_returned_line_is_what_was_sold() -> None:
    staged = stage_shop(order(refunds=[refund(returned(subtotal="45.00", tax="3.60"))]))
    row = staged.row("stg_refunds")
    assert (row["refund_line_id"], row["refund_id"]) == ("returned-1", "refund-1")
    assert (row["order_id"], row["line_id"], row["customer_id"]) == ("order-1", "line-1", "customer-1")
    assert (row["product_id"], row["category"]) == ("variant-1", "apparel")
    assert (row["amount"], row["tax"], row["quantity"]) == (Decimal(45), Decimal("3.60"), 1)
    assert row["refund_date"] == date(2026, 2, 4)
    assert row["is_counted"]


def test_what_can_be_sold_again() -> None:
    kinds = ["RETURN", "CANCEL", "LEGACY_RESTOCK", "NO_RESTOCK", None]
    back = [returned(number, restock=kind) for number, kind in enumerate(kinds)]
    staged = stage_shop(order(refunds=[refund(*back)]))
    assert staged.good["stg_refunds"].sort("refund_line_id")["is_restocked"].to_list() == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_a_return_at_prices_that_hold_the_tax() -> None:
    sold = line(price="119.00", tax="19.00")
    back = refund(returned(subtotal="119.00", tax="19.00"))
    row = stage_shop(order(1, sold, subtotal="119.00", taxesIncluded=True, refunds=[back])).row("stg_refunds")
    assert (row["amount"], row["tax"]) == (Decimal(100), Decimal(19))


def test_what_the_shop_kept_counts_against_the_return() -> None:
    kept = adjustment("5.00")
    goodwill = adjustment("-7.50", reason="CUSTOMER", number=2)
    unnamed = adjustment("-1.00", reason=None, number=3)
    staged = stage_shop(order(refunds=[refund(returned(), adjustments=[kept, goodwill, unnamed])]))
    assert staged.column("stg_refunds", "amount", by="refund_line_id") == {
        "returned-1": Decimal(50),
        "adjustment-1": Decimal(-5),
        "adjustment-2": Decimal("7.50"),
        "adjustment-3": Decimal(1),
    }
    adjusted = staged.good["stg_refunds"].filter(pl.col("kind") == "adjustment")
    assert adjusted["quantity"].to_list() == [0, 0, 0]
    assert adjusted["line_id"].null_count() == 3
    assert not adjusted["is_restocked"].any()


def test_gift_cards_are_flagged_and_giving_one_back_is_no_refund_of_revenue() -> None:
    card = line(2, price="25.00", isGiftCard=True)
    back = refund(returned(1), returned(2, subtotal="25.00", tax="0"))
    staged = stage_shop(order(1, line(1), card, subtotal="75.00", refunds=[back]))
    assert staged.column("stg_order_lines", "is_gift_card", by="line_id") == {"line-1": False, "line-2": True}
    assert staged.column("stg_refunds", "is_counted", by="line_id") == {"line-1": True, "line-2": False}
    assert staged.findings["header_matches_lines"].passed


def test_a_refund_of_a_voided_order_does_not_count() -> None:
    staged = stage_shop(order(displayFinancialStatus="VOIDED", refunds=[refund(returned())]))
    assert not staged.row("stg_refunds")["is_counted"]


def test_a_refund_in_the_future_is_quarantined_alone() -> None:
    staged = stage_shop(order(refunds=[refund(returned(), at="2027-01-01T00:00:00Z")]))
    assert staged.reasons("stg_refunds") == ["refunded_at is in the future"]
    assert staged.good["stg_orders"].height == 1


def test_products_are_variants_with_their_cost() -> None:
    def variant(number: int, cost: dict[str, str] | None) -> dict[str, object]:
        return {"id": f"variant-{number}", "sku": f"LS-{number}", "inventoryItem": {"unitCost": cost}}

    variants = [
        variant(1, {"amount": "18.40", "currencyCode": "USD"}),
        variant(2, None),
        variant(3, {"amount": "18.40", "currencyCode": "EUR"}),
    ]
    product = {"id": "p", "title": "Linen shirt", "productType": "Apparel", "variants": {"nodes": variants}}
    sold = order(1, line(1), line(3), line(9, variant={"id": "gone"}), subtotal="150.00")
    staged = stage(shopify_products=raw([("p", product)]), shopify_orders=shopify_orders(sold))
    assert staged.column("stg_products", "unit_cost", by="product_id") == {
        "variant-1": Decimal("18.40"),
        "variant-2": None,
        "variant-3": None,
        "gone": None,
    }
    assert set(staged.good["stg_products"]["category"]) == {"apparel"}
    assert staged.reasons("stg_products") == ["unit_cost_currency: 'EUR' is not the tenant's USD"]


def test_customers_are_listed_by_the_shop_or_named_by_orders() -> None:
    listed = {
        "id": "customer-1",
        "createdAt": "2026-01-01T00:00:00Z",
        "defaultEmailAddress": {"emailAddress": "hmac:ada"},
        "defaultAddress": {"countryCodeV2": "US", "provinceCode": "CA"},
    }
    broken = listed | {"id": "customer-9", "createdAt": "x"}
    staged = stage(
        shopify_customers=raw([("customer-1", listed), ("customer-9", broken)]),
        shopify_orders=shopify_orders(
            order(1),
            order(2, customer={"id": "new"}, email="hmac:eve", shippingAddress=None),
            order(3, customer={"id": "new"}, email=None, processedAt="2026-02-02T00:00:00Z"),
        ),
    )
    rows = {row["customer_id"]: row for row in staged.good["stg_customers"].iter_rows(named=True)}
    assert rows["customer-1"]["region"] == "US-CA"
    assert rows["customer-1"]["created_at"] == datetime(2026, 1, 1, tzinfo=UTC)
    assert (rows["new"]["email_hash"], rows["new"]["region"], rows["new"]["created_at"]) == (
        "hmac:eve",
        "US-NY",
        None,
    )
    assert len(rows) == 2
    assert staged.bad["stg_customers"].height == 1


@pytest.fixture(scope="module")
def demo() -> tuple[dict[str, pl.LazyFrame], Staged]:
    source = DemoSource()
    frames = {
        key.replace("/", "_"): raw(
            (record.external_id, record.payload)
            for page in source.pages(stream, since=None, until=source.now)
            for record in page
        )
        for key, stream in STREAMS.items()
    }
    return frames, stage(SHOP, source.now, **frames)


def test_the_demo_is_staged_without_loss(demo: tuple[dict[str, pl.LazyFrame], Staged]) -> None:
    frames, staged = demo
    assert all(staged.bad[table].is_empty() for table in NAMES)
    for name in (
        "orders_not_empty",
        "header_matches_lines",
        "agreements_agree",
        "spend_not_empty",
        "traffic_not_empty",
        "ga4_tells_all_sessions",
    ):
        assert staged.findings[name].passed
        assert not staged.findings[name].skipped
    assert staged.good["stg_orders"].height == frames["shopify_orders"].collect().height
    groups = {tuple(json.loads(p)["dimensions"].values())[:2] for p in frames["ga4_traffic"].collect()["payload"]}
    assert staged.good["stg_traffic"].height == len(groups)
    ads = frames["meta_insights"].collect().height + frames["google_ads_insights"].collect().height
    assert staged.good["stg_spend"].height == ads


def test_the_demo_refers_only_to_what_is_there(demo: tuple[dict[str, pl.LazyFrame], Staged]) -> None:
    good = demo[1].good
    orders, lines, refunds = (good[table] for table in ("stg_orders", "stg_order_lines", "stg_refunds"))
    assert lines.join(orders, on="order_id", how="anti").is_empty()
    assert refunds["order_id"].null_count() == 0
    assert refunds.filter(pl.col("kind") == "return")["line_id"].null_count() == 0
    assert orders.drop_nulls("customer_id").join(good["stg_customers"], on="customer_id", how="anti").is_empty()
    assert lines.drop_nulls("product_id").join(good["stg_products"], on="product_id", how="anti").is_empty()


def test_the_demo_comes_from_every_channel(demo: tuple[dict[str, pl.LazyFrame], Staged]) -> None:
    orders = demo[1].good["stg_orders"]
    channels = {"meta", "google", "tiktok", "organic", "email", "affiliate", "direct", "other"}
    assert set(orders["channel_id"]) == channels


def test_the_demos_campaigns_are_those_of_its_ads(demo: tuple[dict[str, pl.LazyFrame], Staged]) -> None:
    good = demo[1].good
    paid = good["stg_orders"].filter(pl.col("channel_id").is_in(["meta", "google"])).drop_nulls("utm_campaign")
    campaigns = good["stg_spend"].select("channel_id", utm_campaign="campaign_name").unique()
    assert paid.height > 500
    assert paid.join(campaigns, on=["channel_id", "utm_campaign"], how="anti").is_empty()
