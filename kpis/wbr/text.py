"""A review as Markdown, for terminals, Dagster and chats."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from kpis.wbr.review import Change, Fired, Review
from kpis.wbr.tables import figure_columns

_SPECIAL: Final = re.compile(r"([\\`*\[\]<|])")


def markdown(review: Review, restated: str | None = None) -> str:
    """The review. `restated` is a line on what has changed of the window since."""
    opening = [f"# {_text(review.title)}", f"**{_text(review.brand)}**: {_text(review.headline)}", _text(review.basis)]
    if restated is not None:
        opening.append(f"**{_text(restated)}**")
    body = ["\n".join([f"## {title}", "", *lines]) for title, lines in _sections(review).items()]
    return "\n\n".join([*opening, *body]) + "\n"


def _sections(review: Review) -> dict[str, list[str]]:
    if review.missing:
        return {"What Is Missing": [_text(review.missing), "", *_bullets(review.doubts)]}
    return {
        "What Happened": [*_table(review), *_bullets(review.notes)],
        "Key Drivers": [_text(review.unsplit), *_drivers(review)] if review.unsplit else list(_drivers(review)),
        "Channels": list(_channels(review)),
        "What Is Uncertain": _bullets(review.doubts) or ["Nothing is known that speaks against these numbers."],
        "Risks": [line for alert in review.fired for line in _fired(alert)] or ["No alert fired."],
        "Next Week Priorities": list(_steps(review)),
        "Ask Why": list(_commands(review)),
    }


def _table(review: Review) -> Iterator[str]:
    columns = figure_columns(review)
    names = [f"{_text(figure.label)} [{review.note(figure.kpi)}]" for figure in review.figures]
    yield _row(["", *columns])
    yield _row(["---", *["---:"] * len(columns)])
    yield from (_row(cells) for cells in zip(names, *columns.values(), strict=True))
    yield ""


def _drivers(review: Review) -> Iterator[str]:
    for change in review.changes:
        yield f"- {_sentence(change, review)}"


def _sentence(change: Change, review: Review) -> str:
    effects = "; ".join(
        f"**{_text(effect.label)}** {_text(effect.text)}" + (f" ({_text(effect.detail)})" if effect.detail else "")
        for effect in change.effects
    )
    note = review.note(change.kpi, change.by)
    return f"{_text(change.sentence)} {effects}. [{note}]"


def _channels(review: Review) -> Iterator[str]:
    if not review.channels:
        yield "No channel had orders, spend or traffic in these two windows."
        return
    yield _row(["Channel", *review.channel_titles])
    yield _row(["---", *["---:"] * len(review.channel_titles)])
    for row in review.channels:
        yield _row([_text(row.name), *map(_text, row.cells)])
    if review.channel_notes:
        yield ""
        yield from _bullets(review.channel_notes)


def _fired(alert: Fired, indent: str = "") -> Iterator[str]:
    status = f" {_text(alert.status)}" if alert.status else ""
    told = " ".join(filter(None, (alert.description, alert.why)))
    yield f"{indent}- **{alert.severity.capitalize()}**{status} · {_text(alert.head)}: {_text(told)}"
    for child in alert.folded:
        yield from _fired(child, f"{indent}  ")


def _steps(review: Review) -> Iterator[str]:
    for number, step in enumerate(review.steps, start=1):
        money = f"**{_text(step.money_text)}** · " if step.money_text else ""
        yield f"{number}. {money}{_text(step.text)}"


def _commands(review: Review) -> Iterator[str]:
    yield "The numbers in brackets, taken apart:"
    yield ""
    for number, one in enumerate(review.explained, start=1):
        yield f"{number}. `{one.command}`"


def _bullets(sentences: Iterable[str]) -> list[str]:
    return [f"- {_text(sentence)}" for sentence in sentences]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _text(plain: str) -> str:
    """On one line, with what Markdown would read as markup escaped."""
    return _SPECIAL.sub(r"\\\1", " ".join(plain.split()))
