"""kpis.kpi_summary: every KPI of every window, with what it was before."""

from datetime import datetime

import polars as pl
from pandera.typing.polars import LazyFrame

import kpis
from growthos_assets.kpis.kpi_daily import KpiDaily
from growthos_assets.kpis.windows import windows
from growthos_assets.table import Finding, check, table
from kpis import KPIS
from kpis.engine import of_measures
from warehouse.contract import Table, column
from warehouse.tenants import Tenant

SUMMARIZED = tuple(name for name, kpi in KPIS.items() if of_measures(kpi))


class KpiSummary(Table, name="kpis.kpi_summary", key=("days", "baseline", "kpi")):
    """One row per window, baseline and KPI: the value, what it was, and the reason where there is none."""

    days: int = column("Complete local days in the window.", ge=1)
    baseline: str = column(
        "What it is compared with: the days before, or the same days 52 weeks ago.",
        isin=["previous", "year_ago"],
    )
    kpi: str = column("Name in the KPI registry.")
    window_start: pl.Date = column("First day of the window.")
    window_end: pl.Date = column("Last day of the window: the last complete day.")
    value: float = column("The KPI in the window; null where it has no meaning.", nullable=True)
    previous: float = column("The KPI in the baseline.", nullable=True)
    change: float = column("Relative change; for percentages the difference in fractions of 1.", nullable=True)
    unit: str = column("money, count, ratio, percent or days.")
    reason: str = column("Why value, or else change, is null.", nullable=True)


@table(KpiSummary)
def kpi_summary(kpi_daily: LazyFrame[KpiDaily], tenant: Tenant, now: datetime) -> pl.LazyFrame:
    """Compare every window with the days before it and with the year before."""
    return pl.concat(
        kpis.compare(kpi_daily, window, baseline, SUMMARIZED).select(
            pl.lit(window.days, pl.Int64).alias("days"),
            pl.lit(name).alias("baseline"),
            "kpi",
            pl.lit(window.start).alias("window_start"),
            pl.lit(window.end).alias("window_end"),
            "value",
            "previous",
            "change",
            "unit",
            "reason",
        )
        for window in windows(tenant, now)
        for name, baseline in (("previous", window.previous()), ("year_ago", window.year_ago()))
    )


@check(KpiSummary)
def null_has_a_reason(kpi_summary: LazyFrame[KpiSummary]) -> Finding:
    """A KPI without a value says why."""
    mute = kpi_summary.filter(pl.col("value").is_null() & pl.col("reason").is_null()).collect()
    return Finding.of(mute, "KPIs are null without a reason", ok="every null has its reason")
