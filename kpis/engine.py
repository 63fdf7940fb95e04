"""From the state frame to KPIs at any grain, and from two windows to what changed.

The state is kpi_daily: one row per date × channel_id × campaign_id with the columns of MEASURES; or any finer frame
of the same measures, which may have the other columns of DIMENSIONS too. Its weeks and months are made from its dates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

import polars as pl

from kpis.frame import Frame
from kpis.known import ADS, Begins, Late, known_by_pairing, uneven, unreached, why
from kpis.kpi import Kpi
from kpis.measures import MEASURES, OF_LIVES
from kpis.registry import HEADLINE, KPIS, find
from kpis.windows import Window

CALENDAR: Final[Mapping[str, str]] = {"week": "1w", "month": "1mo"}
"""Keys that are made from the date, each named by its first day: ISO weeks, which begin on Monday, and months."""
DAILY: Final = ("date", *CALENDAR, "channel_id", "campaign_id")
"""What kpi_daily can be read by. Traffic names no campaign: all of it is in "(none)"."""
_OF_ORDERS: Final = (*DAILY, "order_id", "customer_id", "country", "cohort_month")
DIMENSIONS: Final = (*_OF_ORDERS, "product_id", "sku", "category")


class Known(NamedTuple):
    """By which dimensions some measures are known, and why by no other."""

    measures: tuple[str, ...]
    dimensions: tuple[str, ...]
    why: str


_SQUARES = tuple(m.name for m in MEASURES.values() if m.unit == "square")
KNOWN: Final = (
    Known(ADS, DAILY,
          "ads are bought for campaigns, not for an order, a customer, a country or a product"),
    Known(("sessions", "pdp_views", "add_to_cart", "checkouts", "purchases"), DAILY,
          "web analytics counts visits, and does not say whose, or of which product"),
    Known(("orders", "new_customers", *_SQUARES), _OF_ORDERS,
          "an order may hold several products, so that its parts would count more than once"),
)  # fmt: skip
"""Every other measure is a sum over lines and refunds, and known by all DIMENSIONS."""


def rollup(state: Frame, kpis: Iterable[str], by: Sequence[str] = (), window: Window | None = None) -> pl.LazyFrame:
    """One row per member of `by` (one row in all without it), sorted: the keys, then one column per KPI.

    Measures are summed first and ratios computed last. A null key is a member like any other. With a window, of its
    days alone, and a KPI is null whose measures are not known of the same days of it (known_from).
    Raises ValueError for a KPI that does not exist, does not come from the state's measures, or means nothing by
    one of the keys; and for a key that the state does not have.
    """
    chosen = of_state(state, kpis, by)
    if window is None:
        return _by_member(state, chosen, by, Kpi.expr)
    begins = _begins(state, chosen)
    late = partial(uneven, window=window)

    def value(kpi: Kpi) -> pl.Expr:
        return pl.when(why(late, kpi, begins[kpi.name], by).is_null()).then(kpi.expr())

    return _by_member(state.lazy().filter(window.filter()), chosen, by, value)


def compare(
    state: Frame, window: Window, baseline: Window, kpis: Iterable[str] = HEADLINE, by: Sequence[str] = ()
) -> pl.LazyFrame:
    """One row per member of `by` and KPI: *by, kpi, value, previous, change, unit, reason.

    value, previous and change are Float64. change is relative to previous, for unit "percent" the
    difference in fractions of 1. It is null where either side is, and, when relative, where previous is
    not positive: growth from 0 has no size, growth from a loss no sign. previous is null as well where the
    baseline begins before all that the KPI is made of is known (known_from), and value where its measures are
    not known of the same days: so the state must hold the days before, too. reason says in words why value, or
    else change, is null. A member seen in only one of the windows has its row.
    Raises ValueError as rollup does.
    """
    chosen = of_state(state, kpis, by)
    measures = inputs(chosen)
    begins = _begins(state, chosen)
    days = state.lazy().filter(window.filter() | baseline.filter())

    def period(span: Window, value: str, reason: str, late: Late) -> pl.LazyFrame:
        def cell(kpi: Kpi) -> pl.Expr:
            unknown = why(late, kpi, begins[kpi.name], by)
            return pl.struct(
                pl.lit(kpi.name).alias("kpi"),
                pl.when(unknown.is_null()).then(kpi.expr()).cast(pl.Float64).alias(value),
                pl.lit(kpi.unit).alias("unit"),
                pl.coalesce(unknown, kpi.reason()).alias(reason),
            )

        # Blanking the other days instead of dropping them keeps the members that only they have.
        blanked = days.with_columns(pl.when(span.filter()).then(pl.col(measures)))
        cells = _by_member(blanked, chosen, by, cell)
        return (
            cells.select(*by, pl.concat_list(kpi.name for kpi in chosen).alias("cell")).explode("cell").unnest("cell")
        )

    now = period(window, "current", "reason", partial(uneven, window=window))
    reached = partial(unreached, baseline=baseline, until=window.end)
    before = period(baseline, "previous", "previous_reason", reached).drop("unit")
    both = now.join(before, on=[*by, "kpi"], nulls_equal=True, maintain_order="left")

    points = pl.col("unit") == "percent"
    change = (
        pl.when(points)
        .then(KPIS["percentage_point_change"].expr())
        .when(pl.col("previous") > 0)
        .then(KPIS["percent_change"].expr())
    )
    reason = pl.coalesce(
        "reason",
        "previous period: " + pl.col("previous_reason"),
        pl.when(~points & (pl.col("previous") < 0)).then(pl.lit("previous is negative")),
        pl.when(~points).then(KPIS["percent_change"].reason()),
    )
    return both.select(
        *by,
        "kpi",
        pl.col("current").alias("value"),
        "previous",
        change.alias("change"),
        "unit",
        reason.alias("reason"),
    )


def dimensions(kpi: Kpi) -> tuple[str, ...]:
    """What a KPI of the state's measures can be read by."""
    apart = [known.dimensions for known in KNOWN if set(known.measures) & set(kpi.measures)]
    return tuple(name for name in DIMENSIONS if all(name in names for names in apart))


