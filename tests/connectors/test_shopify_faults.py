"""Bad lines, busy servers, lost pages: what comes is what the shop has, or an error."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import cycle

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shopify_api import ACCOUNT, TOKEN, Seen, Token, client, everything, pulled, small

from connectors.clock import VirtualClock
from connectors.errors import ApiError, AuthError, RateLimited, Truncated
from connectors.fake import shopify
from connectors.fake.faults import flaky
from connectors.fake.serving import serving
from connectors.fake.shopify import FakeShopify
from connectors.shopify import bulk
from connectors.shopify import client as module
from connectors.shopify.client import ShopifyClient

WORLD = small(days=10)
IDS = {f"gid://shopify/Order/{5_800_000_000_000 + place}" for place in range(len(WORLD.orders))}


REFUNDED = sorted(IDS)[max(place for place, order in enumerate(WORLD.orders) if order.aftermath.refund)]


@pytest.fixture
def fake(fake, monkeypatch):
    monkeypatch.setattr(shopify, "MOST", 20)
    monkeypatch.setattr(bulk, "PIECE", 50_000)
    return fake


@pytest.mark.parametrize("mode", ["paged", "bulk"])
@pytest.mark.parametrize("seed", range(3))
def test_drops_and_bursts(fake, clock, mode, seed):
    app, injected = flaky(fake, seed, drops=0.15, failures=0.05)
    found = pulled(client(app, clock, mode=mode), everything(WORLD))
    assert found.keys() == IDS
    assert injected() > 0


def test_a_line_that_is_never_up_is_given_up_with_an_error(fake, clock):
    app, injected = flaky(fake, 1, drops=0.5, failures=0.5)
    with pytest.raises(ApiError):
        pulled(client(app, clock), everything(WORLD))
    assert injected() > 30


def test_drops_on_a_real_socket(fake, clock):
    app, injected = flaky(fake, 5, drops=0.3)
    with serving({"shopify": app}) as url:
        fake.jobs.url = f"{url}/shopify"
        for mode in ("paged", "bulk"):
            shop = ShopifyClient("example-goods", authorizer=Token(), clock=clock, base_url=f"{url}/shopify", mode=mode)
            assert pulled(shop, everything(WORLD)).keys() == IDS
    assert injected() > 0


def test_a_throttling_storm_passes(fake, clock):
    shop = client(fake, clock)
    assert shop.policies
    fake.fail("THROTTLED", times=25)
    assert pulled(shop, everything(WORLD)).keys() == IDS
    fake.fail("THROTTLED", times=200)
    with pytest.raises(RateLimited) as told:
        pulled(shop, everything(WORLD))
    assert told.value.retry_at >= clock.now()


def test_a_bucket_that_somebody_else_drains_is_waited_for(fake, clock):
    turn = cycle([True, False])

    def greedy(request):
        if next(turn):
            fake.bucket.level = 0
        return fake(request)

    assert pulled(client(greedy, clock), everything(WORLD)).keys() == IDS


@pytest.mark.parametrize("page", [1, 2, 5])
def test_a_lost_page_is_noticed(fake, clock, page):
    fake.loses = page
    with pytest.raises(Truncated):
        pulled(client(fake, clock), everything(WORLD))
    assert pulled(client(fake, clock), everything(WORLD)).keys() == IDS  # the next walk is whole


def is_page(request):
    return b'"operationName":"Orders"' in request.body


def test_a_lost_order_is_noticed_though_another_has_left_meanwhile(fake, clock):
    """Counted alone, the one that left would excuse the one that is missing."""
    turn = iter(["lost"])

    def losing(request):
        answer = fake(request)
        if not is_page(request) or not next(turn, None):
            return answer
        body = msgspec.json.decode(answer.body)
        nodes = body["data"]["orders"]["nodes"]
        fake.deleted = {next(node["id"] for node in nodes[1:] if not node["refunds"])}
        del nodes[0]
        return replace(answer, body=msgspec.json.encode(body))

    assert pulled(client(losing, clock), everything(WORLD)).keys() == IDS


def test_a_window_that_never_stands_still_is_proven_by_a_range(fake, clock):
    leaving = sorted(IDS - {REFUNDED})[-9:]

    def busy(request):
        answer = fake(request)
        if is_page(request) and msgspec.json.decode(request.body)["variables"]["after"] is None:
            fake.deleted = fake.deleted | {leaving.pop()}
        return answer

    seen = Seen(busy)
    *pages, last = client(seen, clock).pull(everything(WORLD), ACCOUNT)
    found = {record.external_id for page in pages for record in page.records}
    walks = [r for r in seen.requests if is_page(r) and b'"after":null' in r.body]
    assert len(walks) == module.WALKS == len(fake.deleted)
    assert last.proof.at_most - last.proof.at_least == 1
    assert last.proof.at_least <= len(found) <= last.proof.at_most
    assert found >= IDS - fake.deleted


@pytest.mark.parametrize("mode", ["paged", "bulk"])
def test_an_order_that_is_listed_and_not_found_by_its_id_is_missed(fake, clock, mode):
    fake.forgets = {REFUNDED}
    with pytest.raises(Truncated):
        pulled(client(fake, clock, mode=mode), everything(WORLD))


@pytest.mark.parametrize("mode", ["paged", "bulk"])
def test_an_order_that_is_deleted_while_it_is_read_is_not_missed(fake, clock, mode):
    def deleting(request):
        if b'"operationName":"OrderDetails"' in request.body:
            fake.deleted = {REFUNDED}
        return fake(request)

    assert pulled(client(deleting, clock, mode=mode), everything(WORLD)).keys() == IDS - {REFUNDED}


def test_a_page_that_comes_twice_is_counted_once(fake, clock):
    fake.repeats = 3
    shop = client(fake, clock)
    pages = [page.records for page in shop.pull(everything(WORLD), ACCOUNT)]
    assert sum(map(len, pages)) > len(IDS)
    fake.repeats = 3
    assert pulled(shop, everything(WORLD)).keys() == IDS


def test_rows_in_any_order(fake, clock):
    fake.shuffled = True
    assert pulled(client(fake, clock), everything(WORLD)).keys() == IDS


def test_a_cursor_that_leads_nowhere_ends_in_an_error(fake, clock):
    def stuck(request):
        answer = fake(request)
        return replace(answer, body=answer.body.replace(b'"hasNextPage":false', b'"hasNextPage":true'))

    with pytest.raises(Truncated, match="no cursor leads on"):
        pulled(client(stuck, clock), everything(WORLD))


def test_a_token_that_expires_on_the_way_is_renewed_once(fake, clock):
    fresh = TOKEN[::-1]
    fake.tokens = {TOKEN: clock.now() + timedelta(seconds=1), fresh: clock.now() + timedelta(days=1)}
    fake.bucket.level = 0
    assert pulled(client(fake, clock, authorizer=Token(TOKEN, fresh)), everything(WORLD)).keys() == IDS
    fake.tokens = {TOKEN: clock.now() + timedelta(days=1)}
    with pytest.raises(AuthError, match="growthos connect shopify"):
        pulled(client(fake, clock, authorizer=Token(fresh)), everything(WORLD))


@given(st.integers(3, 9), st.integers(1, 400), st.booleans())
@settings(max_examples=5)
def test_orders_that_leave_the_window_while_it_is_read(day, pace, shuffled):
    """A refund moves an order out of the slice's time; the next slice has it."""
    clock = VirtualClock(datetime.fromtimestamp(WORLD.calendar.starts[day], UTC))
    fake = FakeShopify(WORLD, clock, rate=pace * 2.0, bucket=1_000)
    part = everything(WORLD).during(clock.now() - timedelta(days=20), clock.now() - timedelta(seconds=60))
    found = pulled(client(fake, clock), part)
    rest = pulled(client(fake, clock), part.during(part.end, clock.now()))
    assert fake.truth("orders", part.start, clock.now()) <= found.keys() | rest.keys()
