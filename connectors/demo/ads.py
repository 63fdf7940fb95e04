"""What the ad platforms report of each campaign and day: what it cost, what it delivered, what they claim."""

from connectors.demo.anomalies import factor
from connectors.demo.campaigns import Campaign
from connectors.demo.demand import GROWTH
from connectors.demo.dice import Roll, wobble
from connectors.demo.model import Fact
from connectors.demo.orders import Order

PAUSED = 0.008  # of campaign days
VIEW_CLAIMS = 0.25  # orders a platform claims without a click, for each one it brought


class Delivery(Fact, frozen=True):
    """A campaign's day. Money in cents; `orders` worth `value` came by clicks, `views` are claimed on top."""

    campaign: Campaign
    day: int
    spend: int
    impressions: int
    clicks: int
    orders: int
    value: int
    views: int

    @property
    def view_value(self) -> int:
        """What the orders claimed on top are said to be worth: as much as the others, each."""
        return self.value * self.views // self.orders if self.orders else 0


def report(days: int, campaigns: list[Campaign], orders: list[Order], roll: Roll) -> list[Delivery]:
    """Every campaign's days by day, without those on which nothing happened: the platforms leave them out."""
    brought: dict[tuple[int, int], tuple[int, int]] = {}
    for order in orders:
        if order.visit.campaign:
            key = order.visit.campaign.number, order.day
            count, value = brought.get(key, (0, 0))
            brought[key] = count + 1, value + order.basket.subtotal
    deliveries = (
        _delivery(campaign, day, *brought.get((campaign.number, day), (0, 0)), roll)
        for day in range(days)
        for campaign in campaigns
    )
    return [delivery for delivery in deliveries if delivery.spend or delivery.orders]


def _delivery(campaign: Campaign, day: int, orders: int, value: int, roll: Roll) -> Delivery:
    plan = campaign.plan
    running = 0 if roll() < PAUSED else 1
    bought = running * plan.budget * (1 + GROWTH * day) * wobble(roll, 0.15)
    bought *= factor("spend_surge", campaign.name, day)
    clicks = int(bought / (plan.click_cost * wobble(roll, 0.12)))
    return Delivery(
        campaign,
        day,
        int(bought * factor("cost_per_click_rise", plan.source, day)),
        int(clicks * 10_000 / (plan.click_rate * wobble(roll, 0.12))),
        clicks,
        orders,
        value,
        int(orders * VIEW_CLAIMS + roll()) if orders else 0,
    )
