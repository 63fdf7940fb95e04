"""Storms through the whole engine: faults injected, rows lost.

python -m bench.fault_storms [seeds]

Each source's real client pulls a brand from its fake, in a storm, into a real database by the real ledger. Three times,
two days apart: between them the brand goes on, and its platforms restate and take back what they had said. After each
storm the raw records are held against the brand, payload for payload: all that is verified must be here and right, and
nothing else. Then the weather clears, one more sync, and everything must be here.
"""

import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from unittest.mock import patch

from msgspec import structs

from bench.scratch import scratch_home
from bench.storm_book import Book
from connectors.client import Client
from connectors.clock import Clock, VirtualClock
from connectors.demo import DemoSource
from connectors.demo.world import World
from connectors.fake import storms
from connectors.fake.demo import PROPERTY_ID, SHOP
from connectors.fake.ga4 import FakeGa4
from connectors.fake.google_ads import FakeGoogleAds
from connectors.fake.meta import ACCESS_TOKEN, FakeMeta
from connectors.fake.serving import serving
from connectors.fake.shopify import FakeShopify
from connectors.fake.storms import Fault, Storm
from connectors.ga4.client import Ga4Client
from connectors.google_ads.client import GoogleAdsClient
from connectors.http import in_process
from connectors.meta.client import MetaClient
from connectors.oauth.authorizers import bearer, shopify_header
from connectors.shopify.client import Mode, ShopifyClient
from connectors.slices import Policy
from connectors.source import STREAMS
from connectors.wire import App, WireRequest, WireResponse
from growthos_assets.loading import warehouse
from growthos_assets.raw.syncing import sync
from warehouse import tenants
from warehouse.tenants import Tenant

DAY = timedelta(days=1)
BRAND = DemoSource(days=12)
STRENGTH = 0.3
SYNCS = 3
"""Syncs in one storm, at most: the later ones go on with what the earlier ones left."""
SKEWS = (0, 20, 50, -45, -1800, 5 * 3600, -9 * 3600, 10 * 86_400)
"""Seconds by which the client's clock is wrong, of which nothing may be missed."""


class Killed(BaseException):
    """The process ends here."""


class Login:
    """A login that is renewed whenever it is refused."""

    def __init__(self, header: Callable[[str], Mapping[str, str]]) -> None:
        self._header = header
        self._renewals = 0

    def headers(self) -> Mapping[str, str]:
        return self._header(f"token-{self._renewals}")

    def renew(self) -> bool:
        self._renewals += 1
        return True


class Skewed:
    """A clock that goes wrong by some seconds."""

    def __init__(self, right: Clock, seconds: float) -> None:
        self._right, self._skew = right, timedelta(seconds=seconds)
        self.sleep = right.sleep

    def now(self) -> datetime:
        return self._right.now() + self._skew


class _Short:
    def __init__(self, client: Client) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    @property
    def policies(self) -> Mapping[str, Policy]:
        longest = 90 * DAY if self._client.source == "google_ads" else 30 * DAY
        return {key: replace(policy, step=min(policy.step, longest)) for key, policy in self._client.policies.items()}


def short(client: Client) -> Client:
    """The client, with slices of a few days: so there is something between them."""
    proxy: Any = _Short(client)  # it has whatever the client has
    return proxy


class Api(NamedTuple):
    """A fake, what can go wrong with it, and what opens a client of it."""

    app: App
    faults: Mapping[str, Fault]
    client: Callable[..., Client]


def _shopify(world: World, clock: Clock, dice: random.Random) -> Api:
    fake = FakeShopify(world, clock)
    fake.max_cost, fake.shuffled = dice.choice([150, 400, 1000]), dice.random() < 0.5
    mode: Mode = dice.choice(("paged", "bulk"))

    def client(base_url: str | None = None, **to: Any) -> Client:
        fake.jobs.url = base_url or fake.jobs.url
        return ShopifyClient(SHOP, authorizer=Login(shopify_header), base_url=base_url, mode=mode, **to)

    return Api(fake, storms.shopify(fake), client)


def _meta(world: World, clock: Clock, dice: random.Random) -> Api:
    fake = FakeMeta(world, clock)
    fake.largest_page, fake.shuffled = dice.choice([15, 60, 500]), dice.random() < 0.5
    fake.most_cells = dice.choice([1_000, None])
    return Api(fake, storms.meta(fake), lambda **to: MetaClient(access_token=ACCESS_TOKEN, **to))


def _google_ads(world: World, clock: Clock, dice: random.Random) -> Api:
    fake = FakeGoogleAds(world, clock, page_size=dice.choice([5, 17]))
    return Api(fake, storms.google_ads(fake), lambda **to: GoogleAdsClient(authorizer=Login(bearer), **to))


def _ga4(world: World, clock: Clock, dice: random.Random) -> Api:
    fake = FakeGa4(world, clock, page_size=dice.choice([3, 8, 100]))
    return Api(
        fake, storms.ga4(fake), lambda **to: Ga4Client(authorizer=Login(bearer), property_ids=[PROPERTY_ID], **to)
    )


