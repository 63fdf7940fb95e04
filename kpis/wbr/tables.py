"""The table of headline figures as both renderers show it: its columns, each with a cell per figure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kpis.wbr.review import Figure, Review
from kpis.words import change_text, value_text

_UNKNOWN: Final = "–"

Of = Callable[[Figure], float | None]


def figure_columns(review: Review) -> dict[str, list[str]]:
    """Title → a cell per figure, a dash where it is not known; a comparison that no history reaches is left out."""

    def values(of: Of) -> list[str]:
        found = [(figure, of(figure)) for figure in review.figures]
        return [_UNKNOWN if v is None else value_text(v, figure.unit, review.currency) for figure, v in found]

    def changes(of: Of) -> list[str]:
        found = [(figure, of(figure)) for figure in review.figures]
        return [_UNKNOWN if change is None else change_text(change, figure.unit) for figure, change in found]

    present = f"this {review.period}" if review.period in ("day", "week") else review.period
    columns = {
        present: values(lambda figure: figure.value),
        "before": values(lambda figure: figure.previous),
        "change": changes(lambda figure: figure.change),
    }
    compared = {
        "vs mean of 4 before": changes(lambda figure: figure.mean_change),
        "vs a year ago": changes(lambda figure: figure.year_change),
    }
    return columns | {title: cells for title, cells in compared.items() if set(cells) != {_UNKNOWN}}
