"""Pareto/NBD: a customer may stop at any time, whether they bought or not.

Schmittlein, Morrison & Colombo (1987), Counting Your Customers, Management Science 33(1), 1–24; derivations in
Fader & Hardie (2005), A Note on Deriving the Pareto/NBD Model and Related Expressions, brucehardie.com.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple

import numpy as np

from kpis.ltv.numeric import Array, special
from kpis.ltv.purchases import Histories, PurchaseModel

NODES: Final = 16
_z, _w = np.polynomial.legendre.leggauss(NODES)
_POINTS: Final[Array] = ((1 + _z) / 2)[:, np.newaxis]
_WEIGHTS: Final[Array] = (_w / 2)[:, np.newaxis]


@dataclass(frozen=True)
class ParetoNbd(PurchaseModel):
    """The rate of stopping is gamma distributed over customers: shape `s`, rate `beta` (in days)."""

    s: float
    beta: float

    name = "pareto_nbd"
    in_days = frozenset({"alpha", "beta"})
    starts: ClassVar = ((1.0, 1.0, 1.0, 1.0), (0.3, 0.2, 0.3, 3.0))

    @staticmethod
    def score(parameters: Array, histories: Histories) -> tuple[Array, Array]:
        r, alpha, s, beta = parameters
        x, _, T = histories
        alive, stopped, when = _log_likelihoods(r, alpha, s, beta, histories)
        either = np.logaddexp(alive, stopped)
        p_alive, p_stopped = np.exp(alive - either), np.exp(stopped - either)
        values = special.gammaln(r + x) - special.gammaln(r) + r * np.log(alpha) + s * np.log(beta) + either
        gradient = np.stack(
            [
                special.psi(r + x)
                - special.psi(r)
                + np.log(alpha)
                - p_alive * np.log(alpha + T)
                - p_stopped * when.log_alpha,
                r / alpha - (r + x) * (p_alive / (alpha + T) + p_stopped * when.by_alpha),
                np.log(beta) - p_alive * np.log(beta + T) + p_stopped * (1 / s - when.log_beta),
                s / beta - p_alive * s / (beta + T) - p_stopped * (s + 1) * when.by_beta,
            ]
        )
        return values, gradient

    def p_alive(self, histories: Histories) -> Array:
        alive, stopped, _ = _log_likelihoods(self.r, self.alpha, self.s, self.beta, histories)
        return special.expit(alive - stopped)

    def expected_purchases(self, histories: Histories, days: float) -> Array:
        """The note's conditional expectation; the factor that it divides by s − 1 is written to hold at s = 1 too."""
        x, _, T = histories
        longer = np.log1p(days / (self.beta + T))
        lifetime = (self.beta + T) * longer * special.exprel(-(self.s - 1) * longer)
        return self.p_alive(histories) * (self.r + x) / (self.alpha + T) * lifetime


class _When(NamedTuple):
    """Means over the time t at which a stopped customer stopped, given their history."""

    log_alpha: Array
    """Of log(alpha + t)."""
    log_beta: Array
    by_alpha: Array
    """Of 1 ÷ (alpha + t)."""
    by_beta: Array


def _log_likelihoods(r: float, alpha: float, s: float, beta: float, histories: Histories) -> tuple[Array, Array, _When]:
    """The log-likelihoods of each history, to one scale: with a customer still there at T; with one who stopped before.

    The second is s ∫ (alpha + t)^−(r+x) (beta + t)^−(s+1) dt from tx to T. The papers write it as a difference of
    two ₂F₁, which overflow for busy customers and cancel where tx is near T. Here it is a Gauss–Legendre sum over
    the y in which the integrand is nearly flat: y = (m + t − tx)^−p, m and p such that dy/dt has the integrand's
    value, slope and curvature (of the logarithm) at tx.
    """
    x, tx, T = histories
    at_alpha, at_beta = alpha + tx, beta + tx
    slope = (r + x) / at_alpha + (s + 1) / at_beta
    m = slope / ((r + x) / at_alpha**2 + (s + 1) / at_beta**2)
    p = slope * m - 1
    p = np.where(np.abs(p) < 1e-8, 1e-8, p)

    span = -np.expm1(-p * np.log1p((T - tx) / m))
    stretch = -np.log1p(-_POINTS * span) / p
    t = m * np.expm1(stretch)  # since tx
    log_alpha, log_beta = np.log1p(t / at_alpha), np.log1p(t / at_beta)
    height = _WEIGHTS * np.exp((p + 1) * stretch - (r + x) * log_alpha - (s + 1) * log_beta)
    area = height.sum(axis=0)
    share = height / area

    from_alpha, from_beta = np.log(at_alpha), np.log(at_beta)
    when = _When(
        from_alpha + (share * log_alpha).sum(axis=0),
        from_beta + (share * log_beta).sum(axis=0),
        (share / (at_alpha + t)).sum(axis=0),
        (share / (at_beta + t)).sum(axis=0),
    )
    alive = -(r + x) * np.log(alpha + T) - s * np.log(beta + T)
    with np.errstate(divide="ignore"):  # nobody has stopped in no time: log 0 where tx is T
        integral = np.log(area * span / p * m) - (r + x) * from_alpha - (s + 1) * from_beta
    return alive, np.log(s) + integral, when
