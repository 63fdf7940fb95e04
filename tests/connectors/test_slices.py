"""Planning: what is pulled is what is wanted and neither proven nor still open to change."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.slices import (
    EPOCH,
    SWEEP_EVERY,
    Account,
    Interval,
    Policy,
    Proven,
    Slice,
    census,
    cursor,
    day_begins,
    folded,
    merge,
    midnight,
    plan,
    request_hash,
    still_good,
    subtract,
)

NOW = datetime(2026, 2, 10, 15, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SHOP = Account("1", "The shop", "America/New_York", "USD", opened=datetime(2025, 6, 1, 9, tzinfo=UTC))
CHANGES = Policy(step=30 * DAY, lookback=2 * DAY, settle=timedelta(minutes=1))
REPORT = Policy(step=28 * DAY, lookback=4 * DAY, sweep=30 * DAY, history=400 * DAY, by_day=True)

hours = st.integers(0, 400)


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    start, length = draw(hours), draw(st.integers(1, 100))
    return Interval(EPOCH + timedelta(hours=start), EPOCH + timedelta(hours=start + length))


def instants(spans: list[Interval]) -> set[int]:
    return {
        hour
        for start, end in spans
        for hour in range(int((start - EPOCH) / timedelta(hours=1)), int((end - EPOCH) / timedelta(hours=1)))
    }


@given(st.lists(intervals()))
def test_merging_keeps_every_instant_and_leaves_no_two_that_touch(spans: list[Interval]):
    merged = merge(spans)
    assert instants(merged) == instants(spans)
    assert all(a.end < b.start for a, b in pairwise(merged))


@given(st.lists(intervals()), st.lists(intervals()))
def test_subtracting_leaves_what_is_in_the_one_and_not_in_the_other(wanted: list[Interval], given: list[Interval]):
    left = subtract(merge(wanted), given)
    assert instants(left) == instants(wanted) - instants(given)


@given(st.lists(intervals()), intervals())
def test_the_cursor_never_passes_a_gap(spans: list[Interval], asked: Interval):
    at = cursor([Proven(*span, NOW) for span in spans], asked.start, NOW)
    passed = instants([Interval(asked.start, at)])
    assert passed <= instants(spans)
    assert not (instants([Interval(at, at + timedelta(hours=1))]) & instants(spans))


def planned(policy: Policy, proven: Sequence[Proven] = (), account: Account = SHOP, **asked: date) -> list[Interval]:
    return [Interval(s.start, s.end) for s in plan(policy, account, "shopify/orders", "r", proven, NOW, **asked).slices]


def test_the_first_plan_covers_everything_since_the_account_was_opened_without_gap_or_overlap():
    slices = planned(CHANGES)
    assert slices[0].start == SHOP.opened
    assert slices[-1].end == NOW - timedelta(minutes=1)
    assert all(a.end == b.start for a, b in pairwise(slices))
    assert all(s.end - s.start <= CHANGES.step for s in slices)


def test_a_slice_that_failed_is_planned_again_though_later_ones_are_proven():
    slices = planned(CHANGES)
    proven = [Proven(*s, NOW) for s in slices if s != slices[2]]
    again = planned(CHANGES, proven)
    assert again[0] == slices[2]
    assert again[1:] == [Interval(NOW - 2 * DAY, NOW - timedelta(minutes=1))]


def test_what_is_long_is_asked_for_under_the_same_interval_an_hour_later():
    first, second = (plan(CHANGES, SHOP, "shopify/orders", "r", (), at).slices for at in (NOW, NOW + HOUR))
    assert [s.id for s in first[:-1]] == [s.id for s in second[:-1]]
    assert second[-1].start == first[-1].start
    assert second[-1].end - first[-1].end == HOUR
    assert HOUR < first[-1].end - first[-1].start < 7 * DAY
    assert len(planned(CHANGES, [Proven(SHOP.opened, NOW, NOW - DAY)])) == 1, "what is short stays whole"


def test_what_the_source_may_still_change_is_pulled_every_time_and_the_sweep_once_a_week():
    whole = merge(planned(REPORT))[0]
    yesterday = [Proven(*whole, NOW - DAY)]
    days_behind = midnight(NOW, SHOP.timezone) - midnight(planned(REPORT, yesterday)[0].start, SHOP.timezone)
    assert 4 * DAY <= days_behind <= 6 * DAY
    last_week = [Proven(*whole, NOW - SWEEP_EVERY)]
    assert planned(REPORT, last_week)[0].start <= NOW - SWEEP_EVERY - 30 * DAY + DAY


@pytest.mark.parametrize("ago", [HOUR, SWEEP_EVERY, 60 * DAY])
def test_changes_are_asked_for_since_before_they_were_last_asked_for(ago: timedelta):
    assert planned(CHANGES, [Proven(EPOCH, NOW - ago, NOW - ago)])[0].start == NOW - ago - CHANGES.lookback


def test_days_that_were_proven_while_they_could_change_are_pulled_again_however_old_they_have_become():
    old = datetime(2025, 12, 1, tzinfo=UTC)
    whole = Interval(planned(REPORT)[0].start, midnight(old, SHOP.timezone))
    first = planned(REPORT, [Proven(*whole, old)])[0]
    assert old - 31 * DAY <= first.start <= old - 29 * DAY


def test_days_are_the_accounts_own_and_the_unfinished_one_is_not_among_them():
    slices = planned(REPORT)
    zone = ZoneInfo(SHOP.timezone)
    assert all(at.astimezone(zone).hour == 0 for s in slices for at in s)
    assert slices[-1].end == datetime(2026, 2, 10, 5, tzinfo=UTC)
    # 15:00 UTC is the next day already in Auckland
    auckland = Account("2", "East", "Pacific/Auckland", "NZD", opened=SHOP.opened)
    assert planned(REPORT, account=auckland)[-1].end == datetime(2026, 2, 10, 11, tzinfo=UTC)


@given(
    st.sampled_from(["America/New_York", "Europe/London", "Pacific/Auckland", "America/Santiago", "Asia/Beirut"]),
    st.integers(1, 45),
    st.integers(0, 700),
)
def test_a_days_report_is_cut_at_midnights_through_every_change_of_clocks(zone: str, step: int, age: int):
    account = Account("3", "Anywhere", zone, "USD", opened=NOW - timedelta(days=age, hours=5))
    policy = Policy(step=step * DAY, lookback=DAY, by_day=True)
    slices = planned(policy, account=account)
    assert all(s.start == midnight(s.start, zone) and s.end == midnight(s.end, zone) for s in slices)
    assert all(a.end == b.start for a, b in pairwise(slices))
    assert all(s.end - s.start <= (step + 1) * DAY for s in slices)


def test_history_that_the_api_does_not_keep_is_left_out_and_said():
    account = Account("4", "Old", "UTC", "USD", opened=datetime(2015, 1, 1, tzinfo=UTC))
    found = plan(REPORT, account, "meta/insights", "r", [], NOW, date(2020, 1, 1), None)
    assert found.slices[0].start == midnight(NOW - 400 * DAY, "UTC")
    assert "keeps 400 days" in found.notes[0]
    assert plan(REPORT, SHOP, "meta/insights", "r", [], NOW, date(2020, 1, 1), None).notes == [], "it was not there yet"


def test_named_days_are_pulled_though_they_are_proven():
    days = Interval(datetime(2026, 1, 5, 5, tzinfo=UTC), datetime(2026, 1, 8, 5, tzinfo=UTC))
    for policy in (REPORT, CHANGES):
        found = planned(policy, [Proven(EPOCH, NOW, NOW)], since=date(2026, 1, 5), until=date(2026, 1, 7))
        assert found == [days]


@pytest.mark.parametrize("policy", [REPORT, CHANGES])
def test_named_days_that_are_to_come_are_not_asked_for(policy: Policy):
    assert planned(policy, until=date(2027, 1, 1)) == planned(policy)


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Europe/Berlin", "Asia/Tokyo", "Pacific/Auckland"])
def test_named_days_are_each_accounts_own(zone: str):
    account = Account("5", "Elsewhere", zone, "USD", opened=SHOP.opened)
    (found,) = plan(REPORT, account, "meta/insights", "r", [], NOW, date(2026, 2, 3), date(2026, 2, 3)).slices
    assert found.dates(zone) == [date(2026, 2, 3)]


@pytest.mark.parametrize("policy", [REPORT, CHANGES])
def test_what_a_clock_that_was_ahead_has_proven_does_not_count(policy: Policy):
    ahead = NOW + 300 * DAY
    proven = [Proven(SHOP.opened, ahead, ahead)]
    assert merge(planned(policy, proven)) == merge(planned(policy))
    assert cursor(proven, SHOP.opened, NOW) == SHOP.opened


@pytest.mark.parametrize("policy", [REPORT, CHANGES])
def test_two_clocks_may_differ_by_an_hour(policy: Policy):
    assert SHOP.opened is not None
    proven = [Proven(EPOCH, NOW, NOW + HOUR)]
    assert all(found.start >= NOW + HOUR - policy.lookback for found in planned(policy, proven))
    assert cursor(proven, SHOP.opened, NOW) == NOW


def test_a_days_report_is_asked_for_once_a_day():
    whole = merge(planned(REPORT))[0]
    assert planned(REPORT, [Proven(*whole, NOW - timedelta(hours=1))]) == []
    assert planned(REPORT, [Proven(*whole, NOW - DAY)]) != []


def test_history_that_a_person_could_have_is_missing_and_no_note():
    limited = replace(CHANGES, history=60 * DAY, remedy="Give the app the scope.")
    found = plan(limited, SHOP, "shopify/orders", "r", [], NOW)
    assert found.notes == []
    assert found.missing[0].endswith("Give the app the scope.")


@pytest.mark.parametrize("zone", [None, "America/New_York"])
def test_halves_are_the_slice(zone: str | None):
    part = Slice(
        "meta/insights", "1", midnight(NOW - 9 * DAY, "America/New_York"), midnight(NOW, "America/New_York"), "r"
    )
    first, second = part.halves(zone)
    assert (first.start, first.end, second.end) == (part.start, second.start, part.end)
    assert zone is None or first.end == midnight(first.end, zone)


@pytest.mark.parametrize("first", [date(2026, 10, 31), date(2026, 11, 1), date(2026, 3, 7), date(2026, 3, 8)])
def test_two_days_have_halves_though_the_clocks_change(first: date):
    start, cut, end = (day_begins(first + days * DAY, "America/New_York") for days in range(3))
    halves = Slice("meta/insights", "1", start, end, "r").halves("America/New_York")
    assert [(half.start, half.end) for half in halves] == [(start, cut), (cut, end)]


def test_a_day_whose_first_hour_comes_twice_begins_at_the_first_of_them():
    again = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)  # half past midnight in Havana, for the second time
    assert midnight(again, "America/Havana") == again - 1.5 * HOUR == day_begins(date(2026, 11, 1), "America/Havana")


def test_a_single_day_has_no_halves_by_day():
    start = midnight(NOW, "America/New_York")
    assert Slice("meta/insights", "1", start, start + DAY, "r").halves("America/New_York") == []


def test_a_slice_is_known_by_what_it_asks_for():
    one = Slice("a/b", "1", NOW - DAY, NOW, request_hash("v1", ["x"]))
    assert one.id == Slice("a/b", "1", NOW - DAY, NOW, request_hash("v1", ["x"])).id
    assert one.id != Slice("a/b", "1", NOW - DAY, NOW, request_hash("v1", ["x", "y"])).id
    assert one.id != Slice("a/b", "1", NOW - DAY, NOW, one.request, {"campaigns": "7"}).id


COUNTED = replace(CHANGES, census=60 * DAY)
WEEK_BEGINS = EPOCH + (NOW - EPOCH) // SWEEP_EVERY * SWEEP_EVERY


def listed(now: datetime, proven: Sequence[Proven] = (), policy: Policy = COUNTED) -> list[Interval]:
    """The census that is due, of a shop whose orders have been here for long."""
    pulled = [Proven(EPOCH, NOW, NOW - 300 * DAY)]
    slices = census(policy, SHOP, "shopify/orders", "r", pulled, proven, now)
    assert all(part.is_census and part.is_whole for part in slices)
    return [Interval(part.start, part.end) for part in slices]


def test_what_was_pulled_this_week_for_the_first_time_needs_no_census():
    for pulled in ([], [Proven(EPOCH, NOW, WEEK_BEGINS)]):
        assert census(COUNTED, SHOP, "shopify/orders", "r", pulled, [], NOW) == []
    assert census(CHANGES, SHOP, "shopify/orders", "r", [Proven(EPOCH, NOW, EPOCH)], [], NOW) == []


def test_a_census_is_of_the_young_once_a_week_and_of_all_every_fourth():
    assert SHOP.opened is not None
    proven, days = list[Proven](), list[int]()
    for hours in range(3, 13 * 7 * 24, 7):
        now = WEEK_BEGINS + timedelta(hours=hours)
        found = listed(now, proven)
        proven += [Proven(*span, now) for span in found]
        week = EPOCH + (now - EPOCH) // SWEEP_EVERY * SWEEP_EVERY
        if found:
            assert found[-1].end == week - DAY, "what is younger may not be found yet"
            days.append(sum((end - start) // DAY for start, end in found))
        for young, within in [(60, SWEEP_EVERY), (10_000, 5 * SWEEP_EVERY)]:
            recent = merge(Interval(p.start, p.end) for p in proven if now - p.at < within)
            span = Interval(max(SHOP.opened, now - young * DAY), week - DAY)
            assert subtract([span], recent) == [], "what is new is not listed yet, all else is"
    assert len(days) == 13, "once a week"
    assert [days[0] > 200, sum(of > 200 for of in days)] == [True, 3], "and of all every fourth or fifth time"


def test_a_census_does_not_look_where_it_cannot_see():
    (found,) = listed(NOW, policy=replace(COUNTED, history=60 * DAY))
    assert found.start == NOW - 59 * DAY, "the edge moves while it is looked at"


def test_a_census_by_a_clock_that_was_ahead_does_not_count():
    assert listed(NOW, [Proven(EPOCH, NOW, NOW + 300 * DAY)]) == listed(NOW)


@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(1, 60), st.integers(0, 300)), max_size=12),
    st.sampled_from([CHANGES, REPORT]),
    st.integers(180, 400),
)
def test_folding_proofs_changes_nothing_of_the_plan(spans: list[tuple[int, int, int]], policy: Policy, later: int):
    zone = SHOP.timezone
    proven = [
        Proven(midnight(EPOCH + a * DAY, zone), midnight(EPOCH + (a + n) * DAY, zone), EPOCH + (a + n + late) * DAY)
        for a, n, late in spans
    ]
    at = EPOCH + 700 * DAY
    few = folded(policy, proven, at, zone)
    assert len(few) <= len(proven)
    assert all(a.end < b.start for a, b in pairwise(few))
    for now in (at, at + later * DAY):
        assert still_good(policy, few, now, zone) == still_good(policy, proven, now, zone)
