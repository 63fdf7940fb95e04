"""For how long Dagster keeps what runs have told: by itself, for ever; here, until it is old, or its tenant has gone.

Nothing is forgotten that somebody still asks for. The newest materialization of an asset and tenant says that there is
one, and of which version; the newest attempt, whether it failed; the newest result of a check, whether it passed. A run
that told one of these stays, however old it is.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import dagster as dg
import sqlalchemy as sa
from dagster._core.instance import RUNLESS_RUN_ID
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable as Checks
from dagster._core.storage.event_log.schema import AssetEventTagsTable as Tags
from dagster._core.storage.event_log.schema import AssetKeyTable as Assets
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable as Events
from dagster._core.storage.tags import PARTITION_NAME_TAG
from dagster._serdes import deserialize_value

from growthos_assets.partitions import TENANT_SET
from growthos_assets.workers import has_died

KEPT = timedelta(days=30)
"""As ticks are, in dagster.yaml. Longer than a week, since a schedule asks whether the week's run was there."""

BATCH = 500
"""Runs whose check results are looked for at once: nothing but the whole table leads to them."""


class Deleted(NamedTuple):
    """How many runs were deleted, and how many old ones stay for what they told."""

    runs: int
    kept: int


def delete_old_runs(instance: dg.DagsterInstance, now: datetime, sooner: Mapping[str, timedelta]) -> Deleted:
    """Delete the runs that ended `KEPT` ago, or of the jobs of `sooner` succeeded that long ago."""
    log = _log(instance)
    filters = [dg.RunsFilter(statuses=FINISHED_STATUSES, updated_before=now - KEPT)] + [
        dg.RunsFilter(job_name=job, statuses=[dg.DagsterRunStatus.SUCCESS], updated_before=now - kept)
        for job, kept in sooner.items()
    ]
    old = {run_id for found in filters for run_id in instance.get_run_ids(found)}
    runs = old - _newest(log) if old else set[str]()
    _delete(instance, runs)
    return Deleted(len(runs), len(old) - len(runs))


def forget(instance: dg.DagsterInstance, tenant_id: str) -> int:
    """Delete a tenant's runs with their previews of rows, what imports told, and its partition; how many runs.

    One that is still queued stays, and fails since there is no such tenant.
    """
    runs = instance.get_runs(dg.RunsFilter(tags={PARTITION_NAME_TAG: tenant_id}))
    over = {run.run_id for run in runs if run.is_finished or has_died(run)}
    _delete(instance, over)
    told = sa.select(Events.c.id).where(Events.c.partition == tenant_id, Events.c.run_id == RUNLESS_RUN_ID)
    with _log(instance).index_connection() as connection:
        connection.execute(sa.delete(Tags).where(Tags.c.event_id.in_(told)))
        connection.execute(sa.delete(Events).where(Events.c.id.in_(told)))
        _forget_copies(connection, tenant_id)
    instance.delete_dynamic_partition(TENANT_SET, tenant_id)  # last: as long as it is a tenant, new_tenants makes one
    return len(over)


def _forget_copies(connection: sa.Connection, tenant_id: str) -> None:
    """Beside its events, Dagster keeps a copy of each asset's last materialization, with its preview of rows.

    Without one it looks among the events.
    """
    for asset, copy in connection.execute(sa.select(Assets.c.id, Assets.c.last_materialization)).all():
        record = deserialize_value(copy, dg.EventLogRecord) if copy else None
        if record is not None and record.partition_key == tenant_id:
            connection.execute(sa.update(Assets).where(Assets.c.id == asset).values(last_materialization=None))


def _delete(instance: dg.DagsterInstance, run_ids: Iterable[str]) -> None:
    """Delete runs, and all that they told. Of a run it is the run itself that goes last: stopped, it is found again."""
    log = _log(instance)
    runs = sorted(run_ids)
    for first in range(0, len(runs), BATCH):
        batch = runs[first : first + BATCH]
        _forget_checks(log, batch)
        for run_id in batch:
            log.delete_events(run_id)
            instance.run_storage.delete_run(run_id)


def _log(instance: dg.DagsterInstance) -> SqlEventLogStorage:
    log = instance.event_log_storage
    assert isinstance(log, SqlEventLogStorage)
    return log


def _newest(log: SqlEventLogStorage) -> set[str]:
    """The runs that told the newest of each kind of event of an asset's partition, or of a check of it."""
    event = (Events.c.asset_key, Events.c.partition, Events.c.dagster_event_type)
    check = (Checks.c.asset_key, Checks.c.check_name, Checks.c.partition)
    newest = (
        _last(Events, Events.c.asset_key.is_not(None), *event),
        _last(Checks, sa.true(), *check),
        _last(Checks, Checks.c.evaluation_event_storage_id.is_not(None), *check),
    )
    with log.index_connection() as connection:
        return set(connection.execute(sa.union(*newest)).scalars())


def _last(table: sa.Table, condition: sa.ColumnElement[bool], *of: sa.ColumnElement[Any]) -> sa.Select[Any]:
    last = sa.select(sa.func.max(table.c.id)).where(condition).group_by(*of)
    return sa.select(table.c.run_id).where(table.c.id.in_(last))


def _forget_checks(log: SqlEventLogStorage, runs: Sequence[str]) -> None:
    """What checks found in these runs: Dagster deletes all that a run told but this."""
    with log.index_connection() as connection:
        connection.execute(sa.delete(Checks).where(Checks.c.run_id.in_(runs)))
