"""What is too much for Shopify at once: asked for in smaller pages, piece by piece, in smaller slices."""

from datetime import timedelta

import msgspec
import pytest
from shopify_api import (
    ACCOUNT,
    Seen,
    client,
    end,
    everything,
    operations,
    pulled,
    sent_back,
    small,
    with_order,
)

from connectors.budget import Budget
from connectors.clock import VirtualClock
from connectors.errors import TooBig
from connectors.fake import shopify
from connectors.fake.shopify import FakeShopify
from connectors.http import Http
from connectors.shopify import client as module
from connectors.shopify import join
from connectors.slices import Slice

WORLD = small(days=12)


@pytest.mark.parametrize("most", [600, 85])
def test_a_query_that_costs_too_much_asks_for_less(fake, clock, most):
    fake.max_cost = most
    shop = client(fake, clock)
    assert len(pulled(shop, everything(WORLD))) == len(WORLD.orders)
    assert fake.spent


def heavy(lines: int = 120):
    """A shop with an order of so many lines, all of them sent back, and that order's id."""
    world = with_order(WORLD, lines=lines, refunds=True)
    clock = VirtualClock(end(world))
    fake = FakeShopify(world, clock)
    orders = pulled(client(fake, clock), everything(world))
    return world, clock, fake, orders, max(orders, key=lambda id: len(orders[id]["lineItems"]["nodes"]))


@pytest.mark.parametrize("most", [50, 30])
def test_an_object_that_alone_costs_too_much_is_asked_for_connection_by_connection(most):
    world, clock, fake, orders, _ = heavy()
    fake.max_cost = most
    part = everything(world).during(end(world) - timedelta(days=12), end(world) - timedelta(days=10))
    seen = Seen(fake)
    found = pulled(client(seen, clock), part)
    assert found
    assert found == {id: orders[id] for id in found}
    assert found.keys() == fake.truth("orders", part.start, part.end)
    assert "OrdersBare" in operations(seen)


def test_an_order_that_takes_shopify_too_long_is_asked_for_in_pieces_and_the_others_are_not():
    world, clock, fake, orders, id = heavy()
    fake.heavy = {id}
    seen = Seen(fake)
    assert pulled(client(seen, clock), everything(world)) == orders
    asked = operations(seen)
    assert (asked.count("OrdersBare"), asked.count("OrderRefunds")) == (1, 1)
    pages = [msgspec.json.decode(r.body)["variables"]["first"] for r in seen.requests if b'"Orders"' in r.body]
    assert pages[-1] == 250, "one that took too long is no rule for the next"


def test_less_than_a_bare_object_there_is_not(fake, clock):
    fake.max_cost = 2
    with pytest.raises(TooBig, match="MAX_COST_EXCEEDED"):
        pulled(client(fake, clock), everything(WORLD))


@pytest.mark.parametrize("mode", ["paged", "bulk"])
def test_a_slice_whose_time_is_too_short_is_split_until_it_is_not(mode, monkeypatch):
    """A shop where nearly every order was sent back, and a bucket that fills slowly: the details take long."""
    lasts = timedelta(minutes=6)
    monkeypatch.setattr(Http, "budget", lambda http: Budget(http.clock, lasts=lasts))
    monkeypatch.setattr(shopify, "MOST", 20)
    monkeypatch.setattr(join, "TOGETHER", 20)
    world = sent_back(WORLD)
    clock = VirtualClock(end(world))
    fake = FakeShopify(world, clock, bucket=1_000, rate=5)
    shop = client(fake, clock, mode=mode)
    begun, splits = clock.now(), list[str]()
    todo, found = [everything(world)], {}
    while todo:
        part = todo.pop()
        try:
            found |= pulled(shop, part)
        except TooBig as error:
            splits.append(str(error))
            todo += shop.split(part, ACCOUNT)
    assert found.keys() == fake.truth("orders", everything(world).start, everything(world).end)
    assert clock.now() - begun > 2 * lasts, "in one slice it would never have come to an end"
    assert splits
    assert all("to be read in time" in told for told in splits)


def test_more_than_a_walk_can_reach_is_split_down_to_a_minute(fake, clock, monkeypatch):
    monkeypatch.setattr(module, "WALK_LIMIT", 100)
    shop = client(fake, clock)
    todo, found = [everything(WORLD)], {}
    while todo:
        part = todo.pop()
        try:
            found |= pulled(shop, part)
        except TooBig:
            halves = shop.split(part, ACCOUNT)
            assert len(halves) == 2
            todo += halves
    assert len(found) == len(WORLD.orders)
    start = end(WORLD)
    short = Slice("shopify/orders", ACCOUNT.id, start, start + timedelta(seconds=119), "")
    assert shop.split(short, ACCOUNT) == []
    assert len(shop.split(short.during(start, start + timedelta(seconds=120)), ACCOUNT)) == 2
