"""The graph: every declared table and stream, found by walking the layers' folders."""

import functools
import importlib
import pkgutil

from growthos_assets.raw.records import RawRecords
from growthos_assets.table import TABLES, Declaration
from warehouse.contract import Table

LAYERS = ("raw", "staging", "marts", "cohorts", "kpis", "alerts")
"""In the order in which data flows; each is a folder, an asset group and a schema."""


@functools.cache
def _import_layers() -> None:
    for layer in LAYERS:
        package = importlib.import_module(f"growthos_assets.{layer}")
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{module.name}")


def tables() -> list[Declaration]:
    """Every table that a transform fills, layer by layer and by name, whatever was imported first."""
    _import_layers()
    return sorted(TABLES.values(), key=lambda table: (LAYERS.index(table.key[0]), table.name))


def streams() -> list[type[RawRecords]]:
    """Every stream of the raw layer, by name."""
    _import_layers()
    return sorted(RawRecords.__subclasses__(), key=lambda contract: contract.__spec__.name)


def stored_contracts() -> list[type[Table]]:
    """The contracts of the graph's tables that a migration makes; raw streams are views and have none."""
    return [table.contract for table in tables()]
