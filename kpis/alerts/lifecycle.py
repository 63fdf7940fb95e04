"""From one day's findings to what fires, and what is told: pending → firing → recovering → resolved.

Pure: the same states, findings, silences, calendar and instant give the same answer, and a window that a state has
already seen changes nothing. A number that cannot be known (no_data, error) leaves an alert where it was: missing
data is no recovery.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import Final, Literal, NamedTuple

from kpis.alerts.finding import Finding, Labels
from kpis.alerts.rule import SEVERITIES, Rule, Severity
from kpis.alerts.rules import RULES
from kpis.windows import Window

Status = Literal["pending", "firing", "recovering", "resolved", "no_data", "error"]
Kind = Literal["fired", "escalated", "repeated", "resolved", "error"]

FORGOTTEN_AFTER: Final = 28
"""Days after which an alert of which nothing can be known any more is let go, without a word of recovery."""


class Told(NamedTuple):
    """What was last told of an alert, for which window, at what severity."""

    kind: Kind
    on: date
    severity: Severity


@dataclass(frozen=True, slots=True)
class AlertState:
    """An alert after the evaluation of the window that ends on window_end.

    `standing` is what it was when it was last known; state differs from it only as no_data and error. `finding` is the
    last that knew its numbers, `since` the first day of the episode, `silenced_by` why it is not told.
    """

    fingerprint: str
    state: Status
    standing: Status
    severity: Severity
    since: date
    window_end: date
    known_on: date
    breaches: int
    clears: int
    version: str
    finding: Finding
    silenced_by: str = ""
    told: Told | None = None

    @property
    def fires(self) -> bool:
        return self.standing in ("firing", "recovering")


@dataclass(frozen=True, slots=True)
class Silence:
    """What a person said not to be told: `ack` of one episode, `snooze` until an instant, `mute` of whatever matches.

    `matcher` is an alert's id, or a pattern of them such as "channel_cac_*".
    """

    kind: Literal["ack", "snooze", "mute"]
    matcher: str
    created_at: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """Days on which the numbers are known to be unusual: a sale, a price change, a campaign of one's own."""

    name: str
    days: Window
    matcher: str = "*"


class Event(NamedTuple):
    """Something to tell of an alert; fingerprint, window_end and kind make it one, however often it is evaluated."""

    kind: Kind
    alert: AlertState


def fingerprint(rule: str, tenant: str, labels: Labels) -> str:
    """Which alert it is: no value and no date in it, so that it is the same one tomorrow."""
    return sha256(repr((rule, tenant, sorted(labels))).encode()).hexdigest()


def advance(
    tenant: str,
    previous: Iterable[AlertState],
    findings: Sequence[Finding],
    versions: Mapping[str, str],
    silences: Sequence[Silence] = (),
    calendar: Sequence[Expected] = (),
    now: datetime | None = None,
    *,
    at: datetime | None = None,
    told: Mapping[str, Told] | None = None,
) -> tuple[list[AlertState], list[Event]]:
    """(states after these findings, which are of one window_end; events to tell, the most money at stake first).

    `versions` are the rules' versions today: an alert of another one, or of no rule any more, is forgotten. Without
    `now` nothing is told: a backfill. `at` is the instant at which a snooze has to hold, by default `now`. `told` is
    what was last told of alerts on days that are gone over again, by fingerprint: what began on them is not told anew,
    and what late numbers have undone is told to be over.
    """
    if not findings:
        return list(previous), []
    day = findings[0].window.end
    old = {state.fingerprint: state for state in previous if state.version == versions.get(state.finding.rule)}
    today = {fingerprint(finding.rule, tenant, finding.labels): finding for finding in findings}
    broken = {finding.rule for finding in findings if finding.outcome == "error"}
    states: dict[str, AlertState] = {}
    for identity in {**old, **today}:
        state, finding = old.get(identity), today.get(identity)
        if finding is None and state is not None:  # its member was not looked at: nothing is known of it
            lost: Literal["error", "no_data"] = "error" if state.finding.rule in broken else "no_data"
            finding = replace(state.finding, outcome=lost, window=Window(day, day))
        assert finding is not None
        after = _next(identity, state, finding, day, versions[finding.rule])
        if after is not None:
            states[identity] = replace(after, told=told.get(identity)) if told and state is None else after
    firing = {state.finding.rule for state in states.values() if state.fires}
    states = {
        key: replace(state, silenced_by=_silence(state, firing, silences, calendar, at or now))
        for key, state in states.items()
    }
    if now is None:
        return list(states.values()), []
    undone = [
        replace(state, silenced_by=_silence(state, firing, silences, calendar, at or now))
        for state in _undone(told or {}, today, day, versions)
        if state.fingerprint not in states
    ]
    events = [Event(kind, state) for state in (*states.values(), *undone) if (kind := _news(state))]
    for kind, state in events:
        if state.fingerprint in states:
            states[state.fingerprint] = replace(state, told=Told(kind, state.window_end, state.severity))
    return list(states.values()), sorted(events, key=lambda event: _urgency(event.alert))


