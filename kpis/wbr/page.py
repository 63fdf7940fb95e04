"""A review as one HTML file that stands alone: no script, nothing to load, each number a link to its explanation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import Final

from kpis.cohorts import RETENTION_DAYS
from kpis.wbr.drawing import days_chart, waterfall
from kpis.wbr.review import Change, Explained, Figure, Fired, Review
from kpis.wbr.style import STYLE
from kpis.wbr.tables import figure_columns
from kpis.wbr.writing import LEAD
from kpis.words import change_text, value_text

_SHADE: Final = 0.55
"""Opacity of the highest retention's cell: letters stay readable on it, light or dark."""


def html(review: Review, restated: str | None = None) -> str:
    """The review. `restated` is a line on what has changed of the window since."""
    sections = _sections(review).items()
    body = "".join(f"<section><h2>{title}</h2>{''.join(parts)}</section>\n" for title, parts in sections)
    line = "" if restated is None else f'<p class="restated">{escape(restated)}</p>'
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(review.brand)}: {escape(review.title)}</title>\n<style>\n{STYLE}\n</style></head>\n"
        f'<body><header><p class="brand">{escape(review.brand)}</p><h1>{escape(review.title)}</h1>'
        f'<p class="lead">{escape(review.headline)}</p><p class="soft">{escape(review.basis)}</p>{line}</header>\n'
        f"<main>{body}{''.join(_appendix(review)) if review.explained else ''}</main></body></html>\n"
    )


def _sections(review: Review) -> dict[str, Iterable[str]]:
    if review.missing:
        return {"What Is Missing": [f"<p>{escape(review.missing)}</p>", _list("ul", map(escape, review.doubts))]}
    return {
        "What Happened": _happened(review),
        "Key Drivers": _drivers(review),
        "Channels": _channels(review),
        "Retention": _retention(review),
        "What Is Uncertain": _list(
            "ul", map(escape, review.doubts), "Nothing is known that speaks against these numbers."
        ),
        "Risks": _list("ul", map(_fired, review.fired), "No alert fired."),
        "Next Week Priorities": _list("ol", (_step(step.money_text, step.text) for step in review.steps)),
    }


def _happened(review: Review) -> Iterator[str]:
    by_name = {figure.kpi: figure for figure in review.figures}
    yield f'<div class="cards">{"".join(_card(by_name[name], review) for name in LEAD)}</div>'
    shown = [
        days_chart(
            "Net revenue",
            review.days,
            lambda day: (day.revenue, day.revenue_before),
            lambda value: value_text(value, "money", review.currency),
        ),
        days_chart(
            "Orders", review.days, lambda day: (day.orders, day.orders_before), lambda value: value_text(value, "count")
        ),
    ]
    yield f'<div class="charts">{"".join(f"<div>{chart}</div>" for chart in shown)}</div>'
    yield f'<p class="soft">Bars: each day; lines: the same day of the {review.period} before.</p>'
    columns = figure_columns(review)
    names = [_link(figure.label, review, figure.kpi) for figure in review.figures]
    rows = [
        [
            name,
            *(
                _toned(cell, figure) if title == "change" else escape(cell)
                for title, cell in zip(columns, cells, strict=True)
            ),
        ]
        for name, figure, *cells in zip(names, review.figures, *columns.values(), strict=True)
    ]
    yield _table(["", *columns], rows)
    yield from (f"<p>{escape(note)}</p>" for note in review.notes)


def _card(figure: Figure, review: Review) -> str:
    value = "–" if figure.value is None else value_text(figure.value, figure.unit, review.currency)
    if figure.change is None:
        change = escape(figure.reason or "")
    else:
        change = f"{_toned(change_text(figure.change, figure.unit), figure)} on the {escape(review.period)} before"
    name = _link(figure.label, review, figure.kpi)
    return f'<div class="card">{name}<b>{escape(value)}</b><span class="soft">{change}</span></div>'


def _toned(text: str, figure: Figure) -> str:
    return f'<span class="{figure.verdict}">{escape(text)}</span>'


def _drivers(review: Review) -> Iterator[str]:
    if review.unsplit:
        yield f"<p>{escape(review.unsplit)}</p>"
    charts: list[str] = []
    for change in review.changes:
        before, now = ("Week before", "This week") if review.period == "week" else ("Before", "Now")
        charts.append(f"<div><p>{_linked(change, review)}</p>{waterfall(change, before, now)}</div>")
    yield f'<div class="charts">{"".join(charts)}</div>'


