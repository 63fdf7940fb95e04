"""What a review says, as data: the words and numbers are decided here once, and rendered elsewhere.

Texts are plain: no markup is in them, and what came from a shop or an ad platform is as it came. A renderer escapes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from kpis.kpi import Unit
from kpis.windows import Window


@dataclass(frozen=True, slots=True)
class Figure:
    """A KPI of the window beside its value before, the mean of the four windows before, and a year ago.

    Where a history does not reach, the value held against is None. `verdict` says whether the change is what people
    hope for. `reason` says why the value, or else the change, is not known.
    """

    kpi: str
    label: str
    unit: Unit
    verdict: Literal["good", "bad", "neutral"]
    value: float | None
    previous: float | None
    change: float | None
    mean: float | None
    mean_change: float | None
    year_ago: float | None
    year_change: float | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Effect:
    """What one cause did to a change, in the unit of the whole; `detail` is the cause's own numbers."""

    label: str
    amount: Decimal
    text: str
    detail: str


@dataclass(frozen=True, slots=True)
class Change:
    """A number that moved, and the effects that sum to its change, to the last digit."""

    kpi: str
    by: str
    sentence: str
    previous: Decimal
    value: Decimal
    effects: tuple[Effect, ...]
    previous_text: str
    value_text: str
    good: Literal["up", "down", "neutral"]


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """A channel's cells in the order of Review.channel_titles; `share` is its part of the largest's net revenue."""

    name: str
    cells: tuple[str, ...]
    share: float


@dataclass(frozen=True, slots=True)
class Fired:
    """An alert that fired on a day of the window; `folded` are those that it explains."""

    id: str
    severity: str
    head: str
    status: str
    description: str
    why: str
    folded: tuple[Fired, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do next; `money` is what is at stake, as a positive amount, where it has a size."""

    text: str
    money: float | None
    money_text: str


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the window, beside the same day of the window before; None where nothing was known yet."""

    date: date
    revenue: float
    orders: float
    revenue_before: float | None
    orders_before: float | None


@dataclass(frozen=True, slots=True)
class CohortRow:
    """A cohort's retention after each of kpis.cohorts.RETENTION_DAYS; None while it is too young."""

    month: str
    size: int
    retention: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """A row of an explanation, in words; `contribution` is what it did to the change."""

    name: str
    value: str
    previous: str
    contribution: Decimal
    text: str


@dataclass(frozen=True, slots=True)
class Explained:
    """A KPI taken apart: its parts now and before, what the members of `by` did to it, and the command that asks."""

    kpi: str
    by: str
    label: str
    told: str
    definition: str
    parts: tuple[tuple[str, str, str, str], ...]
    members: tuple[Member, ...]
    command: str

    @property
    def anchor(self) -> str:
        return f"why-{self.kpi}-{self.by}"


@dataclass(frozen=True, slots=True)
class Review:
    """A window reviewed.

    Where there is nothing to review, `missing` says why and what to do, and nothing stands behind it. `channel_titles`
    names the cells of a channel's row, each with its KPI. `measures` are the window's sums, exact, as text: what a
    later review is compared with.
    """

    tenant: str
    brand: str
    window: Window
    title: str
    headline: str
    basis: str
    currency: str
    period: str
    doubts: tuple[str, ...]
    measures: Mapping[str, str | None]
    missing: str = ""
    figures: tuple[Figure, ...] = ()
    notes: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    unsplit: str = ""
    channel_titles: Mapping[str, str] = field(default_factory=dict[str, str])
    channels: tuple[ChannelRow, ...] = ()
    channel_notes: tuple[str, ...] = ()
    fired: tuple[Fired, ...] = ()
    steps: tuple[Step, ...] = ()
    days: tuple[Day, ...] = ()
    cohorts: tuple[CohortRow, ...] = ()
    explained: tuple[Explained, ...] = ()

    def note(self, kpi: str, by: str = "channel_id") -> int | None:
        """The number under which the KPI is explained."""
        places = [n for n, one in enumerate(self.explained, start=1) if (one.kpi, one.by) == (kpi, by)]
        return places[0] if places else None

    def document(self) -> dict[str, Any]:
        """The review for programs: plain values; exact amounts and days are text."""
        return _plain(asdict(self))


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {str(key): _plain(inner) for key, inner in value.items()}  # pyright: ignore
        case list() | tuple():
            return [_plain(inner) for inner in value]  # pyright: ignore
        case Decimal():
            return f"{value:f}"
        case date():
            return value.isoformat()
        case _:
            return value
