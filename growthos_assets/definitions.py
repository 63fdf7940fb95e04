"""The code location: the graph, its jobs, schedules and sensors, and the policy that holds for all of it."""

import dagster as dg

from growthos_assets import automation, graph
from growthos_assets.resources import resources
from growthos_assets.stream_assets import stream_asset
from growthos_assets.table_assets import table_asset

OWNERS = ["team:growth-data"]
KINDS = {"raw": {"postgres", "python"}, "alerts": {"polars", "postgres", "alert"}}
DERIVED = {"polars", "postgres"}


def with_policy(spec: dg.AssetSpec) -> dg.AssetSpec:
    """What holds for every asset of a layer, said once."""
    layer = spec.key.path[0]
    return spec.replace_attributes(owners=OWNERS, kinds=KINDS.get(layer, DERIVED), tags={**spec.tags, "layer": layer})


@dg.definitions
def defs() -> dg.Definitions:
    """Everything Dagster loads."""
    assets = [
        *(stream_asset(contract) for contract in graph.streams()),
        *(table_asset(declaration) for declaration in graph.tables()),
    ]
    return dg.Definitions(
        assets=[asset.map_asset_specs(with_policy) for asset in assets],
        jobs=automation.JOBS,
        schedules=automation.SCHEDULES,
        sensors=automation.SENSORS,
        resources=resources(),
        # a process per step costs a second or two, a step in process a hundredth: runs are parallel across tenants
        executor=dg.in_process_executor,
    )
