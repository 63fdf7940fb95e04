"""Shopify's points: what a query asks for, what it uses, and the bucket that both go through.

An object costs 1, a scalar and a mere value (money, an address, pageInfo) nothing, a mutation 10, a connection
2 and its nodes' cost times ⌊2 ln n⌋, n being the nodes asked for beforehand and those found afterwards.
https://shopify.dev/docs/apps/build/apis/graphql-admin/rate-limits
https://community.shopify.dev/t/how-to-calculate-graphql-cost-estimates/24364
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from math import floor, log
from typing import Any, cast

from connectors.clock import Clock
from connectors.fake.graphql import Document, Field, Selection, Variables

MUTATION = 10
VALUES = {
    "pageInfo", "shopMoney", "presentmentMoney", "unitCost", "amountSpent", "shippingAddress", "defaultAddress",
    "utmParameters",
}  # fmt: skip


def requested(document: Document, variables: Variables) -> int:
    """What the query may cost at most."""
    return MUTATION if document.is_mutation else sum(_requested(field, variables) for field in document.selection)


def actual(document: Document, data: Mapping[str, Any]) -> int:
    """What the query has cost, by what it found."""
    return MUTATION if document.is_mutation else sum(_actual(f, data[f.name]) for f in document.selection)


class Bucket:
    """Points, restored as the clock goes."""

    def __init__(self, clock: Clock, size: float, rate: float) -> None:
        self._clock = clock
        self.size, self.rate = size, rate
        self.level = size
        self._at: datetime = clock.now()

    def take(self, points: float) -> bool:
        """Whether there were enough, and are gone now."""
        now = self._clock.now()
        self.level = min(self.size, self.level + (now - self._at).total_seconds() * self.rate)
        self._at = now
        if points > self.level:
            return False
        self.level -= points
        return True

    @property
    def status(self) -> dict[str, float]:
        return {"maximumAvailable": self.size, "currentlyAvailable": floor(self.level), "restoreRate": self.rate}


def _times(nodes: int) -> int:
    return floor(2 * log(max(2, nodes))) if nodes else 0


def _is_value(field: Field) -> bool:
    return field.name in VALUES or any(inner.name == "shopMoney" for inner in field.selection)


def _requested(field: Field, variables: Variables) -> int:
    if not field.selection or _is_value(field):
        return 0
    if field.is_connection:
        nodes = field.value("first", variables) or 0
        return 2 + _times(nodes) * (1 + _most(field.of_node, variables))
    if ids := field.value("ids", variables):
        return len(ids) * (1 + _most(field.selection, variables))
    return 1 + _most(field.selection, variables)


def _most(selection: Iterable[Field], variables: Variables) -> int:
    """Of fragments the dearest counts, since a value is of one type."""
    own = [field for field in selection if not field.on]
    fragments = [sum(_requested(f, variables) for f in field.selection) for field in selection if field.on]
    return sum(_requested(field, variables) for field in own) + max(fragments, default=0)


def _actual(field: Field, value: Any) -> int:
    if value is None:
        return 0
    if field.is_connection:
        nodes = value["nodes"]
        return 2 + (_times(len(nodes)) * _objects(field.of_node, nodes) // len(nodes) if nodes else 0)
    return _objects(field.selection, _listed(value))


def _objects(selection: Selection, found: list[Any]) -> int:
    """What objects cost that were found where the selection asks for them."""
    plain, deep = _dear(selection)
    cost = 0
    for value in found:
        if value is None:
            continue
        cost += 1
        for name in plain:
            if inner := value.get(name):
                cost += len(_listed(inner))
        for field in deep:
            cost += _actual(field, value.get(field.name))
    return cost


def _listed(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else [value]


@lru_cache(maxsize=1024)
def _dear(selection: Selection) -> tuple[list[str], list[Field]]:
    """The selected fields that cost anything: those that cost 1 for each object, and those with more inside."""
    inside = [inner for field in selection if field.on for inner in field.selection]
    dear = {f.name: f for f in (*selection, *inside) if f.selection and not f.on and not _is_value(f)}
    deep = [field for field in dear.values() if field.is_connection or any(_dear(field.selection))]
    return [field.name for field in dear.values() if field not in deep], deep
