"""Why it happened: changes split into effects that sum to them, and each KPI taken apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import polars as pl

from kpis.drivers import Driver, customer_drivers, net_revenue_drivers
from kpis.explain import Explanation, explain
from kpis.kpi import BASES, Unit
from kpis.registry import HEADLINE, KPIS
from kpis.wbr.given import Given
from kpis.wbr.happened import CHANNEL_KPIS, Totals
from kpis.wbr.review import Change, Effect, Explained, Member
from kpis.windows import Window
from kpis.words import change_text, signed_text, value_text

EXPLAINED: Final = (
    *((kpi, "channel_id") for kpi in dict.fromkeys((*HEADLINE, *CHANNEL_KPIS, "claimed_ratio"))),
    ("revenue_net", "campaign_id"),
    ("revenue_net", "product_id"),
)
"""What is taken apart, by what."""

GRAINS: Final = {"channel_id": "channel", "campaign_id": "campaign", "product_id": "product"}
_MOVERS: Final = 3
_MEMBERS: Final = 10
_NOBODY: Final = {"(none)": "no campaign"}

Key = tuple[str, str]


def explanations(given: Given, window: Window) -> dict[Key, Explanation]:
    """Each of EXPLAINED between the window and the one before."""
    states = {"product_id": given.products}
    return {
        (kpi, by): explain(states.get(by, given.state), kpi, window, window.previous(), [by]) for kpi, by in EXPLAINED
    }


def changes(totals: Totals, found: Mapping[Key, Explanation], given: Given) -> tuple[Change, ...]:
    """Of net revenue by factor and by member, of new customers by spend and CAC, of CAC by rate and mix.

    What cannot be split, since a window has nothing to divide by, is left out.
    """
    told = [
        _of_drivers("revenue_net", net_revenue_drivers(totals), totals, given),
        *(_of_members(found["revenue_net", by], given) for by in GRAINS),
        _of_drivers("new_customers", customer_drivers(totals), totals, given),
        _of_effects(found["blended_cac", "channel_id"], given),
    ]
    return tuple(change for change in told if change is not None)


def _of_drivers(kpi: str, drivers: Sequence[Driver], totals: Totals, given: Given) -> Change | None:
    if not drivers:
        return None
    unit = KPIS[kpi].unit
    effects = [
        Effect(
            driver.label,
            driver.effect,
            _amount(driver.effect, unit, given),
            " → ".join(value_text(value, driver.unit, given.currency) for value in (driver.previous, driver.value)),
        )
        for driver in sorted(drivers, key=lambda driver: -abs(driver.effect))
        if driver.effect or driver.value or driver.previous  # a shop that gives no discount has none to tell of
    ]
    moved = totals[kpi]
    whole = sum((driver.effect for driver in drivers), Decimal())
    previous = Decimal(f"{moved.previous or 0:.4f}")
    formula = "ad spend ÷ CAC" if kpi == "new_customers" else "gross − discounts − refunds"
    return _change(kpi, "", formula, previous, previous + whole, effects, given)


def _of_members(found: Explanation, given: Given) -> Change | None:
    """The members that moved a sum most; what is left is one effect."""
    if found.change is None or found.previous is None or found.value is None:
        return None
    rows = _by_size(found)
    somebody = [row for row in rows if row[found.by[0]] not in (None, *_NOBODY)]
    named = somebody[:_MOVERS]
    others = somebody[_MOVERS:]
    effects = [_moved(_name(row, found.by[0], given), [row], found, given) for row in named]
    effects += [_moved(f"{len(others):,} others", others, found, given)] if others else []
    effects += [_moved(_name(row, found.by[0], given), [row], found, given) for row in rows if row not in somebody]
    return _change(found.kpi.name, found.by[0], "", found.previous, found.value, effects, given)


def _moved(label: str, rows: Sequence[Mapping[str, Any]], found: Explanation, given: Given) -> Effect:
    amount = sum((row["contribution"] for row in rows), Decimal())
    before, now = (sum((row[side] or Decimal() for row in rows), Decimal()) for side in ("previous", "value"))
    detail = " → ".join(_value(value, found.kpi.unit, given) for value in (before, now))
    return Effect(label, amount, _amount(amount, found.kpi.unit, given), detail)


def _of_effects(found: Explanation, given: Given) -> Change | None:
    """A ratio's change as rate, mix and what no rate could be given, with the members that did most of each."""
    if found.change is None or found.previous is None or found.value is None:
        return None
    labels = {
        "rate": "Rate: the channels' own",
        "mix": "Mix: which channels they came from",
        "unmatched": "Spend without a new customer",
    }
    effects: list[Effect] = []
    for name, label in labels.items():
        amount = sum(found.members[name], Decimal())
        if amount or name != "unmatched":
            largest = found.members.sort(pl.col(name).abs(), *found.by, descending=[True, False]).row(0, named=True)
            who = f"{_name(largest, found.by[0], given)} {_amount(largest[name], found.kpi.unit, given)}"
            effects.append(Effect(label, amount, _amount(amount, found.kpi.unit, given), f"most: {who}"))
    return _change(found.kpi.name, found.by[0], "rate apart from mix", found.previous, found.value, effects, given)


