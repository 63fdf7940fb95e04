"""What must be here of a stream after a storm: by its ledger, and by what the brand had to say when it was asked."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from math import ceil
from typing import Any

import polars as pl

from connectors.clock import Clock
from connectors.demo.calendar import window
from connectors.demo.source import RECORDS
from connectors.demo.twins import TWINS
from connectors.demo.twins.shopify import Shop
from connectors.demo.world import World
from connectors.shopify.queries import LISTINGS
from connectors.source import Stream
from growthos_assets.loading import warehouse
from warehouse import proofs, versions
from warehouse.tenants import Tenant

Records = dict[str, Any]
"""Payloads by external id."""


class Book:
    """One stream of a tenant. `worlds` is the brand as it was in each storm so far; the last one is the present."""

    def __init__(self, stream: Stream, tenant: Tenant, worlds: list[World], clock: Clock) -> None:
        self.stream, self.tenant, self.clock = stream, tenant, clock
        self._worlds = worlds
        self._known: set[str] = set()
        self._expected: Records = {}

    @property
    def world(self) -> World:
        """The brand at present."""
        return self._worlds[-1]

    def states(self) -> Counter[str]:
        return Counter(self._ledger()["state"])

    def expected(self) -> Records:
        """What the verified slices hold."""
        return self._expected

    def check(self) -> Iterator[str]:
        """What is not as the verified slices say that it is, once a storm."""
        fresh = self._ledger().filter(
            (pl.col("state") == "verified")
            & (pl.col("proof") != "the sum of its parts")
            & ~pl.col("pull_id").is_in(self._known)
        )
        self._known |= set(fresh["pull_id"])
        here = self._landed()
        yield from self._reported(fresh, here) if self.stream.day else self._changed(here)

    def unproven(self) -> Iterator[str]:
        """What is missing, though nothing keeps it from being here."""
        whole = self._truth(self.world, datetime.min.replace(tzinfo=UTC), self.clock.now())
        yield from _differences(whole, self._landed())

    def _reported(self, fresh: pl.DataFrame, here: Records) -> Iterator[str]:
        """Of a report: the newest verified word on each of its days, and nothing besides."""
        for start, end, expected, received in fresh.select(
            "start_at", "end_at", "rows_expected", "rows_received"
        ).iter_rows():
            for world in self._worlds:
                for key in self._truth(world, start, end):
                    self._expected.pop(key, None)
            told = self._truth(self.world, start, end)
            if not expected == received == len(told):
                yield f"the ledger says {received} of {expected} rows for {len(told)} from {start} to {end}"
            self._expected |= told
        yield from _differences(self._expected, here)

    def _changed(self, here: Records) -> Iterator[str]:
        """Of things that change: each as it last changed within what is verified, or as it was before it left that."""
        proven = self._ledger().filter((pl.col("state") == "verified") & (pl.col("part") == "{}"))
        windows = list(proven.select("start_at", "end_at").iter_rows())
        now = self._truth(self.world, datetime.min.replace(tzinfo=UTC), self.clock.now())
        self._expected = {
            key: payload
            for key, payload in now.items()
            if any(start <= datetime.fromisoformat(payload["updatedAt"]) < end for start, end in windows)
        }
        left = {
            key
            for key, payload in here.items()
            if key not in self._expected and key in now and payload["updatedAt"] < now[key]["updatedAt"]
        }
        yield from _differences(self._expected, {key: payload for key, payload in here.items() if key not in left})

    def _landed(self) -> Records:
        table = f"raw.{self.stream.source}_{self.stream.name}"
        latest = versions.read_latest(warehouse(), self.tenant.tenant_id, table)
        return {key: json.loads(payload) for key, payload in latest.select("external_id", "payload").iter_rows()}

    def _ledger(self) -> pl.DataFrame:
        rows = proofs.history(warehouse(), self.tenant.tenant_id, 100_000)
        return rows.filter((pl.col("source") == self.stream.source) & (pl.col("stream") == self.stream.name))

    def _truth(self, world: World, start: datetime, end: datetime) -> Records:
        """What the brand has of a time, at present."""
        since = None if start.year == 1 else start
        if self.stream.day:
            bodies = TWINS[self.stream.key](world, window(since, end), 0)
            return {r.external_id: r.payload for body in bodies for r in RECORDS[self.stream.source](body)}
        root, shop, now = LISTINGS[self.stream.key].root, Shop(world), ceil(self.clock.now().timestamp())
        nodes = [shop.node(root, place, now) for at, place in shop.changes(root, now) if at in window(since, end)]
        return {node["id"]: node for node in nodes}


def _differences(expected: Records, here: Records) -> Iterator[str]:
    for key in sorted(expected.keys() | here.keys()):
        if key not in here:
            yield f"{key} is missing"
        elif key not in expected:
            yield f"{key} should not be here"
        elif expected[key] != here[key]:
            yield f"{key} says something else"
