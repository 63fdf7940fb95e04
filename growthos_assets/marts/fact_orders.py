"""marts/fact_orders: every order with what it earned."""

import polars as pl
from pandera.typing.polars import LazyFrame

from growthos_assets.charts import daily_revenue
from growthos_assets.marts.attribution import CAMPAIGN, NEW_CUSTOMER, attributed
from growthos_assets.marts.audit import known, not_empty, reconciled, unique
from growthos_assets.marts.dim_campaign import DimCampaign
from growthos_assets.marts.dim_channel import DimChannel
from growthos_assets.marts.fact_order_lines import FactOrderLines
from growthos_assets.marts.fact_refunds import FactRefunds
from growthos_assets.staging.customers import StgCustomers
from growthos_assets.staging.order_lines import StgOrderLines
from growthos_assets.staging.orders import StgOrders
from growthos_assets.staging.refunds import StgRefunds
from growthos_assets.table import Finding, check, table
from warehouse.contract import Instant, Money, Table, column, polars_schema

COSTS = ("cogs", "shipping_cost", "ops_cost")

_NET = ["fact_order_lines.revenue_gross", "fact_order_lines.discounts", "fact_refunds.refunds"]


def _cost(name: str) -> dict[str, list[str]]:
    return {"sources": [f"fact_order_lines.{name}", f"fact_refunds.{name}"]}


class FactOrders(Table, name="marts.fact_orders", key=("order_id",)):
    """One row per order, test, cancelled and voided ones too; measures use those with `is_counted`.

    Money is on the ORDER basis: a refund lowers the order it belongs to, whenever it happened, which is right
    for cohorts, LTV and margins; daily KPIs book refunds on their own day, from fact_refunds. No amount holds
    gift cards.
    """

    order_id: str = column("The order.")
    order_date: pl.Date = column("Business day in the tenant's time zone.")
    processed_at: Instant = column("When it was placed.")
    source: str = column("Where it was read from.")
    customer_id: str = column("Who bought; null for a guest.", nullable=True)
    channel_id: str = column("The channel that brought the order.")
    channel_rule: str = column("The rule that decided the channel.")
    campaign_id: str = column(
        'The one campaign of that channel named exactly as the order\'s utm_campaign; else "(none)".',
        metadata=CAMPAIGN,
    )
    category: str = column("Category of its largest line after discounts.", nullable=True)
    region: str = column("Where it was shipped to.", nullable=True)
    currency: str = column("Currency of every amount but presentment_total.")
    presentment_currency: str = column("The currency that the customer was charged in.", nullable=True)
    presentment_total: Money = column(
        "The order's total as the customer was charged, in that currency: for audit, never summed.", nullable=True
    )
    revenue_gross: Money = column("Σ quantity × unit price before discounts, without tax and shipping.", ge=0)
    discounts: Money = column("Discounts.", ge=0)
    refunds: Money = column("Refunded revenue of this order, to date.")
    revenue_net: Money = column(
        "revenue_gross − discounts − refunds.",
        metadata={"sources": _NET},
    )
    cogs: Money = column("Cost of the goods that stayed sold.", metadata=_cost("cogs"))
    shipping_cost: Money = column(
        "The tenant's shipping rate × revenue_net, summed over lines and refunds.",
        metadata=_cost("shipping_cost"),
    )
    ops_cost: Money = column(
        "The tenant's ops rate × revenue_net, summed over lines and refunds.", metadata=_cost("ops_cost")
    )
    contribution_margin: Money = column(
        "revenue_net − cogs − shipping_cost − ops_cost, before marketing.",
        metadata={"sources": [*_NET, *(source for cost in COSTS for source in _cost(cost)["sources"])]},
    )
    shipping_charged: Money = column("What the customer paid for shipping; never revenue.")
    tax: Money = column("Tax; never revenue.")
    units: int = column("Units sold.", ge=0, metadata={"sources": ["fact_order_lines.quantity"]})
    is_new_customer: bool = column(
        "The customer's first counted order ever; never true for a guest.", metadata=NEW_CUSTOMER
    )
    is_test: bool = column("A test of the shop.")
    is_cancelled: bool = column("Cancelled; what was given back is in refunds.")
    is_voided: bool = column("The payment was voided.")
    is_counted: bool = column("Counts in measures: neither a test nor voided.")


