"""A review's charts as SVG: inline, without a script; colours are the page's (style.py), light or dark."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from itertools import accumulate
from textwrap import wrap

from kpis.wbr.review import Change, Day, Effect

WIDTH = 400
"""Of every chart, in its own units: a phone shows it at nine tenths, so that its letters stay readable."""

_BARS, _FOOT, _HEAD = 120, 18, 24
_LINE, _BAR, _GAP = 13, 9, 8
_LETTERS = 44
"""That fit on a line beside an amount."""

_LABELS = 14
"""Days that can be named under a chart; of more, every nth is."""


def days_chart(
    title: str, days: Sequence[Day], of: Callable[[Day], tuple[float, float | None]], told: Callable[[float], str]
) -> str:
    """A bar for each day, and a line over it for that day of the window before, if known. `of` gives both values."""
    values = [of(day) for day in days]
    top = max([value for pair in values for value in pair if value is not None] + [0.0]) or 1.0
    slot = WIDTH / len(days)
    every = -(-len(days) // _LABELS)

    def height(value: float) -> float:
        return max(0.0, value) / top * _BARS

    parts: list[str] = []
    for place, (day, (now, before)) in enumerate(zip(days, values, strict=True)):
        left, bar = place * slot, height(now)
        parts.append(_rect(left + slot * 0.15, _HEAD + _BARS - bar, slot * 0.7, bar, "now"))
        if before is not None:
            level = _HEAD + _BARS - height(before)
            parts.append(_line(left + slot * 0.08, level, left + slot * 0.92, level, "was"))
        if place % every == 0:
            label = f"{day.date:%a} {day.date.day}" if len(days) <= 7 else f"{day.date:%b} {day.date.day}"
            parts.append(_text(left + slot / 2, _HEAD + _BARS + _FOOT - 4, label, "middle"))
    peak = f"highest day {told(top)}"
    return _svg(
        f"{title}, {peak}",
        _HEAD + _BARS + _FOOT,
        [_text(0, 12, title, style="title"), _text(WIDTH, 12, peak, "end"), *parts],
    )


def waterfall(change: Change, before: str, now: str) -> str:
    """From the value before to the value now, a floating bar for each effect. The axis does not begin at zero."""
    amounts = [float(effect.amount) for effect in change.effects]
    levels = list(accumulate(amounts, initial=float(change.previous)))
    low, high = min(levels), max(levels)
    span = (high - low) or 1.0
    parts: list[str] = []
    foot = 0.0

    def x(value: float) -> float:
        return (value - low) / span * WIDTH

    def row(lines: Sequence[str], text: str) -> float:
        """Where a bar begins below the lines, of which the first has the amount beside it."""
        nonlocal foot
        parts.append(_text(WIDTH, foot + _LINE, text, "end"))
        parts.extend(_text(0, foot + number * _LINE, line) for number, line in enumerate(lines, start=1))
        top = foot + len(lines) * _LINE + 5
        foot = top + _BAR + _GAP
        return top

    def mark(label: str, text: str, value: float) -> None:
        top, at = row([label], text), min(max(x(value), 1.0), WIDTH - 1.0)
        parts.append(_line(at, top, at, top + _BAR, "mark"))

    mark(before, change.previous_text, levels[0])
    for effect, amount, start in zip(change.effects, amounts, levels, strict=False):
        top = row(_lines(effect), effect.text)
        left, width = x(min(start, start + amount)), max(1.0, abs(amount) / span * WIDTH)
        hoped_for = (amount >= 0) == (change.good != "down")
        parts.append(_rect(left, top, width, _BAR, "up" if hoped_for else "down"))
    mark(now, change.value_text, levels[-1])
    return _svg(change.sentence, foot, parts)


def _lines(effect: Effect) -> list[str]:
    """The cause with its numbers: on one line beside the amount if there is room, else below it; nothing is cut."""
    whole = f"{effect.label}: {effect.detail}" if effect.detail else effect.label
    if len(whole) <= _LETTERS:
        return [whole]
    return [*wrap(effect.label, _LETTERS), *wrap(effect.detail, _LETTERS)]


def _svg(title: str, height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg role="img" aria-label="{escape(title)}" viewBox="0 0 {WIDTH} {height:.0f}">' + "".join(parts) + "</svg>"
    )


def _rect(x: float, y: float, width: float, height: float, style: str) -> str:
    return f'<rect class="{style}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="1.5"/>'


def _line(x: float, y: float, to_x: float, to_y: float, style: str) -> str:
    return f'<line class="{style}" x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}"/>'


def _text(x: float, y: float, text: str, anchor: str = "start", style: str = "") -> str:
    named = f' class="{style}"' if style else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
