"""Tenants never see or touch each other's rows, whatever a connection tries."""

from collections.abc import Callable
from datetime import UTC, date, datetime

import adbc_driver_manager
import polars as pl
import psycopg
import pytest
from psycopg import errors
from warehouse_thing import Thing, things

from warehouse import raw, tenants
from warehouse.database import Warehouse, execute, query
from warehouse.errors import UnknownTenant
from warehouse.tenants import Tenant

DAY = date(2026, 2, 1)
OURS = things({"shop": "s1", "day": DAY, "units": 1}, {"shop": "s2", "day": DAY, "units": 2})
THEIRS = things({"shop": "s1", "day": DAY, "units": 10})
COUNT = "SELECT count(*) FROM marts.thing"
INSERT = "INSERT INTO marts.thing (tenant_id, shop, day) VALUES ('{}', 'new', '2026-02-01')"

FORGERIES = (
    INSERT.format("theirs"),
    "INSERT INTO marts.thing SELECT 'theirs', shop || 'x', day FROM marts.thing",
    "UPDATE marts.thing SET tenant_id = 'theirs'",
    "INSERT INTO marts.thing (tenant_id, shop, day) VALUES ('theirs', 's1', '2026-02-01') "
    "ON CONFLICT (tenant_id, shop, day) DO UPDATE SET units = 0",
    "INSERT INTO raw.raw_events VALUES ('theirs', 's', 't', 'id', 1, '{}', '', now())",
)

ATTEMPTS = (
    "ALTER TABLE marts.thing DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE marts.thing NO FORCE ROW LEVEL SECURITY",
    "DROP POLICY tenant ON marts.thing",
    "CREATE POLICY everything ON marts.thing USING (true)",
    "DROP TABLE marts.thing",
    "TRUNCATE marts.thing",
    "CREATE TABLE marts.mine (a int)",
    "CREATE VIEW marts.mine AS SELECT * FROM marts.thing",
    "DROP SCHEMA marts CASCADE",
    "UPDATE raw.raw_events SET seen_at = now()",
    "DELETE FROM raw.raw_events",
    "UPDATE ops.tenants SET name = 'x'",
    "DELETE FROM ops.tenants",
    "DELETE FROM ops.tenant_settings",
    "INSERT INTO ops.tenants (tenant_id, name) VALUES ('ours', 'x')",
    "UPDATE public.growthos_version SET version_num = '0000'",
    "CREATE ROLE other SUPERUSER",
)

HOLES = (
    "CREATE TABLE marts.hole (tenant_id text PRIMARY KEY)",
    "CREATE SCHEMA later CREATE TABLE hole (tenant_id text PRIMARY KEY)",
    "ALTER TABLE marts.thing NO FORCE ROW LEVEL SECURITY",
    "ALTER TABLE marts.thing DISABLE ROW LEVEL SECURITY",
    "ALTER POLICY tenant ON marts.thing USING (true)",
    "ALTER POLICY tenant ON marts.thing WITH CHECK (true)",
    "DROP POLICY tenant ON marts.thing",
    "ALTER TABLE marts.thing DROP CONSTRAINT thing_pkey, ADD PRIMARY KEY (shop, day)",
    "CREATE VIEW marts.hole AS SELECT * FROM marts.thing",
    "CREATE MATERIALIZED VIEW marts.hole AS SELECT * FROM marts.thing",
)

UNPROTECTED = """
SELECT n.nspname || '.' || c.relname
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'public') AND n.nspname NOT LIKE 'pg_temp%'
AND CASE c.relkind
    WHEN 'v' THEN NOT coalesce('security_invoker=true' = ANY (c.reloptions), false)
    WHEN 'm' THEN true  -- a materialized view holds rows that no policy guards
    WHEN 'r' THEN NOT (
        c.relrowsecurity AND c.relforcerowsecurity
        AND EXISTS (
            SELECT FROM pg_policies p
            WHERE p.schemaname = n.nspname AND p.tablename = c.relname AND p.cmd = 'ALL'
            AND p.qual = '(tenant_id = current_setting(''app.tenant_id''::text, true))' AND p.with_check = p.qual
        )
        AND EXISTS (
            SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
            WHERE i.indrelid = c.oid AND i.indisprimary AND a.attname = 'tenant_id'
        )
    )
    ELSE c.relkind IN ('p', 'f')
END
"""


def scalar(db: psycopg.Connection, statement: str) -> object:
    row = db.execute(statement.encode()).fetchone()
    assert row is not None
    return row[0]


def backend(warehouse: Warehouse, tenant_id: str) -> int:
    with warehouse.as_tenant(tenant_id) as cursor:
        return query(cursor, "SELECT pg_backend_pid() AS pid").item()


@pytest.fixture(autouse=True)
def _two_tenants(warehouse: Warehouse) -> None:
    warehouse.publish(Thing, OURS, "ours")
    warehouse.publish(Thing, THEIRS, "theirs")


