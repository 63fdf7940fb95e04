"""Running a tenant's graph in this process, as a Dagster run that is stored like any other."""

import functools
import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from dagster._core.storage.tags import MAX_RUNTIME_SECONDS_TAG

import kpis
from growthos_assets import automation, definitions, progress
from growthos_assets.graph import LAYERS
from growthos_assets.instance import open_instance
from growthos_assets.loading import warehouse
from growthos_assets.partitions import TENANT_SET
from growthos_assets.progress import Step
from growthos_assets.resources import Clock
from growthos_assets.stopping import was_stopped
from growthos_assets.stream_assets import COMPLETENESS
from warehouse import refreshes, tenants

LONGEST = {MAX_RUNTIME_SECONDS_TAG: str(24 * 60 * 60)}
"""After which the daemon ends a run of ours that it can't see, on another machine: a first sync may take hours."""

ROOMS = ("connectors", "growthos_assets", "kpis", "warehouse")


@dataclass(frozen=True)
class Layer:
    """What a run did in one layer."""

    name: str
    tables: int
    rows: int
    changed: int
    quarantined: int
    seconds: float


@dataclass
class Outcome:
    """What a run did."""

    tenant: str
    run_id: str = ""
    seconds: float = 0.0
    up_to_date: bool = False
    """The sources had nothing new, so nothing behind them ran."""
    steps: list[Step] = field(default_factory=list[Step])
    failures: list[str] = field(default_factory=list[str])
    warnings: list[str] = field(default_factory=list[str])

    @property
    def failed(self) -> bool:
        return bool(self.failures)

    @property
    def changed(self) -> int:
        """Rows inserted, updated or deleted."""
        return sum(step.written for step in self.steps)

    @property
    def quarantined(self) -> int:
        return sum(step.quarantined for step in self.steps)

    @property
    def overhead(self) -> float:
        """Seconds that went into Dagster rather than into tables."""
        return self.seconds - sum(step.seconds or 0 for step in self.steps)

    def layers(self) -> list[Layer]:
        """One entry per layer, in the order in which data flows."""
        return [
            _layer(name, steps) for name in LAYERS if (steps := [step for step in self.steps if step.layer == name])
        ]

    def document(self) -> dict[str, Any]:
        """The outcome for `--format json`."""
        return {
            "tenant": self.tenant,
            "run_id": self.run_id,
            "success": not self.failed,
            "up_to_date": self.up_to_date,
            "seconds": round(self.seconds, 3),
            "rows_changed": self.changed,
            "rows_quarantined": self.quarantined,
            "layers": {layer.name: {**vars(layer)} for layer in self.layers()},
            "failures": self.failures,
            "warnings": self.warnings,
        }


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
    defs = _defs()
    keys = defs.resolve_job_def(automation.refresh.name).asset_layer.selected_asset_keys
    raw = {key for key in keys if key.path[0] == "raw"}

    def execute(job: str, selection: set[dg.AssetKey]) -> str | None:
        """The state that the run has read: a digest of `given` and of the raw records' versions; None if it failed.

        A source that is only partly here fails no run: everything behind it is made from what is.
        """
        result = defs.resolve_job_def(job).execute_in_process(
            instance=instance,
            partition_key=tenant_id,
            asset_selection=list(selection),
            raise_on_error=False,
            run_config=_run_config(known_at),
            tags=LONGEST,
        )
        outcome.run_id = result.run_id
        failures, warnings = _findings(result)
        outcome.failures += failures
        outcome.warnings += warnings
        return hashlib.sha256(repr((_versions(result), given)).encode()).hexdigest() if result.success else None

    with open_instance() as instance, progress.listening(hear):
        instance.add_dynamic_partitions(TENANT_SET, [tenant_id])
        known = None if full or known_at else refreshes.state(database, tenant_id)
        if known is None:
            state = execute(automation.refresh.name, set(keys))
        else:
            state = execute(automation.sync.name, raw)
            outcome.up_to_date = state == known
            if (
                state is not None
                and not outcome.up_to_date
                and execute(automation.refresh.name, set(keys) - raw) is None
            ):
                state = None
        if state is not None and not outcome.up_to_date and not known_at:
            refreshes.end(database, tenant_id, outcome.run_id, state)
    outcome.seconds = time.perf_counter() - started
    return outcome


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


