"""The alert rules, as data, and a tenant's own numbers in them."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Final

from polars import col

from kpis.alerts.rule import Certain, Condition, Counts, Daily, Limits, Money, Rule, Stake
from kpis.kpi import Kpi
from kpis.registry import FUNNEL, KPIS

Thresholds = Mapping[str, Limits]

_DEFAULTS: Final = {"clear": 0.65, "p_max": 0.01, "min_volume": 0.0, "min_history": 14.0}
"""Of every rule. clear: the share of the threshold below which it is over; min_history: days before it speaks."""

OWN_KPIS: Final = {kpi.name: kpi for kpi in (
    Kpi("unseen_spend", "Spend without an impression", "money", "down", col("unseen_spend")),
    Kpi("category_orders", "Orders per 1,000 of the shop", "count", "up", col("orders") * 1000, col("shop_orders")),
    Kpi("silent_days", "Days without data", "count", "down", col("silent_days")),
)}  # fmt: skip
"""What only alerts look at."""

_CLICKS = (("cost per click", "spend", "clicks"), ("clicks per new customer", "clicks", "new_customers"))
_STEPS = {step.name: (step.measures[0], step.measures[1], step.label) for step in FUNNEL[:4]}


def _funnel_leak(step: str) -> Rule:
    passed, entered, label = _STEPS[step]
    return Rule(
        f"funnel_leak_{step}", "A step of the funnel loses more sessions", "warning", step, "below",
        Counts(passed, entered, part=True),
        {"threshold": -0.03, "relative": -0.15, "min_volume": 200, "p_max": 0.0025}, label,
        "Walk through the step on a phone and a desktop, and look for a release, a payment method or a price that "
        "changed on the first day of the window.",
        also=(Condition(step, "relative", "below", "relative"),), needs=("traffic",), parents=("tracking_outage",),
        stake=Stake("revenue_gross"), split="channel",
    )  # fmt: skip


# One entry per rule, in the order alerts are listed.
# fmt: off
RULES: Final = {rule.id: rule for rule in (
    Rule("cac_increase", "Blended CAC is rising", "warning", "blended_cac", "above",
         Counts("new_customers", "spend", inverse=True),
         {"threshold": 0.15, "critical": 0.30, "p_max": 0.05, "min_volume": 30}, "All Paid Channels",
         "Review CAC by channel, pause the weakest campaigns, check for audience fatigue, and move budget to "
         "what still acquires.",
         needs=("shop", "ads"), stake=Stake("spend"), factors=_CLICKS, split="channel", confirm=2),
    Rule("cm_decrease", "Contribution margin is shrinking", "warning", "contribution_margin_pct", "below",
         Money("contribution_margin", "revenue_net", ("margin_sq", "margin_net", "net_sq")),
         {"threshold": -0.03, "critical": -0.06, "min_volume": 30}, "Unit Economics",
         "Check discount depth, the mix of products sold, refunds, and what shipping costs per order.",
         stake=Stake("contribution_margin"), split="channel",
         parts=(("cost of goods", "cogs"), ("shipping", "shipping_cost"), ("operations", "ops_cost"))),
    Rule("retention_drop", "Fewer customers come back", "warning", "retention_rate", "below",
         Counts("repeat_customers", "cohort_size", part=True),
         {"threshold": -0.05, "critical": -0.10, "p_max": 0.05, "min_volume": 30}, "Customer Retention",
         "Review the post-purchase messages, and win back customers who have not ordered again.",
         grain="cohort"),
    Rule("mer_deterioration", "Spend grows faster than revenue", "warning", "mer_gross", "below",
         Money("revenue_gross", "spend", ("gross_sq",)),
         {"threshold": -0.10, "min_spend_change": 0.10, "max_revenue_change": 0.05, "min_volume": 30},
         "Marketing Efficiency",
         "Audit where the added budget went, and shift some of it from prospecting to retargeting.",
         also=(Condition("spend", "change", "above", "min_spend_change"),
               Condition("revenue_gross", "change", "below", "max_revenue_change")),
         needs=("shop", "ads"), stake=Stake("revenue_gross"), split="channel"),
    Rule("channel_cac", "Channel CAC is rising", "warning", "channel_cac", "above",
         Counts("new_customers", "spend", inverse=True),
         {"threshold": 0.25, "min_spend": 500.0, "min_volume": 20}, None,
         "Review this channel's campaigns and targeting, and refresh its creatives.",
         grain="channel", also=(Condition("spend", "value", "above", "min_spend"),), needs=("shop", "ads"),
         parents=("cac_increase",), stake=Stake("spend"), factors=_CLICKS, split="campaign"),
    Rule("cost_per_click", "Clicks cost more than they did", "warning", "cpc", "above",
         Counts("clicks", "spend", inverse=True),
         {"threshold": 0.25, "p_max": 0.001, "min_volume": 300, "min_spend": 500.0}, None,
         "Look at the channel's bids and auctions: a competitor, a new bid strategy, an audience that is worn out.",
         grain="channel", also=(Condition("spend", "value", "above", "min_spend"),), needs=("ads",),
         parents=("cac_increase",), stake=Stake("spend"), split="campaign"),
    Rule("revenue_decline", "Gross revenue is falling", "warning", "revenue_gross", "below",
         Money("revenue_gross", "days", ("gross_sq",)),
         {"threshold": -0.10, "critical": -0.20, "min_volume": 30}, "Overall Revenue",
         "Look in turn at traffic, conversion, order value, faults of the site, and stock.",
         stake=Stake("revenue_gross"), split="channel",
         factors=(("sessions", "sessions", None), ("orders per session", "orders", "sessions"),
                  ("order value", "revenue_gross", "orders"))),
    Rule("new_customer_decline", "New customers are a smaller share", "info", "new_customer_share", "below",
         Counts("new_customers", "orders", part=True),
         {"threshold": -0.08, "min_volume": 30, "min_history": 56, "p_max": 0.001}, "Acquisition",
         "Review prospecting budgets, and test new audiences and creatives.",
         parents=("cac_increase",), stake=Stake("new_customer_revenue"), split="channel"),

    Rule("no_data", "A source has gone silent", "critical", "silent_days", "above", Certain(),
         {"threshold": 1.0, "p_max": 0.002}, None,
         "Check the connection of this source and its last sync (growthos sync), then the platform's own status page. "
         "Numbers built on it wait until it is back; a shop that answers, and has no order, needs a test order.",
         field="value", grain="source", days=1, needs=(), stake=Stake("revenue_gross", "all")),
    Rule("tracking_outage", "Web analytics sees a fraction of the visits", "critical", "sessions", "below",
         Daily("sessions"), {"threshold": -0.50, "max_orders_fall": -0.35, "min_volume": 200, "p_max": 0.0005},
         "Web Analytics",
         "Check the tag, the consent banner and the last release of the site; don't read conversion and attribution of "
         "these days.",
         days=1, also=(Condition("orders", "change", "above", "max_orders_fall"),), needs=("traffic",),
         stake=Stake("revenue_gross", "all"), split="channel"),
    Rule("orders_drop", "Orders have collapsed", "critical", "orders", "below", Daily("orders"),
         {"threshold": -0.40, "min_volume": 50, "p_max": 0.0005}, "Overall Revenue",
         "Place a test order now: checkout, payment, shipping rules, stock. Then look at traffic.",
         days=1, stake=Stake("revenue_gross"), split="channel"),
    Rule("spend_without_impressions", "Money is spent and nothing is shown", "warning", "unseen_spend", "above",
         Certain(), {"threshold": 25.0}, None,
         "Open the campaign in the ad account: a reporting fault there, a wrong account in the connection, or charges "
         "to dispute.",
         field="value", grain="campaign", days=1, needs=("ads",), stake=Stake("unseen_spend", "all")),
    Rule("claimed_ratio_jump", "Platforms claim more of the orders than before", "warning", "claimed_ratio", "above",
         Counts("platform_conversions", "orders"),
         {"threshold": 0.25, "p_max": 0.0025, "min_volume": 50}, "Attribution",
         "Compare the pixel's purchase events with the shop's orders: an event that fires twice, a new attribution "
         "window, or view-through claims.",
         needs=("shop", "ads"), split="channel"),
    Rule("campaign_overspend", "A campaign spends far more than it used to", "warning", "spend", "above",
         Daily("spend"), {"threshold": 0.70, "critical": 1.50, "min_volume": 25, "p_max": 0.0001}, None,
         "Check the campaign's budget and bid changes of that day; set the budget back unless the rise was meant.",
         grain="campaign", days=1, needs=("ads",), stake=Stake("spend"), confirm=2,
         factors=(("cost per click", "spend", "clicks"), ("clicks", "clicks", None))),
    *(_funnel_leak(step) for step in _STEPS),
    Rule("stock_out", "A category sells far less than the others", "warning", "category_orders", "below",
         Counts("orders", "shop_orders", part=True),
         {"threshold": -0.30, "min_volume": 40, "p_max": 0.005}, None,
         "Look at the stock of the category's best sellers, their prices and product pages, and the feed to the ad "
         "platforms.",
         grain="category", stake=Stake("revenue_gross")),
    Rule("demand_spike", "Demand is far above the usual", "info", "orders", "above", Counts("orders"),
         {"threshold": 0.40, "p_max": 0.001, "min_volume": 50}, "Overall Revenue",
         "Check stock, fulfilment and support; rule out a price error or fraud. If it was planned, add it to the "
         "calendar: growthos alerts events --add.",
         stake=Stake("revenue_gross"), split="channel",
         factors=(("sessions", "sessions", None), ("orders per session", "orders", "sessions"))),
)}
# fmt: on
ORDER: Final = {rule: position for position, rule in enumerate(RULES)}
"""Where alerts of a rule are listed."""


def kpi_of(name: str) -> Kpi:
    """The KPI of that name, from the registry or of the rules' own."""
    return OWN_KPIS.get(name) or KPIS[name]


