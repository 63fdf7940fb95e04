"""States, events, silences and the calendar as frames: what the warehouse keeps between two evaluations."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Any, Final, NamedTuple

import polars as pl

from kpis.alerts.finding import Finding
from kpis.alerts.lifecycle import AlertState, Event, Expected, Silence, Told
from kpis.windows import Window

STATES: Final = {
    "fingerprint": pl.String,
    "window_end": pl.Date,
    "alert_id": pl.String,
    "state": pl.String,
    "standing": pl.String,
    "severity": pl.String,
    "since": pl.Date,
    "known_on": pl.Date,
    "breaches": pl.Int64,
    "clears": pl.Int64,
    "silenced_by": pl.String,
    "version": pl.String,
    "finding": pl.String,
}
EVENTS: Final = {
    "fingerprint": pl.String,
    "window_end": pl.Date,
    "kind": pl.String,
    "alert_id": pl.String,
    "severity": pl.String,
    "at_stake": pl.Float64,
    "message": pl.String,
    "created_at": pl.Datetime("us", "UTC"),
    "sent_at": pl.Datetime("us", "UTC"),
}


class Memory(NamedTuple):
    """What is remembered of a tenant's alerts: their states after some window, what silences them, what is expected.

    `told` is what was last told of each alert, by its fingerprint, whether it has a state or not.
    """

    states: list[AlertState]
    silences: list[Silence]
    calendar: list[Expected]
    told: Mapping[str, Told]


def remembered(states: pl.DataFrame, events: pl.DataFrame, silences: pl.DataFrame, calendar: pl.DataFrame) -> Memory:
    """The frames of the ops tables as objects: the states of one window, and the last event of each alert."""
    told = {r["fingerprint"]: Told(r["kind"], r["window_end"], r["severity"]) for r in events.rows(named=True)}
    return Memory(
        [_state(row, told.get(row["fingerprint"])) for row in states.rows(named=True)],
        [Silence(r["kind"], r["matcher"], r["created_at"], r["until"]) for r in silences.rows(named=True)],
        [Expected(r["name"], Window(r["first_day"], r["last_day"]), r["matcher"]) for r in calendar.rows(named=True)],
        told,
    )


def state_rows(states: Iterable[AlertState]) -> pl.DataFrame:
    """One row per alert and window."""
    rows = [
        {name: getattr(state, name) for name in STATES if name not in ("alert_id", "finding")}
        | {"alert_id": state.finding.id, "finding": _as_json(state.finding)}
        for state in states
    ]
    return pl.DataFrame(rows, schema=STATES)


def event_rows(events: Iterable[Event], messages: Iterable[str], now: datetime) -> pl.DataFrame:
    """One row per event to tell; none of them is sent."""
    rows = [
        {
            "fingerprint": state.fingerprint,
            "window_end": state.window_end,
            "kind": kind,
            "alert_id": state.finding.id,
            "severity": state.severity,
            "at_stake": state.finding.at_stake,
            "message": message,
            "created_at": now,
            "sent_at": None,
        }
        for (kind, state), message in zip(events, messages, strict=True)
    ]
    return pl.DataFrame(rows, schema=EVENTS)


def _state(row: dict[str, Any], told: Told | None) -> AlertState:
    kept = {name: row[name] for name in STATES if name not in ("alert_id", "finding")}
    return AlertState(**kept, finding=_finding(row["finding"]), told=told)


def _as_json(finding: Finding) -> str:
    return json.dumps(asdict(finding), default=date.isoformat, sort_keys=True, ensure_ascii=False)


def _finding(text: str) -> Finding:
    row: dict[str, Any] = json.loads(text)
    row["window"] = Window(*(date.fromisoformat(row["window"][end]) for end in ("start", "end")))
    for pairs in ("labels", "also"):
        row[pairs] = tuple(tuple(pair) for pair in row[pairs])
    return Finding(**row)
