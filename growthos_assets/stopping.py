"""Ctrl-C: a step in which it cancels a statement stops its whole run, as one does in which it cancels nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

CANCELLED = "57014"
"""The SQLSTATE of a statement that was cancelled."""
_ON_REQUEST = "canceling statement due to user request"
"""How PostgreSQL says so, where polars has kept nothing of an error but its words."""
_TIMEOUT = "due to statement timeout"
"""Of the same SQLSTATE, and nobody's wish: the server allows a statement no more time."""
_INTERRUPTION = "DagsterExecutionInterruptedError"


def is_stop(error: BaseException) -> bool:
    """The error is what Ctrl-C has come to."""
    return (
        isinstance(error, KeyboardInterrupt)
        or (getattr(error, "sqlstate", None) == CANCELLED and _TIMEOUT not in str(error))
        or _ON_REQUEST in str(error)
        or type(error).__name__ == _INTERRUPTION
    )


def was_stopped(failure: Any) -> bool:
    """A step's failure, as Dagster stores it, is an interruption."""
    return failure.error is not None and failure.error.cls_name == _INTERRUPTION


@contextmanager
def stoppable() -> Iterator[None]:
    """Of a step: a cancelled statement is an interruption, which ends the run; an error would end the step alone."""
    from dagster._core.errors import DagsterExecutionInterruptedError

    try:
        yield
    except Exception as error:
        if is_stop(error):
            raise DagsterExecutionInterruptedError from error
        raise
