"""The demo brand as Shopify's Admin GraphQL API tells it, by updatedAt."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from connectors.demo.aftermath import Refund
from connectors.demo.calendar import Window, iso
from connectors.demo.catalog import GIFT_CARD, Product
from connectors.demo.orders import Customer, Order
from connectors.demo.touches import Visit
from connectors.demo.twins.rendering import decimal, pages, token
from connectors.demo.world import World
from connectors.shopify import PAGE_SIZE
from connectors.source import Body

T = TypeVar("T")
Node = dict[str, Any]

FIRST_ORDER = 5_800_000_000_000
FIRST_CUSTOMER = 7_000_000_000_000
FIRST_PRODUCT = 8_000_000_000_000
FIRST_VARIANT = 44_000_000_000_000
EUROS_PER_HUNDRED = 92  # what 100 of the shop's currency show as to customers who see euros


def orders(world: World, window: Window, start: int) -> Iterator[Body]:
    """Bodies of `orders(first: 250, sortKey: UPDATED_AT)`."""
    changed = sorted((o.updated, index) for index, o in enumerate(world.orders) if o.updated in window)

    def node(key: tuple[int, int]) -> Node:
        _, index = key
        return _order(index, world.orders[index], world.currency)

    return _bodies("orders", changed, node, start)


def customers(world: World, window: Window, start: int) -> Iterator[Body]:
    """Bodies of `customers(first: 250, sortKey: UPDATED_AT)`."""
    changed = [customer for customer in world.customers if customer.updated in window]
    changed.sort(key=lambda customer: customer.updated)
    return _bodies("customers", changed, lambda customer: _customer(customer, world.currency), start)


def products(world: World, window: Window, start: int) -> Iterator[Body]:
    """Bodies of `products(first: 250, sortKey: UPDATED_AT)`."""
    changed = [product for product in world.products if product.updated in window]
    changed.sort(key=lambda product: product.updated)
    return _bodies("products", changed, lambda product: _product(product, world.currency), start)


def _bodies(name: str, rows: Sequence[T], node: Callable[[T], Node], start: int) -> Iterator[Body]:
    for page in pages(rows, PAGE_SIZE, start):
        cost = 2 + len(page.rows)
        throttle = {"maximumAvailable": 2000, "currentlyAvailable": 2000 - cost, "restoreRate": 100}
        yield {
            "data": {
                name: {
                    "nodes": [node(row) for row in page.rows],
                    "pageInfo": {
                        "hasNextPage": page.more,
                        "endCursor": token(page.end) if page.rows else None,
                    },
                }
            },
            "extensions": {
                "cost": {
                    "requestedQueryCost": 2 + PAGE_SIZE,
                    "actualQueryCost": cost,
                    "throttleStatus": throttle,
                }
            },
        }


def _gid(kind: str, number: int) -> str:
    return f"gid://shopify/{kind}/{number}"


def _order(index: int, order: Order, currency: str) -> Node:
    shopper, place, basket = order.shopper, order.shopper.place, order.basket
    cancelled, refund = order.aftermath.cancelled, order.aftermath.refund
    presentment = place.presentment or currency
    number = FIRST_ORDER + index
    discount = sum(line.discount for line in basket.lines)

    def money(cents: int) -> Node:
        amount = {"amount": decimal(cents), "currencyCode": currency}
        if presentment == currency:  # nine orders in ten, so one dict for both: a third less to make
            return {"shopMoney": amount, "presentmentMoney": amount}
        shown = decimal((cents * EUROS_PER_HUNDRED + 50) // 100)
        return {"shopMoney": amount, "presentmentMoney": {"amount": shown, "currencyCode": presentment}}

    created = iso(order.created)
    return {
        "id": _gid("Order", number),
        "legacyResourceId": str(number),
        "name": f"#{1001 + index}",
        "createdAt": created,
        "processedAt": created,
        "updatedAt": iso(order.updated),
        "cancelledAt": iso(cancelled) if cancelled else None,
        "test": order.test,
        "displayFinancialStatus": order.status,
        "sourceName": "web" if order.on_web else "pos",
        "currencyCode": currency,
        "presentmentCurrencyCode": presentment,
        "taxesIncluded": place.tax_included,
        "email": shopper.email,
        "customer": (None if shopper.kind == "guest" else {"id": _gid("Customer", FIRST_CUSTOMER + shopper.number)}),
        "shippingAddress": ({"countryCodeV2": place.country, "provinceCode": place.province} if order.on_web else None),
        "discountCodes": [f"SAVE{basket.discount_percent}"] if discount else [],
        "totalDiscountsSet": money(discount),
        "subtotalPriceSet": money(basket.subtotal),
        "totalShippingPriceSet": money(order.shipping),
        "totalTaxSet": money(basket.tax),
        "totalPriceSet": money(order.total),
        "customerJourneySummary": _journey(order.visit, basket.lines[0].product) if order.on_web else None,
        "lineItems": {
            "nodes": [
                {
                    "id": _gid("LineItem", number * 10 + position),
                    "title": line.product.title,
                    "sku": line.variant.sku,
                    "quantity": line.quantity,
                    "isGiftCard": line.product.category == GIFT_CARD,
                    "product": {
                        "id": _gid("Product", FIRST_PRODUCT + line.product.number),
                        "productType": line.product.category,
                    },
                    "variant": {"id": _gid("ProductVariant", FIRST_VARIANT + line.variant.number)},
                    "originalUnitPriceSet": money(line.unit_price),
                    "discountAllocations": ([{"allocatedAmountSet": money(line.discount)}] if line.discount else []),
                    "taxLines": [{"priceSet": money(line.tax)}] if line.tax else [],
                }
                for position, line in enumerate(basket.lines)
            ]
        },
        "refunds": [_refund(number, refund, money)] if refund else [],
    }


def _refund(order: int, refund: Refund, money: Callable[[int], Node]) -> Node:
    # An adjustment is what the refund differs by from its lines: a fee keeps money in the shop, shipping
    # paid back takes more out.
    adjustments = [("REFUND_DISCREPANCY", refund.fee), ("SHIPPING_REFUND", -refund.shipping)]
    return {
        "id": _gid("Refund", order),
        "createdAt": iso(refund.created),
        "refundLineItems": {
            "nodes": [
                {
                    "id": _gid("RefundLineItem", order * 10 + line.position),
                    "quantity": line.quantity,
                    "restockType": refund.restock,
                    "subtotalSet": money(line.subtotal),
                    "totalTaxSet": money(line.tax),
                    "lineItem": {"id": _gid("LineItem", order * 10 + line.position)},
                }
                for line in refund.lines
            ]
        },
        "orderAdjustments": {
            "nodes": [
                {
                    "id": _gid("OrderAdjustment", order * 10 + position),
                    "reason": reason,
                    "amountSet": money(cents),
                    "taxAmountSet": money(0),
                }
                for position, (reason, cents) in enumerate(adjustments)
                if cents
            ]
        },
    }


def _journey(visit: Visit, landed_on: Product) -> Node:
    touch = visit.touch
    utm = {"utm_source": touch.utm_source, "utm_medium": touch.utm_medium, "utm_campaign": visit.utm_campaign}
    parameters = [f"{name}={value}" for name, value in utm.items() if touch.utm_source and value]
    if touch.click_id:
        parameters.append(f"{touch.click_id}=demo-{visit.click:010x}")
    page = f"https://shop.example.com/products/{landed_on.title.lower().replace(' ', '-')}"
    return {
        "ready": True,
        "momentsCount": {"count": 1 + visit.click % 4},
        "lastVisit": {
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
        },
    }


def _customer(customer: Customer, currency: str) -> Node:
    shopper = customer.shopper
    tags = ["newsletter"] if shopper.kind == "subscriber" else []
    return {
        "id": _gid("Customer", FIRST_CUSTOMER + shopper.number),
        "createdAt": iso(customer.created),
        "updatedAt": iso(customer.updated),
        "defaultEmailAddress": {"emailAddress": shopper.email},
        "numberOfOrders": str(customer.orders),
        "amountSpent": {"amount": decimal(customer.spent), "currencyCode": currency},
        "defaultAddress": {"countryCodeV2": shopper.place.country, "provinceCode": shopper.place.province},
        "tags": [*tags, "vip"] if customer.orders >= 5 else tags,
    }


def _product(product: Product, currency: str) -> Node:
    return {
        "id": _gid("Product", FIRST_PRODUCT + product.number),
        "title": product.title,
        "productType": product.category,
        "vendor": product.vendor,
        "status": "ACTIVE",
        "createdAt": iso(product.created),
        "updatedAt": iso(product.updated),
        "variants": {
            "nodes": [
                {
                    "id": _gid("ProductVariant", FIRST_VARIANT + variant.number),
                    "sku": variant.sku,
                    "price": decimal(variant.price),
                    "inventoryItem": {
                        "unitCost": (
                            None
                            if variant.cost is None
                            else {"amount": decimal(variant.cost), "currencyCode": currency}
                        )
                    },
                }
                for variant in product.variants
            ]
        },
    }
