"""kpis.funnel: from a visit to a purchase, step by step."""

from datetime import datetime

import polars as pl
from pandera.typing.polars import LazyFrame

import kpis
from growthos_assets import charts
from growthos_assets.kpis.kpi_daily import KpiDaily
from growthos_assets.kpis.windows import CHARTED_DAYS, windows
from growthos_assets.table import table
from kpis import MEASURES
from kpis.engine import totals
from warehouse.contract import Table, column
from warehouse.tenants import Tenant

STEPS = ("sessions", "pdp_views", "add_to_cart", "checkouts", "purchases")
RATES = (
    "session_to_pdp",
    "pdp_to_atc",
    "atc_to_checkout",
    "checkout_to_purchase",
    "session_to_purchase",
)
ALL_CHANNELS = "(all)"


class Funnel(Table, name="kpis.funnel", key=("days", "channel_id")):
    """One row per window and channel with known traffic, and one for all of them: how often each step was taken.

    Steps after `sessions` are events, not visits: a visit may see several product pages, so that a rate may exceed 1.
    A step that nobody counts is null, and so are its rates.
    """

    days: int = column("Complete local days in the window, ending on the last complete day.", ge=1)
    channel_id: str = column("dim_channel, or (all).")
    sessions: int = column("Visits.", ge=0)
    pdp_views: int = column(MEASURES["pdp_views"].doc, nullable=True, ge=0)
    add_to_cart: int = column(MEASURES["add_to_cart"].doc, nullable=True, ge=0)
    checkouts: int = column(MEASURES["checkouts"].doc, nullable=True, ge=0)
    purchases: int = column(MEASURES["purchases"].doc, nullable=True, ge=0)
    session_to_pdp: float = column(
        "pdp_views ÷ sessions.",
        nullable=True,
        metadata={"sources": ["kpi_daily.pdp_views", "kpi_daily.sessions"]},
    )
    pdp_to_atc: float = column(
        "add_to_cart ÷ pdp_views.",
        nullable=True,
        metadata={"sources": ["kpi_daily.add_to_cart", "kpi_daily.pdp_views"]},
    )
    atc_to_checkout: float = column(
        "checkouts ÷ add_to_cart.",
        nullable=True,
        metadata={"sources": ["kpi_daily.checkouts", "kpi_daily.add_to_cart"]},
    )
    checkout_to_purchase: float = column(
        "purchases ÷ checkouts.",
        nullable=True,
        metadata={"sources": ["kpi_daily.purchases", "kpi_daily.checkouts"]},
    )
    session_to_purchase: float = column(
        "purchases ÷ sessions.",
        nullable=True,
        metadata={"sources": ["kpi_daily.purchases", "kpi_daily.sessions"]},
    )


def in_all(rows: pl.DataFrame) -> pl.DataFrame:
    """The charted window's row over all channels."""
    return rows.filter(pl.col("days") == CHARTED_DAYS, pl.col("channel_id") == ALL_CHANNELS)


@table(Funnel, show=lambda rows: charts.funnel_bars(in_all(rows)))
def funnel(kpi_daily: LazyFrame[KpiDaily], tenant: Tenant, now: datetime) -> pl.LazyFrame:
    """Roll the traffic up, by channel and in all, and divide last."""
    tracked = kpi_daily.filter(pl.col("sessions").is_not_null())
    with_total = pl.concat([tracked, tracked.with_columns(channel_id=pl.lit(ALL_CHANNELS))])
    key = ["channel_id"]

    def of(window: kpis.Window) -> pl.LazyFrame:
        steps = totals(with_total.filter(window.filter()), STEPS, key)
        rates = kpis.rollup(with_total, RATES, key, window)
        counted = steps.select(pl.lit(window.days, pl.Int64).alias("days"), "channel_id", *STEPS)
        return counted.join(rates, on="channel_id", maintain_order="left")

    return pl.concat(of(window) for window in windows(tenant, now))
