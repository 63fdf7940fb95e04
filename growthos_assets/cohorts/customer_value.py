"""cohorts/customer_value: each customer in one row: where from, worth what, and still expected to buy?"""

from datetime import datetime
from typing import Annotated

import polars as pl
from pandera.typing.polars import LazyFrame

import kpis.customers
from growthos_assets.cohorts.audit import each_buyer_once
from growthos_assets.cohorts.lives import lives
from growthos_assets.cohorts.ltv_forecast import LtvForecast
from growthos_assets.cohorts.segments import NAMES, Segments
from growthos_assets.marts.audit import reconciled
from growthos_assets.marts.dim_customer import DimCustomer
from growthos_assets.marts.fact_orders import FactOrders
from growthos_assets.table import Finding, check, table
from kpis.windows import last_complete_day
from warehouse.contract import Money, Table, column, polars_schema
from warehouse.tenants import Tenant

_DAYS = {"sources": ["fact_orders.order_date"]}
_CHANNEL = {"sources": ["fact_orders.channel_id", "fact_orders.processed_at", "fact_orders.is_new_customer"]}


class CustomerValue(Table, name="cohorts.customer_value", key=("customer_id",)):
    """One row per customer who has bought up to the last complete day. Guests, whom nobody knows again, are left out.

    For lists of whom to write to: by segment, by what they began with, by who is overdue (next_order_expected has
    passed) or at risk. Money is of all counted orders, refunds to date taken off.
    """

    customer_id: str = column("The customer.", metadata={"sources": ["fact_orders.customer_id"]})
    segment: str = column("RFM segment.", isin=NAMES)
    first_order_date: pl.Date = column("Day of the first order.", metadata=_DAYS)
    last_order_date: pl.Date = column("Day of the newest order.", metadata=_DAYS)
    first_channel: str = column("Channel of the first order.", metadata=_CHANNEL)
    last_channel: str = column("Channel of the newest order.", metadata=_CHANNEL)
    first_product: str = column(
        'Product of the first order\'s largest line after discounts: its product_id, else its sku, else "(none)".',
        metadata={"sources": ["fact_order_lines.product_id", "fact_order_lines.sku", "fact_orders.is_new_customer"]},
    )
    first_discount: str = column(
        "Discount on the first order, as a band of percents of its gross revenue.",
        metadata={"sources": ["fact_orders.discounts", "fact_orders.revenue_gross", "fact_orders.is_new_customer"]},
    )
    is_left_truncated: bool = column(
        "First seen in the history's first month: what seems the first order may be a later one.", metadata=_DAYS
    )
    orders: int = column("Counted orders.", ge=1, metadata={"sources": ["fact_orders.order_id"]})
    revenue_gross: Money = column("Before discounts and refunds.")
    discounts: Money = column("Discounts given.")
    revenue_net: Money = column("Gross − discounts − refunds.")
    contribution_margin: Money = column("Net − COGS − shipping − ops, before marketing.")
    aov: float = column(
        "(Gross − discounts) ÷ orders.",
        metadata={"sources": ["fact_orders.revenue_gross", "fact_orders.discounts", "fact_orders.order_id"]},
    )
    days_between_orders: float = column(
        "Mean days from one day with orders to the next; null with only one such day.",
        nullable=True,
        gt=0,
        metadata=_DAYS,
    )
    next_order_expected: pl.Date = column(
        "The newest order's day and as many days more; null with only one day with orders.",
        nullable=True,
        metadata=_DAYS,
    )
    p_alive: float = column(
        "Probability that the customer has not stopped buying; null where there is no forecast.",
        nullable=True,
        ge=0,
        le=1,
    )
    expected_revenue_365: float = column(
        "Expected net revenue in the next 365 days; null where there is no forecast.", nullable=True, ge=0
    )
    is_at_risk: bool = column(
        f"p_alive is below {kpis.customers.AT_RISK:g}; null where there is no forecast.",
        nullable=True,
        metadata={"sources": ["ltv_forecast.p_alive"]},
    )


@table(CustomerValue)
def customer_value(
    lives: Annotated[pl.LazyFrame, lives], segments: LazyFrame[Segments], ltv_forecast: LazyFrame[LtvForecast]
) -> pl.LazyFrame:
    return kpis.customers.customer_value(lives, segments, ltv_forecast).select(polars_schema(CustomerValue).names())


@check(CustomerValue)
def values_hold_every_buyer(
    customer_value: LazyFrame[CustomerValue], dim_customer: LazyFrame[DimCustomer], tenant: Tenant, now: datetime
) -> Finding:
    """Every customer who has bought up to the last complete day has exactly one row, and nobody else has."""
    return each_buyer_once(customer_value, dim_customer, tenant, now)


@check(CustomerValue)
def values_reconcile_with_orders(
    customer_value: LazyFrame[CustomerValue], fact_orders: LazyFrame[FactOrders], tenant: Tenant, now: datetime
) -> Finding:
    """Orders and money add up to those of the counted orders that name a customer, to the last decimal."""
    last_day = last_complete_day(now, tenant.timezone)
    money = ("revenue_gross", "discounts", "revenue_net", "contribution_margin")
    known = fact_orders.filter("is_counted", pl.col("customer_id").is_not_null(), pl.col("order_date") <= last_day)
    return reconciled(known.select(pl.sum(*money), orders=pl.len()), customer_value.select(pl.sum(*money, "orders")))
