"""An order of the demo as Shopify's Admin GraphQL API tells it: lines, money, journey, refunds, agreements."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from connectors.demo.aftermath import Refund
from connectors.demo.baskets import Line
from connectors.demo.calendar import DAY, iso
from connectors.demo.catalog import GIFT_CARD, Product
from connectors.demo.orders import Order
from connectors.demo.twins.rendering import decimal

Node = dict[str, Any]
Money = Callable[[int], Node]

FIRST_ORDER = 5_800_000_000_000
FIRST_CUSTOMER = 7_000_000_000_000
FIRST_PRODUCT = 8_000_000_000_000
FIRST_VARIANT = 44_000_000_000_000
EUROS_PER_HUNDRED = 92  # what 100 of the shop's currency show as to customers who see euros
VISITED = 600  # seconds from the visit to the order


def gid(kind: str, number: int) -> str:
    return f"gid://shopify/{kind}/{number}"


@lru_cache(maxsize=1 << 16)  # most amounts are a price or a multiple of one; nobody changes them once made
def bag(cents: int, currency: str, presentment: str) -> Node:
    """A MoneyBag."""
    amount = {"amount": decimal(cents), "currencyCode": currency}
    if presentment == currency:
        return {"shopMoney": amount, "presentmentMoney": amount}
    shown = decimal((cents * EUROS_PER_HUNDRED + 50) // 100)
    return {"shopMoney": amount, "presentmentMoney": {"amount": shown, "currencyCode": presentment}}


def render(index: int, order: Order, currency: str, *, sales: bool) -> Node:
    """An order, whole. Its agreements' `sales` are in it if anything befell it, or if asked for."""
    shopper, place, basket = order.shopper, order.shopper.place, order.basket
    cancelled, refund = order.aftermath.cancelled, order.aftermath.refund
    presentment = place.presentment or currency
    number = FIRST_ORDER + index
    discount = sum(line.discount for line in basket.lines)

    def money(cents: int) -> Node:
        return bag(cents, currency, presentment)

    created, nothing = iso(order.created), money(0)
    total = money(order.total)
    returned = {line.position: line for line in refund.lines} if refund else {}
    agreements = [{"id": gid("OrderAgreement", number * 10), "happenedAt": created, "reason": "ORDER"}]
    if refund:
        agreement = {"id": gid("RefundAgreement", number * 10 + 1), "happenedAt": iso(refund.created)}
        agreements.append({**agreement, "reason": "REFUND"})
    return {
        "id": gid("Order", number),
        "legacyResourceId": str(number),
        "name": f"#{1001 + index}",
        "createdAt": created,
        "processedAt": created,
        "updatedAt": iso(order.updated),
        "cancelledAt": iso(cancelled) if cancelled else None,
        "cancelReason": "CUSTOMER" if cancelled else None,
        "test": order.test,
        "edited": False,
        "displayFinancialStatus": order.status,
        "sourceName": "web" if order.on_web else "pos",
        "currencyCode": currency,
        "presentmentCurrencyCode": presentment,
        "taxesIncluded": place.tax_included,
        "dutiesIncluded": False,
        "email": shopper.email,
        "customer": (None if shopper.kind == "guest" else {"id": gid("Customer", FIRST_CUSTOMER + shopper.number)}),
        "shippingAddress": ({"countryCodeV2": place.country, "provinceCode": place.province} if order.on_web else None),
        "discountCodes": [f"SAVE{basket.discount_percent}"] if discount else [],
        "totalDiscountsSet": money(discount),
        "subtotalPriceSet": money(basket.subtotal),
        "totalShippingPriceSet": money(order.shipping),
        "totalTaxSet": money(basket.tax),
        "totalPriceSet": total,
        "currentTotalPriceSet": money(order.paid - refund.fee) if refund else total,
        "totalRefundedSet": money(order.total - order.paid) if refund else nothing,
        "totalTipReceivedSet": nothing,
        "originalTotalDutiesSet": None,
        "currentTotalDutiesSet": None,
        "totalCashRoundingAdjustment": {"paymentSet": nothing, "refundSet": nothing},
        "customerJourneySummary": _journey(order, basket.lines[0].product) if order.on_web else None,
        "transactions": _transactions(number, order, money),
        "lineItems": {
            "nodes": [
                {
                    "id": gid("LineItem", number * 10 + position),
                    "title": line.product.title,
                    "sku": line.variant.sku,
                    "quantity": line.quantity,
                    "currentQuantity": line.quantity - (returned[position].quantity if position in returned else 0),
                    "isGiftCard": line.product.category == GIFT_CARD,
                    "product": {
                        "id": gid("Product", FIRST_PRODUCT + line.product.number),
                        "productType": line.product.category,
                    },
                    "variant": {"id": gid("ProductVariant", FIRST_VARIANT + line.variant.number)},
                    "originalUnitPriceSet": money(line.unit_price),
                    "discountAllocations": ([{"allocatedAmountSet": money(line.discount)}] if line.discount else []),
                    "taxLines": [{"priceSet": money(line.tax)}] if line.tax else [],
                    "duties": [],
                }
                for position, line in enumerate(basket.lines)
            ]
        },
        "refunds": [_refund(number, refund, order, money)] if refund else [],
        "agreements": {
            "nodes": (
                [
                    {**agreement, "sales": {"nodes": list(sold)}}
                    for agreement, sold in zip(agreements, _sales(number, order, money), strict=True)
                ]
                if refund or sales
                else agreements
            )
        },
    }


