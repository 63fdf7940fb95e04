"""Reading and writing tables as one tenant, in bulk.

Rows travel as Arrow over PostgreSQL's COPY (ADBC); row-level security decides what a transaction sees and touches.
"""

import contextlib
import json
import math
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import adbc_driver_manager
import adbc_driver_postgresql.dbapi as adbc  # pyright: ignore[reportMissingTypeStubs]
import polars as pl
import psycopg
import sqlalchemy.exc
from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import QueuePool

from warehouse.contract import Table, json_columns
from warehouse.errors import UnknownColumn, UnknownTable, UnknownTenant
from warehouse.interrupting import Interruptible, aside
from warehouse.quoting import literal, qualified, quoted
from warehouse.server import APP_ROLE, unavailable


class Cursor(Protocol):
    """What we use of an ADBC cursor."""

    @property
    def rowcount(self) -> int: ...
    def execute(self, operation: str, parameters: Sequence[Any] | None = None) -> Any: ...
    def fetch_polars(self) -> pl.DataFrame: ...
    def adbc_ingest(self, table_name: str, data: Any, mode: Literal["append"], *, temporary: bool) -> int: ...
    def adbc_cancel(self) -> None: ...
    def close(self) -> None: ...


PIECE = 64 << 10
"""Bytes that a COPY sends at once: as the connection's buffer holds them, the server reads them while the next are made
ready. Of a larger piece each would wait for the other."""

BREAKS = (adbc_driver_manager.OperationalError, psycopg.OperationalError, sqlalchemy.exc.OperationalError)
"""The database's own trouble, in the words of each driver: a server that stops or is full, a connection that breaks."""

Transaction = Callable[[], AbstractContextManager[Cursor]]
"""Begins a transaction of a session: committed at the end, rolled back on error."""


@dataclass(frozen=True)
class Changes:
    """What a publish did to a table's rows."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0

    @property
    def written(self) -> int:
        """Rows that were touched at all."""
        return self.inserted + self.updated + self.deleted


@dataclass(frozen=True)
class Column:
    """A column as the database's catalog knows it; `scale` is that of a numeric(…, scale)."""

    name: str
    type: str
    scale: int | None
    is_key: bool

    @property
    def selected(self) -> str:
        """How to select it so that it arrives exactly: numeric and json travel as text."""
        name = quoted(self.name)
        return f"{name}::text AS {name}" if self.type in ("numeric", "json", "jsonb") else name


