"""The client against the fake: what it asks, what it brings, what it does when things are larger than expected."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shopify_api import (
    ACCOUNT,
    STREAMS,
    TOKEN,
    Seen,
    Token,
    client,
    end,
    everything,
    operations,
    pulled,
    small,
    with_order,
)

from connectors import slices
from connectors.clock import VirtualClock
from connectors.errors import ApiRetired, ConfigError, PermissionDenied, TooBig
from connectors.fake.serving import serving
from connectors.fake.shopify import PATH, FakeShopify
from connectors.shopify import API_VERSION, SUNSET
from connectors.shopify import client as module
from connectors.shopify.client import POLICIES, ShopifyClient
from connectors.shopify.queries import LISTINGS, ORDER_DETAILS
from connectors.shopify.shop import domain
from connectors.slices import CENSUS, Proven

WORLD = small(days=12)


@pytest.mark.parametrize(
    "given",
    ["my-store", " My-Store.myshopify.com ", "https://my-store.myshopify.com/admin", "my-store.myshopify.com/admin"],
)
def test_a_shop_is_known_by_any_of_its_names(given):
    assert domain(given) == "my-store.myshopify.com"


@pytest.mark.parametrize(
    "given",
    ["", "www.my-store.com", "https://my-store.com", "my store", "evil.com/.myshopify.com", "a.b.myshopify.com"],
)
def test_what_is_no_shop_is_refused_and_told_what_is(given):
    with pytest.raises(ConfigError, match=r"my-store\.myshopify\.com"):
        domain(given)


def test_what_is_sent_over_the_wire(fake, clock):
    seen = Seen(fake)
    with serving({"shopify": seen}) as url:
        shop = ShopifyClient("example-goods", authorizer=Token(), clock=clock, base_url=f"{url}/shopify", mode="paged")
        found = pulled(shop, everything(WORLD))
    assert found.keys() == fake.truth("orders", datetime(2020, 1, 1, tzinfo=UTC), end(WORLD))
    for request in seen.requests:
        assert (request.method, request.path, dict(request.query)) == ("POST", PATH, {})
        assert request.headers["x-shopify-access-token"] == TOKEN
        assert request.headers["content-type"] == "application/json"
    bodies = [msgspec.json.decode(request.body) for request in seen.requests]
    names = [body["operationName"] for body in bodies]
    assert names[:3] == ["Scopes", "Approvals", "OrdersCount"]
    assert set(names[3:]) == {"Orders", "OrderDetails"}
    whole = everything(WORLD)
    search = LISTINGS["shopify/orders"].searched(whole.start, whole.end)
    pages = [body for body in bodies if body["operationName"] == "Orders"]
    assert [body["variables"]["first"] for body in pages] == [250] * len(pages)
    assert {body["variables"]["query"] for body in pages} == {search}
    assert pages[0]["variables"]["after"] is None
    assert pages[0]["query"] == LISTINGS["shopify/orders"].page.text
    details = [body for body in bodies if body["operationName"] == "OrderDetails"]
    assert all(body["query"] == ORDER_DETAILS.text for body in details)
    refunded = {id for id, order in found.items() if order["refunds"]}
    assert {id for body in details for id in body["variables"]["ids"]} == refunded


def test_the_account_is_the_shop(fake, clock):
    shop = client(fake, clock)
    (account,) = shop.accounts()
    assert (account.id, account.name, account.timezone, account.currency) == (
        ACCOUNT.id, "Example Goods", "America/New_York", "USD"
    )  # fmt: skip
    assert account.opened
    assert account.opened < min(datetime.fromtimestamp(order.created, UTC) for order in WORLD.orders)
    assert (shop.source, shop.api_version, shop.sunset) == ("shopify", API_VERSION, SUNSET)


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("mode", ["paged", "bulk", "auto"])
def test_a_pull_brings_what_the_shop_has_as_it_is(fake, clock, source, stream, mode):
    from connectors.demo.twins import TWINS

    (root,) = {"shopify/orders": ["orders"], "shopify/customers": ["customers"], "shopify/products": ["products"]}[
        stream
    ]
    bodies = TWINS[stream](WORLD, range(0, WORLD.calendar.end), 0)
    told = {node["id"]: node for body in bodies for node in body["data"][root]["nodes"]}
    assert pulled(client(fake, clock, mode=mode), everything(WORLD, stream)) == told


@given(st.lists(st.integers(0, 31 * 86_400_000_000), min_size=1, max_size=4))
@settings(max_examples=5)
def test_slices_that_meet_hold_every_order_once(cuts):
    clock = VirtualClock(end(WORLD))
    shop = client(FakeShopify(WORLD, clock), clock)
    whole = everything(WORLD)
    at = sorted({whole.start, *(end(WORLD) - timedelta(microseconds=cut) for cut in cuts), whole.end})
    found = [id for first, last in pairwise(at) for id in pulled(shop, whole.during(first, last))]
    assert len(found) == len(set(found)) == len(WORLD.orders)


def test_what_leaves_while_it_is_read_is_not_missed(clock):
    """An order that is refunded while its slice is read leaves it: the walk is made again, and finds all the others."""
    refunded = next(order for order in WORLD.orders if order.aftermath.refund)
    at = datetime.fromtimestamp(refunded.aftermath.refund.created, UTC)
    clock = VirtualClock(at - timedelta(seconds=1))
    fake = FakeShopify(WORLD, clock)

    def slow(request):
        if b'"operationName":"Orders"' in request.body:
            clock.sleep(5)
        return fake(request)

    seen = Seen(slow)
    part = everything(WORLD).during(at - timedelta(days=30), clock.now())
    *_, last = client(seen, clock).pull(part, ACCOUNT)
    names = [msgspec.json.decode(request.body)["operationName"] for request in seen.requests]
    assert (names.count("OrdersCount"), names.count("Orders")) == (2, 2)
    found = len(fake.truth("orders", part.start, part.end))
    assert (last.proof.at_least, last.proof.at_most) == (found, found)


def test_a_count_that_is_not_exact_proves_nothing(fake, clock):
    fake.counts = "AT_LEAST"
    with pytest.raises(TooBig, match=f"stopped counting orders at {len(WORLD.orders)}"):
        pulled(client(fake, clock), everything(WORLD))


def test_an_order_of_300_lines_is_brought_whole(clock):
    world = with_order(WORLD, lines=300, refunds=True)
    for mode in ("paged", "bulk"):
        fake = FakeShopify(world, clock)
        order = list(pulled(client(fake, clock, mode=mode), everything(world)).values())
        (order,) = (each for each in order if len(each["lineItems"]["nodes"]) > 5)
        ids = [line["id"] for line in order["lineItems"]["nodes"]]
        assert len(ids) == len(set(ids)) == 300
        (refund,) = order["refunds"]
        assert [line["lineItem"]["id"] for line in refund["refundLineItems"]["nodes"]] == ids
        sold, back = (agreement["sales"]["nodes"] for agreement in order["agreements"]["nodes"])
        assert [sale["lineItem"]["id"] for sale in sold if sale["lineType"] == "PRODUCT"] == ids
        assert [sale["lineItem"]["id"] for sale in back] == ids
        assert order["agreements"].keys() == order["lineItems"].keys() == {"nodes"}


def census(world, **during):
    return replace(everything(world), part=CENSUS, **during)


@pytest.mark.parametrize("mode", ["paged", "bulk"])
def test_a_census_lists_the_ids_of_what_was_created_and_is_still_there(fake, clock, mode):
    at = sorted(order.created for order in WORLD.orders)
    start, stop = (datetime.fromtimestamp(at[place], UTC) for place in (40, 90))
    gone = {f"gid://shopify/Order/{5_800_000_000_000 + place}" for place in (50, 60)}
    fake.deleted = gone
    created = {
        place for place, order in enumerate(WORLD.orders) if start.timestamp() <= order.created < stop.timestamp()
    }
    seen = Seen(fake)
    found = pulled(client(seen, clock, mode=mode), census(WORLD, start=start, end=stop))
    assert found.keys() == {f"gid://shopify/Order/{5_800_000_000_000 + place}" for place in created} - gone
    assert {"id"} == {key for order in found.values() for key in order}
    assert "OrderDetails" not in operations(seen)


def test_a_census_that_a_lost_scope_makes_blind_ends_nothing():
    world = small(days=64)
    clock = VirtualClock(end(world))
    fake = FakeShopify(world, clock)
    shop = client(fake, clock)
    assert shop.policies["shopify/orders"].history is None
    fake.scopes = tuple(scope for scope in fake.scopes if scope != "read_all_orders")
    with pytest.raises(PermissionDenied, match="not known to be deleted"):
        pulled(shop, census(world))
    assert pulled(shop, census(world, start=clock.now() - timedelta(days=59)))


def test_auto_takes_bulk_where_there_is_much(fake, clock, monkeypatch):
    monkeypatch.setattr(module, "BULK_FROM", 100)
    seen = Seen(fake)
    shop = client(seen, clock, mode="auto")
    pulled(shop, everything(WORLD))
    pulled(shop, everything(WORLD, "shopify/products"))
    names = {msgspec.json.decode(request.body)["operationName"] for request in seen.requests if request.body}
    assert {"BulkRun", "Products"} <= names
    assert not {"Orders"} & names


def test_an_answer_of_another_version_is_a_retired_api(fake, clock):
    fake.version = "2028-01"
    with pytest.raises(ApiRetired, match="2028-01 instead of 2026-10: upgrade"):
        client(fake, clock).accounts()


def test_a_shop_that_has_moved_is_named(fake, clock):
    fake.moved_to = "better-goods.myshopify.com"
    with pytest.raises(ConfigError, match=r"moved to better-goods\.myshopify\.com"):
        client(fake, clock).accounts()


def test_orders_that_the_scopes_hide_are_missed_aloud():
    world = small(days=64)
    clock = VirtualClock(end(world))
    fake = FakeShopify(world, clock)
    fake.scopes = ("read_orders", "read_customers", "read_products")
    shop = client(fake, clock)
    (account,) = shop.accounts()
    policy = shop.policies["shopify/orders"]
    plan = slices.plan(policy, account, "shopify/orders", shop.request("shopify/orders", ACCOUNT), [], clock.now())
    (note,) = plan.missing
    assert note.startswith("nothing before 2025-12-1")
    assert note.endswith("Give the app the scope read_all_orders and install it again to have them all.")
    found = {id for part in plan.slices for id in pulled(shop, part)}
    recent = [o for o in world.orders if o.created >= clock.now().timestamp() - 60 * 86_400 - 60]
    assert abs(len(found) - len(recent)) <= 1
    failed = {finding.name for finding in shop.probe() if finding.passed is False}
    assert failed == {"read_all_orders", "read_inventory"}
    fake.scopes = (*fake.scopes, "read_all_orders")
    again = client(fake, clock)
    assert again.policies["shopify/orders"].history is None
    assert again.request("shopify/orders", ACCOUNT) == shop.request("shopify/orders", ACCOUNT)


def test_another_scope_asks_for_more_and_so_for_old_time_again(fake, clock):
    before = client(fake, clock).request("shopify/products", ACCOUNT)
    fake.scopes = ("read_products",)
    assert client(fake, clock).request("shopify/products", ACCOUNT) != before


def without_address(node):
    return {name: value for name, value in node.items() if name not in ("email", "defaultEmailAddress")}


def probed(shop):
    return {finding.name: finding for finding in shop.probe()}


@pytest.mark.parametrize("mode", ["paged", "bulk"])
@pytest.mark.parametrize("stream", ["shopify/orders", "shopify/customers"])
def test_without_the_approval_for_e_mail_addresses_all_else_is_read(fake, clock, mode, stream):
    part, before = everything(WORLD, stream), client(fake, clock, mode=mode)
    whole, asked = pulled(before, part), before.request(stream, ACCOUNT)
    assert probed(before)["protected customer data"].passed
    fake.approved = False
    seen = Seen(fake)
    shop = client(seen, clock, mode=mode)
    assert pulled(shop, part) == {id: without_address(node) for id, node in whole.items()}
    assert shop.request(stream, ACCOUNT) != asked
    assert operations(seen).count("Approvals") == 1
    failed = [finding for finding in shop.probe() if not finding.passed]
    assert [finding.name for finding in failed] == ["protected customer data"]
    assert "API access requests" in failed[0].message
    fake.approved = True
    again = client(fake, clock, mode=mode)
    assert (pulled(again, part), again.request(stream, ACCOUNT)) == (whole, asked)


def test_who_may_read_no_orders_may_read_customers_without_the_approval(fake, clock):
    fake.approved, fake.scopes = False, ("read_customers",)
    found = pulled(client(fake, clock), everything(WORLD, "shopify/customers"))
    assert found
    assert not any("defaultEmailAddress" in customer for customer in found.values())


def test_an_approval_that_is_taken_away_meanwhile_is_an_error(fake, clock):
    shop = client(fake, clock)
    assert shop.request("shopify/orders", ACCOUNT)
    fake.approved = False
    with pytest.raises(PermissionDenied, match="API access requests"):
        pulled(shop, everything(WORLD))


def test_what_is_wrong_while_approvals_are_asked_for_is_no_lack_of_one(fake, clock):
    def failing(request):
        if b'"Approvals"' in request.body:
            fake.fail("ACCESS_DENIED")
        return fake(request)

    with pytest.raises(PermissionDenied, match="what Shopify says with ACCESS_DENIED"):
        pulled(client(failing, clock), everything(WORLD))


def test_a_probe_of_a_good_app_passes_and_of_a_wrong_clock_fails(fake, clock):
    assert all(finding.passed for finding in client(fake, clock).probe())
    ahead = VirtualClock(clock.now() + timedelta(minutes=6))
    failed = [finding for finding in client(fake, ahead).probe() if not finding.passed]
    assert [finding.name for finding in failed] == ["clock"]
    assert "0:06:00 ahead" in failed[0].message
    fake.tokens = {}
    (finding,) = client(fake, clock).probe()
    assert finding.passed is False
    assert "growthos connect shopify" in finding.message


@pytest.mark.parametrize("every", [timedelta(hours=17), timedelta(days=2), timedelta(days=9)])
def test_where_visitors_came_from_is_known_in_the_end(every):
    """It is told up to three days later, and the order does not count as updated: the lookback finds it."""
    world = small(days=6)
    clock = VirtualClock(datetime.fromtimestamp(world.calendar.starts[1], UTC))
    fake = FakeShopify(world, clock)
    fake.journey_after = timedelta(days=3) - timedelta(seconds=60)
    shop = client(fake, clock)
    (account,) = shop.accounts()
    landed, proven = {}, []
    while clock.now() < end(world) + timedelta(days=4):
        now = clock.now()
        for part in slices.plan(POLICIES["shopify/orders"], account, "shopify/orders", "", proven, now).slices:
            landed |= pulled(shop, part)
            proven.append(Proven(part.start, part.end, now))
        clock.sleep(every.total_seconds())
    for part in slices.plan(POLICIES["shopify/orders"], account, "shopify/orders", "", proven, clock.now()).slices:
        landed |= pulled(shop, part)
    fake.journey_after = timedelta(0)
    assert landed == pulled(shop, everything(world))


def test_what_a_shop_shows_is_its_state_at_the_time(source):
    world = small(days=10)
    clock = VirtualClock(datetime.fromtimestamp(world.calendar.starts[6], UTC))
    fake = FakeShopify(world, clock)
    now = clock.now().isoformat().replace("+00:00", "Z")
    orders = pulled(client(fake, clock), everything(world).during(clock.now() - timedelta(days=15), clock.now()))
    customers = pulled(
        client(fake, clock),
        everything(world, "shopify/customers").during(clock.now() - timedelta(days=15), clock.now()),
    )
    assert 0 < len(orders) < len(world.orders)
    assert all(order["updatedAt"] < now for order in orders.values())
    assert all(refund["createdAt"] < now for order in orders.values() for refund in order["refunds"])
    placed = sum(int(customer["numberOfOrders"]) for customer in customers.values())
    assert placed == sum(order["customer"] is not None for order in orders.values())
