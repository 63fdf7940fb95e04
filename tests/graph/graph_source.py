"""A source of one record an hour, and whatever trouble a test makes of it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Literal

import polars as pl

from connectors.client import Finding, Page, Proof
from connectors.clock import VirtualClock
from connectors.errors import ApiError
from connectors.exchange import Meter
from connectors.slices import Account, Policy, Slice
from connectors.source import STREAMS, RawRecord
from growthos_assets.loading import warehouse
from warehouse import proofs, versions

ORDERS, TRAFFIC = STREAMS["shopify/orders"], STREAMS["ga4/traffic"]
NOW = datetime(2026, 2, 10, tzinfo=UTC)
DAY = timedelta(days=1)
OPENED = NOW - 10 * DAY
DAILY = Policy(step=4 * DAY, lookback=2 * DAY, by_day=True)
Trouble = Callable[[Slice, int], None]


@dataclass
class Shop:
    """A source of one record an hour and account, with whatever trouble a test makes. Pages hold ten records.

    Its parts are told apart by the hour: those of even hours, and those of odd ones.
    """

    clock: VirtualClock = field(default_factory=lambda: VirtualClock(NOW))
    names: tuple[str, ...] = ("one",)
    trouble: Trouble = lambda part, page: None
    lost: int = 0
    unsure: bool = False
    deleted: set[str] = field(default_factory=set[str])
    split_by: Literal["time", "hour"] = "time"
    restated: Callable[[datetime], str] = lambda at: ""
    source: str = "shopify"
    api_version: str = "2026-10"
    reads_all: bool = True
    sunset: date | None = None
    meter: Meter = field(default_factory=Meter)
    unprepared: Callable[[Slice], None] = lambda part: None
    events: list[tuple[str, datetime]] = field(default_factory=list[tuple[str, datetime]])
    policies: Mapping[str, Policy] = field(
        default_factory=lambda: {ORDERS.key: Policy(step=4 * DAY, lookback=DAY), TRAFFIC.key: DAILY}
    )

    def accounts(self) -> list[Account]:
        return [Account(name, name, "UTC", "USD", opened=OPENED) for name in self.names]

    def request(self, stream: str, account: Account) -> str:
        return "r"

    def records(self, part: Slice) -> list[RawRecord]:
        hours = range(int((part.end - part.start) / timedelta(hours=1)))
        at = [part.start + timedelta(hours=hour) for hour in hours]
        told = [
            (f"{part.account}_{t:%Y%m%d}_{t:%H}", t)
            for t in at
            if part.part.get("hour", f"{t.hour % 2}") == f"{t.hour % 2}"
        ]
        return [
            RawRecord(name, {"createdAt": t.isoformat(), "note": self.restated(t)})
            for name, t in told
            if name not in self.deleted
        ]

    def prepare(self, part: Slice, account: Account) -> None:
        self.events.append(("prepare", part.start))
        self.unprepared(part)

    def pull(self, part: Slice, account: Account) -> Iterator[Page]:
        self.events.append(("pull", part.start))
        found = self.records(part)
        for start in range(0, len(found), 10):
            self.meter.requests += 1
            self.trouble(part, start // 10)
            yield Page(found[start : start + 10])
        missing = int(self.lost > 0)
        self.lost -= missing
        yield Page([], Proof(len(found) + missing, len(found) + missing + int(self.unsure), "the count"))

    def split(self, part: Slice, account: Account) -> list[Slice]:
        if self.split_by == "hour":
            return [] if part.part else [replace(part, part={"hour": str(parity)}) for parity in (0, 1)]
        return part.halves("UTC") if part.end - part.start > DAY else []

    def probe(self) -> list[Finding]:
        return []


def landed(tenant: str = "shop", table: str = "raw.shopify_orders") -> set[str]:
    return set(versions.read_latest(warehouse(), tenant, table)["external_id"])


def book(tenant: str = "shop") -> pl.DataFrame:
    return proofs.history(warehouse(), tenant).sort("start_at", "planned_at")


def truth(client: Shop) -> set[str]:
    whole = (Slice(ORDERS.key, name, OPENED, client.clock.now(), "r") for name in client.names)
    return {record.external_id for part in whole for record in client.records(part)}


def once(error: ApiError, *, page: int = 5) -> Trouble:
    left = [error]

    def trouble(part: Slice, at: int) -> None:
        if at == page and left:
            raise left.pop()

    return trouble
