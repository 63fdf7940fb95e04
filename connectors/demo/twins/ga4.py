"""The demo brand as the Google Analytics Data API tells it: traffic by day and origin, and each day's totals."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from connectors.demo.calendar import Window
from connectors.demo.traffic import Traffic, by_origin
from connectors.demo.twins.rendering import decimal, of_days, pages
from connectors.demo.world import World
from connectors.ga4 import METRICS, PAGE_SIZE, REPORTS, Report
from connectors.source import Body

PROPERTY = "properties/420042042"
SESSIONS_PER_FIVE_USERS = 6
TOLD = (*METRICS, "totalUsers")


class Line(NamedTuple):
    """A row of a report: its dimensions, its steps from session to purchase, revenue in cents, users."""

    dimensions: tuple[str, ...]
    steps: tuple[int, ...]
    revenue: int

    @property
    def users(self) -> int:
        return self.steps[0] * 5 // SESSIONS_PER_FIVE_USERS


def traffic(world: World, window: Window, start: int, size: int = PAGE_SIZE) -> Iterator[Body]:
    """Bodies of `runReport` for the days that ended in the window."""
    return _bodies(world, "ga4/traffic", window, start, size)


def funnel(world: World, window: Window, start: int, size: int = PAGE_SIZE) -> Iterator[Body]:
    """Bodies of the report by day alone, for the days that ended in the window."""
    return _bodies(world, "ga4/funnel", window, start, size)


def _bodies(world: World, stream: str, window: Window, start: int, size: int) -> Iterator[Body]:
    lines = LINES[stream](world, window)
    for page in pages(lines, size, start):
        yield body(world, REPORTS[stream], page.rows, len(lines))


def traffic_lines(world: World, window: Window) -> list[Line]:
    """The rows by date, channel group, source, medium and campaign, in that order."""
    return sorted(
        Line((_date(world, row.day), row.group, *origin), part.steps, part.revenue)
        for row in _closed(world, window)
        for origin, part in by_origin(row)
    )


def funnel_lines(world: World, window: Window) -> list[Line]:
    """The rows by date."""
    days: dict[int, list[Traffic]] = {}
    for row in _closed(world, window):
        days.setdefault(row.day, []).append(row)
    return [_total(_date(world, day), rows) for day, rows in days.items()]


LINES: Mapping[str, Callable[[World, Window], list[Line]]] = {
    "ga4/traffic": traffic_lines,
    "ga4/funnel": funnel_lines,
}


def body(world: World, report: Report, lines: Sequence[Line], count: int) -> Body:
    """The report's answer with these of its `count` lines."""
    told: Body = {
        "dimensionHeaders": [{"name": name} for name in report.dimensions],
        "metricHeaders": [
            {"name": name, "type": "TYPE_CURRENCY" if name == "purchaseRevenue" else "TYPE_INTEGER"}
            for name in report.metrics
        ],
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
    if count:
        told["rowCount"] = count
    if lines:
        asked = [TOLD.index(name) for name in report.metrics]
        told["rows"] = [_row(line, asked) for line in lines]
    return told


def _row(line: Line, asked: Sequence[int]) -> dict[str, list[dict[str, str]]]:
    told = (*map(str, line.steps), decimal(line.revenue), str(line.users))
    return {
        "dimensionValues": [{"value": value} for value in line.dimensions],
        "metricValues": [{"value": told[index]} for index in asked],
    }


def _closed(world: World, window: Window) -> Sequence[Traffic]:
    return of_days(world.traffic, world.calendar.closing_in(window))


def _total(date: str, rows: Sequence[Traffic]) -> Line:
    steps = tuple(map(sum, zip(*(row.steps for row in rows), strict=True)))
    return Line((date,), steps, sum(row.revenue for row in rows))


def _date(world: World, day: int) -> str:
    return world.calendar.date(day).isoformat().replace("-", "")
