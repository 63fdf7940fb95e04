"""A real PostgreSQL for every test that asks: one embedded server a session, a database a test."""

import atexit
import gc
import io
import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from uuid import uuid4

import fasteners
import psycopg
import pytest
from hypothesis import settings
from sqlalchemy.engine import URL, make_url

DEAREST = ("graph", "cli", "independent", "warehouse")
"""The folders whose tests start servers and processes, the longest first."""

HOME = "GROWTHOS_TESTS_HOME"
"""GROWTHOS_HOME of this session: not in pytest's folder, whose mode another session may change."""

MEMORY = 2 << 30
"""Bytes: several times what a session's databases take."""

_numbers = itertools.count()
gc.set_threshold(20_000)  # as the command line does


settings.register_profile("shared", deadline=None)  # how long an example takes is the machine's, which others use too
settings.load_profile("shared")


def _one_thread() -> None:
    """polars works on one thread: to hand parts of small frames to others takes a sixth of a test's processor time.

    What a test starts as a process has all of its threads.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POLARS_MAX_THREADS", "1")
        import polars

        polars.thread_pool_size()  # they are made when it is first asked


if "PYTEST_XDIST_WORKER" in os.environ:
    _one_thread()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The dearest first: pytest-xdist's workers then end together, on tests that take no time."""

    def place(item: pytest.Item) -> int:
        folder = item.path.parent.name
        return DEAREST.index(folder) if folder in DEAREST else len(DEAREST)

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """What was imported stays: nobody looks through it for garbage again."""
    gc.freeze()


@pytest.fixture(scope="session")
def session_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this session share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base


def pytest_configure(config: pytest.Config) -> None:
    """Workers inherit the environment. What is registered first is called last: by then every server has stopped."""
    if not hasattr(config, "workerinput"):
        os.environ[HOME] = home = str(_roomy() / f"growthos-tests-{uuid4().hex}")
        atexit.register(shutil.rmtree, home, ignore_errors=True)


def _roomy() -> Path:
    """Memory where there is enough: every test copies a database, which takes a disk ten times as long."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > MEMORY
    return memory if roomy else Path(tempfile.gettempdir())


@pytest.fixture(scope="session")
def server() -> Iterator[URL]:
    """The session's embedded PostgreSQL, as its owner sees it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GROWTHOS_HOME", os.environ[HOME])
        patch.delenv("DATABASE_URL", raising=False)
        from warehouse import embedded
        from warehouse.server import owner_url

        # whoever makes or drops a database looks through all of it
        patch.setattr(embedded, "SHARED_MB", 128)
        yield owner_url()


@pytest.fixture(scope="session")
def execute(server: URL) -> Iterator[Callable[..., None]]:
    """Runs statements on the session's server as its owner, over one connection to no test's database."""
    with psycopg.connect(_text(server.set(database="postgres")), autocommit=True) as db:

        def run(*statements: str) -> None:
            for statement in statements:
                db.execute(statement.encode())

        # nothing here outlives a crash, and what autovacuum would do to many short-lived databases is of no use
        run(*(f"ALTER SYSTEM SET {name} = off" for name in ("fsync", "full_page_writes", "autovacuum")))
        run("ALTER SYSTEM SET max_wal_size = '128MB'")
        run("SELECT pg_reload_conf()")
        yield run


