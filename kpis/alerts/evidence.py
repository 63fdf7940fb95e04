"""How likely chance alone explains a change, and between which bounds the change lies.

One-sided throughout: a rule names the direction that it fears. Bounds are those of a one-sided confidence of 95 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import exp, inf, log, sqrt
from statistics import median
from typing import Any, Final, NamedTuple

from kpis.alerts.rule import Side

CONFIDENCE: Final = 0.95
_Z: Final = 1.6448536269514722
_MAD_TO_SIGMA: Final = 1.4826022185056018
_NOISE_FLOOR: Final = 0.05
"""A series that hardly moves (a fixed budget) still changes by a twentieth without meaning anything."""

HISTORY: Final = 56
_FEWEST: Final = 42
"""Days of the eight weeks that must be known."""


_SCATTER: Final = 14
"""Days that say how much days scatter: of fewer, chance alone is assumed."""


class Period(NamedTuple):
    """A sum over days, what it is held against, and its variance if orders come by chance alone."""

    amount: float
    exposure: float
    variance: float


class Test(NamedTuple):
    """The p-value, and the bounds of (amount per exposure now) ÷ (the same before)."""

    p: float
    low: float
    high: float


class Usual(NamedTuple):
    """What a day was expected to be, and the standard deviation of its logarithm."""

    expected: float
    sigma: float


def binomial(now: Period, before: Period, noise: float, side: Side) -> Test:
    """Exact test of two counts: given their sum n, the first is Binomial(n, share of the exposure) if nothing changed.

    Clopper and Pearson's bounds (Biometrika 26, 1934). `noise` is the counts' variance ÷ that of a Poisson process:
    both are divided by it, and the beta function takes what is then no whole number. With 1 the test is exact.
    """
    n, k = (now.amount + before.amount) / noise, now.amount / noise
    share = now.exposure / (now.exposure + before.exposure)
    special = _special()
    if side == "below":
        p = 1.0 if k >= n else float(special.betainc(n - k, k + 1, 1 - share))
    else:
        p = 1.0 if k <= 0 else float(special.betainc(k, n - k + 1, share))
    low = 0.0 if k <= 0 else float(special.betaincinv(k, n - k + 1, 1 - CONFIDENCE))
    high = 1.0 if k >= n else float(special.betaincinv(k + 1, n - k, CONFIDENCE))

    def ratio(of_all: float) -> float:
        return inf if of_all >= 1 else of_all / (1 - of_all) * before.exposure / now.exposure

    return Test(p, ratio(low), ratio(high))


def compound_poisson(now: Period, before: Period, noise: float, side: Side) -> Test:
    """z-test of two sums of orders' amounts, whose variance is Σ amount² when orders come as a Poisson process."""
    expected = before.amount / before.exposure * now.exposure
    scale = now.exposure / before.exposure
    deviation = sqrt(noise * (now.variance + scale**2 * before.variance))
    z = (now.amount - expected) / deviation if deviation else inf if now.amount > expected else -inf
    p = float(_special().ndtr(z if side == "below" else -z)) if now.amount != expected else 0.5
    bounds = [(now.amount + sign * _Z * deviation) / expected for sign in (-1, 1)]
    return Test(p, min(bounds), max(bounds))


def over_dispersion(
    squares: float, cross: float, exposures: float, before: Period, days: float, *, part: bool = False
) -> float:
    """The days' variance ÷ that of chance: the baseline's χ² (Pearson) ÷ its degrees of freedom, at least chance's own.

    `squares`, `cross` and `exposures` are Σ amount², Σ amount × exposure and Σ exposure² of the days' sums. Chance's
    own is 1, and 1 − the share where the amount is `part` of the exposure (a binomial count, not a Poisson one). What
    is more than the exposure is no part of it, such as the product pages that visits see.
    """
    rate = before.amount / before.exposure
    least = max(1 - rate, 0.05) if part and rate < 1 else 1.0
    if days < _SCATTER or before.variance <= 0:
        return least
    seen = squares - 2 * rate * cross + rate**2 * exposures
    return max(least, seen / before.variance * days / (days - 1))


def usual(history: Sequence[float | None]) -> Usual | None:
    """What to expect of the day after eight weeks of daily values, the newest last; None if too little is known.

    On logarithms: level is the median of four weeks, each weekday has its own median distance from it, and noise is
    the median absolute rest of all 56 days together. Medians: an outage among the 56 days does not move them.
    """
    logs = [log(value) if value and value > 0 else None for value in history[-HISTORY:]]
    if len(logs) < HISTORY or sum(value is not None for value in logs) < _FEWEST:
        return None
    halves = [_known(logs[:28]), _known(logs[28:])]
    if not all(halves):
        return None
    levels = [median(half) for half in halves]
    rest = [None if value is None else value - levels[day // 28] for day, value in enumerate(logs)]
    weekdays = [median(known) if (known := _known(rest[day::7])) else 0.0 for day in range(7)]
    noise = median(abs(value - weekdays[day % 7]) for day, value in enumerate(rest) if value is not None)
    return Usual(exp(levels[1] + weekdays[0]), max(_MAD_TO_SIGMA * noise, _NOISE_FLOOR))


def robust_z(value: float, day: Usual, side: Side) -> Test:
    """How unusual the day is, and its bounds as a multiple of what was expected."""
    if value <= 0:
        return Test(0.0 if side == "below" else 1.0, 0.0, 0.0)
    ratio = log(value / day.expected)
    z = ratio / day.sigma
    p = float(_special().ndtr(z if side == "below" else -z))
    return Test(p, exp(ratio - _Z * day.sigma), exp(ratio + _Z * day.sigma))


def silence(days: int, known: int, of: int) -> float:
    """The chance of so many days in a row without a record, for a source that had one on `known` of `of` days."""
    return ((of - known + 0.5) / (of + 1)) ** days


def adjusted(p_values: Sequence[float]) -> list[float]:
    """The p-values of several members, adjusted for their number (Benjamini and Hochberg, JRSS B 57, 1995)."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i], reverse=True)
    result, least = [1.0] * len(p_values), 1.0
    for rank, i in zip(range(len(p_values), 0, -1), order, strict=True):
        least = min(least, p_values[i] * len(p_values) / rank)
        result[i] = least
    return result


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


@cache
def _special() -> Any:
    # a third of a second to import, which only a process that evaluates alerts should wait for
    from scipy import special  # pyright: ignore[reportMissingTypeStubs]

    return special
