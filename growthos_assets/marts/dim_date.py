"""marts/dim_date: the calendar."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import polars as pl
from pandera.typing.polars import LazyFrame

from growthos_assets.staging.orders import StgOrders
from growthos_assets.staging.refunds import StgRefunds
from growthos_assets.staging.spend import StgSpend
from growthos_assets.staging.traffic import StgTraffic
from growthos_assets.table import Finding, check, table
from warehouse.contract import Table, column
from warehouse.tenants import Tenant


class DimDate(Table, name="marts.dim_date", key=("date",)):
    """One row per day of every calendar year from the first to the last date in staging, and of this year.

    Days without an order are here too, so that a chart over them shows zero instead of nothing.
    """

    date: pl.Date = column(
        "The day.",
        metadata={
            "sources": [
                "stg_orders.order_date",
                "stg_refunds.refund_date",
                "stg_spend.date",
                "stg_traffic.date",
            ]
        },
    )
    day_of_week: int = column("0 = Sunday … 6 = Saturday.", ge=0, le=6)
    day_name: str = column("Sunday … Saturday.")
    iso_week: int = column("ISO 8601 week, beginning on Monday.", ge=1, le=53)
    iso_year: int = column("The year that the ISO week belongs to; not always the calendar year.")
    month: int = column("1 … 12.", ge=1, le=12)
    month_name: str = column("January … December.")
    quarter: int = column("1 … 4.", ge=1, le=4)
    year: int = column("Calendar year.")
    is_weekend: bool = column("Saturday or Sunday.")


@table(DimDate)
def dim_date(
    stg_orders: LazyFrame[StgOrders],
    stg_refunds: LazyFrame[StgRefunds],
    stg_spend: LazyFrame[StgSpend],
    stg_traffic: LazyFrame[StgTraffic],
    tenant: Tenant,
    now: datetime,
) -> pl.LazyFrame:
    today: date = now.astimezone(ZoneInfo(tenant.timezone)).date()
    seen = pl.concat(
        [
            stg_orders.select(date="order_date"),
            stg_refunds.select(date="refund_date"),
            stg_spend.select("date"),
            stg_traffic.select("date"),
            pl.LazyFrame({"date": [today]}),
        ]
    )
    first_year, year_after = (
        pl.min("date").dt.truncate("1y"),
        pl.max("date").dt.truncate("1y").dt.offset_by("1y"),
    )
    day = pl.col("date").dt
    return seen.select(date=pl.date_range(first_year, year_after, closed="left")).with_columns(
        day_of_week=day.weekday() % 7,
        day_name=day.strftime("%A"),
        iso_week=day.week(),
        iso_year=day.iso_year(),
        month=day.month(),
        month_name=day.strftime("%B"),
        quarter=day.quarter(),
        year=day.year(),
        is_weekend=day.weekday() >= 6,
    )


@check(DimDate)
def continuous_dates(dim_date: LazyFrame[DimDate]) -> Finding:
    """No day is missing between the first and the last."""
    gaps = (
        dim_date.sort("date")
        .select("date", days_since_previous=pl.col("date").diff().dt.total_days())
        .filter(pl.col("days_since_previous") != 1)
        .collect()
    )
    return Finding.of(gaps, "days do not follow the day before", ok="no gaps")
