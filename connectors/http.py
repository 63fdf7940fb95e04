"""The one way out: a request to an API, paced by its own signals, retried within a budget, its secrets kept.

The only module that knows the HTTP library (httpx2, the maintained line of httpx).
"""

import functools
import logging
import random
import ssl
import weakref
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

import httpx2 as httpx
import msgspec
from tenacity import RetryCallState, Retrying, retry_if_exception

from connectors.budget import Budget
from connectors.clock import Clock
from connectors.errors import ApiError, AuthError, Bug, RateLimited, Transient
from connectors.exchange import Meter, Reply, Request, secrets_among
from connectors.wire import App, WireRequest

TIMEOUT = httpx.Timeout(60.0, connect=15.0)
CHUNK = 1 << 16
for _library in ("httpx2", "httpcore2"):  # they log whole URLs and answers' headers, and some of those are secrets
    logging.getLogger(_library).setLevel(logging.WARNING)

Transport = httpx.BaseTransport
"""What carries requests: None is the real network, `in_process` an App of this process."""


class Pace(Protocol):
    """An API's bucket, as its own answers tell of it."""

    def delay(self, request: Request, now: datetime) -> float:
        """Seconds to wait before the request; RateLimited if that is longer than anyone should sleep."""
        ...

    def learn(self, reply: Reply, meter: Meter) -> None:
        """Take in what the answer says of the bucket, errors' answers too; the quota left goes on the meter."""
        ...


class Unpaced:
    """For what tells of no bucket."""

    def delay(self, request: Request, now: datetime) -> float:
        return 0.0

    def learn(self, reply: Reply, meter: Meter) -> None:
        pass


class Authorizer(Protocol):
    """Says who asks."""

    def headers(self) -> Mapping[str, str]:
        """The headers that authorize a request now; renewed by itself before they expire."""
        ...

    def renew(self) -> bool:
        """After a refusal: whether a new token could be had, so that asking once more makes sense."""
        ...


class Open:
    """Nobody in particular: for endpoints that ask for no authorization, such as token endpoints."""

    def headers(self) -> Mapping[str, str]:
        return {}

    def renew(self) -> bool:
        return False


Judge = Callable[[Reply], ApiError | None]
"""Reads an answer by the API's error table; None is success."""