def test_without_a_tenant_of_ours_there_are_no_rows_and_writes_fail(
    app: psycopg.Connection, subtests: pytest.Subtests
) -> None:
    for setting in (None, "", "nobody", "OURS", "ours "):
        with subtests.test(setting=setting), app.transaction(force_rollback=True):
            if setting is not None:
                app.execute("SELECT set_config('app.tenant_id', %s, true)", [setting])
            assert scalar(app, COUNT) == 0
            assert app.execute("UPDATE marts.thing SET units = 0").rowcount == 0
            assert app.execute("DELETE FROM marts.thing").rowcount == 0
            with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
                app.execute(INSERT.format("ours").encode())


@pytest.mark.parametrize("tenant_id", ["", None])
def test_a_transaction_needs_a_tenant(warehouse: Warehouse, tenant_id: str) -> None:
    with pytest.raises(UnknownTenant, match="No tenant was named"), warehouse.as_tenant(tenant_id):
        pass


def test_two_tenants_with_the_same_keys_never_touch_each_other(warehouse: Warehouse) -> None:
    changed = OURS.filter(OURS["shop"] == "s1").with_columns(units=pl.lit(99, pl.Int64))
    assert warehouse.publish(Thing, changed, "ours").written == 2  # one changed, one gone
    assert warehouse.read("marts.thing", "theirs", columns=["units"])["units"].to_list() == [10]
    warehouse.publish(Thing, THEIRS.clear(), "theirs")
    assert warehouse.read("marts.thing", "ours", columns=["units"])["units"].to_list() == [99]


def test_a_forged_tenant_id_is_refused(app: psycopg.Connection, subtests: pytest.Subtests) -> None:
    for forgery in FORGERIES:
        with subtests.test(forgery), app.transaction(force_rollback=True):
            app.execute("SET LOCAL app.tenant_id = 'ours'")
            with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
                app.execute(forgery.encode())


def test_a_bulk_copy_into_a_tenant_table_is_refused(app: psycopg.Connection) -> None:
    app.execute("SET LOCAL app.tenant_id = 'ours'")
    with (
        pytest.raises(errors.FeatureNotSupported, match="row-level security"),
        app.cursor().copy("COPY marts.thing (tenant_id, shop, day) FROM STDIN") as copy,
    ):
        copy.write_row(("theirs", "s9", DAY))


def test_a_frame_cannot_bring_its_own_tenant(warehouse: Warehouse) -> None:
    forged = OURS.select("shop", "day").insert_column(0, OURS["shop"].alias("tenant_id"))
    with pytest.raises(adbc_driver_manager.ProgrammingError, match="tenant_id"):
        warehouse.publish(Thing, forged, "ours")


def test_the_application_may_not_lift_its_limits(app: psycopg.Connection, subtests: pytest.Subtests) -> None:
    for attempt in ATTEMPTS:
        with subtests.test(attempt), app.transaction(force_rollback=True):
            app.execute("SET LOCAL app.tenant_id = 'ours'")
            with pytest.raises(errors.InsufficientPrivilege):
                app.execute(attempt.encode())


def test_switching_row_security_off_gives_an_error_and_no_rows(app: psycopg.Connection) -> None:
    app.execute("SET LOCAL row_security = off")
    with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
        app.execute(COUNT.encode())


def test_the_applications_role_is_bound_and_owns_nothing(app: psycopg.Connection) -> None:
    role = app.execute(
        "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolcanlogin FROM pg_roles "
        "WHERE rolname = current_user"
    ).fetchone()
    assert role == ("growthos_app", False, False, False, False, False)
    for owned in (
        "SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole",
        "SELECT count(*) FROM pg_namespace WHERE nspowner = current_user::regrole AND nspname NOT LIKE 'pg_temp%'",
        "SELECT count(*) FROM pg_auth_members WHERE member = current_user::regrole",
    ):
        assert scalar(app, owned) == 0


def test_a_reset_returns_to_the_applications_role_not_to_the_login(
    app: psycopg.Connection, subtests: pytest.Subtests
) -> None:
    app.autocommit = True
    for reset in ("RESET ROLE", "RESET ALL", "DISCARD ALL"):
        with subtests.test(reset):
            app.execute(reset.encode())
            assert scalar(app, "SELECT current_user") == "growthos_app"
            assert scalar(app, COUNT) == 0


def test_what_a_transaction_leaves_on_its_connection_does_not_reach_the_next(
    warehouse: Warehouse, subtests: pytest.Subtests
) -> None:
    first = backend(warehouse, "theirs")
    for left in ("SET ROLE NONE", "SET ROLE postgres", "SET LOCAL ROLE NONE", "SET app.tenant_id = 'theirs'"):
        with subtests.test(left):
            with warehouse.as_tenant("theirs") as cursor:
                execute(cursor, left)
            with warehouse.as_tenant("ours") as cursor:
                assert query(cursor, "SELECT current_user::text AS role").item() == "growthos_app"
                assert query(cursor, COUNT).item() == OURS.height
            assert backend(warehouse, "ours") == first, "the pool gave another connection"