@table(FactOrders, show=daily_revenue)
def fact_orders(
    stg_orders: LazyFrame[StgOrders],
    fact_order_lines: LazyFrame[FactOrderLines],
    fact_refunds: LazyFrame[FactRefunds],
    dim_campaign: LazyFrame[DimCampaign],
) -> pl.LazyFrame:
    lines = fact_order_lines.filter(~pl.col("is_gift_card"))
    sold = lines.select("order_id", "revenue_gross", "discounts", *COSTS, units="quantity")
    returned = fact_refunds.filter(~pl.col("is_gift_card")).select("order_id", "refunds", -pl.col(*COSTS))
    earned = pl.concat([sold, returned], how="diagonal").group_by("order_id").agg(pl.all().sum())
    net = pl.col("revenue_gross") - pl.col("discounts")
    largest = lines.sort(net, "line_id", descending=[True, False]).unique("order_id", keep="first", maintain_order=True)
    return (
        attributed(stg_orders, dim_campaign)
        .join(earned, on="order_id", how="left")
        .join(largest.select("order_id", "category"), on="order_id", how="left")
        .with_columns(pl.col("revenue_gross", "discounts", "refunds", *COSTS, "units").fill_null(0))
        .with_columns(revenue_net=net - pl.col("refunds"))
        .with_columns(contribution_margin=pl.col("revenue_net") - pl.sum_horizontal(COSTS))
        .select(polars_schema(FactOrders).names())
    )


@check(FactOrders)
def orders_not_empty(fact_orders: LazyFrame[FactOrders], stg_orders: LazyFrame[StgOrders]) -> Finding:
    """There are orders, if any shop or file has sent one."""
    return not_empty(fact_orders, stg_orders, skip="no shop or file has sent any order")


@check(FactOrders)
def no_duplicate_orders(fact_orders: LazyFrame[FactOrders]) -> Finding:
    """Every order is there once."""
    return unique(fact_orders, "order_id")


@check(FactOrders)
def net_lte_gross(fact_orders: LazyFrame[FactOrders], fact_refunds: LazyFrame[FactRefunds]) -> Finding:
    """No order nets more than its gross revenue, but for refund adjustments in the shop's favour."""
    favours = (
        fact_refunds.filter(pl.col("refunds") < 0, pl.col("kind") == "adjustment")
        .group_by("order_id")
        .agg(in_favour=-pl.sum("refunds"))
    )
    limit = pl.col("revenue_gross") + pl.col("in_favour").fill_null(0)
    wrong = fact_orders.join(favours, on="order_id", how="left").filter(pl.col("revenue_net") > limit)
    return Finding.of(wrong.collect(), "orders net more than their gross revenue", ok="net ≤ gross on every order")


@check(FactOrders)
def fk_orders_channel(fact_orders: LazyFrame[FactOrders], dim_channel: LazyFrame[DimChannel]) -> Finding:
    """Every order's channel is one of the channels."""
    return known(fact_orders, "channel_id", dim_channel)


@check(FactOrders)
def fk_orders_customer(fact_orders: LazyFrame[FactOrders], stg_customers: LazyFrame[StgCustomers]) -> Finding:
    """Every customer that an order names is a known customer."""
    return known(fact_orders, "customer_id", stg_customers)


@check(FactOrders)
def reconcile_with_staging(
    fact_orders: LazyFrame[FactOrders],
    stg_orders: LazyFrame[StgOrders],
    stg_order_lines: LazyFrame[StgOrderLines],
    stg_refunds: LazyFrame[StgRefunds],
) -> Finding:
    """Gross, discounts and refunds of counted orders add up to those of staging, gift cards left out."""
    counted = stg_orders.filter("is_counted")
    gift_cards = stg_order_lines.filter("is_gift_card")
    lines = stg_order_lines.filter(~pl.col("is_gift_card")).join(counted, on="order_id", how="semi")
    refunds = (
        stg_refunds.join(counted, on="order_id", how="semi")
        .join(gift_cards, on=["order_id", "line_id"], how="anti")
        .select(refunds="amount")
    )
    staged = pl.concat(
        [lines.select(pl.sum("revenue_gross", "discounts")), refunds.select(pl.sum("refunds"))],
        how="horizontal",
    )
    published = fact_orders.filter("is_counted").select(pl.sum("revenue_gross", "discounts", "refunds"))
    return reconciled(staged, published)
