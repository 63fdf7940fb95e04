"""The embedded PostgreSQL: started by who needs it, stopped with the last, found again. It is this file's own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import adbc_driver_manager
import pytest

from growthos_assets.cli import runs
from warehouse import embedded, migrate
from warehouse.database import Warehouse, query
from warehouse.errors import InvalidSetting, WarehouseUnavailable
from warehouse.server import app_url, connect, owner_url, text

READ = "from warehouse.server import owner_url, connect; connect(owner_url()).execute('SELECT 1')"


@pytest.mark.parametrize("home", ["a file", "/proc/nosuch", "a file/below"])
def test_a_home_that_is_no_folder_is_told_in_words(home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a file").touch()
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("GROWTHOS_HOME", str(tmp_path / home))
    with pytest.raises(InvalidSetting, match=r"is no folder that can be written to.*\. Set GROWTHOS_HOME to"):
        owner_url()


def test_a_pool_heals_after_the_server_was_restarted(own_server: None) -> None:
    migrate.upgrade()
    warehouse = Warehouse(text(app_url()))
    with warehouse.as_tenant("acme"), warehouse.as_tenant("acme"), warehouse.as_tenant("acme"):
        pass  # three connections are idle now

    assert embedded.stop() is True
    with pytest.raises(WarehouseUnavailable, match="Can't reach PostgreSQL"):
        warehouse.read("ops.tenants", "acme")
    owner_url()  # starts it again
    with warehouse.as_tenant("acme") as one, warehouse.as_tenant("acme") as two, warehouse.as_tenant("acme") as three:
        assert len({query(cursor, "SELECT pg_backend_pid() AS pid").item() for cursor in (one, two, three)}) == 3
    warehouse.close()


def test_a_server_that_goes_away_in_a_transaction_is_an_error_once(own_server: None) -> None:
    migrate.upgrade()
    warehouse = Warehouse(text(app_url()))

    def lose_the_server() -> None:
        with warehouse.as_tenant("acme") as cursor:
            pid = query(cursor, "SELECT pg_backend_pid() AS pid").item()
            with connect(owner_url()) as db:
                db.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
            query(cursor, "SELECT 1 AS one")

    with pytest.raises(adbc_driver_manager.Error, match=r"terminating|closed|terminated"):
        lose_the_server()
    assert warehouse.read("ops.tenants", "acme").is_empty()
    warehouse.close()


def test_the_server_stops_with_its_last_process(own_server: None, own_home: Path) -> None:
    embedded.stop()
    subprocess.run([sys.executable, "-c", READ], check=True)
    assert not (own_home / "postgres" / "postmaster.pid").exists()
    assert embedded.stop() is False


def test_a_server_that_a_killed_process_left_is_stopped(own_server: None, own_home: Path) -> None:
    embedded.stop()
    killed = subprocess.run([sys.executable, "-c", f"{READ}; import os; os.kill(os.getpid(), {signal.SIGKILL:d})"])
    assert killed.returncode == -signal.SIGKILL
    assert (own_home / "postgres" / "postmaster.pid").exists()
    assert embedded.users() == []
    assert embedded.stop() is True
    assert not (own_home / "postgres" / "postmaster.pid").exists()
    assert embedded.stop() is False


def test_who_stops_it_is_told_who_used_it(own_server: None, capsys: pytest.CaptureFixture[str]) -> None:
    waiting = f"{READ}; print('ready', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", waiting], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as user:
        assert user.stdout is not None
        assert user.stdout.readline() == "ready\n"
        runs.stop()
        user.communicate("\n")
    assert capsys.readouterr().out.replace("\n", " ").startswith(f"Stopped. It was in use by process {user.pid}: what ")
    runs.stop()
    assert capsys.readouterr().out == "No embedded PostgreSQL was running.\n"


def test_a_pid_file_that_a_crash_left_with_another_process_number_is_seen_through(
    own_server: None, own_home: Path
) -> None:
    embedded.stop()
    folder = own_home / "postgres"
    stale = [str(os.getpid()), str(folder), "1770000000", "5432", str(folder), "", "1 1", "ready   "]
    (folder / "postmaster.pid").write_text("\n".join(stale) + "\n")
    assert embedded.stop() is False
    with connect(owner_url()) as db:
        assert db.execute("SELECT 1").fetchone() == (1,)


def test_the_embedded_server_has_our_settings(own_server: None) -> None:
    with connect(owner_url()) as db:
        for name, value in {"max_connections": "300", "wal_level": "minimal", "TimeZone": "UTC", "jit": "off"}.items():
            assert db.execute("SELECT current_setting(%s)", [name]).fetchone() == (value,)
        assert db.execute("SELECT datcollate FROM pg_database WHERE datname = current_database()").fetchone() == ("C",)


def test_a_server_that_does_not_start_says_where_to_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROWTHOS_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("12\n")
    with pytest.raises(WarehouseUnavailable, match=r"did not start.*\n.*log says why. Set DATABASE_URL"):
        owner_url()


def test_what_an_interrupted_first_start_has_left_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROWTHOS_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", interrupted)
        with pytest.raises(KeyboardInterrupt):
            owner_url()
    assert (tmp_path / "postgres.new" / "PG_VERSION").exists()
    assert not (tmp_path / "postgres" / "PG_VERSION").exists()
    with connect(owner_url()) as db:
        assert db.execute("SELECT 1").fetchone() == (1,)
    assert not (tmp_path / "postgres.new").exists()
    embedded.stop()


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(("folder", "named"), [("my project", "' '"), ("50% off & more", "' ' '%' '&'")])
def test_a_path_that_postgresql_would_take_to_pieces_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, named: str
) -> None:
    monkeypatch.setenv("GROWTHOS_HOME", str(tmp_path / folder))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with pytest.raises(WarehouseUnavailable, match=rf"a path with {named} in it.*\n?.*Set GROWTHOS_HOME"):
        owner_url()