def _change(
    kpi: str, by: str, how: str, previous: Decimal, value: Decimal, effects: Iterable[Effect], given: Given
) -> Change:
    unit, label = KPIS[kpi].unit, KPIS[kpi].label
    moved = value - previous
    relative = f", {change_text(float(moved / previous), unit)}" if previous > 0 and unit != "percent" else ""
    before, now = _value(previous, unit, given), _value(value, unit, given)
    split = f" by {GRAINS[by]}" if by else ""
    formula = f", {how}" if how else ""
    sentence = f"{label}{split}{formula}: {_amount(moved, unit, given)}{relative} ({before} → {now})."
    return Change(kpi, by or "channel_id", sentence, previous, value, tuple(effects), before, now, KPIS[kpi].good)


def proofs(found: Mapping[Key, Explanation], given: Given, window: Window) -> tuple[Explained, ...]:
    """The explanations in words, in the order of EXPLAINED."""
    return tuple(_proof(found[key], given, window) for key in EXPLAINED)


def _proof(found: Explanation, given: Given, window: Window) -> Explained:
    kpi, by = found.kpi, found.by[0]
    now, before = (
        "not known" if value is None else _value(value, kpi.unit, given) for value in (found.value, found.previous)
    )
    moved = f", {_amount(found.change, kpi.unit, given)}" if found.change is not None else f"; {found.reason}"
    return Explained(
        kpi.name,
        by,
        f"{kpi.label} by {GRAINS[by]}",
        f"{now}, before {before}{moved}.".replace("_", " "),
        f"{kpi.formula}. Basis {kpi.basis}: {BASES[kpi.basis]}. Definition: {kpi.source}.",
        tuple((part.role, part.measure, _plain(part.value), _plain(part.previous)) for part in found.parts),
        tuple(_members(found, given)) if found.change is not None else (),
        f"growthos explain {kpi.name} --tenant {given.tenant} --days {window.days} --until {window.end} --by {by}",
    )


def _members(found: Explanation, given: Given) -> Iterator[Member]:
    rows = _by_size(found)
    for row in rows[:_MEMBERS]:
        now, before = (
            "–" if row[side] is None else _value(row[side], found.kpi.unit, given) for side in ("value", "previous")
        )
        moved: Decimal = row["contribution"]
        yield Member(_name(row, found.by[0], given), now, before, moved, _amount(moved, found.kpi.unit, given))
    if rest := rows[_MEMBERS:]:
        left = sum((row["contribution"] for row in rest), Decimal())
        yield Member(f"{len(rest):,} others", "", "", left, _amount(left, found.kpi.unit, given))


def _by_size(found: Explanation) -> list[dict[str, Any]]:
    """The members that add anything to the whole, by how much they moved it."""
    added = ("numerator", "previous_numerator", "denominator", "previous_denominator")
    present = found.members.filter(pl.any_horizontal(pl.col(added).fill_null(0) != 0))
    return present.sort(pl.col("contribution").abs(), *found.by, descending=[True, False]).to_dicts()


def _name(row: Mapping[str, Any], by: str, given: Given) -> str:
    member = row[by]
    return f"no {GRAINS[by]}" if member is None else _NOBODY.get(member) or given.names.get(member, member)


def _value(value: Decimal, unit: Unit, given: Given) -> str:
    return value_text(float(value), unit, given.currency)


def _amount(value: Decimal, unit: Unit, given: Given) -> str:
    """Customers are whole, what an effect did to their number is not."""
    return f"{value:+z,.1f}" if unit == "count" else signed_text(float(value), unit, given.currency)


def _plain(value: object) -> str:
    return "–" if value is None else f"{value:,}"
