"""Which PostgreSQL, who logs in, and what is said when that fails. This file has an embedded server of its own."""

import itertools
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import URL

from warehouse import migrate, raw, tenants
from warehouse.database import Warehouse
from warehouse.errors import MissingPrivilege, WarehouseUnavailable
from warehouse.server import APP_ROLE, app_url, connect, dagster_url, owner_url, text, unavailable
from warehouse.tenants import Tenant

SECRET = "hu%nt:er2 @/?#ö"
numbers = itertools.count()
LOGIN, DATABASE = 'o\'Brien & "sons"', "sales & more? #1"


@pytest.fixture
def admin(own_server: None) -> Iterator[psycopg.Connection]:
    """A superuser, on a server that has no login but this and no application's role."""
    with connect(owner_url().set(database="postgres")) as db:
        yield db
        for name in (DATABASE, f"{DATABASE}_dagster"):
            db.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        for role in (APP_ROLE, LOGIN):
            db.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))


def login(admin: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, attributes: str, *, owns: bool = True) -> URL:
    """Makes a login and a database, both of difficult names, and points DATABASE_URL at them."""
    user, database = sql.Identifier(LOGIN), sql.Identifier(DATABASE)
    admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} ").format(user, SECRET) + sql.SQL(attributes))
    owner = user if owns else sql.Identifier("postgres")
    admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, owner))
    url = owner_url().set(username=LOGIN, password=SECRET, database=DATABASE)
    url = url.update_query_dict({"application_name": f"test {next(numbers)}"})  # a URL that no test had before
    monkeypatch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))
    assert owner_url() == url
    return url


def let_an_administrator_run(admin: psycopg.Connection, error: BaseException, url: URL) -> None:
    with connect(url.set(username="postgres", password=None)) as db:
        db.execute(str(error).partition("Let an administrator run: ")[2].encode())


def works() -> None:
    """Migrates, and sees that a tenant's rows are its own, whoever owns the tables."""
    migrate.upgrade()
    tenants.create(Tenant("acme", "Acme"))
    assert tenants.get("acme").name == "Acme"
    warehouse = Warehouse(text(app_url()))
    records = pl.DataFrame({"external_id": ["1"], "payload": ["{}"]})
    raw.land(warehouse, "acme", "shopify", "orders", [records], datetime(2026, 2, 1, tzinfo=UTC))
    assert warehouse.read("raw.shopify_orders", "acme").height == 1
    assert warehouse.read("raw.shopify_orders", "other").is_empty()
    warehouse.close()


