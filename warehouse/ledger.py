"""The ledger of what was asked of every source: planned → running → landed → verified, or split, or failed.

A slice is landed when its rows and its counts are committed together, which happens only if the source's own count
was met; it is verified once that commit is known to have happened. What is proven is what verified slices cover. Every
slice is kept for half a year; of older ones the ledger holds what they prove, folded into as few rows as can be.
"""

import json
import uuid
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from warehouse.contract import polars_schema
from warehouse.database import Cursor, Transaction, Warehouse, execute, query
from warehouse.errors import LedgerLost
from warehouse.ops import SyncSlices
from warehouse.proofs import NO_SLICE, limits, read_to
from warehouse.quoting import instant, literal

ALL: Mapping[str, str] = {}
"""The part of a slice that is narrowed to nothing."""
KEPT = timedelta(days=180)
"""For how long every slice is kept; of older ones, what they prove is."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A slice as the ledger is told of it."""

    slice_id: str
    account: str
    start: datetime
    end: datetime
    request: str
    part: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Counts:
    """What came of a slice, for the ledger."""

    expected: int
    received: int
    landed: int
    restated: int
    vanished: int
    proof: str


@dataclass(frozen=True, slots=True)
class Effort:
    """What a slice took."""

    attempts: int
    requests: int
    waited: float