class Warehouse:
    """PostgreSQL as one tenant at a time sees it. Safe to share between threads; connections are pooled.

    `url` must log in as the application's role (server.app_url).
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool = QueuePool(self._connect, pool_size=4, max_overflow=12)
        event.listen(self._pool, "checkout", _ping)
        self._newest: Any = None
        self._connecting = threading.Lock()
        self._catalog: dict[str, list[Column]] = {}

    @contextmanager
    def as_tenant(self, tenant_id: str) -> Generator[Cursor]:
        """A transaction that sees and writes only this tenant's rows; committed at the end, rolled back on error."""
        with self._session(tenant_id, adbc_driver_manager.OperationalError) as transaction, transaction() as cursor:
            yield cursor

    def session(self, tenant_id: str) -> AbstractContextManager[Transaction]:
        """Several transactions of `as_tenant`, one after the other, that share their temporary tables.

        Whoever makes those drops them, since the next user of the connection may be another tenant; after whatever
        error, they go with the connection.
        """
        return self._session(tenant_id, BaseException)

    @contextmanager
    def _session(self, tenant_id: str, spoiled_by: type[BaseException]) -> Generator[Transaction]:
        if not tenant_id:
            raise UnknownTenant("No tenant was named.")
        connection = self._pool.connect()
        try:
            yield lambda: _transaction(connection, tenant_id)
        except spoiled_by as error:  # such as a server that went away, and the transaction with it
            connection.invalidate(error)
            raise
        finally:
            connection.close()  # back to the pool, which rolls back what was not committed

    @contextmanager
    def holding(
        self, tenant_id: str, name: str, waiting: Callable[[], object] = lambda: None
    ) -> Generator[Transaction]:
        """Hold the tenant's lock of that name; a process that dies gives it back. No transaction is open meanwhile.

        `waiting` is called if another one holds it, before it is waited for. The lock goes with its connection: what
        only its holder may write is written over that, in the transactions that this gives, as `session` does.
        Meanwhile the tenant can't be removed; UnknownTenant if it has been.
        """
        presence, key = (f"hashtextextended({literal(lock)}, 0)" for lock in (tenant_id, f"{tenant_id}/{name}"))
        connection = self._pool.connect()
        try:
            with _transaction(connection, tenant_id) as cursor:
                query(cursor, f"SELECT pg_advisory_lock_shared({presence})::text")
                if query(cursor, "SELECT tenant_id FROM ops.tenants").is_empty():
                    raise UnknownTenant(f"There is no tenant {tenant_id!r} any more.")
                if not query(cursor, f"SELECT pg_try_advisory_lock({key}) AS is_ours").item():
                    waiting()
                    query(cursor, f"SELECT pg_advisory_lock({key})::text")
            yield lambda: _transaction(connection, tenant_id)  # the locks are the session's, and outlast each of them
        finally:
            try:
                with _transaction(connection, tenant_id) as cursor:
                    query(cursor, f"SELECT pg_advisory_unlock({key}), pg_advisory_unlock_shared({presence})")
            except BaseException as error:  # they go with the connection: in the pool it would keep them
                connection.invalidate(error)
                if not isinstance(error, adbc_driver_manager.Error):  # one that died held nothing
                    raise
            finally:
                connection.close()

    def read(
        self,
        table: str,
        tenant_id: str,
        *,
        columns: Sequence[str] | None = None,
        where: str = "",
        parameters: Sequence[Any] = (),
    ) -> pl.DataFrame:
        """A tenant's rows of `schema.table` with exact types: numeric(…, s) is Decimal(38, s), json is text.

        `where` is an SQL condition with $1, $2, … for `parameters`. UnknownTable, UnknownColumn: no such name.
        """
        known = {c.name: c for c in self.columns(table) if c.name != "tenant_id"}
        if unknown := set(columns or ()) - set(known):
            raise UnknownColumn(f"{table} has no column {', '.join(sorted(unknown))}; it has {', '.join(known)}.")
        wanted = [known[name] for name in (known if columns is None else columns)]
        sql = f"SELECT {', '.join(c.selected for c in wanted)} FROM {qualified(table)}"
        with self.as_tenant(tenant_id) as cursor:
            frame = query(cursor, f"{sql} WHERE {where}" if where else sql, parameters)
        return frame.with_columns(pl.col(c.name).cast(pl.Decimal(38, c.scale)) for c in wanted if c.scale is not None)

    def publish(self, contract: type[Table], frame: pl.DataFrame, tenant_id: str) -> Changes:
        """Make the tenant's rows of the contract's table equal to `frame`, in one transaction."""
        with self.as_tenant(tenant_id) as cursor:
            return self.replace(cursor, contract, frame)

    def replace(
        self,
        cursor: Cursor,
        contract: type[Table],
        frame: pl.DataFrame,
        *,
        scope: Mapping[str, str] | None = None,
        first_seen: Sequence[str] = (),
        keep_others: bool = False,
    ) -> Changes:
        """Within a transaction: make the rows (of `scope`: column → value) equal to `frame`.

        Only rows that differ are touched. Columns of `first_seen` are written with a new row and never compared.
        With `keep_others`, rows that the frame does not have stay. ValueError if two rows have the same key.
        """
        spec = contract.__spec__
        if frame.height > (frame.n_unique(spec.key) if spec.key else 1):
            raise ValueError(f"{spec.qualified}: two rows have the same {' and '.join(spec.key) or 'tenant'}")
        target, stage = qualified(spec.qualified), f"pg_temp.{quoted(f'stage_{spec.name}')}"
        columns = ", ".join(map(quoted, frame.columns))
        match = " AND ".join(f"s.{quoted(k)} = t.{quoted(k)}" for k in spec.key) or "true"
        compared = [c for c in frame.columns if c not in spec.key and c not in first_seen]
        scoped = " AND ".join(f"t.{quoted(c)} = {literal(v)}" for c, v in (scope or {}).items()) or "true"

        def values(alias: str) -> str:
            # json has no equality of its own
            casts = dict.fromkeys(json_columns(contract), "::text")
            return ", ".join(f"{alias}.{quoted(c)}{casts.get(c, '')}" for c in compared)

        lock(cursor, spec.qualified)  # two runs that publish the same table take turns
        if frame.is_empty():  # as a quarantine mostly is: there is nothing to compare with
            return Changes(deleted=0 if keep_others else execute(cursor, f"DELETE FROM {target} t WHERE {scoped}"))
        # a table that was empty when the planner looked at it would be searched in full for each of its new rows
        without(cursor, "nestloop")
        execute(cursor, f"DROP TABLE IF EXISTS {stage}")
        execute(cursor, f"CREATE TEMP TABLE {stage} ON COMMIT DROP AS SELECT {columns} FROM {target} WITH NO DATA")
        copy(cursor, f"stage_{spec.name}", frame)

        deleted = 0
        if not keep_others:
            deleted = execute(
                cursor,
                f"DELETE FROM {target} t WHERE {scoped} AND NOT EXISTS (SELECT FROM {stage} s WHERE {match})",
            )
        updated = 0
        if compared:
            assignments = ", ".join(f"{quoted(c)} = s.{quoted(c)}" for c in compared)
            updated = execute(
                cursor,
                f"UPDATE {target} t SET {assignments} FROM {stage} s "
                f"WHERE {match} AND {scoped} AND ({values('t')}) IS DISTINCT FROM ({values('s')})",
            )
        inserted = execute(
            cursor,
            f"INSERT INTO {target} (tenant_id, {columns}) "
            f"SELECT current_setting('app.tenant_id'), {columns} FROM {stage} s "
            f"WHERE NOT EXISTS (SELECT FROM {target} t WHERE {match})",
        )
        return Changes(inserted, updated, deleted, frame.height - inserted - updated)

    def columns(self, table: str) -> list[Column]:
        """The table's columns from the database's catalog, in order."""
        if table not in self._catalog:
            schema, _, name = table.partition(".")
            with self.as_tenant("-") as cursor:
                found = query(
                    cursor,
                    "SELECT column_name::text, udt_name::text, "
                    "CASE udt_name WHEN 'numeric' THEN numeric_scale::int END AS scale, "
                    "EXISTS (SELECT FROM pg_index i WHERE i.indrelid = to_regclass(format('%I.%I', $1, $2)) "
                    "AND i.indisprimary AND ordinal_position = ANY (i.indkey)) AS is_key "
                    "FROM information_schema.columns WHERE table_schema = $1 AND table_name = $2 "
                    "ORDER BY ordinal_position",
                    [schema, name],
                )
            if found.is_empty():
                raise UnknownTable(f"There is no table {table}. `growthos tables` lists them.")
            self._catalog[table] = [Column(*row) for row in found.iter_rows()]
        return self._catalog[table]

    def close(self) -> None:
        """Give all connections back to the server."""
        self._pool.dispose()

    def _connect(self) -> Any:
        """Another connection beside those that are open: the first one reads all types, for twenty times as long."""
        with self._connecting:
            try:
                self._newest = self._beside() or adbc.connect(self._url)  # pyright: ignore[reportUnknownMemberType]
            except adbc_driver_manager.Error as error:
                raise unavailable(make_url(self._url), str(error)) from None
            return self._newest

    def _beside(self) -> Any:
        with contextlib.suppress(adbc_driver_manager.ProgrammingError):  # the last one was closed, and the types went
            return self._newest and self._newest.adbc_clone()