class Http:
    """One API's wire. What authorizes a request is masked wherever its answer is quoted."""

    def __init__(
        self,
        base_url: str,
        *,
        judge: Judge,
        clock: Clock,
        authorizer: Authorizer | None = None,
        pace: Pace | None = None,
        transport: httpx.BaseTransport | None = None,
        dice: random.Random | None = None,
        timeout: httpx.Timeout | float = TIMEOUT,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.clock = clock
        self.meter = Meter()
        self._judge = judge
        self._authorizer: Authorizer = authorizer or Open()
        self._pace: Pace = pace or Unpaced()
        self._dice = dice or random.Random()
        self._client = httpx.Client(
            transport=transport,
            verify=_tls() if transport is None else True,
            timeout=timeout,
            follow_redirects=False,
            headers={"user-agent": "GrowthOS"},
        )
        # clients come and go with runs and commands: who drops one need not think of its sockets
        weakref.finalize(self, self._client.close)

    def budget(self) -> Budget:
        """A fresh budget for one slice."""
        return Budget(self.clock)

    def send(self, request: Request, budget: Budget) -> Reply:
        """The answer, as soon as the API gives one that is no error; ApiError if it does not within the budget."""
        return self._retrying(budget, lambda: self._once(request, budget))

    @contextmanager
    def stream(self, request: Request) -> Generator[tuple[Reply, Iterator[bytes]]]:
        """The answer without its body, and the body in chunks as they arrive.

        Asked for once: whoever reads it knows how to go on after a drop. Raises Transient wherever the connection
        fails, in the middle too.
        """
        headers = self._headers(request)
        with self._wire_errors(request), self._open(request, headers) as response:
            if response.status_code >= 400:
                self.check(self._reply(request, headers, response, response.read()))
            yield self._reply(request, headers, response, b""), self._chunks(response, request)

    def check(self, reply: Reply) -> None:
        """Learn from the answer, and raise what it says went wrong."""
        self._pace.learn(reply, self.meter)
        error = self._judge(reply)
        if error is not None:
            error.args = (reply.masked(str(error)),)  # some APIs quote the token that they refuse
            raise error
        if reply.ahead is not None:
            self.meter.ahead = reply.ahead

    def pause(self, seconds: float, budget: Budget, why: str) -> None:
        """Wait for the API; RateLimited, because of `why`, if the slice's time would be over by then."""
        budget.check(seconds, why)
        self.meter.waited += seconds
        self.clock.sleep(seconds)

    def close(self) -> None:
        self._client.close()

    def _retrying(self, budget: Budget, attempt: Callable[[], Reply]) -> Reply:
        def wait(state: RetryCallState) -> float:
            error = state.outcome and state.outcome.exception()
            assert isinstance(error, ApiError)
            seconds = budget.delay(error, state.attempt_number, self._dice)
            budget.check(seconds, str(error))
            self.meter.waited += seconds
            return seconds

        retrying = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, (Transient, RateLimited))),
            wait=wait,
            sleep=self.clock.sleep,
            reraise=True,
        )
        return retrying(attempt)

    def _once(self, request: Request, budget: Budget) -> Reply:
        try:
            return self._attempt(request, budget)
        except AuthError:
            if not (request.authorized and self._authorizer.renew()):
                raise
            return self._attempt(request, budget)

    def _attempt(self, request: Request, budget: Budget) -> Reply:
        seconds = self._pace.delay(request, self.clock.now())
        if seconds > 0:
            self.pause(seconds, budget, "The source lets itself be asked too slowly.")
        headers = self._headers(request)
        with self._wire_errors(request), self._open(request, headers) as response:
            reply = self._reply(request, headers, response, response.read())
        self.meter.received += len(reply.body)
        self.check(reply)
        return reply

    def _headers(self, request: Request) -> dict[str, str]:
        return {**request.headers, **(self._authorizer.headers() if request.authorized else {})}

    def _reply(self, request: Request, sent: Mapping[str, str], response: httpx.Response, body: bytes) -> Reply:
        headers = {name.lower(): value for name, value in response.headers.items()}
        url = str(response.url.copy_with(query=None))
        signed = parse_qsl(urlsplit(request.path).query)  # whoever has such a URL may fetch what it leads to
        said = (*sent.values(), *(request.form or {}).values(), *request.query.values(), *(word for _, word in signed))
        return Reply(response.status_code, headers, body, url, self.clock.now(), secrets_among(said))

    @contextmanager
    def _open(self, request: Request, headers: dict[str, str]) -> Generator[httpx.Response]:
        self.meter.requests += 1
        content = None
        if request.json is not None:
            content = msgspec.json.encode(request.json)
            headers = {**headers, "content-type": "application/json"}
        with self._client.stream(
            request.method,
            self.url(request.path),
            params=dict(request.query) or None,
            content=content,
            data=dict(request.form) if request.form is not None else None,
            headers=headers,
        ) as response:
            yield response

    def url(self, path: str) -> str:
        """The whole URL of a path; a whole URL is left as it is."""
        return path if "://" in path else self.base_url + path

    def _chunks(self, response: httpx.Response, request: Request) -> Iterator[bytes]:
        with self._wire_errors(request):
            for chunk in response.iter_bytes(CHUNK):
                self.meter.received += len(chunk)
                yield chunk

    @contextmanager
    def _wire_errors(self, request: Request) -> Generator[None]:
        """The library's errors as ours, without what they quote: a URL's query is nobody's business."""
        where = self.url(request.path).partition("?")[0]
        try:
            yield
        except httpx.TimeoutException:
            raise Transient(f"{where} did not answer in time.") from None
        except httpx.TransportError as error:
            raise Transient(f"The connection to {where} failed ({type(error).__name__}).") from None
        except (httpx.InvalidURL, httpx.DecodingError) as error:
            raise Bug(f"{where} cannot be asked ({type(error).__name__}).") from None


@functools.cache
def _tls() -> ssl.SSLContext:
    """Whom to trust, for every client: reading it takes longer than a request."""
    return httpx.create_ssl_context()


def in_process(app: App) -> httpx.BaseTransport:
    """A transport that asks an App of this process: the same client, no socket."""
    return _InProcess(app)


class _InProcess(httpx.BaseTransport):
    def __init__(self, app: App) -> None:
        self._app = app

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._app(
            WireRequest(
                request.method,
                request.url.path,
                dict(request.url.params.items()),
                {name.lower(): value for name, value in request.headers.items()},
                request.read(),
            )
        )
        if answer.cut is None:
            return httpx.Response(answer.status, headers=dict(answer.headers), content=answer.body, request=request)
        stream = _Cut(answer.body[: answer.cut])
        return httpx.Response(answer.status, headers=dict(answer.headers), stream=stream, request=request)


class _Cut(httpx.SyncByteStream):
    """A body whose connection drops."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        yield self._body
        raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")