def test_a_login_that_may_create_roles_does_all_by_itself(
    admin: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    login(admin, monkeypatch, "CREATEROLE CREATEDB")
    works()
    with connect(owner_url()) as owner:  # not a superuser: the forced policies bind it too
        assert owner.execute("SELECT count(*) FROM raw.raw_events").fetchone() == (0,)
    with connect(dagster_url()) as beside:
        assert beside.info.dbname == f"{DATABASE}_dagster"


def test_a_login_that_may_not_create_roles_says_what_to_run(
    admin: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = login(admin, monkeypatch, "")
    with pytest.raises(MissingPrivilege, match="CREATE ROLE growthos_app NOLOGIN; GRANT growthos_app TO ") as raised:
        migrate.upgrade()
    let_an_administrator_run(admin, raised.value, url)
    works()
    with pytest.raises(MissingPrivilege, match="CREATE DATABASE ") as raised:
        dagster_url()
    with connect(url.set(username="postgres", password=None)) as db:
        db.execute(str(raised.value).partition("Let an administrator run: ")[2].encode())
    assert dagster_url().database == f"{DATABASE}_dagster"


def test_a_role_that_another_made_needs_a_grant_alone(
    admin: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = login(admin, monkeypatch, "CREATEROLE")
    admin.execute("CREATE ROLE growthos_app NOLOGIN")
    with pytest.raises(MissingPrivilege, match="administrator run: GRANT growthos_app TO ") as raised:
        migrate.upgrade()
    let_an_administrator_run(admin, raised.value, url)
    works()


def test_a_login_that_does_not_own_its_database_says_what_to_run(
    admin: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = login(admin, monkeypatch, "CREATEROLE", owns=False)
    with pytest.raises(MissingPrivilege, match="ALTER DATABASE ") as raised:
        migrate.upgrade()
    let_an_administrator_run(admin, raised.value, url)
    works()


@pytest.mark.parametrize("owns", [True, False])
def test_where_nobody_may_make_temporary_tables_the_application_may_or_it_says_what_to_run(
    admin: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, owns: bool
) -> None:
    url = login(admin, monkeypatch, "CREATEROLE", owns=owns)
    database, user = sql.Identifier(DATABASE), sql.Identifier(LOGIN)
    admin.execute(sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(database))
    if not owns:
        admin.execute(sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(database, user))
        with pytest.raises(MissingPrivilege, match="administrator run: GRANT TEMPORARY ON DATABASE ") as raised:
            migrate.upgrade()
        let_an_administrator_run(admin, raised.value, url)
        with connect(url.set(username="postgres", password=None)) as db:
            db.execute(sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(user))
    works()


@pytest.mark.parametrize("attribute", ["SUPERUSER", "BYPASSRLS"])
def test_an_application_role_that_sees_every_tenant_is_refused(
    admin: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, attribute: str
) -> None:
    url = login(admin, monkeypatch, "CREATEROLE")
    admin.execute(sql.SQL("CREATE ROLE growthos_app ") + sql.SQL(attribute))
    with pytest.raises(MissingPrivilege, match="NOSUPERUSER NOBYPASSRLS") as raised:
        migrate.upgrade()
    let_an_administrator_run(admin, raised.value, url)
    with pytest.raises(MissingPrivilege, match="GRANT"):
        migrate.upgrade()


def test_a_wrong_password_is_said_without_the_password(
    own_home: Path, admin: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = login(admin, monkeypatch, "CREATEROLE")
    rules = own_home / "postgres" / "pg_hba.conf"
    trusting = rules.read_text()
    rules.write_text("local all postgres trust\nlocal all all scram-sha-256\n" + trusting)
    admin.execute("SELECT pg_reload_conf()")
    try:
        works()
        wrong = url.set(password=f"{SECRET}-wrong")
        monkeypatch.setenv("DATABASE_URL", wrong.render_as_string(hide_password=False))
        for use in (migrate.upgrade, migrate.current, dagster_url, lambda: migrate.downgrade("base"), tenants.everyone):
            with pytest.raises(WarehouseUnavailable, match="password authentication failed") as raised:
                use()
            assert_no_secret(raised.value)
        with pytest.raises(WarehouseUnavailable, match="password authentication failed") as raised:
            Warehouse(text(app_url())).read("ops.tenants", "acme")
        assert_no_secret(raised.value)
    finally:
        rules.write_text(trusting)
        admin.execute("SELECT pg_reload_conf()")


def assert_no_secret(error: BaseException) -> None:
    told: BaseException | None = error
    while told is not None:
        assert "hu" not in str(told).replace("authentication", "")
        assert "er2" not in str(told)
        told = told.__cause__


@pytest.mark.parametrize(
    "url",
    [
        "hunter2",
        "mysql://ann:hunter2@localhost/shop",
        "sqlite:///hunter2.db",
        "postgresql://ann:hunter2@localhost",
        "postgresql://ann:hunter2@localhost/",
        "postgresql://ann:hunter2@localhost:port/shop",
        "postgresql://ann:hu@nter2@localhost/shop",
        "postgresql://ann:nter2@hu/nter2@localhost:5432/shop",
    ],
)
def test_a_text_that_is_no_url_of_a_postgresql_is_refused_without_showing_it(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(
        WarehouseUnavailable, match=r"Write it as postgresql://user:password@host:5432/database"
    ) as raised:
        owner_url()
    assert "nter2" not in str(raised.value)


@pytest.mark.parametrize(
    "query_string", ["", "?password=hunter2", "?unknown=hunter2", "?sslmode=hunter2", "?connect_timeout=2"]
)
def test_a_server_that_does_not_answer_is_named_without_the_password(
    monkeypatch: pytest.MonkeyPatch, query_string: str
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("DATABASE_URL", f"postgres://ann:hunter2@127.0.0.1:{port}/shop{query_string}")
    for use in (migrate.current, lambda: Warehouse(text(app_url())).read("ops.tenants", "acme")):
        with pytest.raises(
            WarehouseUnavailable, match=rf"ann:\*\*\*@127\.0\.0\.1:{port}/shop.*\nCheck DATABASE_URL"
        ) as raised:
            use()
        assert "hunter2" not in str(raised.value)


def test_what_libpq_quotes_of_a_url_is_scrubbed() -> None:
    url = URL.create("postgresql", "ann", SECRET, "localhost", database="shop")
    for reason in (f'unexpected spaces found in "{SECRET}"', f'invalid token: "{text(url)}"'):
        assert_no_secret(unavailable(url, reason))


def test_a_database_that_is_not_there(own_server: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", owner_url().set(database="nothing").render_as_string(hide_password=False))
    with pytest.raises(WarehouseUnavailable, match=r'database "nothing" does not exist'):
        migrate.upgrade()
