"""The graph's shape: what is there, what it is called, what it reads, what guards it."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import psycopg
import pytest
from graph_runs import LAYERS, defs, key

from connectors.source import STREAMS
from growthos_assets import graph, metadata
from growthos_assets.partitions import TENANTS
from growthos_assets.raw.records import RawRecords
from growthos_assets.table import Contract, Declaration
from warehouse.contract import schema_of
from warehouse.ddl import type_name

SPEC = Path(__file__).with_name("spec.json")
DESIGN = {
    "raw": {
        "shopify_orders", "shopify_customers", "shopify_products",
        "meta_insights", "meta_adsets", "meta_ads", "google_ads_insights", "ga4_traffic", "ga4_funnel",
        "file_orders", "file_spend", "file_traffic",
    },
    "staging": {
        "stg_orders", "stg_order_lines", "stg_refunds", "stg_customers", "stg_products", "stg_spend", "stg_traffic",
    },
    "marts": {
        "dim_date", "dim_channel", "dim_campaign", "dim_customer", "dim_product",
        "fact_orders", "fact_order_lines", "fact_refunds", "fact_spend", "fact_traffic",
    },
    "cohorts": {
        "cohorts", "cohort_curves", "cohort_months", "cohort_summary", "segments", "segment_channels", "customer_value",
        "product_pairs", "ltv_models", "ltv_holdout", "ltv_forecast",
    },
    "kpis": {"kpi_daily", "kpi_summary", "channel_performance", "funnel", "unit_economics"},
    "alerts": {"alerts", "wbr"},
}  # fmt: skip

WITHOUT_LINEAGE = {
    # said by the transform itself
    "staging/stg_orders": {"source"},
    "staging/stg_order_lines": {"source"},
    "staging/stg_refunds": {"kind"},
    "marts/dim_channel": {"name", "is_paid"},
    # computed from the row's own key
    "marts/dim_date": {
        "day_of_week", "day_name", "iso_week", "iso_year", "month", "month_name", "quarter", "year", "is_weekend",
    },
    # made from tables as a whole: which measures a row is made of is what its own columns say
    "kpis/kpi_summary": {"window_start", "window_end", "value", "previous", "change", "unit", "reason"},
    "alerts/alerts": {
        "state", "since", "severity", "title", "segment", "metric_value", "threshold", "p_value", "low", "high",
        "at_stake", "description", "why", "recommendation", "runbook", "silenced_by",
        "window_start", "window_end", "evaluated_at",
    },
    "alerts/wbr": {"week_end", "markdown", "html", "content", "alerts", "written_at"},
}  # fmt: skip

ASSETS = sorted(f"{layer}/{name}" for layer, names in DESIGN.items() for name in names)
CONTRACTS: dict[str, Contract] = {
    f"{contract.__spec__.schema}/{contract.__spec__.name}": contract
    for contract in [*graph.streams(), *graph.stored_contracts()]
}


def spec() -> dict[str, Any]:
    """The graph in few words: what each asset reads, and what stops its publish."""
    assets = defs().resolve_asset_graph()
    return {
        asset: {
            "reads": sorted(parent.to_user_string() for parent in assets.get(key(asset)).parent_keys),
            "checks": {
                check.name: "blocks" if assets.get_check_spec(check).blocking else "reports"
                for check in sorted(assets.get(key(asset)).check_keys)
            },
        }
        for asset in ASSETS
    }


def node(asset: str) -> Any:
    return defs().resolve_asset_graph().get(key(asset))


def test_every_asset_of_the_design_exists_and_no_other() -> None:
    assert sorted(found.to_user_string() for found in defs().resolve_asset_graph().get_all_asset_keys()) == ASSETS


def test_the_graph_is_as_it_was_agreed() -> None:
    """A change of what an asset reads, or of what guards it, shows in review as a change of spec.json."""
    agreed = json.loads(SPEC.read_text())
    assert spec() == agreed, f"If the change is meant, python {__file__} writes it down."


@pytest.mark.parametrize("table", graph.tables(), ids=lambda table: table.name)
def test_file_key_and_table_are_the_same_words(table: Declaration) -> None:
    layer, name = table.key
    assert table.transform.__module__ == f"growthos_assets.{layer}.{name.removeprefix('stg_')}"
    assert table.contract.__module__ == table.transform.__module__
    assert {check.function.__module__ for check in table.checks} <= {table.transform.__module__}


@pytest.mark.parametrize("stream", graph.streams(), ids=lambda stream: stream.__spec__.name)
def test_a_stream_is_in_the_file_of_its_source(stream: type[RawRecords]) -> None:
    source, name = stream.stream_key().split("/")
    assert stream.__module__ == f"growthos_assets.raw.{source}"
    assert stream.__spec__.qualified == f"raw.{source}_{name}"


def test_every_asset_is_a_table_or_view_with_the_columns_of_its_contract(
    owner: psycopg.Connection, database: str
) -> None:
    for asset, contract in CONTRACTS.items():
        schema, name = asset.split("/")
        columns = owner.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s",
            [schema, name],
        ).fetchall()
        assert {column for (column,) in columns} == {"tenant_id", *schema_of(contract).columns}, asset


@pytest.mark.parametrize("asset", ASSETS)
def test_an_asset_reads_its_own_layer_or_one_before(asset: str) -> None:
    layers = [LAYERS.index(parent.path[0]) for parent in node(asset).parent_keys]
    assert max(layers, default=0) <= LAYERS.index(asset.split("/")[0])


def test_there_is_no_cycle() -> None:
    levels = defs().resolve_asset_graph().toposorted_asset_keys_by_level
    place = {found: level for level, keys in enumerate(levels) for found in keys}
    assert len(place) == len(ASSETS)
    assert all(place[parent] < place[key(asset)] for asset in ASSETS for parent in node(asset).parent_keys)


@pytest.mark.parametrize("asset", ASSETS)
def test_an_asset_says_whose_it_is_and_what_it_is(asset: str) -> None:
    layer = asset.split("/")[0]
    found = node(asset)
    assert found.group_name == layer
    assert found.owners == ["team:growth-data"]
    assert "postgres" in found.kinds
    assert len(found.kinds) > 1
    assert found.tags["layer"] == layer
    assert found.code_version
    assert found.partitions_def == TENANTS
    assert found.description.startswith("One row per ")


@pytest.mark.parametrize("asset", ASSETS)
def test_the_column_schema_is_the_contract(asset: str) -> None:
    columns = {column.name: column for column in node(asset).metadata["dagster/column_schema"].columns}
    contract = schema_of(CONTRACTS[asset]).columns
    assert list(columns) == list(contract)
    for name, column in columns.items():
        assert column.type == type_name(CONTRACTS[asset], name)
        assert column.constraints.nullable == contract[name].nullable
        assert column.description == contract[name].description
        assert column.description, f"{asset}.{name} says nothing"
        assert column.description[-1] in ".…", f"{asset}.{name}: no sentence"
    assert [name for name, column in columns.items() if "key" in column.tags] == [
        name for name in contract if name in CONTRACTS[asset].__spec__.key
    ]


@pytest.mark.parametrize("table", graph.tables(), ids=lambda table: table.name)
def test_every_column_comes_from_somewhere(table: Declaration) -> None:
    lineage = metadata.column_lineage(table).deps_by_column
    parents = node("/".join(table.key)).parent_keys
    for dep in (dep for deps in lineage.values() for dep in deps):
        assert dep.asset_key in parents
        assert dep.column_name in schema_of(CONTRACTS[dep.asset_key.to_user_string()]).columns
    orphans = set(schema_of(table.contract).columns) - set(lineage) - set(table.contract.__spec__.key)
    assert orphans == WITHOUT_LINEAGE.get("/".join(table.key), set())


@pytest.mark.parametrize("table", graph.tables(), ids=lambda table: table.name)
def test_checks_block_as_they_are_declared(table: Declaration) -> None:
    assets = defs().resolve_asset_graph()
    found = {check.name: assets.get_check_spec(check) for check in node("/".join(table.key)).check_keys}
    assert set(found) == {"contract", *(check.name for check in table.checks)}
    assert found["contract"].blocking
    for check in table.checks:
        assert found[check.name].blocking == (check.severity == "error")
        assert found[check.name].description, f"{check.name} does not say what it looks at"


@pytest.mark.parametrize("stream", graph.streams(), ids=lambda stream: stream.__spec__.name)
def test_a_stale_or_partial_source_is_reported_and_stops_nothing(stream: type[RawRecords]) -> None:
    checks = node(f"raw/{stream.__spec__.name}").check_keys
    is_pulled = stream.stream_key() in STREAMS  # a file is imported by hand
    assert {check.name for check in checks} == ({"freshness", "completeness"} if is_pulled else set())
    assert not any(defs().resolve_asset_graph().get_check_spec(check).blocking for check in checks)


def test_the_io_manager_only_reads() -> None:
    @dg.asset(io_manager_key="reader")
    def mine() -> pl.DataFrame:
        return pl.DataFrame({"a": [1]})

    with dg.DagsterInstance.ephemeral() as instance:
        resources = {"reader": defs().resources["reader"]}
        with pytest.raises(dg.DagsterInvariantViolationError, match="This IO manager only reads"):
            dg.materialize([mine], instance=instance, resources=resources)


def test_the_code_location_loads_fast() -> None:
    """Budget: 3 s. Of the processor's time, which a busy machine stretches less than the clock's."""
    code = """
        import time
        from growthos_assets.definitions import defs
        defs().get_repository_def()
        print(time.process_time())
    """
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    seconds = float(run.stdout)
    print(f"the code location loads in {seconds:.1f} s")
    assert seconds < 6


if __name__ == "__main__":
    SPEC.write_text(json.dumps(spec(), indent=1, ensure_ascii=False) + "\n")
