"""Since when each measure is known, by whom, and what cannot be said of a KPI where that is too late.

A platform that is synced is asked for all of its history: there a day without a row is one without spend. What was
spent before the first day of which a file tells, nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Final

import polars as pl

from kpis.frame import Frame
from kpis.kpi import Kpi
from kpis.measures import MEASURES, OF_LIVES
from kpis.windows import Window

ADS: Final = ("spend", "impressions", "clicks", "platform_conversions", "platform_value")
"""What ad platforms tell of a campaign, each of its own."""

IMPORTED: Final = "file:"
"""What the ids of campaigns begin with that files tell of."""

Begins = Mapping[str, Mapping[str, date]]
"""Since when each measure is known, by source: a channel whose ads only files tell of, "" for all the others."""

Late = Callable[[Kpi, Begins, str | None], str | None]
"""Why a KPI is not known, of a channel or of all, if it is not."""

_EVERY: Final = MEASURES | OF_LIVES


def known_from(state: Frame, measures: Iterable[str], together: Sequence[str] = ()) -> Begins:
    """The first day on which each source told anything of each measure; one of which nothing ever was is left out.

    Of what nobody may be measuring a day with a value, of any member; of the rest a day on which any of it happened.
    Of measures that count `together`, a day on which a row has all of them.
    """
    return known_by_pairing(state, {tuple(together): measures})[tuple(together)]


def known_by_pairing(state: Frame, measures: Mapping[tuple[str, ...], Iterable[str]]) -> dict[tuple[str, ...], Begins]:
    """`known_from` of the measures that count together and of those beside them, for each such pairing, in one pass."""
    columns = state.lazy().collect_schema().names()
    counted = [name for name in columns if name in _EVERY and _EVERY[name].absent == "zero"]

    def told(name: str, together: Sequence[str]) -> pl.Expr:
        if _EVERY[name].absent == "zero":
            return pl.any_horizontal(pl.col(counted) != 0)
        return pl.all_horizontal(pl.col(together if name in together else [name]).is_not_null())

    source = pl.lit("")
    if {"channel_id", "campaign_id", "spend"} <= set(columns):
        is_imported = pl.col("campaign_id").str.starts_with(IMPORTED)
        is_synced = (pl.col("spend").is_not_null() & ~is_imported).any().over("channel_id")
        source = pl.when(is_imported & ~is_synced).then("channel_id").otherwise(source)
    wanted = [(together, name) for together, names in measures.items() for name in names]
    firsts = (
        pl.col("date").filter(told(name, together)).min().alias(str(place))
        for place, (together, name) in enumerate(wanted)
    )
    days = (
        state.lazy().with_columns(source=source.fill_null("")).group_by("source").agg(firsts).sort("source").collect()
    )
    found: dict[tuple[str, ...], dict[str, Mapping[str, date]]] = {together: {} for together in measures}
    for place, (together, name) in enumerate(wanted):
        begun = {who: day for who, day in days.select("source", str(place)).iter_rows() if day is not None}
        if begun:
            found[together][name] = begun if name in ADS else {"": min(begun.values())}
    return dict(found)


def begin_of(begins: Begins, last: date, channel: str | None = None) -> date | None:
    """From which day on all of the measures are known, of the sources that are known by the last day.

    Of a channel, of its own. None if nothing is known of any.
    """
    return max((_begin(sources, last, channel) for sources in begins.values()), default=None)


def unreached(kpi: Kpi, begins: Begins, channel: str | None = None, *, baseline: Window, until: date) -> str | None:
    """Why nothing can be held against the KPI in the baseline: what it is made of is known only from a later day on.

    Of sources that are known by the day `until`, the last of the window that is held against it.
    """
    return _later(kpi, baseline.start, begins, until, channel)


def uneven(kpi: Kpi, begins: Begins, channel: str | None = None, *, window: Window) -> str | None:
    """Why the KPI has no value in the window: its measures are not known of the same days of it.

    A sum of one measure, or a ratio of what is reported together, is true of what is known.
    """
    if len({_EVERY[name].absent for name in kpi.measures}) == 1:
        return None
    firsts = (_first(begins[name], channel) for name in kpi.measures if name in begins)
    return _later(kpi, max(window.start, min(firsts, default=window.start)), begins, window.end, channel)


def why(late: Late, kpi: Kpi, begins: Begins, by: Sequence[str]) -> pl.Expr:
    """Why the KPI is not known, as text: of each channel for itself where it is read by channel, else of all."""
    if "channel_id" not in by:
        return pl.lit(late(kpi, begins, None), pl.String)
    sources = sorted({who for known in begins.values() for who in known})
    own = {who: late(kpi, begins, who) for who in sources}
    others = pl.lit(late(kpi, begins, ""), pl.String)
    return pl.col("channel_id").replace_strict(own, default=others, return_dtype=pl.String) if own else others


def _first(sources: Mapping[str, date], channel: str | None) -> date:
    """Since when a measure is known of any source: of a channel that only files tell of, since its own day."""
    return sources[channel] if channel and channel in sources else min(sources.values())


def _begin(sources: Mapping[str, date], last: date, channel: str | None) -> date:
    """Since when a measure is known of all sources that are by the last day; of a channel, of its own."""
    first = _first(sources, channel)
    if channel is not None:
        return first
    return max([first, *(day for who, day in sources.items() if who and day <= last)])


def _later(kpi: Kpi, day: date, begins: Begins, last: date, channel: str | None) -> str | None:
    """Which measure of the KPI is known last, of which source, and since when, if that is after the day."""
    known = [(_begin(begins[name], last, channel), name) for name in kpi.measures if name in begins]
    latest, name = max(known, key=lambda each: each[0], default=(day, ""))
    if latest <= day:
        return None
    if _EVERY[name].absent == "zero":
        return f"not known before {latest}"
    sources = begins[name]
    whose = next((f" of {who}" for who, begin in sources.items() if who and begin == latest and len(sources) > 1), "")
    return f"{name}{whose} is known from {latest} on"
