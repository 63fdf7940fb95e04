"""Ctrl-C, and what it becomes in a run: Dagster raises an interruption of its own where a step is at work."""

from typing import Any

STOPS = ("KeyboardInterrupt", "DagsterExecutionInterruptedError")


def is_stop(error: BaseException) -> bool:
    """The error is what Ctrl-C has come to."""
    return type(error).__name__ in STOPS


def was_stopped(failure: Any) -> bool:
    """A step's or a run's failure, as Dagster stores it, is an interruption."""
    return failure.error is not None and failure.error.cls_name in STOPS
