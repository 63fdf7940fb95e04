"""Bulk operations: waited for, taken over, downloaded piece by piece, joined, counted."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from shopify_api import ACCOUNT, Seen, client, end, everything, operations, pulled, sent_back, small, storm

from connectors.budget import COME_BACK, SLICE_LASTS
from connectors.clock import VirtualClock
from connectors.errors import ApiError, PermissionDenied, RateLimited, TooBig, Transient, Truncated
from connectors.fake.shopify import FakeShopify
from connectors.shopify import bulk, join
from connectors.shopify import client as module
from connectors.shopify.bulk import STALE
from connectors.shopify.queries import LISTINGS
from connectors.shopify.whole import detailed
from connectors.slices import plan
from connectors.source import decoded
from connectors.wire import WireResponse

WORLD = small(days=10)
IDS = {f"gid://shopify/Order/{5_800_000_000_000 + place}" for place in range(len(WORLD.orders))}
ORDERS = LISTINGS["shopify/orders"]


def test_what_is_asked_in_which_order(fake, clock, monkeypatch):
    monkeypatch.setattr(bulk, "PIECE", 100_000)
    seen = Seen(fake)
    before = clock.now()
    assert pulled(client(seen, clock, mode="bulk"), everything(WORLD)).keys() == IDS
    names = operations(seen)
    assert names[:5] == ["Scopes", "Approvals", "OrdersCount", "BulkOwn", "BulkRun"]
    assert set(names[5:]) == {"BulkState", "OrderDetails"}
    (run,) = (msgspec.json.decode(r.body) for r in seen.requests if b'"BulkRun"' in r.body)
    assert run["variables"] == {"query": ORDERS.bulk(ORDERS.searched(everything(WORLD).start, everything(WORLD).end))}
    downloads = [request for request in seen.requests if request.method == "GET"]
    assert len(downloads) > 3
    assert [request.headers["range"] for request in downloads[:2]] == ["bytes=0-99999", "bytes=100000-199999"]
    assert not any("x-shopify-access-token" in request.headers for request in downloads)
    assert clock.now() - before < timedelta(minutes=1)


def test_looks_become_rarer_up_to_one_a_minute(fake, clock):
    fake.jobs.objects_per_second = 2 * len(IDS) / 1200
    seen = Seen(fake)
    before = clock.now()
    pulled(client(seen, clock, mode="bulk"), everything(WORLD))
    assert operations(seen).count("BulkState") < 70
    assert clock.now() - before > timedelta(minutes=20)


def test_a_job_that_outlasts_our_patience_is_taken_over_by_the_next_pull(fake, clock):
    fake.jobs.objects_per_second = 3 * len(IDS) / 5400
    started = clock.now()
    with pytest.raises(RateLimited, match="still at work") as told:
        pulled(client(fake, clock, mode="bulk"), everything(WORLD))
    assert clock.now() - started <= SLICE_LASTS
    assert told.value.retry_at == clock.now() + COME_BACK
    clock.sleep(SLICE_LASTS.total_seconds())
    seen = Seen(fake)
    assert pulled(client(seen, clock, mode="bulk"), everything(WORLD)).keys() == IDS
    assert "BulkRun" not in operations(seen)


def test_the_next_sync_asks_for_the_same_and_takes_over_what_the_last_one_began(fake, clock):
    fake.jobs.objects_per_second = 3 * len(WORLD.orders) / timedelta(minutes=80).total_seconds()

    def first_of_plan(shop):
        request = shop.request("shopify/orders", ACCOUNT)
        account = replace(ACCOUNT, opened=end(WORLD) - timedelta(days=12))
        return plan(shop.policies["shopify/orders"], account, "shopify/orders", request, (), clock.now()).slices[0]

    shop = client(fake, clock, mode="bulk")
    with pytest.raises(RateLimited):
        pulled(shop, first_of_plan(shop))
    clock.sleep(COME_BACK.total_seconds())
    seen = Seen(fake)
    shop = client(seen, clock, mode="bulk")
    assert pulled(shop, first_of_plan(shop))
    assert "BulkRun" not in operations(seen)


def test_what_was_read_long_ago_is_not_taken_for_news(fake, clock):
    pulled(client(fake, clock, mode="bulk"), everything(WORLD))
    clock.sleep(3_600)
    seen = Seen(fake)
    pulled(client(seen, clock, mode="bulk"), everything(WORLD))
    assert "BulkRun" not in operations(seen)
    clock.sleep(3_600)
    pulled(client(seen, clock, mode="bulk"), everything(WORLD))
    assert "BulkRun" in operations(seen)


def test_a_job_that_was_started_beforehand_runs_meanwhile_and_is_taken_over(fake, clock):
    seen = Seen(fake)
    shop = client(seen, clock, mode="bulk")
    shop.prepare(everything(WORLD), ACCOUNT)
    assert operations(seen)[-2:] == ["BulkOwn", "BulkRun"]
    clock.sleep(3600)
    before = clock.now()
    assert pulled(shop, everything(WORLD)).keys() == IDS
    assert operations(seen).count("BulkRun") == 1
    assert "BulkState" not in operations(seen)
    assert clock.now() - before < timedelta(seconds=30), "nothing is left to wait for but the details"
    paged = Seen(fake)
    client(paged, clock).prepare(everything(WORLD), ACCOUNT)
    assert "BulkRun" not in operations(paged)


def test_what_would_take_too_long_at_the_pace_that_was_shown_is_split_before_it_is_begun(monkeypatch):
    monkeypatch.setattr(join, "TOGETHER", 20)
    world = sent_back(WORLD)
    clock = VirtualClock(end(world))
    fake = FakeShopify(world, clock, bucket=1_000, rate=10)
    seen = Seen(fake)
    shop = client(seen, clock, mode="bulk")
    with monkeypatch.context() as patch:
        patch.setattr(module, "READING_LASTS", timedelta(seconds=len(IDS) / 100 - 0.1))
        shop.prepare(everything(world), ACCOUNT)
        assert "BulkRun" not in operations(seen), "by the first guess, it may have to be split"
    before = clock.now()
    pulled(shop, everything(world))
    took = clock.now() - before

    days = everything(world).during(end(world) - timedelta(days=3), end(world))
    shop.prepare(days, ACCOUNT)
    assert operations(seen).count("BulkRun") == 2
    monkeypatch.setattr(module, "READING_LASTS", took / 100)
    assert pulled(shop, days), "what is begun is read"

    seen.requests.clear()
    shop.prepare(everything(world), ACCOUNT)
    with pytest.raises(TooBig, match=f"{len(IDS)} orders would take too long"):
        pulled(shop, everything(world))
    assert set(operations(seen)) == {"OrdersCount"}
    monkeypatch.setattr(module, "READING_LASTS", 2 * took)
    assert pulled(shop, everything(world)).keys() == IDS


def test_the_pace_of_pages_says_nothing_of_a_bulk_result(monkeypatch):
    world = sent_back(WORLD)
    clock = VirtualClock(end(world))
    fake = FakeShopify(world, clock, bucket=1_000, rate=10)
    some = everything(world).during(end(world) - timedelta(days=3), end(world))
    monkeypatch.setattr(module, "BULK_FROM", len(fake.truth("orders", some.start, some.end)))
    fake.max_cost = 85  # several pages
    seen = Seen(fake)
    shop = client(seen, clock, mode="auto")
    before = clock.now()
    assert pulled(shop, some)
    assert "BulkRun" not in operations(seen)
    monkeypatch.setattr(module, "READING_LASTS", clock.now() - before)
    assert pulled(shop, everything(world)).keys() == IDS
    assert "BulkRun" in operations(seen)


def test_an_order_with_refunds_is_asked_for_them_though_one_agreement_is_all_it_has(fake, clock):
    """As orders from before there were agreements; what came undecoded is told apart from an empty list."""
    seen = Seen(fake)
    graphql = client(seen, clock)._graphql
    refunded = next(n for n, order in enumerate(WORLD.orders) if order.aftermath.refund)
    names = {
        f"gid://shopify/Order/{5_800_000_000_000 + n}": told for n, told in ((refunded, b'[{"id":"1"}]'), (0, b"[]"))
    }
    assert len(names) == 2
    nodes = [{"id": id, "refunds": msgspec.Raw(told), "agreements": {"nodes": [{}]}} for id, told in names.items()]
    first, second = detailed(graphql, ORDERS, nodes, graphql.http.budget())
    assert first["refunds"][0]["refundLineItems"]["nodes"]
    assert decoded(second["refunds"]) == []
    (asked,) = (msgspec.json.decode(r.body)["variables"] for r in seen.requests if b'"OrderDetails"' in r.body)
    assert asked == {"ids": [nodes[0]["id"]]}


def test_a_result_is_read_once(fake, clock):
    shop = client(fake, clock, mode="bulk")
    pulled(shop, everything(WORLD))
    pulled(shop, everything(WORLD))
    assert len(fake.jobs.newest_first()) == 2


def test_a_result_from_before_an_order_changed_is_not_taken_over():
    refunded = next(order.aftermath.refund for order in WORLD.orders if order.aftermath.refund)
    clock = VirtualClock(datetime.fromtimestamp(refunded.created, UTC) - timedelta(hours=1))
    fake = FakeShopify(WORLD, clock)
    part = everything(WORLD).during(clock.now() - timedelta(days=30), clock.now() - timedelta(minutes=1))
    before = pulled(client(fake, clock, mode="bulk"), part)
    clock.sleep(timedelta(hours=20).total_seconds())
    after = pulled(client(fake, clock, mode="bulk"), part)
    assert before.keys() - after.keys()
    assert len(fake.jobs.newest_first()) == 2
    pulled(client(fake, clock, mode="bulk"), part)
    assert len(fake.jobs.newest_first()) == 2


def test_orphans_that_block_the_way_are_cancelled_and_others_are_not(fake, clock):
    fake.jobs.objects_per_second = 1e-4
    for _ in range(5):
        fake.jobs.run(ORDERS.bulk("updated_at:>='2026-01-01T00:00:00Z' AND updated_at:<'2026-02-01T00:00:00Z'"))
    with pytest.raises(RateLimited, match="LIMIT_REACHED"):
        pulled(client(fake, clock, mode="bulk"), everything(WORLD))
    assert {job["status"] for job in fake.jobs.newest_first()} == {"RUNNING"}
    clock.sleep(STALE.total_seconds())
    fake.jobs.objects_per_second = 1e6
    assert pulled(client(fake, clock, mode="bulk"), everything(WORLD)).keys() == IDS
    assert {job["status"] for job in fake.jobs.newest_first()[1:]} == {"CANCELED"}


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        ("ACCESS_DENIED", PermissionDenied),
        ("TIMEOUT", TooBig),
        ("INTERNAL_SERVER_ERROR", Transient),
        ("NO_RESULT", Truncated),
    ],
)
def test_how_a_job_can_fail(fake, clock, outcome, error):
    fake.jobs.outcomes.append(outcome)
    shop = client(fake, clock, mode="bulk")
    with pytest.raises(error):
        pulled(shop, everything(WORLD))
    assert pulled(shop, everything(WORLD)).keys() == IDS


def test_a_result_without_a_line_is_noticed_and_run_again(fake, clock):
    fake.fail("INCOMPLETE", times=2)
    shop = client(fake, clock, mode="bulk")
    assert storm(lambda: pulled(shop, everything(WORLD))).keys() == IDS


def test_a_job_that_says_nothing_of_a_full_window_is_not_believed(fake, clock):
    fake.jobs.outcomes.append("EMPTY")
    shop = client(fake, clock, mode="bulk")
    with pytest.raises(Truncated, match="0 came"):
        pulled(shop, everything(WORLD))
    assert pulled(shop, everything(WORLD)).keys() == IDS


def test_nothing_is_a_result_too(fake, clock):
    part = everything(WORLD)
    early = part.during(part.start, part.start + timedelta(days=1))
    assert pulled(client(fake, clock, mode="bulk"), early) == {}


@pytest.mark.parametrize("pieces", [0, 2])
def test_a_server_that_knows_of_no_ranges_or_no_more(fake, clock, monkeypatch, pieces):
    monkeypatch.setattr(bulk, "PIECE", 100_000)
    ranged = iter(range(pieces))

    def whole(request):
        if request.method == "GET" and next(ranged, None) is None:
            request.headers.pop("range")
        return fake(request)

    assert pulled(client(whole, clock, mode="bulk"), everything(WORLD)).keys() == IDS


def test_a_result_that_ends_too_soon_is_noticed(fake, clock, monkeypatch):
    monkeypatch.setattr(bulk, "PIECE", 100_000)
    pieces = iter(range(2))

    def short(request):
        answer = fake(request)
        return WireResponse(206, b"") if request.method == "GET" and next(pieces, None) is None else answer

    with pytest.raises(Truncated, match="only 200000 came"):
        pulled(client(short, clock, mode="bulk"), everything(WORLD))


def test_a_line_is_whole_wherever_the_pieces_end():
    text = b'{"a": 1}\n{"b": 2}\n{"c": 3}'
    lines = [b'{"a": 1}\n', b'{"b": 2}\n', b'{"c": 3}']
    for size in range(1, len(text) + 1):
        assert list(bulk._lines(text[at : at + size] for at in range(0, len(text), size))) == lines


@pytest.mark.parametrize("status", [403, 404])
def test_a_result_that_is_gone_is_run_again(fake, clock, status):
    gone = iter([WireResponse(status, b"<Error><Code>ExpiredToken</Code></Error>")])

    def app(request):
        return (request.method == "GET" and next(gone, None)) or fake(request)

    shop = client(app, clock, mode="bulk")
    with pytest.raises(Transient, match="run again") as told:
        pulled(shop, everything(WORLD))
    assert "signature" not in f"{told.value!r} {told.value.__cause__!r}"  # the result's address is a secret
    assert pulled(shop, everything(WORLD)).keys() == IDS


def test_a_result_that_is_no_jsonl_is_noticed(fake, clock):
    def garbled(request):
        answer = fake(request)
        return WireResponse(206, answer.body.replace(b"{", b"<"), {}) if request.method == "GET" else answer

    with pytest.raises(Truncated, match="not JSON"):
        pulled(client(garbled, clock, mode="bulk"), everything(WORLD))


@pytest.mark.parametrize(
    "query",
    [
        "{ shop { id } }",
        "{ orders {",
        "{ orders { edges { node { refunds { refundLineItems { edges { node { id } } } } } } } }",
    ],
)
def test_the_fake_refuses_what_cannot_run_in_bulk(fake, query):
    (error,) = fake.jobs.run(query)["userErrors"]
    assert error["code"] == "INVALID"


def test_every_error_of_a_bulk_pull_is_an_api_error(fake, clock):
    for outcome in ("CANCELED", "EXPIRED", "FAILED", "CANCELING"):
        fake.fail(outcome)
        with pytest.raises(ApiError):
            pulled(client(fake, clock, mode="bulk"), everything(WORLD))


def without_a_child(body):
    """The same bytes but for one line item's line: as many, since JSON may end in spaces."""
    lost, *lines = sorted(body.splitlines(keepends=True), key=lambda line: b'"LineItem"' not in line)
    return b"".join(lines)[:-1] + b" " * len(lost) + b"\n"


def with_an_orphan(body):
    return re.sub(rb'("__parentId":"gid://shopify/Order/)58', rb"\g<1>85", body, count=1)


@pytest.mark.parametrize(
    ("spoil", "says"), [(without_a_child, "objects came of"), (with_an_orphan, "belong to none that came")]
)
def test_a_child_that_gets_lost_from_a_result_is_missed_though_every_order_came(fake, clock, spoil, says):
    def losing(request):
        answer = fake(request)
        return replace(answer, body=spoil(answer.body)) if request.method == "GET" else answer

    with pytest.raises(Truncated, match=says):
        pulled(client(losing, clock, mode="bulk"), everything(WORLD))
