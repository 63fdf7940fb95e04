"""What web analytics sees: sessions and their way to a purchase, by day and channel group."""

from collections import Counter

from connectors.demo.anomalies import factor
from connectors.demo.dice import Roll, wobble
from connectors.demo.model import Fact
from connectors.demo.orders import Order

SESSIONS_PER_ORDER = 45
TRACKED = 0.9  # of web orders; the rest is lost to blockers and refused consent

SESSION_SHARE = {  # of a day's sessions, in hundredths
    "Organic Search": 29,
    "Paid Search": 21,
    "Paid Social": 23,
    "Email": 9,
    "Direct": 11,
    "Referral": 5,
    "Organic Social": 2,
}


class Traffic(Fact, frozen=True):
    """A channel group's day, each number at most the one before it."""

    day: int
    group: str
    sessions: int
    item_views: int
    carts: int
    checkouts: int
    purchases: int


def report(days: int, orders: list[Order], roll: Roll) -> list[Traffic]:
    """Every day's groups that had sessions. Sessions follow the day's orders, so the spike shows in both."""
    placed: Counter[int] = Counter()
    tracked: Counter[tuple[int, str]] = Counter()
    for order in orders:
        group = order.visit.touch.group
        if group:
            placed[order.day] += 1
            tracked[order.day, group] += roll() < TRACKED * factor("tracking_outage", "ga4", order.day)
    rows: list[Traffic] = []
    for day in range(days):
        seen = placed[day] * SESSIONS_PER_ORDER * wobble(roll, 0.08) * factor("tracking_outage", "ga4", day)
        for group, share in SESSION_SHARE.items():
            sessions = int(seen * share / 100 * wobble(roll, 0.15))
            rows.append(_funnel(day, group, sessions, tracked[day, group], roll))
    return [row for row in rows if row.sessions]


def _funnel(day: int, group: str, sessions: int, purchases: int, roll: Roll) -> Traffic:
    sessions = max(sessions, purchases)
    item_views = max(int(sessions * (0.65 + 0.1 * roll())), purchases)
    carts = max(int(item_views * (0.1 + 0.05 * roll())), purchases)
    checkouts = max(int(carts * (0.5 + 0.15 * roll())), purchases)
    return Traffic(day, group, sessions, item_views, carts, checkouts, purchases)
