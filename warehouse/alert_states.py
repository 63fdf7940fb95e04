"""What is remembered of a tenant's alerts: states, events and their outbox, silences, the calendar of expected events.

Everything happens as the application's role, under the tenant's row-level security.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Literal, NamedTuple

import polars as pl

from warehouse.contract import Table, json_columns, polars_schema
from warehouse.credentials import CHANNELS
from warehouse.credentials import TABLE as CREDENTIALS
from warehouse.database import Cursor, Warehouse, execute, lock, query
from warehouse.errors import InvalidSetting
from warehouse.ops import AlertDeliveries, AlertEvents, AlertSilences, AlertStates, ExpectedEvents
from warehouse.quoting import instant, literal, quoted
from warehouse.split import REASONS, split

Wish = Literal["ack", "snooze", "mute"]
LOG = "log"
"""The channel that every tenant has, and its one destination."""


class Remembered(NamedTuple):
    """Rows of the four tables; `latest` is the newest window of which any state is kept."""

    states: pl.DataFrame
    events: pl.DataFrame
    silences: pl.DataFrame
    calendar: pl.DataFrame
    latest: date | None


def remembered(database: Warehouse, tenant_id: str, before: date, known_at: datetime) -> Remembered:
    """The states of the newest window before that day, the last event of each alert, the silences that held at that
    instant, the whole calendar.

    An alert without a state of that window was at rest then.
    """
    at = instant(known_at)
    held = f"created_at <= {at} AND (ended_at IS NULL OR ended_at > {at})"
    newest = "SELECT max(window_end) AS latest FROM ops.alert_states"
    with database.as_tenant(tenant_id) as cursor:
        return Remembered(
            _rows(cursor, AlertStates, f"window_end = ({newest} WHERE window_end < {literal(str(before))})"),
            _rows(cursor, AlertEvents, newest=True),
            _rows(cursor, AlertSilences, held),
            _rows(cursor, ExpectedEvents),
            query(cursor, newest).item(),
        )


def record(
    database: Warehouse,
    tenant_id: str,
    windows: Mapping[date, pl.DataFrame],
    events: pl.DataFrame,
    fence: Callable[[Cursor], None] = lambda cursor: None,
) -> None:
    """Make the states of these windows what they are, and add the events that are not there yet, in one transaction.

    With it, a digest of those that were added is put into the outbox for the log and each of the tenant's destinations.
    `fence` raises at its beginning if it is not the caller's turn.
    """
    with database.as_tenant(tenant_id) as cursor:
        fence(cursor)
        lock(cursor, "alerts")
        for day, states in windows.items():
            database.replace(cursor, AlertStates, states, scope={"window_end": str(day)})
        for (day,), told in events.group_by("window_end", maintain_order=True):
            key = AlertEvents.__spec__.key
            known = _rows(cursor, AlertEvents, f"window_end = {literal(str(day))}")
            fresh = told.join(known, on=key, how="anti", maintain_order="left")
            if fresh.is_empty():
                continue
            database.replace(cursor, AlertEvents, fresh, keep_others=True)
            database.replace(cursor, AlertDeliveries, _deliveries(cursor, tenant_id, str(day), fresh), keep_others=True)


class Delivery(NamedTuple):
    """A digest that is due at one destination; `attempts` had an outcome before."""

    digest_id: str
    channel: str
    destination: str
    digest: str
    attempts: int


class Outcome(NamedTuple):
    """What an attempt came to: sent; or an error, with the instant to try again, or without one for good."""

    error: str | None = None
    retry_at: datetime | None = None

    @property
    def state(self) -> Literal["sent", "pending", "failed"]:
        if self.error is None:
            return "sent"
        return "failed" if self.retry_at is None else "pending"


def deliver_next(
    database: Warehouse, tenant_id: str, now: datetime, send: Callable[[Delivery], Outcome]
) -> tuple[Delivery, Outcome] | None:
    """Give the delivery that has been due longest to `send`, and store what it came to; None if none is due.

    Its row is locked meanwhile, so that others pass it by. An error of `send`, or the process's end, leaves it due: it
    is then sent again, under the same digest id.
    """
    with database.as_tenant(tenant_id) as cursor:
        due = query(
            cursor,
            "SELECT digest_id, channel, destination, digest::text AS digest, attempts FROM ops.alert_deliveries "
            f"WHERE state = 'pending' AND next_try_at <= {instant(now)} "
            "ORDER BY next_try_at, digest_id, channel, destination LIMIT 1 FOR UPDATE SKIP LOCKED",
        )
        if due.is_empty():
            return None
        delivery = Delivery(*due.row(0))
        outcome = send(delivery)
        lock(cursor, f"digest {delivery.digest_id}")  # the last of a digest's deliveries has to see all others
        error = "NULL" if outcome.error is None else literal(outcome.error)
        sent_at = instant(now if outcome.state == "sent" else None)
        query(
            cursor,
            f"UPDATE ops.alert_deliveries SET state = $4, attempts = attempts + 1, error = {error}, "
            f"next_try_at = {instant(outcome.retry_at)}, sent_at = {sent_at} "
            "WHERE digest_id = $1 AND channel = $2 AND destination = $3 RETURNING 1",
            [*delivery[:3], outcome.state],
        )
        query(
            cursor,
            f"UPDATE ops.alert_events e SET sent_at = {instant(now)} "
            "FROM ops.alert_deliveries d, "
            "json_to_recordset(d.digest -> 'events') AS told (fingerprint text, kind text) "
            "WHERE (d.digest_id, d.channel, d.destination) = ($1, $2, $3) AND e.window_end = d.window_end "
            "AND (e.fingerprint, e.kind) = (told.fingerprint, told.kind) AND NOT EXISTS "
            "(SELECT FROM ops.alert_deliveries o WHERE o.digest_id = d.digest_id AND o.state <> 'sent') RETURNING 1",
            list(delivery[:3]),
        )
    return delivery, outcome


def deliveries(database: Warehouse, tenant_id: str, since: date) -> pl.DataFrame:
    """The outbox of windows that ended on that day or later, the newest first, without the digests' text."""
    with database.as_tenant(tenant_id) as cursor:
        rows = _rows(cursor, AlertDeliveries, f"window_end >= {literal(str(since))}")
    order = {"window_end": True, "created_at": True, "channel": False, "destination": False}
    return rows.drop("digest").sort(list(order), descending=list(order.values()))


