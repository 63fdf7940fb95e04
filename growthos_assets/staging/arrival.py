"""Whether what the sources sent has arrived: the same questions for every table of staging."""

from collections.abc import Iterable

import polars as pl

from growthos_assets.table import Finding


def arrived(rows: pl.LazyFrame, raw: Iterable[pl.LazyFrame], nothing: str) -> Finding:
    """Passed when raw records gave at least one row; skipped, saying `nothing`, when there are no records."""
    if not any(height(frame.head(1)) for frame in raw):
        return Finding.skip(nothing)
    count = height(rows)
    return Finding(count > 0, f"{count} rows" if count else "there are raw records, and not one row of them")


def complete(rows_in: int, rows: pl.LazyFrame, quarantined: pl.LazyFrame) -> Finding:
    """Passed when as many rows as came in, counted apart from the transform, are here or in quarantine."""
    here, turned_away = height(rows), height(quarantined)
    words = f"{rows_in} rows came in; {here} are here, and {turned_away} in quarantine"
    return Finding(here + turned_away == rows_in, words, rows_in=rows_in)


def height(*frames: pl.LazyFrame) -> int:
    """How many rows the frames have together."""
    return sum(int(frame.select(pl.len()).collect().item()) for frame in frames)
