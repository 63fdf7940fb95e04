"""Google Analytics 4: a property's traffic and funnel, day by day.

https://developers.google.com/analytics/devguides/reporting/data/v1
"""

import random
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from connectors import skew
from connectors.budget import Budget
from connectors.client import Finding, Page, Proof
from connectors.clock import Clock
from connectors.errors import ApiError, AuthError, ConfigError, Truncated, reading
from connectors.exchange import Reply, Request
from connectors.ga4 import API_VERSION, PAGE_SIZE, REPORTS, Report, records
from connectors.ga4.errors import judge
from connectors.ga4.pace import QUOTAS, Pace
from connectors.http import Authorizer, Http, Transport
from connectors.slices import DAY, Account, Policy, Slice, request_hash
from connectors.source import Body, RawRecord

BASE_URL = "https://analyticsdata.googleapis.com"
AT_ONCE = 5  # reports in one request, the most there may be
WORDS = "rowCount"

HISTORY = 1120 * DAY
POLICY = Policy(step=28 * DAY, lookback=4 * DAY, sweep=30 * DAY, history=HISTORY, by_day=True)
"""GA4 goes on changing a day for up to 72 hours (https://support.google.com/analytics/answer/11198161) and credits
key events to earlier sessions for 30 days and more. Its standard reports keep everything; 37 months are what the ad
platforms keep, and more than that would have nothing to be held against."""


class Ga4Client:
    """One login to Google Analytics, and the properties to read.

    Each day is a report of its own: over several days GA4 samples, and sums small rows up as "(other)".
    """

    source = "ga4"
    api_version = API_VERSION
    reads_all = False
    sunset: date | None = None
    policies: Mapping[str, Policy] = dict.fromkeys(REPORTS, POLICY)

    def __init__(
        self,
        *,
        authorizer: Authorizer,
        property_ids: Sequence[str],
        clock: Clock,
        base_url: str | None = None,
        transport: Transport | None = None,
        dice: random.Random | None = None,
    ) -> None:
        self._clock = clock
        self._properties = [_number(name) for name in property_ids]
        self._http = Http(
            base_url or BASE_URL,
            judge=judge,
            clock=clock,
            authorizer=authorizer,
            pace=Pace(),
            transport=transport,
            dice=dice,
        )
        self.meter = self._http.meter

    def accounts(self) -> list[Account]:
        """The properties, with the time zone and currency that a report's metadata tells, and since when.

        One that can't be asked says why, and leaves the others alone; what stops all of them is raised.
        """
        found: list[Account] = []
        failures: list[ApiError] = []
        for number in self._properties:
            try:
                with reading():
                    found.append(self._account(number))
            except AuthError:
                raise
            except ApiError as error:
                failures.append(error)
                found.append(Account(number, f"GA4 {number}", "UTC", "", problem=str(error)))
        if failures and len(failures) == len(found):
            raise failures[0]
        return found

    def request(self, stream: str, account: Account) -> str:
        report = REPORTS[stream]
        return request_hash(API_VERSION, stream, report.dimensions, report.metrics, account.timezone, account.currency)

    def prepare(self, part: Slice, account: Account) -> None:
        """Nothing: an answer does not take it long."""

    def pull(self, part: Slice, account: Account) -> Iterator[Page]:
        """The rows of the slice's days. A day is read until as many rows have come as its rowCount says.

        The answer names no offset: it is the request's, and the next one's is where the rows that came end.
        """
        name, report, budget = f"properties/{account.id}", REPORTS[part.stream], self._http.budget()
        waiting = deque((day, 0) for day in part.dates(account.timezone))
        least, most = dict[date, int](), dict[date, int]()
        while waiting:
            asked = [waiting.popleft() for _ in range(min(AT_ONCE, len(waiting)))]
            page: list[RawRecord] = []
            for (day, offset), answer in zip(asked, self._batch(name, report, asked, budget), strict=True):
                rows = records(answer, name, day.strftime("%Y%m%d"))
                count = int(answer.get(WORDS, 0))
                least[day] = min(count, least.get(day, count))
                most[day] = max(count, most.get(day, count))
                if rows and offset + len(rows) < count:
                    waiting.appendleft((day, offset + len(rows)))
                elif offset + len(rows) != count:
                    raise Truncated(f"{name}: {offset + len(rows)} rows of {day} came, and {WORDS} says {count}.")
                page += rows
            yield Page(page, None if waiting else Proof(sum(least.values()), sum(most.values()), WORDS))

    def split(self, part: Slice, account: Account) -> list[Slice]:
        """Its halves in time; none of a single day."""
        return part.halves(account.timezone)

    def probe(self) -> list[Finding]:
        """Of every property: access, that it knows what we ask for, what is left of its quotas; and the clock."""
        found: list[Finding] = []
        reply: Reply | None = None
        for number in self._properties:
            try:
                reply = self._http.send(self._to(number, "/metadata"), self._http.budget())
                found += [Finding(f"access {number}", True, "The property can be read."), _names(number, reply.json())]
                found.append(self._quota(number))
            except ApiError as error:
                found.append(Finding(f"access {number}", False, str(error)))
        clock = skew.finding(reply) if reply else Finding("clock", None, "GA4 did not answer.")
        return [*found, clock]

    def _account(self, number: str) -> Account:
        report = self._first_day(number)
        told = report.get("metadata", {})
        if not (told.get("timeZone") and told.get("currencyCode")):
            raise ConfigError(f"GA4 {number} tells no time zone or no currency. Set both in Admin > Property details.")
        zone = ZoneInfo(told["timeZone"])
        dates = [row["dimensionValues"][0]["value"] for row in report.get("rows", ())]
        if not dates and int(report.get(WORDS, 0)):  # it would pass for a property that nobody has ever visited
            raise Truncated(f"GA4 {number}: no row of its first day came, and {WORDS} says {report[WORDS]}.")
        opened = datetime.strptime(dates[0], "%Y%m%d").replace(tzinfo=zone) if dates else self._clock.now()
        complete = not (told.get("samplingMetadatas") or told.get("subjectToThresholding"))
        return Account(number, f"GA4 {number}", zone.key, told["currencyCode"], opened if complete else None)

    def _quota(self, number: str) -> Finding:
        told = self._first_day(number).get("propertyQuota", {})
        left = {name: told.get(name, {}).get("remaining", 0) for name in QUOTAS}
        enough = all(left[name] >= quota.reserve for name, quota in QUOTAS.items())
        return Finding(f"quota {number}", enough, ", ".join(f"{name}: {count} left" for name, count in left.items()))

    def _first_day(self, number: str) -> Body:
        """The first day with sessions of all that is asked for: the smallest report that tells all we need to begin."""
        asked = _request(Report(("date",), ("sessions",)), f"{HISTORY // DAY}daysAgo", "yesterday", limit=1)
        return self._http.send(self._to(number, ":runReport", asked), self._http.budget()).json()

    def _batch(self, name: str, report: Report, asked: Sequence[tuple[date, int]], budget: Budget) -> list[Body]:
        requests = [_request(report, str(day), str(day), offset) for day, offset in asked]
        request = self._to(name, ":batchRunReports", {"requests": requests})
        return self._http.send(request, budget).json()["reports"]

    def _to(self, number: str, what: str, json: Any = None) -> Request:
        path = f"/{API_VERSION}/properties/{number.removeprefix('properties/')}{what}"
        return Request("POST" if json else "GET", path, json=json)