def require_meaning(kpi: Kpi, by: Iterable[str]) -> None:
    """ValueError that says why, if the KPI means nothing by one of DIMENSIONS; other columns are the caller's own."""
    for dimension in by:
        for known in KNOWN:
            unknown = [name for name in kpi.measures if name in known.measures]
            if unknown and dimension in DIMENSIONS and dimension not in known.dimensions:
                raise ValueError(
                    f"{kpi.name} by {dimension} means nothing: {', '.join(unknown)} cannot be split so, because "
                    f"{known.why}. Read it by {', '.join(dimensions(kpi))}"
                )


def of_measures(kpi: Kpi) -> bool:
    """The KPI comes from the state's measures; the others are called with numbers, or come from cohorts."""
    return set(kpi.measures) <= set(MEASURES)


def of_lives(kpi: Kpi) -> bool:
    """The KPI is of customers who have reached an age: it comes from a state of their lives (kpis.lives.state)."""
    return "mature_customers" in kpi.measures and set(kpi.measures) <= {*OF_LIVES, *MEASURES}


def together(kpi: Kpi) -> tuple[str, ...]:
    """The measures that somebody reports, if the KPI divides one by another: a row that lacks one does not count.

    Else what is spent on a campaign of which nobody tells the impressions would be divided by those of the others.
    """
    reported = tuple(name for name in kpi.measures if name in MEASURES and MEASURES[name].absent == "null")
    return reported if len(reported) > 1 else ()


def totals(state: Frame, measures: Iterable[str], by: Sequence[str] = (), together: Sequence[str] = ()) -> pl.LazyFrame:
    """One row per member of `by` (one in all without it), sorted: the keys, then the measures summed.

    Those of `together` over the rows where all of them are known.
    """
    return _grouped(state, by, _sums(measures, together))


