"""What an alert rule is: what is watched, against what, how far it may move, how sure one must be, what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Literal

Severity = Literal["critical", "warning", "info"]
Side = Literal["above", "below"]
Field = Literal["value", "change", "relative"]
"""A KPI's value, its change (in points for a percentage), or its change as a fraction of what it was."""
Grain = Literal["shop", "channel", "campaign", "category", "source", "cohort"]
Limits = Mapping[str, float]

SEVERITIES: Final[tuple[Severity, ...]] = ("critical", "warning", "info")
"""The worst first."""


@dataclass(frozen=True)
class Counts:
    """Events per exposure, judged by the exact binomial test.

    `inverse`: the KPI is exposure ÷ events, like CAC. `part`: events are some of the exposure, like sessions that buy.
    """

    events: str
    exposure: str = "days"
    inverse: bool = False
    part: bool = False


@dataclass(frozen=True)
class Money:
    """A sum per exposure, judged by the variance of a compound Poisson sum: Σ amount² of its orders.

    With three squares (amount², amount × exposure, exposure²) the exposure is a sum over the same orders.
    """

    amount: str
    exposure: str
    squares: tuple[str] | tuple[str, str, str]


@dataclass(frozen=True)
class Daily:
    """A measure of one day against its own level, weekday and noise of the eight weeks before: a robust z."""

    measure: str


@dataclass(frozen=True)
class Certain:
    """What is seen is so: there is nothing to estimate."""


Evidence = Counts | Money | Daily | Certain


@dataclass(frozen=True)
class Condition:
    """A KPI's value or change, strictly above or below the rule's threshold of that name."""

    kpi: str
    field: Field
    side: Side
    threshold: str


@dataclass(frozen=True)
class Stake:
    """What the alert is worth: of that measure, what the change has cost or brought, or all of it."""

    measure: str
    part: Literal["change", "all"] = "change"


@dataclass(frozen=True)
class Rule:
    """Fires when the KPI moved beyond its threshold, every `also` holds, and chance is no likely reason.

    A rule without a segment is evaluated for each member of its grain, and its p-values are adjusted for their number.
    `factors` are (label, numerator, denominator) whose product the KPI is, `parts` the costs that are taken off it;
    `split` is the grain that names who moved it. `needs` are the sources without which nothing can be said, `parents`
    the alerts that explain it. It fires after `confirm` breaches in a row and is over after `clear_after` clear days.
    """

    id: str
    title: str
    severity: Severity
    kpi: str
    side: Side
    evidence: Evidence
    thresholds: Limits
    segment: str | None
    recommendation: str
    field: Field = "change"
    grain: Grain = "shop"
    days: int = 7
    baseline: int = 28
    also: tuple[Condition, ...] = ()
    needs: tuple[str, ...] = ("shop",)
    parents: tuple[str, ...] = ()
    stake: Stake | None = None
    factors: tuple[tuple[str, str, str | None], ...] = ()
    parts: tuple[tuple[str, str], ...] = ()
    split: Grain | None = None
    confirm: int = 1
    clear_after: int = 2
    repeat_days: int = 7

    @property
    def runbook(self) -> str:
        return f"docs/alerts.md#{self.id}"

    def held_against(self, days: int) -> int:
        """How many days before a window of so many days its baseline has."""
        return self.baseline // self.days * days

    def version(self, limits: Limits) -> str:
        """Changes with whatever decides when the rule fires: an alert of another version is forgotten."""
        decides = (self.kpi, self.side, self.field, self.evidence, self.also, self.days, self.baseline, self.grain)
        return sha256(repr((decides, sorted(limits.items()))).encode()).hexdigest()[:12]
