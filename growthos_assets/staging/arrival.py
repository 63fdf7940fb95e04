"""Whether what the sources sent has arrived: the same question for every table that may rightly be empty."""

from collections.abc import Iterable

import polars as pl

from growthos_assets.table import Finding


def arrived(rows: pl.LazyFrame, raw: Iterable[pl.LazyFrame], nothing: str) -> Finding:
    """Passed when raw records gave at least one row; skipped, saying `nothing`, when there are no records."""
    records = sum(_height(frame) for frame in raw)
    if records == 0:
        return Finding.skip(nothing)
    count = _height(rows)
    return Finding(count > 0, f"{count} rows from {records} raw records")


def _height(frame: pl.LazyFrame) -> int:
    return int(frame.select(pl.len()).collect().item())