def _next(identity: str, old: AlertState | None, finding: Finding, day: date, version: str) -> AlertState | None:
    """The alert after one more window; None where there is none."""
    if old is not None and old.window_end >= day:
        return old
    rule, outcome = RULES[finding.rule], finding.outcome
    if outcome in ("no_data", "error"):
        return _unknown(identity, old, finding, day, version)
    if outcome == "breach":
        return _breached(identity, old, finding, day, version, rule)
    if old is None or old.standing in ("pending", "error"):
        return None
    if old.standing == "resolved":
        return _until_told(old, day)
    seen = replace(old, state=old.standing, window_end=day, known_on=day, finding=finding)
    if outcome == "hold":  # between the two lines nothing changes
        return seen
    over = old.clears + 1 >= rule.clear_after
    after: Status = "resolved" if over else "recovering"
    return replace(seen, state=after, standing=after, clears=old.clears + 1)


def _breached(
    identity: str, old: AlertState | None, finding: Finding, day: date, version: str, rule: Rule
) -> AlertState:
    if old is None or old.standing in ("resolved", "error"):
        first: Status = "firing" if rule.confirm <= 1 else "pending"
        told = old.told if old else None
        return AlertState(identity, first, first, finding.severity, day, day, day, 1, 0, version, finding, told=told)
    breaches = old.breaches + 1
    standing: Status = "firing" if old.fires or breaches >= rule.confirm else "pending"
    return replace(
        old, state=standing, standing=standing, severity=finding.severity, window_end=day, known_on=day,
        breaches=breaches, clears=0, finding=finding,
    )  # fmt: skip


def _unknown(identity: str, old: AlertState | None, finding: Finding, day: date, version: str) -> AlertState | None:
    state: Status = "error" if finding.outcome == "error" else "no_data"
    if old is None:
        if state == "no_data":
            return None
        return AlertState(identity, state, state, finding.severity, day, day, day, 0, 0, version, finding)
    if (day - old.known_on).days > FORGOTTEN_AFTER:
        return None
    if old.standing == "resolved":
        return _until_told(old, day)
    return None if old.standing == "pending" else replace(old, state=state, window_end=day)


def _undone(
    told: Mapping[str, Told], today: Mapping[str, Finding], day: date, versions: Mapping[str, str]
) -> Iterator[AlertState]:
    """What was told to fire and is known today, as it is where nothing is left of it: never to have been, and over."""
    for identity, last in told.items():
        finding = today.get(identity)
        if finding and finding.outcome in ("clear", "hold") and last.kind not in ("resolved", "error"):
            version = versions[finding.rule]
            yield AlertState(
                identity, "resolved", "resolved", last.severity, last.on, day, day, 0, 0, version, finding, told=last
            )


def _until_told(resolved: AlertState, day: date) -> AlertState | None:
    """What ended on a day that was made up for later is kept until somebody has been told."""
    waits = resolved.told is not None and resolved.told.kind != "resolved"
    return replace(resolved, window_end=day) if waits else None


def _silence(
    state: AlertState,
    firing: set[str],
    silences: Sequence[Silence],
    calendar: Sequence[Expected],
    at: datetime | None,
) -> str:
    """Why the alert is not told; empty when it may be."""
    rule, window = RULES[state.finding.rule], state.finding.window
    if parents := [parent for parent in rule.parents if parent in firing]:
        return f"explained by {parents[0]}"
    for event in calendar:
        overlaps = event.days.start <= window.end and window.start <= event.days.end
        if overlaps and _matches(state, event.matcher):
            return f"expected: {event.name}"
    for silence in silences:
        if _matches(state, silence.matcher) and _holds(silence, state, at):
            return silence.kind
    return ""


def _matches(state: AlertState, matcher: str) -> bool:
    """By the id itself, too: a category may be called "Shoes [men]"."""
    return state.finding.id == matcher or fnmatchcase(state.finding.id, matcher)


def _holds(silence: Silence, state: AlertState, at: datetime | None) -> bool:
    if silence.kind == "ack":
        return silence.created_at.date() >= state.since
    return silence.until is None or at is None or at < silence.until


def _news(state: AlertState) -> Kind | None:
    """What there is to tell of the alert after this window, if anything."""
    told = state.told if state.told is not None and state.told.on >= state.since else None
    if state.standing == "resolved":
        muted = state.silenced_by in ("mute", "snooze") or state.silenced_by.startswith("expected")
        return "resolved" if told is not None and told.kind != "resolved" and not muted else None
    if state.state == "error" and state.standing == "error":
        return "error" if told is None else None
    if state.standing != "firing":
        return None
    worse = told is not None and SEVERITIES.index(state.severity) < SEVERITIES.index(told.severity)
    if state.silenced_by and not (worse and state.silenced_by == "ack"):
        return None
    if told is None or told.kind in ("resolved", "error"):
        return "fired"
    if worse:
        return "escalated"
    due = (state.window_end - told.on).days >= RULES[state.finding.rule].repeat_days
    return "repeated" if due and state.state == "firing" else None


def _urgency(state: AlertState) -> tuple[float, int, str]:
    """The most money first; where none is known, the most severe."""
    return -(state.finding.at_stake or 0.0), SEVERITIES.index(state.severity), state.finding.id
