"""A signal ends the statement that runs, whichever signal it is, and leaves the connection fit for the next."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest

from warehouse import interrupting
from warehouse.database import Warehouse, execute, query
from warehouse.interrupting import aside

LONG = "SELECT pg_sleep(30)::text"


class Stop(BaseException):
    """What the handler raises."""


@pytest.fixture
def stop_soon() -> Iterator[Callable[[], None]]:
    """Sends this process a signal in a moment."""

    def stop(*_: object) -> None:
        raise Stop

    before = signal.signal(signal.SIGUSR1, stop)
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGUSR1))
    yield timer.start
    timer.join()
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("run", [query, lambda cursor, sql: execute(cursor, f"CREATE TEMP TABLE slow AS {sql}")])
def test_a_statement_ends_with_the_signal(
    warehouse: Warehouse, owner: psycopg.Connection, stop_soon: Callable[[], None], run: Callable[..., object]
) -> None:
    started = time.monotonic()
    with warehouse.as_tenant("acme") as cursor:
        stop_soon()
        with pytest.raises(Stop):
            run(cursor, LONG)
    assert time.monotonic() - started < 10
    with warehouse.as_tenant("acme") as cursor:
        assert query(cursor, "SELECT 1::bigint AS one").item() == 1
    asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
    assert owner.execute(asleep).fetchone() == (0,)


def test_what_has_not_begun_when_the_signal_comes_is_never_done(stop_soon: Callable[[], None]) -> None:
    done: list[str] = []
    worker = interrupting._worker()
    worker.submit(time.sleep, 0.5)
    stop_soon()
    with pytest.raises(Stop):
        aside(lambda: done.append("late"), lambda: None)
    worker.submit(lambda: None).result()
    assert done == []
