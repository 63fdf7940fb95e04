"""What is uncertain about a review's numbers: each doubt is a sentence with its size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from math import sqrt
from typing import Final

import polars as pl

from kpis.alerts.panel import MEMORY, Facts
from kpis.wbr.given import Given
from kpis.wbr.happened import Channels, Totals
from kpis.windows import Window
from kpis.words import day_text, listed, value_text

FEW: Final = 30
"""Customers below which chance alone moves their number by a fifth or more: 1 ÷ √n, of a Poisson count."""

STEADY: Final = 0.9
"""Share of the four weeks before on which a source spoke whose silence is worth a word."""

SAID_AGAINST: Final = {
    "is_sampled": "GA4 estimated {share} of the sessions from a sample, on {days}.",
    "is_thresholded": "GA4 may have withheld rows to protect privacy on {days}, which hold {share} of the sessions.",
    "has_other": 'GA4 may have summed small rows up as "(other)" on {days}, which hold {share} of the sessions: '
    "channels are less exact than their sum.",
}
"""By what the analytics says against its own figures."""

_TOLD: Final = 3


def doubts(given: Given, window: Window, totals: Totals, channels: Channels) -> tuple[str, ...]:
    """Whatever speaks against the numbers, the source's own word first."""
    return tuple(
        doubt
        for told in (
            _begun(given, window),
            _unsettled(given, window),
            _said_against(given, window),
            _silent(given, window),
            troubles(given),
            _few(given, channels),
            _claimed(totals),
            _estimated(given, window),
        )
        for doubt in told
    )


def _begun(given: Given, window: Window) -> Iterator[str]:
    first, before = given.state["date"].min(), window.previous()
    if isinstance(first, date) and first > before.start:
        known = max(0, (before.end - first).days + 1)
        day = f"{day_text(first)}, {first.year}"
        held = f"{known} of the {before.days} days held against are known"
        yield f"The numbers begin on {day}: {held}, so no change is told."


def _unsettled(given: Given, window: Window) -> Iterator[str]:
    found = _traffic_where(given, window, ~pl.col("is_settled"))
    if found is not None:
        days, share = found
        yield (
            f"Web analytics is not settled for {days}, which hold {share} of the sessions: GA4 takes in late visits "
            "for three days."
        )


def _said_against(given: Given, window: Window) -> Iterator[str]:
    for flag, sentence in SAID_AGAINST.items():
        found = _traffic_where(given, window, pl.col(flag))
        if found is not None:
            days, share = found
            yield sentence.format(days=days, share=share)


def _traffic_where(given: Given, window: Window, condition: pl.Expr) -> tuple[str, str] | None:
    """(the days for which it holds, their rows' share of the sessions); None if there is none."""
    traffic = given.traffic.filter(window.filter())
    found = traffic.filter(condition)
    if found.is_empty():
        return None
    sessions, theirs = (float(rows["sessions"].sum()) for rows in (traffic, found))
    share = theirs / sessions if sessions else 0.0
    return _days(found["date"].unique().sort().to_list(), window), value_text(share, "percent")


def _silent(given: Given, window: Window) -> Iterator[str]:
    before = Window(window.start - timedelta(MEMORY), window.start - timedelta(1))
    sources = Facts(given.state, given.cohorts, window.end).sources()
    for source, spoke in sources.items():
        kind, _, channel = source.partition(":")
        missing = [day for day in _calendar(window) if day not in spoke]
        usual = sum(day in spoke for day in _calendar(before))
        if missing and usual >= STEADY * before.days:
            said = {"shop": "The shop has no order", "traffic": "Web analytics has no visit"}.get(
                kind, f"{given.names.get(channel, channel)} has no spend"
            )
            yield f"{said} on {_days(missing, window)}: its numbers may be partial."


def troubles(given: Given) -> Iterator[str]:
    """What sources did not give."""
    for row in given.troubles.head(_TOLD).iter_rows(named=True):
        span = f"{day_text(row['first_day'])} – {day_text(row['last_day'])}"
        yield f"{row['stream']} ({row['account']}) was not pulled whole for {span}: {row['error']}"
    if (more := given.troubles.height - _TOLD) > 0:
        yield f"{more} more accounts were not pulled whole: growthos slices --tenant {given.tenant} --failed."


def _few(given: Given, channels: Channels) -> Iterator[str]:
    few = {
        given.names.get(channel, channel): kpis["new_customers"].value or 0
        for channel, kpis in sorted(channels.items())
        if (kpis["spend"].value or 0) > 0 and (kpis["new_customers"].value or 0) < FEW
    }
    if few:
        told = [
            f"{name} {count:.0f} (±{value_text(1 / sqrt(count), 'percent')})" if count else f"{name} none"
            for name, count in few.items()
        ]
        yield f"A channel's CAC rests on fewer than {FEW} new customers, which chance alone moves: {listed(told)}."


def _claimed(totals: Totals) -> Iterator[str]:
    claimed = totals["claimed_ratio"]
    if claimed.value is not None:
        was = "" if claimed.previous is None else f", {value_text(claimed.previous, 'ratio')} before"
        twice = "some are claimed twice" if claimed.value > 1 else "never add their revenue to the shop's"
        yield f"Ad platforms claim {value_text(claimed.value, 'ratio')} of the shop's orders{was}: {twice}."


def _estimated(given: Given, window: Window) -> Iterator[str]:
    goods = given.goods.filter(window.filter())
    cost = float(goods["cogs"].sum() or 0)
    estimated = float(goods.filter(cogs_source="category_margin")["cogs"].sum() or 0)
    if cost and estimated:
        share = value_text(estimated / cost, "percent")
        yield f"{share} of the cost of goods is estimated by category margins, where no unit cost is known."


def _calendar(window: Window) -> list[date]:
    return [window.start + timedelta(n) for n in range(window.days)]


def _days(days: Sequence[date], window: Window) -> str:
    """ "2 of 7 days (Feb 7 and Feb 8)"."""
    return f"{len(days)} of {window.days} days ({listed([day_text(day) for day in days])})"
