"""Writing a review: from a shop's numbers to what is said of a window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from kpis.drivers import net_revenue_drivers
from kpis.engine import totals as summed
from kpis.kpi import REFUND_BASES
from kpis.measures import MEASURES
from kpis.registry import KPIS
from kpis.wbr import happened, why
from kpis.wbr.doubts import doubts, troubles
from kpis.wbr.fired import fired, steps
from kpis.wbr.given import Given
from kpis.wbr.review import Figure, Fired, Review
from kpis.windows import Window
from kpis.words import change_text, value_text

LEAD: Final = ("revenue_net", "contribution_margin_total", "new_customers", "blended_cac")
"""The KPIs of the first sentence."""


def write(given: Given, window: Window) -> Review:
    """The review of a window of complete days, against the one before; the same numbers give the same review."""
    measures = summed(given.state.lazy().filter(window.filter()), MEASURES).collect().row(0, named=True)
    empty = Review(
        tenant=given.tenant,
        brand=given.brand,
        window=window,
        title=f"Weekly Business Review — {_span(window)}" if window.days == 7 else f"Business Review — {_span(window)}",
        headline="There is nothing to review.",
        basis=f"Complete days in {given.timezone}; money in {given.currency}. {REFUND_BASES['event']}",
        currency=given.currency,
        period={1: "day", 7: "week"}.get(window.days, f"{window.days} days"),
        doubts=tuple(troubles(given)),
        measures={name: None if value is None else str(value) for name, value in measures.items()},
        missing=given.missing,
    )
    return empty if given.missing else _filled(empty, given)


def _filled(review: Review, given: Given) -> Review:
    """The review with all that there is to say."""
    window = review.window
    totals = happened.totals(given, window, window.previous())
    channels = happened.by_channel(given, window)
    figures = happened.figures(given, window)
    found = why.explanations(given, window)
    drivers = net_revenue_drivers(totals)
    alerts = fired(given.alerts)
    return replace(
        review,
        headline=_headline(figures, alerts, given.currency),
        figures=figures,
        notes=happened.notes(figures, given.cohorts),
        changes=why.changes(totals, found, given),
        unsplit="" if drivers else f"The change of net revenue has no factors: {_unsplit(totals)}.",
        channel_titles=happened.channel_titles(),
        channels=happened.channel_rows(channels, given),
        channel_notes=happened.channel_notes(channels, given),
        doubts=doubts(given, window, totals, channels),
        fired=alerts,
        steps=steps(given.alerts, drivers, channels, totals, given),
        days=happened.days(given, window),
        cohorts=happened.cohort_rows(given.cohorts),
        explained=why.proofs(found, given, window),
    )


def _unsplit(totals: happened.Totals) -> str:
    revenue = totals["revenue_gross"]
    return revenue.reason_text() if revenue.previous is None else "a window has no orders or no revenue"


def _headline(figures: Sequence[Figure], alerts: Sequence[Fired], currency: str) -> str:
    """ "Net revenue USD 27,848 (+11.3%), …; 1 alert fired."."""
    by_name = {figure.kpi: figure for figure in figures}
    told: list[str] = []
    for figure in (by_name[name] for name in LEAD):
        if figure.value is not None:
            change = "" if figure.change is None else f" ({change_text(figure.change, figure.unit)})"
            label = figure.label[:1].lower() + figure.label[1:]
            told.append(f"{label} {value_text(figure.value, figure.unit, currency)}{change}")
    count = {0: "no alert fired", 1: "1 alert fired"}.get(len(alerts), f"{len(alerts)} alerts fired")
    sentence = f"{', '.join(told)}; {count}." if told else f"{count}."
    return sentence[:1].upper() + sentence[1:]


def alert_ids(document: Mapping[str, Any]) -> list[str]:
    """Every alert that a review's document names, each before those folded under it."""

    def ids(alerts: Sequence[Mapping[str, Any]]) -> list[str]:
        return [one for alert in alerts for one in (alert["id"], *ids(alert["folded"]))]

    return ids(document.get("fired", ()))


def restated(then: Mapping[str, Any], now: Mapping[str, Any], known_on: str) -> str | None:
    """One line on what has changed of a window since a review of it was written; None if no figure has.

    Both are documents of reviews; the one of a review that was written before these were kept is empty, and None.
    """
    if "figures" not in then:
        return None
    if then.get("missing") and not now["missing"]:
        return f"Nothing of these days was known on {known_on}."
    old = {figure["kpi"]: figure["value"] for figure in then["figures"]}
    told = [
        f"{figure['label']} was {was}, and is {is_now} as known now{_causes(figure['kpi'], then, now)}"
        for figure in now["figures"]
        if figure["kpi"] in old
        and (was := _shown(old[figure["kpi"]], figure, now)) != (is_now := _shown(figure["value"], figure, now))
    ]
    if not told:
        return None
    more = f"; and {len(told) - _RESTATED} more figures" if len(told) > _RESTATED else ""
    return f"Restated since {known_on}: {'; '.join(told[:_RESTATED])}{more}."


_RESTATED: Final = 3


def _shown(value: float | None, figure: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    return "not known" if value is None else value_text(value, figure["unit"], now["currency"])


def _causes(kpi: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """The measures behind the KPI that are others now: " (refunds +USD 45.00)"."""
    parts = dict.fromkeys(name for measure in KPIS[kpi].measures for name in _MADE_OF.get(measure, (measure,)))
    moved: list[str] = []
    for name in parts:
        was, is_now = (float(side["measures"][name] or 0) for side in (then, now))
        if was != is_now:
            amount = value_text(is_now - was, "money" if MEASURES[name].unit == "money" else "count", now["currency"])
            moved.append(f"{name.replace('_', ' ')} {amount if amount.startswith('-') else f'+{amount}'}")
    return f" ({', '.join(moved)})" if moved else ""


_MADE_OF: Final = {
    "revenue_net": ("revenue_gross", "discounts", "refunds"),
    "contribution_margin": ("revenue_gross", "discounts", "refunds", "cogs"),
}


def _span(window: Window) -> str:
    """ "Feb 3 – Feb 9, 2026", with both years where they differ."""
    first_year = f", {window.start.year}" if window.start.year != window.end.year else ""
    return f"{window.start:%b} {window.start.day}{first_year} – {window.end:%b} {window.end.day}, {window.end.year}"
