"""cohorts/ltv_models: the models that say what customers will still buy, and why a model was refused."""

from datetime import datetime

import polars as pl
from pandera.typing.polars import LazyFrame

from growthos_assets.marts.fact_orders import FactOrders
from growthos_assets.table import Finding, check, table
from kpis import ltv
from kpis.windows import last_complete_day
from warehouse.contract import Table, column
from warehouse.tenants import Tenant

_WHO = {"sources": ["fact_orders.customer_id"]}
_WHEN = {"sources": [*_WHO["sources"], "fact_orders.order_date"]}
_WORTH = {"sources": [*_WHEN["sources"], "fact_orders.revenue_net"]}
_EARNED = {"sources": [*_WORTH["sources"], "fact_orders.contribution_margin"]}


class LtvModels(Table, name="cohorts.ltv_models", key=("model",)):
    """One row per model of LTV: its most likely parameters up to the last complete day, or why it was refused.

    Fitted to the customers whose first order is known to be their first, which those of the history's first month
    are not. Parameters are as in the papers that docs/ltv.md names; those of other models are null.
    """

    model: str = column("bg_nbd, pareto_nbd and nbd say when customers buy, gamma_gamma for how much.", metadata=_WHO)
    is_used: bool = column(
        "Used by ltv_forecast: gamma_gamma, and the likeliest of the others, if not refused.", metadata=_WORTH
    )
    reason: str = column("Why the model was refused; null where it was fitted.", nullable=True, metadata=_WORTH)
    customers: int = column("Customers it was fitted to.", ge=0, metadata=_WHO)
    repeat_customers: int = column("Those with a repeat order worth more than nothing.", ge=0, metadata=_WORTH)
    acquired_from: pl.Date = column("First order of the oldest of them.", nullable=True, metadata=_WHEN)
    acquired_to: pl.Date = column("First order of the youngest.", nullable=True, metadata=_WHEN)
    r: float = column("Shape of the purchase rates' gamma distribution.", nullable=True, gt=0, metadata=_WHEN)
    alpha: float = column("Its rate parameter, in days.", nullable=True, gt=0, metadata=_WHEN)
    a: float = column("bg_nbd: first parameter of the stopping chances' beta.", nullable=True, gt=0, metadata=_WHEN)
    b: float = column("bg_nbd: the second.", nullable=True, gt=0, metadata=_WHEN)
    s: float = column(
        "pareto_nbd: shape of the stopping rates' gamma distribution.", nullable=True, gt=0, metadata=_WHEN
    )
    beta: float = column("pareto_nbd: its rate parameter, in days.", nullable=True, gt=0, metadata=_WHEN)
    p: float = column("gamma_gamma: shape of a customer's order values.", nullable=True, gt=0, metadata=_WORTH)
    q: float = column("gamma_gamma: shape of their rates' distribution.", nullable=True, gt=1, metadata=_WORTH)
    gamma: float = column("gamma_gamma: its rate parameter, in money.", nullable=True, gt=0, metadata=_WORTH)
    log_likelihood: float = column(
        "Of the days with an order, or of the average order values, in days and money.", nullable=True, metadata=_WORTH
    )
    value_correlation: float = column(
        "gamma_gamma: rank correlation of order value with frequency; it takes them to be independent.",
        nullable=True,
        ge=-1,
        le=1,
        metadata=_WORTH,
    )
    value_scale: float = column(
        "gamma_gamma: net revenue of all repeat orders ÷ what it, fitted to those who kept something, expects of them.",
        nullable=True,
        gt=0,
        metadata=_WORTH,
    )
    margin_rate: float = column(
        "gamma_gamma: contribution margin ÷ net revenue of all repeat orders.", nullable=True, metadata=_EARNED
    )


@table(LtvModels)
def ltv_models(fact_orders: LazyFrame[FactOrders], tenant: Tenant, now: datetime) -> pl.LazyFrame:
    return ltv.models(fact_orders.filter("is_counted"), last_complete_day(now, tenant.timezone)).lazy()


@check(LtvModels)
def models_fitted_or_refused(ltv_models: LazyFrame[LtvModels]) -> Finding:
    """A model has a likelihood or a reason why not, and only one that has a likelihood is used."""
    fitted = pl.col("log_likelihood").is_not_null()
    wrong = ltv_models.filter((fitted == pl.col("reason").is_not_null()) | (pl.col("is_used") & ~fitted))
    return Finding.of(wrong.collect(), "models are neither fitted nor refused", ok="each is fitted, or refused")
