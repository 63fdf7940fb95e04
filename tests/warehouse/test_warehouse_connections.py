"""How a warehouse's connections are opened."""

from collections.abc import Sequence
from typing import Any

import adbc_driver_manager
import polars as pl
import psycopg
import pytest
from adbc_driver_postgresql import dbapi
from polars.exceptions import ComputeError
from sqlalchemy.pool import QueuePool

from warehouse import database, tenants
from warehouse.database import Cursor, Warehouse, query
from warehouse.quoting import literal
from warehouse.server import app_url, text
from warehouse.tenants import Tenant


@pytest.fixture
def ours(thing_database: str) -> str:
    """A tenant that there is, as whoever holds a lock of one has to be."""
    return tenants.ensure(Tenant("ours", "ours")).tenant_id


def test_only_the_first_of_the_open_connections_reads_the_databases_types(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole: list[str] = []
    connect = dbapi.connect

    def counted(url: str) -> dbapi.Connection:
        whole.append(url)
        return connect(url)

    monkeypatch.setattr(dbapi, "connect", counted)
    for times in (1, 2):
        with warehouse.as_tenant("ours") as one, warehouse.as_tenant("ours") as another:
            pids = {query(cursor, "SELECT pg_backend_pid() AS pid").item() for cursor in (one, another)}
            assert len(pids) == 2
        assert len(whole) == times
        warehouse.close()  # nobody knows them any more


def test_a_text_with_a_zero_character_ends_no_statement(warehouse: Warehouse) -> None:
    """As an API's error may have one, and the ledger keeps its words."""
    with warehouse.as_tenant("ours") as cursor:
        assert query(cursor, "SELECT " + literal("it's a\0b") + " AS said, 1 AS more").row(0) == ("it's ab", 1)


def test_a_server_that_goes_away_in_the_middle_of_an_answer_is_told_as_whenever_it_does(
    warehouse: Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    """As trouble that passes, of which the pool says nothing more; the next connection is another one."""

    def lose_the_server() -> None:
        with warehouse.as_tenant("ours") as cursor:
            query(cursor, "SELECT set_config('role', 'none', true) AS role")  # ours may end no session
            query(cursor, "SELECT pg_terminate_backend(pg_backend_pid()) AS gone")

    with pytest.raises(adbc_driver_manager.OperationalError, match="no connection to the server"):
        lose_the_server()
    with pytest.raises(ComputeError, match="division by zero"), warehouse.as_tenant("ours") as cursor:
        query(cursor, "SELECT 1 / (random() * 0)::int AS wrong")  # the server is still there
    assert warehouse.read("marts.thing", "ours").is_empty()
    assert caplog.messages == []


def test_a_lock_whose_connection_died_is_nobodys_and_ends_in_silence(
    warehouse: Warehouse, ours: str, owner: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    with warehouse.holding(ours, "turn"):
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        owner.execute(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {others}")
    with warehouse.holding(ours, "turn", lambda: pytest.fail("it was still held")):
        pass
    assert caplog.messages == []


def test_a_lock_that_a_second_ctrl_c_kept_from_being_given_back_is_held_by_nobody(
    warehouse: Warehouse, ours: str, owner: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = database.query

    def stopped(cursor: Cursor, sql: str, parameters: Sequence[Any] = ()) -> pl.DataFrame:
        if "unlock" in sql:
            raise KeyboardInterrupt
        return ask(cursor, sql, parameters)

    with pytest.raises(KeyboardInterrupt), monkeypatch.context() as patch, warehouse.holding(ours, "turn"):
        patch.setattr(database, "query", stopped)
    owner.execute("SET lock_timeout = '5s'")  # the server has yet to hear that the connection was closed
    owner.execute("SELECT pg_advisory_lock(hashtextextended('ours/turn', 0))")


def test_who_holds_a_lock_needs_no_other_connection_for_it(
    warehouse: Warehouse, ours: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else as many as there are connections would wait for one more, each of them for the others."""

    def connect() -> Any:
        return dbapi.connect(text(app_url()))

    alone = QueuePool(connect, pool_size=1, max_overflow=0, timeout=1)
    monkeypatch.setattr(warehouse, "_pool", alone)
    with warehouse.holding(ours, "turn") as transaction, transaction() as cursor:
        assert query(cursor, "SELECT 1 AS one").item() == 1
