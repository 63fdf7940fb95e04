"""Why a number moved, where it is a product: its change split exactly into what its factors did.

Each effect is its factor's share of the logarithmic change, so no order of the factors is favoured and no remainder is
left (LMDI-I; Ang, Energy Policy 32, 2004). Effects are rounded to the fourth decimal so that they still sum to the
change: what rounding leaves goes to the largest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import log
from typing import Final, NamedTuple

from kpis.kpi import Unit
from kpis.words import Movement

_DIGITS: Final = 4
_Pair = tuple[float, float]


class Driver(NamedTuple):
    """One cause of a change: what it is now and was before, and what its own change is worth in the whole's unit."""

    label: str
    unit: Unit
    value: float
    previous: float
    effect: Decimal


def revenue_drivers(summary: Mapping[str, Movement]) -> list[Driver]:
    """Gross revenue = sessions × conversion × order value; orders × order value while sessions are not known.

    Conversion is shop orders ÷ sessions and order value gross revenue ÷ orders, so that the product is exact.
    Empty when a period has no revenue or no orders: there is no product to split.
    """
    revenue, orders = _both(summary, "revenue_gross"), _both(summary, "orders")
    if revenue is None or orders is None:
        return []
    sessions = _both(summary, "sessions")
    factors: list[tuple[str, Unit, _Pair]] = (
        [("Orders", "count", orders)]
        if sessions is None
        else [
            ("Sessions", "count", sessions),
            ("Conversion (orders ÷ sessions)", "percent", _ratio(orders, sessions)),
        ]
    )
    factors.append(("Order value (gross ÷ orders)", "money", _ratio(revenue, orders)))
    return _product(revenue, factors)


def net_revenue_drivers(summary: Mapping[str, Movement]) -> list[Driver]:
    """What moved net revenue: the drivers of gross revenue, and the discounts and refunds that are taken off it."""
    gross = revenue_drivers(summary)
    if not gross:
        return []
    taken = [(summary[name].label, summary[name].value or 0.0, summary[name].previous or 0.0) for name in _TAKEN]
    return gross + [Driver(label, "money", now, was, _exact(was) - _exact(now)) for label, now, was in taken]


_TAKEN: Final = ("discounts", "refunds")


def customer_drivers(summary: Mapping[str, Movement]) -> list[Driver]:
    """New customers = ad spend ÷ CAC: what more spend brought, and what a dearer customer cost, in customers.

    Empty when a period has no spend or no new customer.
    """
    customers, spend = _both(summary, "new_customers"), _both(summary, "spend")
    if customers is None or spend is None:
        return []
    cac = _ratio(spend, customers)
    return _product(customers, [("Ad spend", "money", spend)], [("Blended CAC", "money", cac)])


def _product(
    whole: _Pair, factors: Sequence[tuple[str, Unit, _Pair]], divisors: Sequence[tuple[str, Unit, _Pair]] = ()
) -> list[Driver]:
    """The change of `whole`, which is the product of the factors ÷ that of the divisors."""
    weight = _log_mean(*whole)
    signed = [(1, factor) for factor in factors] + [(-1, divisor) for divisor in divisors]
    shares = [sign * weight * log(now / was) for sign, (_, _, (now, was)) in signed]
    effects = [_exact(share) for share in shares]
    largest = max(range(len(shares)), key=lambda place: abs(shares[place]))
    effects[largest] += _exact(whole[0]) - _exact(whole[1]) - sum(effects)
    return [
        Driver(label, unit, now, was, effect)
        for (_, (label, unit, (now, was))), effect in zip(signed, effects, strict=True)
    ]


def _exact(amount: float) -> Decimal:
    return Decimal(f"{amount:.{_DIGITS}f}")


def _both(summary: Mapping[str, Movement], kpi: str) -> _Pair | None:
    """Value and previous where both are positive."""
    now, before = summary[kpi].value, summary[kpi].previous
    return (now, before) if now and before and now > 0 and before > 0 else None


def _ratio(top: _Pair, bottom: _Pair) -> _Pair:
    return top[0] / bottom[0], top[1] / bottom[1]


def _log_mean(a: float, b: float) -> float:
    # Near a == b the quotient is 0 ÷ 0; there the logarithmic mean is the plain one.
    return (a + b) / 2 if abs(a - b) <= 1e-9 * b else (a - b) / log(a / b)
