"""The Google Analytics Data API, faked: reports, pages, truth flags, quotas that run down and fill up, errors."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connectors.clock import Clock
from connectors.demo.twins.ga4 import LINES, PROPERTY, Line, body
from connectors.demo.world import World
from connectors.fake.google import Arrange, GoogleFake, Refused
from connectors.ga4 import API_VERSION, REPORTS, Report
from connectors.google_errors import next_day, next_hour
from connectors.source import Body
from connectors.wire import WireRequest, WireResponse

MOST_ROWS = 250_000
MOST_REPORTS = 5
DEFAULT_LIMIT = 10_000
TOKENS = 8  # a report's
SERVER_ERRORS = "serverErrorsPerProjectPerHour"

LIMITS = {
    "tokensPerDay": 200_000,
    "tokensPerHour": 40_000,
    "tokensPerProjectPerHour": 14_000,
    "concurrentRequests": 10,
    SERVER_ERRORS: 10,
    "potentiallyThresholdedRequestsPerHour": 120,
}
"""Of a standard property."""

EXHAUSTED = {
    "tokensPerDay": "Exhausted property tokens per day. These quota tokens will return in under 24 hours.",
    "tokensPerHour": "Exhausted property tokens per hour. These quota tokens will return in under an hour.",
    "tokensPerProjectPerHour": "Exhausted property tokens for a project per hour.",
    "concurrentRequests": "Exhausted concurrent requests quota.",
    SERVER_ERRORS: "Exhausted server errors quota.",
    "potentiallyThresholdedRequestsPerHour": "Exhausted potentially thresholded requests quota.",
}
NO_ACCESS = "User does not have sufficient permissions for this property."
REQUEST = {
    "dimensions", "metrics", "dateRanges", "orderBys", "limit", "offset", "returnPropertyQuota", "keepEmptyRows",
    "currencyCode", "metricAggregations", "property",
}  # fmt: skip
LINES_BY = {report.dimensions: LINES[stream] for stream, report in REPORTS.items()}
DIMENSIONS = {name for report in REPORTS.values() for name in report.dimensions}
METRICS = {name for report in REPORTS.values() for name in report.metrics}
_PATH = re.compile(r"/(v\w+)/properties/(\d+)(:runReport|:batchRunReports|/metadata)")


@dataclass(slots=True)
class Spent:
    """What is spent of a quota until it is full again."""

    amount: int
    until: datetime


class FakeGa4(GoogleFake):
    """The Data API over the demo's world.

    `limits` are the quotas; `flags` is what the metadata of every report says besides, and `untold` what that of a
    property's reports does not say; traffic rows of fewer than `withheld_below` sessions are withheld.
    """

    def __init__(
        self,
        world: World,
        clock: Clock,
        *,
        property_ids: Sequence[str] = (PROPERTY.removeprefix("properties/"),),
        page_size: int = MOST_ROWS,
        limits: Mapping[str, int] = LIMITS,
        flags: Mapping[str, Any] | None = None,
        untold: Mapping[str, str] | None = None,
        withheld_below: int = 0,
        arrange: Arrange = list,
        restated: bool = False,
        good_for: int | None = None,
    ) -> None:
        super().__init__(world, clock, page_size=page_size, arrange=arrange, restated=restated, good_for=good_for)
        self.property_ids = property_ids
        self.limits = {**LIMITS, **limits}
        self.flags = dict(flags or {})
        self.untold = dict(untold or {})
        self.withheld_below = withheld_below
        self._spent: dict[tuple[str, str], Spent] = {}

    def __call__(self, request: WireRequest) -> WireResponse:
        response = super().__call__(request)
        found = _PATH.fullmatch(request.path)
        if found and response.status >= 500:
            self._of(found[2], SERVER_ERRORS).amount += 1
        return response

    def answer(self, request: WireRequest) -> WireResponse:
        found = _PATH.fullmatch(request.path)
        if not found or found[1] != API_VERSION or request.method != ("GET" if found[3] == "/metadata" else "POST"):
            raise Refused(WireResponse(404, b"<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>", {}))
        number, method = found[2], found[3]
        if number not in self.property_ids:
            raise Refused(self.error("PERMISSION_DENIED", NO_ACCESS))
        if method == "/metadata":
            return self.reply(self._metadata(number))
        if method == ":runReport":
            return self.reply(self._report(number, self.body_of(request, REQUEST)))
        asked = self.body_of(request, {"requests"})["requests"]
        if len(asked) > MOST_REPORTS:
            raise self._no("There are too many requests in the batch: it takes 5.")
        reports = [self._report(number, each) for each in asked]
        return self.reply({"reports": reports, "kind": "analyticsData#batchRunReports"})

    def error(self, code: str, message: str = "", **more: Any) -> WireResponse:
        if code in EXHAUSTED:
            return self.status("RESOURCE_EXHAUSTED", message or EXHAUSTED[code])
        return super().error(code, message)

    def _no(self, message: str) -> Refused:
        return Refused(self.error("INVALID_ARGUMENT", message))

    def _metadata(self, number: str) -> Body:
        return {
            "name": f"properties/{number}/metadata",
            "dimensions": [{"apiName": name} for name in sorted(DIMENSIONS)],
            "metrics": [{"apiName": name} for name in sorted(METRICS)],
        }

    def _report(self, number: str, asked: Body) -> Body:
        report = Report(*(tuple(each["name"] for each in asked.get(kind, ())) for kind in ("dimensions", "metrics")))
        for kind, names, known in (
            ("dimension", report.dimensions, DIMENSIONS),
            ("metric", report.metrics, METRICS),
        ):
            if unknown := [name for name in names if name not in known]:
                raise self._no(f"Field {unknown[0]} is not a valid {kind}.")
        limit = int(asked.get("limit", DEFAULT_LIMIT))
        if not 0 < limit <= MOST_ROWS:
            raise self._no(f"The limit is from 1 to {MOST_ROWS}.")
        quota = self._spend(number)
        told = self._page(report, asked, min(limit, self.page_size))
        told["metadata"] |= self.flags
        told["metadata"].pop(self.untold.get(number), None)
        told.pop("propertyQuota")
        if asked.get("returnPropertyQuota"):
            told["propertyQuota"] = quota
        return told

    def _page(self, report: Report, asked: Body, size: int) -> Body:
        (days,) = asked["dateRanges"]
        window = self.window(*(self._day(days[name]) for name in ("startDate", "endDate")))
        lines_of = LINES_BY.get(report.dimensions)
        if lines_of is None:
            raise self._no("The fake has no such combination of dimensions.")
        lines = [self._restate(line) for line in lines_of(self.world, window)]
        withheld = len(report.dimensions) > 1 and self.withheld_below
        if withheld:
            lines = [line for line in lines if line.steps[0] >= self.withheld_below]
        served = self.arrange(list(range(max(1, -(-len(lines) // size)))))
        index, offset = divmod(int(asked.get("offset", 0)), size)
        first = served[index] * size + offset if index < len(served) else len(lines)
        told = body(self.world, report, lines[first : first + size], len(lines))
        if withheld:
            told["metadata"]["subjectToThresholding"] = True
        return told

    def _restate(self, line: Line) -> Line:
        if not self.restated:
            return line
        day = (datetime.strptime(line.dimensions[0], "%Y%m%d").date() - self.world.calendar.first_day).days
        share = self.grown(day)
        steps = (*line.steps[:-1], int(line.steps[-1] * share))
        return line._replace(steps=steps, revenue=int(line.revenue * share))

    def _day(self, word: str) -> str:
        """A date, or a relative one as the date that it is for the property."""
        ago = "1" if word == "yesterday" else word.removesuffix("daysAgo")
        if not ago.isdigit():
            return word
        today = self.clock.now().astimezone(ZoneInfo(self.world.calendar.timezone)).date()
        return (today - timedelta(days=int(ago))).isoformat()

    def _spend(self, number: str) -> Body:
        """Take a report's tokens out of every quota; what is left, as PropertyQuota has it."""
        costs = {name: TOKENS for name in self.limits if name.startswith("tokens")}
        told: Body = {}
        for name, limit in self.limits.items():
            spent = self._of(number, name)
            if spent.amount >= limit:
                raise Refused(self.error(name))
        for name, limit in self.limits.items():
            spent = self._of(number, name)
            spent.amount += costs.get(name, 0)
            told[name] = {"consumed": costs.get(name, 0), "remaining": max(0, limit - spent.amount)}
        return told

    def _of(self, number: str, name: str) -> Spent:
        now = self.clock.now()
        known = self._spent.get((number, name))
        if known is None or known.until <= now:
            full_again: Callable[[datetime], datetime] = next_day if name == "tokensPerDay" else next_hour
            known = self._spent[number, name] = Spent(0, full_again(now))
        return known
