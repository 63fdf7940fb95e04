"""Whether every row came: what the rows add up to, day by day, against what the account itself says.

Impressions and clicks add up exactly. Spend is told rounded, so that a sum of it may differ from the account's by half
of the smallest unit for each row, and for the account's own.

Insights counts no rows, so a page that gets lost between two others shows in nothing but the sums. Rows of which
the account delivered nothing that day, and only later conversions are told, add nothing to them: a lost page that
holds no other row is the one thing that this does not see.
"""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from connectors.client import Proof
from connectors.errors import Truncated
from connectors.meta.query import DELIVERY
from connectors.source import RawRecord

Sums = tuple[Decimal, ...]
NOTHING: Sums = (Decimal(0),) * len(DELIVERY)

PROVEN_BY = f"{', '.join(DELIVERY)} of each day, as the account says"


class Tally:
    """The rows so far, each once however often it came."""

    def __init__(self) -> None:
        self._rows: dict[str, tuple[str, Sums]] = {}

    def add(self, records: Iterable[RawRecord]) -> None:
        for record in records:
            self._rows[record.external_id] = (record.payload["date_start"], _delivery(record.payload))

    def proof(self, totals: Iterable[dict[str, Any]]) -> Proof:
        """That the rows are all there are, by the account's own rows by day; Truncated if they do not agree."""
        came = _by_day(self._rows.values())
        told = [(row["date_start"], _delivery(row)) for row in totals]
        said = _by_day(told)
        rows = Counter(day for day, _ in self._rows.values())
        half = _smallest_unit([*self._rows.values(), *told]) / 2
        for day in sorted(came.keys() | said.keys()):
            ours, theirs = came.get(day, NOTHING), said.get(day, NOTHING)
            if ours[1:] != theirs[1:] or abs(ours[0] - theirs[0]) > half * (
                rows[day] + 1
            ):  # the account's own is rounded too
                raise Truncated(
                    f"Meta's rows of {day} add up to {_words(ours)}, and its account says {_words(theirs)}. "
                    "Some rows are missing."
                )
        return Proof.exactly(len(self._rows), PROVEN_BY)


def _by_day(rows: Iterable[tuple[str, Sums]]) -> dict[str, Sums]:
    sums: dict[str, Sums] = {}
    for day, delivery in rows:
        sums[day] = tuple(a + b for a, b in zip(sums.get(day, NOTHING), delivery, strict=True))
    return {day: delivery for day, delivery in sums.items() if any(delivery)}


def _delivery(row: dict[str, Any]) -> Sums:
    return tuple(Decimal(row.get(metric, "0")) for metric in DELIVERY)


def _smallest_unit(rows: Iterable[tuple[str, Sums]]) -> Decimal:
    """Of the currency, as far as it is told of: a cent, where any spend has cents, or a whole yen."""
    return min((Decimal(1).scaleb(int(spend.as_tuple().exponent)) for _, (spend, *_) in rows), default=Decimal(1))


def _words(sums: Sums) -> str:
    return ", ".join(f"{metric} {value}" for metric, value in zip(DELIVERY, sums, strict=True))
