"""cohorts/ltv_forecast: what each customer is still expected to buy."""

from datetime import datetime
from itertools import pairwise

import polars as pl
from pandera.typing.polars import LazyFrame

from growthos_assets.cohorts.audit import each_buyer_once
from growthos_assets.cohorts.ltv_models import LtvModels
from growthos_assets.marts.dim_customer import DimCustomer
from growthos_assets.marts.fact_orders import FactOrders
from growthos_assets.table import Finding, check, table
from kpis import ltv
from kpis.windows import last_complete_day
from warehouse.contract import Table, column
from warehouse.tenants import Tenant

_DAYS = ["fact_orders.order_date"]
_PAST = {"sources": _DAYS}
_VALUE = {"sources": [*_DAYS, "fact_orders.revenue_net"]}
_WHEN = {"sources": [*_DAYS, "ltv_models.r", "ltv_models.alpha", *(f"ltv_models.{n}" for n in ("a", "b", "s", "beta"))]}
_WORTH = {
    "sources": ["fact_orders.revenue_net", "ltv_models.p", "ltv_models.q", "ltv_models.gamma", "ltv_models.value_scale"]
}
_REVENUE = {"sources": [*_WHEN["sources"], *_WORTH["sources"]]}
_MARGIN = {"sources": [*_REVENUE["sources"], "ltv_models.margin_rate"]}


class LtvForecast(Table, name="cohorts.ltv_forecast", key=("customer_id",)):
    """One row per customer who has bought up to the last complete day: what they will still buy after it.

    LTV is what they have bought so far (segments.monetary) and expected_revenue_…, which is net revenue, not
    discounted. An order is a day with orders. What the data can't carry is null, with the reason.
    """

    customer_id: str = column("The customer.")
    model: str = column(
        "The model of their purchases.", nullable=True, metadata={"sources": ["ltv_models.model", "ltv_models.is_used"]}
    )
    repeat_orders: int = column("Days with an order after the first such day.", ge=0, metadata=_PAST)
    last_order_age_days: int = column(
        "Days from the first of them to the newest; the models' recency. 0 without a repeat order.",
        ge=0,
        metadata=_PAST,
    )
    age_days: int = column("Days from the first order to the last complete day.", ge=0, metadata=_PAST)
    repeat_order_value: float = column("Net revenue per repeat order, if any.", nullable=True, metadata=_VALUE)
    is_left_truncated: bool = column(
        "First seen in the history's first month, so perhaps older than age_days: the forecast is worth less.",
        metadata=_PAST,
    )
    p_alive: float = column(
        "Probability that the customer has not stopped buying; null where no customer is seen to stop.",
        nullable=True,
        ge=0,
        le=1,
        metadata=_WHEN,
    )
    expected_orders_90: float = column("Expected orders in the next 90 days.", nullable=True, ge=0, metadata=_WHEN)
    expected_orders_180: float = column("The same in 180 days.", nullable=True, ge=0, metadata=_WHEN)
    expected_orders_365: float = column("The same in 365 days.", nullable=True, ge=0, metadata=_WHEN)
    expected_order_value: float = column(
        "Expected net revenue of each of them, what is sent back taken off.", nullable=True, ge=0, metadata=_WORTH
    )
    expected_revenue_90: float = column(
        "Expected net revenue in the next 90 days.", nullable=True, ge=0, metadata=_REVENUE
    )
    expected_revenue_180: float = column("The same in 180 days.", nullable=True, ge=0, metadata=_REVENUE)
    expected_revenue_365: float = column("The same in 365 days.", nullable=True, ge=0, metadata=_REVENUE)
    expected_margin_90: float = column(
        "Its contribution margin, at the rate of all repeat orders.", nullable=True, metadata=_MARGIN
    )
    expected_margin_180: float = column("The same in 180 days.", nullable=True, metadata=_MARGIN)
    expected_margin_365: float = column("The same in 365 days.", nullable=True, metadata=_MARGIN)
    reason: str = column(
        "Why something is null; null where nothing is missing.",
        nullable=True,
        metadata={"sources": ["ltv_models.reason"]},
    )


@table(LtvForecast)
def ltv_forecast(
    fact_orders: LazyFrame[FactOrders], ltv_models: LazyFrame[LtvModels], tenant: Tenant, now: datetime
) -> pl.LazyFrame:
    last_day = last_complete_day(now, tenant.timezone)
    return ltv.forecast(fact_orders.filter("is_counted"), ltv_models, last_day).lazy()


@check(LtvForecast)
def forecasts_hold_every_buyer(
    ltv_forecast: LazyFrame[LtvForecast], dim_customer: LazyFrame[DimCustomer], tenant: Tenant, now: datetime
) -> Finding:
    """Every customer who has bought up to the last complete day has exactly one row, and nobody else has."""
    return each_buyer_once(ltv_forecast, dim_customer, tenant, now)


@check(LtvForecast)
def forecasts_grow_with_the_horizon(ltv_forecast: LazyFrame[LtvForecast]) -> Finding:
    """Nobody is expected to have bought less after more days."""
    falls = [
        pl.col(f"{what}_{long}") < pl.col(f"{what}_{short}")
        for what in ("expected_orders", "expected_revenue")
        for short, long in pairwise(ltv.HORIZONS)
    ]
    wrong = ltv_forecast.filter(pl.any_horizontal(fall.fill_null(False) for fall in falls))
    return Finding.of(wrong.collect(), "customers are expected to buy less in more days", ok="forecasts grow")
