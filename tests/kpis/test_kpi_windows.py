"""Windows of local days."""

from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpis import Window, last_complete_day, last_complete_week, trailing

DAYS = st.dates(date(2000, 1, 1), date(2100, 1, 1))


def test_previous_touches_without_overlap_and_year_ago_keeps_weekdays():
    week = Window(date(2026, 2, 3), date(2026, 2, 9))
    assert week.days == 7
    assert week.previous() == Window(date(2026, 1, 27), date(2026, 2, 2))
    assert week.year_ago() == Window(date(2025, 2, 4), date(2025, 2, 10))


@given(DAYS, st.integers(1, 400))
def test_windows_keep_their_length(last, days):
    window = trailing(days, last)
    assert window.days == window.previous().days == window.year_ago().days == days
    assert (window.start - window.previous().end).days == 1
    assert window.year_ago().start.weekday() == window.start.weekday()


def test_filter_includes_both_ends():
    days = pl.DataFrame({"day": [date(2026, 2, d) for d in range(1, 6)]})
    inside = days.filter(Window(date(2026, 2, 2), date(2026, 2, 4)).filter("day"))
    assert [d.day for d in inside["day"]] == [2, 3, 4]


@pytest.mark.parametrize(
    ("now", "zone", "expected"),
    [
        (datetime(2026, 2, 10, 0, 0, tzinfo=UTC), "UTC", date(2026, 2, 9)),
        (datetime(2026, 2, 9, 23, 59, 59, tzinfo=UTC), "UTC", date(2026, 2, 8)),
        (datetime(2026, 2, 10, 4, 59, tzinfo=UTC), "America/New_York", date(2026, 2, 8)),
        (datetime(2026, 2, 10, 5, 0, tzinfo=UTC), "America/New_York", date(2026, 2, 9)),
        (datetime(2026, 3, 29, 22, 0, tzinfo=UTC), "Europe/Berlin", date(2026, 3, 29)),  # the 23-hour day
    ],
)
def test_last_complete_day_is_local(now, zone, expected):
    assert last_complete_day(now, zone) == expected


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "America"])
def test_unknown_zone_is_a_clear_error(zone):
    with pytest.raises(ValueError, match="IANA"):
        last_complete_day(datetime(2026, 2, 10, tzinfo=UTC), zone)


def test_naive_instants_and_impossible_windows_are_errors():
    with pytest.raises(ValueError, match="aware"):
        last_complete_day(datetime(2026, 2, 10), "UTC")
    with pytest.raises(ValueError, match="at least 1 day"):
        trailing(0, date(2026, 2, 9))
    with pytest.raises(ValueError, match="before it starts"):
        Window(date(2026, 2, 9), date(2026, 2, 8))


@given(DAYS)
def test_the_last_week_is_whole_and_over(last):
    week = last_complete_week(last)
    assert week.start.isoweekday() == 1
    assert week.days == 7
    assert 0 <= (last - week.end).days < 7
