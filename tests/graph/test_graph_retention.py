"""Which runs go, which stay, and that nothing that is still asked for goes with them: in PostgreSQL, as they are."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NoReturn

import dagster as dg
import psycopg
import pytest
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value
from graph_runs import Graph, defs, key
from graph_shop import land, open_shop, orders

from growthos_assets import table_assets
from growthos_assets.automation import SOONER
from growthos_assets.instance import open_instance
from growthos_assets.partitions import TENANTS
from growthos_assets.retention import delete_old_runs
from warehouse.server import dagster_url, text

ORDERS, STAGED, KPIS = "raw/shopify_orders", "staging/stg_orders", "kpis/kpi_daily"
TOLD = ("event_logs", "asset_event_tags", "asset_check_executions", "runs", "run_tags")
"""Dagster's tables that hold what runs have told."""


class Storage:
    """Runs that are stored, and as old as a test needs them."""

    def __init__(self, instance: dg.DagsterInstance, owner: psycopg.Connection) -> None:
        self.instance, self.owner, self.graph = instance, owner, Graph(instance)

    def run(self, *assets: str, job: str = "sync", days_ago: float = 0, tenant: str = "shop") -> str:
        run_id = self.graph.run(tenant, *assets, job=job).run_id
        self.age(run_id, days_ago)
        return run_id

    def age(self, run_id: str, days: float) -> None:
        self.owner.execute(
            "UPDATE runs SET update_timestamp = update_timestamp - make_interval(hours => %s) WHERE run_id = %s",
            [int(24 * days), run_id],
        )

    def retain(self) -> str:
        """A run of the job, whose own traces are left out of the count; its words."""
        done = defs().resolve_job_def("retention").execute_in_process(instance=self.instance)
        (words,) = (entry.user_message for entry in self.instance.all_logs(done.run_id) if not entry.is_dagster_event)
        self.instance.delete_run(done.run_id)
        return words

    def runs(self) -> set[str]:
        return {run.run_id for run in self.instance.get_runs()}

    def told_of(self) -> set[str]:
        """The runs of which anything is stored."""
        found = " UNION ".join(f"SELECT run_id FROM {table}" for table in TOLD if table != "asset_event_tags")
        return {row[0] for row in self.owner.execute(found.encode())}

    def rows(self) -> dict[str, int]:
        """How many there are of what runs have told."""
        counts = ((table, self.owner.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()) for table in TOLD)
        return {table: row[0] for table, row in counts if row}


@pytest.fixture
def storage(database_with_runs: str) -> Iterator[Storage]:
    open_shop("shop")
    land("shop", "shopify/orders", orders(1, 2))
    with open_instance() as instance, psycopg.connect(text(dagster_url()), autocommit=True) as owner:
        yield Storage(instance, owner)


def known(instance: dg.DagsterInstance, asset: str) -> dict[str, Any]:
    """All that is asked of an asset, tenant by tenant: by the UI, by sensors, by what decides whether it is stale."""
    log, of = instance.event_log_storage, key(asset)
    instance.wipe_asset_cached_status([of])
    newest = log.get_latest_storage_id_by_partition(of, dg.DagsterEventType.ASSET_MATERIALIZATION)
    checks = list(defs().resolve_asset_graph().get(of).check_keys)
    return {
        "materialized": instance.get_materialized_partitions(of),
        "newest": newest,
        "tags": log.get_latest_tags_by_partition(of, dg.DagsterEventType.ASSET_MATERIALIZATION, [DATA_VERSION_TAG]),
        "records": log.get_asset_records([of])[0].asset_entry.last_materialization_record,
        "status": get_and_update_asset_status_cache_value(instance, of, TENANTS),
        "checks": log.get_latest_asset_check_execution_by_key(checks),
        "found": {check: log.get_asset_check_partition_info([check]) for check in checks},
    }


def told(deleted: int, kept: int) -> str:
    return f"Old runs deleted: {deleted}. Kept, for what they told is the newest of its kind: {kept}."


def fail(*_: object) -> NoReturn:
    raise ValueError("a mistake of ours")


def test_however_long_it_goes_on_no_more_is_stored(storage: Storage) -> None:
    storage.run(ORDERS)
    of_one = storage.rows()
    assert all(of_one.values())
    for _ in range(3):
        for run_id in storage.runs():
            storage.age(run_id, 7.1)
        storage.run(ORDERS)
        assert storage.retain() == told(1, 0)
        assert storage.rows() == of_one


def test_a_sync_that_succeeded_goes_sooner_than_one_that_failed_or_any_other(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.run(ORDERS, STAGED, days_ago=8)
    others = {storage.run(ORDERS, job="refresh", days_ago=29), storage.run(ORDERS, days_ago=6)}
    with monkeypatch.context() as patch:
        patch.setattr(table_assets, "_quarantine_rows", fail)
        others.add(storage.run(ORDERS, STAGED, days_ago=29))
    going = storage.run(ORDERS, days_ago=400)
    storage.owner.execute("UPDATE runs SET status = 'STARTED' WHERE run_id = %s", [going])
    newest = storage.run(ORDERS, STAGED)
    storage.retain()
    assert storage.runs() == {*others, going, newest}


def test_what_is_the_newest_of_its_kind_stays_however_old_it_is(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tenant whose tables nobody made anew for a year is no new tenant, and is neither unchecked nor stale."""
    open_shop("other")
    storage.run(ORDERS, STAGED, KPIS, job="refresh", days_ago=500)
    made = {storage.run(ORDERS, STAGED, KPIS, job="refresh", tenant=name, days_ago=400) for name in ("shop", "other")}
    storage.run(ORDERS, STAGED, days_ago=350)
    made.add(storage.run(ORDERS, STAGED, days_ago=300))
    with monkeypatch.context() as patch:
        patch.setattr(table_assets, "_quarantine_rows", fail)
        storage.run(KPIS, job="refresh", days_ago=250)
        made.add(storage.run(KPIS, job="refresh", days_ago=200))  # the newest attempt: the tenant's KPIs have failed
    before = {asset: known(storage.instance, asset) for asset in (ORDERS, STAGED, KPIS)}
    assert before[KPIS]["materialized"] == {"shop", "other"}
    assert before[KPIS]["status"].deserialize_failed_partition_subsets(TENANTS).get_partition_keys() == {"shop"}
    assert storage.retain() == told(3, 4)
    assert storage.runs() == made
    assert {asset: known(storage.instance, asset) for asset in before} == before


def test_a_retention_that_was_stopped_is_gone_on_with(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    storage.run(ORDERS, days_ago=8)
    newest = storage.run(ORDERS)
    with monkeypatch.context() as patch:
        patch.setattr(storage.instance.event_log_storage, "delete_events", fail)
        with pytest.raises(ValueError, match="a mistake of ours"):
            delete_old_runs(storage.instance, datetime.now(UTC), SOONER)
    assert storage.retain() == told(1, 0)
    assert storage.told_of() == {newest}
