"""Why gross revenue moved: its change split exactly into the factors it is the product of."""

from __future__ import annotations

from collections.abc import Mapping
from math import log
from typing import NamedTuple

from kpis.kpi import Unit
from kpis.words import Movement


class Driver(NamedTuple):
    """One factor of gross revenue, and the money its own change is worth."""

    label: str
    unit: Unit
    value: float
    previous: float
    effect: float


def revenue_drivers(summary: Mapping[str, Movement]) -> list[Driver]:
    """Sessions × conversion × order value when both periods' sessions are known, else orders × order value.

    The effects sum to the change of gross revenue. Each is its share of the logarithmic change, so no order
    of the factors is favoured and no remainder is left (LMDI-I; Ang, Energy Policy 32, 2004). Conversion is
    shop orders ÷ sessions and order value gross revenue ÷ orders, so that the product is exact.
    Empty when a period has no revenue or no orders: there is no product to split.
    """
    revenue, orders = _both(summary, "revenue_gross"), _both(summary, "orders")
    if revenue is None or orders is None:
        return []
    sessions = _both(summary, "sessions")
    factors: list[tuple[str, Unit, tuple[float, float]]] = (
        [("Orders", "count", orders)]
        if sessions is None
        else [
            ("Sessions", "count", sessions),
            ("Conversion (orders ÷ sessions)", "percent", _ratio(orders, sessions)),
        ]
    )
    factors.append(("Order value (gross ÷ orders)", "money", _ratio(revenue, orders)))
    weight = _log_mean(*revenue)
    return [Driver(label, unit, now, before, weight * log(now / before)) for label, unit, (now, before) in factors]


def _both(summary: Mapping[str, Movement], kpi: str) -> tuple[float, float] | None:
    """Value and previous where both are positive."""
    now, before = summary[kpi].value, summary[kpi].previous
    return (now, before) if now and before and now > 0 and before > 0 else None


def _ratio(top: tuple[float, float], bottom: tuple[float, float]) -> tuple[float, float]:
    return top[0] / bottom[0], top[1] / bottom[1]


def _log_mean(a: float, b: float) -> float:
    # Near a == b the quotient is 0 ÷ 0; there the logarithmic mean is the plain one.
    return (a + b) / 2 if abs(a - b) <= 1e-9 * b else (a - b) / log(a / b)
