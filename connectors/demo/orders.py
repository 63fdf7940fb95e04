"""Every order of the demo, and the customers who placed them."""

from collections.abc import Iterator
from dataclasses import dataclass

from connectors.demo import baskets, shoppers
from connectors.demo.aftermath import Aftermath, befall
from connectors.demo.baskets import Basket
from connectors.demo.calendar import Calendar
from connectors.demo.catalog import Catalog
from connectors.demo.demand import Flow, clock_time
from connectors.demo.dice import Roll
from connectors.demo.model import Fact
from connectors.demo.shoppers import Shopper
from connectors.demo.touches import Marketing, Visit

TEST = 0.005  # of orders: the shop's own trials


class Order(Fact, frozen=True):
    """Instants in seconds since 1970, money in cents of the shop's currency."""

    created: int
    day: int
    shopper: Shopper
    basket: Basket
    shipping: int
    visit: Visit
    test: bool
    aftermath: Aftermath

    @property
    def updated(self) -> int:
        refund = self.aftermath.refund
        return refund.created if refund else self.aftermath.cancelled or self.created

    @property
    def on_web(self) -> bool:
        return self.visit.touch.group is not None

    @property
    def total(self) -> int:
        added_tax = 0 if self.shopper.place.tax_included else self.basket.tax
        return self.basket.subtotal + added_tax + self.shipping

    @property
    def paid(self) -> int:
        """What the customer has paid and not got back."""
        refund = self.aftermath.refund
        if not refund:
            return 0 if self.aftermath.cancelled else self.total
        added_tax = 0 if self.shopper.place.tax_included else sum(line.tax for line in refund.lines)
        lines = sum(line.subtotal for line in refund.lines)
        return self.total - lines - added_tax - refund.shipping + refund.fee

    @property
    def status(self) -> str:
        """Shopify's displayFinancialStatus."""
        if not self.aftermath.refund:
            return "VOIDED" if self.aftermath.cancelled else "PAID"
        return "PARTIALLY_REFUNDED" if self.paid else "REFUNDED"


class Customer(Fact, frozen=True):
    """A shopper with an account, and what the shop sums up about them."""

    shopper: Shopper
    created: int
    updated: int
    orders: int
    spent: int


@dataclass(frozen=True)
class Shop:
    """Where shoppers order. Each kind of chance has its own dice."""

    calendar: Calendar
    demand: Flow
    catalog: Catalog
    marketing: Marketing
    returning: Roll
    filling: Roll
    settling: Roll

    def orders(self, shopper: Shopper) -> list[Order]:
        """What one shopper ordered, in order; nothing if the first order met an empty shelf and was lost."""
        orders: list[Order] = []
        for moment in shoppers.visits(shopper, self.demand.total, self.returning):
            day, share = self.demand.locate(moment)
            basket = baskets.fill(self.catalog, shopper.place, day, self.filling)
            if basket:
                visit = self.marketing.visit(shopper, later=bool(orders))
                orders.append(self._order(day, share, shopper, basket, visit))
            elif not orders:
                break
        return orders

    def _order(self, day: int, share: float, shopper: Shopper, basket: Basket, visit: Visit) -> Order:
        created = clock_time(self.calendar, day, share)
        shipping = baskets.shipping(basket, shopper.place) if visit.touch.group else 0
        test = self.settling() < TEST
        aftermath = befall(basket.lines, shipping, created, self.calendar.end, self.settling)
        return Order(created, day, shopper, basket, shipping, visit, test, aftermath)

    def customer(self, shopper: Shopper, orders: list[Order]) -> Customer | None:
        """The shopper's account, opened with the first order or, by a subscriber, without one."""
        if shopper.kind == "guest" or (shopper.kind == "customer" and not orders):
            return None
        opened = clock_time(self.calendar, *self.demand.locate(shopper.arrival))
        updated = max((order.updated for order in orders), default=opened)
        spent = sum(order.paid for order in orders if not order.test)
        return Customer(shopper, opened, updated, len(orders), spent)


def trade(shop: Shop, arrivals: Iterator[Shopper]) -> tuple[list[Customer], list[Order]]:
    """All customers and all orders, each in the order they came."""
    customers: list[Customer] = []
    orders: list[Order] = []
    for shopper in arrivals:
        own = shop.orders(shopper)
        orders += own
        customer = shop.customer(shopper, own)
        if customer:
            customers.append(customer)
    orders.sort(key=lambda order: order.created)
    return customers, orders
