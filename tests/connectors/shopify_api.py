"""A shop's client and its fake, and what the tests ask of both."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from msgspec import structs

from connectors.clock import VirtualClock
from connectors.demo import world as demo
from connectors.demo.aftermath import Aftermath, Refund, RefundLine
from connectors.demo.baskets import Basket
from connectors.demo.world import World
from connectors.errors import Truncated
from connectors.http import in_process
from connectors.shopify.client import Mode, ShopifyClient
from connectors.slices import Account, Slice
from connectors.wire import App, WireRequest, WireResponse

TOKEN = "shpat_0123456789abcdef0123456789abcdef"
STREAMS = ("shopify/orders", "shopify/customers", "shopify/products")


class Token:
    """Authorizes with one token; `fresh` is what it becomes when that is refused."""

    def __init__(self, token: str = TOKEN, fresh: str | None = None) -> None:
        self.token, self.fresh = token, fresh

    def headers(self) -> Mapping[str, str]:
        return {"X-Shopify-Access-Token": self.token}

    def renew(self) -> bool:
        if self.fresh is None:
            return False
        self.token, self.fresh = self.fresh, None
        return True


class Seen:
    """An app that remembers what it was asked."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.requests: list[WireRequest] = []

    def __call__(self, request: WireRequest) -> WireResponse:
        self.requests.append(request)
        return self.app(request)


def operations(seen: Seen) -> list[str]:
    """The names of the operations that it was asked, in order."""
    return [msgspec.json.decode(request.body)["operationName"] for request in seen.requests if request.body]


def small(days: int = 30, seed: int = 42) -> World:
    """A shop of a few hundred orders."""
    return demo.build.__wrapped__(seed, 1, days, date(2026, 2, 9), "America/New_York", "USD")


def sent_back(world: World) -> World:
    """The same world, where every order was sent back a minute after it was placed."""
    refund = next(order.aftermath.refund for order in world.orders if order.aftermath.refund)
    backs = [Aftermath(refund=structs.replace(refund, created=order.created + 60)) for order in world.orders]
    orders = [structs.replace(order, aftermath=back) for order, back in zip(world.orders, backs, strict=True)]
    return replace(world, orders=orders)


def end(world: World) -> datetime:
    return datetime.fromtimestamp(world.calendar.end, UTC)


def client(fake: App, clock: VirtualClock, *, mode: Mode = "paged", authorizer: Token | None = None) -> ShopifyClient:
    transport = in_process(fake)
    return ShopifyClient(
        "example-goods", authorizer=authorizer or Token(), clock=clock, transport=transport, mode=mode, dice=None
    )


def everything(world: World, stream: str = "shopify/orders") -> Slice:
    """One slice over all of the shop's days."""
    until = end(world)
    return Slice(stream, "gid://shopify/Shop/42", until - timedelta(days=2000), until, "request")


def plain(payload: Any) -> Any:
    """The payload with all of it decoded."""
    return msgspec.json.decode(msgspec.json.encode(payload))


def pulled(shop: ShopifyClient, part: Slice) -> dict[str, dict[str, Any]]:
    """What a pull brings, by id, proven as the engine proves it."""
    found: dict[str, dict[str, Any]] = {}
    proof = None
    for page in shop.pull(part, ACCOUNT):
        assert proof is None, "a page came after the last"
        found |= {record.external_id: plain(record.payload) for record in page.records}
        proof = page.proof
    assert proof is not None, "no page was the last"
    if not proof.at_least <= len(found) <= proof.at_most:
        raise Truncated(f"{len(found)} came, {proof}")
    return found


ACCOUNT = Account("gid://shopify/Shop/42", "Example Goods", "America/New_York", "USD")


def storm(make: Callable[[], dict[str, dict[str, Any]]], tries: int = 3) -> dict[str, dict[str, Any]]:
    """What the engine does with a slice that came short: all of it again, a few times."""
    for _ in range(tries - 1):
        try:
            return make()
        except Truncated:
            continue
    return make()


def with_order(world: World, lines: int, refunds: bool) -> World:
    """The world with one more order, of so many lines, perhaps all of them sent back."""
    model = next(o for o in world.orders if not o.aftermath.cancelled and not o.aftermath.refund and o.on_web)
    line = structs.replace(model.basket.lines[0], quantity=1)
    basket = Basket((line,) * lines, 0, line.net * lines, line.tax * lines)
    back = tuple(RefundLine(at, 1, line.net, line.tax) for at in range(lines))
    refund = Refund(model.created + 3600, "RETURN", back) if refunds else None
    order = structs.replace(model, basket=basket, aftermath=Aftermath(refund=refund))
    return World(
        world.calendar,
        world.currency,
        world.products,
        world.customers,
        [*world.orders, order],
        world.deliveries,
        world.traffic,
    )
