"""The bucket's arithmetic: never throttled, never slower than it must be."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.clock import VirtualClock
from connectors.errors import RateLimited
from connectors.exchange import Meter, Reply, Request
from connectors.fake.points import Bucket
from connectors.shopify.pace import MARGIN, CostPace

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def reply(requested, bucket, at=NOW):
    cost = {"requestedQueryCost": requested, "actualQueryCost": requested, "throttleStatus": bucket}
    body = msgspec.json.encode({"data": {"errors": 1}, "extensions": {"cost": cost}})
    return Reply(200, {}, body, "https://example.com", at)


def told(available, size=2000, rate=100):
    pace, meter = CostPace(), Meter()
    bucket = {"maximumAvailable": size, "currentlyAvailable": available, "restoreRate": rate}
    pace.learn(reply(10, bucket), meter)
    assert meter.quota == bucket
    return pace


def ask(cost):
    return Request("POST", "/", cost=cost)


def test_nothing_is_known_before_the_first_answer():
    assert CostPace().delay(ask(1000), NOW) == 0


def test_an_empty_bucket_is_empty_not_unknown():
    assert told(0).delay(ask(499), NOW) == pytest.approx(5)


def test_what_was_restored_meanwhile_counts():
    assert told(100).delay(ask(499), NOW + timedelta(seconds=3)) == pytest.approx(1)
    assert told(100).delay(ask(499), NOW + timedelta(seconds=4)) == 0
    assert told(100).available(NOW + timedelta(days=1)) == 2000


def test_a_query_dearer_than_the_bucket_waits_for_a_full_one_and_is_sent():
    assert told(1000).delay(ask(5000), NOW) == pytest.approx(10)


def test_what_costs_nothing_does_not_wait():
    assert told(0).delay(ask(0), NOW) == 0


def test_a_long_wait_is_handed_back():
    with pytest.raises(RateLimited) as told_when:
        told(0, rate=1).delay(ask(999), NOW)
    assert told_when.value.retry_at == NOW + timedelta(seconds=1000)


def test_an_answer_without_cost_leaves_what_is_known():
    pace = told(0)
    pace.learn(Reply(502, {}, b"<html>", "https://example.com", NOW), Meter())
    assert pace.available(NOW) == 0


@given(
    st.lists(st.tuples(st.integers(1, 1000), st.floats(0, 1), st.floats(0, 30)), min_size=1, max_size=40),
    st.sampled_from([(1000, 50), (2000, 100), (4000, 200), (20_000, 1000)]),
)
def test_never_throttled_and_never_a_point_too_late(queries, plan):
    size, rate = plan
    clock, pace, meter = VirtualClock(NOW), CostPace(), Meter()
    bucket = Bucket(clock, size, rate)
    pace.learn(reply(0, bucket.status), meter)
    for requested, share, idle in queries:
        waited = pace.delay(ask(requested), clock.now())
        clock.sleep(waited)
        assert bucket.take(requested)
        assert waited == 0 or bucket.level <= MARGIN + 1  # a point for the margin, one that the API rounds away
        bucket.level += requested - int(requested * share)
        pace.learn(reply(requested, bucket.status, clock.now()), meter)
        clock.sleep(idle)
