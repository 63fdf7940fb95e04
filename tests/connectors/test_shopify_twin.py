"""What the demo's orders say of themselves in several ways is the same, to the cent."""

from decimal import Decimal

import pytest
from shopify_api import small

from connectors.demo.twins.shopify import Shop

WORLD = small(days=40)


@pytest.fixture(scope="module")
def orders():
    """Every order with the sales of its agreements, as whoever asks for them gets them."""
    shop = Shop(WORLD)
    return [shop.node("orders", place, WORLD.calendar.end, sales=True) for place in range(len(WORLD.orders))]


def amount(bag):
    return Decimal(bag["shopMoney"]["amount"])


def total(nodes, name):
    return sum((amount(node[name]) for node in nodes), Decimal(0))


def sales(order, *kinds):
    found = [sale for agreement in order["agreements"]["nodes"] for sale in agreement["sales"]["nodes"]]
    return [sale for sale in found if not kinds or sale["lineType"] in kinds]


def test_sales_add_up_to_what_was_paid_and_not_given_back(orders):
    for order in orders:
        assert total(sales(order), "totalAmount") == amount(order["totalPriceSet"]) - amount(order["totalRefundedSet"])


def test_sales_of_products_are_the_lines_less_the_refunds(orders):
    for order in orders:
        sold = sales(order, "PRODUCT", "GIFT_CARD")
        lines = order["lineItems"]["nodes"]
        net = sum(line["quantity"] * amount(line["originalUnitPriceSet"]) for line in lines)
        net -= total((a for line in lines for a in line["discountAllocations"]), "allocatedAmountSet")
        net -= total((b for r in order["refunds"] for b in r["refundLineItems"]["nodes"]), "subtotalSet")
        tax = total(sold, "totalTaxAmount") if order["taxesIncluded"] else 0
        assert total(sold, "totalAmount") - total(sold, "totalTaxAmount") + tax == net
        assert sum(line["currentQuantity"] for line in lines) == sum(sale["quantity"] for sale in sold)


def test_refunds_are_paid_back_by_their_transactions(orders):
    refunded = [order for order in orders if order["refunds"]]
    assert refunded
    for order in refunded:
        (refund,) = order["refunds"]
        (paid_back,) = refund["transactions"]["nodes"]
        assert paid_back in order["transactions"]
        assert amount(paid_back["amountSet"]) == amount(refund["totalRefundedSet"]) == amount(order["totalRefundedSet"])
    for order in orders:
        if order["displayFinancialStatus"] == "VOIDED":
            assert [each["kind"] for each in order["transactions"]] == ["AUTHORIZATION", "VOID"]


def test_only_what_befell_an_order_is_in_it_as_it_lands(orders):
    shop = Shop(WORLD)
    for place, order in enumerate(orders):
        landed = shop.node("orders", place, WORLD.calendar.end)
        assert landed.keys() == order.keys()
        if order["refunds"]:
            assert landed == order
        else:
            assert all("sales" not in agreement for agreement in landed["agreements"]["nodes"])
