"""Storms through the whole engine: real clients, the ledger, the database; and a process that is killed for real."""

import os
import signal
import subprocess
import sys
from threading import Event
from typing import Any

import pytest
from graph_shop import open_shop

from bench.fault_storms import APIS, BRAND, short, storm
from bench.storm_book import Book
from connectors.clock import VirtualClock
from connectors.fake.demo import SHOP
from connectors.fake.serving import serving
from connectors.fake.shopify import FakeShopify
from connectors.http import in_process
from connectors.oauth.authorizers import Fixed, shopify_header
from connectors.shopify.client import ShopifyClient
from connectors.source import STREAMS
from connectors.wire import WireRequest, WireResponse
from growthos_assets.loading import warehouse
from growthos_assets.raw.syncing import Synced, sync
from warehouse import proofs, tenants

ORDERS = STREAMS["shopify/orders"]
FAULTS = 25
"""At least so many in a source's storms: else they are none."""


@pytest.mark.parametrize("source", APIS)
def test_after_a_storm_what_is_verified_is_here_and_right_and_after_a_calm_everything(
    database: str, source: str
) -> None:
    faults = 0
    for seed in range(2):
        outcome = storm(source, seed, open_shop(f"storm-{seed}", keep_pii=True), socket=seed == 1)
        assert outcome.wrong == []
        assert outcome.records > 0
        faults += outcome.faults.total()
    assert faults > FAULTS


SYNC = "import sys; from test_graph_storms import pull; pull(base_url=sys.argv[1])"


def pull(**to: Any) -> Synced:
    """Sync the shop's orders, a few days a slice."""
    clock = VirtualClock(BRAND.now)
    client = short(ShopifyClient(SHOP, authorizer=Fixed(shopify_header("token")), clock=clock, **to))
    return sync(warehouse(), tenants.get("shop"), client, clock, ORDERS, connection="shop", seen_at=clock.now)


def test_a_process_that_is_killed_in_the_middle_of_a_slice_leaves_nothing_half(database: str) -> None:
    clock = VirtualClock(BRAND.now)
    fake = FakeShopify(BRAND.world, clock)
    fake.max_cost = 200  # so that a slice has many pages
    reached, go_on = Event(), Event()
    pages = 0

    def stuck(request: WireRequest) -> WireResponse:
        nonlocal pages
        pages += b'"operationName":"Orders"' in request.body
        if pages > 8:
            reached.set()
            go_on.wait(60)
        return fake(request)

    book = Book(ORDERS, open_shop("shop", keep_pii=True), [BRAND.world], clock)
    with serving({"shopify": stuck}) as base:
        command = [sys.executable, "-c", SYNC, f"{base}/shopify"]
        with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}) as process:
            assert reached.wait(60)
            os.kill(process.pid, signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
        states = proofs.history(warehouse(), "shop")["state"]
        assert {"verified", "running"} <= set(states) <= {"verified", "running", "planned"}
        assert list(book.check()) == []
        assert list(book.unproven()) != []

        go_on.set()
    assert pull(transport=in_process(fake)).problems == []
    assert [*book.check(), *book.unproven()] == []
    rows = proofs.history(warehouse(), "shop")
    assert rows.filter(rows["state"] != "verified")["error_kind"].to_list() == ["interrupted"]