@pytest.fixture(scope="session")
def template(
    server: URL, session_folder: Path, execute: Callable[..., None]
) -> Callable[[str, Callable[[], None]], None]:
    """Makes a database once a session: `template(name, fill)` runs `fill` with DATABASE_URL naming it."""

    def make(name: str, fill: Callable[[], None]) -> None:
        done = session_folder / f"{name}.done"
        with fasteners.InterProcessLock(session_folder / f"{name}.lock"):
            if done.exists():
                return
            execute(f'CREATE DATABASE "{name}"')
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("DATABASE_URL", _text(server.set(database=name)))
                fill()
            with psycopg.connect(_text(server.set(database=name)), autocommit=True) as db:
                db.execute("ANALYZE")  # every clone is planned alike, by what is in it
            # a pool of Dagster's may still hold connections, and what is in use can't be copied
            execute(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname ^@ '{name}'")
            done.touch()

    return make


@pytest.fixture(scope="session")
def copied(server: URL, execute: Callable[..., None]) -> Callable[..., AbstractContextManager[str]]:
    """A database that is a template's copy while it is open: `with copied(name) as url`.

    With `with_runs`, the Dagster runs that made it are told of beside it. It is dropped when the next one is made: by
    then its connections are gone, for which PostgreSQL would wait a tenth of a second.
    """
    over = list[str]()

    @contextmanager
    def copy(name: str, *, with_runs: bool = False) -> Iterator[str]:
        made = f"test_{_worker()}_{next(_numbers)}"
        while over:
            execute(f'DROP DATABASE IF EXISTS "{over.pop()}" WITH (FORCE)')
        for suffix in ("", "_dagster") if with_runs else ("",):
            execute(f'CREATE DATABASE "{made}{suffix}" TEMPLATE "{name}{suffix}" STRATEGY FILE_COPY')
        try:
            yield _text(server.set(database=made))
        finally:
            over.extend((made, f"{made}_dagster"))

    return copy


@pytest.fixture
def clone(
    copied: Callable[..., AbstractContextManager[str]], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., str]]:
    """Clones a template into a database of this test's own, and points DATABASE_URL at it."""
    with ExitStack() as copies:

        def make(name: str, **options: bool) -> str:
            url = copies.enter_context(copied(name, **options))
            monkeypatch.setenv("DATABASE_URL", url)
            return url

        yield make
        from growthos_assets import loading

        loading.close()


@pytest.fixture(scope="session")
def empty_template(template: Callable[[str, Callable[[], None]], None]) -> str:
    """The name of an empty database at the newest schema, and of Dagster's beside it, which has no run yet."""

    def fill() -> None:
        from growthos_assets.instance import open_instance
        from warehouse import migrate

        migrate.upgrade()
        with open_instance():
            pass  # it makes Dagster's tables

    template("template_empty", fill)
    return "template_empty"


@pytest.fixture
def database(empty_template: str, clone: Callable[..., str]) -> str:
    """DATABASE_URL of an empty warehouse at the newest schema."""
    return clone(empty_template)


@pytest.fixture
def database_with_runs(empty_template: str, clone: Callable[..., str]) -> str:
    """DATABASE_URL of such a warehouse, for tests that keep runs: Dagster's tables take as long to make as ours."""
    return clone(empty_template, with_runs=True)


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`only(*assets)` leaves of the graph what leads to these, for a test of how `growthos run` goes about it."""
    from part_of_graph import part_of_graph

    from growthos_assets import running

    return lambda *assets: monkeypatch.setattr(running, "_defs", lambda: part_of_graph(*assets))


@pytest.fixture(scope="session")
def demo_template(template: Callable[[str, Callable[[], None]], None]) -> str:
    """The name of a database with the demo tenant acme, its whole graph materialized: what `growthos demo` leaves."""

    def fill() -> None:
        from growthos_assets import cli, loading

        said = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(said):
            patch.setattr(sys, "argv", ["growthos", "demo"])
            with pytest.raises(SystemExit) as exit_:
                cli.main()
        loading.close()
        assert not exit_.value.code, said.getvalue()

    template("template_demo", fill)
    return "template_demo"


@pytest.fixture
def demo(demo_template: str, clone: Callable[[str], str]) -> str:
    """DATABASE_URL of a warehouse with the demo tenant acme, to do with as one likes."""
    return clone(demo_template)


@pytest.fixture
def demo_with_runs(demo_template: str, clone: Callable[..., str]) -> str:
    """DATABASE_URL of such a warehouse, with the run that made it: the next one has nothing new to make."""
    return clone(demo_template, with_runs=True)


@pytest.fixture(scope="session")
def _readable_demo(server: URL, execute: Callable[..., None], demo_template: str) -> str:
    """DATABASE_URL of this worker's demo that refuses to be written: a clone costs more than most tests that read."""
    name = f"readable_{_worker()}"
    read_only = f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'
    execute(f'CREATE DATABASE "{name}" TEMPLATE "{demo_template}" STRATEGY FILE_COPY', read_only)
    return _text(server.set(database=name))


@pytest.fixture
def demo_to_read(_readable_demo: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """DATABASE_URL of a warehouse with the demo tenant acme, which can't be written."""
    monkeypatch.setenv("DATABASE_URL", _readable_demo)
    return _readable_demo


def _worker() -> str:
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


def _text(url: URL) -> str:
    return make_url(url).render_as_string(hide_password=False)
