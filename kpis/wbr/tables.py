"""The table of headline figures as both renderers show it: its columns, each with a cell per figure."""

from __future__ import annotations

from kpis.wbr.review import Review
from kpis.words import change_text, value_text


def figure_columns(review: Review) -> dict[str, list[str]]:
    """Title → a cell per figure, a dash where it is not known; a comparison that no history reaches is left out."""

    def cells(*texts: str | None) -> list[str]:
        return [text or "–" for text in texts]

    figures = review.figures
    values = {
        "this week" if review.period == "week" else review.period: [
            None if f.value is None else value_text(f.value, f.unit, review.currency) for f in figures
        ],
        "before": [None if f.previous is None else value_text(f.previous, f.unit, review.currency) for f in figures],
        "change": [None if f.change is None else change_text(f.change, f.unit) for f in figures],
    }
    compared = {
        "vs mean of 4 before": [None if f.mean_change is None else change_text(f.mean_change, f.unit) for f in figures],
        "vs a year ago": [None if f.year_change is None else change_text(f.year_change, f.unit) for f in figures],
    }
    reached = {title: texts for title, texts in compared.items() if any(texts)}
    return {title: cells(*texts) for title, texts in (values | reached).items()}
