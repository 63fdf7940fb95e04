"""The embedded server starts while Dagster is imported: `warehouse.server.begin`."""

import os
import subprocess
import sys
from pathlib import Path

BEGIN_THEN_ASK = """
import threading
from warehouse import server
server.begin()
with server.connect(server.owner_url()) as db:
    for thread in threading.enumerate()[1:]:
        thread.join()
    print(*(name for name, in db.execute("SELECT datname FROM pg_database WHERE datname ~ '^growthos' ORDER BY 1")))
"""


def begin_then_ask(home: Path) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    return subprocess.run(
        [sys.executable, "-c", BEGIN_THEN_ASK],
        env=own | {"GROWTHOS_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_who_asks_waits_for_the_server_that_was_begun(tmp_path: Path) -> None:
    done = begin_then_ask(tmp_path)
    assert done.stdout == "growthos growthos_dagster\n", done.stderr
    assert not (tmp_path / "postgres" / "postmaster.pid").exists(), "it stops with its last process"


def test_what_goes_wrong_is_told_once_to_who_asks(tmp_path: Path) -> None:
    (tmp_path / "postgres").write_text("a file where the folder should be")
    done = begin_then_ask(tmp_path)
    assert done.stdout == ""
    assert done.stderr.count("WarehouseUnavailable: The embedded PostgreSQL") == 1
    assert "Exception in thread" not in done.stderr
