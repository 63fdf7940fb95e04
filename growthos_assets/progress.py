"""Who wants to hear how a run in this process is getting on: the command line does, a daemon's worker does not."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One table's turn in a run. `seconds` is None until it ends; `note` says how far it has come."""

    layer: str
    table: str
    seconds: float | None = None
    rows: int = 0
    written: int = 0
    quarantined: int = 0
    note: str = ""


_listener: ContextVar[Callable[[Step], None] | None] = ContextVar("listener", default=None)


def report(step: Step) -> None:
    """Tell whoever listens."""
    if listener := _listener.get():
        listener(step)


@contextmanager
def listening(listener: Callable[[Step], None]) -> Iterator[None]:
    """Hear the steps of the runs inside the block."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
