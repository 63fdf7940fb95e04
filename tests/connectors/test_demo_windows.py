"""since/until: exactly the records that changed in the window."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.demo import DemoSource
from connectors.demo.calendar import Calendar
from connectors.source import STREAMS, Stream

SOURCE = DemoSource(days=40, last_day=date(2025, 11, 20))  # summer time ends on one of its days
START = SOURCE.now - timedelta(days=41)


def changed_at(key, payload):
    """When a record changed last, as the API that serves it counts."""
    if "updatedAt" in payload:
        return datetime.fromisoformat(payload["updatedAt"])
    if "dimensions" in payload:
        day = datetime.strptime(payload["dimensions"]["date"], "%Y%m%d")
    else:
        day = datetime.fromisoformat(payload.get("date_start") or payload["segments"]["date"])
    return day.replace(hour=23, minute=59, second=59, tzinfo=ZoneInfo(SOURCE.timezone))


def fetch(key, since, until):
    return [record for page in SOURCE.pages(STREAMS[key], since=since, until=until) for record in page]


ALL = {key: fetch(key, None, SOURCE.now) for key in STREAMS}


@pytest.mark.parametrize("key", STREAMS)
@given(data=st.data())
@settings(max_examples=12)
def test_a_window_holds_the_records_changed_in_it(key, data):
    instants = st.datetimes(
        START.replace(tzinfo=None), SOURCE.now.replace(tzinfo=None) + timedelta(1), timezones=st.just(UTC)
    )
    since, until = sorted((data.draw(instants), data.draw(instants)))
    expected = [r for r in ALL[key] if since <= changed_at(key, r.payload) < until]
    assert {r.external_id: r for r in fetch(key, since, until)} == {r.external_id: r for r in expected}


@pytest.mark.parametrize("key", ["shopify/orders", "shopify/customers", "shopify/products"])
def test_a_window_starts_with_its_first_instant_and_ends_before_its_last(key):
    record = ALL[key][-1]
    at = changed_at(key, record.payload)
    assert record in fetch(key, at, at + timedelta(seconds=1))
    assert record not in fetch(key, at + timedelta(microseconds=1), at + timedelta(seconds=1))
    assert record not in fetch(key, at - timedelta(seconds=1), at)


@pytest.mark.parametrize("key", ["shopify/orders", "shopify/customers", "shopify/products"])
def test_the_shop_serves_in_the_order_of_change(key):
    instants = [record.payload["updatedAt"] for record in ALL[key]]
    assert instants == sorted(instants)


def test_an_empty_window_has_no_page():
    for stream in SOURCE.streams:
        assert list(SOURCE.pages(stream, since=SOURCE.now, until=SOURCE.now)) == []


def test_an_instant_without_a_time_zone_is_refused():
    with pytest.raises(ValueError, match="has no time zone; pass"):
        list(SOURCE.pages(STREAMS["meta/insights"], since=None, until=datetime(2025, 11, 1)))


def test_a_stream_the_demo_does_not_have_is_refused():
    with pytest.raises(ValueError, match=r"no stream tiktok/insights; it has shopify/orders, "):
        list(SOURCE.pages(Stream("tiktok", "insights"), since=None, until=SOURCE.now))


@pytest.mark.parametrize("wrong", [{"scale": 0}, {"days": 0}])
def test_a_demo_of_nothing_is_refused(wrong):
    with pytest.raises(ValueError, match="start at 1"):
        DemoSource(**wrong)


def test_the_smallest_demo_is_one_day():
    source = DemoSource(days=1, scale=1, timezone="Asia/Tokyo", currency="EUR")
    for stream in source.streams:
        assert [*source.pages(stream, since=None, until=source.now)]
    assert source.now == datetime(2026, 2, 10, tzinfo=ZoneInfo("Asia/Tokyo"))
    assert {o.day for o in source.world.orders} == {0}


def test_days_of_23_and_25_hours():
    autumn = Calendar.ending(date(2025, 11, 3), 3, "America/New_York")
    spring = Calendar.ending(date(2026, 3, 9), 3, "America/New_York")
    hours = [[(b - a) // 3600 for a, b in zip(c.starts, c.starts[1:], strict=False)] for c in (autumn, spring)]
    assert hours == [[24, 25, 24], [24, 23, 24]]