@contextmanager
def _transaction(connection: Any, tenant_id: str) -> Generator[Cursor]:
    with contextlib.closing(Interruptible(connection.cursor())) as cursor, _undone(connection):
        # both for this transaction alone: whatever the last user of the connection did, it starts from here
        query(
            cursor,
            "SELECT set_config('role', $1, true) AS role, set_config('app.tenant_id', $2, true) AS tenant",
            [APP_ROLE, tenant_id],
        )
        yield cursor
        connection.commit()


@contextmanager
def _undone(connection: Any) -> Generator[None]:
    """An error rolls the transaction back. Where that finds no server any more, it is an OperationalError.

    Of a server that goes away in the middle of an answer, polars tells as of any other error of a statement.
    """
    try:
        yield
    except BaseException as error:
        try:
            connection.rollback()
        except adbc_driver_manager.Error as gone:
            if isinstance(error, Exception) and not isinstance(error, BREAKS):
                raise gone from error
        raise


def _ping(connection: Any, *_: object) -> None:
    """A connection that died in the pool (the server was restarted) is replaced, and so are its older siblings."""
    try:
        with contextlib.closing(Interruptible(connection.cursor())) as cursor:
            query(cursor, "SELECT 1")
    except adbc_driver_manager.Error as error:
        raise InvalidatePoolError from error


def lock(cursor: Cursor, name: str) -> None:
    """Wait until no other transaction of this tenant holds the lock of that name, and hold it to the end."""
    query(
        cursor,
        "SELECT pg_advisory_xact_lock(hashtextextended(current_setting('app.tenant_id') || '/' || $1, 0))::text",
        [name],
    )


def without(cursor: Cursor, plan: Literal["nestloop", "seqscan"]) -> None:
    """Keep the planner from such plans for the rest of the transaction, wherever there is another one.

    Where there is none, it takes the statement for so dear, up to PostgreSQL 17, that it would compile it.
    """
    query(cursor, f"SELECT set_config('enable_{plan}', 'off', true) AS plan, set_config('jit', 'off', true) AS jit")


def execute(cursor: Cursor, sql: str) -> int:
    """Run a statement; the number of rows that it touched."""
    cursor.execute(sql)
    return max(cursor.rowcount, 0)


def query(cursor: Cursor, sql: str, parameters: Sequence[Any] = ()) -> pl.DataFrame:
    """Run a query; its rows as a frame."""

    def rows() -> pl.DataFrame:
        cursor.execute(sql, list(parameters) or None)
        return cursor.fetch_polars()

    return aside(rows, cursor.adbc_cancel)


def copy(cursor: Cursor, table: str, frame: pl.DataFrame) -> None:
    """Append the rows to a temporary table, by COPY."""
    rows = PIECE * frame.height // max(1, frame.estimated_size())
    untyped: Any = frame  # as Arrow is
    pieces = untyped.to_arrow().to_reader(max_chunksize=max(1, rows))
    cursor.adbc_ingest(table, pieces, mode="append", temporary=True)


def as_json(frame: pl.DataFrame) -> pl.Series:
    """Every row as a JSON object; what JSON has no type for is text, and so are NaN and infinity."""

    def plain(value: Any) -> Any:
        return str(value) if isinstance(value, float) and not math.isfinite(value) else value

    rows = ({name: plain(value) for name, value in row.items()} for row in frame.iter_rows(named=True))
    return pl.Series([json.dumps(row, default=str, ensure_ascii=False) for row in rows], dtype=pl.String)
