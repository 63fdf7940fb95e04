"""Why a KPI is what it is and why it moved: its parts, and what each member of a grain did to it. Exactly.

A sum moves by its members' changes. A ratio R = N ÷ D, with N the sum of the members' n and D that of their d, is
Σ w·r over their weights w = d ÷ D and rates r = n ÷ d. Between two windows each member did

    rate = mean(w) × Δr          it became better or worse at what it does
    mix  = Δw × (mean(r) − R̄)    more, or less, of the whole comes from a member above, or below, the whole

where R̄ is the mean of the whole's two values: midpoints favour neither window (Bennet, J. R. Stat. Soc. 83, 1920).
A window in which a member's d is not positive gives it no rate. What it adds to the whole there all the same,
n ÷ D − w × R̄, is `unmatched`: such as the spend of a channel that brought no new customer.

All is computed in fractions. What is given is rounded to DIGITS decimals so that the rounded parts still sum to the
rounded whole: no residual is left, and none is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import partial
from math import floor
from typing import Final, NamedTuple

import polars as pl

from kpis.engine import inputs, of_state, together, totals
from kpis.frame import Frame
from kpis.known import known_from, uneven, unreached, why
from kpis.kpi import Kpi, Number
from kpis.windows import Window

DIGITS: Final = 10
EXACT: Final = pl.Decimal(38, DIGITS)
_UNITS: Final = 10**DIGITS
_EFFECTS: Final = ("mix", "rate", "unmatched")


class Part(NamedTuple):
    """A measure that a KPI is made of, summed over each of the two windows; None where nobody measured."""

    role: str
    measure: str
    value: Number | None
    previous: Number | None


@dataclass(frozen=True)
class Explanation:
    """A KPI in a window and in the one that it is compared with, taken apart.

    - `value`, `previous`, `change`: of the whole, in the KPI's unit; change = value − previous. None where there is
      none; then `reason` says why.
    - `parts`: the measures of its numerator and its denominator.
    - `members`: one row per member of `by` in either window, sorted: the keys; value and previous (the member's own
      KPI, null where it has none); numerator, previous_numerator, denominator, previous_denominator (what it adds to
      the whole's, null where nobody measured; the last two also for a KPI without one, as mix, rate and unmatched);
      contribution. All Decimal(38, DIGITS). mix + rate + unmatched = contribution in each row, and the contributions
      sum to `change`. They are null where `change` is None.
    """

    kpi: Kpi
    window: Window
    baseline: Window
    by: tuple[str, ...]
    value: Decimal | None
    previous: Decimal | None
    change: Decimal | None
    reason: str | None
    parts: tuple[Part, ...]
    members: pl.DataFrame


def explain(state: Frame, kpi: str, window: Window, baseline: Window, by: Sequence[str] = ()) -> Explanation:
    """Take a KPI apart: what it is made of, and what each member of `by` did to its change since the baseline.

    Raises ValueError as rollup does: for a KPI that there is not, or that means nothing by one of the keys.
    """
    (chosen,) = of_state(state, [kpi], by)
    measures = inputs([chosen])
    days = state.lazy().filter(window.filter() | baseline.filter())
    # blanking the other days instead of dropping them keeps the members that only they have
    blanked = [days.with_columns(pl.when(span.filter()).then(pl.col(measures))) for span in (window, baseline)]
    paired = together(chosen)
    members = pl.collect_all([totals(each, measures, by, paired) for each in blanked])
    begins = known_from(state, measures, paired)
    late = partial(uneven, window=window), partial(unreached, baseline=baseline, until=window.end)
    now, before = (
        _side(chosen, each, judge(chosen, begins), why(judge, chosen, begins, by))
        for each, judge in zip(members, late, strict=True)
    )
    value, previous = now.value(), before.value()
    change = None if value is None or previous is None else value - previous
    return Explanation(
        kpi=chosen,
        window=window,
        baseline=baseline,
        by=tuple(by),
        value=_decimal(value),
        previous=_decimal(previous),
        change=_decimal(change),
        reason=now.reason or (before.reason and f"previous period: {before.reason}"),
        parts=tuple(_parts(chosen, now, before)),
        members=pl.DataFrame(
            [*members[0].select(by), *_shown(now, before), *_contributions(chosen, now, before, change)]
        ),
    )


@dataclass(frozen=True)
class _Side:
    """A KPI in one window: the whole's measures, and each member's numerator and denominator; 0 where not measured."""

    measures: dict[str, Number | None]
    reason: str | None
    numerators: list[Fraction]
    denominators: list[Fraction]
    told: pl.DataFrame
    """Whether each member has a numerator, a denominator and a value to show."""

    @property
    def denominator(self) -> Fraction:
        return sum(self.denominators, Fraction())

    def value(self) -> int | None:
        """The whole's, in units of the last digit."""
        if self.reason is not None:
            return None
        numerator = sum(self.numerators, Fraction())
        return round(_UNITS * (numerator / self.denominator if self.denominators else numerator))


def _side(kpi: Kpi, members: pl.DataFrame, late: str | None, own: pl.Expr) -> _Side:
    """Of the members' sums. `late` says which measure is not known of all the days: there is no value then.

    `own` says so of each member, where a channel is known longer than all of them together.
    """
    measures = inputs([kpi])
    whole = totals(members, measures).with_columns(reason=kpi.reason()).collect().row(0, named=True)
    reason = whole.pop("reason")
    known = members.with_columns(pl.col(measures).fill_null(0))
    told = members.select(
        numerator=_measured(kpi.numerator),
        denominator=pl.lit(False) if kpi.denominator is None else _measured(kpi.denominator),
        value=kpi.expr().is_not_null() & own.is_null(),
    )
    numerators = _fractions(known.select(kpi.numerator))
    denominators = [] if kpi.denominator is None else _fractions(known.select(kpi.denominator))
    return _Side(whole, late or reason, numerators, denominators, told)


def _measured(side: pl.Expr) -> pl.Expr:
    """Some of its measures are known; a sum with the others as 0 is what the member adds to the whole."""
    return pl.any_horizontal(pl.col(name).is_not_null() for name in side.meta.root_names())


def _parts(kpi: Kpi, now: _Side, before: _Side) -> Iterable[Part]:
    for role, expression in (("numerator", kpi.numerator), ("denominator", kpi.denominator)):
        for name in [] if expression is None else expression.meta.root_names():
            yield Part(role, name, now.measures[name], before.measures[name])


def _shown(now: _Side, before: _Side) -> Iterable[pl.Series]:
    """What the members are, as columns."""
    names = {"value": ("value", "previous"), **{n: (n, f"previous_{n}") for n in ("numerator", "denominator")}}
    for name, titles in names.items():
        for title, side in zip(titles, (now, before), strict=True):
            bottoms = side.denominators or [Fraction(1)] * len(side.numerators)
            figures = {
                "value": [n / d if d else Fraction() for n, d in zip(side.numerators, bottoms, strict=True)],
                "numerator": side.numerators,
                "denominator": bottoms,
            }[name]
            told = zip(figures, side.told[name], strict=True)
            yield _column(title, [round(_UNITS * figure) if there else None for figure, there in told])


def _contributions(kpi: Kpi, now: _Side, before: _Side, change: int | None) -> Iterable[pl.Series]:
    """What the members did to the change, as columns."""
    count = len(now.numerators)
    nothing: list[int | None] = [None] * count
    if change is None or kpi.denominator is None:
        yield from (_column(name, nothing) for name in _EFFECTS)
        moved = [n - m for n, m in zip(now.numerators, before.numerators, strict=True)]
        yield _column("contribution", nothing if change is None else _rounded(moved, change))
        return
    effects = _rounded([part for effect in _effects(now, before) for part in effect], change)
    for place, name in enumerate(_EFFECTS):
        yield _column(name, effects[place :: len(_EFFECTS)])
    rows = (effects[start : start + len(_EFFECTS)] for start in range(0, len(effects), len(_EFFECTS)))
    yield _column("contribution", [sum(row) for row in rows])


def _effects(now: _Side, before: _Side) -> Iterable[tuple[Fraction, Fraction, Fraction]]:
    """mix, rate and unmatched of each member."""
    whole, whole_before = now.denominator, before.denominator
    middle = (sum(now.numerators, Fraction()) / whole + sum(before.numerators, Fraction()) / whole_before) / 2
    for n, d, m, e in zip(now.numerators, now.denominators, before.numerators, before.denominators, strict=True):
        weight, weight_before = d / whole, e / whole_before
        above = n / whole - weight * middle
        above_before = m / whole_before - weight_before * middle
        unmatched = (above if d <= 0 else 0) - (above_before if e <= 0 else Fraction())
        if d > 0 and e > 0:
            rate = (weight + weight_before) / 2 * (n / d - m / e)
            mix = (weight - weight_before) * ((n / d + m / e) / 2 - middle)
        else:
            rate = Fraction()
            mix = (above if d > 0 else 0) - (above_before if e > 0 else Fraction())
        yield mix, rate, unmatched


def _rounded(parts: Sequence[Fraction], whole: int) -> list[int]:
    """The parts in units of the last digit, which sum to the whole: the largest remainders are rounded up."""
    scaled = [part * _UNITS for part in parts]
    units = [floor(part) for part in scaled]
    left = whole - sum(units)
    remainders = [part - unit for part, unit in zip(scaled, units, strict=True)]
    # the whole is a difference of two rounded values, so that one unit may have to be taken back
    order = sorted(range(len(parts)), key=lambda i: (-remainders[i] if left > 0 else remainders[i], parts[i] == 0, i))
    for i in order[: abs(left)]:
        units[i] += 1 if left > 0 else -1
    return units


def _fractions(column: pl.DataFrame) -> list[Fraction]:
    return [Fraction(value) for value in column.to_series()]


def _column(name: str, units: Sequence[int | None]) -> pl.Series:
    return pl.Series(name, [_decimal(unit) for unit in units], EXACT)


def _decimal(units: int | None) -> Decimal | None:
    # from text, because arithmetic would round to the context's 28 digits
    return None if units is None else Decimal(f"{units}E-{DIGITS}")