def resolve_thresholds(overrides: Thresholds | None = None) -> dict[str, dict[str, float]]:
    """Every rule's numbers by rule id, with a tenant's own put in.

    `overrides` looks like {"cac_increase": {"threshold": 0.2, "critical": 0.4}}. Changes are fractions: 0.15
    is 15 %, or 15 points for a percentage; min_spend is money; min_volume counts events, or days' usual amounts.
    Raises ValueError for an unknown rule or name, a value that is not a finite number or has the wrong sign,
    and a critical threshold that is milder than the threshold.
    """
    limits = {rule.id: {**_DEFAULTS, **rule.thresholds} for rule in RULES.values()}
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


def versions(limits: Mapping[str, Limits]) -> dict[str, str]:
    """Each rule's version with these numbers."""
    return {rule.id: rule.version(limits[rule.id]) for rule in RULES.values()}


def _check_threshold(rule_id: str, name: str, value: object, defaults: Limits) -> None:
    if name not in defaults:
        raise ValueError(f"{rule_id} has no threshold {name!r}; it has {', '.join(defaults)}")
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ValueError(f"{rule_id}.{name} must be a number such as {defaults[name]}, not {value!r}")
    if name in ("threshold", "critical") and value * defaults[name] < 0:
        raise ValueError(f"{rule_id}.{name} must have the sign of its default {defaults[name]}, not {value}")
    if name in ("p_max", "clear") and not 0 < value < 1:
        raise ValueError(f"{rule_id}.{name} must lie between 0 and 1, not {value}")
