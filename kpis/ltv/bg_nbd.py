"""BG/NBD: a customer may stop right after any repeat purchase.

Fader, Hardie & Lee (2005), "Counting Your Customers" the Easy Way, Marketing Science 24(2), 275–284.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kpis.ltv.numeric import Array, special
from kpis.ltv.purchases import Histories, PurchaseModel


@dataclass(frozen=True)
class BgNbd(PurchaseModel):
    """The probability of stopping is beta(a, b) distributed over customers.

    Who has not bought again has had no occasion to stop, so their P(alive) is 1 by construction.
    """

    a: float
    b: float

    name = "bg_nbd"
    in_days = frozenset({"alpha"})
    starts: ClassVar = ((1.0, 1.0, 1.0, 1.0), (0.3, 0.2, 0.3, 3.0))

    @staticmethod
    def score(parameters: Array, histories: Histories) -> tuple[Array, Array]:
        r, alpha, a, b = parameters
        x, tx, T = histories
        alive, stopped = _log_likelihoods(r, alpha, a, b, histories)
        either = np.logaddexp(alive, stopped)
        p_alive, p_stopped = np.exp(alive - either), np.exp(stopped - either)
        values = (
            special.gammaln(r + x)
            - special.gammaln(r)
            + r * np.log(alpha)
            + special.betaln(a, b + x)
            - special.betaln(a, b)
            + either
        )
        psi = special.psi
        survived = psi(a + b) - psi(a + b + x)
        gradient = np.stack(
            [
                psi(r + x) - psi(r) + np.log(alpha) - p_alive * np.log(alpha + T) - p_stopped * np.log(alpha + tx),
                r / alpha - (r + x) * (p_alive / (alpha + T) + p_stopped / (alpha + tx)),
                survived + p_stopped / a,
                survived + psi(b + x) - psi(b) - p_stopped / _last_chance(b, x),
            ]
        )
        return values, gradient

    def p_alive(self, histories: Histories) -> Array:
        alive, stopped = _log_likelihoods(self.r, self.alpha, self.a, self.b, histories)
        return special.expit(alive - stopped)

    def expected_purchases(self, histories: Histories, days: float) -> Array:
        """The paper's (10), with Euler's transformation of ₂F₁: as it stands it overflows for a busy customer."""
        x, _, T = histories
        u = _off_zero(np.asarray(self.a - 1))  # the formula's limits at u = 0 and c = 0 exist, its terms do not
        c = _off_zero(u + self.b + x)
        longer = np.log1p(days / (self.alpha + T))
        while_alive = c / u * (1 - np.exp(-u * longer) * special.hyp2f1(u, u + self.b - self.r, c, -np.expm1(-longer)))
        return self.p_alive(histories) * while_alive


def _log_likelihoods(r: float, alpha: float, a: float, b: float, histories: Histories) -> tuple[Array, Array]:
    """The log-likelihoods of each history, to one scale: with a customer still there at T; with one who left at tx."""
    x, tx, T = histories
    alive = -(r + x) * np.log(alpha + T)
    stopped = np.log(a) - np.log(_last_chance(b, x)) - (r + x) * np.log(alpha + tx)
    return alive, np.where(x > 0, stopped, -np.inf)


def _last_chance(b: float, x: Array) -> Array:
    """b + x − 1 where there was a repeat purchase to stop after; elsewhere 1, which is not used."""
    return np.where(x > 0, b + x - 1, 1.0)


def _off_zero(values: Array) -> Array:
    return np.where(np.abs(values) < 1e-6, 1e-6, values)