def _linked(change: Change, review: Review) -> str:
    return f'<a href="#{_anchor(review, change.kpi, change.by)}">{escape(change.sentence)}</a>'


def _channels(review: Review) -> Iterator[str]:
    if not review.channels:
        yield "<p>No channel had orders, spend or traffic in these two windows.</p>"
        return
    rows = [
        [
            f'{escape(row.name)}<span class="bar" style="width:{100 * row.share:.0f}%"></span>',
            *map(escape, row.cells),
        ]
        for row in review.channels
    ]
    titles = [_link(title, review, kpi) for title, kpi in review.channel_titles.items()]
    yield _table(["Channel", *titles], rows)
    yield from (f'<p class="soft">{escape(note)}</p>' for note in review.channel_notes)


def _retention(review: Review) -> Iterator[str]:
    if not review.cohorts:
        yield "<p>No cohort is old enough yet.</p>"
        return
    highest = max(share for row in review.cohorts for share in row.retention if share is not None) or 1.0
    titles = ("First order in", "Customers", *(f"{n} days" for n in RETENTION_DAYS))
    head = "".join(f"<th>{title}</th>" for title in titles)
    body = "".join(
        f"<tr><td>{escape(row.month)}</td><td>{row.size:,}</td>"
        f"{''.join(_heat(share, highest) for share in row.retention)}</tr>"
        for row in review.cohorts
    )
    yield f'<div class="scroll"><table class="heat"><tr>{head}</tr>{body}</table></div>'
    yield '<p class="soft">Customers who ordered again within so many days; empty while a cohort is younger.</p>'


def _heat(share: float | None, highest: float) -> str:
    if share is None:
        return "<td></td>"
    shade = _SHADE * share / highest
    return f'<td style="background:rgba(47,111,179,{shade:.2f})">{value_text(share, "percent")}</td>'


def _fired(alert: Fired) -> str:
    told = " ".join(filter(None, (alert.description, alert.why)))
    status = f" {escape(alert.status)}" if alert.status else ""
    folded = _list("ul", map(_fired, alert.folded)) if alert.folded else ""
    severity = f'<span class="severity {escape(alert.severity)}">{escape(alert.severity.capitalize())}</span>'
    return f"{severity}{status} · <b>{escape(alert.head)}</b>: {escape(told)}{folded}"


def _step(money: str, text: str) -> str:
    return f"<b>{escape(money)}</b> · {escape(text)}" if money else escape(text)


def _appendix(review: Review) -> Iterator[str]:
    yield f'<section class="appendix"><h2>Where the numbers come from</h2><p class="soft">{escape(review.basis)}</p>'
    for change in review.changes:  # a mail client may leave the drawings out
        rows = [[escape(effect.label), escape(effect.detail), escape(effect.text)] for effect in change.effects]
        yield f"<p>{escape(change.sentence)}</p>{_table(['', 'before → now', 'did to the change'], rows)}"
    yield "</section>\n"
    for one in review.explained:
        yield f'<section id="{one.anchor}"><h3>{escape(one.label)}</h3>{"".join(_explained(one))}</section>\n'


def _explained(one: Explained) -> Iterator[str]:
    yield f'<p>{escape(one.told)}</p><p class="soft">{escape(one.definition)}</p>'
    yield _table(
        ["Part", "", "now", "before"],
        [[escape(measure), escape(role), escape(now), escape(before)] for role, measure, now, before in one.parts],
    )
    if one.members:
        yield _table(
            ["", "now", "before", "did to the change"],
            [
                [escape(member.name), escape(member.value), escape(member.previous), escape(member.text)]
                for member in one.members
            ],
        )
    yield f"<p><code>{escape(one.command)}</code></p>"


def _link(label: str, review: Review, kpi: str) -> str:
    return f'<a href="#{_anchor(review, kpi, "channel_id")}">{escape(label)}</a>'


def _anchor(review: Review, kpi: str, by: str) -> str:
    return next(one.anchor for one in review.explained if (one.kpi, one.by) == (kpi, by))


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = "".join(f"<th>{title}</th>" for title in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><tr>{titles}</tr>{body}</table></div>'


def _list(kind: str, items: Iterable[str], otherwise: str = "") -> str:
    entries = "".join(f"<li>{item}</li>" for item in items)
    if entries:
        return f"<{kind}>{entries}</{kind}>"
    return f"<p>{escape(otherwise)}</p>" if otherwise else ""