def resend(database: Warehouse, tenant_id: str, digest_id: str, now: datetime) -> pl.DataFrame:
    """Make due again, as if never tried, what failed for good of the digests whose id begins so; these deliveries."""
    with database.as_tenant(tenant_id) as cursor:
        return query(
            cursor,
            f"UPDATE ops.alert_deliveries SET state = 'pending', attempts = 0, next_try_at = {instant(now)} "
            "WHERE state = 'failed' AND starts_with(digest_id, $1) RETURNING digest_id, channel, destination",
            [digest_id],
        )


def purge(database: Warehouse, tenant_id: str, before: datetime) -> int:
    """Delete the deliveries that were sent before that instant; how many. What failed stays until it is sent."""
    with database.as_tenant(tenant_id) as cursor:
        return execute(cursor, f"DELETE FROM ops.alert_deliveries WHERE state = 'sent' AND sent_at < {instant(before)}")


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
    """Add a silence; it takes the place of one of that kind and matcher."""
    row = {"kind": kind, "matcher": matcher, "until": until, "note": note, "created_at": now}
    with database.as_tenant(tenant_id) as cursor:
        lock(cursor, AlertSilences.__spec__.qualified)  # of two at once, one has to see the other's
        _end(cursor, f"kind = {literal(kind)} AND matcher = {literal(matcher)}", now)
        _add(database, cursor, AlertSilences, row)


def unsilence(database: Warehouse, tenant_id: str, matcher: str, now: datetime) -> int:
    """End every silence of that matcher; how many there were."""
    with database.as_tenant(tenant_id) as cursor:
        return _end(cursor, f"matcher = {literal(matcher)}", now)


