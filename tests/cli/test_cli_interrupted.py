"""Interrupted and outdated: an import that is killed, and a database that an older GrowthOS has left."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from cli_command import Command
from cli_files import csv, line

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
    from warehouse import ledger

    warehouse()
    acme = ensure_tenant("acme").tenant_id
    days = ("--since", "2026-02-01", "--until", "2026-02-03")
    with stuck(database_with_runs, "sync", "--tenant", acme, *days, in_background=True) as process:
        process.send_signal(signal.SIGTERM)
        out, said = process.communicate(timeout=20)
    assert (process.returncode, out, said.split()) == (130, "", ["Stopped."])
    assert ledger.history(warehouse(), acme)["stream"].n_unique() == 1


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
