"""Alerts that a sceptic trusts: an effect beyond its line, evidence that chance is no likely reason, and a memory.

rule.py        what a rule is; rules.py: the rules as data, and a tenant's own numbers in them
panel.py       sums over every window and its baseline, all days at once
evidence.py    the tests: exact binomial, compound Poisson, robust z; bounds; many looks
judging.py     one rule on one row: effect and evidence; findings.py: every rule, member and day
lifecycle.py   pending → firing → recovering → resolved; silences, inhibition, what is told
telling.py     an alert in words, and why it moved
evaluation.py  of a window alone, and of today with what is remembered (`assess`)
backtest.py    the rules replayed over the past
records.py     states and events as frames
"""

from kpis.alerts.backtest import Backtest, Episode, Known, backtest
from kpis.alerts.evaluation import (
    EPISODES,
    RESTATED,
    SCHEMA,
    Evaluation,
    Shop,
    alone,
    assess,
    during,
    evaluate,
    unjudged,
)
from kpis.alerts.finding import Finding
from kpis.alerts.findings import survey
from kpis.alerts.lifecycle import AlertState, Event, Expected, Silence, Told, advance, fingerprint
from kpis.alerts.panel import Facts
from kpis.alerts.records import Memory, event_rows, remembered, state_rows
from kpis.alerts.rule import Rule
from kpis.alerts.rules import RULES, resolve_thresholds

__all__ = [
    "EPISODES",
    "RESTATED",
    "RULES",
    "SCHEMA",
    "AlertState",
    "Backtest",
    "Episode",
    "Evaluation",
    "Event",
    "Expected",
    "Facts",
    "Finding",
    "Known",
    "Memory",
    "Rule",
    "Shop",
    "Silence",
    "Told",
    "advance",
    "alone",
    "assess",
    "backtest",
    "during",
    "evaluate",
    "event_rows",
    "fingerprint",
    "remembered",
    "resolve_thresholds",
    "state_rows",
    "survey",
    "unjudged",
]
