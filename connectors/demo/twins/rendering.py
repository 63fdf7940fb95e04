"""What the twins share: rows of days, pages, cursors, amounts."""

from base64 import b64decode, b64encode
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Generic, NamedTuple, Protocol, TypeVar

T = TypeVar("T")


class Page(NamedTuple, Generic[T]):
    """Some rows, the offset at which they start and the one after them, and whether more follow."""

    start: int
    rows: Sequence[T]
    end: int
    more: bool


class Daily(Protocol):
    """A row of a day."""

    @property
    def day(self) -> int: ...


D = TypeVar("D", bound=Daily)


def of_days(rows: Sequence[D], days: range) -> Sequence[D]:
    """The rows of these days, of rows that are in the order of days."""
    first, end = (bisect_left(rows, day, key=lambda row: row.day) for day in (days.start, days.stop))
    return rows[first:end]


def pages(rows: Sequence[T], size: int, start: int) -> Iterator[Page[T]]:
    """The rows from `start` on, `size` at a time; one page without rows if there are none."""
    while True:
        end = min(start + size, len(rows))
        yield Page(start, rows[start:end], end, end < len(rows))
        if end >= len(rows):
            return
        start = end


def token(offset: int) -> str:
    """An offset as an opaque cursor."""
    return b64encode(f"offset:{offset}".encode()).decode()


def offset(token: str) -> int:
    """The offset inside a cursor that `token` made."""
    return int(b64decode(token).removeprefix(b"offset:"))


@lru_cache(maxsize=1 << 16)  # most amounts are a price or a multiple of one
def decimal(cents: int) -> str:
    """12.34"""
    return f"{cents // 100}.{cents % 100:02d}" if cents >= 0 else f"-{decimal(-cents)}"
