"""What is remembered of a tenant's alerts: states and events of the past, silences, the calendar of expected events.

Everything happens as the application's role, under the tenant's row-level security.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Literal, NamedTuple

import polars as pl

from warehouse.contract import Table, json_columns, polars_schema
from warehouse.database import Cursor, Warehouse, execute, lock, query
from warehouse.ops import AlertEvents, AlertSilences, AlertStates, ExpectedEvents
from warehouse.quoting import literal, quoted

Wish = Literal["ack", "snooze", "mute"]


class Remembered(NamedTuple):
    """Rows of the four tables; `latest` is the newest window of which any state is kept."""

    states: pl.DataFrame
    events: pl.DataFrame
    silences: pl.DataFrame
    calendar: pl.DataFrame
    latest: date | None


def remembered(database: Warehouse, tenant_id: str, before: date) -> Remembered:
    """The states of the newest window before that day, the last event of each alert, all silences, the whole calendar.

    An alert without a state of that window was at rest then.
    """
    newest = "SELECT max(window_end) AS latest FROM ops.alert_states"
    with database.as_tenant(tenant_id) as cursor:
        return Remembered(
            _rows(cursor, AlertStates, f"window_end = ({newest} WHERE window_end < {literal(str(before))})"),
            _rows(cursor, AlertEvents, newest=True),
            _rows(cursor, AlertSilences),
            _rows(cursor, ExpectedEvents),
            query(cursor, newest).item(),
        )


def record(database: Warehouse, tenant_id: str, windows: Mapping[date, pl.DataFrame], events: pl.DataFrame) -> None:
    """Make the states of these windows what they are, and add the events that are not there yet, in one transaction."""
    with database.as_tenant(tenant_id) as cursor:
        lock(cursor, "alerts")
        for day, states in windows.items():
            database.replace(cursor, AlertStates, states, scope={"window_end": str(day)})
        seen = [name for name in events.columns if name not in AlertEvents.__spec__.key]
        database.replace(cursor, AlertEvents, events, first_seen=seen, keep_others=True)


def history(database: Warehouse, tenant_id: str, since: date) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(states, events) of windows that ended on that day or later, the newest first."""
    recent = f"window_end >= {literal(str(since))}"
    with database.as_tenant(tenant_id) as cursor:
        found = [_rows(cursor, table, recent) for table in (AlertStates, AlertEvents)]
    states, events = (rows.sort("window_end", "alert_id", descending=[True, False]) for rows in found)
    return states, events


def silence(
    database: Warehouse, tenant_id: str, kind: Wish, matcher: str, until: datetime | None, note: str, now: datetime
) -> None:
    """Add a silence; one of that kind and matcher is replaced."""
    row = {"kind": kind, "matcher": matcher, "until": until, "note": note, "created_at": now}
    _add(database, tenant_id, AlertSilences, row)


def unsilence(database: Warehouse, tenant_id: str, matcher: str) -> int:
    """Remove every silence of that matcher; how many there were."""
    with database.as_tenant(tenant_id) as cursor:
        return execute(cursor, f"DELETE FROM ops.alert_silences WHERE matcher = {literal(matcher)}")


def silences(database: Warehouse, tenant_id: str) -> pl.DataFrame:
    """Every silence, the newest first."""
    with database.as_tenant(tenant_id) as cursor:
        return _rows(cursor, AlertSilences).sort("created_at", descending=True)


def expect(database: Warehouse, tenant_id: str, name: str, first_day: date, last_day: date, matcher: str) -> None:
    """Add an expected event; one of that name and first day is replaced."""
    row = {"name": name, "first_day": first_day, "last_day": last_day, "matcher": matcher}
    _add(database, tenant_id, ExpectedEvents, row)


def forget(database: Warehouse, tenant_id: str, name: str) -> int:
    """Remove every expected event of that name; how many there were."""
    with database.as_tenant(tenant_id) as cursor:
        return execute(cursor, f"DELETE FROM ops.expected_events WHERE name = {literal(name)}")


def calendar(database: Warehouse, tenant_id: str) -> pl.DataFrame:
    """Every expected event, by its first day."""
    with database.as_tenant(tenant_id) as cursor:
        return _rows(cursor, ExpectedEvents).sort("first_day", "name")


def _rows(cursor: Cursor, contract: type[Table], where: str = "true", *, newest: bool = False) -> pl.DataFrame:
    """The table's rows; with `newest` the one of the latest window of each alert."""
    spec = contract.__spec__
    columns = ", ".join(
        f"{quoted(name)}::text AS {quoted(name)}" if name in json_columns(contract) else quoted(name)
        for name in polars_schema(contract)
    )
    first = "DISTINCT ON (fingerprint) " if newest else ""
    order = " ORDER BY fingerprint, window_end DESC" if newest else ""
    rows = query(cursor, f"SELECT {first}{columns} FROM {spec.qualified} WHERE {where}{order}")
    return rows.select(pl.col(name).cast(dtype) for name, dtype in polars_schema(contract).items())


def _add(database: Warehouse, tenant_id: str, contract: type[Table], row: Mapping[str, object]) -> None:
    with database.as_tenant(tenant_id) as cursor:
        database.replace(cursor, contract, pl.DataFrame([row], schema=polars_schema(contract)), keep_others=True)
