"""Windows of complete local days, and which day is the last complete one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl


@dataclass(frozen=True)
class Window:
    """Local days from start to end, both included. Raises ValueError when it ends before it starts."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"a window cannot end ({self.end}) before it starts ({self.start})")

    @property
    def days(self) -> int:
        return (self.end - self.start).days + 1

    def previous(self) -> Window:
        """The same number of days right before this window."""
        return self._back(self.days)

    def year_ago(self) -> Window:
        """The same days 364 days ago: 52 whole weeks, so weekdays meet weekdays."""
        return self._back(364)

    def filter(self, column: str = "date") -> pl.Expr:
        """True for rows whose date is in the window."""
        return pl.col(column).is_between(self.start, self.end)

    def _back(self, days: int) -> Window:
        return Window(self.start - timedelta(days), self.end - timedelta(days))


def last_complete_day(now: datetime, timezone: str) -> date:
    """The newest day that is over in that time zone: at local midnight exactly, the day before.

    Raises ValueError for a naive instant or a time zone that does not exist.
    """
    if now.utcoffset() is None:
        raise ValueError(f"{now!r} has no time zone; pass an aware instant such as datetime.now(UTC)")
    try:
        zone = ZoneInfo(timezone)
    except (
        KeyError,
        ValueError,
        OSError,
    ) as error:  # unknown; not a relative path; a folder such as "America"
        raise ValueError(f"no time zone is called {timezone!r}; use an IANA name such as 'Europe/Berlin'") from error
    return now.astimezone(zone).date() - timedelta(days=1)


def trailing(days: int, last_day: date) -> Window:
    """That many days, the last of them included. Raises ValueError when days < 1."""
    if days < 1:
        raise ValueError(f"a window needs at least 1 day, not {days}")
    return Window(last_day - timedelta(days - 1), last_day)


def last_complete_week(last_day: date) -> Window:
    """The newest whole week, Monday to Sunday, that is over on that day."""
    sunday = last_day - timedelta(days=last_day.isoweekday() % 7)
    return trailing(7, sunday)
