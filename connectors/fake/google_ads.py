"""The Google Ads API, faked: its accounts, GAQL, pages, streams, quotas and errors."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from connectors.clock import Clock
from connectors.demo.calendar import Window
from connectors.demo.twins.google_ads import CUSTOMER, MICROS_PER_CENT, deliveries, insights
from connectors.demo.world import World
from connectors.fake.google import Arrange, GoogleFake, Refused
from connectors.google_ads import API_VERSION, FIELDS, PAGE_SIZE
from connectors.google_errors import PACIFIC, next_day
from connectors.source import Body
from connectors.wire import WireRequest, WireResponse

OPERATIONS_PER_DAY = 15_000  # of Basic access
TOKEN_LIFE = timedelta(hours=2)
DAILY_FIGURES = timedelta(days=37 * 31)
REQUEST_ID = "fake-request"
FAILURE = f"type.googleapis.com/google.ads.googleads.{API_VERSION}.errors.GoogleAdsFailure"
FAMILIES = {
    "authenticationError": "UNAUTHENTICATED",
    "authorizationError": "PERMISSION_DENIED",
    "quotaError": "RESOURCE_EXHAUSTED",
    "internalError": "INTERNAL",
}
"""The status that a family of errors comes with; all others are the request's fault."""

CLIENT_FIELDS = ("id", "descriptive_name", "level", "manager", "status", "time_zone", "currency_code", "test_account")
SELECTABLE = {
    "campaign": set(FIELDS),
    "customer_client": {f"customer_client.{name}" for name in CLIENT_FIELDS},
    "customer": {"customer.id", "metrics.impressions"},
}
_PATH = re.compile(r"/(v\d+)/customers/(\d+)/googleAds:(search|searchStream)")
_QUERY = re.compile(
    r"SELECT (?P<fields>[\w., ]+) FROM (?P<resource>\w+)"
    r"(?: WHERE segments\.date (?:BETWEEN '(?P<first>[\d-]+)' AND '(?P<last>[\d-]+)'|DURING YESTERDAY))?"
)
_SUMMED = ("conversions", "conversionsValue", "allConversions")


