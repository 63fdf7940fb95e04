"""cohorts/ltv_holdout: how good the LTV models are, on days that they did not know."""

from datetime import datetime

import polars as pl
from pandera.typing.polars import LazyFrame

from growthos_assets.cohorts.ltv_models import LtvModels
from growthos_assets.marts.fact_orders import FactOrders
from growthos_assets.table import Finding, check, table
from kpis import ltv
from kpis.windows import last_complete_day
from warehouse.contract import Table, column
from warehouse.tenants import Tenant

BAND = 1 / 3
"""How far predicted orders and revenue may be from the actual. The models know no season and no growth of habits."""

FEWEST = 30
"""Actual orders below which the share by which a prediction is off is mostly chance."""

_WHO = {"sources": ["fact_orders.customer_id"]}
_WHEN = {"sources": [*_WHO["sources"], "fact_orders.order_date"]}
_WORTH = {"sources": [*_WHEN["sources"], "fact_orders.revenue_net"]}


class LtvHoldout(Table, name="cohorts.ltv_holdout", key=("predictor",)):
    """One row per predictor: what it says of the newest days, knowing only the days before, beside what happened.

    The predictors are the purchase models, fitted without those days, and the one to beat: as_before.
    """

    predictor: str = column(
        "A model, or as_before: everyone buys again what they bought in as many days before.", metadata=_WHO
    )
    reason: str = column("Why something is null; null where nothing is missing.", nullable=True, metadata=_WORTH)
    fitted_to: pl.Date = column("Last day that the predictor knows.", metadata=_WHEN)
    days: int = column("Days after it that are predicted: a third of the history, at most 90.", ge=0, metadata=_WHEN)
    customers: int = column("Customers whose first order was until then, but not in the first month.", metadata=_WHEN)
    orders: int = column("Their days with an order among those predicted.", ge=0, metadata=_WHEN)
    orders_predicted: float = column("What the predictor said.", nullable=True, ge=0, metadata=_WHEN)
    error_per_customer: float = column(
        "Mean absolute difference between a customer's orders and those predicted.", nullable=True, ge=0, metadata=_WHEN
    )
    revenue: float = column("Net revenue of those orders.", metadata=_WORTH)
    revenue_predicted: float = column("What the predictor said.", nullable=True, metadata=_WORTH)


@table(LtvHoldout)
def ltv_holdout(fact_orders: LazyFrame[FactOrders], tenant: Tenant, now: datetime) -> pl.LazyFrame:
    return ltv.holdout(fact_orders.filter("is_counted"), last_complete_day(now, tenant.timezone)).lazy()


@check(LtvHoldout, severity="warn")
def holdout_within_a_third(ltv_holdout: LazyFrame[LtvHoldout], ltv_models: LazyFrame[LtvModels]) -> Finding:
    """The model that ltv_forecast uses was off by no more than a third, in orders and in revenue, on unknown days."""
    used = ltv_models.filter("is_used").select(predictor="model")
    found = ltv_holdout.join(used, on="predictor").drop_nulls("orders_predicted").collect()
    if found.is_empty():
        return Finding.skip("no model is used that could be tested")
    row = found.row(0, named=True)
    if row["orders"] < FEWEST:
        return Finding.skip(f"{row['orders']} orders in {row['days']} days are too few to judge a model by")
    before = ltv_holdout.filter(predictor=ltv.AS_BEFORE).collect().row(0, named=True)
    said = {
        what: [predicted[f"{what}_predicted"] / row[what] - 1 for predicted in (row, before)]
        for what in ("orders", "revenue")
        if row[f"{what}_predicted"] is not None and row[what] > 0
    }
    told = "; ".join(
        f"{row[f'{what}_predicted']:,.0f} {what} in {row['days']} days, {row[what]:,.0f} came: {off:+.0%}, "
        f"as before would have been {as_before:+.0%}"
        for what, (off, as_before) in said.items()
    )
    return Finding(all(abs(off) <= BAND for off, _ in said.values()), f"{row['predictor']} predicted {told}")
