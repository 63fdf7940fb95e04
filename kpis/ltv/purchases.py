"""When customers buy again, and whether they still will: what BG/NBD and Pareto/NBD have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import astuple, dataclass, fields
from typing import ClassVar, Final, NamedTuple, Self

import numpy as np

from kpis.ltv.likelihood import maximize
from kpis.ltv.numeric import Array

BLOCK: Final = 4096
"""Histories looked at together: few enough for the processor's cache, which makes a fit twice as fast."""


class Histories(NamedTuple):
    """Purchase histories, one per element: all that the models look at. Times are in days since the first purchase."""

    x: Array
    """Repeat purchases."""
    tx: Array
    """Time of the newest purchase; 0 where x is 0."""
    T: Array
    """Time until which purchases are known."""

    def scaled(self, unit: float) -> Histories:
        """The same histories with times in multiples of `unit` days."""
        return Histories(self.x, self.tx / unit, self.T / unit)

    def part(self, block: slice) -> Histories:
        """Some of them."""
        return Histories(self.x[block], self.tx[block], self.T[block])


@dataclass(frozen=True)
class PurchaseModel(ABC):
    """A customer buys at random at a rate of their own until, unseen, they stop for good.

    Rates are gamma distributed over customers: shape `r`, rate `alpha` (in days).
    """

    r: float
    alpha: float

    name: ClassVar[str]
    in_days: ClassVar[frozenset[str]]
    """The parameters that are times."""
    starts: ClassVar[tuple[tuple[float, ...], ...]]
    sees_stopping: ClassVar[bool] = True
    """Whether P(alive) means anything."""

    @classmethod
    def fit(cls, histories: Histories, customers: Array) -> Self:
        """The most likely parameters; `customers` is how many have each history. Raises Refusal."""
        unit = float(np.average(histories.T, weights=customers))
        scaled, everyone = histories.scaled(unit), customers.sum()
        blocks = [slice(start, start + BLOCK) for start in range(0, len(customers), BLOCK)]

        def objective(parameters: Array) -> tuple[float, Array]:
            scores = [(cls.score(parameters, scaled.part(block)), customers[block]) for block in blocks]
            value = sum((values * weights).sum() for (values, _), weights in scores)
            gradient = sum((slopes * weights).sum(axis=1) for (_, slopes), weights in scores)
            return value / everyone, gradient / everyone

        names = [field.name for field in fields(cls)]
        found = maximize(objective, names, cls.starts)
        return cls(*(float(v) * unit if n in cls.in_days else float(v) for n, v in zip(names, found, strict=True)))

    def log_likelihood(self, histories: Histories, customers: Array) -> float:
        """Of the histories (a density per purchase and day), so of use to compare models on the same ones."""
        values, _ = self.score(np.array(astuple(self)), histories)
        return float(values @ customers)

    @staticmethod
    @abstractmethod
    def score(parameters: Array, histories: Histories) -> tuple[Array, Array]:
        """Each history's log-likelihood, and its gradient by the parameters."""

    @abstractmethod
    def p_alive(self, histories: Histories) -> Array:
        """The probability that each customer has not stopped by T."""

    @abstractmethod
    def expected_purchases(self, histories: Histories, days: float) -> Array:
        """How many purchases each customer is expected to make in the `days` after T."""
