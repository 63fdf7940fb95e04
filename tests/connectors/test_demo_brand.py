"""The demo is a brand one can believe: its counts, its shares, its rates."""

from collections import Counter
from decimal import Decimal

import pytest


def share(rows, condition):
    return sum(map(bool, map(condition, rows))) / len(rows)


def lines(order):
    return order["lineItems"]["nodes"]


@pytest.fixture(scope="module")
def orders(payloads):
    return payloads["shopify/orders"]


@pytest.fixture(scope="module")
def order_days(orders, local_day):
    """The days on which each customer ordered, in order."""
    days: dict[str, list[int]] = {}
    for order in sorted(orders, key=lambda order: order["createdAt"]):
        if order["customer"]:
            days.setdefault(order["customer"]["id"], []).append(local_day(order["createdAt"]))
    return days


def test_counts(payloads, order_days):
    assert 2350 <= len(order_days) <= len(payloads["shopify/customers"]) <= 2450
    assert 20 <= len(payloads["shopify/customers"]) - len(order_days) <= 45
    assert 5200 <= len(payloads["shopify/orders"]) <= 5600
    assert len(payloads["shopify/products"]) == 61


def test_covers_180_days_to_the_end_of_the_last(orders, local_day):
    days = [local_day(order["createdAt"]) for order in orders]
    assert set(days) == set(range(180))


def test_the_average_order_is_worth_80_to_90(orders):
    total = sum(Decimal(order["subtotalPriceSet"]["shopMoney"]["amount"]) for order in orders)
    assert 80 <= total / len(orders) <= 90


@pytest.mark.parametrize(
    ("low", "high", "condition"),
    [
        (0.22, 0.28, lambda o: o["discountCodes"]),
        (0.06, 0.09, lambda o: o["refunds"] and not o["cancelledAt"]),
        (0.006, 0.015, lambda o: o["cancelledAt"]),
        (0.002, 0.009, lambda o: o["displayFinancialStatus"] == "VOIDED"),
        (0.002, 0.009, lambda o: o["test"]),
        (0.015, 0.025, lambda o: o["customer"] is None and o["email"]),
        (0.02, 0.05, lambda o: o["sourceName"] == "pos" and o["customerJourneySummary"] is None),
        (0.09, 0.17, lambda o: o["presentmentCurrencyCode"] == "EUR" and o["currencyCode"] == "USD"),
        (0.004, 0.015, lambda o: any(line["isGiftCard"] for line in lines(o))),
        (
            0.008,
            0.025,
            lambda o: any(line["originalUnitPriceSet"]["shopMoney"]["amount"] == "0.00" for line in lines(o)),
        ),
        (0.3, 0.45, lambda o: len(lines(o)) > 1),
    ],
)
def test_shares_of_orders(orders, low, high, condition):
    assert low <= share(orders, condition) <= high


def test_refunds_are_mostly_restocked_and_some_withhold_a_fee(orders):
    refunds = [refund for order in orders for refund in order["refunds"] if not order["cancelledAt"]]
    restocks = Counter(line["restockType"] for r in refunds for line in r["refundLineItems"]["nodes"])
    fees = [a for r in refunds for a in r["orderAdjustments"]["nodes"] if a["reason"] == "REFUND_DISCREPANCY"]
    assert restocks["RETURN"] > 2 * restocks["NO_RESTOCK"] > 0
    assert 5 <= len(fees) <= 0.12 * len(refunds)


def test_about_one_product_in_seven_has_no_unit_cost(payloads):
    goods = [p for p in payloads["shopify/products"] if p["productType"] != "Gift Card"]
    assert {p["productType"] for p in goods} == {"apparel", "beauty", "home", "electronics", "food"}
    assert 0.07 <= share(goods, lambda p: p["variants"]["nodes"][0]["inventoryItem"]["unitCost"] is None) <= 0.23


@pytest.mark.parametrize(("within", "low", "high"), [(7, 0.06, 0.10), (30, 0.20, 0.25), (90, 0.38, 0.50)])
def test_retention(order_days, within, low, high):
    cohort = [days for days in order_days.values() if days[0] + within < 180]
    assert low <= share(cohort, lambda days: any(0 < day - days[0] <= within for day in days)) <= high


