"""Running a tenant's graph in this process, as a Dagster run that is stored like any other."""

import functools
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg

import kpis
from growthos_assets import automation, definitions, progress
from growthos_assets.graph import LAYERS
from growthos_assets.instance import open_instance
from growthos_assets.loading import warehouse
from growthos_assets.partitions import TENANT_SET
from growthos_assets.progress import Step
from growthos_assets.resources import Clock
from warehouse import tenants
from warehouse.database import query

PARTITION_TAG = "dagster/partition"
STATE_TAG = "growthos/state"
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
    job = definitions.defs().resolve_job_def(automation.refresh.name)
    keys = job.asset_layer.selected_asset_keys
    raw = {key for key in keys if key.path[0] == "raw"}

    def execute(instance: dg.DagsterInstance, selection: set[dg.AssetKey]) -> None:
        result = job.execute_in_process(
            instance=instance,
            partition_key=tenant_id,
            asset_selection=list(selection),
            raise_on_error=False,
            run_config=_run_config(known_at),
        )
        outcome.run_id = result.run_id
        failures, warnings = _findings(result)
        outcome.failures += failures
        outcome.warnings += warnings

    with open_instance() as instance, progress.listening(hear):
        instance.add_dynamic_partitions(TENANT_SET, [tenant_id])
        known = None if full or known_at else _state_of_last_run(instance, tenant_id)
        execute(instance, raw if known else set(keys))
        outcome.up_to_date = known is not None and not outcome.failed and known == _state(tenant_id)
        if known is not None and not outcome.failed and not outcome.up_to_date:
            execute(instance, set(keys) - raw)
        if not outcome.failed and not outcome.up_to_date and not known_at:
            instance.add_run_tags(outcome.run_id, {STATE_TAG: _state(tenant_id)})
    outcome.seconds = time.perf_counter() - started
    return outcome


def _state_of_last_run(instance: dg.DagsterInstance, tenant_id: str) -> str | None:
    """What the newest run that filled the tenant's tables was made from; None when it did not succeed."""
    newest = instance.get_runs(
        dg.RunsFilter(job_name=automation.refresh.name, tags={PARTITION_TAG: tenant_id}), limit=10
    )
    filled = next((run for run in newest if not _is_pull(run)), None)
    return filled.tags.get(STATE_TAG) if filled and filled.is_success else None


def _is_pull(run: dg.DagsterRun) -> bool:
    return run.asset_selection is not None and all(key.path[0] == "raw" for key in run.asset_selection)


def _state(tenant_id: str) -> str:
    """A digest of everything that the tables are made from: raw records, settings, the last complete day, the code."""
    tenant = tenants.get(tenant_id)
    with warehouse().as_tenant(tenant_id) as cursor:
        records = query(
            cursor, "SELECT count(*)::text AS records, max(seen_at)::text AS newest FROM raw.raw_events"
        ).row(0)
    last_day = kpis.last_complete_day(Clock().at(tenant), tenant.timezone)
    return hashlib.sha256(repr((records, tenant, last_day, _code())).encode()).hexdigest()


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
    """(why steps failed, what non-blocking checks found)."""
    failures = [_reason(event.step_failure_data) for event in result.all_events if event.is_step_failure]
    if not result.success and not failures:  # it never came to a step
        failures = [_reason(event.event_specific_data) for event in result.all_events if event.is_run_failure]
    warnings: list[str] = []
    for check in result.get_asset_check_evaluations():
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
