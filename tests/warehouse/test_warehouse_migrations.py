"""The schema's history leads there and back, keeps rows, and never meets itself half way."""

import json
import subprocess
import sys
from collections.abc import Callable

import psycopg
import pytest

from growthos_assets import schema
from warehouse import migrate, tenants, versions
from warehouse.database import Warehouse
from warehouse.errors import SchemaTooNew
from warehouse.server import app_url, text
from warehouse.tenants import Tenant

TABLES = """
SELECT schemaname || '.' || tablename FROM pg_tables
WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'public')
"""


@pytest.fixture
def nothing(clone: Callable[[str], str]) -> str:
    """DATABASE_URL of a database without a table."""
    return clone("template0")


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as db:
        return {row[0] for row in db.execute(TABLES.encode())}


def fill(url: str) -> None:
    """A tenant and an order, as every version of the schema can hold them."""
    margins = {category: str(margin) for category, margin in tenants.CATEGORY_MARGINS.items()}
    with psycopg.connect(url) as db:
        db.execute(
            "INSERT INTO ops.tenants (tenant_id, name, timezone, currency, category_margins, shipping_rate, ops_rate, "
            "alert_thresholds, keep_pii, is_demo, pii_key, created_at) "
            "VALUES ('acme', 'Acme', 'UTC', 'USD', %s, 0.08, 0.05, '{}', false, false, '', now())",
            [json.dumps(margins)],
        )
        db.execute(
            "INSERT INTO raw.raw_events "
            "(tenant_id, source, stream, external_id, version, payload, payload_hash, seen_at) "
            "VALUES ('acme', 'shopify', 'orders', '1', 1, '{}', sha256('{}'), '2026-02-01T00:00:00Z')"
        )


def kept() -> bool:
    warehouse = Warehouse(text(app_url()))
    orders = versions.read_latest(warehouse, "acme", "raw.shopify_orders")
    warehouse.close()
    return tenants.get("acme") == Tenant("acme", "Acme") and orders["payload"].to_list() == ["{}"]


def test_the_migrations_lead_to_what_is_declared(database: str) -> None:
    assert migrate.current() == migrate.head()
    assert migrate.drift(schema.metadata()) == []


def test_a_table_or_column_that_no_migration_made_is_a_drift(database: str) -> None:
    with psycopg.connect(database) as db:
        db.execute("CREATE TABLE marts.stray (a int)")
        db.execute("ALTER TABLE ops.tenants ADD COLUMN stray text")
    found = repr(migrate.drift(schema.metadata()))
    assert "remove_table" in found
    assert "remove_column" in found


def test_what_others_keep_in_the_same_database_is_no_drift_and_no_version_of_ours(nothing: str) -> None:
    with psycopg.connect(nothing) as db:
        db.execute("CREATE TABLE public.alembic_version (version_num text)")
        db.execute("INSERT INTO public.alembic_version VALUES ('f00')")
        db.execute("CREATE SCHEMA theirs CREATE TABLE stray (a int)")
    assert migrate.current() is None
    migrate.upgrade()
    assert "stray" not in repr(migrate.drift(schema.metadata()))
    migrate.downgrade("base")
    assert tables(nothing) == {"theirs.stray"}


def test_down_to_nothing_and_up_again(database: str) -> None:
    everything = tables(database)
    migrate.downgrade("base")
    assert tables(database) == set()
    assert migrate.current() is None
    migrate.upgrade()
    assert tables(database) == everything == {f"{t.schema}.{t.name}" for t in schema.metadata().sorted_tables}
    fill(database)
    assert kept()


def test_an_older_database_is_brought_up_with_its_rows(nothing: str) -> None:
    migrate.upgrade("0001")
    assert migrate.current() == "0001"
    fill(nothing)
    migrate.upgrade()
    assert migrate.current() == migrate.head()
    assert kept()
    migrate.downgrade("0001")
    assert kept()


def test_a_database_that_is_up_to_date_is_left_alone(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as db:
        db.execute("BEGIN")
        db.execute("SELECT pg_advisory_xact_lock(20260209)")  # a migration would wait for this
        migrate.upgrade()
        assert migrate.current() == migrate.head()


def test_a_newer_schema_than_the_code_is_left_alone(database: str) -> None:
    with psycopg.connect(database) as db:
        db.execute("UPDATE public.growthos_version SET version_num = '9999'")
    with pytest.raises(SchemaTooNew, match=r"at schema 9999, this GrowthOS knows up to \d{4}. Update GrowthOS"):
        migrate.upgrade()


def test_a_migration_that_fails_leaves_nothing_behind(nothing: str) -> None:
    with psycopg.connect(nothing) as db:
        db.execute("CREATE SCHEMA alerts")  # the last of the schemas that the first migration makes
    with pytest.raises(Exception, match='schema "alerts" already exists'):
        migrate.upgrade()
    assert tables(nothing) == set()
    with psycopg.connect(nothing) as db:
        db.execute("DROP SCHEMA alerts")
    migrate.upgrade()
    assert migrate.current() == migrate.head()


def test_processes_that_upgrade_at_once_take_turns(nothing: str) -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", "from warehouse import migrate; migrate.upgrade()"],
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    assert [child.communicate()[1] for child in children] == [""] * 2
    assert [child.returncode for child in children] == [0] * 2
    assert migrate.current() == migrate.head()
