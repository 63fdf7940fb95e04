"""What the fakes of Google's APIs share: who is let in, how they say no, and what goes wrong on demand."""

from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Any

import msgspec

from connectors.clock import Clock
from connectors.demo.calendar import Window
from connectors.demo.world import World
from connectors.google_errors import CANONICAL
from connectors.slices import midnight
from connectors.source import Body
from connectors.wire import WireRequest, WireResponse

STATUS = {name: status for status, name in CANONICAL.items() if status != 502}

Arrange = Callable[[list[int]], list[int]]
"""Which pages are served, of those that there are, and in which order: how a page gets lost, or comes twice."""


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, response: WireResponse) -> None:
        super().__init__(response.status)
        self.response = response


class GoogleFake(ABC):
    """One API over the demo's world, of which only that is seen which has happened by the clock.

    A login is any bearer token, good for `good_for` requests. `arrange` is what happens to the pages, and with
    `restated` what was credited to a day still grows after it, as the clock goes on.
    """

    def __init__(
        self,
        world: World,
        clock: Clock,
        *,
        page_size: int,
        arrange: Arrange = list,
        restated: bool = False,
        good_for: int | None = None,
    ) -> None:
        self.world = world
        self.clock = clock
        self.page_size = page_size
        self.arrange = arrange
        self.restated = restated
        self.good_for = good_for
        self._used: Counter[str] = Counter()
        self._planned: deque[WireResponse] = deque()

    def __call__(self, request: WireRequest) -> WireResponse:
        try:
            self._let_in(request)
            if self._planned:
                raise Refused(self._planned.popleft())
            return self.answer(request)
        except Refused as refused:
            return refused.response

    @abstractmethod
    def answer(self, request: WireRequest) -> WireResponse:
        """What the API says to a request that may ask. Raises Refused."""

    def error(self, code: str, message: str = "", **more: Any) -> WireResponse:
        """The API's own error body for a code of its error table: a status, or the reason of an ErrorInfo."""
        if code in STATUS:
            return self.status(code, message or code)
        reason = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": code}
        status = "RESOURCE_EXHAUSTED" if code == "RATE_LIMIT_EXCEEDED" else "PERMISSION_DENIED"
        return self.status(status, message or code, reason)

    def status(self, status: str, message: str, *details: Mapping[str, Any]) -> WireResponse:
        """Google's error body."""
        code = STATUS[status]
        return self.reply({"error": {"code": code, "message": message, "status": status, "details": details}}, code)

    def fail(self, code: str, times: int = 1, **more: Any) -> None:
        """Answer the next requests with an error."""
        self._planned.extend([self.error(code, **more)] * times)

    def reply(self, body: Any, status: int = 200) -> WireResponse:
        """A body as JSON, with the headers that Google sends."""
        return WireResponse(
            status,
            body if isinstance(body, bytes) else msgspec.json.encode(body),
            {"content-type": "application/json; charset=UTF-8", "date": format_datetime(self.clock.now(), usegmt=True)},
        )

    def body_of(self, request: WireRequest, known: set[str]) -> Body:
        """The request's body; it may have no field that the API does not know."""
        try:
            body: Body = msgspec.json.decode(request.body, type=dict[str, Any])
        except msgspec.DecodeError:
            raise Refused(self.error("INVALID_ARGUMENT", "Invalid JSON payload received.")) from None
        if unknown := sorted(body.keys() - known):
            raise Refused(self.error("INVALID_ARGUMENT", f'Invalid JSON payload received. Unknown name "{unknown[0]}"'))
        return body

    def window(self, first: str, last: str) -> Window:
        """The instants of these days that are over."""
        calendar = self.world.calendar
        starts = [(datetime.fromisoformat(day).date() - calendar.first_day).days for day in (first, last)]
        begin, end = (max(0, min(calendar.days, day)) for day in (starts[0], starts[1] + 1))
        return range(calendar.starts[begin], min(calendar.starts[end], int(self.clock.now().timestamp())))

    def grown(self, day: int) -> float:
        """The share of what will be credited to a day that is by now: two thirds at first, all after a month."""
        if not self.restated:
            return 1.0
        age = (self.clock.now().timestamp() - self.world.calendar.starts[day + 1]) / 86_400
        return min(1.0, 2 / 3 + age / 90)

    def today(self, zone: str) -> datetime:
        return midnight(self.clock.now(), zone)

    def _let_in(self, request: WireRequest) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        self._used[token] += 1
        spent = self.good_for is not None and self._used[token] > self.good_for
        if scheme != "Bearer" or not token or spent:
            raise Refused(self.error("UNAUTHENTICATED", "Request had invalid authentication credentials."))
