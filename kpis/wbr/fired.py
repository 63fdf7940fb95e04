"""The alerts that fired, those that another explains folded under it; and what to do next, by the money at stake."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import polars as pl

from kpis.alerts.rule import SEVERITIES
from kpis.drivers import Driver
from kpis.registry import FUNNEL
from kpis.wbr.given import Given
from kpis.wbr.happened import Channels, Totals
from kpis.wbr.review import Fired, Step
from kpis.words import day_text, value_text

FEWEST, MOST = 3, 5
"""Steps that a review names."""

_SILENCED: Final = {"ack": "acknowledged", "snooze": "snoozed", "mute": "muted"}
_EXPLAINED: Final = "explained by "

_BY_DRIVER: Final = {
    "Sessions": "Fewer sessions: compare each channel's visits with its spend, and bring back what stopped.",
    "Orders": "Fewer orders: place a test order, then look at traffic, prices and stock.",
    "Conversion (orders ÷ sessions)": "Conversion fell{step}: walk through that step on a phone, and test one change.",
    "Order value (gross ÷ orders)": "Orders are smaller: look at the mix of products, at bundles and at the free "
    "shipping line.",
    "Discounts": "More was given away in discounts: end the codes that did not bring new customers.",
    "Refunds": "More was refunded: look at the products that came back, and at why.",
}
"""What to do about a cause that took revenue away; all of kpis.drivers' labels."""

# What to do in a week with few findings: (KPI, whether it must be known, advice), in order of use.
_STANDING: Final = (
    ("spend", False, "Connect the ad accounts, so that CAC and MER can be known."),
    ("sessions", False, "Connect web analytics, so that traffic and conversion can be known."),
    ("spend", True, "Compare ROAS and CAC by channel, and move budget from the weakest to the strongest."),
    ("sessions", True, "Find the funnel step that loses the most sessions, and test one change there."),
    ("orders", True, "Bring new customers back for a second order: review the post-purchase messages."),
)


def fired(alerts: pl.DataFrame) -> tuple[Fired, ...]:
    """The worst first; the rules' order within a severity."""
    rows = alerts.to_dicts()
    causes = {f"{_EXPLAINED}{row['id']}": row["id"] for row in rows}

    def told(row: Mapping[str, Any]) -> Fired:
        under = [told(child) for child in rows if causes.get(child["silenced_by"]) == row["id"]]
        head = f"{row['title']} ({row['segment']})"
        return Fired(row["id"], row["severity"], head, _status(row), row["description"], row["why"], tuple(under))

    top = [told(row) for row in rows if row["silenced_by"] not in causes]
    return tuple(sorted(top, key=lambda alert: SEVERITIES.index(alert.severity)))


def _status(row: Mapping[str, Any]) -> str:
    """ "since Feb 3, over since Feb 6, acknowledged"."""
    told: list[str] = []
    if row["since"] is not None:
        told.append(f"since {day_text(row['since'])}")
    if row["over_on"] is not None:
        told.append(f"over since {day_text(row['over_on'])}")
    silenced: str = row["silenced_by"]
    if silenced:
        told.append(_SILENCED.get(silenced, silenced))
    return ", ".join(told)


def steps(
    alerts: pl.DataFrame, drivers: Sequence[Driver], channels: Channels, totals: Totals, given: Given
) -> tuple[Step, ...]:
    """What to do, the most money at stake first; what has no size comes last."""
    found = [
        *_of_alerts(alerts, given),
        *_of_channels(channels, given),
        *_of_drivers(drivers, totals, given),
    ]
    sized = sorted((step for step in found if step.money), key=lambda step: -(step.money or 0.0))
    chosen = [*sized, *(step for step in found if not step.money)][:MOST]
    standing = [_step(text, None, given) for kpi, known, text in _STANDING if (totals[kpi].value is not None) == known]
    return (*chosen, *standing[: max(0, FEWEST - len(chosen))])


def _of_alerts(alerts: pl.DataFrame, given: Given) -> Iterator[Step]:
    """One step per advice, whomever it concerns; none for what is over, explained by another, or not to be told."""
    advice: dict[str, list[Mapping[str, Any]]] = {}
    for row in alerts.to_dicts():
        if row["over_on"] is None and row["silenced_by"] in ("", "ack"):
            advice.setdefault(row["recommendation"], []).append(row)
    for recommendation, rows in advice.items():
        money = sum(abs(row["at_stake"] or 0.0) for row in rows)
        yield _step(f"{', '.join(row['segment'] for row in rows)}: {recommendation}", money, given)


def _of_channels(channels: Channels, given: Given) -> Iterator[Step]:
    """A channel whose ads cost more than its orders left."""
    for channel, kpis in sorted(channels.items()):
        left, spend = kpis["contribution_after_marketing"].value, kpis["spend"].value
        if left is not None and spend and left < 0:
            margin = value_text(kpis["contribution_margin_total"].value or 0.0, "money", given.currency)
            cost = value_text(spend, "money", given.currency)
            name = given.names.get(channel, channel)
            text = (
                f"{name}: its ads cost {cost}, and its orders left {margin} before marketing. Cut what repeat orders "
                "do not earn back."
            )
            yield _step(text, -left, given)


def _of_drivers(drivers: Iterable[Driver], totals: Totals, given: Given) -> Iterator[Step]:
    """A cause that took revenue away."""
    falls = {kpi.label: change for kpi in FUNNEL[:4] if (change := totals[kpi.name].change) is not None and change < 0}
    step = ""
    if falls:
        worst = min(falls, key=lambda label: falls[label])
        step = f", most at {worst} ({100 * falls[worst]:+.1f} pp)"
    for driver in drivers:
        if driver.effect < 0:
            yield _step(_BY_DRIVER[driver.label].format(step=step), float(-driver.effect), given)


def _step(text: str, money: float | None, given: Given) -> Step:
    return Step(text, money or None, value_text(money, "money", given.currency) if money else "")