def _request(report: Report, first: str, last: str, offset: int = 0, limit: int = PAGE_SIZE) -> Body:
    """One page of a report; in a fixed order, or pages would overlap."""
    return {
        "dimensions": [{"name": name} for name in report.dimensions],
        "metrics": [{"name": name} for name in report.metrics],
        "dateRanges": [{"startDate": first, "endDate": last}],
        "orderBys": [{"dimension": {"dimensionName": name}} for name in report.dimensions],
        "limit": limit,
        "offset": offset,
        "returnPropertyQuota": True,
    }


def _names(number: str, told: Body) -> Finding:
    """Whether the property has every dimension and metric that is asked for."""
    known = {each["apiName"] for each in [*told.get("dimensions", ()), *told.get("metrics", ())]}
    wanted = {name for report in REPORTS.values() for name in (*report.dimensions, *report.metrics)}
    missing = sorted(wanted - known)
    message = f"GA4 no longer has {', '.join(missing)}. Upgrade GrowthOS." if missing else "GA4 has all that is asked."
    return Finding(f"names {number}", not missing, message)


def _number(name: str) -> str:
    """properties/123 as 123; ConfigError for what is no property."""
    number = name.strip().removeprefix("properties/")
    if not re.fullmatch(r"\d+", number):
        raise ConfigError(
            f"{name!r} is no GA4 property. Its id is a number, in Analytics > Admin > Property details; one that "
            "begins with G- names a data stream."
        )
    return number