def _transactions(number: int, order: Order, money: Money) -> list[Node]:
    refund, cancelled = order.aftermath.refund, order.aftermath.cancelled
    gateway = "shopify_payments" if order.on_web else "cash"

    def transaction(position: int, kind: str, at: int, cents: int) -> Node:
        return {
            "id": gid("OrderTransaction", number * 10 + position),
            "kind": kind,
            "status": "SUCCESS",
            "gateway": gateway,
            "processedAt": iso(at),
            "test": order.test,
            "amountSet": money(cents),
        }

    if cancelled and not refund:
        authorized = transaction(0, "AUTHORIZATION", order.created, order.total)
        return [authorized, transaction(1, "VOID", cancelled, order.total)]
    paid = [transaction(0, "SALE", order.created, order.total)]
    return [*paid, transaction(1, "REFUND", refund.created, order.total - order.paid)] if refund else paid


def _refund(number: int, refund: Refund, order: Order, money: Money) -> Node:
    return {
        "id": gid("Refund", number),
        "createdAt": iso(refund.created),
        "totalRefundedSet": money(order.total - order.paid),
        "duties": [],
        "refundLineItems": {
            "nodes": [
                {
                    "id": gid("RefundLineItem", number * 10 + line.position),
                    "quantity": line.quantity,
                    "restockType": refund.restock,
                    "subtotalSet": money(line.subtotal),
                    "totalTaxSet": money(line.tax),
                    "lineItem": {"id": gid("LineItem", number * 10 + line.position)},
                }
                for line in refund.lines
            ]
        },
        "refundShippingLines": {
            "nodes": (
                [
                    {
                        "id": gid("RefundShippingLine", number),
                        "subtotalAmountSet": money(refund.shipping),
                        "taxAmountSet": money(0),
                    }
                ]
                if refund.shipping
                else []
            )
        },
        # What the refund differs by from what was sent back: a fee keeps money in the shop.
        "orderAdjustments": {
            "nodes": (
                [
                    {
                        "id": gid("OrderAdjustment", number * 10),
                        "reason": "REFUND_DISCREPANCY",
                        "amountSet": money(refund.fee),
                        "taxAmountSet": money(0),
                    }
                ]
                if refund.fee
                else []
            )
        },
        "transactions": {"nodes": _transactions(number, order, money)[-1:]},
    }


def _sales(number: int, order: Order, money: Money) -> Iterator[Iterator[Node]]:
    """The sales of each agreement; their totalAmount adds up to what the customer has paid and not got back."""
    nothing, added = money(0), not order.shopper.place.tax_included
    lines, refund = order.basket.lines, order.aftermath.refund

    def sale(position: int, action: str, kind: str, quantity: int | None, cents: int, **told: Any) -> Node:
        return {
            "id": gid("Sale", number * 10_000 + position),
            "actionType": action,
            "lineType": kind,
            "quantity": quantity,
            "totalAmount": money(cents),
            "totalTaxAmount": nothing,
            "totalDiscountAmountBeforeTaxes": nothing,
            "totalDiscountAmountAfterTaxes": nothing,
            **told,
        }

    def line_sale(position: int, action: str, line: Line, at: int, quantity: int, net: int, tax: int) -> Node:
        discount = money(line.discount * quantity // line.quantity)
        return sale(
            position,
            action,
            "GIFT_CARD" if line.product.category == GIFT_CARD else "PRODUCT",
            quantity,
            net + tax if added else net,
            totalTaxAmount=money(tax),
            totalDiscountAmountBeforeTaxes=discount,
            totalDiscountAmountAfterTaxes=discount,
            lineItem={"id": gid("LineItem", number * 10 + at)},
        )

    def placed() -> Iterator[Node]:
        for at, line in enumerate(lines):
            yield line_sale(at, "ORDER", line, at, line.quantity, line.net, line.tax)
        if order.shipping:
            yield sale(4_999, "ORDER", "SHIPPING", 1, order.shipping)

    def given_back(refund: Refund) -> Iterator[Node]:
        for back in refund.lines:
            position, line = 5_000 + back.position, lines[back.position]
            yield line_sale(position, "RETURN", line, back.position, -back.quantity, -back.subtotal, -back.tax)
        if refund.shipping:
            yield sale(9_998, "RETURN", "SHIPPING", -1, -refund.shipping)
        if refund.fee:
            yield sale(9_999, "RETURN", "ADJUSTMENT", None, refund.fee)

    yield placed()
    if refund:
        yield given_back(refund)


def _journey(order: Order, landed_on: Product) -> Node:
    visit, touch = order.visit, order.visit.touch
    utm = {"utm_source": touch.utm_source, "utm_medium": touch.utm_medium, "utm_campaign": visit.utm_campaign}
    parameters = [f"{name}={value}" for name, value in utm.items() if touch.utm_source and value]
    if touch.click_id:
        parameters.append(f"{touch.click_id}=demo-{visit.click:010x}")
    page = f"https://shop.example.com/products/{landed_on.title.lower().replace(' ', '-')}"
    moments = 1 + visit.click % 4
    last = {
        "occurredAt": iso(order.created - VISITED),
        "landingPage": "?".join([page, "&".join(parameters)] if parameters else [page]),
        "referrerUrl": touch.referrer,
        "source": touch.source,
        "sourceType": touch.tactic,
        "utmParameters": (
            {
                "source": touch.utm_source,
                "medium": touch.utm_medium,
                "campaign": visit.utm_campaign,
                "content": None,
                "term": None,
            }
            if touch.utm_source
            else None
        ),
    }
    return {
        "ready": True,
        "customerOrderIndex": None,
        "daysToConversion": moments - 1,
        "momentsCount": {"count": moments},
        "firstVisit": {**last, "occurredAt": iso(order.created - VISITED - (moments - 1) * DAY)},
        "lastVisit": last,
    }
