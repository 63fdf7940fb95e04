"""What each rule says of each of its members on each day: a breach, all clear, neither, or that nothing can be said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from itertools import groupby
from typing import Final, NamedTuple

import polars as pl

from kpis.alerts import evidence
from kpis.alerts.evidence import Period
from kpis.alerts.finding import Finding, too_young
from kpis.alerts.judging import bounds, decided, judge
from kpis.alerts.panel import KEYS, MEMORY, Facts, begins_of, daily, panel, series, silences
from kpis.alerts.rule import Daily, Limits, Rule
from kpis.alerts.rules import ORDER, RULES, kpi_of
from kpis.engine import together
from kpis.known import begin_of
from kpis.windows import trailing

WEEK: Final = 7


def reach(limits: Mapping[str, Limits]) -> int:
    """How many days before a window's end anything is looked at."""
    return max(evidence.HISTORY, 5 * WEEK, 2 * MEMORY, *(int(own["min_history"]) for own in limits.values())) + 1


def survey(
    facts: Facts, first: date, last: date, limits: Mapping[str, Limits], days: int = WEEK
) -> Iterator[tuple[date, list[Finding]]]:
    """(window_end, its findings in the rules' order) for every day from first to last of which there are facts.

    `days` is the length of the windows of weekly rules, whose baseline is four times as long.
    """
    begin = facts.first_day
    span = [day for day in pl.date_range(first, last, eager=True) if begin is not None and day >= begin]
    if not span:
        return
    found: list[Finding] = []
    for _, group in groupby(sorted(RULES.values(), key=_scope), key=_scope):
        rules = list(group)
        try:
            found += list(_scoped(facts, rules, span, limits, days))
        except Exception as error:  # rules that can't be evaluated must not hide what the others say
            found += [_broken(rule, day, limits[rule.id], error) for rule in rules for day in span]
    by_day: dict[date, list[Finding]] = {day: [] for day in span}
    for finding in sorted(found, key=lambda finding: (ORDER[finding.rule], finding.labels)):
        by_day[finding.window.end].append(finding)
    sold = facts.sold_days()
    silent: dict[date, list[str]] = {day: [] for day in span}
    for source, day, gone, _ in silences(facts, span):
        if gone and not (source == "shop" and day in sold):  # it is known that nothing was sold
            silent[day].append(source)
    for day, today in by_day.items():
        yield day, [_without(silent[day], said) for said in today]


def _scope(rule: Rule) -> tuple[str, int, int]:
    return rule.grain, rule.days, rule.baseline


def _scoped(
    facts: Facts, rules: Sequence[Rule], span: Sequence[date], limits: Mapping[str, Limits], days: int
) -> Iterator[Finding]:
    """The findings of rules with the same grain and windows."""
    grain, window = rules[0].grain, rules[0].days
    own = limits[rules[0].id]
    if grain == "source":
        yield from (_silence(rules[0], own, *silent) for silent in silences(facts, span))
        return
    if grain == "cohort":
        yield from (_retention(rules[0], own, facts, day) for day in span)
        return
    if grain == "category" and facts.categories is None:
        return
    if window == WEEK:
        window = days
    by_day = daily(facts, grain)
    if by_day.is_empty():  # no campaign has ever spent, no order is of a category: there is nobody to judge
        return
    first = by_day["date"].min()
    assert isinstance(first, date)
    history = {
        rule.id: series(by_day, grain, rule.evidence.measure) for rule in rules if isinstance(rule.evidence, Daily)
    }

    @cache
    def paired(names: tuple[str, ...]) -> pl.DataFrame:
        return daily(facts, grain, names) if names else by_day

    groups: dict[_Begun, list[tuple[Rule, set[date]]]] = {}
    for rule in rules:
        for begun, asked in _begun(rule, facts, span, first).items():
            groups.setdefault(begun, []).append((rule, asked))
    for begun, alike in groups.items():
        own = dict(begun.channels)
        since = pl.col("channel_id").replace_strict(own, default=begun.others) if own else pl.lit(begun.others)
        known = paired(begun.paired).with_columns(pl.col("usual") & (pl.col("date") >= since))
        rows = panel(known, grain, [rule for rule, _ in alike], window, rules[0].held_against(window))
        for part in rows.filter(pl.col("window_end").is_between(span[0], span[-1])).partition_by("window_end"):
            members = part.rows(named=True)
            for rule, asked in alike:
                if members[0]["window_end"] not in asked:
                    continue
                days_of = history.get(rule.id, {})
                begins = [own.get(row.get("channel_id", ""), begun.others) for row in members]
                said = [
                    judge(rule, limits[rule.id], row, days_of, first, begin)
                    for row, begin in zip(members, begins, strict=True)
                ]
                yield from _for_their_number(said, limits[rule.id]) if rule.segment is None else said


