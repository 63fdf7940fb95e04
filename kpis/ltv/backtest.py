"""How good the models are: fitted without the newest days, then asked for them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl

from kpis.frame import Frame
from kpis.ltv import AS_BEFORE
from kpis.ltv.customers import customers, repeat_orders
from kpis.ltv.fitting import fit_all, histories, modelled, value_scale, values
from kpis.ltv.gamma_gamma import GammaGamma
from kpis.ltv.likelihood import Refusal
from kpis.ltv.numeric import Array
from kpis.windows import Window

LONGEST: Final = 90
"""Days held out: a third of the history, at most this many."""

_SCHEMA: Final[dict[str, Any]] = {
    "predictor": pl.String,
    "reason": pl.String,
    "fitted_to": pl.Date,
    "days": pl.Int64,
    "customers": pl.Int64,
    "orders": pl.Int64,
    "orders_predicted": pl.Float64,
    "error_per_customer": pl.Float64,
    "revenue": pl.Float64,
    "revenue_predicted": pl.Float64,
}


def holdout(orders: Frame, last_day: date, acquired: Window | None) -> pl.DataFrame:
    """One row per predictor: see kpis.ltv."""
    oldest: Any = modelled(customers(orders, last_day), acquired)["age_days"].max() or 0
    days = min(LONGEST, oldest // 3)
    split = last_day - timedelta(days)
    known = modelled(customers(orders, split), acquired)
    bought, earned = _repeats(orders, known, split, last_day)
    rows = [
        {
            "predictor": said.predictor,
            "reason": said.reason,
            "fitted_to": split,
            "days": days,
            "customers": known.height,
            "orders": bought.sum(),
            "orders_predicted": None if said.orders is None else said.orders.sum(),
            "error_per_customer": None if said.orders is None else _mean(np.abs(said.orders - bought)),
            "revenue": earned.sum(),
            "revenue_predicted": said.revenue,
        }
        for said in _predictions(orders, known, split, days)
    ]
    return pl.DataFrame(rows, schema=_SCHEMA).with_columns(
        pl.col("orders_predicted", "error_per_customer").round(4), pl.col("revenue", "revenue_predicted").round(2)
    )


class _Prediction(NamedTuple):
    predictor: str
    reason: str | None = None
    orders: Array | None = None
    """Each customer's."""
    revenue: float | None = None
    """Everyone's."""


def _predictions(orders: Frame, known: pl.DataFrame, split: date, days: int) -> Iterator[_Prediction]:
    fits = fit_all(known)
    for name, model in fits.purchases.items():
        if isinstance(model, Refusal):
            yield _Prediction(name, str(model))
            continue
        expected = model.expected_purchases(histories(known), days)
        if isinstance(fits.values, Refusal):
            yield _Prediction(name, f"{GammaGamma.name}: {fits.values}", expected)
        else:
            worth = fits.values.expected_value(*values(known)) * value_scale(fits.values, known)
            yield _Prediction(name, None, expected, float(expected @ worth))
    bought, earned = _repeats(orders, known, split - timedelta(days), split)
    yield _Prediction(AS_BEFORE, None, bought, float(earned.sum()))


def _mean(numbers: Array) -> float | None:
    return float(numbers.mean()) if len(numbers) else None


def _repeats(orders: Frame, known: pl.DataFrame, after: date, until: date) -> tuple[Array, Array]:
    """Each customer's repeat orders in those days, and what they were worth."""
    found = known.lazy().join(repeat_orders(orders, after, until), on="customer_id", how="left", maintain_order="left")
    both = found.select(pl.col("orders", "revenue_net").fill_null(0).cast(pl.Float64)).collect()
    return both["orders"].to_numpy(), both["revenue_net"].to_numpy()
