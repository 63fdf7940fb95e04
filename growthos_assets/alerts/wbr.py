"""alerts.wbr: the weekly business review."""

from datetime import datetime

import polars as pl
from pandera.typing.polars import LazyFrame

import kpis
from growthos_assets.cohorts.cohorts import Cohorts
from growthos_assets.kpis.kpi_daily import KpiDaily
from growthos_assets.marts.dim_channel import DimChannel, channel_names
from growthos_assets.table import table
from kpis import Window
from warehouse.contract import Instant, Table, column
from warehouse.tenants import Tenant


class Wbr(Table, name="alerts.wbr", key=("week_start",)):
    """One row per week, Monday to Sunday: the review that was written of it. Past weeks stay as they were written."""

    week_start: pl.Date = column("The Monday.")
    week_end: pl.Date = column("The Sunday.")
    markdown: str = column("The review.")
    alerts: int = column("How many alerts it names.", ge=0)
    written_at: Instant = column("When it was written, by the tenant's clock.")


@table(Wbr, show=lambda reviews: reviews.sort("week_start")["markdown"].last(), keeps_past=True)
def wbr(
    kpi_daily: LazyFrame[KpiDaily],
    cohorts: LazyFrame[Cohorts],
    dim_channel: LazyFrame[DimChannel],
    tenant: Tenant,
    now: datetime,
) -> pl.LazyFrame:
    """Write the review of the last complete week."""
    week = kpis.last_complete_week(kpis.last_complete_day(now, tenant.timezone))
    markdown, alerts = review(kpi_daily, cohorts, dim_channel, tenant, week)
    return pl.LazyFrame(
        {
            "week_start": [week.start],
            "week_end": [week.end],
            "markdown": [markdown],
            "alerts": [alerts.height],
            "written_at": [now],
        },
        schema_overrides={"written_at": pl.Datetime("us", "UTC")},
    )


def review(
    kpi_daily: pl.LazyFrame,
    cohorts: pl.LazyFrame,
    dim_channel: pl.LazyFrame,
    tenant: Tenant,
    window: Window,
) -> tuple[str, pl.DataFrame]:
    """(Markdown, the alerts that it names) of any window against the one before."""
    before, names = window.previous(), channel_names(dim_channel)
    summary = kpis.compare(kpi_daily, window, before, kpis.wbr.SUMMARY_KPIS)
    channels = kpis.compare(kpi_daily, window, before, kpis.wbr.CHANNEL_KPIS, by=["channel_id"])
    alerts = kpis.alerts.evaluate(kpi_daily, cohorts, window, tenant.alert_thresholds, names, tenant.currency)
    markdown = kpis.wbr.render(
        window, summary.collect(), channels.collect(), alerts, cohorts.collect(), tenant.currency, names
    )
    return markdown, alerts