APIS: Mapping[str, Callable[[World, Clock, random.Random], Api]] = {
    "shopify": _shopify,
    "meta": _meta,
    "google_ads": _google_ads,
    "ga4": _ga4,
}


@dataclass
class Outcome:
    """What a storm did. `wrong` names the records that are missing, or should not be here, or say something else."""

    faults: Counter[str] = field(default_factory=Counter[str])
    slices: Counter[str] = field(default_factory=Counter[str])
    records: int = 0
    wrong: list[str] = field(default_factory=list[str])


def storm(source: str, seed: int, tenant: Tenant, *, socket: bool = False, strength: float = STRENGTH) -> Outcome:
    """Three storms and a calm over one source of a tenant of whom nothing is here yet."""
    outcome = Outcome()
    clock = VirtualClock(BRAND.now - 5 * DAY + timedelta(hours=7))
    worlds = [BRAND.world]
    books = [Book(stream, tenant, worlds, clock) for stream in STREAMS.values() if stream.source == source]
    for phase in range(4):
        dice = random.Random(f"{source}/{seed}/{phase}")
        calm = phase == 3
        for book in books:
            with ExitStack() as weather:
                weather.enter_context(patch("connectors.google_ads.client.PAGED", dice.choice([10, 50_000])))
                for _ in range(1 if calm else SYNCS):
                    again = _sync(book, dice, outcome, weather, 0.0 if calm else strength, socket)
                    if again is None:
                        break
                    clock.sleep((again - clock.now()).total_seconds())
            outcome.wrong += book.check()
            if calm:
                outcome.wrong += book.unproven()
        clock.sleep((2 * DAY).total_seconds())
        worlds.append(_restated(worlds[-1], clock.now() - 5 * DAY, dice))
    for book in books:
        outcome.records += len(book.expected())
        outcome.slices.update(book.states())
    return outcome


def _sync(
    book: Book, dice: random.Random, outcome: Outcome, weather: ExitStack, strength: float, socket: bool
) -> datetime | None:
    """One sync by a process of its own; when to sync again, if it did not come to its end."""
    api = APIS[book.stream.source](book.world, book.clock, dice)
    faults = {**api.faults, "killed": _killed}
    app = Storm(api.app, faults, dice.random(), strength)
    seen = Skewed(book.clock, dice.choice(SKEWS) if strength else 0)
    if socket:
        to: dict[str, Any] = {"base_url": f"{weather.enter_context(serving({'api': _alive(app)}))}/api"}
    else:
        to = {"transport": in_process(app)}
    client = short(api.client(clock=seen, dice=dice, **to))
    try:
        done = sync(warehouse(), book.tenant, client, seen, book.stream, connection="storm", seen_at=seen.now)
    except Killed:
        return book.clock.now()
    finally:
        outcome.faults += app.injected
    now = book.clock.now()
    waits = (problem.retry_at for problem in done.problems if problem.retry_at)
    return max(min(waits, default=now), now) + timedelta(hours=1) if done.problems else None


def _killed(app: App, request: WireRequest, dice: random.Random) -> WireResponse:
    raise Killed


def _alive(app: App) -> App:
    """Over a socket nobody but the server would be killed: its connection drops instead."""

    def answer(request: WireRequest) -> WireResponse:
        try:
            return app(request)
        except Killed:
            return WireResponse(200, b"{}", cut=0)

    return answer


def _restated(world: World, since: datetime, dice: random.Random) -> World:
    """The brand, of whose days since then the platforms say something else, and of some things nothing any more."""
    first = sum(start <= since.timestamp() for start in world.calendar.starts)
    deliveries = [
        structs.replace(row, spend=row.spend + dice.randrange(900), clicks=row.clicks + 1) if row.day >= first else row
        for row in world.deliveries
        if row.day < first or dice.random() < 0.9
    ]
    traffic = [
        structs.replace(row, revenue=row.revenue + dice.randrange(900)) if row.day >= first else row
        for row in world.traffic
        if row.day < first or dice.random() < 0.9
    ]
    return replace(world, deliveries=deliveries, traffic=traffic)


def main(seeds: int) -> None:
    """Print what the storms did, source by source."""
    wrong = 0
    with scratch_home():
        warehouse()
        for source in APIS:
            whole, started = Outcome(), time.process_time()
            for seed in range(seeds):
                tenant_id = f"{source.replace('_', '-')}-{seed}"
                tenants.create(Tenant(tenant_id, tenant_id, keep_pii=True))
                outcome = storm(source, seed, tenants.get(tenant_id), socket=seed % 10 == 9)
                whole.faults += outcome.faults
                whole.slices += outcome.slices
                whole.records += outcome.records
                whole.wrong += [f"seed {seed}: {words}" for words in outcome.wrong]
            wrong += len(whole.wrong)
            print(
                f"{source}: {seeds} storms, {whole.faults.total():,} faults, {len(whole.wrong)} records lost or wrong"
            )
            print(
                f"  {whole.records:,} records, {dict(whole.slices)} slices, {time.process_time() - started:.0f} s CPU"
            )
            print(f"  {', '.join(f'{name} {count}' for name, count in whole.faults.most_common())}")
            print("".join(f"  {words}\n" for words in whole.wrong[:20]), end="", flush=True)
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
