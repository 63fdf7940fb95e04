"""What happened: the headline KPIs beside the windows that they are held against, the channels, the days, retention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Final, Literal

import polars as pl

from kpis.cohorts import RETENTION_DAYS, baseline_retention
from kpis.engine import compare
from kpis.known import begin_of, known_from
from kpis.registry import FUNNEL, HEADLINE, KPIS
from kpis.wbr.given import Given
from kpis.wbr.review import ChannelRow, CohortRow, Day, Figure
from kpis.windows import Window
from kpis.words import Movement, movements, movements_by_channel, value_text

SUMMARY: Final = (*HEADLINE, "discounts", "refunds", "claimed_ratio", *(step.name for step in FUNNEL[:4]))
CHANNEL_KPIS: Final = ("revenue_net", "orders", "new_customers", "spend", "roas", "channel_cac")
MEAN_OF: Final = 4
"""Windows before the present one that its trailing mean is of."""
COHORTS: Final = 6
"""The newest cohorts, whose retention is shown."""

Totals = Mapping[str, Movement]
Channels = Mapping[str, Totals]


def totals(given: Given, window: Window, baseline: Window) -> Totals:
    """Each KPI of SUMMARY in the two windows."""
    return movements(compare(given.state, window, baseline, SUMMARY).collect())


def by_channel(given: Given, window: Window) -> Channels:
    """Each KPI of CHANNEL_KPIS, and the margin, in the window and the one before, by channel id."""
    kpis = (*CHANNEL_KPIS, "contribution_margin_total", "contribution_after_marketing")
    return movements_by_channel(compare(given.state, window, window.previous(), kpis, by=["channel_id"]).collect())


def figures(given: Given, window: Window) -> tuple[Figure, ...]:
    """The KPIs of HEADLINE."""
    trailing = Window(window.start - timedelta(MEAN_OF * window.days), window.start - timedelta(1))
    year_ago = window.year_ago()
    before, of_mean, of_year = (totals(given, window, span) for span in (window.previous(), trailing, year_ago))
    return tuple(_figure(name, before[name], of_mean[name], of_year[name]) for name in HEADLINE)


def _figure(name: str, before: Movement, of_mean: Movement, of_year: Movement) -> Figure:
    kpi = KPIS[name]
    mean = of_mean.previous
    if mean is not None and kpi.denominator is None:  # a sum over four windows; a ratio is the same however long
        mean /= MEAN_OF
    return Figure(
        name,
        kpi.label,
        kpi.unit,
        _verdict(kpi.good, before.change),
        before.value,
        before.previous,
        before.change,
        mean,
        _change(before, mean),
        of_year.previous,
        of_year.change,
        before.reason_text() or None,
    )


def _change(kpi: Movement, previous: float | None) -> float | None:
    if kpi.value is None or previous is None:
        return None
    if kpi.unit == "percent":
        return kpi.value - previous
    return kpi.value / previous - 1 if previous > 0 else None


def _verdict(good: str, change: float | None) -> Literal["good", "bad", "neutral"]:
    if not change or good == "neutral":
        return "neutral"
    return "good" if (change > 0) == (good == "up") else "bad"


def notes(figures: Sequence[Figure], cohorts: pl.DataFrame) -> tuple[str, ...]:
    """Retention of the newest mature cohort; and which figures are not known, now or before, by reason."""
    unknown: dict[tuple[str, str], list[str]] = {}
    for figure in figures:
        if figure.value is None or figure.previous is None:
            lacks = "Not known" if figure.value is None else "Not compared"
            unknown.setdefault((lacks, figure.reason or ""), []).append(figure.label)
    told = [f"{lacks}: {', '.join(labels)} ({reason})." for (lacks, reason), labels in unknown.items()]
    return (_retention(cohorts), *told)


def _retention(cohorts: pl.DataFrame) -> str:
    month, current, baseline = baseline_retention(cohorts)
    if current is None:
        return "Not known: 30-day retention (no cohort is old enough yet)."
    older = (
        "no older cohort to hold it against" if baseline is None else f"{value_text(baseline, 'percent')} in older ones"
    )
    return f"30-day retention is {value_text(current, 'percent')} of the {month} cohort ({older})."


def channel_rows(channels: Channels, given: Given) -> tuple[ChannelRow, ...]:
    """The channels with something in either window, the largest first. A cell that is not known is a dash."""
    largest = max((kpis["revenue_net"].value or 0 for kpis in channels.values()), default=0)

    def row(channel: str, kpis: Totals) -> ChannelRow:
        values = [kpis[kpi].value_text(given.currency) or "–" for kpi in CHANNEL_KPIS]
        cells = (values[0], kpis["revenue_net"].change_text() or "–", *values[1:])
        share = (kpis["revenue_net"].value or 0) / largest if largest > 0 else 0.0
        return ChannelRow(given.names.get(channel, channel), cells, max(0.0, share))

    ordered = sorted(channels.items(), key=lambda item: (-(item[1]["revenue_net"].value or 0), item[0]))
    return tuple(row(channel, kpis) for channel, kpis in ordered)


def channel_titles() -> dict[str, str]:
    """What the cells of a channel's row are → the KPI of each; a change is that of the first."""
    first, *others = CHANNEL_KPIS
    return {KPIS[first].label: first, "Change": first, **{KPIS[kpi].label: kpi for kpi in others}}


def channel_notes(channels: Channels, given: Given) -> tuple[str, ...]:
    """Why a cell is a dash: the reasons, each with its channels."""
    unknown: dict[str, dict[str, None]] = {}  # reason → channels, as an ordered set
    for channel, kpis in sorted(channels.items()):
        for kpi in (kpis[name] for name in CHANNEL_KPIS if kpis[name].value is None):
            unknown.setdefault(kpi.reason_text(), {})[given.names.get(channel, channel)] = None
    return tuple(f"–: {reason} ({', '.join(where)})." for reason, where in unknown.items())


def days(given: Given, window: Window) -> tuple[Day, ...]:
    """Net revenue and orders of each day, and of the same day of the window before if the shop is known by then."""
    sums = (
        given.state.filter(window.filter() | window.previous().filter())
        .group_by("date")
        .agg(pl.sum("revenue_net").cast(pl.Float64), pl.sum("orders").cast(pl.Float64))
    )
    known = {day: (revenue, orders) for day, revenue, orders in sums.iter_rows()}
    calendar = [window.start + timedelta(n) for n in range(window.days)]
    begin = begin_of(known_from(given.state, ["orders"]), window.end)

    def before(day: date) -> tuple[float | None, float | None]:
        return known.get(day, (0.0, 0.0)) if begin is None or day >= begin else (None, None)

    return tuple(Day(day, *known.get(day, (0.0, 0.0)), *before(day - timedelta(window.days))) for day in calendar)


def cohort_rows(cohorts: pl.DataFrame) -> tuple[CohortRow, ...]:
    """The newest cohorts of which something is known; a left-truncated one is none."""
    shares = [f"d{n}_retention" for n in RETENTION_DAYS]
    known = cohorts.filter(~pl.col("is_left_truncated") & pl.col(shares[0]).is_not_null()).sort("cohort_month")
    rows = known.tail(COHORTS).select("cohort_month", "cohort_size", *shares).iter_rows()
    return tuple(CohortRow(month, size, tuple(retention)) for month, size, *retention in rows)
