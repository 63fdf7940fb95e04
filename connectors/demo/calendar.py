"""The demo's days in the shop's time zone, and its instants: whole seconds since 1970 in UTC."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from math import ceil
from zoneinfo import ZoneInfo

HOUR = 3600
DAY = 24 * HOUR

Window = range
"""Instants [start, stop) in seconds since 1970."""


@dataclass(frozen=True)
class Calendar:
    """Days 0 … n-1. `starts` are the instants at which each begins, then the one at which the demo ends."""

    first_day: date
    timezone: str
    starts: tuple[int, ...]

    @classmethod
    def ending(cls, last_day: date, days: int, timezone: str) -> "Calendar":
        zone = ZoneInfo(timezone)
        first_day = last_day - timedelta(days - 1)
        midnights = (first_day + timedelta(day) for day in range(days + 1))
        starts = (datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() for day in midnights)
        return cls(first_day, timezone, tuple(map(int, starts)))

    @property
    def days(self) -> int:
        return len(self.starts) - 1

    @property
    def end(self) -> int:
        """The instant at which the demo's clock stands; nothing has happened at or after it."""
        return self.starts[-1]

    def date(self, day: int) -> date:
        return self.first_day + timedelta(day)

    def instant(self, day: int, share: float) -> int:
        """The second at which `share` of the day is over; right on days of 23 and 25 hours too."""
        return self.starts[day] + int(share * (self.starts[day + 1] - self.starts[day]))

    def closing_in(self, window: Window) -> range:
        """The days whose last second is in the window: a day's report changes until the day is over."""
        ends = self.starts[1:]
        return range(bisect_right(ends, window.start), bisect_right(ends, window.stop))


def window(since: datetime | None, until: datetime) -> Window:
    """The whole seconds in [since, until).

    Raises ValueError for an instant without a time zone, which would mean another one on every machine.
    """
    for instant in (since, until):
        if instant is not None and instant.tzinfo is None:
            raise ValueError(f"{instant!r} has no time zone; pass e.g. datetime(2026, 2, 1, tzinfo=UTC)")
    return range(0 if since is None else ceil(since.timestamp()), ceil(until.timestamp()))


def iso(instant: int) -> str:
    """2026-02-09T17:30:00Z"""
    day, second = divmod(instant, DAY)
    return f"{_date(day)}T{_time(second)}Z"


@cache  # of each order half a dozen instants are told
def _date(day: int) -> str:
    return (date(1970, 1, 1) + timedelta(day)).isoformat()


@cache
def _time(second: int) -> str:
    return f"{second // HOUR:02d}:{second % HOUR // 60:02d}:{second % 60:02d}"
