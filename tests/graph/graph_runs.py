"""Running the graph as Dagster does, and reading what the runs said and did."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import psycopg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from part_of_graph import whole as defs

from growthos_assets import graph as declared
from growthos_assets.partitions import TENANT_SET
from warehouse.ops import Quarantine, RawEvents

LAYERS = ("raw", "staging", "marts", "cohorts", "kpis", "alerts")
TABLES = [
    table.contract.__spec__.qualified for table in declared.tables()
] + [RawEvents.__spec__.qualified, Quarantine.__spec__.qualified]  # fmt: skip
STAGED = ("raw/shopify_orders", "staging/stg_orders", "staging/stg_order_lines", "staging/stg_refunds")
FACTS = (
    *STAGED, "staging/stg_customers", "marts/dim_channel", "marts/dim_campaign", "marts/dim_product",
    "marts/fact_order_lines", "marts/fact_refunds", "marts/fact_orders",
)  # fmt: skip
"""What it takes to get from a shop's orders to fact_orders."""

BY_HAND = "__ASSET_JOB"
"""The job of whoever selects assets in the UI and presses Materialize."""


def key(asset: str) -> dg.AssetKey:
    return dg.AssetKey(asset.split("/"))


class Result:
    """What a run said."""

    def __init__(self, result: dg.ExecuteInProcessResult) -> None:
        self.run_id, self.success = result.run_id, result.success
        self.materialized: dict[str, dict[str, Any]] = {
            event.materialization.asset_key.to_user_string(): {
                name: value.value for name, value in event.materialization.metadata.items()
            }
            for event in result.get_asset_materialization_events()
        }
        self.checks: dict[str, dg.AssetCheckEvaluation] = {
            f"{check.asset_key.to_user_string()}:{check.check_name}": check
            for check in result.get_asset_check_evaluations()
        }
        self.failures: dict[str, str] = {
            str(event.step_key).replace("__", "/"): _words(event.step_failure_data)
            for event in result.all_events
            if event.is_step_failure
        }

    @property
    def failed_checks(self) -> dict[str, str | None]:
        return {name: check.description for name, check in self.checks.items() if not check.passed}


def _words(failure: Any) -> str:
    told = failure.user_failure_data
    return told.description if told is not None else failure.error.to_string()


class Graph:
    """Runs on one instance; every run is a tenant's."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance

    def run(
        self,
        tenant: str,
        *assets: str,
        job: str = "refresh",
        resources: Mapping[str, Mapping[str, str]] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Result:
        """Run a job, or of it only the named assets; `resources` is their run config."""
        self.instance.add_dynamic_partitions(TENANT_SET, [tenant])
        config: dict[str, Any] = {
            "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            "resources": {name: {"config": dict(values)} for name, values in (resources or {}).items()},
        }
        result = (
            defs()
            .resolve_job_def(job)
            .execute_in_process(
                instance=self.instance,
                partition_key=tenant,
                asset_selection=[key(asset) for asset in assets] or None,
                run_config=config,
                tags=dict(tags or {}),
                raise_on_error=False,
            )
        )
        return Result(result)

    def check_passed(self, asset: str, name: str) -> dict[str, bool]:
        """What the instance keeps of a check, tenant by tenant."""
        history = self.instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(key(asset), name), limit=100
        )
        return {
            str(record.partition): record.status is AssetCheckExecutionRecordStatus.SUCCEEDED
            for record in reversed(history)
        }


def in_layers(*layers: str) -> list[str]:
    """The assets of the layers."""
    keys = defs().resolve_asset_graph().get_all_asset_keys()
    return [found.to_user_string() for found in keys if found.path[0] in layers]


def stored(owner: psycopg.Connection, tenant: str, tables: Sequence[str] = TABLES) -> dict[str, Any]:
    """A digest of every table's rows as they lie on disk: the same only if not one of them was written."""
    return {
        table: _one(
            owner,
            f"SELECT md5(string_agg(t.xmin::text || t::text, ',' ORDER BY t.ctid)) FROM {table} t WHERE tenant_id = %s",
            tenant,
        )
        for table in tables
    }


def versions(owner: psycopg.Connection, tenant: str) -> dict[str, dict[tuple[str, ...], str]]:
    """{table: {key: the transaction that wrote the row}} of the graph's tables."""
    found: dict[str, dict[tuple[str, ...], str]] = {}
    for spec in (table.contract.__spec__ for table in declared.tables()):
        sql = f"SELECT xmin::text, {', '.join(spec.key)} FROM {spec.qualified} WHERE tenant_id = %s"
        rows = owner.execute(sql.encode(), [tenant]).fetchall()
        found[spec.qualified] = {tuple(map(str, identity)): xmin for xmin, *identity in rows}
    return found


def written_since(
    owner: psycopg.Connection, tenant: str, before: Mapping[str, Mapping[tuple[str, ...], str]]
) -> dict[str, list[tuple[str, ...]]]:
    """{table: keys of the rows that were written or deleted since `before = versions(...)`}."""
    after = versions(owner, tenant)
    written = {table: sorted(dict(set(rows.items()) ^ set(before[table].items()))) for table, rows in after.items()}
    return {table: keys for table, keys in written.items() if keys}


def _one(owner: psycopg.Connection, sql: str, *parameters: Any) -> Any:
    row = owner.execute(sql.encode(), parameters).fetchone()
    return row[0] if row else None
