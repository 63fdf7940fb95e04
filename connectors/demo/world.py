"""Everything that is true of the demo brand, before any API says it in its own words."""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache, partial

from connectors.demo import ads, campaigns, catalog, demand, shoppers, traffic
from connectors.demo.ads import Delivery
from connectors.demo.calendar import Calendar
from connectors.demo.catalog import Product
from connectors.demo.demand import Flow
from connectors.demo.dice import dice
from connectors.demo.orders import Customer, Order, Shop, trade
from connectors.demo.touches import Marketing
from connectors.demo.traffic import Traffic


@dataclass(frozen=True)
class World:
    """`orders` in the order they were placed; `deliveries` and `traffic` by day."""

    calendar: Calendar
    currency: str
    products: list[Product]
    customers: list[Customer]
    orders: list[Order]
    deliveries: list[Delivery]
    traffic: list[Traffic]


@lru_cache(maxsize=1)  # a source is asked for one stream after another
def build(seed: int, scale: int, days: int, last_day: date, timezone: str, currency: str) -> World:
    """The same world for the same arguments, on every machine."""
    roll = partial(dice, seed)
    calendar = Calendar.ending(last_day, days, timezone)
    levels = demand.levels(calendar, roll("demand"))
    flow = Flow.of(levels)
    goods = catalog.build(calendar, scale, roll("catalog"))
    running = campaigns.build(scale)
    shop = Shop(
        calendar,
        flow,
        goods,
        Marketing(running, roll("marketing")),
        returning=roll("returning"),
        filling=roll("filling"),
        settling=roll("settling"),
    )
    acquisition = Flow.of(demand.growing(levels))
    customers, orders = trade(shop, shoppers.arrivals(days, scale, flow, acquisition, roll("arrivals")))
    return World(
        calendar,
        currency,
        goods.products,
        customers,
        orders,
        ads.report(days, running, orders, roll("ads")),
        traffic.report(days, orders, roll("traffic")),
    )
