"""A year of a large shop, read from its beginning: how long the bucket makes one wait, and what it takes in memory.

python -m bench.shopify_backfill [orders]

The shop is the demo's orders, laid end to end over a year, behind the fake with a standard plan's bucket. Time is
virtual: what counts is the waiting, against the least that the bucket allows for the points that were used.
"""

import resource
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, date, datetime

from msgspec import structs

from connectors import slices
from connectors.clock import VirtualClock
from connectors.demo import DemoSource
from connectors.demo.aftermath import Aftermath
from connectors.demo.calendar import Calendar
from connectors.demo.orders import Order
from connectors.demo.world import World
from connectors.errors import TooBig
from connectors.fake.shopify import BUCKET, RATE, FakeShopify
from connectors.http import Open, in_process
from connectors.shopify.client import Mode, ShopifyClient
from connectors.slices import Account, Slice

ORDERS = 500_000
DAYS = 365
MODES: tuple[Mode, ...] = ("paged", "bulk")
MEBIBYTE = 2**10  # ru_maxrss counts kilobytes


def main(orders: int) -> None:
    """Print the figures of each mode, each in a process of its own, so that one's memory is not the other's."""
    for mode in MODES:
        subprocess.run([sys.executable, "-m", "bench.shopify_backfill", str(orders), mode], check=True)


def measure(orders: int, mode: Mode) -> None:
    shop = year(orders)
    shop_memory = memory()
    clock = VirtualClock(datetime.fromtimestamp(shop.calendar.end, UTC))
    fake = FakeShopify(shop, clock)
    client = ShopifyClient("example-goods", authorizer=Open(), clock=clock, transport=in_process(fake), mode=mode)
    (account,) = client.accounts()
    policy, stream = client.policies["shopify/orders"], "shopify/orders"
    plan = slices.plan(policy, account, stream, client.request(stream, account), [], clock.now())
    begun, started = clock.now(), time.perf_counter()
    todo, received = plan.slices[::-1], 0
    while todo:
        part = todo.pop()
        if todo:
            client.prepare(todo[-1], account)
        try:
            received += pulled(client, part, account)
        except TooBig:
            todo += client.split(part, account)[::-1]
    waited, least = (clock.now() - begun).total_seconds(), max(0.0, fake.spent - BUCKET) / RATE
    print(f"{mode}: {received:,} of {orders:,} orders, {client.meter.requests:,} requests")
    print(f"  {waited:,.0f} s waited, {least:,.0f} s for {fake.spent:,.0f} points: {waited / least:.3f} ×")
    worked = time.perf_counter() - started
    print(f"  {client.meter.received / 2**20:,.0f} MiB received, {worked:.0f} s of work with the fake's")
    print(f"  peak memory {memory():.0f} MiB, {shop_memory:.0f} MiB of it the shop itself")


def pulled(client: ShopifyClient, part: Slice, account: Account) -> int:
    """How many orders a slice brought; it must be as many as its proof says."""
    received = 0
    for page in client.pull(part, account):
        received += len(page.records)
        if page.proof and not page.proof.at_least <= received <= page.proof.at_most:
            sys.exit(f"{received} orders came in {part}, and there are {page.proof}")
    return received


def year(orders: int) -> World:
    """The demo's orders over and over, spread evenly over a year."""
    source = DemoSource()
    calendar = Calendar.ending(date(2026, 2, 9), DAYS, source.timezone)
    start, end = calendar.starts[0], calendar.end
    models = [order for order in source.world.orders if not order.aftermath.refund]
    models += [order for order in source.world.orders if order.aftermath.refund]
    step = (end - start - 1) / orders
    made = [moved(models[place * 7919 % len(models)], start + int(place * step), end) for place in range(orders)]
    return replace(source.world, calendar=calendar, orders=made)


def moved(order: Order, created: int, end: int) -> Order:
    """The order at another time; what would befall it after the end has not happened."""
    later = created - order.created
    cancelled, refund = order.aftermath.cancelled, order.aftermath.refund
    refund = structs.replace(refund, created=refund.created + later) if refund else None
    cancelled = cancelled + later if cancelled else None
    aftermath = Aftermath(cancelled, refund)
    if max(cancelled or 0, refund.created if refund else 0) >= end:
        aftermath = Aftermath()
    return structs.replace(order, created=created, aftermath=aftermath)


def memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEBIBYTE


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else ORDERS
    if len(sys.argv) > 2:
        measure(count, "bulk" if sys.argv[2] == "bulk" else "paged")
    else:
        main(count)