def test_more_people_come_as_time_passes(order_days):
    first = Counter(days[0] // 30 for days in order_days.values())
    assert 1.15 <= first[5] / first[0] <= 1.45  # the middles of these months are 150 days apart


def test_first_orders_come_from_the_channels_as_weighted(source):
    first = {o.shopper.number: o.visit.touch.channel for o in reversed(source.world.orders)}
    channels = Counter(first.values())
    for channel, weight in {
        "meta": 0.30, "google": 0.25, "organic": 0.20, "email": 0.10, "direct": 0.10, "affiliate": 0.05
    }.items():  # fmt: skip
        assert channels[channel] / channels.total() == pytest.approx(weight, abs=0.025)


def test_landing_pages_say_what_the_utm_parameters_say(orders):
    for order in orders:
        visit = (order["customerJourneySummary"] or {}).get("lastVisit")
        if visit and visit["utmParameters"]:
            for name in ("source", "medium", "campaign"):
                value = visit["utmParameters"][name]
                assert value is None or f"utm_{name}={value}" in visit["landingPage"]


def test_paid_visits_name_campaigns_that_have_spend(payloads):
    spending = {row["campaign_name"] for row in payloads["meta/insights"]}
    spending |= {row["campaign"]["name"] for row in payloads["google_ads/insights"]}
    named = {
        visit["utmParameters"]["campaign"]
        for order in payloads["shopify/orders"]
        if order["customerJourneySummary"]
        for visit in [order["customerJourneySummary"]["lastVisit"]]
        if visit["utmParameters"] and visit["sourceType"] == "AD"
    }
    assert len(spending) == 8
    assert named == spending


def test_spend_is_a_quarter_of_revenue_and_a_customer_costs_40_to_60(payloads, order_days):
    cents = sum(Decimal(row["spend"]) for row in payloads["meta/insights"]) * 100
    cents += sum(int(row["metrics"]["costMicros"]) for row in payloads["google_ads/insights"]) // 10_000
    gross = sum(
        line["quantity"] * Decimal(line["originalUnitPriceSet"]["shopMoney"]["amount"])
        for order in payloads["shopify/orders"]
        for line in lines(order)
    )
    assert 0.22 <= cents / 100 / gross <= 0.28
    assert 40 <= cents / 100 / len(order_days) <= 60


def test_the_funnel_is_nested_and_converts_at_2_percent(payloads):
    steps = ("sessions", "itemViewEvents", "addToCarts", "checkouts", "ecommercePurchases")
    rows = [[int(row["metrics"][step]) for step in steps] for row in payloads["ga4/traffic"]]
    assert all(row == sorted(row, reverse=True) for row in rows)
    sessions, *_, purchases = (sum(column) for column in zip(*rows, strict=True))
    on_web = sum(order["sourceName"] == "web" for order in payloads["shopify/orders"])
    assert 0.015 <= purchases / sessions <= 0.025
    assert 0.85 <= purchases / on_web <= 0.95


def test_meta_claims_the_same_purchases_under_three_names(payloads):
    kinds = {"omni_purchase", "purchase", "offsite_conversion.fb_pixel_purchase"}
    for row in payloads["meta/insights"]:
        purchases = [action for action in row["actions"] if action["action_type"] in kinds]
        assert len(purchases) in (0, 3)
        assert len({tuple(list(action.items())[1:]) for action in purchases}) <= 1
        assert {value["action_type"] for value in row["action_values"]} == {a["action_type"] for a in purchases}


def test_ads_report_no_day_on_which_nothing_happened(payloads):
    for row in payloads["google_ads/insights"]:
        assert any(float(value) for value in row["metrics"].values())
    assert 700 <= len(payloads["google_ads/insights"]) <= 4 * 180


def test_scale_multiplies_things_and_leaves_rates_alone():
    from connectors.demo import DemoSource

    one, three = DemoSource(days=60).world, DemoSource(days=60, scale=3).world
    for things in ("customers", "orders", "products", "deliveries"):
        assert len(getattr(three, things)) / len(getattr(one, things)) == pytest.approx(3, rel=0.05)
    value = [sum(o.basket.subtotal for o in world.orders) / len(world.orders) for world in (one, three)]
    assert value[1] / value[0] == pytest.approx(1, rel=0.06)
