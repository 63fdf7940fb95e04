"""Dagster's own storage: PostgreSQL, pooled, found as the warehouse is: DATABASE_URL, else the embedded server.

dagster.yaml names this class, so that the UI, the daemon, the run workers and the command line share one storage
without any of them being told where it is.
"""

import functools
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg2
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.root import LocalArtifactStorage
from dagster._serdes import ConfigurableClass, ConfigurableClassData
from dagster_postgres import (
    DagsterPostgresStorage,
    PostgresEventLogStorage,
    PostgresRunStorage,
    PostgresScheduleStorage,
)
from sqlalchemy import event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

import growthos_assets
from warehouse.environment import PROJECT, home
from warehouse.errors import InvalidSetting, WarehouseError
from warehouse.server import dagster_url, text

RESTED_SECONDS = 0.1
"""After which a pooled connection is asked whether it lives: a run takes one a thousand times in a few seconds."""


class Remembering(SqlEventLogStorage):
    """Dagster's event log, which asks again for every event which tables, columns and partitions there are.

    Asked once a process: tables and columns do not change under it, and a partition that is there stays.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.has_table = functools.cache(self.has_table)
        self.has_asset_key_col = functools.cache(self.has_asset_key_col)
        self._partitions: set[tuple[str, str]] = set()

    def has_dynamic_partition(self, partitions_def_name: str, partition_key: str) -> bool:
        partition = (partitions_def_name, partition_key)
        if partition not in self._partitions and super().has_dynamic_partition(*partition):
            self._partitions.add(partition)
        return partition in self._partitions

    def delete_dynamic_partition(self, partitions_def_name: str, partition_key: str) -> None:
        self._partitions.discard((partitions_def_name, partition_key))
        super().delete_dynamic_partition(partitions_def_name, partition_key)


class Pooled:
    """A storage in PostgreSQL that keeps its connections, and replaces those that died."""

    _engine: Any

    def optimize_for_webserver(self, statement_timeout: int, pool_recycle: int, max_overflow: int) -> None:
        """Keep connections from here on. The UI does so for itself: it makes the pool anew, with limits of its own."""
        storage: Any = super()
        storage.optimize_for_webserver(statement_timeout, pool_recycle, max_overflow)
        event.listen(self._engine, "checkout", _ping)


class Events(Pooled, Remembering, PostgresEventLogStorage):
    """The event log."""


class Runs(Pooled, PostgresRunStorage):
    """The runs."""


class Schedules(Pooled, PostgresScheduleStorage):
    """What schedules and sensors have done."""


class Unconfigured(ConfigurableClass):
    """What dagster.yaml names and has nothing to say to: it finds all that it needs by itself."""

    @classmethod
    def config_type(cls) -> Mapping[str, Any]:
        return {}

    @classmethod
    def from_config_value(cls: Any, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Any:
        return cls(inst_data)


class PooledPostgresStorage(Unconfigured, DagsterPostgresStorage):
    """DagsterPostgresStorage with connection pools and event batching: 2.4 × faster runs than its NullPool."""

    def __init__(self, inst_data: ConfigurableClassData | None) -> None:
        os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "1000")
        # SQLAlchemy reads a bare postgresql:// as psycopg 3, with which Dagster's runs break
        url = dagster_url().set(drivername="postgresql+psycopg2")
        # a server that crashes may take the last half second of the log with it, but no event waits for the disk
        options = f"{url.query.get('options', '')} -c synchronous_commit=off".strip()
        address = text(url.update_query_dict({"options": options}))
        super().__init__(address, inst_data=inst_data)  # makes the tables
        self._event_log_storage = Events(address, should_autocreate_tables=False)
        self._run_storage = Runs(address, should_autocreate_tables=False)
        self._schedule_storage = Schedules(address, should_autocreate_tables=False)
        for part in (self._event_log_storage, self._run_storage, self._schedule_storage):
            part.optimize_for_webserver(statement_timeout=0, pool_recycle=3600, max_overflow=20)


class HomeArtifactStorage(Unconfigured, LocalArtifactStorage):
    """What runs leave behind lies in our home, from whichever folder they are started."""

    def __init__(self, inst_data: ConfigurableClassData | None) -> None:
        super().__init__(str(home() / "dagster"), inst_data)


def _ping(connection: Any, record: ConnectionPoolEntry, _: object) -> None:
    """As the warehouse's: a connection that died while it rested in the pool is replaced, rather than a run lost."""
    now = time.monotonic()
    rested = now - record.info.get("taken", now)
    record.info["taken"] = now
    if rested < RESTED_SECONDS:
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except psycopg2.Error as error:
        raise InvalidatePoolError from error


@contextmanager
def open_instance() -> Iterator[dg.DagsterInstance]:
    """DAGSTER_HOME's instance if that is set, else that of the project's dagster.yaml."""
    with dg.DagsterInstance.from_config(str(instance_folder())) as instance:
        yield instance


def instance_folder() -> Path:
    """The folder whose dagster.yaml says what the instance is: DAGSTER_HOME, else the project's own."""
    configured = os.environ.get("DAGSTER_HOME")
    if not configured:
        return project_root()
    folder = Path(configured).expanduser()
    if not (folder.is_absolute() and os.path.isfile(folder / PROJECT)):
        raise InvalidSetting(
            f"DAGSTER_HOME is {configured}, which is no absolute path of a folder with a {PROJECT}. "
            "Set it to one, or unset it to use the project's."
        )
    return folder


def project_root() -> Path:
    """The folder of dagster.yaml and workspace.yaml: the working directory, else the checkout of this code."""
    for folder in (Path.cwd(), Path(growthos_assets.__file__).parent.parent):
        if (folder / PROJECT).is_file():
            return folder
    raise WarehouseError(
        f"There is no {PROJECT} here. Run growthos in the project's folder, or set DAGSTER_HOME to one that has it."
    )
