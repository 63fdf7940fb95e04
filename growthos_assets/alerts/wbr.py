"""alerts.wbr: the weekly business review."""

from typing import Annotated

import polars as pl

from growthos_assets.alerts.reviewing import written
from growthos_assets.table import table
from warehouse.contract import Instant, Table, column

REVIEW_HOUR = 7
"""Of Monday, in the tenant's time zone: when the review of the week before is written."""


class Wbr(Table, name="alerts.wbr", key=("week_start",)):
    """One row per week, Monday to Sunday: the review that was written of it. Past weeks stay as they were written."""

    week_start: pl.Date = column("The Monday.")
    week_end: pl.Date = column("The Sunday.")
    markdown: str = column("The review.")
    html: str = column("The review as a page that stands alone; empty before pages were kept.")
    content: str = column(
        "The review as data: figures, changes and their effects, doubts, alerts, steps.", metadata={"json": True}
    )
    alerts: int = column("How many alerts it names.", ge=0)
    written_at: Instant = column("When it was written, by the tenant's clock.")


@table(Wbr, show=lambda reviews: reviews.sort("week_start")["markdown"].last(), keeps_past=True)
def wbr(written: Annotated[pl.LazyFrame, written]) -> pl.LazyFrame:
    """Write the review of the last complete week."""
    return written
