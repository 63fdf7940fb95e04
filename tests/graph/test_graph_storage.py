"""Where Dagster keeps its runs: in PostgreSQL, beside the warehouse, asked no more than it takes."""

from collections.abc import Iterator

import dagster as dg
import psycopg
import pytest
import sqlalchemy as sa
from dagster_postgres import PostgresEventLogStorage

import growthos_assets.instance
from growthos_assets.instance import open_instance
from growthos_assets.loading import warehouse
from warehouse.database import query


@pytest.fixture
def asked(database_with_runs: str) -> Iterator[list[str]]:
    """Every statement that SQLAlchemy sends."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    yield statements
    sa.event.remove(sa.Engine, "before_cursor_execute", note)


def test_an_event_is_stored_without_asking_for_the_catalog(asked: list[str]) -> None:
    with open_instance() as instance:
        for day in ("1", "2"):
            asked.clear()
            instance.report_runless_asset_event(dg.AssetMaterialization("table", tags={"day": day}))
            instance.get_asset_records([dg.AssetKey("table")])
        assert any("INSERT INTO event_logs" in statement for statement in asked)
        assert [statement for statement in asked if "pg_catalog" in statement] == []
        newest = instance.get_latest_materialization_event(dg.AssetKey("table"))
        assert newest is not None
        assert newest.asset_materialization is not None
        assert newest.asset_materialization.tags == {"day": "2"}


def test_a_partition_is_asked_for_until_it_is_there_and_again_when_it_was_removed(asked: list[str]) -> None:
    with open_instance() as instance:
        assert not instance.has_dynamic_partition("tenants", "shop")
        instance.add_dynamic_partitions("tenants", ["shop"])
        assert instance.has_dynamic_partition("tenants", "shop")
        asked.clear()
        assert instance.has_dynamic_partition("tenants", "shop")
        assert asked == []
        instance.delete_dynamic_partition("tenants", "shop")
        assert not instance.has_dynamic_partition("tenants", "shop")


def test_only_dagsters_own_commits_do_not_wait_for_the_disk(database_with_runs: str) -> None:
    with open_instance() as instance:
        log = instance.event_log_storage
        assert isinstance(log, PostgresEventLogStorage)
        with log.index_connection() as connection:
            assert connection.execute(sa.text("SHOW synchronous_commit")).scalar() == "off"
    with warehouse().as_tenant("-") as cursor:
        assert query(cursor, "SELECT current_setting('synchronous_commit')").item() == "on"


@pytest.mark.parametrize("is_ui", [False, True])
def test_a_connection_that_died_in_the_pool_is_replaced(
    is_ui: bool, database_with_runs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in the UI, which makes the pools anew."""
    monkeypatch.setattr(growthos_assets.instance, "RESTED_SECONDS", 0.0)
    with open_instance() as instance, psycopg.connect(database_with_runs, autocommit=True) as owner:
        if is_ui:
            instance.optimize_for_webserver(15_000, -1, 20)
        use = (
            lambda: instance.get_runs(limit=1),
            lambda: instance.get_latest_materialization_event(dg.AssetKey("table")),
            instance.all_instigator_state,
        )
        for ask in use:
            ask()
        owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() || '_dagster'"
        )
        assert [ask() for ask in use] == [[], None, []]
