"""kpis.unit_economics: where a unit of net revenue goes."""

from datetime import datetime

import polars as pl
from pandera.typing.polars import LazyFrame

import kpis
from growthos_assets.kpis.kpi_daily import KpiDaily
from growthos_assets.kpis.windows import windows
from growthos_assets.table import table
from warehouse.contract import Money, Table, column
from warehouse.tenants import Tenant

MONEY = (
    "revenue_gross",
    "discounts",
    "refunds",
    "revenue_net",
    "cogs",
    "shipping_cost",
    "ops_cost",
    "contribution_margin",
)
RATIOS = ("contribution_margin_pct", "contribution_after_marketing", "aov", "blended_cac")


class UnitEconomics(Table, name="kpis.unit_economics", key=("days",)):
    """One row per window: the money from gross revenue down to what is left after marketing."""

    days: int = column("Complete local days in the window, ending on the last complete day.", ge=1)
    orders: int = column("Counted orders.", ge=0)
    new_customers: int = column("Customers whose first order it is.", ge=0)
    revenue_gross: Money = column("Before discounts and refunds.")
    discounts: Money = column("Discounts given.")
    refunds: Money = column("Refunds of the window's days.")
    revenue_net: Money = column("Gross − discounts − refunds.")
    cogs: Money = column("Cost of the goods sold, restocked ones taken back.")
    cogs_pct: float = column(
        "COGS ÷ net revenue.",
        nullable=True,
        metadata={"sources": ["kpi_daily.cogs", "kpi_daily.revenue_net"]},
    )
    shipping_cost: Money = column("What shipping cost the brand.")
    shipping_pct: float = column(
        "Shipping cost ÷ net revenue.",
        nullable=True,
        metadata={"sources": ["kpi_daily.shipping_cost", "kpi_daily.revenue_net"]},
    )
    ops_cost: Money = column("Fulfilment and packaging.")
    ops_pct: float = column(
        "Ops cost ÷ net revenue.",
        nullable=True,
        metadata={"sources": ["kpi_daily.ops_cost", "kpi_daily.revenue_net"]},
    )
    contribution_margin: Money = column("Net − COGS − shipping − ops, before marketing.")
    contribution_margin_pct: float = column(
        "Contribution margin ÷ net revenue.",
        nullable=True,
        metadata={"sources": ["kpi_daily.contribution_margin", "kpi_daily.revenue_net"]},
    )
    spend: Money = column("Ad spend; null when no ad source is known.", nullable=True)
    contribution_after_marketing: Money = column(
        "Contribution margin − spend.",
        nullable=True,
        metadata={"sources": ["kpi_daily.contribution_margin", "kpi_daily.spend"]},
    )
    aov: float = column(
        "(Gross − discounts) ÷ orders.",
        nullable=True,
        metadata={"sources": ["kpi_daily.revenue_gross", "kpi_daily.discounts", "kpi_daily.orders"]},
    )
    blended_cac: float = column(
        "Spend ÷ new customers.",
        nullable=True,
        metadata={"sources": ["kpi_daily.spend", "kpi_daily.new_customers"]},
    )


@table(UnitEconomics)
def unit_economics(kpi_daily: LazyFrame[KpiDaily], tenant: Tenant, now: datetime) -> pl.LazyFrame:
    """Sum the measures of each window, and divide last."""
    measures = [kpis.MEASURES[name].total() for name in ("orders", "new_customers", *MONEY, "spend")]

    def share(cost: str) -> pl.Expr:
        net = pl.col("revenue_net").cast(pl.Float64)
        return pl.when(net > 0).then(pl.col(cost).cast(pl.Float64) / net)

    return pl.concat(
        pl.concat(
            [
                kpi_daily.filter(window.filter())
                .select(measures)
                .with_columns(
                    days=pl.lit(window.days, pl.Int64),
                    cogs_pct=share("cogs"),
                    shipping_pct=share("shipping_cost"),
                    ops_pct=share("ops_cost"),
                ),
                kpis.rollup(kpi_daily, RATIOS, window=window),
            ],
            how="horizontal",
        )
        for window in windows(tenant, now)
    )
