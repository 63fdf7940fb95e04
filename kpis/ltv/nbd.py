"""NBD: nobody stops. What the other two come to where a history shows nobody stopping.

Ehrenberg (1959), The Pattern of Consumer Purchases, Applied Statistics 8(1), 26–41.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kpis.ltv.numeric import Array, special
from kpis.ltv.purchases import Histories, PurchaseModel


@dataclass(frozen=True)
class Nbd(PurchaseModel):
    """Its likelihood is never above that of the other two where those are fitted, so it is the last resort."""

    name = "nbd"
    in_days = frozenset({"alpha"})
    starts: ClassVar = ((1.0, 1.0), (0.3, 0.2))
    sees_stopping = False

    @staticmethod
    def score(parameters: Array, histories: Histories) -> tuple[Array, Array]:
        r, alpha = parameters
        x, _, T = histories
        values = special.gammaln(r + x) - special.gammaln(r) + r * np.log(alpha) - (r + x) * np.log(alpha + T)
        gradient = np.stack(
            [
                special.psi(r + x) - special.psi(r) + np.log(alpha) - np.log(alpha + T),
                r / alpha - (r + x) / (alpha + T),
            ]
        )
        return values, gradient

    def p_alive(self, histories: Histories) -> Array:
        return np.ones_like(histories.x)

    def expected_purchases(self, histories: Histories, days: float) -> Array:
        return (self.r + histories.x) / (self.alpha + histories.T) * days
