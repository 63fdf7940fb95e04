"""kpis.kpi_daily: the additive measures that every KPI is made of."""

import polars as pl
from pandera.typing.polars import LazyFrame

from growthos_assets import charts
from growthos_assets.marts.dim_campaign import NO_CAMPAIGN
from growthos_assets.marts.fact_order_lines import FactOrderLines
from growthos_assets.marts.fact_orders import FactOrders
from growthos_assets.marts.fact_refunds import FactRefunds
from growthos_assets.marts.fact_spend import FactSpend
from growthos_assets.marts.fact_traffic import FactTraffic
from growthos_assets.table import Finding, check, table
from kpis import MEASURES
from warehouse.contract import Money, Table, column, polars_schema

KEY = ("date", "channel_id", "campaign_id")
COSTS = ("cogs", "shipping_cost", "ops_cost")
"""Booked with the sale, and taken back with the refund."""

GROSS, DISCOUNTS, REFUNDS = "fact_order_lines.revenue_gross", "fact_order_lines.discounts", "fact_refunds.refunds"
NET = [GROSS, DISCOUNTS, REFUNDS]
"""What revenue is summed from; fact_orders has columns of these names too, on the order basis."""

SQUARES: dict[str, pl.Expr] = {
    "gross_sq": pl.col("revenue_gross") * pl.col("revenue_gross"),
    "net_sq": pl.col("revenue_net") * pl.col("revenue_net"),
    "margin_sq": pl.col("contribution_margin") * pl.col("contribution_margin"),
    "margin_net": pl.col("contribution_margin") * pl.col("revenue_net"),
}
"""Per order; in whole units of currency², whose sums are the same in whatever order they are added."""

TRAFFIC = ("date", "channel_id", "sessions", "pdp_views", "add_to_cart", "checkouts", "purchases")


def _booked(*costs: str) -> list[str]:
    return [f"{fact}.{cost}" for fact in ("fact_order_lines", "fact_refunds") for cost in costs]


class KpiDaily(Table, name="kpis.kpi_daily", key=KEY):
    """One row per local day, channel and campaign on which something happened: additive measures, nothing else.

    A refund, and the costs that it reverses, is booked on the day of the refund. Ratios are never stored here: sum
    these columns at the grain you want and divide last (`kpis.rollup`). The squares say how far chance moves a sum over
    orders (kpis/alerts): they are per order, on the order's day, with its refunds to date taken off.
    """

    date: pl.Date = column(
        "The tenant's local day; for spend, the ad account's.",
        metadata={
            "sources": [
                "fact_orders.order_date",
                "fact_order_lines.order_date",
                "fact_refunds.refund_date",
                "fact_spend.date",
                "fact_traffic.date",
            ]
        },
    )
    channel_id: str = column("dim_channel.")
    campaign_id: str = column("dim_campaign; (none) when no campaign is known.")
    orders: int = column(MEASURES["orders"].doc, ge=0, metadata={"sources": ["fact_orders.order_id"]})
    new_customers: int = column(
        MEASURES["new_customers"].doc, ge=0, metadata={"sources": ["fact_orders.is_new_customer"]}
    )
    revenue_gross: Money = column(MEASURES["revenue_gross"].doc, metadata={"sources": [GROSS]})
    discounts: Money = column(MEASURES["discounts"].doc, metadata={"sources": [DISCOUNTS]})
    refunds: Money = column(MEASURES["refunds"].doc, metadata={"sources": [REFUNDS]})
    revenue_net: Money = column(MEASURES["revenue_net"].doc, metadata={"sources": NET})
    new_customer_revenue: Money = column(MEASURES["new_customer_revenue"].doc, metadata={"sources": NET})
    cogs: Money = column(MEASURES["cogs"].doc, metadata={"sources": _booked("cogs")})
    shipping_cost: Money = column(MEASURES["shipping_cost"].doc, metadata={"sources": _booked("shipping_cost")})
    ops_cost: Money = column(MEASURES["ops_cost"].doc, metadata={"sources": _booked("ops_cost")})
    contribution_margin: Money = column(
        MEASURES["contribution_margin"].doc, metadata={"sources": [*NET, *_booked(*COSTS)]}
    )
    gross_sq: int = column(MEASURES["gross_sq"].doc, ge=0, metadata={"sources": ["fact_orders.revenue_gross"]})
    net_sq: int = column(MEASURES["net_sq"].doc, ge=0, metadata={"sources": ["fact_orders.revenue_net"]})
    margin_sq: int = column(MEASURES["margin_sq"].doc, ge=0, metadata={"sources": ["fact_orders.contribution_margin"]})
    margin_net: int = column(
        MEASURES["margin_net"].doc, metadata={"sources": ["fact_orders.contribution_margin", "fact_orders.revenue_net"]}
    )
    spend: Money = column(MEASURES["spend"].doc, nullable=True)
    impressions: int = column(MEASURES["impressions"].doc, nullable=True)
    clicks: int = column(MEASURES["clicks"].doc, nullable=True)
    platform_conversions: float = column(MEASURES["platform_conversions"].doc, nullable=True)
    platform_value: Money = column(MEASURES["platform_value"].doc, nullable=True)
    sessions: int = column(MEASURES["sessions"].doc, nullable=True)
    pdp_views: int = column(MEASURES["pdp_views"].doc, nullable=True)
    add_to_cart: int = column(MEASURES["add_to_cart"].doc, nullable=True)
    checkouts: int = column(MEASURES["checkouts"].doc, nullable=True)
    purchases: int = column(MEASURES["purchases"].doc, nullable=True)


