"""alerts.alerts: what fires after the last complete day."""

from datetime import datetime
from typing import Annotated

import polars as pl

import kpis
from growthos_assets.alerts.evaluation import DAYS, evaluated
from growthos_assets.table import table
from warehouse.contract import Instant, Table, column, polars_schema
from warehouse.tenants import Tenant


class Alerts(Table, name="alerts.alerts", key=("id",)):
    """One row per alert that fires now, by the rules of kpis/alerts: effect and evidence, remembered from day to day.

    Weekly rules hold the last seven complete days against the four weeks before, daily ones the last day against eight
    weeks. docs/alerts.md explains each rule; ops.alert_states has the past, ops.alert_events what there is to tell.
    """

    id: str = column("The rule; for a channel's rule with the channel's id behind it, and likewise.")
    state: str = column(
        "firing; recovering while it has not been clear for long enough; no_data or error while nothing can be said.",
        isin=["firing", "recovering", "no_data", "error"],
    )
    since: pl.Date = column("First day of the episode.")
    severity: str = column(
        "How bad it is, by the cautious end of what is likely.", isin=["critical", "warning", "info"]
    )
    title: str = column("What happened, in a few words.", metadata={"sources": []})
    segment: str = column("Whom it concerns.")
    metric_value: float = column("The change that fired: a fraction, or points for percentages; or an amount.")
    threshold: float = column("The line that it crossed.")
    p_value: float = column("The chance of as much by chance alone; for one of many, adjusted for their number.")
    low: float = column("At least this, with 95 % confidence; null where it is unbounded.", nullable=True)
    high: float = column("At most this, with 95 % confidence; null where it is unbounded.", nullable=True)
    at_stake: float = column("Money: what the change costs or brings in the window.", nullable=True)
    description: str = column("The numbers behind it.")
    why: str = column("Which factor, cost, channel or campaign moved it.")
    recommendation: str = column("What to do.")
    runbook: str = column("Where to read on.")
    silenced_by: str = column("Why nobody is told of it; empty when somebody is.")
    window_start: pl.Date = column("First day of the week that was looked at.")
    window_end: pl.Date = column("Last day of the week that was looked at.")
    evaluated_at: Instant = column("When the rules were evaluated, by the tenant's clock.")


@table(Alerts)
def alerts(evaluated: Annotated[pl.LazyFrame, evaluated], tenant: Tenant, now: datetime) -> pl.LazyFrame:
    """What fires after the tenant's last complete day."""
    window = kpis.trailing(DAYS, kpis.last_complete_day(now, tenant.timezone))
    return evaluated.with_columns(
        window_start=pl.lit(window.start),
        window_end=pl.lit(window.end),
        evaluated_at=pl.lit(now, pl.Datetime("us", "UTC")),
    ).select(polars_schema(Alerts).names())
