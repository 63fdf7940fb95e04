"""The additive measures of kpi_daily: everything a KPI may be built from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import polars as pl


@dataclass(frozen=True)
class Measure:
    """One summable column of the state frame (date × channel_id × campaign_id).

    `absent` says what a missing value means: "zero" when nothing happened, "null" when nobody was
    measuring (organic has no ad spend; an untracked day has no known sessions). The squares are evidence, not
    KPIs: the variance of a sum over orders that come by chance is the sum of their squares.
    """

    name: str
    unit: Literal["money", "count", "square"]
    absent: Literal["zero", "null"]
    doc: str

    def total(self) -> pl.Expr:
        """The sum at any grain; null when absent="null" and no row has a value (polars would say 0)."""
        column = pl.col(self.name)
        if self.absent == "zero":
            return column.sum()
        return pl.when(column.count() > 0).then(column.sum()).alias(self.name)


# One row per measure, as the table it is.
# fmt: off
MEASURES: Final[dict[str, Measure]] = {m.name: m for m in (
    Measure("orders", "count", "zero", "Counted orders: not test, not voided, not draft."),
    Measure("new_customers", "count", "zero", "Customers whose first counted order ever this is."),
    Measure("revenue_gross", "money", "zero", "Quantity × unit price before discounts, tax and shipping."),
    Measure("discounts", "money", "zero", "Discounts given, on the order's day."),
    Measure("refunds", "money", "zero", "Money given back, on the day of the refund."),
    Measure("revenue_net", "money", "zero", "revenue_gross − discounts − refunds."),
    Measure("new_customer_revenue", "money", "zero", "Net revenue of the orders that brought new customers."),
    Measure("cogs", "money", "zero", "Cost of goods sold, less restocked units on the refund's day."),
    Measure("shipping_cost", "money", "zero", "What shipping cost the brand."),
    Measure("ops_cost", "money", "zero", "Fulfilment and packaging cost."),
    Measure("contribution_margin", "money", "zero", "revenue_net − cogs − shipping_cost − ops_cost."),
    Measure("gross_sq", "square", "zero", "Σ revenue_gross² of the day's orders: how far chance moves the sum."),
    Measure("net_sq", "square", "zero", "Σ revenue_net² of the day's orders, refunds to date taken off."),
    Measure("margin_sq", "square", "zero", "Σ contribution_margin² of the day's orders, refunds to date taken off."),
    Measure("margin_net", "square", "zero", "Σ contribution_margin × revenue_net of the day's orders."),
    Measure("spend", "money", "null", "Ad spend; null where no ads exist."),
    Measure("impressions", "count", "null", "Ad impressions."),
    Measure("clicks", "count", "null", "Ad clicks."),
    Measure("platform_conversions", "count", "null", "Purchases the ad platforms claim; may be fractional."),
    Measure("platform_value", "money", "null", "Purchase value the ad platforms claim."),
    Measure("sessions", "count", "null", "Visits; null where no traffic is known."),
    Measure("pdp_views", "count", "null", "Product pages seen; a visit may see several."),
    Measure("add_to_cart", "count", "null", "Additions to the cart, as the web analytics counts them."),
    Measure("checkouts", "count", "null", "Checkouts begun, as the web analytics counts them."),
    Measure("purchases", "count", "null", "Purchases, as the web analytics saw them."),
)}
OF_LIVES: Final[dict[str, Measure]] = {m.name: m for m in (
    Measure("mature_customers", "count", "zero", "Customers who have reached the age."),
    Measure("returned_customers", "count", "zero", "Of them, those with an order on a later day by that age."),
    Measure("repeat_customers", "count", "zero", "Of them, those with a second order by that age."),
)}
"""What a state of customers' lives holds (kpis.lives.state); kpi_daily does not."""
# fmt: on
