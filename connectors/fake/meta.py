"""Meta's Graph, faked: insights at once and as reports, ad accounts, tokens, usage headers, over the demo brand.

The attributes are knobs for tests; by default nothing goes wrong.
"""

import hashlib
import hmac
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from math import ceil
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import msgspec

from connectors.clock import Clock
from connectors.demo.twins import meta as twin
from connectors.demo.twins.meta import ACCOUNT
from connectors.demo.twins.rendering import offset, token
from connectors.demo.world import World
from connectors.fake.meta_insights import Found, GraphError, Insights
from connectors.meta import API_VERSION
from connectors.wire import WireRequest, WireResponse

T = TypeVar("T")

ACCESS_TOKEN = "EAADemoSystemUserTokenOfTheDemoBrand"
FIRST_RUN = 6_023_920_149_050
DEFAULT_PAGE, LARGEST_PAGE = 25, 500
TOO_MUCH = 1487534
REPORT_COST = 3  # points; anything else is one
HOUR = 3600.0


@dataclass
class Run:
    """A report that Meta works on; its rows are found once, when they are first asked for."""

    number: str
    asked: Mapping[str, str]
    created: datetime
    ends: str
    error: GraphError | None = None
    rows: Sequence[Found] | None = None


class FakeMeta:
    """An App. It shows what had happened by clock.now(), and its reports and buckets move with the clock."""

    def __init__(
        self,
        world: World,
        clock: Clock,
        *,
        access_token: str = ACCESS_TOKEN,
        app_secret: str | None = None,
        restating: bool = False,
        statuses: Mapping[int, str] | None = None,
        seed: int = 42,
    ) -> None:
        self._world, self._clock = world, clock
        self._token = access_token
        self._proof = app_secret and hmac.new(app_secret.encode(), access_token.encode(), hashlib.sha256).hexdigest()
        self._insights = Insights(world, restating=restating, statuses=statuses)
        self._seed = seed
        self._runs: dict[str, Run] = {}
        self._points, self._counted_at = 0.0, clock.now()
        self.points_an_hour = 190_000.0
        self.report_seconds = 5.0
        self.report_ends: list[str] = []  # how the next reports end, instead of completing
        self.failing_reports: list[GraphError] = []  # what they fail with
        self.most_cells: int | None = None  # rows × fields; more of them are too much for one report
        self.largest_page = LARGEST_PAGE  # larger ones are asked to be smaller
        self.failing: list[GraphError] = []  # what the next requests are answered with
        self.batch_failing: list[GraphError] = []  # the next ones inside a batch
        self.dies_after: int | None = None  # so many requests later, the token has expired
        self.skipped = 0  # so many of the next pages get lost
        self.repeated = 0  # so many of the next pages come twice
        self.shuffled = False  # rows come in no order
        self.hidden_accounts: set[str] = set()  # are there, and not for this token
        self.empty_accounts: list[str] = []  # further ones, that have never spent
        self.untold = ""  # a field that those have no value of
        self.counts_accounts = True
        self.scopes = ["ads_read", "business_management"]
        self.expires_at: datetime | None = None
        self.skew = timedelta(0)  # of Meta's clock

    def __call__(self, request: WireRequest) -> WireResponse:
        form = dict(parse_qsl(request.body.decode())) if request.method == "POST" else dict(request.query)
        try:
            self._charge(REPORT_COST if request.method == "POST" else 1)
            self._authorize(request, form)
            if self.failing:
                raise self.failing.pop(0)
            return self._response(200, self._route(request.method, request.path, form))
        except GraphError as error:
            return self._response(error.status, {"error": error.told})

    def _route(self, method: str, path: str, asked: Mapping[str, str]) -> Any:
        version, *steps = path.removeprefix("/").split("/")
        if version != API_VERSION:
            raise GraphError(2635, "(#2635) You are calling a deprecated version of the Ads API.")
        match method, steps:
            case "POST", [""]:
                return [self._batched(one) for one in msgspec.json.decode(asked["batch"])]
            case "GET", ["debug_token"]:
                return {"data": self._debugged(asked.get("input_token"))}
            case "GET", ["me", "adaccounts"]:
                numbers = [ACCOUNT, *self.empty_accounts]
                page = self._page(numbers, lambda number: self._account(number, asked), "me/adaccounts", asked)
                counted = self.counts_accounts and "summary" in asked
                return page | ({"summary": {"total_count": len(numbers)}} if counted else {})
            case "GET", [account] if account.startswith("act_"):
                return self._account(self._permitted(account), asked)
            case "GET", [account, "insights"] if account.startswith("act_"):
                found = self._found(self._permitted(account), asked)
                return self._insights_page(found, asked, f"{account}/insights", asked)
            case "POST", [account, "insights"] if account.startswith("act_"):
                return {"report_run_id": self._report(self._permitted(account), asked)}
            case "GET", [run] if run in self._runs:
                return self._status(run)
            case "GET", [run, "insights"] if run in self._runs:
                return self._results(run, asked)
            case _:
                words = f"Unsupported {method.lower()} request. Object with ID '{'/'.join(steps)}' does not exist"
                raise GraphError(100, words, 33)

    # who asks, how often

    def _authorize(self, request: WireRequest, asked: Mapping[str, str]) -> None:
        kind, _, word = request.headers.get("authorization", "").partition(" ")
        if kind != "Bearer":
            raise GraphError(2500, "An active access token must be used to query information about the current user.")
        if word != self._token:
            raise GraphError(190, "Invalid OAuth access token - Cannot parse access token")
        if self.dies_after is not None:
            self.dies_after -= 1
        if (self.dies_after or 0) < 0 or (self.expires_at and self._clock.now() >= self.expires_at):
            raise GraphError(190, "Error validating access token: Session has expired.", 463)
        if self._proof and asked.get("appsecret_proof") != self._proof:
            words = "Invalid appsecret_proof provided in the API argument" if "appsecret_proof" in asked else (
                "API calls from the server require an appsecret_proof argument"
            )  # fmt: skip
            raise GraphError(100, words)

    def spend(self, points: float) -> None:
        """Take points from the bucket, as another app of the ad account would."""
        self._points += points

    def _charge(self, points: float) -> None:
        now = self._clock.now()
        restored = (now - self._counted_at).total_seconds() * self.points_an_hour / HOUR
        self._points, self._counted_at = max(0.0, self._points - restored), now
        if self._points + points > self.points_an_hour:
            raise GraphError(80000, "There have been too many calls from this ad-account.", 2446079)
        self._points += points

    def _usage(self) -> dict[str, str]:
        percent = round(100 * self._points / self.points_an_hour, 2)
        minutes = ceil(60 * (percent - 50) / 100) if percent >= 95 else 0  # until half of it is free
        buckets = {
            "type": "ads_insights",
            "call_count": ceil(percent),
            "total_cputime": ceil(percent / 2),
            "total_time": ceil(percent / 2),
            "estimated_time_to_regain_access": minutes,
            "ads_api_access_tier": "standard_access",
        }
        told = {
            "x-business-use-case-usage": {ACCOUNT: [buckets]},
            "x-ad-account-usage": {"acc_id_util_pct": percent, "reset_time_duration": minutes * 60},
            "x-app-usage": {"call_count": 1, "total_cputime": 1, "total_time": 1},
            "x-fb-ads-insights-throttle": {"app_id_util_pct": 1.0, "acc_id_util_pct": percent},
        }
        return {name: msgspec.json.encode(value).decode() for name, value in told.items()}

    def _response(self, status: int, body: Any) -> WireResponse:
        date = format_datetime(self._clock.now() + self.skew, usegmt=True)
        headers = {"content-type": "application/json", "facebook-api-version": API_VERSION, "date": date}
        return WireResponse(status, msgspec.json.encode(body), headers | self._usage())

    # tokens and accounts

    def _batched(self, one: Mapping[str, str]) -> dict[str, Any]:
        url = urlsplit(one["relative_url"])
        try:
            if self.batch_failing:
                raise self.batch_failing.pop(0)
            code, body = 200, self._route(one["method"], f"/{url.path}", dict(parse_qsl(url.query)))
        except GraphError as error:
            code, body = error.status, {"error": error.told}
        return {"code": code, "body": msgspec.json.encode(body).decode()}

    def _debugged(self, word: str | None) -> dict[str, Any]:
        if word != self._token:
            return {"is_valid": False, "scopes": [], "error": {"code": 190, "message": "Malformed access token"}}
        ends = int(self.expires_at.timestamp()) if self.expires_at else 0
        told = {"app_id": "1", "type": "SYSTEM_USER", "expires_at": ends, "data_access_expires_at": ends}
        return {**told, "is_valid": True, "scopes": self.scopes}

    def _permitted(self, account: str) -> str:
        number = account.removeprefix("act_")
        if number in self.hidden_accounts:
            words = "(#200) Ad account owner has NOT grant ads_management or ads_read permission"
            raise GraphError(200, words, status=403)
        if number not in (ACCOUNT, *self.empty_accounts):
            words = (
                f"Unsupported get request. Object with ID '{account}' does not exist, cannot be loaded due to missing"
            )
            raise GraphError(100, f"{words} permissions, or does not support this operation.", 33)
        return number

    def _account(self, number: str, asked: Mapping[str, str]) -> dict[str, Any]:
        calendar = self._world.calendar
        told = {
            "account_id": number,
            "name": "Demo brand" if number == ACCOUNT else f"Demo brand {number}",
            "account_status": 1,
            "currency": self._world.currency,
            "timezone_name": calendar.timezone,
            "created_time": datetime.fromtimestamp(calendar.starts[0], UTC).strftime("%Y-%m-%dT%H:%M:%S%z"),
        }
        if number != ACCOUNT:
            told.pop(self.untold, None)
        wanted = asked.get("fields", "account_id").split(",")
        return {name: value for name, value in told.items() if name in wanted} | {"id": f"act_{number}"}

    # insights

    def _found(self, number: str, asked: Mapping[str, str]) -> Sequence[Found]:
        found = self._insights.answer(asked, self._clock.now())
        if number != ACCOUNT:
            return []
        if self.most_cells is not None and len(found) * len(asked["fields"].split(",")) > self.most_cells:
            raise GraphError(100, "The query asks for more data than can be told of at once.", 1487534)
        if self.shuffled:
            random.Random(self._seed).shuffle(found)
        return found

    def _report(self, number: str, asked: Mapping[str, str]) -> str:
        run = Run(number, asked, self._clock.now(), self.report_ends.pop(0) if self.report_ends else "Job Completed")
        try:
            run.rows = self._found(number, asked)
            if self.failing_reports:
                run.ends, run.error = "Job Failed", self.failing_reports.pop(0)
        except GraphError as error:
            if error.told.get("error_subcode") != TOO_MUCH:
                raise
            run.ends, run.error = "Job Failed", error
        name = str(FIRST_RUN + len(self._runs))
        self._runs[name] = run
        return name

    def _status(self, name: str) -> dict[str, Any]:
        run = self._runs[name]
        done = (self._clock.now() - run.created).total_seconds() / self.report_seconds
        states = ((0.2, "Job Not Started"), (0.4, "Job Started"), (1.0, "Job Running"))
        status = next((state for until, state in states if done < until), run.ends)
        told = {"id": name, "async_status": status, "async_percent_completion": min(100, int(done * 110))}
        if status == run.ends and run.error:
            message, code, subcode = (run.error.told.get(key) for key in ("message", "code", "error_subcode"))
            told |= {"error_code": code, "error_subcode": subcode, "error_message": message}
        return told

    def _results(self, name: str, asked: Mapping[str, str]) -> dict[str, Any]:
        run = self._runs[name]
        if self._status(name)["async_status"] != "Job Completed":
            raise GraphError(2601, "(#2601) Your report is not completed.")
        if run.rows is None:
            run.rows = self._found(run.number, run.asked)
        body = self._insights_page(run.rows, run.asked, f"{name}/insights", asked)
        if "next" not in body["paging"]:
            run.rows = None  # has been read; found again if it is asked for again
        return body

    def _insights_page(
        self, found: Sequence[Found], report: Mapping[str, str], path: str, asked: Mapping[str, str]
    ) -> dict[str, Any]:
        fields = report.get("fields", "impressions,spend")
        return self._page(found, self._insights.rendered(fields), path, asked)

    def _page(
        self, rows: Sequence[T], render: Callable[[T], dict[str, Any]], path: str, asked: Mapping[str, str]
    ) -> dict[str, Any]:
        size, start = int(asked.get("limit", DEFAULT_PAGE)), offset(asked["after"]) if "after" in asked else 0
        if size > LARGEST_PAGE:
            raise GraphError(100, f"(#100) The limit must be at most {LARGEST_PAGE}.")
        if size > self.largest_page:
            raise GraphError(
                1, "Please reduce the amount of data you're asking for, then retry your request", status=500
            )
        body = next(twin.bodies(rows, render, path, size, start))
        if "next" in body["paging"]:
            self._mislead(body["paging"], start, size, len(rows))
        return body

    def _mislead(self, paging: dict[str, Any], start: int, size: int, rows: int) -> None:
        """Follow the page by a wrong one, where a knob says so. As the real one does, the URL carries the token."""
        after = start + size
        if self.skipped:
            self.skipped -= 1
            after += size
        elif self.repeated:
            self.repeated -= 1
            after = start
        if after >= rows:
            del paging["next"]
            return
        paging["cursors"]["after"] = token(after)
        paging["next"] = f"{paging['next'].partition('&after=')[0]}&access_token={self._token}&after={token(after)}"
