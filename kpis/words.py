"""Numbers as people read them: value, unit, currency, and what changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import polars as pl

from kpis.kpi import Unit
from kpis.registry import KPIS


def value_text(value: float, unit: Unit, currency: str = "") -> str:
    """ "USD 12,346", "12,346", "3.20×", "45 days" or, for 0.123, "12.3%"; money under 1,000 shows cents."""
    match unit:
        case "percent":
            return f"{value:z.1%}"
        case "ratio":
            return f"{value:z,.2f}×"
        case "days":
            return f"{value:z,.0f} days"
        case "count":
            return f"{value:z,.0f}"
        case "money":
            amount = f"{value:z,.{0 if abs(value) >= 1000 else 2}f}"
            return f"{'-' if amount.startswith('-') else ''}{currency} {amount.lstrip('-')}" if currency else amount


def change_text(change: float, unit: Unit) -> str:
    """A change as compare() gives it: "+12.3%", or "-3.0 pp" for a unit that is a percentage itself."""
    return f"{100 * change:+z.1f} pp" if unit == "percent" else f"{change:+z.1%}"


def signed_text(amount: float, unit: Unit, currency: str = "") -> str:
    """An amount of change in the unit itself: "+USD 4,417", "-0.12×" or "+1.25 pp"."""
    if unit == "percent":
        return f"{100 * amount:+z.2f} pp"
    text = value_text(amount, unit, currency)
    return text if text.startswith("-") else f"+{text}"


def listed(words: Sequence[str], limit: int = 5) -> str:
    """ "Jan 3, Jan 4 and Jan 5"; beyond the limit, how many more there are."""
    shown = [*words[:limit], f"{len(words) - limit} more"] if len(words) > limit else list(words)
    return " and ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))


def day_text(day: date) -> str:
    """ "Feb 3"."""
    return f"{day:%b} {day.day}"


class Movement(NamedTuple):
    """One KPI in two periods: a row of compare()."""

    label: str
    unit: Unit
    value: float | None
    previous: float | None
    change: float | None
    reason: str | None = None

    def value_text(self, currency: str = "") -> str | None:
        return None if self.value is None else value_text(self.value, self.unit, currency)

    def change_text(self) -> str | None:
        return None if self.change is None else change_text(self.change, self.unit)

    def text(self, currency: str = "") -> str:
        """ "Blended CAC +20.0% (100.00 → 120.00)"; without a comparison, "Blended CAC 120.00"."""
        if self.change is None or self.previous is None:
            return f"{self.label} {self.value_text(currency) or 'not known'}"
        before = value_text(self.previous, self.unit, currency)
        return f"{self.label} {self.change_text()} ({before} → {self.value_text(currency)})"

    def reason_text(self) -> str:
        """The reason with names as words: "new customers is 0"."""
        return (self.reason or "").replace("_", " ")


def movements(comparison: pl.DataFrame) -> dict[str, Movement]:
    """The rows of compare() for one member, by KPI name."""
    columns = ("kpi", "unit", "value", "previous", "change", "reason")
    return {
        kpi: Movement(KPIS[kpi].label, unit, value, previous, change, reason)
        for kpi, unit, value, previous, change, reason in comparison.select(columns).rows()
    }


def movements_by_channel(comparison: pl.DataFrame) -> dict[str, dict[str, Movement]]:
    """The rows of compare(by=["channel_id"]), by channel id, then KPI name."""
    parts = comparison.partition_by("channel_id", as_dict=True, maintain_order=True)
    return {str(channel): movements(part) for (channel,), part in parts.items()}
