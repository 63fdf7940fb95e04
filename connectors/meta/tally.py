"""Whether every row came: what the rows add up to, day by day, against what the account itself says.

Impressions and clicks add up exactly. Spend is told rounded, so that a sum of it may differ from the account's by half
of the smallest unit for each row, and for the account's own.

Insights counts no rows, so a page that gets lost between two others shows in nothing but the sums. Rows of which
the account delivered nothing that day, and only later conversions are told, add nothing to them: a lost page that
holds no other row is the one thing that this does not see.
"""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from connectors.client import Proof
from connectors.errors import Truncated
from connectors.meta.query import DELIVERY
from connectors.source import RawRecord

Delivered = tuple[Decimal, ...]
"""What a row, or a sum of rows, tells of DELIVERY."""
NOTHING: Delivered = (Decimal(0),) * len(DELIVERY)

PROVEN_BY = f"{', '.join(DELIVERY)} of each day, as the account says"


class Tally:
    """The rows so far, each once however often it came."""

    def __init__(self) -> None:
        self._rows: dict[str, tuple[str, Delivered]] = {}

    def add(self, records: Iterable[RawRecord]) -> None:
        for record in records:
            self._rows[record.external_id] = (record.payload["date_start"], _delivered(record.payload))

    def proof(self, totals: Iterable[dict[str, Any]]) -> Proof:
        """That the rows are all there are, by the account's own rows by day; Truncated if they do not agree."""
        came = _by_day(self._rows.values())
        said = _by_day((row["date_start"], _delivered(row)) for row in totals)
        half = _smallest_unit([*came.values(), *said.values()]) / 2
        for day in sorted(came.keys() | said.keys()):
            ours, theirs = _sums(came[day]), _sums(said[day])
            off = half * (len(came[day]) + 1)  # the account's own is rounded too
            if ours[1:] != theirs[1:] or abs(ours[0] - theirs[0]) > off:
                raise Truncated(
                    f"Meta's rows of {day} add up to {_words(ours)}, and its account says {_words(theirs)}. "
                    "Some rows are missing."
                )
        return Proof.exactly(len(self._rows), PROVEN_BY)


def _by_day(rows: Iterable[tuple[str, Delivered]]) -> defaultdict[str, list[Delivered]]:
    days = defaultdict[str, list[Delivered]](list)
    for day, delivered in rows:
        days[day].append(delivered)
    return days


def _sums(rows: Iterable[Delivered]) -> Delivered:
    return tuple(sum(told, Decimal(0)) for told in zip(NOTHING, *rows, strict=True))


def _delivered(row: dict[str, Any]) -> Delivered:
    return tuple(Decimal(row.get(metric, "0")) for metric in DELIVERY)


def _smallest_unit(days: Iterable[list[Delivered]]) -> Decimal:
    """Of the currency, as far as it is told of: a cent, where any spend has cents, or a whole yen."""
    decimals = (int(spend.as_tuple().exponent) for rows in days for spend, *_ in rows)
    return Decimal(1).scaleb(min(decimals, default=0))


def _words(sums: Delivered) -> str:
    return ", ".join(f"{metric} {value}" for metric, value in zip(DELIVERY, sums, strict=True))
