"""For how long Dagster keeps a run and all that it told: by itself, for ever.

Nothing is forgotten that somebody still asks for. The newest materialization of an asset and tenant says that there is
one, and of which version; the newest attempt, whether it failed; the newest result of a check, whether it passed. A run
that told one of these stays, however old it is.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import dagster as dg
import sqlalchemy as sa
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable as Checks
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable as Events

KEPT = timedelta(days=30)
"""As ticks are, in dagster.yaml. Longer than a week, since a schedule asks whether the week's run was there."""

BATCH = 500
"""Runs whose check results are looked for at once: nothing but the whole table leads to them."""


class Deleted(NamedTuple):
    """How many runs were deleted, and how many old ones stay for what they told."""

    runs: int
    kept: int


def delete_old_runs(instance: dg.DagsterInstance, now: datetime, sooner: Mapping[str, timedelta]) -> Deleted:
    """Delete the runs that ended `KEPT` ago or longer, and of the jobs of `sooner` those that succeeded that long ago.

    Whatever stops it leaves no run in part for good: it is the run itself that goes last, and is found again.
    """
    log = instance.event_log_storage
    assert isinstance(log, SqlEventLogStorage)
    filters = [dg.RunsFilter(statuses=FINISHED_STATUSES, updated_before=now - KEPT)] + [
        dg.RunsFilter(job_name=job, statuses=[dg.DagsterRunStatus.SUCCESS], updated_before=now - kept)
        for job, kept in sooner.items()
    ]
    old = {run_id for found in filters for run_id in instance.get_run_ids(found)}
    runs = sorted(old - _newest(log)) if old else []
    for first in range(0, len(runs), BATCH):
        batch = runs[first : first + BATCH]
        _forget_checks(log, batch)
        for run_id in batch:
            log.delete_events(run_id)
            instance.run_storage.delete_run(run_id)
    return Deleted(len(runs), len(old) - len(runs))


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
