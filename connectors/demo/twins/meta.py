"""The demo brand as Meta's insights tell it: campaigns by day. Every number is a string."""

from collections.abc import Callable, Iterator
from typing import Any

from connectors.demo.ads import Delivery
from connectors.demo.calendar import Window
from connectors.demo.twins.rendering import decimal, pages, token
from connectors.demo.world import World
from connectors.meta import API_VERSION, PAGE_SIZE
from connectors.source import Body

ACCOUNT = "1014200420042"
FIRST_CAMPAIGN = 120_210_000_000_000_000
PURCHASES = ("omni_purchase", "purchase", "offsite_conversion.fb_pixel_purchase")  # of the same orders
FREQUENCY = 130  # times a person sees a campaign on a day, in hundredths


def insights(world: World, window: Window, start: int) -> Iterator[Body]:
    """Bodies of `act_…/insights?level=campaign&time_increment=1` for the days that ended in the window."""
    days = world.calendar.closing_in(window)
    rows = [d for d in world.deliveries if d.day in days and d.campaign.plan.source == "meta"]
    url = f"https://graph.facebook.com/{API_VERSION}/act_{ACCOUNT}/insights?limit={PAGE_SIZE}&after="
    for page in pages(rows, PAGE_SIZE, start):
        after = token(page.end)
        paging: dict[str, Any] = {"cursors": {"before": token(page.start), "after": after}}
        if page.more:
            paging["next"] = url + after
        yield {"data": [_row(world, delivery) for delivery in page.rows], "paging": paging}


def _row(world: World, delivery: Delivery) -> dict[str, Any]:
    campaign, date = delivery.campaign, world.calendar.date(delivery.day).isoformat()
    reach = delivery.impressions * 100 // FREQUENCY
    return {
        "account_id": ACCOUNT,
        "account_currency": world.currency,
        "campaign_id": str(FIRST_CAMPAIGN + campaign.number),
        "campaign_name": campaign.name,
        "objective": campaign.plan.kind,
        "date_start": date,
        "date_stop": date,
        "spend": decimal(delivery.spend),
        "impressions": str(delivery.impressions),
        "clicks": str(delivery.clicks),
        "inline_link_clicks": str(delivery.clicks * 4 // 5),
        "reach": str(reach),
        "frequency": decimal(delivery.impressions * 100 // reach if reach else 0),
        "actions": [
            {"action_type": "link_click", "value": str(delivery.clicks * 4 // 5)},
            *_purchases(delivery.orders, delivery.views, str),
        ],
        "action_values": _purchases(delivery.value, delivery.view_value, decimal),
    }


def _purchases(clicked: int, viewed: int, text: Callable[[int], str]) -> list[dict[str, str]]:
    """What the campaign claims, by attribution window; `value` is the account's default, clicks and views."""
    if not clicked:
        return []
    windows = {"1d_click": text(clicked), "7d_click": text(clicked), "28d_click": text(clicked)}
    if viewed:
        windows |= {"1d_view": text(viewed)}
    return [{"action_type": kind, "value": text(clicked + viewed), **windows} for kind in PURCHASES]
