"""Whether every row came: what the rows add up to, day by day, against what the account itself says.

Insights counts no rows, so a page that gets lost between two others shows in nothing but the sums. Rows of which
the account delivered nothing that day, and only later conversions are told, add nothing to them: a lost page that
holds no other row is the one thing that this does not see.
"""

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
        said = _by_day((row["date_start"], _delivery(row)) for row in totals)
        if came != said:
            day = min(day for day in came.keys() | said.keys() if came.get(day) != said.get(day))
            raise Truncated(
                f"Meta's rows of {day} add up to {_words(came.get(day, NOTHING))}, and its account says "
                f"{_words(said.get(day, NOTHING))}. Some rows are missing."
            )
        return Proof.exactly(len(self._rows), PROVEN_BY)


def _by_day(rows: Iterable[tuple[str, Sums]]) -> dict[str, Sums]:
    sums: dict[str, Sums] = {}
    for day, delivery in rows:
        sums[day] = tuple(a + b for a, b in zip(sums.get(day, NOTHING), delivery, strict=True))
    return {day: delivery for day, delivery in sums.items() if any(delivery)}


def _delivery(row: dict[str, Any]) -> Sums:
    return tuple(Decimal(row.get(metric, "0")) for metric in DELIVERY)


def _words(sums: Sums) -> str:
    return ", ".join(f"{metric} {value}" for metric, value in zip(DELIVERY, sums, strict=True))
