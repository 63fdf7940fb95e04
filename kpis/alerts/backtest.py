"""What the rules would have said every morning of the past, and how much of it was true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Final, NamedTuple

from kpis.alerts.evaluation import Shop
from kpis.alerts.findings import survey
from kpis.alerts.lifecycle import AlertState, advance
from kpis.alerts.rule import SEVERITIES, Severity
from kpis.alerts.rules import RULES, resolve_thresholds, versions
from kpis.windows import Window

ECHO: Final = timedelta(7)
"""How long after its last day an anomaly is still in the window of a weekly rule."""


class Known(NamedTuple):
    """Something that really happened, and the rules that should, or may well, notice."""

    name: str
    days: Window
    rules: tuple[str, ...]


@dataclass(frozen=True)
class Episode:
    """One time that an alert fired and would have been told; `cause` is the known anomaly behind it, if any."""

    id: str
    title: str
    severity: Severity
    fired_on: date
    last_day: date
    at_stake: float | None
    cause: str | None


@dataclass(frozen=True)
class Backtest:
    """The episodes of a replay, and when each anomaly of its days was first noticed (None: never)."""

    days: Window
    episodes: list[Episode]
    noticed: dict[str, date | None]

    @property
    def unexplained(self) -> list[Episode]:
        """Episodes without a known cause: false alarms, where the anomalies are all known."""
        return [episode for episode in self.episodes if episode.cause is None]

    @property
    def unexplained_per_month(self) -> float:
        """Of 30 days."""
        return 30 * len(self.unexplained) / self.days.days


def backtest(shop: Shop, days: int, known: Sequence[Known] = ()) -> Backtest:
    """Evaluate each of the last `days` days with nothing but what was known then, and remember from day to day.

    Weekly rules are evaluated every day too, on the seven days that end there: an alert is up to six days earlier than
    once a week. Cohorts, restated numbers and what is proven to be here are as they stand today.
    """
    last = shop.facts.as_of
    span = Window(last - timedelta(days - 1), last)
    windows = replay(shop, span)
    if windows:
        span = Window(min(windows), last)
    episodes = _episodes(windows, known)
    noticed = {
        anomaly.name: min((e.fired_on for e in episodes if e.cause == anomaly.name), default=None)
        for anomaly in known
        if anomaly.days.start <= span.end and span.start <= anomaly.days.end
    }
    return Backtest(span, episodes, noticed)


def replay(shop: Shop, span: Window) -> dict[date, list[AlertState]]:
    """The states after each day, as an evaluation every morning would have had them; nothing is told."""
    limits = resolve_thresholds(shop.thresholds)
    states: list[AlertState] = []
    windows: dict[date, list[AlertState]] = {}
    for today, findings in survey(shop.facts, span.start, span.end, limits):
        states, _ = advance(shop.tenant, states, findings, versions(limits))
        windows[today] = states
    return windows


def _episodes(windows: Mapping[date, Sequence[AlertState]], known: Sequence[Known]) -> list[Episode]:
    fired = [state for states in windows.values() for state in states if state.fires and not state.silenced_by]
    fired.sort(key=lambda state: (state.fingerprint, state.since, state.window_end))
    found: list[Episode] = []
    for _, days in groupby(fired, key=lambda state: (state.fingerprint, state.since)):
        first, *rest = days
        states = [first, *rest]
        worst = SEVERITIES[min(SEVERITIES.index(state.severity) for state in states)]
        stakes = [state.finding.at_stake for state in states if state.finding.at_stake is not None]
        found.append(
            Episode(
                first.finding.id, RULES[first.finding.rule].title, worst, first.window_end, states[-1].window_end,
                max(stakes, default=None), _cause(first, states[-1].window_end, known),
            )
        )  # fmt: skip
    return sorted(found, key=lambda episode: (episode.fired_on, episode.id))


def _cause(state: AlertState, last: date, known: Sequence[Known]) -> str | None:
    for anomaly in known:
        if (
            state.finding.rule in anomaly.rules
            and anomaly.days.start <= last
            and state.since <= anomaly.days.end + ECHO
        ):
            return anomaly.name
    return None
