"""The seven alert rules, as data, and what fires in a window against the one before.

Where the predecessor differs: a ratio without a denominator is null and fires nothing (there, CAC was 0 in
an outage and +100 % after one); ids carry the channel's id (channel_cac_meta), not its display name; the
D30 baseline is the size-weighted mean of the older mature cohorts, not of all; and a comparison that stands
exactly on its threshold never fires through float error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final, Literal

import polars as pl

from kpis.cohorts import baseline_retention
from kpis.engine import compare
from kpis.registry import KPIS
from kpis.windows import Window
from kpis.words import Movement, change_text, movements, movements_by_channel

Severity = Literal["critical", "warning", "info"]
Thresholds = Mapping[str, Mapping[str, float]]

SCHEMA: Final = {
    "id": pl.String,
    "severity": pl.String,
    "title": pl.String,
    "segment": pl.String,
    "metric_value": pl.Float64,
    "threshold": pl.Float64,
    "recommendation": pl.String,
    "description": pl.String,
}

# Float error at the edge stays far below this; a change that people can see is far above.
_EPSILON: Final = 1e-9


@dataclass(frozen=True)
class Condition:
    """A KPI's value or change, strictly above or below one of the rule's thresholds."""

    kpi: str
    field: Literal["value", "change"]
    side: Literal["above", "below"]
    threshold: str = "threshold"

    def holds(self, facts: Mapping[str, Movement], limit: float) -> bool:
        """False where the fact is null: what is not known raises no alarm."""
        fact: float | None = getattr(facts[self.kpi], self.field)
        if fact is None:
            return False
        return (fact - limit if self.side == "above" else limit - fact) > _EPSILON


@dataclass(frozen=True)
class Rule:
    """Fires when all conditions hold; the first one's KPI is its metric.

    With a "critical" threshold the alert is critical where the metric is beyond that one too. A rule without
    a segment is evaluated for each channel.
    """

    id: str
    title: str
    severity: Severity
    conditions: tuple[Condition, ...]
    thresholds: Mapping[str, float]
    segment: str | None
    recommendation: str

    def fires(self, facts: Mapping[str, Movement], limits: Mapping[str, float]) -> bool:
        return all(condition.holds(facts, limits[condition.threshold]) for condition in self.conditions)


# One entry per rule, in the order alerts are listed.
# fmt: off
RULES: Final = (
    Rule("cac_increase", "Blended CAC is rising", "warning",
         (Condition("blended_cac", "change", "above"),),
         {"threshold": 0.15, "critical": 0.30}, "All Paid Channels",
         "Review CAC by channel, pause the weakest campaigns, check for audience fatigue, and move budget to "
         "what still acquires."),
    Rule("cm_decrease", "Contribution margin is shrinking", "warning",
         (Condition("contribution_margin_pct", "change", "below"),),
         {"threshold": -0.03, "critical": -0.06}, "Unit Economics",
         "Check discount depth, the mix of products sold, refunds, and what shipping costs per order."),
    Rule("retention_drop", "Fewer customers come back", "warning",
         (Condition("retention_rate", "change", "below"),),
         {"threshold": -0.05, "critical": -0.10}, "Customer Retention",
         "Review the post-purchase messages, and win back customers who have not ordered again."),
    Rule("mer_deterioration", "Spend grows faster than revenue", "warning",
         (Condition("mer_gross", "change", "below"),
          Condition("spend", "change", "above", "min_spend_change"),
          Condition("revenue_gross", "change", "below", "max_revenue_change")),
         {"threshold": -0.10, "min_spend_change": 0.10, "max_revenue_change": 0.05}, "Marketing Efficiency",
         "Audit where the added budget went, and shift some of it from prospecting to retargeting."),
    Rule("channel_cac", "Channel CAC is rising", "warning",
         (Condition("channel_cac", "change", "above"),
          Condition("spend", "value", "above", "min_spend")),
         {"threshold": 0.25, "min_spend": 500.0}, None,
         "Review this channel's campaigns and targeting, and refresh its creatives."),
    Rule("revenue_decline", "Gross revenue is falling", "warning",
         (Condition("revenue_gross", "change", "below"),),
         {"threshold": -0.10, "critical": -0.20}, "Overall Revenue",
         "Look in turn at traffic, conversion, order value, faults of the site, and stock."),
    Rule("new_customer_decline", "New customers are a smaller share", "info",
         (Condition("new_customer_share", "change", "below"),),
         {"threshold": -0.08}, "Acquisition",
         "Review prospecting budgets, and test new audiences and creatives."),
)
# fmt: on


def resolve_thresholds(overrides: Thresholds | None = None) -> dict[str, dict[str, float]]:
    """Every rule's thresholds by rule id, with a tenant's own put in.

    `overrides` looks like {"cac_increase": {"threshold": 0.2, "critical": 0.4}}. Changes are fractions: 0.15
    is 15 %, or 15 points for a percentage; min_spend is money.
    Raises ValueError for an unknown rule or name, a value that is not a finite number or has the wrong sign,
    and a critical threshold that is milder than the threshold.
    """
    limits = {rule.id: dict(rule.thresholds) for rule in RULES}
    for rule_id, own in (overrides or {}).items():
        if rule_id not in limits:
            raise ValueError(f"no alert rule is called {rule_id!r}; the rules are {', '.join(limits)}")
        for name, value in own.items():
            _check_threshold(rule_id, name, value, limits[rule_id])
            limits[rule_id][name] = float(value)
        base = limits[rule_id]["threshold"]
        critical = limits[rule_id].get("critical", base)
        if abs(critical) < abs(base):
            raise ValueError(f"{rule_id}: critical ({critical}) must be at least as far from 0 as threshold ({base})")
    return limits


def evaluate(
    state: pl.DataFrame | pl.LazyFrame,
    cohorts: pl.DataFrame | pl.LazyFrame,
    window: Window,
    thresholds: Thresholds | None = None,
    channel_names: Mapping[str, str] | None = None,
    currency: str = "",
) -> pl.DataFrame:
    """One row per alert that fires in the window against the one before, in rule order, then by channel id.

    `state` is kpi_daily, `cohorts` what kpis.cohorts gives. metric_value is the change (fraction), threshold
    the one that set the severity, segment the channel's display name where the rule is per channel,
    description the numbers in words, with the tenant's currency code when given.
    Raises ValueError as resolve_thresholds does.
    """
    limits = resolve_thresholds(thresholds)
    names = channel_names or {}
    before = window.previous()
    overall = movements(compare(state, window, before, _kpis(per_channel=False)).collect())
    overall["retention_rate"] = _retention(cohorts)
    channels = movements_by_channel(
        compare(state, window, before, _kpis(per_channel=True), by=["channel_id"]).collect()
    )

    def members(rule: Rule) -> list[tuple[str, str, Mapping[str, Movement]]]:
        if rule.segment is not None:
            return [(rule.id, rule.segment, overall)]
        return [(f"{rule.id}_{id_}", names.get(id_, id_), facts) for id_, facts in channels.items()]

    fired = [
        {"id": alert_id, "segment": segment, **_alert(rule, facts, limits[rule.id], currency)}
        for rule in RULES
        for alert_id, segment, facts in members(rule)
        if rule.fires(facts, limits[rule.id])
    ]
    return pl.DataFrame(fired, schema=SCHEMA)


def _alert(rule: Rule, facts: Mapping[str, Movement], limits: Mapping[str, float], currency: str) -> dict[str, Any]:
    metric = rule.conditions[0]
    is_critical = "critical" in limits and metric.holds(facts, limits["critical"])
    severity: Severity = "critical" if is_critical else rule.severity
    limit = limits["critical" if is_critical else "threshold"]
    moved = "; ".join(facts[condition.kpi].text(currency) for condition in rule.conditions)
    line = change_text(limit, facts[metric.kpi].unit)
    return {
        "severity": severity,
        "title": rule.title,
        "metric_value": facts[metric.kpi].change,
        "threshold": limit,
        "recommendation": rule.recommendation,
        "description": f"{moved}. The {severity} line is {line}.",
    }


def _kpis(*, per_channel: bool) -> list[str]:
    """The KPIs of the state that the rules of one scope read."""
    scope = [rule for rule in RULES if (rule.segment is None) == per_channel]
    read = dict.fromkeys(condition.kpi for rule in scope for condition in rule.conditions)
    return [name for name in read if name != "retention_rate"]


def _retention(cohorts: pl.DataFrame | pl.LazyFrame) -> Movement:
    month, current, baseline = baseline_retention(cohorts)
    change = None if current is None or baseline is None else current - baseline
    return Movement(f"D30 retention of the {month} cohort", KPIS["retention_rate"].unit, current, baseline, change)


def _check_threshold(rule_id: str, name: str, value: object, defaults: Mapping[str, float]) -> None:
    if name not in defaults:
        raise ValueError(f"{rule_id} has no threshold {name!r}; it has {', '.join(defaults)}")
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ValueError(f"{rule_id}.{name} must be a number such as {defaults[name]}, not {value!r}")
    if name in ("threshold", "critical") and value * defaults[name] < 0:
        raise ValueError(f"{rule_id}.{name} must have the sign of its default {defaults[name]}, not {value}")
