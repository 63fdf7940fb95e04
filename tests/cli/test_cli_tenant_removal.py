"""`growthos tenant remove`: all that is a tenant's goes, nothing of another's, and nobody brings it back."""

import io
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from cli_command import Command
from cli_files import csv, line

from growthos_assets import automation, retention
from growthos_assets.instance import open_instance
from growthos_assets.loading import warehouse
from growthos_assets.partitions import TENANT_SET
from growthos_assets.resources import Turn
from warehouse import credentials, ddl, tenants
from warehouse.errors import UnknownTenant

LATER = "CREATE TABLE marts.later (tenant_id text, said text, PRIMARY KEY (tenant_id))"
FOREIGN = "CREATE TABLE public.theirs (tenant_id text)"
"""Of another application in the same database."""
OURS = (
    "SELECT format('%I.%I', table_schema, table_name) FROM information_schema.columns JOIN information_schema.tables "
    "USING (table_schema, table_name) WHERE column_name = 'tenant_id' AND table_type = 'BASE TABLE'"
)


def rows(url: str, tenant_id: str) -> Mapping[str, list[tuple[object, ...]]]:
    """Table → the tenant's rows, of every table that has any."""
    with psycopg.connect(url) as db:
        tables = [name for (name,) in db.execute(OURS)]
        found = {
            name: db.execute(
                f"SELECT t::text FROM {name} t WHERE tenant_id = %s ORDER BY 1".encode(), [tenant_id]
            ).fetchall()
            for name in tables
        }
    return {name: content for name, content in found.items() if content}


@pytest.fixture
def brands(database_with_runs: str, growthos: Command, tmp_path: Path, only: Callable[..., None]) -> tuple[str, str]:
    """Two tenants with the same orders, materialized; each with a login, and a row in a table that came later."""
    only("marts/fact_orders")
    file = csv(tmp_path / "orders.csv", *(line(str(number)) for number in range(4)), line("x", quantity="?"))
    for brand in ("ours", "theirs"):
        new = ("--timezone", "UTC", "--currency", "GBP")
        assert growthos("import", "orders", str(file), "--tenant", brand, *new).code == 1
        assert growthos("run", "--tenant", brand).code == 0
        credentials.store(warehouse(), brand, "ga4", "default", b"{}", "working")
    with psycopg.connect(database_with_runs) as db:
        for statement in (LATER, *ddl.isolation("marts.later"), FOREIGN):
            db.execute(statement.encode())
        for table in ("marts.later", "public.theirs"):
            db.execute(f"INSERT INTO {table} VALUES ('ours'), ('theirs')".encode())
    return "ours", "theirs"


def copies(url: str, tenant_id: str) -> int:
    """Assets of which Dagster keeps a materialization of the tenant's beside its events."""
    with psycopg.connect(url.replace("?", "_dagster?", 1)) as db:
        found = db.execute(
            "SELECT count(*) FROM asset_keys WHERE last_materialization LIKE %s", [f'%"partition": "{tenant_id}"%']
        ).fetchone()
    return found[0] if found else 0


def test_all_of_a_tenant_goes_and_nothing_of_another(
    brands: tuple[str, str], database_with_runs: str, growthos: Command
) -> None:
    theirs, ours = brands  # whose runs were the last
    before, kept = rows(database_with_runs, ours), rows(database_with_runs, theirs)
    assert copies(database_with_runs, ours) > 0
    assert {"raw.raw_events", "ops.imports", "ops.quarantine", "ops.connector_credentials", "marts.later"} < set(before)
    assert growthos("tenant", "remove", ours, "--yes").code == 0
    assert set(rows(database_with_runs, ours)) == {"public.theirs"}, "which is no table of ours"
    assert rows(database_with_runs, theirs) == kept

    assert copies(database_with_runs, ours) == 0
    with open_instance() as instance:
        last = instance.get_latest_materialization_event(dg.AssetKey(["marts", "fact_orders"]))
        assert last is not None
        assert last.asset_materialization is not None
        assert last.asset_materialization.partition == theirs
        assert instance.get_dynamic_partitions(TENANT_SET) == [theirs]
        assert {run.tags["dagster/partition"] for run in instance.get_runs()} == {theirs}
        told = dg.AssetRecordsFilter(dg.AssetKey(["raw", "file_orders"]))
        assert {event.partition_key for event in instance.fetch_materializations(told, limit=9).records} == {theirs}
        skipped = automation.new_tenants(dg.build_sensor_context(instance))
        assert ours not in str(skipped)
        assert instance.get_dynamic_partitions(TENANT_SET) == [theirs]
    gone = growthos("run", "--tenant", ours)
    assert gone.code == 2
    assert f"There is no tenant {ours!r}. Known tenants: {theirs}." in gone.err
    assert growthos("tenant", "remove", ours, "--yes").code == 2


