"""From the state frame to KPIs at any grain, and from two windows to what changed.

The state is kpi_daily: one row per date × channel_id × campaign_id with the columns of MEASURES; or any finer frame
of the same measures, which may have the other columns of DIMENSIONS too. Its weeks and months are made from its dates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

import polars as pl

from kpis.frame import Frame
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
    Known(("spend", "impressions", "clicks", "platform_conversions", "platform_value"), DAILY,
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
    measures = inputs(chosen)
    if window is None:
        return totals(state, measures, by).select(*by, *(kpi.expr() for kpi in chosen))
    known = known_from(state, measures)
    values = [pl.when(uneven(kpi, window, known) is None).then(kpi.expr()) for kpi in chosen]
    return totals(state.lazy().filter(window.filter()), measures, by).select(*by, *values)


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
    known = known_from(state, measures)
    days = state.lazy().filter(window.filter() | baseline.filter())

    def period(span: Window, value: str, reason: str, late: Callable[[Kpi], str | None]) -> pl.LazyFrame:
        # Blanking the other days instead of dropping them keeps the members that only they have.
        blanked = days.with_columns(pl.when(span.filter()).then(pl.col(measures)))
        cells = [
            pl.struct(
                pl.lit(kpi.name).alias("kpi"),
                (pl.lit(None) if why else kpi.expr()).cast(pl.Float64).alias(value),
                pl.lit(kpi.unit).alias("unit"),
                (pl.lit(why) if why else kpi.reason()).alias(reason),
            )
            for kpi, why in ((kpi, late(kpi)) for kpi in chosen)
        ]
        summed = totals(blanked, measures, by)
        return summed.select(*by, pl.concat_list(cells).alias("cell")).explode("cell").unnest("cell")

    now = period(window, "current", "reason", lambda kpi: uneven(kpi, window, known))
    before = period(baseline, "previous", "previous_reason", lambda kpi: unreached(kpi, baseline, known)).drop("unit")
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


def totals(state: Frame, measures: Iterable[str], by: Sequence[str] = ()) -> pl.LazyFrame:
    """One row per member of `by` (one in all without it), sorted: the keys, then the measures summed."""
    sums = [(MEASURES | OF_LIVES)[name].total() for name in measures]
    return dated(state, by).group_by(by).agg(sums).sort(by) if by else state.lazy().select(sums)


def known_from(state: Frame, measures: Iterable[str]) -> dict[str, date]:
    """The first day on which anything was told of each measure; one of which nothing ever was is left out.

    Of what nobody may be measuring a day with a value, of any member; of the rest a day on which any of it happened.
    """
    every = MEASURES | OF_LIVES
    counted = [name for name in state.lazy().collect_schema() if name in every and every[name].absent == "zero"]

    def told(name: str) -> pl.Expr:
        column = pl.col(name)
        return column.is_not_null() if every[name].absent == "null" else pl.any_horizontal(pl.col(counted) != 0)

    days = state.lazy().select(pl.col("date").filter(told(name)).min().alias(name) for name in measures).collect()
    return {day.name: day.item() for day in days if day.count()}


def unreached(kpi: Kpi, window: Window, known: Mapping[str, date]) -> str | None:
    """Why the KPI says nothing of the window: what it is made of is known (known_from) only from a later day on."""
    return _later(kpi, window.start, known)


def uneven(kpi: Kpi, window: Window, known: Mapping[str, date]) -> str | None:
    """Why the KPI has no value in the window: its measures are not known (known_from) of the same days of it.

    A sum of one measure, or a ratio of two that are known since the same day, is true of the days that are known.
    """
    first = min((known[name] for name in kpi.measures if name in known), default=window.start)
    return _later(kpi, max(window.start, first), known)


def _later(kpi: Kpi, day: date, known: Mapping[str, date]) -> str | None:
    """Which measure of the KPI is known last, and since when, if that is after the day."""
    last = max((name for name in kpi.measures if name in known), key=known.__getitem__, default=None)
    if last is None or known[last] <= day:
        return None
    is_of_shop = (MEASURES | OF_LIVES)[last].absent == "zero"
    return f"not known before {known[last]}" if is_of_shop else f"{last} is known from {known[last]} on"


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
