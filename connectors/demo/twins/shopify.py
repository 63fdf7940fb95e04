"""The demo brand as Shopify's Admin GraphQL API tells it, by updatedAt; every node is whole, as it lands.

At an instant amid the demo's days it tells of the state of that instant.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property

from msgspec import structs

from connectors.demo.aftermath import Aftermath
from connectors.demo.calendar import Window, iso
from connectors.demo.catalog import Product
from connectors.demo.orders import Customer, Order
from connectors.demo.twins.rendering import decimal, pages, token
from connectors.demo.twins.shopify_orders import FIRST_CUSTOMER, FIRST_PRODUCT, FIRST_VARIANT, Node, gid, render
from connectors.demo.world import World
from connectors.shopify import PAGE_SIZE
from connectors.source import Body

Thing = Order | Customer | Product
Change = tuple[int, int]
"""When a thing changed last, and its place in the world."""


def orders(world: World, window: Window, start: int) -> Iterator[Body]:
    """Bodies of `orders(first: 250, sortKey: UPDATED_AT)`."""
    return _bodies(world, "orders", window, start)


def customers(world: World, window: Window, start: int) -> Iterator[Body]:
    """Bodies of `customers(first: 250, sortKey: UPDATED_AT)`."""
    return _bodies(world, "customers", window, start)


def products(world: World, window: Window, start: int) -> Iterator[Body]:
    """Bodies of `products(first: 250, sortKey: UPDATED_AT)`."""
    return _bodies(world, "products", window, start)


class Shop:
    """The world as a shop: what there is of each kind, and how it looked at an instant."""

    def __init__(self, world: World) -> None:
        self.world = world

    def changes(self, root: str, now: int) -> list[Change]:
        """Everything that came to be before `now`, in the order in which it changed last."""
        things: Sequence[Thing] = getattr(self.world, root)
        if now >= self.world.calendar.end:
            return sorted((thing.updated, place) for place, thing in enumerate(things))
        at_now = ((self._as_of(thing, now), place) for place, thing in enumerate(things) if thing.created < now)
        return sorted((thing.updated, place) for thing, place in at_now)

    def node(self, root: str, place: int, now: int, *, sales: bool = False) -> Node:
        """The thing at a place. An order's `sales` are in it if anything befell the order, or if asked for."""
        thing: Thing = getattr(self.world, root)[place]
        if now < self.world.calendar.end:
            thing = self._as_of(thing, now)
        match thing:
            case Order():
                return render(place, thing, self.world.currency, sales=sales)
            case Customer():
                return _customer(thing, self.world.currency)
            case Product():
                return _product(thing, self.world.currency)

    def _as_of(self, thing: Thing, now: int) -> Thing:
        match thing:
            case Order(aftermath=Aftermath(cancelled, refund)):
                if max(cancelled or 0, refund.created if refund else 0) < now:
                    return thing
                cancelled = cancelled if cancelled and cancelled < now else None
                refund = refund if refund and refund.created < now else None
                return structs.replace(thing, aftermath=Aftermath(cancelled, refund))
            case Customer(shopper=shopper, created=created):
                placed = [self._as_of(order, now) for order in self._placed[shopper.number] if order.created < now]
                orders = [order for order in placed if isinstance(order, Order)]
                return structs.replace(
                    thing,
                    updated=max((order.updated for order in orders), default=created),
                    orders=len(orders),
                    spent=sum(order.paid for order in orders if not order.test),
                )
            case Product(created=created, updated=updated):
                return structs.replace(thing, updated=updated if updated < now else created)

    @cached_property
    def _placed(self) -> defaultdict[int, list[Order]]:
        placed = defaultdict[int, list[Order]](list)
        for order in self.world.orders:
            placed[order.shopper.number].append(order)
        return placed


def _bodies(world: World, root: str, window: Window, start: int) -> Iterator[Body]:
    shop, end = Shop(world), world.calendar.end
    changed = [place for updated, place in shop.changes(root, end) if updated in window]
    for page in pages(changed, PAGE_SIZE, start):
        nodes = [shop.node(root, place, end) for place in page.rows]
        info = {"hasNextPage": page.more, "endCursor": token(page.end) if page.rows else None}
        yield {"data": {root: {"nodes": nodes, "pageInfo": info}}}


def _customer(customer: Customer, currency: str) -> Node:
    shopper = customer.shopper
    tags = ["newsletter"] if shopper.kind == "subscriber" else []
    return {
        "id": gid("Customer", FIRST_CUSTOMER + shopper.number),
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
        "id": gid("Product", FIRST_PRODUCT + product.number),
        "title": product.title,
        "productType": product.category,
        "vendor": product.vendor,
        "status": "ACTIVE",
        "createdAt": iso(product.created),
        "updatedAt": iso(product.updated),
        "variants": {
            "nodes": [
                {
                    "id": gid("ProductVariant", FIRST_VARIANT + variant.number),
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
