"""Storms: what can go wrong with each API, by name, on a fixed random seed.

What a source counts of itself is left alone: one that contradicts itself can be caught, and one that is wrong in all
that it says can't.
"""

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from connectors.fake.ga4 import FakeGa4
from connectors.fake.google import GoogleFake
from connectors.fake.google_ads import FakeGoogleAds
from connectors.fake.meta import FakeMeta
from connectors.fake.meta_insights import GraphError
from connectors.fake.shopify import FakeShopify
from connectors.wire import App, WireRequest, WireResponse

Fault = Callable[[App, WireRequest, random.Random], WireResponse]
"""What is answered instead of the app, which may be asked, or not."""
Rows = list[Any]

BURST = 3
PROXY = {"content-type": "text/html"}


class Storm:
    """The app in a storm: a share `strength` of its requests begins one of the faults, which lasts for up to three.

    `injected` is how often each was shown.
    """

    def __init__(self, app: App, faults: Mapping[str, Fault], seed: object, strength: float) -> None:
        self._app = app
        self._faults = faults
        self._names = sorted(faults)
        self._dice = random.Random(str(seed))
        self._strength = strength
        self._fault, self._left = "", 0
        self.injected = Counter[str]()

    def __call__(self, request: WireRequest) -> WireResponse:
        if not self._left and self._dice.random() < self._strength:
            self._fault = self._dice.choice(self._names)
            self._left = self._dice.randint(1, BURST)
        if not self._left:
            return self._app(request)
        self._left -= 1
        self.injected[self._fault] += 1
        return self._faults[self._fault](self._app, request, self._dice)


def answers(*those: WireResponse) -> Fault:
    """One of these answers; the app is not asked."""
    return lambda app, request, dice: dice.choice(those)


def _dropped(app: App, request: WireRequest, dice: random.Random) -> WireResponse:
    answer = app(request)
    return replace(answer, cut=dice.randrange(len(answer.body) + 1))


def _cut_short(app: App, request: WireRequest, dice: random.Random) -> WireResponse:
    """Half a body that looks like all of it: the connection ends as it should."""
    answer = app(request)
    return replace(answer, body=answer.body[: dice.randrange(len(answer.body) + 1)])


ANY: Mapping[str, Fault] = {
    "dropped": _dropped,
    "cut short": _cut_short,
    "busy": answers(
        *(WireResponse(status, b"<html>upstream is busy</html>", PROXY) for status in (500, 502, 503, 504))
    ),
    "not the API": answers(WireResponse(200, b"<html>Welcome to the hotel's network</html>", PROXY)),
    "asked too often": answers(WireResponse(429, b"{}", {"retry-after": "40"})),
}
"""On any line."""


def shopify(fake: FakeShopify) -> Mapping[str, Fault]:
    """What can go wrong with a shop."""
    refused = WireResponse(401, b'{"errors": "[API] Invalid API key or access token"}')
    return {
        **ANY,
        **_row_faults(_nodes),
        "throttled": _failing(fake.fail, "THROTTLED", "429", "430"),
        "in trouble": _failing(fake.fail, "INTERNAL_SERVER_ERROR", "500", "TIMEOUT"),
        "token expired": answers(refused),
        "job failed": _once(fake.jobs.outcomes, "FAILED", "CANCELED", "EXPIRED", "INCOMPLETE", "NO_RESULT", "TIMEOUT"),
        "job refused": _once(fake.jobs.refusals, "LIMIT_REACHED", "OPERATION_IN_PROGRESS"),
    }


def meta(fake: FakeMeta) -> Mapping[str, Fault]:
    """What can go wrong with an ad account of Meta's, but for its own totals."""

    def page_lost(app: App, request: WireRequest, dice: random.Random) -> WireResponse:
        fake.skipped = 1
        return app(request)

    def page_twice(app: App, request: WireRequest, dice: random.Random) -> WireResponse:
        fake.repeated = 1
        return app(request)

    limits = (GraphError(17, "User request limit reached", 2446079), *(GraphError(c, "limit") for c in (4, 613, 80000)))
    passing = (GraphError(1, "unknown", transient=True), GraphError(2, "busy", 1504043), GraphError(960, "later"))
    return {
        **ANY,
        **_row_faults(_insights),
        "throttled": _once(fake.failing, *limits),
        "in trouble": _once(fake.failing, *passing),
        "token expired": _once(fake.failing, GraphError(190, "Session has expired.", 463)),
        "report failed": _once(fake.report_ends, "Job Failed", "Job Skipped"),
        "page lost": page_lost,
        "page twice": page_twice,
    }


