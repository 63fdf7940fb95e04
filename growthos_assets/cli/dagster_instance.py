"""Dagster's instance for the command line: DAGSTER_HOME's if it is set, else that of the project's dagster.yaml."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

import growthos_assets
from warehouse.errors import WarehouseError

CONFIG = "dagster.yaml"


@contextmanager
def open_instance() -> Iterator[dg.DagsterInstance]:
    """The instance, for as long as the block runs."""
    if os.environ.get("DAGSTER_HOME"):
        with dg.DagsterInstance.get() as instance:
            yield instance
        return
    with dg.DagsterInstance.from_config(str(project_root())) as instance:
        yield instance


def project_root() -> Path:
    """The folder of dagster.yaml and workspace.yaml: the working directory, else the checkout of this code."""
    for folder in (Path.cwd(), Path(growthos_assets.__file__).parent.parent):
        if (folder / CONFIG).is_file():
            return folder
    raise WarehouseError(
        f"There is no {CONFIG} here. Run growthos in the project's folder, or set DAGSTER_HOME to one that has it."
    )