@pytest.fixture
def two(database_with_runs: str) -> tuple[str, str]:
    """Two tenants."""
    warehouse()
    for brand in ("ours", "theirs"):
        tenants.create(tenants.Tenant(brand, brand))
    return "ours", "theirs"


def test_its_id_has_to_be_typed_again(
    two: tuple[str, str], database_with_runs: str, growthos: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    ours, _ = two
    before = rows(database_with_runs, ours)
    for stdin in (io.StringIO(f"{ours}\n"), Terminal("theirs\n"), Terminal("\n")):
        monkeypatch.setattr(sys, "stdin", stdin)
        refused = growthos("tenant", "remove", ours)
        assert refused.code == 2
        assert "nothing was deleted" in " ".join(refused.err.replace("│", " ").split())
    assert rows(database_with_runs, ours) == before
    monkeypatch.setattr(sys, "stdin", Terminal(f"{ours}\n"))
    done = growthos("tenant", "remove", ours)
    assert done.code == 0
    assert "deletes ours with all of its records" in done.err
    assert done.out.startswith("Removed tenant ours: ")


def test_a_tenant_that_somebody_works_on_stays_and_who_comes_later_finds_none(
    two: tuple[str, str], database_with_runs: str, growthos: Command
) -> None:
    """A run would else write its tables after they were deleted."""
    ours, theirs = two
    before = rows(database_with_runs, ours)
    for work in ("tables", "sync/shopify/orders", "import"):
        with warehouse().holding(ours, work):
            busy = growthos("tenant", "remove", ours, "--yes")
            assert busy.code == 2
            assert f"A run, a sync or an import of {ours} is going on, or waits for its turn" in busy.err
    assert rows(database_with_runs, ours) == before
    with warehouse().holding(theirs, "tables"):
        assert growthos("tenant", "remove", ours, "--yes").code == 0
    with pytest.raises(UnknownTenant, match="'ours' any more"):
        Turn().take(ours, "run", lambda: None)
    assert set(rows(database_with_runs, ours)) == set()
    tenants.get(theirs)


def test_what_is_not_deleted_whole_is_not_deleted(
    two: tuple[str, str], database_with_runs: str, growthos: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else nobody could ask again for what Dagster still has of a tenant that is gone."""

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    ours, _ = two
    before = rows(database_with_runs, ours)
    with monkeypatch.context() as patch:
        patch.setattr(retention, "_delete", stopped)
        assert growthos("tenant", "remove", ours, "--yes").code == 130
    assert rows(database_with_runs, ours) == before
    assert growthos("tenant", "remove", ours, "--yes").code == 0


def test_a_login_that_comes_after_its_tenant_has_gone_is_kept_for_nobody(
    two: tuple[str, str], database_with_runs: str, growthos: Command
) -> None:
    """As when somebody is still connecting: the next tenant of that id would have it."""
    ours, _ = two
    assert growthos("tenant", "remove", ours, "--yes").code == 0
    with pytest.raises(UnknownTenant, match="'ours' any more"):
        credentials.store(warehouse(), ours, "ga4", "default", b"{}", "working")
    assert rows(database_with_runs, ours) == {}
