"""What a KPI is: a declaration that gives an expression, a value, and the reason when there is none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

import polars as pl

Number = int | float | Decimal
Unit = Literal["money", "count", "ratio", "percent", "days"]
Basis = Literal["sale", "event", "order", "ads", "analytics", "given"]
RefundBasis = Literal["event", "order"]

BASES: Final[dict[Basis, str]] = {
    "sale": "sales on the day they were made; no refund is in it",
    "event": "sales on the day they were made, refunds on the day of the refund",
    "order": "sales, and their refunds to date, on the day of the order",
    "ads": "what the ad platforms report, on the ad account's day",
    "analytics": "what the web analytics reports, on its property's day",
    "given": "the numbers it is called with",
}
"""On which day an amount counts, and who says so. Vendors differ most in where they put a refund."""

REFUND_BASES: Final[dict[RefundBasis, str]] = {
    "event": "Refunds count on the day they were made (event basis).",
    "order": "Refunds count on the day of their order (order basis).",
}
"""What stands under a table of KPIs."""


@dataclass(frozen=True, eq=False)
class Kpi:
    """A sum, or a sum of parts ÷ a sum of parts: right at any grain because it is divided last.

    - `numerator`, `denominator`: expressions over columns of summed measures, linear in them, each named
      (alias) by its formula. Without a denominator the KPI is the numerator itself and keeps its exact type;
      with one it is Float64.
    - `requires`: expressions that must be positive for the value to exist; the denominator by default.
      An expression's output name (its alias) is what the reason calls it.
    - `unit`: "percent" is a fraction of 1; "days" is rounded half up to whole days (Int64).
    - `good`: the direction people hope for.
    - `basis`: a name in BASES. What is of basis "event" can also be read on the order basis, from a state that
      books refunds so.
    - `source`: whose definition it is.
    """

    name: str
    label: str
    unit: Unit
    good: Literal["up", "down", "neutral"]
    numerator: pl.Expr
    denominator: pl.Expr | None = None
    requires: tuple[pl.Expr, ...] = ()
    doc: str = ""
    basis: Basis = "given"
    source: str = ""

    @property
    def formula(self) -> str:
        """What it is made of, as people write it: "spend ÷ new_customers"."""
        if self.denominator is None:
            return self.numerator.meta.output_name()
        return " ÷ ".join(_factor(part.meta.output_name()) for part in (self.numerator, self.denominator))

    @property
    def measures(self) -> tuple[str, ...]:
        """The columns this KPI reads, in order."""
        parts = (self.numerator, *self._denominators(), *self.requires)
        return tuple(dict.fromkeys(name for part in parts for name in part.meta.root_names()))

    def basis_where(self, refunds: RefundBasis) -> Basis:
        """The basis of its value in a state that books refunds so."""
        return "order" if refunds == "order" and self.basis in ("event", "sale") else self.basis

    def expr(self) -> pl.Expr:
        """The value, named after the KPI: null (never 0, infinite or NaN) where it cannot exist."""
        if self.denominator is None:
            return self.numerator.alias(self.name)
        # Decimal ÷ Decimal keeps the scale of its operands, so both sides become floats first.
        value = self.numerator.cast(pl.Float64) / self.denominator.cast(pl.Float64)
        exists = pl.all_horizontal(part > 0 for part in self._required())
        # NaN > 0 is true in polars, so the result must be finite as well.
        value = pl.when(exists & value.is_finite()).then(value)
        if self.unit == "days":
            value = (value + 0.5).floor().cast(pl.Int64, strict=False)  # null beyond what fits
        return value.alias(self.name)

    def reason(self) -> pl.Expr:
        """Why the value is null, like "new_customers is 0" or "no spend recorded"; null where it exists."""
        missing = [pl.when(pl.col(m).is_null()).then(pl.lit(f"no {m} recorded")) for m in self.measures]
        unfit = [
            pl.when(part == 0)
            .then(pl.lit(f"{part.meta.output_name()} is 0"))
            .when(part < 0)
            .then(pl.lit(f"{part.meta.output_name()} is negative"))
            for part in self._required()
        ]
        words = pl.coalesce(*missing, *unfit, pl.lit("the result is not a usable number"))
        return pl.when(self.expr().is_null()).then(words).alias("reason")

    def __call__(self, **inputs: Number | None) -> Number | None:
        """The value for plain numbers named by measure; None where it cannot exist.

        Raises TypeError when a measure is missing or a name is unknown.
        """
        require_names(self.name, self.measures, inputs)
        # A bare None would make a column of type Null, on which the arithmetic is not defined.
        row = {m: pl.Series([v], dtype=pl.Float64 if v is None else None) for m, v in inputs.items()}
        return pl.DataFrame(row).select(self.expr()).item()

    def _denominators(self) -> tuple[pl.Expr, ...]:
        return () if self.denominator is None else (self.denominator,)

    def _required(self) -> tuple[pl.Expr, ...]:
        return self.requires or self._denominators()


@dataclass(frozen=True, eq=False)
class KpiFamily:
    """KPIs that are read together, such as the steps of a funnel."""

    name: str
    label: str
    kpis: tuple[Kpi, ...]
    doc: str

    @property
    def measures(self) -> tuple[str, ...]:
        """The columns its members read, in order."""
        return tuple(dict.fromkeys(m for kpi in self.kpis for m in kpi.measures))

    def expr(self) -> pl.Expr:
        """A struct with one field per member."""
        return pl.struct(kpi.expr() for kpi in self.kpis).alias(self.name)

    def __call__(self, **inputs: Number | None) -> dict[str, Number | None]:
        """Each member's value by name. Raises TypeError when a measure is missing or unknown."""
        require_names(self.name, self.measures, inputs)
        return {kpi.name: kpi(**{m: inputs[m] for m in kpi.measures}) for kpi in self.kpis}


def _factor(text: str) -> str:
    return f"({text})" if " " in text else text


def require_names(owner: str, expected: Iterable[str], given: Iterable[str]) -> None:
    """TypeError that lists the names when the given ones are not the expected ones."""
    wanted, got = list(expected), set(given)
    missing = [name for name in wanted if name not in got]
    unknown = sorted(got.difference(wanted))
    if missing or unknown:
        faults = [
            f"{kind}: {', '.join(names)}" for kind, names in (("missing", missing), ("unknown", unknown)) if names
        ]
        raise TypeError(f"{owner}({', '.join(wanted)}) takes exactly these names; {'; '.join(faults)}")
