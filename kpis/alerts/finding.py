"""A rule's verdict on one member and one window, and the arithmetic that verdicts share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from kpis.alerts.rule import Severity, Side
from kpis.alerts.rules import kpi_of
from kpis.windows import Window

Outcome = Literal["breach", "hold", "clear", "no_data", "error"]
Labels = tuple[tuple[str, str], ...]

# Float error at the edge stays far below this; a change that people can see is far above.
_EPSILON = 1e-9


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule, evaluated for one member on one window.

    metric_value is the change, or the value, that the rule looks at; low and high bound it, each with a confidence of
    95 %, None where it has no bound; p_value is the chance of as much without a cause. at_stake is money. `also` has
    the other KPIs that the rule looks at, with their value and what it was. `reason` says why nothing can be said.
    """

    rule: str
    labels: Labels
    window: Window
    outcome: Outcome
    severity: Severity
    threshold: float
    value: float | None = None
    previous: float | None = None
    metric_value: float | None = None
    p_value: float = 1.0
    low: float | None = None
    high: float | None = None
    at_stake: float | None = None
    also: tuple[tuple[str, float | None, float | None], ...] = ()
    reason: str = ""

    @property
    def id(self) -> str:
        """The rule; for a member of many with the member's own id behind it."""
        return "_".join([self.rule, *(value for _, value in self.labels[-1:])])


def too_young(ready: date) -> str:
    """The reason of a finding that waits for more history: when there may be enough of it."""
    return f"too little history; from {ready} on at the earliest"


def beyond(fact: float, limit: float, side: Side) -> bool:
    """Strictly above, or below, the limit."""
    return (fact - limit if side == "above" else limit - fact) > _EPSILON


def change(kpi: str, value: float | None, previous: float | None) -> float | None:
    """As kpis.compare: relative, for a percentage the difference in points; None where it has no size."""
    if value is None or previous is None:
        return None
    return value - previous if kpi_of(kpi).unit == "percent" else relative(value, previous)


def relative(value: float | None, previous: float | None) -> float | None:
    """The change as a fraction of what was; None where that is unknown or not positive."""
    return None if value is None or previous is None or previous <= 0 else value / previous - 1
