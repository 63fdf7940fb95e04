"""Statements that end when a signal stops the process: Ctrl-C, or another one whose handler raises.

Python hears of a signal between two of its own instructions, and to it a statement is one. The driver's own way out, a
handler of SIGINT that stands while a statement runs, loses the signal, or cancels what is no longer there, where the
statement has just ended; and it knows of no other signal. So the main thread, in which handlers run, only waits.
"""

import functools
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Literal, TypeVar

import adbc_driver_manager
import polars as pl

Result = TypeVar("Result")

LOOK = 0.1
"""Seconds after which the main thread looks up: a handler that other libraries have replaced does not wake it. And a
statement that goes on is cancelled again, since it may not have begun when it first was."""


class Interruptible:
    """A cursor of the driver, whose statements a handler that raises ends before the error goes on."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    @property
    def rowcount(self) -> int:
        """How many rows the last statement touched."""
        return self._cursor.rowcount

    def execute(self, operation: str, parameters: Sequence[Any] | None = None) -> None:
        """Run a statement."""
        self._run(lambda: self._cursor.execute(operation, parameters))

    def fetch_polars(self) -> pl.DataFrame:
        """The rows of the last statement."""
        return self._run(self._cursor.fetch_polars)

    def adbc_ingest(self, table_name: str, data: Any, mode: Literal["append"], *, temporary: bool) -> int:
        """Copy Arrow data into a table; how many rows came there."""
        return self._run(lambda: self._cursor.adbc_ingest(table_name, data, mode, temporary=temporary))

    def adbc_cancel(self) -> None:
        """End the statement that runs, from another thread."""
        self._cursor.adbc_cancel()

    def close(self) -> None:
        """End the cursor."""
        self._cursor.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def _run(self, work: Callable[[], Result]) -> Result:
        return aside(work, self.adbc_cancel)


def aside(work: Callable[[], Result], cancel: Callable[[], None]) -> Result:
    """Do the work in another thread, and wait for it; if that is interrupted, cancel it, and leave once it has ended.

    A second interruption does not wait.
    """
    if threading.current_thread() is not threading.main_thread():  # no handler runs here
        return work()
    done: Future[Result] = Future()

    def do() -> None:
        if done.set_running_or_notify_cancel():
            try:
                done.set_result(work())
            except BaseException as error:
                done.set_exception(error)

    try:
        _worker().submit(do)
        while not _is_over(done):
            pass
    except BaseException:
        while not (done.cancel() or done.done()):
            with suppress(adbc_driver_manager.Error):
                cancel()
            _is_over(done)
        raise
    return done.result()


def _is_over(done: Future[Any]) -> bool:
    """Whether the work has ended, be it with an error, before it is time to look up."""
    try:
        done.exception(LOOK)
    except TimeoutError:
        return False
    return True


@functools.cache
def _worker() -> ThreadPoolExecutor:
    """The other thread: to start one takes longer than most statements do."""
    return ThreadPoolExecutor(1, "statement")


os.register_at_fork(after_in_child=_worker.cache_clear)