@table(KpiDaily, show=charts.revenue_and_spend)
def kpi_daily(
    fact_orders: LazyFrame[FactOrders],
    fact_order_lines: LazyFrame[FactOrderLines],
    fact_refunds: LazyFrame[FactRefunds],
    fact_spend: LazyFrame[FactSpend],
    fact_traffic: LazyFrame[FactTraffic],
) -> pl.LazyFrame:
    """Sum the facts by day, channel and campaign: sales on the order's day, refunds on their own."""
    orders = (
        fact_orders.filter("is_counted")
        .with_columns(pl.col("revenue_gross", "revenue_net", "contribution_margin").cast(pl.Float64))
        .select(
            "channel_id",
            "campaign_id",
            date="order_date",
            orders=pl.lit(1, pl.Int64),
            new_customers=pl.col("is_new_customer").cast(pl.Int64),
            **{name: square.round().cast(pl.Int64) for name, square in SQUARES.items()},
        )
    )
    sales = fact_order_lines.filter("is_counted").select(
        "channel_id",
        "campaign_id",
        "revenue_gross",
        "discounts",
        *COSTS,
        date="order_date",
        new_customer_revenue=pl.when("is_new_customer_order").then(pl.col("revenue_gross") - pl.col("discounts")),
    )
    refunds = fact_refunds.filter("is_counted").select(
        "channel_id",
        "campaign_id",
        "refunds",
        *(-pl.col(cost) for cost in COSTS),
        date="refund_date",
        new_customer_revenue=pl.when("is_new_customer_order").then(-pl.col("refunds")),
    )
    spend = fact_spend.select(*KEY, "spend", "impressions", "clicks", "platform_conversions", "platform_value")
    traffic = fact_traffic.select(*TRAFFIC, campaign_id=pl.lit(NO_CAMPAIGN))
    derived = ("revenue_net", "contribution_margin")
    return (
        pl.concat([orders, sales, refunds, spend, traffic], how="diagonal")
        .group_by(KEY)
        .agg(measure.total() for measure in MEASURES.values() if measure.name not in derived)
        .with_columns(revenue_net=pl.col("revenue_gross") - pl.col("discounts") - pl.col("refunds"))
        .with_columns(contribution_margin=pl.col("revenue_net") - pl.sum_horizontal(COSTS))
        .sort(KEY)
        .select(polars_schema(KpiDaily).names())
    )


@check(KpiDaily)
def reconcile_with_facts(
    kpi_daily: LazyFrame[KpiDaily],
    fact_orders: LazyFrame[FactOrders],
    fact_refunds: LazyFrame[FactRefunds],
    fact_spend: LazyFrame[FactSpend],
) -> Finding:
    """Orders, gross, discounts, refunds and spend add up to the facts, to the cent."""
    counted = fact_orders.filter("is_counted")
    pairs = {
        "orders": (kpi_daily.select(pl.col("orders").sum()), counted.select(pl.len())),
        "revenue_gross": (
            kpi_daily.select(pl.col("revenue_gross").sum()),
            counted.select(pl.col("revenue_gross").sum()),
        ),
        "discounts": (kpi_daily.select(pl.col("discounts").sum()), counted.select(pl.col("discounts").sum())),
        "refunds": (
            kpi_daily.select(pl.col("refunds").sum()),
            fact_refunds.filter("is_counted").select(pl.col("refunds").sum()),
        ),
        "spend": (kpi_daily.select(pl.col("spend").sum()), fact_spend.select(pl.col("spend").sum())),
    }
    sums = {name: (a.collect().item(), b.collect().item()) for name, (a, b) in pairs.items()}
    wrong = {name: f"{a} here, {b} in the facts" for name, (a, b) in sums.items() if a != b}
    return Finding(not wrong, "; ".join(f"{k}: {v}" for k, v in wrong.items()) or "all sums agree")
