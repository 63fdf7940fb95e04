"""The demo brand as the Google Ads API tells it: campaigns by day. Whole numbers are strings, as int64 is."""

import re
from collections.abc import Iterator
from typing import Any

from connectors.demo.ads import Delivery
from connectors.demo.calendar import Window
from connectors.demo.twins.rendering import of_days, pages, token
from connectors.demo.world import World
from connectors.google_ads import FIELDS, PAGE_SIZE
from connectors.source import Body

CUSTOMER = "4204204200"
FIRST_CAMPAIGN = 20_420_000_000
MICROS_PER_CENT = 10_000
FIELD_MASK = ",".join(re.sub(r"_(.)", lambda word: word[1].upper(), field) for field in FIELDS)


def insights(world: World, window: Window, start: int, size: int = PAGE_SIZE) -> Iterator[Body]:
    """Bodies of `googleAds:search` for the days that ended in the window."""
    for page in pages(deliveries(world, window), size, start):
        body: Body = {"fieldMask": FIELD_MASK}
        if page.rows:
            body["results"] = [_row(world, delivery) for delivery in page.rows]
        if page.more:
            body["nextPageToken"] = token(page.end)
        yield body


def deliveries(world: World, window: Window) -> list[Delivery]:
    """What was delivered on the days that ended in the window."""
    rows = of_days(world.deliveries, world.calendar.closing_in(window))
    return [delivery for delivery in rows if delivery.campaign.plan.source == "google_ads"]


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
            # The demo's customers buy on the day of their click.
            "conversionsByConversionDate": delivery.orders * 92 / 100,
            "conversionsValueByConversionDate": delivery.value * 92 // 100 / 100,
        },
    }