def google_ads(fake: FakeGoogleAds) -> Mapping[str, Fault]:
    """What can go wrong with Google Ads, in the middle of a stream too."""
    return {
        **ANY,
        **_row_faults(_results),
        **_google(fake),
        "throttled": _failing(
            fake.fail,
            "quotaError.RESOURCE_TEMPORARILY_EXHAUSTED",
            "quotaError.EXCESSIVE_SHORT_TERM_QUERY_RESOURCE_CONSUMPTION",
        ),
        "page token": _failing(fake.fail, "requestError.EXPIRED_PAGE_TOKEN", "requestError.INVALID_PAGE_TOKEN"),
        "stream broken": _stream_broken,
    }


def ga4(fake: FakeGa4) -> Mapping[str, Fault]:
    """What can go wrong with a property of GA4."""
    throttled = _failing(fake.fail, "concurrentRequests", "RATE_LIMIT_EXCEEDED", "tokensPerHour")
    return {**ANY, **_row_faults(_reports), **_google(fake), "throttled": throttled}


def _google(fake: GoogleFake) -> Mapping[str, Fault]:
    return {
        "in trouble": _failing(fake.fail, "INTERNAL", "UNAVAILABLE", "DEADLINE_EXCEEDED"),
        "token expired": _failing(fake.fail, "UNAUTHENTICATED"),
    }


def _failing(fail: Callable[[str], None], *codes: str) -> Fault:
    """The API itself says one of these codes."""

    def fault(app: App, request: WireRequest, dice: random.Random) -> WireResponse:
        fail(dice.choice(codes))
        return app(request)

    return fault


def _once(happening: list[Any], *those: Any) -> Fault:
    """One of those is the next thing to happen, unless something is going to happen already."""

    def fault(app: App, request: WireRequest, dice: random.Random) -> WireResponse:
        if not happening:
            happening.append(dice.choice(those))
        return app(request)

    return fault


def _stream_broken(app: App, request: WireRequest, dice: random.Random) -> WireResponse:
    """A stream's status was sent when nobody knew that it would end with an error."""
    answer = app(request)
    parts: list[Any] = msgspec.json.decode(answer.body) if answer.body.startswith(b"[") else []
    if not parts:
        return answer
    error = {"code": 503, "message": "The service is unavailable.", "status": "UNAVAILABLE"}
    return replace(answer, body=msgspec.json.encode([*parts[: dice.randrange(len(parts))], {"error": error}]))


def _row_faults(rows_of: Callable[[Any], list[Rows]]) -> Mapping[str, Fault]:
    """What can happen to the rows of a page, found by `rows_of` in its body."""

    def fault(change: Callable[[Rows, random.Random], None]) -> Fault:
        def changed(app: App, request: WireRequest, dice: random.Random) -> WireResponse:
            answer = app(request)
            try:
                body = msgspec.json.decode(answer.body)
            except (msgspec.DecodeError, UnicodeDecodeError):
                return answer
            found = rows_of(body)
            for rows in found:
                change(rows, dice)
            return replace(answer, body=msgspec.json.encode(body)) if found else answer

        return changed

    return {
        "rows lost": fault(_lose),
        "all rows lost": fault(lambda rows, dice: rows.clear()),
        "rows twice": fault(lambda rows, dice: rows.extend(rows[dice.randrange(len(rows) + 1) :])),
        "rows shuffled": fault(lambda rows, dice: dice.shuffle(rows)),
    }


def _lose(rows: Rows, dice: random.Random) -> None:
    del rows[dice.randrange(len(rows) + 1) :]


def _nodes(body: dict[str, Any]) -> list[Rows]:
    data: dict[str, Any] = body.get("data") or {}
    return [found["nodes"] for found in data.values() if found and "pageInfo" in found]


def _insights(body: Any) -> list[Rows]:
    match body:
        case {"data": [{"campaign_id": _}, *_]}:
            return [body["data"]]
        case _:
            return []


def _results(body: dict[str, Any] | list[dict[str, Any]]) -> list[Rows]:
    parts: list[dict[str, Any]] = body if isinstance(body, list) else [body]
    return [part["results"] for part in parts if "results" in part]


def _reports(body: dict[str, Any]) -> list[Rows]:
    return [report["rows"] for report in (body, *body.get("reports", ())) if "rows" in report]
