"""Maximum likelihood for the LTV models: one search for all of them, and the refusal of what can't be trusted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from kpis.ltv.numeric import Array, optimize

Objective = Callable[[Array], tuple[float, Array]]
"""Parameters → mean log-likelihood per customer, and its gradient."""

BOUND: Final = 7.0
"""How far a parameter's logarithm may go, in units of the data: a factor of about 1,100 either way."""

FLAT: Final = 1e-9
"""The gradient of the mean log-likelihood by the parameters' logarithms, below which it is zero."""

APART: Final = 1e-3
"""Two searches agree when no parameter differs by more than this factor."""


class Refusal(Exception):
    """The data can't carry the model; the message says why, in words for the people who read the table."""


def maximize(objective: Objective, names: Sequence[str], starts: Sequence[Sequence[float]]) -> Array:
    """The positive parameters at which the mean log-likelihood is largest.

    The data should be scaled so that the parameters are near 1. Their logarithms are searched with the gradient
    from every start: downhill first, then for the gradient's root, which fixes the digits that the flat top of a
    hill leaves open. Raises Refusal when a search ends at a bound, doesn't converge, or ends elsewhere than the
    first.
    """

    def downhill(logs: Array) -> tuple[float, Array]:
        parameters = np.exp(logs)
        value, gradient = objective(parameters)
        return -value, -gradient * parameters

    def slope(logs: Array) -> Array:
        return downhill(logs)[1]

    def search(start: Sequence[float]) -> Array:
        near = optimize.minimize(downhill, np.log(start), jac=True, method="BFGS", options={"gtol": 1e-5})
        top: Array = optimize.root(slope, near.x, options={"maxfev": 60}).x
        for name, log in zip(names, top, strict=True):
            if abs(log) > BOUND:
                raise Refusal(f"the data do not determine {name}: it runs to its bound")
        value, steepness = downhill(top)
        if not (np.abs(steepness).max() < FLAT and value < near.fun + FLAT):  # so that NaN is refused too
            raise Refusal("the search for the most likely parameters does not converge")
        return top

    with np.errstate(all="ignore"):  # far out there is no likelihood to speak of, and the search turns back
        first, *others = (search(start) for start in starts)
    for other in others:
        if np.abs(other - first).max() > APART:
            raise Refusal("two searches end at different parameters: the data do not tell them apart")
    return np.exp(first)
