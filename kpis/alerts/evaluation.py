"""Alerts from end to end: of one window alone, and as of today with what is remembered of the days before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from statistics import mode
from typing import Any, Final

import polars as pl

from kpis.alerts.finding import Finding
from kpis.alerts.findings import reach, survey
from kpis.alerts.lifecycle import AlertState, Event, Expected, advance
from kpis.alerts.panel import Facts
from kpis.alerts.records import Memory
from kpis.alerts.rules import ORDER, RULES, Thresholds, resolve_thresholds, versions
from kpis.alerts.telling import description, segment, why
from kpis.windows import Window

SCHEMA: Final = {
    "id": pl.String,
    "severity": pl.String,
    "title": pl.String,
    "segment": pl.String,
    "metric_value": pl.Float64,
    "threshold": pl.Float64,
    "recommendation": pl.String,
    "description": pl.String,
    "why": pl.String,
    "at_stake": pl.Float64,
    "p_value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "runbook": pl.String,
}
_STATE: Final = {"state": pl.String, "since": pl.Date, "silenced_by": pl.String}
EPISODES: Final = {**SCHEMA, "since": pl.Date, "silenced_by": pl.String, "over_on": pl.Date}
"""Of what fired in a window: when it began, when it was over (null: not yet), and why it is not told."""

RESTATED: Final = 3
"""Days that every evaluation goes over again: web analytics and ad platforms are a day or two late."""

WARM_UP: Final = 14
"""Days that a first evaluation looks back: long enough for what burns today to be confirmed, not pending."""


@dataclass(frozen=True)
class Shop:
    """What a shop's alerts are evaluated with: its facts, its own thresholds, and how things are called."""

    tenant: str
    facts: Facts
    thresholds: Thresholds = field(default_factory=dict[str, Mapping[str, float]])
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    currency: str = ""

    def expecting(self, calendar: Sequence[Expected]) -> Shop:
        """With the days of the calendar left out of baselines."""
        return replace(self, facts=replace(self.facts, expected=[event.days for event in calendar]))


@dataclass(frozen=True)
class Evaluation:
    """The states after each evaluated window, the oldest first; what fires after the last; what there is to tell."""

    windows: dict[date, list[AlertState]]
    events: list[Event]
    messages: list[str]
    firing: pl.DataFrame


