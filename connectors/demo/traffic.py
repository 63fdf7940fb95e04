"""What web analytics sees: sessions and their way to a purchase, by day and channel group, and where they came from."""

from collections import Counter
from collections.abc import Sequence
from itertools import accumulate, pairwise

from connectors.demo.anomalies import factor
from connectors.demo.campaigns import PLANS
from connectors.demo.dice import Roll, wobble
from connectors.demo.model import Fact
from connectors.demo.orders import Order
from connectors.demo.touches import FLOWS, SITES

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


Origin = tuple[str, str, str]
"""Source, medium and campaign, as GA4 names them."""

ORIGINS: dict[str, tuple[tuple[int, Origin], ...]] = {  # of a group's sessions, by weight
    "Organic Search": ((85, ("google", "organic", "(organic)")), (15, ("bing", "organic", "(organic)"))),
    "Paid Search": tuple((p.budget, ("google", "cpc", p.name)) for p in PLANS if p.source == "google_ads"),
    "Paid Social": tuple((p.budget, ("facebook", "cpc", p.name)) for p in PLANS if p.source == "meta"),
    "Email": tuple((1, ("klaviyo", "email", flow)) for flow in FLOWS),
    "Direct": ((1, ("(direct)", "(none)", "(direct)")),),
    "Referral": tuple((1, ("affiliate", "referral", site)) for site in SITES),
    "Organic Social": ((60, ("instagram", "social", "(not set)")), (40, ("tiktok", "bio", "(not set)"))),
}


class Traffic(Fact, frozen=True):
    """A channel group's day, each number at most the one before it; what the purchases brought, in cents."""

    day: int
    group: str
    sessions: int
    item_views: int
    carts: int
    checkouts: int
    purchases: int
    revenue: int

    @property
    def steps(self) -> tuple[int, ...]:
        return self.sessions, self.item_views, self.carts, self.checkouts, self.purchases


def report(days: int, orders: list[Order], roll: Roll) -> list[Traffic]:
    """Every day's groups that had sessions. Sessions follow the day's orders, so the spike shows in both."""
    placed: Counter[int] = Counter()
    tracked: Counter[tuple[int, str]] = Counter()
    revenue: Counter[tuple[int, str]] = Counter()
    for order in orders:
        group = order.visit.touch.group
        if group:
            placed[order.day] += 1
            seen = roll() < TRACKED * factor("tracking_outage", "ga4", order.day)
            tracked[order.day, group] += seen
            revenue[order.day, group] += seen * order.basket.subtotal
    rows: list[Traffic] = []
    for day in range(days):
        level = placed[day] * SESSIONS_PER_ORDER * wobble(roll, 0.08) * factor("tracking_outage", "ga4", day)
        for group, share in SESSION_SHARE.items():
            sessions = int(level * share / 100 * wobble(roll, 0.15))
            rows.append(_funnel(day, group, sessions, tracked[day, group], revenue[day, group], roll))
    return [row for row in rows if row.sessions]


def by_origin(row: Traffic) -> list[tuple[Origin, Traffic]]:
    """The row by source, medium and campaign, without those that had no sessions: to the last session the same."""
    shares, origins = zip(*ORIGINS[row.group], strict=True)
    left = [after - step for step, after in zip((*row.steps[1:], 0), row.steps, strict=True)]  # who went no further
    parts = zip(*(_split(count, shares) for count in left), strict=True)
    steps = [[*accumulate(reversed(part))][::-1] for part in parts]
    money = _split(row.revenue, [purchases for *_, purchases in steps])
    split = [Traffic(row.day, row.group, *part, revenue=cents) for part, cents in zip(steps, money, strict=True)]
    return [(origin, part) for origin, part in zip(origins, split, strict=True) if part.sessions]


def _split(count: int, weights: Sequence[int]) -> list[int]:
    """The count in whole parts as large as the weights say; nothing of it if they are all 0."""
    total = sum(weights)
    bounds = [count * weight // total if total else 0 for weight in accumulate(weights, initial=0)]
    return [after - before for before, after in pairwise(bounds)]


def _funnel(day: int, group: str, sessions: int, purchases: int, revenue: int, roll: Roll) -> Traffic:
    sessions = max(sessions, purchases)
    item_views = max(int(sessions * (0.65 + 0.1 * roll())), purchases)
    carts = max(int(item_views * (0.1 + 0.05 * roll())), purchases)
    checkouts = max(int(carts * (0.5 + 0.15 * roll())), purchases)
    return Traffic(day, group, sessions, item_views, carts, checkouts, purchases, revenue)
