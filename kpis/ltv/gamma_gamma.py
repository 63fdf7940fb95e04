"""Gamma-Gamma: what a customer's purchases are worth on average, their own seen in the light of everyone's.

Fader & Hardie (2013), The Gamma-Gamma Model of Monetary Value, brucehardie.com/notes/025.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np

from kpis.ltv.likelihood import Refusal, maximize
from kpis.ltv.numeric import Array, special

STARTS: Final = ((2.0, 3.0, 1.0), (8.0, 2.0, 0.2))


@dataclass(frozen=True)
class GammaGamma:
    """A customer's purchases are gamma distributed with shape `p`; its rate is gamma(q, gamma) over customers.

    `gamma` is money. The value must not depend on how often a customer buys.
    """

    p: float
    q: float
    gamma: float

    name = "gamma_gamma"

    @classmethod
    def fit(cls, x: Array, value: Array) -> GammaGamma:
        """The most likely parameters for customers with x > 0 purchases of `value` > 0 on average. Raises Refusal."""
        unit = float(value.mean())
        names = [field.name for field in fields(cls)]

        def objective(parameters: Array) -> tuple[float, Array]:
            values, gradient = _score(parameters, x, value / unit)
            return float(values.mean()), gradient.mean(axis=1)

        p, q, gamma = maximize(objective, names, STARTS)
        if q <= 1:
            raise Refusal("order values spread so widely that they have no mean (q ≤ 1)")
        return cls(float(p), float(q), float(gamma) * unit)

    def log_likelihood(self, x: Array, value: Array) -> float:
        """Of the customers' average values."""
        values, _ = _score(np.array([self.p, self.q, self.gamma]), x, value)
        return float(values.sum())

    def expected_value(self, x: Array, value: Array) -> Array:
        """What each customer's coming purchases are worth on average; who has none yet (x = 0) gets everyone's mean."""
        return self.p * (self.gamma + x * value) / (self.p * x + self.q - 1)


def _score(parameters: Array, x: Array, value: Array) -> tuple[Array, Array]:
    """Each customer's log-likelihood, and its gradient by p, q, gamma."""
    p, q, gamma = parameters
    px, spent = p * x, gamma + x * value
    psi, log_spent = special.psi, np.log(spent)
    log_total = np.log(x * value)
    values = -special.betaln(px, q) + q * np.log(gamma) + px * log_total - np.log(value) - (px + q) * log_spent
    gradient = np.stack(
        [
            x * (psi(px + q) - psi(px) + log_total - log_spent),
            psi(px + q) - psi(q) + np.log(gamma) - log_spent,
            q / gamma - (px + q) / spent,
        ]
    )
    return values, gradient