def evaluate(
    state: pl.DataFrame | pl.LazyFrame,
    cohorts: pl.DataFrame | pl.LazyFrame,
    window: Window,
    thresholds: Thresholds | None = None,
    channel_names: Mapping[str, str] | None = None,
    currency: str = "",
    *,
    categories: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """`alone` of a notebook's frames: `state` is kpi_daily, `cohorts` what kpis.cohorts gives on the window's last day.

    The others are as in Facts and Shop.
    """
    facts = Facts(state.lazy().collect(), cohorts.lazy().collect(), window.end, categories)
    return alone(Shop("", facts, thresholds or {}, channel_names or {}, currency), window)


def alone(shop: Shop, window: Window) -> pl.DataFrame:
    """One row per alert that the window alone gives rise to, in rule order, then by member: no memory, no silence.

    Weekly rules take the window's length, daily ones its last day. metric_value is the change (fraction), or the value
    where the rule looks at one; threshold the line that set the severity. Raises ValueError as resolve_thresholds does.
    """
    days = survey(shop.facts, window.end, window.end, resolve_thresholds(shop.thresholds), window.days)
    found = [finding for _, findings in days for finding in findings if finding.outcome == "breach"]
    return pl.DataFrame([_told(shop, finding) for finding in found], schema=SCHEMA)


def unjudged(facts: Facts, window: Window, thresholds: Thresholds | None = None) -> dict[str, list[str]]:
    """The rules that can say nothing of the window alone, of no member, by the reason that most of these have."""
    outcomes: dict[str, list[Finding]] = {}
    for _, findings in survey(facts, window.end, window.end, resolve_thresholds(thresholds), window.days):
        for finding in findings:
            outcomes.setdefault(finding.rule, []).append(finding)
    found: dict[str, list[str]] = {}
    for rule, findings in outcomes.items():
        if all(finding.outcome in ("no_data", "error") for finding in findings):
            found.setdefault(mode(finding.reason for finding in findings), []).append(rule)
    return found


def assess(
    shop: Shop, memory: Memory, now: datetime, last_window: date | None = None, *, at: datetime | None = None
) -> Evaluation:
    """What is to be said of the shop's last complete day, given what is remembered of the days before the last three.

    Days since what is remembered (at most two weeks) are made up for; what they alone had to tell is not told. Where
    there is a later window than the last complete day's, the evaluation is of the past: history is all that it writes.
    A snooze is asked whether it still held as long after each day as `at` (by default `now`) is after the last.
    """
    day, states = shop.facts.as_of, memory.states
    first = day - timedelta(WARM_UP - 1)
    if states and states[0].window_end + timedelta(1) >= first:
        first = states[0].window_end + timedelta(1)
    else:  # days are missing in between: only what was burning is still of interest
        states = [state for state in states if state.fires]
    told = {identity: last for identity, last in memory.told.items() if last.on >= first}
    limits = resolve_thresholds(shop.thresholds)
    # always as many days, whatever is made up for: sums of floats then come out the same to the last digit
    facts = shop.facts.since(day - timedelta(WARM_UP + reach(limits)))
    shop = replace(shop, facts=facts).expecting(memory.calendar)
    windows: dict[date, list[AlertState]] = {}
    events: list[Event] = []
    for today, findings in survey(shop.facts, first, day, limits):
        telling = now if today == day and (last_window is None or last_window <= day) else None
        states, events = advance(
            shop.tenant, states, findings, versions(limits), memory.silences, memory.calendar, telling,
            at=(at or now) - (day - today), told=told,
        )  # fmt: skip
        windows[today] = states
    firing = [alert for alert in states if alert.fires] if windows else []
    firing.sort(key=_in_order)
    current = ("severity", *_STATE)
    rows = [_told(shop, alert.finding) | {name: getattr(alert, name) for name in current} for alert in firing]
    messages = [message(shop, event) for event in events]
    return Evaluation(windows, events, messages, pl.DataFrame(rows, schema={**SCHEMA, **_STATE}))


def during(shop: Shop, memory: Memory, window: Window, now: datetime) -> pl.DataFrame:
    """One row per alert that fired on a day of the window, as it was on the last such day; in rule order.

    `memory` is what is remembered of the days before the window. It looks no further than the window's end, whatever
    is known by now.
    """
    at = now - (shop.facts.as_of - window.end)
    shop = replace(shop, facts=replace(shop.facts, as_of=window.end)).expecting(memory.calendar)
    evaluation = assess(shop, memory, now, at=at)
    last: dict[str, AlertState] = {}
    over: dict[str, date] = {}
    for day, states in evaluation.windows.items():
        firing = {state.fingerprint: state for state in states if state.fires}
        over |= dict.fromkeys(last.keys() - firing.keys() - over.keys(), day)
        if day >= window.start:
            last |= firing
        over = {key: on for key, on in over.items() if key not in firing}
    rows = [
        _told(shop, alert.finding)
        | {"severity": alert.severity, "since": alert.since, "silenced_by": alert.silenced_by}
        | {"over_on": over.get(alert.fingerprint)}
        for alert in sorted(last.values(), key=_in_order)
    ]
    return pl.DataFrame(rows, schema=EPISODES)


def message(shop: Shop, event: Event) -> str:
    """The event as a person reads it: what, whom, the numbers, why, what to do, where to read on."""
    told = _told(shop, event.alert.finding)
    head = f"{told['title']} · {told['segment']}"
    if event.kind == "resolved":
        return f"Resolved: {head}. {told['description']}"
    if event.kind == "error":
        return f"{head}: the rule could not be evaluated: {event.alert.finding.reason}"
    return "\n".join(filter(None, [head, told["description"], told["why"], told["recommendation"], told["runbook"]]))


def _in_order(alert: AlertState) -> tuple[int, str]:
    return ORDER[alert.finding.rule], alert.finding.id


def _told(shop: Shop, finding: Finding) -> dict[str, Any]:
    rule = RULES[finding.rule]
    return {
        "id": finding.id,
        "severity": finding.severity,
        "title": rule.title,
        "segment": segment(finding, shop.names),
        "metric_value": finding.metric_value,
        "threshold": finding.threshold,
        "recommendation": rule.recommendation,
        "description": description(finding, shop.facts, shop.currency),
        "why": why(finding, shop.facts, shop.names),
        "at_stake": finding.at_stake,
        "p_value": finding.p_value,
        "low": finding.low,
        "high": finding.high,
        "runbook": rule.runbook,
    }
