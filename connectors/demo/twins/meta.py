"""The demo brand as Meta's insights tell it: campaigns, ad sets and ads by day. Every number is a string."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from connectors.demo.ads import Delivery
from connectors.demo.calendar import Window
from connectors.demo.campaigns import Campaign
from connectors.demo.twins.rendering import decimal, pages, token
from connectors.demo.world import World
from connectors.meta import API_VERSION, PAGE_SIZE
from connectors.source import Body

T = TypeVar("T")

ACCOUNT = "1014200420042"
FIRST_CAMPAIGN = 120_210_000_000_000_000
FIRST_ADSET = 120_220_000_000_000_000
FIRST_AD = 120_230_000_000_000_000
PURCHASES = ("omni_purchase", "purchase", "offsite_conversion.fb_pixel_purchase")  # of the same orders
FREQUENCY = 130  # times a person sees a campaign on a day, in hundredths
LARGER_PART = (3, 5)  # of a campaign is its first ad set's, and of an ad set its first ad's
DEPTH = {"campaign": 0, "adset": 1, "ad": 2}
ADSETS = ("Core", "Test")
ADS = ("Video", "Image")


class Share(NamedTuple):
    """What a campaign, or a part of it, delivered on a day. Money in cents."""

    spend: int
    impressions: int
    clicks: int
    link_clicks: int
    orders: int
    value: int
    views: int
    view_value: int

    def halves(self) -> "tuple[Share, Share]":
        """Two parts, the first the larger, that add up to it; the value goes with the orders."""
        over, under = LARGER_PART
        counts = (self.spend, self.impressions, self.clicks, self.link_clicks, self.orders, self.views)
        spend, impressions, clicks, link_clicks, orders, views = (count * over // under for count in counts)
        value = self.value * orders // self.orders if self.orders else 0
        view_value = self.view_value * views // self.views if self.views else 0
        first = Share(spend, impressions, clicks, link_clicks, orders, value, views, view_value)
        return first, Share(*(a - b for a, b in zip(self, first, strict=True)))


class Row(NamedTuple):
    """A day of a campaign, of one of its ad sets or of one of their ads; `path` says which, one step for each level."""

    campaign: Campaign
    day: int
    path: tuple[int, ...]
    share: Share


def insights(world: World, window: Window, start: int) -> Iterator[Body]:
    """Bodies of `act_…/insights?level=campaign&time_increment=1` for the days that ended in the window."""
    return _level("campaign", world, window, start)


def adsets(world: World, window: Window, start: int) -> Iterator[Body]:
    """Bodies of `act_…/insights?level=adset&time_increment=1` for the days that ended in the window."""
    return _level("adset", world, window, start)


def ads(world: World, window: Window, start: int) -> Iterator[Body]:
    """Bodies of `act_…/insights?level=ad&time_increment=1` for the days that ended in the window."""
    return _level("ad", world, window, start)


def _level(level: str, world: World, window: Window, start: int) -> Iterator[Body]:
    days = world.calendar.closing_in(window)
    campaigns = (
        Row(d.campaign, d.day, (), share(d))
        for d in world.deliveries
        if d.day in days and d.campaign.plan.source == "meta"
    )
    found = [part for row in campaigns for part in parts(row, DEPTH[level])]
    return bodies(found, lambda row: render(world, row), f"act_{ACCOUNT}/insights", PAGE_SIZE, start)


def bodies(
    rows: Sequence[T], render: Callable[[T], dict[str, Any]], path: str, size: int, start: int
) -> Iterator[Body]:
    """The pages of an insights edge; each is rendered when it is taken."""
    url = f"https://graph.facebook.com/{API_VERSION}/{path}?limit={size}&after="
    for page in pages(rows, size, start):
        after = token(page.end)
        paging: dict[str, Any] = {"cursors": {"before": token(page.start), "after": after}}
        if page.more:
            paging["next"] = url + after
        yield {"data": [render(row) for row in page.rows], "paging": paging}


def share(delivery: Delivery) -> Share:
    """All that a campaign delivered on a day."""
    return Share(
        delivery.spend,
        delivery.impressions,
        delivery.clicks,
        delivery.clicks * 4 // 5,
        delivery.orders,
        delivery.value,
        delivery.views,
        delivery.view_value,
    )


def parts(row: Row, depth: int) -> Iterable[Row]:
    """The row's ad sets or ads, so many levels down, without those that delivered nothing; they add up to it."""
    if depth == 0:
        return [row] if any(row.share) else []
    below = (Row(row.campaign, row.day, (*row.path, step), part) for step, part in enumerate(row.share.halves()))
    return [part for half in below for part in parts(half, depth - 1)]


def identity(row: Row) -> dict[str, str]:
    """The ids and names of what the row is of: campaign, ad set, ad."""
    number, name = row.campaign.number, row.campaign.name
    told = {"campaign_id": str(FIRST_CAMPAIGN + number), "campaign_name": name}
    if row.path:
        adset = row.path[0]
        told |= {"adset_id": str(FIRST_ADSET + number * 2 + adset), "adset_name": f"{name}_{ADSETS[adset]}"}
    if len(row.path) == DEPTH["ad"]:
        adset, ad = row.path
        told |= {
            "ad_id": str(FIRST_AD + number * 4 + adset * 2 + ad),
            "ad_name": f"{name}_{ADSETS[adset]}_{ADS[ad]}",
        }
    return told


def render(world: World, row: Row) -> dict[str, Any]:
    """The row with every field, as Insights tells it."""
    date, share = world.calendar.date(row.day).isoformat(), row.share
    reach = share.impressions * 100 // FREQUENCY
    return {
        "account_id": ACCOUNT,
        "account_currency": world.currency,
        **identity(row),
        "objective": row.campaign.plan.kind,
        "attribution_setting": "1d_view_7d_click",
        "date_start": date,
        "date_stop": date,
        "spend": decimal(share.spend),
        "impressions": str(share.impressions),
        "clicks": str(share.clicks),
        "inline_link_clicks": str(share.link_clicks),
        "reach": str(reach),
        "frequency": decimal(share.impressions * 100 // reach if reach else 0),
        "actions": [
            {"action_type": "link_click", "value": str(share.link_clicks)},
            *_purchases(share.orders, share.views, str),
        ],
        "action_values": _purchases(share.value, share.view_value, decimal),
        "purchase_roas": _roas(share),
    }


def _purchases(clicked: int, viewed: int, text: Callable[[int], str]) -> list[dict[str, str]]:
    """What the campaign claims, by attribution window; `value` is the account's default, clicks and views."""
    if not clicked and not viewed:
        return []
    windows: dict[str, str] = {}
    if clicked:
        windows |= dict.fromkeys(("1d_click", "7d_click", "28d_click"), text(clicked))
    if viewed:
        windows |= {"1d_view": text(viewed)}
    return [{"action_type": kind, "value": text(clicked + viewed), **windows} for kind in PURCHASES]


def _roas(share: Share) -> list[dict[str, str]]:
    value = share.value + share.view_value
    if not share.spend or not value:
        return []
    millionths = value * 1_000_000 // share.spend
    return [{"action_type": PURCHASES[0], "value": f"{millionths // 1_000_000}.{millionths % 1_000_000:06d}"}]
