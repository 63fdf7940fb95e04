"""The demo's only chance: `Random.random()`, the one method whose numbers Python promises to keep."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")

Roll = Callable[[], float]
"""The next number in [0, 1)."""

Curve = tuple[tuple[float, float], ...]
"""Points (x, y) in ascending x, straight lines between them."""


def dice(seed: int, concern: str) -> Roll:
    """A generator of its own for each concern, so that changing one part leaves the others' numbers alone."""
    return Random(f"{seed}:{concern}").random


def integer(roll: Roll, low: int, high: int) -> int:
    """Any of low … high, both included, equally likely."""
    return low + int(roll() * (high - low + 1))


def wobble(roll: Roll, spread: float) -> float:
    """A factor around 1, at most `spread` away, likelier near 1."""
    return 1 + spread * (roll() + roll() - 1)


def interpolate(curve: Curve, x: float) -> float:
    """The curve's height at `x`, which lies between its first and last point."""
    right = 1
    while curve[right][0] < x:
        right += 1
    (x0, y0), (x1, y1) = curve[right - 1], curve[right]
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0)


class Choice(Generic[T]):
    """Items to draw from, as often as their weights say."""

    def __init__(self, items: Sequence[T], weights: Sequence[int]) -> None:
        self._items = items
        self._bounds = list(accumulate(weights))

    def __call__(self, roll: Roll) -> T:
        return self._items[bisect_right(self._bounds, int(roll() * self._bounds[-1]))]
