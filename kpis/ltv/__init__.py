"""LTV: what each customer is still expected to buy, after probability models of the whole customer base.

Orders come from BG/NBD or Pareto/NBD (or NBD, where the history shows nobody stopping), their value from
Gamma-Gamma, all fitted by maximum likelihood. What the data can't carry is refused, with the reason in the row.
docs/ltv.md tells the models, the limits and the proofs.

The three functions take `orders`, the counted ones: customer_id (null for a guest), order_date, revenue_net,
contribution_margin. A day with several orders is one order to the models. Value is net revenue, refunds taken
off (order basis); margin is beside it, at the brand's own rate. Nothing is discounted: money of next year counts
like money of tomorrow.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import polars as pl

    from kpis.frame import Frame
    from kpis.windows import Window

HORIZONS: Final = (90, 180, 365)
"""Days after the last day for which customers are forecast."""

AS_BEFORE: Final = "as_before"
"""The predictor to beat: everyone buys again what they bought in as many days before."""

# numpy and scipy take half a second to import: only a process that fits or forecasts should wait for them


def models(orders: Frame, last_day: date, acquired: Window | None = None) -> pl.DataFrame:
    """One row per model (bg_nbd, pareto_nbd, nbd, gamma_gamma), fitted to the history up to `last_day`.

    Fitted to the customers whose first order is known to be their first: not those of the history's first month.
    With `acquired`, to those of them whose first order is in that window.

    - model; is_used: by forecast(), which takes the likeliest of the purchase models.
    - reason: why it was refused; null where it was fitted.
    - customers, repeat_customers (with a repeat order worth more than 0), acquired_from, acquired_to: fitted to.
    - r, alpha, a, b, s, beta, p, q, gamma: its parameters, null for those of other models. alpha and beta are in
      days, gamma is money.
    - log_likelihood: of the days with an order (purchase models), or of the average order values.
    - value_correlation, value_scale, margin_rate (in gamma_gamma's row): rank correlation of order value with
      frequency; net revenue of all repeat orders ÷ what gamma_gamma, fitted to those who kept something, expects of
      them; contribution margin ÷ net revenue of all repeat orders.
    """
    from kpis.ltv.fitting import models

    return models(orders, last_day, acquired)


def holdout(orders: Frame, last_day: date, acquired: Window | None = None) -> pl.DataFrame:
    """One row per predictor (bg_nbd, pareto_nbd, nbd, as_before): what it said of the newest days without knowing them.

    - fitted_to, days: the models know the history up to that day and predict the days after it, up to `last_day`.
    - customers: acquired until then (and in the window `acquired`), the history's first month left out.
    - orders, revenue: their repeat orders in those days, and what they were worth.
    - orders_predicted, revenue_predicted: what the predictor said. Null where refused, with the reason.
    - error_per_customer: mean absolute difference between a customer's orders and what was predicted.
    """
    from kpis.ltv.backtest import holdout

    return holdout(orders, last_day, acquired)


def forecast(orders: Frame, models: Frame, last_day: date) -> pl.DataFrame:
    """One row per customer who has bought up to `last_day`, sorted by customer_id, after what models() gave.

    - model: of the purchases. Null, with p_alive and all that is expected, where all were refused.
    - repeat_orders, last_order_age_days, age_days, repeat_order_value, is_left_truncated: what is known of the
      customer. One who is left-truncated may be older than age_days says, so the forecast is worth less.
    - p_alive: the probability that the customer has not stopped buying. Null with nbd, for which nobody stops.
    - expected_orders_90, _180, _365: in that many days after `last_day`.
    - expected_order_value, expected_revenue_…, expected_margin_… (money). Null where gamma_gamma was refused.
    - reason: why something is null; null where nothing is missing.

    Probabilities and orders are rounded to four decimals, money to two.
    """
    from kpis.ltv.forecasting import forecast

    return forecast(orders, models, last_day)