def _sums(measures: Iterable[str], together: Sequence[str]) -> list[pl.Expr]:
    whole = pl.all_horizontal(pl.col(together).is_not_null()) if together else pl.lit(True)

    def total(name: str) -> pl.Expr:
        if name not in together:
            return (MEASURES | OF_LIVES)[name].total()
        return pl.when(pl.col(name).count() > 0).then(pl.col(name).filter(whole).sum()).alias(name)

    return [total(name) for name in measures]


def _grouped(state: Frame, by: Sequence[str], sums: Iterable[pl.Expr]) -> pl.LazyFrame:
    return dated(state, by).group_by(by).agg(sums).sort(by) if by else state.lazy().select(sums)


def _begins(state: Frame, kpis: Iterable[Kpi]) -> dict[str, Begins]:
    """known_from of each KPI's measures, by KPI."""
    alike = _alike(kpis)
    begins = known_by_pairing(state, {names: inputs(each) for names, each in alike.items()})
    return {kpi.name: begins[names] for names, each in alike.items() for kpi in each}


def _alike(kpis: Iterable[Kpi]) -> dict[tuple[str, ...], list[Kpi]]:
    """The KPIs by what has to be known together."""
    found: dict[tuple[str, ...], list[Kpi]] = {}
    for kpi in kpis:
        found.setdefault(together(kpi), []).append(kpi)
    return found


def _by_member(state: Frame, kpis: Sequence[Kpi], by: Sequence[str], cell: Callable[[Kpi], pl.Expr]) -> pl.LazyFrame:
    """One row per member of `by`, sorted: the keys, then under each KPI's name what `cell` makes of its measures.

    In one pass over the state: a measure has one sum for every other that it has to be known together with.
    """
    alike = _alike(kpis)
    sums = {f"sums {place}": pl.struct(_sums(inputs(each), names)) for place, (names, each) in enumerate(alike.items())}
    rows = _grouped(state, by, [told.alias(name) for name, told in sums.items()]).collect()
    # they are few: what is made of them is made at once
    cells = [
        rows.select(*by, own).unnest(own).select(cell(kpi).alias(kpi.name) for kpi in each)
        for own, each in zip(sums, alike.values(), strict=True)
    ]
    return pl.concat([rows.select(by), *cells], how="horizontal").select(*by, *(kpi.name for kpi in kpis)).lazy()


def dated(state: Frame, by: Iterable[str]) -> pl.LazyFrame:
    """The state with those keys of CALENDAR that are asked for."""
    asked = [name for name in by if name in CALENDAR]
    return state.lazy().with_columns(pl.col("date").dt.truncate(CALENDAR[name]).alias(name) for name in asked)


def of_state(state: Frame, names: Iterable[str], by: Sequence[str]) -> list[Kpi]:
    """The KPIs of these names; ValueError that says why, if one cannot be read from the state by these keys."""
    chosen = find(names)
    columns = state.lazy().collect_schema().names()
    held = {*MEASURES, *(name for name in OF_LIVES if name in columns)}
    for kpi in chosen:
        if foreign := [name for name in kpi.measures if name not in held]:
            raise ValueError(
                f"{kpi.name} needs {', '.join(foreign)}, which the state does not hold: "
                "call it with numbers, or see kpis.cohorts"
            )
        require_meaning(kpi, by)
    keys = [name for name in columns if name not in held]
    keys += CALENDAR if "date" in keys else ()
    if absent := [name for name in by if name not in keys]:
        raise ValueError(f"the state cannot be read by {', '.join(absent)}; it has {', '.join(keys)}")
    return chosen


def inputs(kpis: Iterable[Kpi]) -> list[str]:
    """The measures that the KPIs read, once each."""
    return list(dict.fromkeys(name for kpi in kpis for name in kpi.measures))
