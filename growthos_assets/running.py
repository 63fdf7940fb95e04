"""Running a tenant's graph in this process, as a Dagster run that is stored like any other."""

import functools
import hashlib
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from dagster._core.storage.tags import MAX_RUNTIME_SECONDS_TAG

import kpis
from growthos_assets import automation, definitions, progress
from growthos_assets.instance import open_instance
from growthos_assets.loading import warehouse
from growthos_assets.outcomes import Outcome, Pulled, findings
from growthos_assets.partitions import TENANT_SET
from growthos_assets.progress import Step
from growthos_assets.resources import Clock
from growthos_assets.stream_assets import COMPLETENESS
from warehouse import refreshes, tenants

LONGEST = {MAX_RUNTIME_SECONDS_TAG: str(24 * 60 * 60)}
"""After which the daemon ends a run of ours that it can't see, on another machine: a first sync may take hours."""

ROOMS = ("connectors", "growthos_assets", "kpis", "warehouse")


def run(
    tenant_id: str, listener: Callable[[Step], None], *, known_at: str | None = None, full: bool = False
) -> Outcome:
    """Bring a tenant's tables up to date; `listener` hears each table begin and end.

    The first time, and with `full` or `known_at`, the whole graph is one run. Later the sources are asked first, and
    everything behind them runs only if they said something new, a day has ended, or code or settings have changed.
    """
    outcome = Outcome(tenant_id)

    def hear(step: Step) -> None:
        listener(step)
        if step.seconds is not None:
            outcome.steps.append(step)

    started = time.perf_counter()
    database = warehouse()  # its schema is up to date from here on
    tenant = tenants.get(tenant_id)
    # what the tables are made from besides records: as it is now, before anything is read
    given = (tenant, kpis.last_complete_day(Clock().at(tenant), tenant.timezone), _code())
    keys = _defs().resolve_job_def(automation.refresh.name).asset_layer.selected_asset_keys
    raw = {key for key in keys if key.path[0] == "raw"}

    def state_of(result: dg.ExecuteInProcessResult) -> str | None:
        """What the run has read: a digest of `given` and of the raw records' versions; None if it failed.

        A source that is only partly here fails no run: everything behind it is made from what is.
        """
        outcome.run_id = result.run_id
        failures, warnings = findings(result)
        outcome.failures += failures
        outcome.warnings += warnings
        return hashlib.sha256(repr((_versions(result), given)).encode()).hexdigest() if result.success else None

    resources = {"warehouse": {"known_at": known_at}} if known_at else {}
    with _executing(tenant_id, resources, hear) as execute:
        known = None if full or known_at else refreshes.state(database, tenant_id)
        if known is None:
            state = state_of(execute(automation.refresh.name, keys))
        else:
            state = state_of(execute(automation.sync.name, raw))
            outcome.up_to_date = state == known
            if state not in (None, known) and state_of(execute(automation.refresh.name, keys - raw)) is None:
                state = None
        if state not in (None, known) and not known_at:
            refreshes.end(database, tenant_id, outcome.run_id, state)
    outcome.seconds = time.perf_counter() - started
    return outcome


def pull(
    tenant_id: str,
    streams: Sequence[str],
    listener: Callable[[Step], None],
    *,
    since: date | None = None,
    until: date | None = None,
) -> Pulled:
    """Bring streams (`source/name`) of a tenant's sources up to date, or pull the days anew; nothing behind them.

    Streams whose source is not connected are left out of the result.
    """
    warehouse()
    tenants.get(tenant_id)
    days = {"since": since and since.isoformat(), "until": until and until.isoformat()}
    keys = [dg.AssetKey(["raw", stream.replace("/", "_")]) for stream in streams]
    with _executing(tenant_id, {"sources": days}, listener) as execute:
        result = execute(automation.sync.name, keys)
    said = {
        event.asset_key.path[-1]: {name: value.value for name, value in event.materialization.metadata.items()}
        for event in result.get_asset_materialization_events()
        if event.asset_key is not None
    }
    named = {stream: said.get(stream.replace("/", "_"), {}) for stream in streams}
    connected = {stream: report for stream, report in named.items() if "api_version" in report}
    failures, warnings = findings(result)
    # whoever pulls a part of the past does not ask how fresh the whole is
    partial = [warning for warning in warnings if f" {COMPLETENESS}: " in warning]
    return Pulled(tenant_id, result.run_id, connected, failures, partial)


@contextmanager
def _executing(
    tenant_id: str, resources: Mapping[str, Mapping[str, Any]], listener: Callable[[Step], None]
) -> Iterator[Callable[[str, Collection[dg.AssetKey]], dg.ExecuteInProcessResult]]:
    """What runs some assets of a job for the tenant, with its resources configured so; `listener` hears each step."""
    config = {
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
        "resources": {name: {"config": settings} for name, settings in resources.items()},
    }
    with open_instance() as instance, progress.listening(listener):
        instance.add_dynamic_partitions(TENANT_SET, [tenant_id])

        def execute(job: str, selection: Collection[dg.AssetKey]) -> dg.ExecuteInProcessResult:
            return (
                _defs()
                .resolve_job_def(job)
                .execute_in_process(
                    instance=instance,
                    partition_key=tenant_id,
                    asset_selection=list(selection),
                    raise_on_error=False,
                    run_config=config,
                    tags=LONGEST,
                )
            )

        yield execute


def _versions(result: dg.ExecuteInProcessResult) -> list[tuple[str, str]]:
    """Which version of each stream's records the run has read."""
    materialized = [event.materialization for event in result.get_asset_materialization_events()]
    return sorted(
        (stream.asset_key.to_user_string(), (stream.tags or {})[DATA_VERSION_TAG])
        for stream in materialized
        if stream.asset_key.path[0] == "raw"
    )


@functools.cache
def _defs() -> dg.Definitions:
    """The code location, loaded once a process as in a worker."""
    return definitions.defs()


@functools.cache
def _code() -> str:
    """A digest of the source of every room: a transform's result may hang on any helper."""
    root = Path(__file__).parent.parent
    files = sorted(path for room in ROOMS for path in (root / room).rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
