"""From the state frame to KPIs at any grain, and from two windows to what changed.

The state is kpi_daily: one row per date × channel_id × campaign_id with the columns of MEASURES.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

from kpis.kpi import Kpi
from kpis.measures import MEASURES
from kpis.registry import HEADLINE, KPIS, find
from kpis.windows import Window

Frame = pl.DataFrame | pl.LazyFrame


def rollup(state: Frame, kpis: Iterable[str], by: Sequence[str] = ()) -> pl.LazyFrame:
    """One row per member of `by` (one row in all without it), sorted: the keys, then one column per KPI.

    Measures are summed first and ratios computed last. A null key is a member like any other.
    Raises ValueError for a KPI that does not exist or does not come from the state's measures.
    """
    chosen = _of_state(kpis)
    return _totals(state.lazy(), _inputs(chosen), by).select(*by, *(kpi.expr() for kpi in chosen))


def compare(
    state: Frame, window: Window, baseline: Window, kpis: Iterable[str] = HEADLINE, by: Sequence[str] = ()
) -> pl.LazyFrame:
    """One row per member of `by` and KPI: *by, kpi, value, previous, change, unit, reason.

    value, previous and change are Float64. change is relative to previous, for unit "percent" the
    difference in fractions of 1. It is null where either side is, and, when relative, where previous is
    not positive: growth from 0 has no size, growth from a loss no sign. reason says in words why value,
    or else change, is null. A member seen in only one of the windows has its row.
    Raises ValueError as rollup does.
    """
    chosen = _of_state(kpis)
    measures = _inputs(chosen)
    days = state.lazy().filter(window.filter() | baseline.filter())

    def period(span: Window, value: str, reason: str) -> pl.LazyFrame:
        # Blanking the other days instead of dropping them keeps the members that only they have.
        blanked = days.with_columns(pl.when(span.filter()).then(pl.col(measures)))
        cells = [
            pl.struct(
                pl.lit(kpi.name).alias("kpi"),
                kpi.expr().cast(pl.Float64).alias(value),
                pl.lit(kpi.unit).alias("unit"),
                kpi.reason().alias(reason),
            )
            for kpi in chosen
        ]
        totals = _totals(blanked, measures, by)
        return totals.select(*by, pl.concat_list(cells).alias("cell")).explode("cell").unnest("cell")

    now = period(window, "current", "reason")
    before = period(baseline, "previous", "previous_reason").drop("unit")
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


def _of_state(names: Iterable[str]) -> list[Kpi]:
    chosen = find(names)
    for kpi in chosen:
        if foreign := [name for name in kpi.measures if name not in MEASURES]:
            raise ValueError(
                f"{kpi.name} needs {', '.join(foreign)}, which the state does not hold: "
                "call it with numbers, or see kpis.cohorts"
            )
    return chosen


def _inputs(kpis: Iterable[Kpi]) -> list[str]:
    return list(dict.fromkeys(name for kpi in kpis for name in kpi.measures))


def _totals(state: pl.LazyFrame, measures: Iterable[str], by: Sequence[str]) -> pl.LazyFrame:
    sums = [MEASURES[name].total() for name in measures]
    return state.group_by(by).agg(sums).sort(by) if by else state.select(sums)