class Ledger:
    """The ledger of one stream of a tenant, within `recording`. Its times are those of `now`: the source's clock.

    It is written over the connection that holds the stream's turn, so that a sync without its turn plans nothing.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        turn: Transaction,
        tenant_id: str,
        stream: tuple[str, str],
        now: Callable[[], datetime],
        api_version: str,
        run_id: str | None,
    ) -> None:
        self._warehouse = warehouse
        self._turn = turn
        self._tenant_id = tenant_id
        self._stream = stream
        self._now = now
        self._api_version = api_version
        self._run_id = run_id

    def accounts(self) -> set[str]:
        """Every account of which anything was ever verified, whichever connection it was reached by."""
        return set(read_to(self._warehouse, self._tenant_id, *self._stream))

    def proven(
        self, account: str, request: str, part: Mapping[str, str] = ALL
    ) -> list[tuple[datetime, datetime, datetime]]:
        """(start, end, when) of everything of the account that is verified for this request and part."""
        found = self._select(
            "start_at, end_at, started_at",
            f"account = {literal(account)} AND request_hash = {literal(request)} "
            f"AND state = 'verified' AND part::text = {literal(_json(part))}",
        )
        return list(found.iter_rows())

    def retry_at(self, account: str) -> datetime | None:
        """When the account may be asked again, if it last said that it has to wait."""
        return self._limit(f"f.account = {literal(account)} AND f.slice_id <> $1")

    def names_at(self, connection: str) -> datetime | None:
        """When the connection may be asked for its accounts again, if it last said that it has to wait."""
        return self._limit(f"f.account = {literal(connection)} AND f.slice_id = $1")

    def plan(self, slices: Iterable[Planned]) -> list[str]:
        """Note the slices down; the pull ids under which they go on."""
        with self._turn() as cursor:
            return self._plan(cursor, slices)

    def fold(self, account: str, before: datetime, kept: Iterable[tuple[Planned, datetime]]) -> None:
        """In place of all that was verified of the account before then: what it still proves, and when it was proven.

        What was asked for by other requests is forgotten: it proves nothing any more.
        """
        rows = [
            self._row(slice, at, state="verified", started_at=at, finished_at=at, proof="what earlier slices prove")
            for slice, at in kept
        ]
        with self._turn() as cursor:
            execute(
                cursor,
                f"DELETE FROM ops.sync_slices WHERE {self._mine()} AND account = {literal(account)} "
                f"AND state = 'verified' AND started_at < {instant(before)}",
            )
            if rows:
                self._add(cursor, rows)

    def running(self, pull_id: str) -> None:
        self._set(pull_id, "planned", f"state = 'running', started_at = {self._at()}")

    def landed(self, cursor: Cursor, pull_id: str, counts: Counts, effort: Effort) -> None:
        """Within the transaction that lands the rows: they are here, and they are all."""
        self._write(
            cursor,
            pull_id,
            "running",
            f"state = 'landed', rows_expected = {counts.expected}, rows_received = {counts.received}, "
            f"rows_landed = {counts.landed}, rows_restated = {counts.restated}, rows_vanished = {counts.vanished}, "
            f"proof = {literal(counts.proof)}, {_effort(effort)}",
        )

    def verified(self) -> None:
        """What has landed is committed, and so verified; what was split is verified when all of its parts are."""
        with self._turn() as cursor:
            execute(
                cursor,
                f"UPDATE ops.sync_slices SET state = 'verified', finished_at = {self._at()} "
                f"WHERE {self._mine()} AND state = 'landed'",
            )
            while execute(
                cursor,
                f"UPDATE ops.sync_slices p SET state = 'verified', finished_at = {self._at()}, "
                "rows_expected = c.expected, rows_received = c.received, rows_landed = c.landed, "
                "rows_restated = c.restated, rows_vanished = c.vanished, proof = 'the sum of its parts' "
                "FROM (SELECT parent_id, "
                "sum(rows_expected)::bigint AS expected, sum(rows_received)::bigint AS received, "
                "sum(rows_landed)::bigint AS landed, sum(rows_restated)::bigint AS restated, "
                "sum(rows_vanished)::bigint AS vanished "
                f"FROM ops.sync_slices WHERE {self._mine()} AND parent_id IN (SELECT pull_id FROM ops.sync_slices "
                f"WHERE {self._mine()} AND state = 'split') GROUP BY parent_id "
                "HAVING bool_and(state = 'verified')) c WHERE c.parent_id = p.pull_id AND p.state = 'split'",
            ):
                pass  # a part may itself have been split

    def split(self, pull_id: str, parts: Iterable[Planned], reason: str, effort: Effort) -> list[str]:
        """It was too big: its parts stand in for it."""
        with self._turn() as cursor:
            self._write(
                cursor,
                pull_id,
                "running",
                f"state = 'split', error_kind = 'too_big', error = {literal(reason)}, "
                f"finished_at = {self._at()}, {_effort(effort)}",
            )
            return self._plan(cursor, parts, pull_id)

    def failed(self, pull_id: str, kind: str, reason: str, effort: Effort, retry_at: datetime | None = None) -> None:
        self._set(
            pull_id,
            "running",
            f"state = 'failed', error_kind = {literal(kind)}, error = {literal(reason)}, "
            f"retry_at = {instant(retry_at)}, finished_at = {self._at()}, {_effort(effort)}",
        )

    def named(self, connection: str) -> None:
        """The connection names its accounts: it has waited for as long as it was asked to."""
        with self._turn() as cursor:
            execute(
                cursor,
                f"UPDATE ops.sync_slices SET retry_at = NULL WHERE {self._mine()} "
                f"AND account = {literal(connection)} AND slice_id = {literal(NO_SLICE)} AND retry_at IS NOT NULL",
            )

    def refused(self, connection: str, kind: str, reason: str, retry_at: datetime | None = None) -> None:
        """The source would not even name the connection's accounts: a row of no slice and no time says so."""
        now = self._now()
        row = self._row(
            Planned(NO_SLICE, connection, now, now, "", {}),
            now,
            state="failed",
            attempts=1,
            requests=0,
            waited_seconds=0.0,
            error_kind=kind,
            error=reason,
            retry_at=retry_at,
            started_at=now,
            finished_at=now,
        )
        with self._turn() as cursor:
            self._add(cursor, [row])

    def recover(self) -> None:
        """Close what the last sync left open: what had landed is verified, what was running failed, and so did what was
        split and has not all of its parts, since nobody goes on with them; what was never asked for is forgotten.
        Planning finds all of it again, since none of it is proven.

        What failed long ago is forgotten too, and so are the parts of what is verified as a whole.
        """
        self.verified()
        with self._turn() as cursor:
            execute(
                cursor,
                f"DELETE FROM ops.sync_slices WHERE {self._mine()} AND (state = 'planned' OR planned_at < "
                f"{instant(self._now() - KEPT)} AND (state IN ('failed', 'split') OR part::text <> '{{}}'))",
            )
            execute(
                cursor,
                "UPDATE ops.sync_slices SET state = 'failed', error_kind = 'interrupted', "
                "error = 'The sync was stopped before it came to an end. The next one asks again.', "
                f"finished_at = {self._at()} WHERE {self._mine()} AND state = 'running'",
            )
            # of parts that are forgotten nothing tells any more: the rest must not pass for the whole
            execute(cursor, f"UPDATE ops.sync_slices SET state = 'failed' WHERE {self._mine()} AND state = 'split'")

    def _plan(self, cursor: Cursor, slices: Iterable[Planned], parent_id: str | None = None) -> list[str]:
        now = self._now()
        rows = [self._row(planned, now, state="planned", parent_id=parent_id) for planned in slices]
        if rows:
            self._add(cursor, rows)
        return [row["pull_id"] for row in rows]

    def _row(self, planned: Planned, at: datetime, **others: Any) -> dict[str, Any]:
        source, stream = self._stream
        return {
            "pull_id": uuid.uuid4().hex,
            "slice_id": planned.slice_id,
            "source": source,
            "stream": stream,
            "account": planned.account,
            "start_at": planned.start,
            "end_at": planned.end,
            "request_hash": planned.request,
            "part": _json(planned.part),
            "attempts": 0,
            "api_version": self._api_version,
            "run_id": self._run_id,
            "planned_at": at,
            **others,
        }

    def _add(self, cursor: Cursor, rows: Sequence[dict[str, Any]]) -> None:
        frame = pl.DataFrame(rows, schema=polars_schema(SyncSlices))
        self._warehouse.replace(cursor, SyncSlices, frame, keep_others=True)

    def _select(self, columns: str, condition: str) -> pl.DataFrame:
        with self._turn() as cursor:
            return query(cursor, f"SELECT {columns} FROM ops.sync_slices WHERE {self._mine()} AND {condition}")

    def _limit(self, condition: str) -> datetime | None:
        return max(limits(self._warehouse, self._tenant_id, f"{self._mine('f')} AND {condition}"), default=None)

    def _set(self, pull_id: str, state: str, assignments: str) -> None:
        with self._turn() as cursor:
            self._write(cursor, pull_id, state, assignments)

    def _write(self, cursor: Cursor, pull_id: str, state: str, assignments: str) -> None:
        """Only what is still in the state that this sync left it in goes on: another sync closes what it finds open."""
        mine = f"pull_id = {literal(pull_id)} AND state = {literal(state)}"
        if not execute(cursor, f"UPDATE ops.sync_slices SET {assignments} WHERE {mine}"):
            raise LedgerLost(
                f"The ledger of {'/'.join(self._stream)} has lost a slice that was being pulled: the connection that "
                "held its turn broke, and another sync began. Nothing of the slice was kept; sync again."
            )

    def _at(self) -> str:
        return instant(self._now())

    def _mine(self, alias: str = "sync_slices") -> str:
        source, stream = self._stream
        return f"{alias}.source = {literal(source)} AND {alias}.stream = {literal(stream)}"


@contextmanager
def recording(
    warehouse: Warehouse,
    tenant_id: str,
    stream: tuple[str, str],
    now: Callable[[], datetime],
    api_version: str,
    run_id: str | None = None,
) -> Generator[Ledger]:
    """The ledger of a stream (source, name), for one sync at a time: another one waits until this one is through."""
    with warehouse.holding(tenant_id, f"sync/{'/'.join(stream)}") as turn:
        ledger = Ledger(warehouse, turn, tenant_id, stream, now, api_version, run_id)
        ledger.recover()
        yield ledger


def forget(warehouse: Warehouse, tenant_id: str, source: str, account: str) -> int:
    """Forget what was asked of an account; how many slices that were. It is new if it ever comes back."""
    with warehouse.as_tenant(tenant_id) as cursor:
        mine = f"source = {literal(source)} AND account = {literal(account)} AND slice_id <> {literal(NO_SLICE)}"
        return execute(cursor, f"DELETE FROM ops.sync_slices WHERE {mine}")


def _json(part: Mapping[str, str]) -> str:
    return json.dumps(dict(part), sort_keys=True)


def _effort(effort: Effort) -> str:
    return f"attempts = {effort.attempts}, requests = {effort.requests}, waited_seconds = {effort.waited!r}"