@dataclass(frozen=True, slots=True)
class Customer:
    """An account; `under` is its manager, none for one that the login reaches itself. `untold` has no value yet."""

    id: str
    name: str
    under: str | None = None
    manager: bool = False
    status: str = "ENABLED"
    test: bool = False
    untold: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What a query finds: so many rows, the numbers of the pages that are served, each page's body, all rows' sums."""

    rows: int
    served: list[int]
    page: Callable[[int], Body]
    summary: Body


MANAGER = Customer("4204204211", "Acme Group", manager=True)
CLIENT = Customer(CUSTOMER, "Acme", under=MANAGER.id)


class FakeGoogleAds(GoogleFake):
    """The Google Ads API over the demo's world; only the demo's customer has campaigns."""

    def __init__(
        self,
        world: World,
        clock: Clock,
        *,
        customers: Sequence[Customer] = (MANAGER, CLIENT),
        page_size: int = PAGE_SIZE,
        operations_per_day: int = OPERATIONS_PER_DAY,
        arrange: Arrange = list,
        restated: bool = False,
        good_for: int | None = None,
    ) -> None:
        super().__init__(world, clock, page_size=page_size, arrange=arrange, restated=restated, good_for=good_for)
        self.customers = {customer.id: customer for customer in customers}
        self.operations_per_day = operations_per_day
        self._operations = (self.today(PACIFIC), 0)

    def answer(self, request: WireRequest) -> WireResponse:
        if (request.method, request.path) == ("GET", f"/{API_VERSION}/customers:listAccessibleCustomers"):
            roots = [customer.id for customer in self.customers.values() if customer.under is None]
            return self.reply({"resourceNames": [f"customers/{root}" for root in roots]})
        found = _PATH.fullmatch(request.path)
        if not found or request.method != "POST":
            raise Refused(WireResponse(404, b"<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>", {}))
        version, customer, method = found.groups()
        if version != API_VERSION:
            raise self._no("requestError.UNSUPPORTED_VERSION", f"Version {version} is deprecated.")
        self._check_access(request, customer)
        return self._search(request, customer) if method == "search" else self._stream(request, customer)

    def error(self, code: str, message: str = "", **more: Any) -> WireResponse:
        """`retry_delay` in seconds and `rate_scope` tell of a quota, as `quotaErrorDetails`."""
        family, _, name = code.rpartition(".")
        if not family:
            return super().error(code, message)
        error: Body = {"errorCode": {family: name}, "message": message or f"The error is {name}."}
        if "retry_delay" in more:
            quota = {"rateScope": more.get("rate_scope", "DEVELOPER"), "retryDelay": f"{more['retry_delay']}s"}
            error["details"] = {"quotaErrorDetails": quota}
        failure = {"@type": FAILURE, "errors": [error], "requestId": REQUEST_ID}
        status = FAMILIES.get(family, "INVALID_ARGUMENT")
        return self.status(status, "Request contains an invalid argument.", failure)

    def _no(self, code: str, message: str = "", **more: Any) -> Refused:
        return Refused(self.error(code, message, **more))

    def _check_access(self, request: WireRequest, customer_id: str) -> None:
        login = request.headers.get("login-customer-id", customer_id)
        if not re.fullmatch(r"\d{10}", login):
            raise self._no("headerError.INVALID_LOGIN_CUSTOMER_ID", "The login customer ID is not valid.")
        customer = self.customers.get(customer_id)
        if customer is None:
            raise self._no("authenticationError.CUSTOMER_NOT_FOUND", "No customer found for the provided customer id.")
        above = {each.id for each in self._line(customer)}
        if login not in above or self.customers[login].under is not None:
            raise self._no("authorizationError.USER_PERMISSION_DENIED", "User doesn't have permission to access it.")
        if customer.status != "ENABLED":
            raise self._no("authorizationError.CUSTOMER_NOT_ENABLED", "The customer account can't be accessed.")

    def _line(self, customer: Customer) -> Iterator[Customer]:
        """The customer, its manager, that one's manager, …"""
        yield customer
        if customer.under:
            yield from self._line(self.customers[customer.under])

    def _search(self, request: WireRequest, customer: str) -> WireResponse:
        body = self.body_of(request, {"query", "pageToken", "pageSize", "searchSettings", "validateOnly"})
        if "pageSize" in body:
            raise self._no("requestError.PAGE_SIZE_NOT_SUPPORTED", "Setting the page size is not supported.")
        query, token = body["query"], body.get("pageToken")
        index = self._position(query, token) if token else 0
        if not token:
            self._spend()
        found = self._found(customer, query)
        answer = found.page(found.served[index])
        if index + 1 < len(found.served):
            answer["nextPageToken"] = self._token(query, index + 1)
        if body.get("searchSettings", {}).get("returnTotalResultsCount") and found.rows:
            answer["totalResultsCount"] = str(found.rows)
        return self.reply(answer | {"queryResourceConsumption": str(found.rows)})

    def _stream(self, request: WireRequest, customer: str) -> WireResponse:
        body = self.body_of(request, {"query", "summaryRowSetting"})
        self._spend()
        found = self._found(customer, body["query"])
        answers = [found.page(index) | {"requestId": REQUEST_ID} for index in found.served]
        if body.get("summaryRowSetting") == "SUMMARY_ROW_WITH_RESULTS":
            answers.append({"summaryRow": found.summary, "requestId": REQUEST_ID})
        answers[-1]["queryResourceConsumption"] = str(found.rows)
        return self.reply(b"[" + b"\n,\r\n".join(map(msgspec.json.encode, answers)) + b"]")

    def _found(self, customer: str, query: str) -> Found:
        found = _QUERY.fullmatch(query)
        selected = set(found["fields"].split(", ")) if found else set[str]()
        if not found or not selected <= SELECTABLE.get(found["resource"], set()):
            raise self._no("queryError.UNRECOGNIZED_FIELD", "Unrecognized field in the query.")
        if self.customers[customer].manager and any(name.startswith("metrics.") for name in selected):
            raise self._no("queryError.REQUESTED_METRICS_FOR_MANAGER", "Metrics cannot be requested for a manager.")
        if found["resource"] != "campaign":
            results = self._clients(customer) if found["resource"] == "customer_client" else []
            return Found(len(results), [0], lambda _: {"results": results, "fieldMask": ""}, {})
        if datetime.fromisoformat(found["first"]).replace(tzinfo=UTC) < self.clock.now() - DAILY_FIGURES:
            raise self._no("dateRangeError.REQUESTED_DATE_GRANULARITY_NOT_SUPPORTED", "Too old for daily figures.")
        window = self.window(found["first"], found["last"]) if customer == CUSTOMER else range(0)
        rows = deliveries(self.world, window)
        metrics = {
            "costMicros": str(sum(row.spend for row in rows) * MICROS_PER_CENT),
            "impressions": str(sum(row.impressions for row in rows)),
            "clicks": str(sum(row.clicks for row in rows)),
        }
        served = self.arrange(list(range(max(1, -(-len(rows) // self.page_size)))))
        return Found(len(rows), served, lambda index: self._page(window, index), {"metrics": metrics})

    def _page(self, window: Window, index: int) -> Body:
        body = next(insights(self.world, window, index * self.page_size, self.page_size))
        body.pop("nextPageToken", None)  # which one is next is for `arrange` to say
        for row in body.get("results", ()) if self.restated else ():
            day = datetime.fromisoformat(row["segments"]["date"]).date() - self.world.calendar.first_day
            for name in _SUMMED:
                row["metrics"][name] = round(row["metrics"][name] * self.grown(day.days), 2)
        return body

    def _clients(self, root: str) -> list[Body]:
        below = [customer for customer in self.customers.values() if root in {c.id for c in self._line(customer)}]
        return [{"customerClient": self._client(root, customer)} for customer in below]

    def _client(self, root: str, customer: Customer) -> Body:
        told: Body = {
            "resourceName": f"customers/{root}/customerClients/{customer.id}",
            "id": customer.id,
            "descriptiveName": customer.name,
            "level": str([above.id for above in self._line(customer)].index(root)),
            "manager": customer.manager,
            "status": customer.status,
            "timeZone": self.world.calendar.timezone,
            "currencyCode": self.world.currency,
            "testAccount": customer.test,
        }
        return {name: value for name, value in told.items() if name != customer.untold}

    def _token(self, query: str, index: int) -> str:
        told = [query, index, self.clock.now()]
        return urlsafe_b64encode(msgspec.json.encode(told)).decode()

    def _position(self, query: str, token: str) -> int:
        try:
            asked, index, issued = msgspec.json.decode(urlsafe_b64decode(token), type=tuple[str, int, datetime])
        except (ValueError, msgspec.DecodeError):
            asked, index, issued = "", 0, self.clock.now()
        if asked != query:
            raise self._no("requestError.INVALID_PAGE_TOKEN", "The page token is not valid for this query.")
        if self.clock.now() - issued > TOKEN_LIFE:
            raise self._no("requestError.EXPIRED_PAGE_TOKEN", "The page token has expired.")
        return index

    def _spend(self) -> None:
        """One query is one operation, however many pages it has; a day's are there again at midnight."""
        day, spent = self._operations
        today = self.today(PACIFIC)
        self._operations = (today, spent + 1 if day == today else 1)
        if self._operations[1] > self.operations_per_day:
            now = self.clock.now()
            raise self._no(
                "quotaError.RESOURCE_EXHAUSTED",
                "Too many requests.",
                retry_delay=int((next_day(now) - now).total_seconds()) + 1,
            )