def _run_config(known_at: str | None) -> dict[str, Any]:
    config: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    if known_at is not None:
        config["resources"] = {"warehouse": {"config": {"known_at": known_at}}}
    return config


def _findings(result: dg.ExecuteInProcessResult) -> tuple[list[str], list[str]]:
    """(why steps failed, what non-blocking checks found). KeyboardInterrupt if the run was stopped."""
    failed: list[Any] = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    if not result.success and not failed:  # it never came to a step
        failed = [event.event_specific_data for event in result.all_events if event.is_run_failure]
    if any(map(was_stopped, failed)):
        raise KeyboardInterrupt
    failures = [_reason(failure) for failure in failed]
    warnings: list[str] = []
    found = {(check.asset_key, check.check_name): check for check in result.get_asset_check_evaluations()}
    for check in found.values():  # the last word on each: a step that was run again has checked again
        if not check.passed:
            text = f"{'/'.join(check.asset_key.path)} {check.check_name}: {check.description}"
            (failures if check.severity is dg.AssetCheckSeverity.ERROR else warnings).append(text)
    return failures, warnings


def _reason(failure: Any) -> str:
    """What a step's or a run's failure data says happened."""
    told = getattr(failure, "user_failure_data", None)
    if told is not None and told.description:
        return str(told.description)
    error = failure.error
    cause = error.cause if error is not None and error.cause is not None else error
    return str(cause.message).strip() if cause is not None else "a step failed"


def _layer(name: str, steps: list[Step]) -> Layer:
    return Layer(
        name,
        len(steps),
        sum(step.rows for step in steps),
        sum(step.written for step in steps),
        sum(step.quarantined for step in steps),
        sum(step.seconds or 0 for step in steps),
    )


@dataclass
class Pulled:
    """What a sync of sources did: what each stream's materialization says of it, and what went wrong."""

    tenant: str
    run_id: str
    streams: dict[str, dict[str, Any]]
    failures: list[str]
    warnings: list[str]

    def document(self) -> dict[str, Any]:
        """It, for `--format json`."""
        told = (*COUNTS, "waited_seconds", "api_version", "notes")
        return {
            "tenant": self.tenant,
            "run_id": self.run_id,
            "complete": not (self.failures or self.warnings),
            "streams": {name: {key: said.get(key) for key in told} for name, said in self.streams.items()},
            "failures": self.failures,
            "warnings": self.warnings,
        }


COUNTS = ("slices", "slices_verified", "rows_expected", "rows_in", "rows_out", "rows_restated", "requests")


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
    config = _run_config(None)
    config["resources"] = {
        "sources": {"config": {"since": since and since.isoformat(), "until": until and until.isoformat()}}
    }
    keys = [dg.AssetKey(["raw", stream.replace("/", "_")]) for stream in streams]
    with open_instance() as instance, progress.listening(listener):
        instance.add_dynamic_partitions(TENANT_SET, [tenant_id])
        result = (
            _defs()
            .resolve_job_def(automation.sync.name)
            .execute_in_process(
                instance=instance,
                partition_key=tenant_id,
                asset_selection=keys,
                raise_on_error=False,
                run_config=config,
                tags=LONGEST,
            )
        )
    said = {
        event.asset_key.path[-1]: {name: value.value for name, value in event.materialization.metadata.items()}
        for event in result.get_asset_materialization_events()
        if event.asset_key is not None
    }
    named = {stream: said.get(stream.replace("/", "_"), {}) for stream in streams}
    connected = {stream: report for stream, report in named.items() if "api_version" in report}
    failures, warnings = _findings(result)
    # whoever pulls a part of the past does not ask how fresh the whole is
    partial = [warning for warning in warnings if f" {COMPLETENESS}: " in warning]
    return Pulled(tenant_id, result.run_id, connected, failures, partial)
