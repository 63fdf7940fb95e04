"""An alert in words: whom it concerns, the numbers, how sure they are, why it moved."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from math import log

import polars as pl

from kpis.alerts.finding import Finding, change
from kpis.alerts.panel import KEYS, Facts, begins_of, daily
from kpis.alerts.rule import Counts, Daily, Grain, Money, Rule
from kpis.alerts.rules import RULES, kpi_of
from kpis.engine import KNOWN, together
from kpis.known import begin_of, known_from
from kpis.windows import trailing
from kpis.words import Movement, change_text, value_text

_SOURCES = {"shop": "Shop", "traffic": "Web analytics", "ads": "Ads"}
_MEANS_LITTLE = 0.05
"""A member that made less than a twentieth of the change is not named."""


def segment(finding: Finding, names: Mapping[str, str]) -> str:
    """Whom it concerns, as people call it."""
    rule = RULES[finding.rule]
    if rule.segment is not None or not finding.labels:
        return rule.segment or "All"
    member = finding.labels[-1][1]
    kind, _, channel = member.partition(":")
    if rule.grain == "source":
        return " · ".join([_SOURCES[kind], *([names.get(channel, channel)] if channel else [])])
    return names.get(member, member)


def description(finding: Finding, facts: Facts, currency: str = "") -> str:
    """The numbers, the line that they crossed, and how sure that is."""
    rule = RULES[finding.rule]
    kpi = kpi_of(rule.kpi)
    label = kpi.label
    if rule.grain == "cohort":
        label = f"D30 retention of the {facts.mature_cohorts(finding.window.end)['cohort_month'].last()} cohort"
    moved_by = None if rule.field == "value" else finding.metric_value
    moved = [Movement(label, kpi.unit, finding.value, finding.previous, moved_by)]
    moved += [
        Movement(kpi_of(name).label, kpi_of(name).unit, value, previous, change(name, value, previous))
        for name, value, previous in finding.also
    ]
    line = value_text if rule.field == "value" else change_text
    bound = "critical" if finding.severity == "critical" and rule.severity != "critical" else finding.severity
    numbers = "; ".join(movement.text(currency) for movement in moved)
    basis = " Refunds count on the day they were made." if kpi.basis == "event" else ""
    return f"{numbers}. The {bound} line is {line(finding.threshold, kpi.unit)}.{_sure(rule, finding)}{basis}"


def why(finding: Finding, facts: Facts, names: Mapping[str, str]) -> str:
    """Which factor, cost, channel or campaign moved it, with its share of the change."""
    rule = RULES[finding.rule]
    if rule.grain == "source":
        return f"Nothing has come for {finding.value or 0:.0f} days."
    if rule.grain in ("cohort", "category") or finding.value is None:
        return ""
    now, before = _sums(rule, finding, facts, rule.grain)
    factors = _factors(rule, now, before) if _are_known(rule, finding, facts) else ""
    told = [factors, _parts(rule, now, before), _where(rule, finding, facts, names)]
    return " ".join(filter(None, told))


def _sure(rule: Rule, finding: Finding) -> str:
    if finding.low is None or finding.high is None or rule.field == "value" or finding.p_value >= 1:
        return ""
    least = finding.low if rule.side == "above" else finding.high
    bound = change_text(least, kpi_of(rule.kpi).unit)
    odds = "less than 1 in 10,000" if finding.p_value < 0.0001 else f"1 in {1 / finding.p_value:,.0f}"
    return f" Chance alone: {odds}; with 95% confidence at least {bound}."


def _sums(rule: Rule, finding: Finding, facts: Facts, grain: Grain) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The finding's days, and its baseline's at the window's length, summed by the members of the grain."""
    days = daily(facts, grain, together(kpi_of(rule.kpi)))
    keys = list(KEYS[grain])
    measures = [name for name in days.columns if name not in ("date", "usual", *KEYS["campaign"])]
    for label, member in finding.labels:
        if f"{label}_id" in keys:
            days = days.filter(pl.col(f"{label}_id") == member)
    window = finding.window
    before = _before(rule, finding, facts)

    def total(span: pl.Expr, usual: bool) -> pl.DataFrame:
        chosen = days.filter(span & (pl.col("usual") | (not usual)))
        return chosen.group_by(keys).agg(pl.col(measures).sum()) if keys else chosen.select(pl.col(measures).sum())

    was = total(before, usual=True)
    return total(window.filter(), usual=False), was.with_columns(pl.col(measures) * window.days / pl.col("days"))


