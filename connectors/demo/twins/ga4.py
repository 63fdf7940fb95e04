"""The demo brand as the Google Analytics Data API tells it: traffic by day and channel group."""

from collections.abc import Iterator

from connectors.demo.calendar import Window
from connectors.demo.traffic import Traffic
from connectors.demo.twins.rendering import pages
from connectors.demo.world import World
from connectors.ga4 import DIMENSIONS, METRICS, PAGE_SIZE
from connectors.source import Body

PROPERTY = "properties/420042042"


def traffic(world: World, window: Window, start: int) -> Iterator[Body]:
    """Bodies of `runReport` for the days that ended in the window."""
    days = world.calendar.closing_in(window)
    rows = [row for row in world.traffic if row.day in days]
    for page in pages(rows, PAGE_SIZE, start):
        body: Body = {
            "dimensionHeaders": [{"name": name} for name in DIMENSIONS],
            "metricHeaders": [{"name": name, "type": "TYPE_INTEGER"} for name in METRICS],
            "metadata": {
                "currencyCode": world.currency,
                "timeZone": world.calendar.timezone,
                "dataLossFromOtherRow": False,
                "subjectToThresholding": False,
            },
            "propertyQuota": {
                "tokensPerDay": {"consumed": 1, "remaining": 199_999},
                "tokensPerHour": {"consumed": 1, "remaining": 39_999},
                "tokensPerProjectPerHour": {"consumed": 1, "remaining": 13_999},
                "concurrentRequests": {"consumed": 0, "remaining": 10},
                "serverErrorsPerProjectPerHour": {"consumed": 0, "remaining": 10},
                "potentiallyThresholdedRequestsPerHour": {"consumed": 0, "remaining": 120},
            },
            "kind": "analyticsData#runReport",
        }
        if page.rows:
            body |= {"rows": [_row(world, row) for row in page.rows], "rowCount": len(rows)}
        yield body


def _row(world: World, row: Traffic) -> dict[str, list[dict[str, str]]]:
    date = world.calendar.date(row.day).isoformat().replace("-", "")
    metrics = (row.sessions, row.item_views, row.carts, row.checkouts, row.purchases)
    return {
        "dimensionValues": [{"value": date}, {"value": row.group}],
        "metricValues": [{"value": str(metric)} for metric in metrics],
    }
