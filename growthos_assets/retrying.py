"""Trouble that passes by itself: the step that met it is run again, in the same run.

Not by a RetryPolicy: that would run again what Ctrl-C has stopped too, and what fails the same way every time.
"""

from collections.abc import Iterator
from typing import TypeVar

import dagster as dg

from warehouse.database import BREAKS
from warehouse.errors import WarehouseError, WarehouseUnavailable

Event = TypeVar("Event")

PASSES = (*BREAKS, WarehouseUnavailable, ConnectionError, TimeoutError)
"""Of the database's and the system's. Sources have a budget of their own for theirs."""

RETRIES = 2
SECONDS = 5.0
"""Before the first retry; twice that before the second. What else can be run goes on meanwhile."""


def retried(context: dg.AssetExecutionContext, events: Iterator[Event]) -> Iterator[Event]:
    """What a step yields, asked for again after trouble that passes; the warehouse's other errors say what to do."""
    try:
        yield from events
    except PASSES as error:
        raise dg.RetryRequested(RETRIES, SECONDS * 2**context.retry_number) from error
    except WarehouseError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
