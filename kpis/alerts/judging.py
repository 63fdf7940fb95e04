"""One rule on one row of the panel: effect and evidence, and from both the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from math import ceil, inf, isfinite
from typing import Final

from kpis.alerts import evidence
from kpis.alerts.evidence import Period, Test
from kpis.alerts.finding import Finding, beyond, change, relative, too_young
from kpis.alerts.panel import KEYS, Member, Row
from kpis.alerts.rule import Certain, Condition, Counts, Daily, Limits, Money, Rule, Side
from kpis.alerts.rules import kpi_of
from kpis.windows import trailing

_LABELS: Final = {"channel_id": "channel", "campaign_id": "campaign", "category": "category"}
_CERTAIN: Final = Test(0.0, 1.0, 1.0)


def judge(
    rule: Rule, limits: Limits, row: Row, history: Mapping[Member, list[float | None]], first: date, begin: date
) -> Finding:
    """The rule's finding on a row of the panel.

    `history` are the usual days, from `first` on, that a Daily rule looks back on; all that the rule needs is known
    from `begin` on.
    """
    member = tuple(str(row[key]) for key in KEYS[rule.grain])
    labels = tuple(zip((_LABELS[key] for key in KEYS[rule.grain]), member, strict=True))
    window = trailing(int(row["days"]), row["window_end"])
    value, previous = row[f"kpi:{rule.kpi}"], row[f"kpi:{rule.kpi}_before"]
    blank = Finding(rule.id, labels, window, "no_data", rule.severity, limits["threshold"], value, previous)
    match rule.evidence:
        case Daily():
            today = (window.end - first).days
            usual = evidence.usual(history[member][max(0, today - evidence.HISTORY) : today])
            if usual is None:
                return replace(blank, reason=_unusual(first, today))
            value, previous = value or 0.0, usual.expected
            test, volume = evidence.robust_z(value, usual, rule.side), usual.expected
        case Certain():
            if value is None:
                return replace(blank, outcome="clear")
            test, volume = _CERTAIN, inf
        case Counts() | Money() as how:
            ready = begin + timedelta(ceil(max(limits["min_history"], 2 * window.days)) - 1)
            if window.end < ready:
                return replace(blank, reason=too_young(ready))
            if row["days_before"] < window.days:
                return replace(blank, reason="most of the days before it are expected events")
            if value is None or previous is None or previous <= 0:
                return replace(blank, reason="there is nothing to compare")
            test, volume = _tested(how, rule.side, row)
    metric = value if rule.field == "value" else change(rule.kpi, value, previous)
    if metric is None:
        return replace(blank, reason="there is nothing to compare")
    finding = replace(
        blank,
        value=value,
        previous=previous,
        metric_value=metric,
        p_value=test.p,
        at_stake=_stake(rule, row, value, previous),
        also=tuple((c.kpi, row[f"kpi:{c.kpi}"], row[f"kpi:{c.kpi}_before"]) for c in rule.also if c.kpi != rule.kpi),
    )
    low, high = bounds(rule, test, previous) if rule.field == "change" and previous else (metric, metric)
    holds = all(_holds(condition, limits, row) for condition in rule.also)
    return decided(rule, limits, replace(finding, low=low, high=high), enough=holds and volume >= limits["min_volume"])


def decided(rule: Rule, limits: Limits, finding: Finding, *, enough: bool) -> Finding:
    """The finding with its verdict. Severity comes from the bound nearer to no change, not from the estimate."""
    metric, low, high = finding.metric_value, finding.low, finding.high
    assert metric is not None
    assert low is not None
    assert high is not None
    if "critical" in limits and beyond(low if rule.side == "above" else high, limits["critical"], rule.side):
        finding = replace(finding, severity="critical", threshold=limits["critical"])
    finding = replace(finding, low=_finite(low), high=_finite(high))
    if not beyond(metric, limits["clear"] * limits["threshold"], rule.side):
        return replace(finding, outcome="clear")
    breach = enough and finding.p_value < limits["p_max"] and beyond(metric, limits["threshold"], rule.side)
    return replace(finding, outcome="breach" if breach else "hold")


def _unusual(first: date, today: int) -> str:
    """Why it is not known what was usual on the day that is `today` days after the first."""
    if today < evidence.HISTORY:
        return too_young(first + timedelta(evidence.HISTORY))
    return f"too few of the {evidence.HISTORY} days before it are known, and no expected events"


def _finite(bound: float) -> float | None:
    return bound if isfinite(bound) else None


def bounds(rule: Rule, test: Test, previous: float) -> tuple[float, float]:
    """The bounds of the change that the rule looks at, from those of amount per exposure."""
    low, high = test.low, test.high
    if isinstance(rule.evidence, Counts) and rule.evidence.inverse:
        low, high = (1 / high if high else inf), (1 / low if low else inf)
    scale = previous if kpi_of(rule.kpi).unit == "percent" else 1.0
    return scale * (low - 1), scale * (high - 1)


def _tested(how: Counts | Money, side: Side, row: Row) -> tuple[Test, float]:
    """The test of amount per exposure, and the volume behind it: events, or orders."""
    amount, exposure = (how.events, how.exposure) if isinstance(how, Counts) else (how.amount, how.exposure)
    a1, w1 = row[amount] or 0.0, row[exposure] or 0.0
    a0, w0 = row[f"{amount}_before"] or 0.0, row[f"{exposure}_before"] or 0.0
    if w1 <= 0 or w0 <= 0 or a1 + a0 <= 0:
        return Test(1.0, 0.0, inf), 0.0
    now = Period(a1, w1, _variance(how, row, "", a0 / w0))
    before = Period(a0, w0, _variance(how, row, "_before", a0 / w0))
    squares = row[f"{amount}*{amount}"] or 0.0
    cross, exposures = row[f"{amount}*{exposure}"] or 0.0, row[f"{exposure}*{exposure}"] or 0.0
    part = isinstance(how, Counts) and how.part
    noise = evidence.over_dispersion(squares, cross, exposures, before, row["days_before"], part=part)
    if isinstance(how, Counts):
        fears: Side = side if not how.inverse else "below" if side == "above" else "above"
        return evidence.binomial(now, before, noise, fears), a0 + a1
    return evidence.compound_poisson(now, before, noise, side), (row["orders"] or 0.0) + (row["orders_before"] or 0.0)


def _variance(how: Counts | Money, row: Row, when: str, rate: float) -> float:
    """Of the sum, by chance alone: the events of a Poisson process, or Σ (amount − rate × exposure)² of the orders."""
    if isinstance(how, Counts):
        return row[f"{how.events}{when}"] or 0.0
    squares = [row[f"{name}{when}"] or 0.0 for name in how.squares]
    if len(squares) == 1:
        return squares[0]
    amounts, crossed, exposures = squares
    return max(0.0, amounts - 2 * rate * crossed + rate**2 * exposures)


def _holds(condition: Condition, limits: Limits, row: Row) -> bool:
    value, previous = row[f"kpi:{condition.kpi}"], row[f"kpi:{condition.kpi}_before"]
    match condition.field:
        case "value":
            fact = value
        case "relative":
            fact = relative(value, previous)
        case "change":
            fact = change(condition.kpi, value, previous)
    return fact is not None and beyond(fact, limits[condition.threshold], condition.side)


def _stake(rule: Rule, row: Row, value: float, previous: float | None) -> float | None:
    """Money: how far the window's measure is from what it would be without the change; or all of it."""
    money = row.get(rule.stake.measure) if rule.stake else None
    if rule.stake is None or money is None:
        return None
    if rule.stake.part == "all":
        return money
    if previous is None or previous <= 0:
        return None
    if value == 0:  # nothing is left to scale up: what was usual is at stake
        return (row[f"{rule.stake.measure}_before"] or 0.0) * row["days"] / row["days_before"]
    return abs(money - money * previous / value)
