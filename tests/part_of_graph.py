"""The code location with a part of its tables: for tests of how a run goes, whatever it makes."""

import functools

import dagster as dg

from growthos_assets import automation, definitions


@functools.cache
def whole() -> dg.Definitions:
    """The code location, loaded once a process as in a worker."""
    return definitions.defs()


@functools.cache
def part_of_graph(*assets: str) -> dg.Definitions:
    """The assets and all that they are made from, with the jobs of `growthos run`."""
    made = [asset for asset in whole().assets or () if isinstance(asset, dg.AssetsDefinition)]
    keys = leading_to(*assets)
    return dg.Definitions(
        assets=[asset for asset in made if asset.key in keys],
        jobs=[automation.refresh, automation.sync],
        resources=whole().resources,
        executor=whole().executor,
    )


def leading_to(*assets: str) -> set[dg.AssetKey]:
    """The keys of the assets, and of all that they are made from."""
    return set(dg.AssetSelection.assets(*assets).upstream().resolve(whole().resolve_asset_graph()))
