"""The models of a brand's customers: fitted by maximum likelihood, or refused with the reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, fields, replace
from datetime import date
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
import polars as pl

from kpis.frame import Frame
from kpis.ltv.bg_nbd import BgNbd
from kpis.ltv.customers import customers
from kpis.ltv.gamma_gamma import GammaGamma
from kpis.ltv.likelihood import Refusal
from kpis.ltv.nbd import Nbd
from kpis.ltv.numeric import Array
from kpis.ltv.pareto_nbd import ParetoNbd
from kpis.ltv.purchases import Histories, PurchaseModel
from kpis.windows import Window

PURCHASE_MODELS: Final[tuple[type[PurchaseModel], ...]] = (BgNbd, ParetoNbd, Nbd)
MODELS: Final[tuple[type[PurchaseModel | GammaGamma], ...]] = (*PURCHASE_MODELS, GammaGamma)
PARAMETERS: Final = tuple(dict.fromkeys(field.name for model in MODELS for field in fields(model)))

MIN_CUSTOMERS: Final = 300
MIN_REPEAT_CUSTOMERS: Final = 100
MIN_HISTORY_DAYS: Final = 90
MAX_CORRELATION: Final = 0.3
"""Rank correlation of order value and frequency above which multiplying their expectations would mislead."""

_SCHEMA: Final[dict[str, Any]] = {
    "model": pl.String,
    "is_used": pl.Boolean,
    "reason": pl.String,
    "customers": pl.Int64,
    "repeat_customers": pl.Int64,
    "acquired_from": pl.Date,
    "acquired_to": pl.Date,
    **dict.fromkeys(PARAMETERS, pl.Float64),
    "log_likelihood": pl.Float64,
    "value_correlation": pl.Float64,
    "value_scale": pl.Float64,
    "margin_rate": pl.Float64,
}

Model = TypeVar("Model", bound=PurchaseModel | GammaGamma)


class Fits(NamedTuple):
    """The models of a group of customers, or why they were refused; the purchase models by name."""

    purchases: dict[str, PurchaseModel | Refusal]
    values: GammaGamma | Refusal


def models(orders: Frame, last_day: date, acquired: Window | None) -> pl.DataFrame:
    """One row per model: see kpis.ltv."""
    known = modelled(customers(orders, last_day), acquired)
    fits, again, grouped = fit_all(known), repeaters(known), _grouped(known)
    likelihoods = {n: m.log_likelihood(*grouped) for n, m in fits.purchases.items() if isinstance(m, PurchaseModel)}
    likeliest = max(likelihoods, key=lambda name: likelihoods[name], default=None)
    kept = fits.values if isinstance(fits.values, GammaGamma) else None
    shared = {
        "customers": known.height,
        "repeat_customers": again.height,
        "acquired_from": known["first_day"].min(),
        "acquired_to": known["first_day"].max(),
    }
    rows = [
        *(
            {"model": name, "is_used": name == likeliest, "log_likelihood": likelihoods.get(name), **_described(fit)}
            for name, fit in fits.purchases.items()
        ),
        {
            "model": GammaGamma.name,
            "is_used": kept is not None,
            "log_likelihood": kept and kept.log_likelihood(*values(again)),
            "value_correlation": _correlation(again),
            "value_scale": kept and value_scale(kept, known),
            "margin_rate": _margin_rate(known),
            **_described(fits.values),
        },
    ]
    return pl.DataFrame([shared | row for row in rows], schema=_SCHEMA)


def model_of(row: dict[str, Any], kind: type[Model]) -> Model:
    """The model that a row of models() describes."""
    return kind(**{field.name: row[field.name] for field in fields(kind)})


def modelled(known: pl.LazyFrame, acquired: Window | None) -> pl.DataFrame:
    """The rows of customers() that models are fitted to: those whose first order is known to be their first."""
    return known.filter(~pl.col("is_left_truncated"), acquired.filter("first_day") if acquired else True).collect()


def repeaters(known: pl.DataFrame) -> pl.DataFrame:
    """The rows of customers() with a repeat purchase that was worth something: a refunded one has no value to model."""
    return known.filter(pl.col("repeat_order_value") > 0)


def histories(known: pl.DataFrame) -> Histories:
    """The rows of customers() as arrays."""
    return Histories(*(_array(known[name]) for name in ("repeat_orders", "last_order_age_days", "age_days")))


def values(known: pl.DataFrame) -> tuple[Array, Array]:
    """How often each row of customers() bought again and for how much on average: 0 where not, or for nothing."""
    return _array(known["repeat_orders"]), _array(known["repeat_order_value"].fill_null(0).clip(0))


def value_scale(kept: GammaGamma, known: pl.DataFrame) -> float:
    """Net revenue of all repeat orders ÷ what `kept` expects of them; `known` as modelled() gives it.

    Gamma-Gamma can be fitted only to those who have kept something, and speaks of them: whoever sends everything back
    buys as well, and is in the sum of orders that values are multiplied with.
    """
    x, value = values(known)
    return _published(float(known["repeat_revenue"].sum()) / float(x @ kept.expected_value(x, value)))


def fit_all(known: pl.DataFrame) -> Fits:
    """Every model, or its refusal; `known` as modelled() gives it."""
    return Fits(
        {kind.name: _attempt(lambda kind=kind: _purchases(kind, known)) for kind in PURCHASE_MODELS},
        _attempt(lambda: _values(known)),
    )


def _attempt(fit: Callable[[], Model]) -> Model | Refusal:
    try:
        model = fit()
    except Refusal as refusal:
        return refusal
    return replace(model, **{name: _published(value) for name, value in asdict(model).items()})


def _published(value: float) -> float:
    """A published parameter is the one that was used, and its last bits are noise."""
    return float(f"{value:.8g}")


def _purchases(kind: type[PurchaseModel], known: pl.DataFrame) -> PurchaseModel:
    _ask(known.height, MIN_CUSTOMERS, "customers")
    _ask(known.filter(pl.col("repeat_orders") > 0).height, MIN_REPEAT_CUSTOMERS, "customers who bought again")
    _ask(known["age_days"].max() or 0, MIN_HISTORY_DAYS, "days of history")
    return kind.fit(*_grouped(known))


def _values(known: pl.DataFrame) -> GammaGamma:
    again = repeaters(known)
    _ask(again.height, MIN_REPEAT_CUSTOMERS, "customers who bought again")
    if known["repeat_revenue"].sum() <= 0:
        raise Refusal("repeat orders are worth nothing: as much was given back as was paid")
    correlation = _correlation(again) or 0.0
    if abs(correlation) > MAX_CORRELATION:
        raise Refusal(
            f"order value depends on how often a customer buys: rank correlation {correlation:.2f}, "
            f"beyond ±{MAX_CORRELATION}"
        )
    return GammaGamma.fit(*values(again))


def _ask(found: Any, needed: int, what: str) -> None:
    if found < needed:
        raise Refusal(f"too few {what}: {found} of {needed} needed")


def _grouped(known: pl.DataFrame) -> tuple[Histories, Array]:
    """Each different history once, in order, and how many customers have it."""
    names = ["repeat_orders", "last_order_age_days", "age_days"]
    groups = known.group_by(names).agg(pl.len().alias("alike")).sort(names)
    return histories(groups), _array(groups["alike"])


def _described(fit: PurchaseModel | GammaGamma | Refusal) -> dict[str, Any]:
    return {"reason": str(fit)} if isinstance(fit, Refusal) else asdict(fit)


def _correlation(again: pl.DataFrame) -> float | None:
    """Spearman's, of average value and frequency; None where one of them never varies."""
    ranks = again.select(pl.col("repeat_orders", "repeat_order_value").rank())
    found = ranks.select(pl.corr("repeat_orders", "repeat_order_value")).item()
    return found if found is not None and np.isfinite(found) else None


def _margin_rate(known: pl.DataFrame) -> float | None:
    """Contribution margin ÷ net revenue of all repeat orders, those that were sent back too: they cost as well."""
    margin, revenue = (float(known[name].sum()) for name in ("repeat_margin", "repeat_revenue"))
    return margin / revenue if revenue > 0 else None


def _array(column: pl.Series) -> Array:
    return column.cast(pl.Float64).to_numpy()