def test_a_connection_is_reused_safely_after_another_tenant(warehouse: Warehouse) -> None:
    first = backend(warehouse, "theirs")
    assert warehouse.read("marts.thing", "ours").height == 2
    assert backend(warehouse, "ours") == first


def test_a_connection_is_reused_safely_after_an_sql_error(warehouse: Warehouse) -> None:
    first = backend(warehouse, "theirs")

    def fail_half_way() -> None:
        with warehouse.as_tenant("theirs") as cursor:
            execute(cursor, "DELETE FROM marts.thing")
            query(cursor, "SELECT 1 / 0 AS boom")

    with pytest.raises(adbc_driver_manager.Error, match="division by zero"):
        fail_half_way()
    assert warehouse.read("marts.thing", "ours").height == 2
    assert warehouse.read("marts.thing", "theirs").height == 1
    assert backend(warehouse, "ours") == first


def test_a_connection_is_reused_safely_after_the_caller_failed(warehouse: Warehouse) -> None:
    first = backend(warehouse, "theirs")

    def stop_half_way() -> None:
        with warehouse.as_tenant("theirs") as cursor:
            execute(cursor, "DELETE FROM marts.thing")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop_half_way()
    assert warehouse.read("marts.thing", "theirs").height == 1
    assert backend(warehouse, "ours") == first


def test_an_idle_connection_holds_no_transaction_and_no_tenant(warehouse: Warehouse, owner: psycopg.Connection) -> None:
    pid = backend(warehouse, "ours")
    assert scalar(owner, f"SELECT state FROM pg_stat_activity WHERE pid = {pid}") == "idle"


def _use_for_a_transaction(warehouse: Warehouse) -> None:
    with warehouse.as_tenant("ours") as cursor:
        assert query(cursor, COUNT).item() == OURS.height


def _use_for_a_session(warehouse: Warehouse) -> None:
    with warehouse.session("ours") as transaction:
        for _ in range(2):
            with transaction() as cursor:
                assert query(cursor, COUNT).item() == OURS.height


@pytest.mark.parametrize("use", [_use_for_a_transaction, _use_for_a_session])
def test_a_connection_that_came_back_has_no_tenant_and_shows_no_rows(
    warehouse: Warehouse, use: Callable[[Warehouse], None]
) -> None:
    first = backend(warehouse, "ours")
    use(warehouse)
    connection = warehouse._pool.connect()
    try:
        with connection.cursor() as cursor:
            assert query(cursor, "SELECT pg_backend_pid() AS pid").item() == first, "the pool gave another connection"
            assert query(cursor, "SELECT current_user::text AS role").item() == "growthos_app"
            assert query(cursor, "SELECT nullif(current_setting('app.tenant_id', true), '') AS tenant").item() is None
            assert query(cursor, COUNT).item() == 0
    finally:
        connection.close()


def test_raw_records_are_read_through_views_that_run_as_their_reader(
    warehouse: Warehouse, owner: psycopg.Connection
) -> None:
    records = OURS.select(external_id="shop", payload=OURS["shop"].replace_strict({"s1": "{}", "s2": "[]"}))
    raw.land(warehouse, "ours", "shopify", "orders", [records], datetime(2026, 2, 1, tzinfo=UTC))
    assert warehouse.read("raw.shopify_orders", "ours").height == 2
    assert warehouse.read("raw.shopify_orders", "theirs").is_empty()
    views = owner.execute(
        "SELECT relname, reloptions FROM pg_class WHERE relkind = 'v' AND relnamespace = 'raw'::regnamespace"
    )
    assert {options[0] for _, options in views} == {"security_invoker=true"}


def test_every_table_has_a_forced_policy_and_the_tenant_in_its_key(owner: psycopg.Connection) -> None:
    assert owner.execute(UNPROTECTED.encode()).fetchall() == []
    extra = owner.execute(
        "SELECT schemaname, tablename, policyname, roles FROM pg_policies WHERE policyname <> 'tenant'"
    )
    assert extra.fetchall() == [("ops", "tenants", "registry", ["postgres"])]


def test_the_walk_over_the_catalog_finds_holes(
    owner: psycopg.Connection, warehouse: Warehouse, subtests: pytest.Subtests
) -> None:
    warehouse.publish(Thing, THEIRS.clear(), "theirs")  # so that a key without the tenant can be made
    for hole in HOLES:
        with subtests.test(hole), owner.transaction(force_rollback=True):
            owner.execute(hole.encode())
            assert len(owner.execute(UNPROTECTED.encode()).fetchall()) == 1


def test_a_tenant_sees_only_itself_among_the_tenants(warehouse: Warehouse) -> None:
    for tenant_id in ("ours", "theirs"):
        tenants.create(Tenant(tenant_id, tenant_id.title()))
    assert {tenant.tenant_id for tenant in tenants.everyone()} == {"ours", "theirs"}
    assert warehouse.read("ops.tenants", "ours", columns=["name"])["name"].to_list() == ["Ours"]
    assert warehouse.read("ops.tenants", "nobody").is_empty()
