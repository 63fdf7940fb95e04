"""alerts.alerts: the rules that fire on the last seven complete days."""

from datetime import datetime

import polars as pl
from pandera.typing.polars import LazyFrame

import kpis
from growthos_assets.cohorts.cohorts import Cohorts
from growthos_assets.kpis.kpi_daily import KpiDaily
from growthos_assets.marts.dim_channel import DimChannel, channel_names
from growthos_assets.table import table
from warehouse.contract import Instant, Table, column
from warehouse.tenants import Tenant

DAYS = 7


class Alerts(Table, name="alerts.alerts", key=("id",)):
    """One row per alert that fires now: a week against the week before, by the rules of kpis/alerts.py."""

    id: str = column("The rule; for a channel's rule with the channel's id behind it.")
    severity: str = column("How bad it is.", isin=["critical", "warning", "info"])
    title: str = column("What happened, in a few words.")
    segment: str = column("Whom it concerns.")
    metric_value: float = column("The change that fired: a fraction, or points for percentages.")
    threshold: float = column("The line that it crossed.")
    recommendation: str = column("What to do.")
    description: str = column("The numbers behind it.")
    window_start: pl.Date = column("First day of the week that was looked at.")
    window_end: pl.Date = column("Last day of the week that was looked at.")
    evaluated_at: Instant = column("When the rules were evaluated, by the tenant's clock.")


@table(Alerts)
def alerts(
    kpi_daily: LazyFrame[KpiDaily],
    cohorts: LazyFrame[Cohorts],
    dim_channel: LazyFrame[DimChannel],
    tenant: Tenant,
    now: datetime,
) -> pl.LazyFrame:
    """Evaluate the tenant's rules on the last seven complete days."""
    window = kpis.trailing(DAYS, kpis.last_complete_day(now, tenant.timezone))
    names = channel_names(dim_channel)
    fired = kpis.alerts.evaluate(kpi_daily, cohorts, window, tenant.alert_thresholds, names, tenant.currency)
    return fired.lazy().with_columns(
        window_start=pl.lit(window.start),
        window_end=pl.lit(window.end),
        evaluated_at=pl.lit(now, pl.Datetime("us", "UTC")),
    )
