"""What holds for any shop: an independent model in Python's Decimal, order by order."""

from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from marts_shop import INSTANT, TENANT, Shop, line, order, refund
from polars.testing import assert_frame_equal

Row = dict[str, Any]
UNIT = Decimal("0.0001")
PRODUCTS = [
    {"product_id": "known", "unit_cost": Decimal("3.3333")},
    {"product_id": "unknown", "category": "food"},
]
COSTS = ("cogs", "shipping_cost", "ops_cost")

shops = settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def a_shop(draw: Callable[[Any], Any]) -> dict[str, list[Row]]:
    """Orders of a few customers and guests with lines and refunds; gift cards and free lines included."""
    orders, lines, refunds = [], [], []
    for number in range(draw(st.integers(1, 8))):
        name = str(number)
        counted = draw(st.booleans())
        placed = INSTANT + timedelta(days=draw(st.integers(0, 3)))
        customer = draw(st.sampled_from([None, "ann", "bob"]))
        orders.append(order(name, customer_id=customer, processed_at=placed, is_counted=counted))
        for position in range(draw(st.integers(0, 3))):
            sold = line(
                name,
                str(position),
                draw(st.decimals(0, 500, places=3)),
                draw(st.integers(0, 9)),
                product_id=draw(st.sampled_from([None, "known", "unknown"])),
                is_gift_card=draw(st.booleans()),
            )
            sold["discounts"] = (sold["revenue_gross"] * draw(st.decimals(0, 1, places=2))).quantize(UNIT)
            lines.append(sold)
            if draw(st.booleans()):
                net, units = sold["revenue_gross"] - sold["discounts"], draw(st.integers(0, sold["quantity"]))
                refunds.append(
                    refund(
                        f"{name}/{position}",
                        (net * units / max(sold["quantity"], 1)).quantize(UNIT),
                        order_id=name,
                        line_id=str(position),
                        quantity=units,
                        product_id=sold["product_id"],
                        is_restocked=draw(st.booleans()),
                        is_counted=counted and not sold["is_gift_card"],
                    )
                )
    return {"orders": orders, "order_lines": lines, "refunds": refunds, "products": PRODUCTS}


def line_costs(sold: Row) -> Row:
    net = sold["revenue_gross"] - sold["discounts"]
    margin = Decimal("0.40") if sold["product_id"] == "unknown" else Decimal("0.45")
    known = sold["product_id"] == "known"
    return {
        "cogs": PRODUCTS[0]["unit_cost"] * sold["quantity"] if known else (net * (1 - margin)).quantize(UNIT),
        "shipping_cost": (net * TENANT.shipping_rate).quantize(UNIT),
        "ops_cost": (net * TENANT.ops_rate).quantize(UNIT),
    }


def model(shop: dict[str, list[Row]]) -> dict[str, Row]:
    """What each order earned, on the order basis, computed line by line."""
    earned: dict[str, Row] = defaultdict(lambda: defaultdict(Decimal))
    sold = {(each["order_id"], each["line_id"]): each for each in shop["order_lines"]}
    for (name, _), each in sold.items():
        if not each["is_gift_card"]:
            for column in ("revenue_gross", "discounts"):
                earned[name][column] += each[column]
            for cost, amount in line_costs(each).items():
                earned[name][cost] += amount
    for back in shop["refunds"]:
        each = sold[back["order_id"], back["line_id"]]
        if each["is_gift_card"]:
            continue
        row, amount = earned[back["order_id"]], back["amount"]
        row["refunds"] += amount
        row["shipping_cost"] -= (amount * TENANT.shipping_rate).quantize(UNIT)
        row["ops_cost"] -= (amount * TENANT.ops_rate).quantize(UNIT)
        if back["is_restocked"] and each["quantity"]:
            row["cogs"] -= (line_costs(each)["cogs"] * back["quantity"] / each["quantity"]).quantize(UNIT)
    return earned


@shops
@given(a_shop())
def test_orders_are_the_exact_sum_of_their_lines_and_refunds(shop: dict[str, list[Row]]) -> None:
    earned = model(shop)
    facts = Shop(**shop).marts()["fact_orders"]
    assert sorted(facts["order_id"]) == sorted(order["order_id"] for order in shop["orders"])
    for row in facts.rows(named=True):
        expected = earned[row["order_id"]]
        for column in ("revenue_gross", "discounts", "refunds", *COSTS):
            assert row[column] == expected[column], column
        assert row["revenue_net"] == row["revenue_gross"] - row["discounts"] - row["refunds"]
        assert row["contribution_margin"] == row["revenue_net"] - sum(row[cost] for cost in COSTS)


@shops
@given(a_shop())
def test_order_basis_is_event_basis_when_every_refund_names_its_order(shop: dict[str, list[Row]]) -> None:
    """Booking refunds on their own day moves money between days; in total nothing comes or goes."""
    marts = Shop(**shop).marts()
    totals = {
        name: marts[name].filter("is_counted").select(pl.selectors.decimal().sum()).row(0, named=True)
        for name in ("fact_orders", "fact_order_lines", "fact_refunds")
    }
    orders, lines, refunds = totals["fact_orders"], totals["fact_order_lines"], totals["fact_refunds"]
    assert orders["revenue_net"] == lines["revenue_gross"] - lines["discounts"] - refunds["refunds"]
    for cost in COSTS:
        assert orders[cost] == lines[cost] - refunds[cost]


@shops
@given(a_shop())
def test_a_customer_is_new_once(shop: dict[str, list[Row]]) -> None:
    firsts: dict[str, Row] = {}
    for each in sorted(shop["orders"], key=lambda order: (order["processed_at"], order["order_id"])):
        if each["is_counted"] and each["customer_id"]:
            firsts.setdefault(each["customer_id"], each)
    marts = Shop(**shop).marts()
    news = marts["fact_orders"].filter("is_new_customer")
    assert dict(news.select("customer_id", "order_id").iter_rows()) == {
        customer: first["order_id"] for customer, first in firsts.items()
    }
    assert news.height == len(firsts)
    buyers = marts["dim_customer"].filter(pl.col("total_orders") > 0)
    assert dict(buyers.select("customer_id", "first_order_id").iter_rows()) == {
        customer: first["order_id"] for customer, first in firsts.items()
    }


@settings(shops, max_examples=5)
@given(a_shop())
def test_every_row_keeps_its_contract_and_no_check_fails(shop: dict[str, list[Row]]) -> None:
    assert Shop(**shop).audited()["fact_orders"].height == len(shop["orders"])


@shops
@given(a_shop(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(shop: dict[str, list[Row]], random: Any) -> None:
    shuffled = {name: random.sample(rows, len(rows)) for name, rows in shop.items()}
    one, other = Shop(**shop).marts(), Shop(**shuffled).marts()
    for name in one:
        assert_frame_equal(one[name], other[name], check_row_order=False)