def _before(rule: Rule, finding: Finding, facts: Facts) -> pl.Expr:
    """The days of its baseline of which all that the rule looks at is known."""
    window = finding.window
    baseline = trailing(rule.held_against(window.days), window.start - timedelta(1))
    begin = begin_of(begins_of(rule, facts), window.end, dict(finding.labels).get("channel"))
    return baseline.filter() & (pl.lit(True) if begin is None else pl.col("date") >= begin)


def _are_known(rule: Rule, finding: Finding, facts: Facts) -> bool:
    """The factors, too, are known of all the days and of all ads: traffic may be younger than the shop, and of some ads
    nobody may tell the clicks.
    """
    names = {name for _, top, bottom in rule.factors for name in (top, bottom) if name} & set(facts.state.columns)
    days = facts.state.filter(_before(rule, finding, facts) | finding.window.filter())
    first = days["date"].min()
    begin = begin_of(known_from(facts.state, names), finding.window.end, dict(finding.labels).get("channel"))
    ads = [name for name in names if name in KNOWN[0].measures]
    told = [pl.col(name).is_not_null() for name in ads]
    partly = not days.filter(pl.any_horizontal(told) & ~pl.all_horizontal(told)).is_empty() if ads else False
    return isinstance(first, date) and (begin is None or begin <= first) and not partly


def _factors(rule: Rule, now: pl.DataFrame, before: pl.DataFrame) -> str:
    """Each factor's change, and its share of the KPI's (logarithms add up where factors multiply: LMDI)."""
    ratios: list[tuple[str, float]] = []
    for label, top, bottom in rule.factors:
        sides = [(_of(frame, top), _of(frame, bottom) if bottom else 1.0) for frame in (now, before)]
        if any(value <= 0 for side in sides for value in side):
            return ""
        (top_now, bottom_now), (top_was, bottom_was) = sides
        ratios.append((label, top_now / bottom_now / (top_was / bottom_was)))
    whole = sum(log(ratio) for _, ratio in ratios)
    if not whole:
        return ""
    told = [f"{label} {change_text(ratio - 1, 'ratio')} ({log(ratio) / whole:.0%} of it)" for label, ratio in ratios]
    return f"Because of {', '.join(told)}."


def _parts(rule: Rule, now: pl.DataFrame, before: pl.DataFrame) -> str:
    if not rule.parts or not isinstance(rule.evidence, Money):
        return ""
    base = rule.evidence.exposure
    if min(_of(now, base), _of(before, base)) <= 0:
        return ""
    effects = [
        (label, _of(before, cost) / _of(before, base) - _of(now, cost) / _of(now, base)) for label, cost in rule.parts
    ]
    told = [f"{label} {change_text(effect, 'percent')}" for label, effect in effects]
    return f"Because of {', '.join(told)}."


def _where(rule: Rule, finding: Finding, facts: Facts, names: Mapping[str, str]) -> str:
    """The members that made most of the change, with their shares of it: exact, since excesses add up."""
    if rule.split is None:
        return ""
    now, before = _sums(rule, finding, facts, rule.split)
    amount, exposure = _ratio(rule)
    key = KEYS[rule.split][-1]
    both = now.join(before, on=key, how="full", coalesce=True, suffix="_before").fill_null(0)
    rate = 0.0
    if exposure:
        held = _of(both, f"{exposure}_before")
        rate = _of(both, f"{amount}_before") / held if held else 0.0

    def excess(when: str) -> pl.Expr:
        return pl.col(f"{amount}{when}") - (rate * pl.col(f"{exposure}{when}") if exposure else 0)

    shares = both.select(key, moved=excess("") - excess("_before"))
    whole = shares["moved"].sum()
    if not whole:
        return ""
    top = shares.with_columns(pl.col("moved") / whole).sort("moved", key, descending=[True, False]).head(2)
    told = [f"{names.get(str(who), who)} {share:.0%}" for who, share in top.iter_rows() if share > _MEANS_LITTLE]
    return f"Where: {', '.join(told)} of the change." if told else ""


def _ratio(rule: Rule) -> tuple[str, str | None]:
    match rule.evidence:
        case Counts(events, exposure, inverse):
            top, bottom = (exposure, events) if inverse else (events, exposure)
        case Money(amount, exposure):
            top, bottom = amount, exposure
        case Daily(measure):
            top, bottom = measure, "days"
        case _:
            raise ValueError(f"{rule.id} has no amount that members could share")
    return top, None if bottom == "days" else bottom


def _of(frame: pl.DataFrame, measure: str) -> float:
    return float(frame[measure].sum()) if measure in frame.columns else 0.0
