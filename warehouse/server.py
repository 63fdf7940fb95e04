"""Which PostgreSQL, and who logs in: the server that DATABASE_URL names, else the embedded one; and what is said when
that fails."""

import contextlib
import functools
import os
import threading
from typing import LiteralString
from urllib.parse import quote

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from warehouse import embedded
from warehouse.environment import home
from warehouse.errors import MissingPrivilege, WarehouseUnavailable
from warehouse.quoting import quoted

APP_ROLE = "growthos_app"
"""The role as which rows are read and written: no superuser, no BYPASSRLS, owner of nothing."""

DATABASE = "growthos"
"""Ours on the embedded server."""


def owner_url() -> URL:
    """The database's URL as its owner, who migrates and keeps the list of tenants.

    Starts the embedded server if it is the one and does not run.
    """
    configured = os.environ.get("DATABASE_URL")
    if configured:
        return _parse(configured).set(drivername="postgresql")
    url = embedded.start()
    _create_database(url, DATABASE, "TEMPLATE template0 LOCALE 'C' ENCODING 'UTF8'")
    return url.set(drivername="postgresql", database=DATABASE)


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
    embedded.library()  # here, since two threads that import may find each other's modules half done

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