def silences(database: Warehouse, tenant_id: str) -> pl.DataFrame:
    """Every silence that nobody has taken back, the newest first."""
    with database.as_tenant(tenant_id) as cursor:
        return _rows(cursor, AlertSilences, "ended_at IS NULL").sort("created_at", descending=True)


def _end(cursor: Cursor, which: str, now: datetime) -> int:
    return execute(
        cursor, f"UPDATE ops.alert_silences SET ended_at = {instant(now)} WHERE ended_at IS NULL AND {which}"
    )


def expect(database: Warehouse, tenant_id: str, name: str, first_day: date, last_day: date, matcher: str) -> None:
    """Add an expected event; one of that name and first day is replaced."""
    row = {"name": name, "first_day": first_day, "last_day": last_day, "matcher": matcher}
    with database.as_tenant(tenant_id) as cursor:
        _add(database, cursor, ExpectedEvents, row)


def forget(database: Warehouse, tenant_id: str, name: str) -> int:
    """Remove every expected event of that name; how many there were."""
    with database.as_tenant(tenant_id) as cursor:
        return execute(cursor, f"DELETE FROM ops.expected_events WHERE name = {literal(name)}")


def calendar(database: Warehouse, tenant_id: str) -> pl.DataFrame:
    """Every expected event, by its first day."""
    with database.as_tenant(tenant_id) as cursor:
        return _rows(cursor, ExpectedEvents).sort("first_day", "name")


def _rows(cursor: Cursor, contract: type[Table], where: str = "true", *, newest: bool = False) -> pl.DataFrame:
    """The table's rows; with `newest` the one of the latest window of each alert, and of several of it the last."""
    spec = contract.__spec__
    columns = ", ".join(
        f"{quoted(name)}::text AS {quoted(name)}" if name in json_columns(contract) else quoted(name)
        for name in polars_schema(contract)
    )
    first = "DISTINCT ON (fingerprint) " if newest else ""
    order = " ORDER BY fingerprint, window_end DESC, created_at DESC" if newest else ""
    rows = query(cursor, f"SELECT {first}{columns} FROM {spec.qualified} WHERE {where}{order}")
    return rows.select(pl.col(name).cast(dtype) for name, dtype in polars_schema(contract).items())


def _deliveries(cursor: Cursor, tenant_id: str, day: str, events: pl.DataFrame) -> pl.DataFrame:
    """A digest of these events of one window, for each destination there is."""
    identity = [tenant_id, day, sorted(events.select("fingerprint", "kind").rows())]
    digest_id = sha256(json.dumps(identity).encode()).hexdigest()
    told = events.drop("window_end", "sent_at").to_dicts()
    digest = {"id": digest_id, "tenant": tenant_id, "window_end": day, "events": told}
    channels = ", ".join(map(literal, CHANNELS))
    places = query(cursor, f"SELECT source, name FROM {CREDENTIALS} WHERE source IN ({channels})").rows()
    row = {
        "digest_id": digest_id,
        "window_end": date.fromisoformat(day),
        "digest": json.dumps(digest, default=datetime.isoformat, ensure_ascii=False),
        "state": "pending",
        "attempts": 0,
        "next_try_at": (now := datetime.now(UTC)),
        "created_at": now,
    }
    rows = [row | {"channel": channel, "destination": name} for channel, name in [(LOG, LOG), *places]]
    return pl.DataFrame(rows, schema=polars_schema(AlertDeliveries))


def _add(database: Warehouse, cursor: Cursor, contract: type[Table], row: Mapping[str, object]) -> None:
    """Add what a person has typed, or replace what has its key; InvalidSetting if the table can't hold it."""
    good, bad = split(pl.DataFrame([row], schema=polars_schema(contract)), contract)
    if not bad.is_empty():
        raise InvalidSetting(f"{'; '.join(bad[REASONS].item())}.")
    database.replace(cursor, contract, good, keep_others=True)
