"""What the demo's records say fits together, to the cent, whatever the seed."""

from decimal import Decimal

import pytest
from demo_records import everything

from connectors.demo import DemoSource


@pytest.fixture(scope="module", params=range(5))
def shop(request):
    """The payloads of a small shop, by stream."""
    records = everything(DemoSource(seed=request.param, days=25))
    return {key: [record.payload for record in rows] for key, rows in records.items()}


def amount(money_set):
    return Decimal(money_set["shopMoney"]["amount"])


def total(money_sets):
    return sum((amount(money_set) for money_set in money_sets), Decimal(0))


def test_lines_add_up_to_the_order(shop):
    for order in shop["shopify/orders"]:
        lines = order["lineItems"]["nodes"]
        gross = sum(line["quantity"] * amount(line["originalUnitPriceSet"]) for line in lines)
        discounts = total(a["allocatedAmountSet"] for line in lines for a in line["discountAllocations"])
        tax = total(t["priceSet"] for line in lines for t in line["taxLines"])
        assert amount(order["totalDiscountsSet"]) == discounts
        assert amount(order["subtotalPriceSet"]) == gross - discounts
        assert amount(order["totalTaxSet"]) == tax
        added_tax = 0 if order["taxesIncluded"] else tax
        shipping = amount(order["totalShippingPriceSet"])
        assert amount(order["totalPriceSet"]) == gross - discounts + added_tax + shipping


def test_a_refund_gives_back_what_was_paid_for_its_units(shop):
    for order in shop["shopify/orders"]:
        lines = {line["id"]: line for line in order["lineItems"]["nodes"]}
        for refund in order["refunds"]:
            for refunded in refund["refundLineItems"]["nodes"]:
                line = lines[refunded["lineItem"]["id"]]
                paid = line["quantity"] * amount(line["originalUnitPriceSet"])
                paid -= total(a["allocatedAmountSet"] for a in line["discountAllocations"])
                assert 1 <= refunded["quantity"] <= line["quantity"]
                share = Decimal(refunded["quantity"]) / line["quantity"]
                tax = total(t["priceSet"] for t in line["taxLines"])
                assert 0 <= paid * share - amount(refunded["subtotalSet"]) < Decimal("0.01")
                assert 0 <= tax * share - amount(refunded["totalTaxSet"]) < Decimal("0.01")
            assert refund["createdAt"] > order["createdAt"]
            assert refund["createdAt"] == order["updatedAt"]


def test_an_order_cancelled_after_payment_is_paid_back_in_full(shop):
    for order in shop["shopify/orders"]:
        if order["cancelledAt"] and order["refunds"]:
            (refund,) = order["refunds"]
            lines = refund["refundLineItems"]["nodes"]
            tax = 0 if order["taxesIncluded"] else total(line["totalTaxSet"] for line in lines)
            kept = total(node["amountSet"] for node in refund["orderAdjustments"]["nodes"])
            shipping = total(node["subtotalAmountSet"] for node in refund["refundShippingLines"]["nodes"])
            paid_back = total(line["subtotalSet"] for line in lines) + tax + shipping - kept
            assert paid_back == amount(order["totalPriceSet"]) == amount(refund["totalRefundedSet"])
            assert order["displayFinancialStatus"] == "REFUNDED"


def test_orders_are_placed_by_customers_who_exist_and_are_counted(shop):
    customers = {customer["id"]: customer for customer in shop["shopify/customers"]}
    placed: dict[str, list[str]] = {}
    for order in shop["shopify/orders"]:
        if order["customer"]:
            customer = customers[order["customer"]["id"]]
            assert order["email"] == customer["defaultEmailAddress"]["emailAddress"]
            placed.setdefault(customer["id"], []).append(order["createdAt"])
    for key, customer in customers.items():
        assert customer["numberOfOrders"] == str(len(placed.get(key, [])))
        assert customer["createdAt"] == min(placed.get(key, [customer["createdAt"]]))
        assert customer["updatedAt"] >= max(placed.get(key, [customer["createdAt"]]))


def test_lines_are_of_products_that_exist_at_the_price_they_have(shop):
    variants = {
        variant["id"]: (product, variant)
        for product in shop["shopify/products"]
        for variant in product["variants"]["nodes"]
    }
    for order in shop["shopify/orders"]:
        for line in order["lineItems"]["nodes"]:
            product, variant = variants[line["variant"]["id"]]
            assert line["product"] == {"id": product["id"], "productType": product["productType"]}
            assert line["isGiftCard"] == (product["productType"] == "Gift Card")
            assert line["originalUnitPriceSet"]["shopMoney"]["amount"] in (variant["price"], "0.00")


def test_nothing_happens_outside_the_demo(source):
    start, end = source.world.calendar.starts[0], source.world.calendar.end
    for order in source.world.orders:
        assert start <= order.created <= order.updated < end


def test_ids_are_unique_within_each_stream(records):
    for rows in records.values():
        assert len({record.external_id for record in rows}) == len(rows) > 0


def test_only_google_conversions_are_floats(payloads):
    def floats(value, path=""):
        if isinstance(value, dict):
            return {found for key, inner in value.items() for found in floats(inner, f"{path}.{key}")}
        if isinstance(value, list):
            return {found for inner in value for found in floats(inner, path)}
        return {path} if isinstance(value, float) else set()

    found = {path for rows in payloads.values() for row in rows for path in floats(row)}
    counted = ("conversions", "conversionsValue", "allConversions")
    by_date = ("conversionsByConversionDate", "conversionsValueByConversionDate")
    assert found == {f".metrics.{name}" for name in (*counted, *by_date)}


def test_personal_data_is_where_the_streams_say(payloads, source):
    for stream in source.streams:
        for path in stream.pii:
            for value in payloads[stream.key]:
                for name in path.split("."):
                    value = value[name]
                assert value.endswith("@example.com")
        first = stream.pii and payloads[stream.key][0]
        assert str(first).count("@example.com") == len(stream.pii)
