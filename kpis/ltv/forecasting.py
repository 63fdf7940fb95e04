"""What each customer is still expected to buy, from the models as they were published."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import polars as pl

from kpis.frame import Frame
from kpis.ltv import HORIZONS
from kpis.ltv.customers import customers
from kpis.ltv.fitting import PURCHASE_MODELS, histories, model_of, values
from kpis.ltv.gamma_gamma import GammaGamma
from kpis.ltv.numeric import Array
from kpis.ltv.purchases import PurchaseModel

_ORDERS: Final = [f"expected_orders_{days}" for days in HORIZONS]


def forecast(orders: Frame, models: Frame, last_day: date) -> pl.DataFrame:
    """One row per customer: see kpis.ltv."""
    known = customers(orders, last_day).collect()
    rows = {row["model"]: row for row in models.lazy().collect().rows(named=True)}
    purchases = next((kind for kind in PURCHASE_MODELS if rows[kind.name]["is_used"]), None)
    value = rows[GammaGamma.name]
    margin_rate = pl.lit(value["margin_rate"], pl.Float64)

    found = known.select(
        "customer_id",
        pl.lit(purchases and purchases.name, pl.String).alias("model"),
        "repeat_orders",
        "last_order_age_days",
        "age_days",
        "repeat_order_value",
        "is_left_truncated",
    ).with_columns(pl.lit(None, pl.Float64).alias(name) for name in ("p_alive", *_ORDERS, "expected_order_value"))
    if purchases:
        model = model_of(rows[purchases.name], purchases)
        past = histories(known)
        found = found.with_columns(
            _rounded(f"expected_orders_{days}", model.expected_purchases(past, days), 4) for days in HORIZONS
        )
        if model.sees_stopping:
            found = found.with_columns(_rounded("p_alive", model.p_alive(past), 4))
    if value["is_used"]:
        worth = model_of(value, GammaGamma).expected_value(*values(known)) * value["value_scale"]
        found = found.with_columns(_rounded("expected_order_value", worth, 2))

    revenue = [pl.col(orders) * pl.col("expected_order_value") for orders in _ORDERS]
    return found.with_columns(
        *(r.round(2).alias(f"expected_revenue_{days}") for r, days in zip(revenue, HORIZONS, strict=True)),
        *(
            (r * margin_rate).round(2).alias(f"expected_margin_{days}")
            for r, days in zip(revenue, HORIZONS, strict=True)
        ),
        pl.lit(_reason(rows, purchases), pl.String).alias("reason"),
    )


def _rounded(name: str, numbers: Array, decimals: int) -> pl.Series:
    return pl.Series(name, numbers).round(decimals)


def _reason(rows: dict[str, dict[str, Any]], purchases: type[PurchaseModel] | None) -> str | None:
    """Why something is null; None where nothing is."""
    if purchases and purchases.sees_stopping:
        value = rows[GammaGamma.name]
        return f"{GammaGamma.name}: {value['reason']}" if value["reason"] else None
    refused: dict[str, list[str]] = {}
    for name, row in rows.items():
        if row["reason"]:
            refused.setdefault(row["reason"], []).append(name)
    reasons = [f"{', '.join(names)}: {reason}" for reason, names in refused.items()]
    if purchases:
        reasons.append(f"{purchases.name} is used: it takes it that nobody stops, so P(alive) is not known")
    return "; ".join(reasons)
