"""kpis.channel_performance: what each channel costs and brings."""

from datetime import datetime

import polars as pl
from pandera.typing.polars import LazyFrame

import kpis
from growthos_assets import charts
from growthos_assets.kpis.kpi_daily import KpiDaily
from growthos_assets.kpis.windows import CHARTED_DAYS, windows
from growthos_assets.marts.dim_channel import DimChannel
from growthos_assets.table import table
from warehouse.contract import Money, Table, column
from warehouse.tenants import Tenant

SHOWN = (
    "revenue_gross",
    "revenue_net",
    "orders",
    "new_customers",
    "contribution_margin_total",
    "contribution_margin_pct",
    "spend",
    "aov",
    "channel_cac",
    "roas",
    "roas_platform",
    "cpm",
    "cpc",
    "ctr",
)


class ChannelPerformance(Table, name="kpis.channel_performance", key=("days", "channel_id")):
    """One row per window and channel: revenue, customers, spend and the ratios between them.

    Channels without ads have no spend, and so no CAC and no ROAS: null, not 0.
    """

    days: int = column("Complete local days in the window, ending on the last complete day.", ge=1)
    channel_id: str = column("dim_channel.")
    name: str = column("What people call the channel.")
    revenue_gross: Money = column("Before discounts and refunds.")
    revenue_net: Money = column("After discounts and refunds.")
    orders: int = column("Counted orders.")
    new_customers: int = column("Customers whose first order came through the channel.")
    contribution_margin_total: Money = column(
        "Net revenue − COGS − shipping − ops, before marketing.",
        metadata={"sources": ["kpi_daily.contribution_margin"]},
    )
    contribution_margin_pct: float = column(
        "Contribution margin ÷ net revenue.",
        nullable=True,
        metadata={"sources": ["kpi_daily.contribution_margin", "kpi_daily.revenue_net"]},
    )
    spend: Money = column("Ad spend; null where there are no ads.", nullable=True)
    aov: float = column(
        "(Gross − discounts) ÷ orders.",
        nullable=True,
        metadata={"sources": ["kpi_daily.revenue_gross", "kpi_daily.discounts", "kpi_daily.orders"]},
    )
    channel_cac: float = column(
        "Spend ÷ new customers.",
        nullable=True,
        metadata={"sources": ["kpi_daily.spend", "kpi_daily.new_customers"]},
    )
    roas: float = column(
        "First-party net revenue ÷ spend.",
        nullable=True,
        metadata={"sources": ["kpi_daily.revenue_net", "kpi_daily.spend"]},
    )
    roas_platform: float = column(
        "What the platform claims ÷ spend.",
        nullable=True,
        metadata={"sources": ["kpi_daily.platform_value", "kpi_daily.spend"]},
    )
    cpm: float = column(
        "Spend per 1,000 impressions.",
        nullable=True,
        metadata={"sources": ["kpi_daily.spend", "kpi_daily.impressions"]},
    )
    cpc: float = column(
        "Spend per click.", nullable=True, metadata={"sources": ["kpi_daily.spend", "kpi_daily.clicks"]}
    )
    ctr: float = column(
        "Clicks ÷ impressions.",
        nullable=True,
        metadata={"sources": ["kpi_daily.clicks", "kpi_daily.impressions"]},
    )


@table(ChannelPerformance, show=lambda rows: charts.channel_bars(rows.filter(pl.col("days") == CHARTED_DAYS)))
def channel_performance(
    kpi_daily: LazyFrame[KpiDaily], dim_channel: LazyFrame[DimChannel], tenant: Tenant, now: datetime
) -> pl.LazyFrame:
    """Roll the measures up to channels; a channel in which nothing happened has no row."""
    rows = [
        kpis.rollup(kpi_daily, SHOWN, by=["channel_id"], window=window).select(
            pl.lit(window.days, pl.Int64).alias("days"), "channel_id", *SHOWN
        )
        for window in windows(tenant, now)
    ]
    names = dim_channel.select("channel_id", "name")
    return pl.concat(rows).join(names, on="channel_id", maintain_order="left")
