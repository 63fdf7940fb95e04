"""Interrupted and outdated: killed imports, a server that goes away, a database that an older GrowthOS has left."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cli_command import Command
from cli_files import csv, line
from sqlalchemy.engine import make_url

from warehouse import database, tenants

ROWS = 500
COMMAND = "from growthos_assets.cli import main; main()"


@contextmanager
def stuck(url: str, *command: str, in_background: bool = False) -> Iterator[subprocess.Popen[str]]:
    """A command in a process of its own that has sent its records, and waits for a lock to write them."""
    arguments = [sys.executable, "-c", COMMAND, *command]
    with psycopg.connect(url) as holder, psycopg.connect(url, autocommit=True) as watcher:
        holder.execute("LOCK TABLE raw.raw_events IN EXCLUSIVE MODE")
        process = subprocess.Popen(
            arguments,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_ignore if in_background else None,
        )
        waiting = "SELECT FROM pg_locks WHERE NOT granted AND relation = 'raw.raw_events'::regclass"
        deadline = time.monotonic() + 30
        while watcher.execute(waiting).fetchone() is None:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield process


def _ignore() -> None:
    """As a shell does for what a script puts into the background."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def landed(shop: str) -> int:
    from growthos_assets import load

    return load("raw/file_orders", shop).height


@pytest.mark.parametrize(("blow", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)])
def test_an_import_that_is_stopped_half_way_lands_nothing_and_again_lands_all(
    blow: signal.Signals, code: int, shop: str, warehouse_url: str, growthos: Command, tmp_path: Path
) -> None:
    file = csv(tmp_path / "orders.csv", *(line(str(number)) for number in range(ROWS)))
    with stuck(warehouse_url, "import", "orders", str(file), "--tenant", shop) as process:
        process.send_signal(blow)
        _, said = process.communicate(timeout=20)
    assert process.returncode == code
    assert "Traceback" not in said
    assert landed(shop) == 0
    done = growthos("import", "orders", str(file), "--tenant", shop, "--format", "json")
    assert done.document["landed"] == ROWS
    assert landed(shop) == ROWS


def test_a_sync_that_is_stopped_stops_whole_and_says_no_more(database_with_runs: str) -> None:
    """Also in the middle of a statement, and as `growthos sync &` in a script, which ignores SIGINT: no other stream is
    asked after it."""
    from growthos_assets.demo import ensure_tenant
    from growthos_assets.loading import warehouse
    from warehouse import proofs

    warehouse()
    acme = ensure_tenant("acme").tenant_id
    days = ("--since", "2026-02-01", "--until", "2026-02-03")
    with stuck(database_with_runs, "sync", "--tenant", acme, *days, in_background=True) as process:
        process.send_signal(signal.SIGTERM)
        out, said = process.communicate(timeout=20)
    assert (process.returncode, out, said.split()) == (130, "", ["Stopped."])
    assert proofs.history(warehouse(), acme)["stream"].n_unique() == 1


@contextmanager
def going_away(url: str, execute: Callable[..., None], copies: str) -> Iterator[None]:
    """The server is gone as soon as the module `copies` rows into it, and for as long as the block runs."""
    name = make_url(url).database

    def allow(connections: bool) -> None:
        execute(*(f'ALTER DATABASE "{name}{of}" ALLOW_CONNECTIONS {connections}' for of in ("", "_dagster")))

    def copy(*arguments: Any) -> None:
        allow(False)
        execute(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname ^@ '{name}'")
        database.copy(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("growthos_assets.retrying.SECONDS", 0.0)
        patch.setattr("dagster_postgres.utils.calculate_delay", lambda **_: 0.0)
        patch.setattr(f"{copies}.copy", copy)
        try:
            yield
        finally:
            allow(True)


@pytest.mark.parametrize(
    ("copies", "command"), [("warehouse.raw", ("import", "orders", "orders.csv")), ("warehouse.database", ("run",))]
)
def test_a_server_that_goes_away_ends_a_command_in_words_and_again_it_does_all(
    copies: str,
    command: tuple[str, ...],
    database_with_runs: str,
    execute: Callable[..., None],
    growthos: Command,
    only: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    only("staging/stg_order_lines")
    monkeypatch.chdir(tmp_path)
    csv(Path("orders.csv"), line("1"), line("2"))
    tenants.create(tenants.Tenant("shop", "Shop", "UTC", "GBP"))
    if command == ("run",):
        assert growthos("import", "orders", "orders.csv", "--tenant", "shop").code == 0
    with going_away(database_with_runs, execute, copies):
        done = growthos(*command, "--tenant", "shop")
    assert (done.code, done.out) == (2, "")
    assert "Error: The database broke off what this was doing (" in done.err
    assert done.err.endswith("run it again.\n")
    assert "Traceback" not in done.err
    assert growthos(*command, "--tenant", "shop").code == 0
    assert landed("shop") == 2


def test_an_older_schema_migrates_by_itself_and_keeps_its_records(
    database: str, growthos: Command, tmp_path: Path
) -> None:
    from growthos_assets import loading
    from warehouse import migrate

    file = csv(tmp_path / "orders.csv", line("1"), line("2"))
    new = ("--tenant", "old", "--timezone", "UTC", "--currency", "USD")
    assert growthos("import", "orders", str(file), *new).code == 0
    migrate.downgrade(f"{int(migrate.head()) - 1:04d}")
    loading.close()  # the next command is another process
    assert migrate.current() != migrate.head()

    assert growthos("kpis", "--tenant", "old").code == 0
    assert migrate.current() == migrate.head()
    assert landed("old") == 2
    again = growthos("import", "orders", str(file), "--tenant", "old", "--format", "json")
    assert (again.document["landed"], again.document["unchanged"]) == (0, 2)