class _Begun(NamedTuple):
    """Since when all that a rule looks at is known, of the channels that only files tell of, and of all others."""

    others: date
    channels: tuple[tuple[str, date], ...]
    paired: tuple[str, ...]


def _begun(rule: Rule, facts: Facts, span: Sequence[date], first: date) -> dict[_Begun, set[date]]:
    """The days of the span, by what is known by then; `first` is the first day of all."""
    begins, paired = begins_of(rule, facts), together(kpi_of(rule.kpi))
    by_channel = "channel_id" in KEYS[rule.grain]
    channels = sorted({who for known in begins.values() for who in known if who}) if by_channel else []
    found: dict[_Begun, set[date]] = {}
    for day in span:
        others = begin_of(begins, day, "" if by_channel else None) or first
        own = tuple((channel, begin_of(begins, day, channel) or first) for channel in channels)
        found.setdefault(_Begun(others, own, paired), set()).add(day)
    return found


def _for_their_number(findings: Sequence[Finding], limits: Limits) -> Iterator[Finding]:
    """The members' findings with p-values adjusted for how many were looked at."""
    tested = [finding for finding in findings if finding.metric_value is not None]
    yield from (finding for finding in findings if finding.metric_value is None)
    for finding, p in zip(tested, evidence.adjusted([finding.p_value for finding in tested]), strict=True):
        fades = finding.outcome == "breach" and p >= limits["p_max"]
        yield replace(finding, p_value=p, outcome="hold" if fades else finding.outcome)


def _silence(rule: Rule, limits: Limits, source: str, day: date, gone: int, known: int) -> Finding:
    """The days without data of one source, and the chance of as many for one that has it as often."""
    p, days = evidence.silence(gone, known, MEMORY), float(gone)
    finding = Finding(
        rule.id, (("source", source),), trailing(max(1, gone), day), "no_data", rule.severity, limits["threshold"],
        days, 0.0, days, p, days, days,
    )  # fmt: skip
    return decided(rule, limits, finding, enough=True)


def _retention(rule: Rule, limits: Limits, facts: Facts, day: date) -> Finding:
    """The newest cohort that was 30 days old by that day, against the older ones together."""
    blank = Finding(rule.id, (), trailing(WEEK, day), "no_data", rule.severity, limits["threshold"])
    cohorts = facts.mature_cohorts(day).select("cohort_size", "d30_retention").rows()
    if len(cohorts) < 2:
        ready = _two_cohorts(facts.first_day)
        return replace(blank, reason=too_young(ready) if day < ready else "fewer than two cohorts are 30 days old")
    *older, (size, rate) = cohorts
    back = sum(other * share for other, share in older)
    now, before = Period(size * rate, size, size * rate), Period(back, sum(other for other, _ in older), back)
    previous = before.amount / before.exposure
    if back <= 0:
        return replace(blank, value=rate, previous=previous, reason="no customer of an older cohort has come back")
    test = evidence.binomial(now, before, max(1 - previous, 0.05), rule.side)
    low, high = bounds(rule, test, previous)
    finding = replace(
        blank, value=rate, previous=previous, metric_value=rate - previous, p_value=test.p, low=low, high=high
    )
    return decided(rule, limits, finding, enough=now.amount + before.amount >= limits["min_volume"])


def _two_cohorts(first: date | None) -> date:
    """When two months after the history's first, whose customers may be old ones, are 30 days old."""
    assert first is not None, "there are findings of days alone"
    after: date = pl.select(pl.lit(first).dt.month_start().dt.offset_by("3mo")).item()
    return after + timedelta(29)


def _without(silent: Sequence[str], finding: Finding) -> Finding:
    """Nothing is said of a number whose source is silent on that day."""
    missing = [source for source in silent if _is_built_on(finding, source)]
    if not missing or finding.outcome == "error":
        return finding
    return replace(finding, outcome="no_data", reason=f"no data from {', '.join(missing)}")


def _is_built_on(finding: Finding, source: str) -> bool:
    kind, _, channel = source.partition(":")
    own = dict(finding.labels).get("channel", channel)
    return kind in RULES[finding.rule].needs and (kind != "ads" or own == channel)


def _broken(rule: Rule, day: date, limits: Limits, error: Exception) -> Finding:
    return Finding(
        rule.id, (), trailing(rule.days, day), "error", rule.severity, limits["threshold"], reason=repr(error)
    )
