"""The weekly business review: what happened, why, what is at risk, and what to do next, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import polars as pl

from kpis.cohorts import baseline_retention
from kpis.drivers import Driver, revenue_drivers
from kpis.registry import HEADLINE
from kpis.windows import Window
from kpis.words import Movement, movements, movements_by_channel, value_text

# What the two comparisons handed to render() must hold.
SUMMARY_KPIS: Final = HEADLINE
CHANNEL_KPIS: Final = ("revenue_net", "orders", "new_customers", "spend", "roas", "channel_cac")

# What to do in a week with few alerts: (KPI, whether it must be known, advice), in order of use.
_STANDING: Final = (
    ("spend", True, "Compare ROAS and CAC by channel, and move budget from the weakest to the strongest."),
    ("sessions", True, "Find the funnel step that loses the most sessions, and test one change there."),
    ("orders", True, "Bring new customers back for a second order: review the post-purchase messages."),
    ("spend", False, "Connect the ad accounts, so that CAC and MER can be known."),
    ("sessions", False, "Connect web analytics, so that traffic and conversion can be known."),
)
_PRIORITIES: Final = 3
_SEVERITIES: Final = ("critical", "warning", "info")


def render(
    week: Window,
    summary: pl.DataFrame,
    channels: pl.DataFrame,
    alerts: pl.DataFrame,
    cohorts: pl.DataFrame,
    currency: str,
    channel_names: Mapping[str, str] | None = None,
) -> str:
    """The review of a week as Markdown.

    `summary` is compare(state, week, week.previous(), SUMMARY_KPIS), `channels` the same by channel_id with
    CHANNEL_KPIS, `alerts` what alerts.evaluate gives, `cohorts` what cohorts.cohorts gives. `currency` is
    the tenant's code, such as "USD". A number that is not known is said to be so, with the reason.
    Raises ValueError when a comparison lacks one of its KPIs.
    """
    _require("summary", summary, SUMMARY_KPIS)
    _require("channels", channels, CHANNEL_KPIS if channels.height else ())
    totals = movements(summary)
    sections = {
        "What Happened": _what_happened(totals, cohorts, currency),
        "Key Drivers": _key_drivers(totals, currency),
        "Channels": _channel_table(movements_by_channel(channels), channel_names or {}, currency),
        "Risks": _risks(alerts),
        "Next Week Priorities": _priorities(alerts, totals),
    }
    body = ["\n".join([f"## {title}", "", *lines]) for title, lines in sections.items()]
    return "\n\n".join([f"# Weekly Business Review — {_span(week)}", *body]) + "\n"


def _what_happened(totals: Mapping[str, Movement], cohorts: pl.DataFrame, currency: str) -> list[str]:
    lines: list[str] = []
    unknown: dict[str, list[str]] = {}
    for name in SUMMARY_KPIS:
        kpi = totals[name]
        value = kpi.value_text(currency)
        if value is None:
            unknown.setdefault(kpi.reason_text(), []).append(kpi.label)
            continue
        change = kpi.change_text()
        versus = f"no comparison: {kpi.reason_text()}" if change is None else f"{change} vs the week before"
        lines.append(f"- **{kpi.label}**: {value} ({versus})")
    lines.append(_retention(cohorts))
    return lines + [f"- Not known: {', '.join(labels)} ({reason})" for reason, labels in unknown.items()]


def _retention(cohorts: pl.DataFrame) -> str:
    month, current, baseline = baseline_retention(cohorts)
    if current is None:
        return "- Not known: 30-day retention (no cohort is old enough yet)"
    older = "no older cohort" if baseline is None else f"{value_text(baseline, 'percent')} in older ones"
    return f"- **30-day retention**: {value_text(current, 'percent')} of the {month} cohort ({older})"


def _key_drivers(totals: Mapping[str, Movement], currency: str) -> list[str]:
    drivers = sorted(revenue_drivers(totals), key=lambda driver: -abs(driver.effect))
    if not drivers:
        return ["The change of gross revenue cannot be split: one of the weeks has no orders or no revenue."]
    moved = _signed_money(sum(driver.effect for driver in drivers), currency)
    return [f"Gross revenue changed by {moved}:", "", *(_driver(driver, currency) for driver in drivers)]


def _driver(driver: Driver, currency: str) -> str:
    before, now = (value_text(value, driver.unit, currency) for value in (driver.previous, driver.value))
    return f"- **{driver.label}**: {_signed_money(driver.effect, currency)} ({before} → {now})"


def _channel_table(
    channels: Mapping[str, Mapping[str, Movement]], names: Mapping[str, str], currency: str
) -> list[str]:
    if not channels:
        return ["No channel had orders, spend or traffic in these two weeks."]
    labels = [next(iter(channels.values()))[kpi].label for kpi in CHANNEL_KPIS]
    header = ["Channel", labels[0], "Change", *labels[1:]]
    lines = [_row(header), _row(["---", *["---:"] * (len(header) - 1)])]
    unknown: dict[str, dict[str, None]] = {}  # reason → channels, as an ordered set
    for channel, kpis in sorted(channels.items(), key=lambda item: -(item[1]["revenue_net"].value or 0)):
        name = names.get(channel, channel)
        for kpi in (kpis[k] for k in CHANNEL_KPIS if kpis[k].value is None):
            unknown.setdefault(kpi.reason_text(), {})[name] = None
        values = [kpis[kpi].value_text(currency) or "—" for kpi in CHANNEL_KPIS]
        lines.append(_row([name, values[0], kpis["revenue_net"].change_text() or "—", *values[1:]]))
    notes = [f"- —: {reason} ({', '.join(where)})" for reason, where in unknown.items()]
    return [*lines, "", *notes] if notes else lines


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _risks(alerts: pl.DataFrame) -> list[str]:
    return [
        f"- **{a['severity'].capitalize()}** · {a['title']} ({a['segment']}): {a['description']}"
        for a in _by_severity(alerts)
    ] or ["No alert fired this week."]


def _priorities(alerts: pl.DataFrame, totals: Mapping[str, Movement]) -> list[str]:
    advice: dict[str, list[str]] = {}
    for alert in _by_severity(alerts):
        advice.setdefault(alert["recommendation"], []).append(alert["segment"])
    items = [f"**{', '.join(segments)}**: {recommendation}" for recommendation, segments in advice.items()]
    standing = [text for kpi, known, text in _STANDING if (totals[kpi].value is not None) == known]
    items += standing[: max(0, _PRIORITIES - len(items))]
    return [f"{number}. {item}" for number, item in enumerate(items, start=1)]


def _by_severity(alerts: pl.DataFrame) -> list[dict[str, str]]:
    """Most severe first; the rules' order within a severity."""
    return sorted(alerts.iter_rows(named=True), key=lambda alert: _SEVERITIES.index(alert["severity"]))


def _signed_money(amount: float, currency: str) -> str:
    text = value_text(amount, "money", currency)
    return text if text.startswith("-") else f"+{text}"


def _span(week: Window) -> str:
    """ "Feb 3 – Feb 9, 2026", with both years where they differ."""
    first_year = f", {week.start.year}" if week.start.year != week.end.year else ""
    return f"{week.start:%b} {week.start.day}{first_year} – {week.end:%b} {week.end.day}, {week.end.year}"


def _require(name: str, comparison: pl.DataFrame, kpis: Iterable[str]) -> None:
    missing = [kpi for kpi in kpis if kpi not in comparison["kpi"]]
    if missing:
        raise ValueError(f"{name} lacks {', '.join(missing)}; compare with wbr.SUMMARY_KPIS and wbr.CHANNEL_KPIS")
