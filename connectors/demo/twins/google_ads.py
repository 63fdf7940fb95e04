"""The demo brand as the Google Ads API tells it: campaigns by day. Whole numbers are strings, as int64 is."""

from collections.abc import Iterator
from typing import Any

from connectors.demo.ads import Delivery
from connectors.demo.calendar import Window
from connectors.demo.twins.rendering import pages, token
from connectors.demo.world import World
from connectors.google_ads import PAGE_SIZE
from connectors.source import Body

CUSTOMER = "4204204200"
FIRST_CAMPAIGN = 20_420_000_000
MICROS_PER_CENT = 10_000
FIELDS = (
    "customer.id,customer.currencyCode,customer.timeZone,campaign.id,campaign.name,campaign.status,"
    "campaign.advertisingChannelType,segments.date,metrics.costMicros,metrics.impressions,metrics.clicks,"
    "metrics.conversions,metrics.conversionsValue,metrics.allConversions"
)


def insights(world: World, window: Window, start: int) -> Iterator[Body]:
    """Bodies of `googleAds:search` for the days that ended in the window."""
    days = world.calendar.closing_in(window)
    rows = [d for d in world.deliveries if d.day in days and d.campaign.plan.source == "google_ads"]
    for page in pages(rows, PAGE_SIZE, start):
        body: Body = {"fieldMask": FIELDS}
        if page.rows:
            body["results"] = [_row(world, delivery) for delivery in page.rows]
        if page.more:
            body["nextPageToken"] = token(page.end)
        yield body


def _row(world: World, delivery: Delivery) -> dict[str, Any]:
    campaign = delivery.campaign
    number = FIRST_CAMPAIGN + campaign.number
    return {
        "customer": {
            "resourceName": f"customers/{CUSTOMER}",
            "id": CUSTOMER,
            "currencyCode": world.currency,
            "timeZone": world.calendar.timezone,
        },
        "campaign": {
            "resourceName": f"customers/{CUSTOMER}/campaigns/{number}",
            "id": str(number),
            "name": campaign.name,
            "status": "ENABLED",
            "advertisingChannelType": campaign.plan.kind,
        },
        "segments": {"date": world.calendar.date(delivery.day).isoformat()},
        "metrics": {
            "costMicros": str(delivery.spend * MICROS_PER_CENT),
            "impressions": str(delivery.impressions),
            "clicks": str(delivery.clicks),
            # Data-driven attribution credits a campaign with parts of orders, hence numbers with decimals.
            "conversions": delivery.orders * 92 / 100,
            "conversionsValue": delivery.value * 92 // 100 / 100,
            "allConversions": (delivery.orders * 92 + delivery.views * 100) / 100,
        },
    }
