"""What a run in this process did, and what became of it, for a person to read and for `--format json`."""

from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from growthos_assets.graph import LAYERS
from growthos_assets.progress import Step
from growthos_assets.stopping import was_stopped

COUNTS = ("slices", "slices_verified", "rows_expected", "rows_in", "rows_out", "rows_restated", "requests")


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


def findings(result: dg.ExecuteInProcessResult) -> tuple[list[str], list[str]]:
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
