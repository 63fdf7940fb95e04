"""The demo's ad account behind the fake of Meta, and pulling from it as the engine does, in small."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from connectors import http
from connectors.clock import VirtualClock
from connectors.demo import DemoSource
from connectors.errors import RateLimited, TooBig, Transient, Truncated
from connectors.fake.meta import ACCESS_TOKEN, FakeMeta
from connectors.fake.serving import serving
from connectors.meta.client import MetaClient
from connectors.slices import Account, Slice, midnight
from connectors.source import STREAMS
from connectors.wire import App, WireRequest, WireResponse

SOURCE = DemoSource(days=60)
ACCOUNT = Account("1014200420042", "Demo brand", SOURCE.timezone, SOURCE.currency)
LAST_DAY = SOURCE.last_day
TRIES = 8

Rows = dict[str, dict[str, Any]]


class Recorder:
    """An app and every request that it got."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.requests: list[WireRequest] = []

    def __call__(self, request: WireRequest) -> WireResponse:
        self.requests.append(request)
        return self.app(request)


@dataclass
class Shop:
    """A fake, its clock, a client of it, and every request that it got."""

    fake: FakeMeta
    clock: VirtualClock
    client: MetaClient
    recorder: Recorder

    @property
    def requests(self) -> list[WireRequest]:
        return self.recorder.requests

    def slice(self, days: int, stream: str = "meta/insights", last: date = LAST_DAY, **part: str) -> Slice:
        """So many local days, up to and with the last."""
        start, end = (local_midnight(day) for day in (last - timedelta(days - 1), last + timedelta(1)))
        return Slice(stream, ACCOUNT.id, start, end, self.client.request(stream, ACCOUNT), part)

    def pull(self, asked: Slice) -> Rows:
        """The slice's rows, once they are proven to be all."""
        *pages, last = self.client.pull(asked, ACCOUNT)
        rows = {record.external_id: record.payload for page in (*pages, last) for record in page.records}
        assert all(page.proof is None for page in pages)
        assert last.proof is not None
        assert last.proof.at_least == len(rows) == last.proof.at_most
        return rows

    def land(self, asked: Slice) -> tuple[Rows, list[Slice]]:
        """The slice's rows and the slices that they came in: pulled again where that helps, split where it must be."""
        for _ in range(TRIES):
            try:
                return self.pull(asked), [asked]
            except (Transient, Truncated) as error:
                failed = error
            except RateLimited as error:
                self.clock.sleep((error.retry_at - self.clock.now()).total_seconds())
                failed = error
            except TooBig:
                landed = [self.land(part) for part in self.client.split(asked, ACCOUNT)]
                assert landed, "split as far as can be, and still too big"
                rows = {key: row for rows, _ in landed for key, row in rows.items()}
                return rows, [part for _, parts in landed for part in parts]
        raise failed


@contextmanager
def served(**knobs: Any) -> Iterator[Shop]:
    """A fake of the demo on a real socket, and a client of it."""
    made = shop(**knobs)
    with serving({"meta": made.recorder}) as url:
        made.client = connected(made.clock, knobs, base_url=f"{url}/meta")
        yield made


def shop(*, behind: Callable[[App], App] = lambda app: app, start: datetime = SOURCE.now, **knobs: Any) -> Shop:
    """A fake of the demo, whatever stands before it, and a client in this process."""
    clock = VirtualClock(start)
    of_fake = {name: value for name, value in knobs.items() if name != "account_ids"}
    fake = FakeMeta(SOURCE.world, clock, **of_fake)
    recorder = Recorder(behind(fake))
    return Shop(fake, clock, connected(clock, knobs, transport=http.in_process(recorder)), recorder)


def connected(clock: VirtualClock, knobs: dict[str, Any], **to: Any) -> MetaClient:
    secret, ids = knobs.get("app_secret"), knobs.get("account_ids", ())
    dice = random.Random(7)
    return MetaClient(access_token=ACCESS_TOKEN, app_secret=secret, account_ids=ids, clock=clock, dice=dice, **to)


def truth(asked: Slice) -> Rows:
    """What the demo has of a slice."""
    pages = SOURCE.pages(STREAMS[asked.stream], since=asked.start, until=asked.end)
    return {record.external_id: record.payload for page in pages for record in page}


def local_midnight(day: date) -> datetime:
    return midnight(datetime(day.year, day.month, day.day, 12, tzinfo=UTC), SOURCE.timezone)
