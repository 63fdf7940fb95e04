"""`growthos connections`: what is stored, whether it works, and what is missing."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from cli_apis import ACCESS, APP_SECRET, CREDENTIALS, Apis, connect_all
from cli_command import Command

from connectors.credentials import MetaCredential
from connectors.fake.demo import PROPERTY_ID
from connectors.wire import WireRequest, WireResponse
from growthos_assets import connections
from warehouse import tenants


def test_from_stdin_to_a_connection_that_works(
    world: Apis, shop: str, growthos: Command, told: Callable[[Any], None]
) -> None:
    said = connect_all(growthos, told, shop)
    assert "Connected shopify/my-store. Next: growthos sync" in said
    listed = growthos("connections", "list", "-t", shop, "--format", "json").document
    assert [(one["source"], one["name"], one["status"]) for one in listed["connections"]] == [
        ("ga4", "default", "working"),
        ("google_ads", "default", "working"),
        ("meta", "default", "working"),
        ("shopify", "my-store", "working"),
    ]
    tested = growthos("connections", "test", "-t", shop)
    assert tested.code == 0
    assert "shopify/my-store" in tested.out
    assert re.search("✓ scopes: .*ads_read", tested.out)
    assert "✗" not in tested.out
    for source in ("meta", "google-ads"):
        assert growthos("connections", "forget", source, "-t", shop, "--yes").code == 0
    assert "meta" not in growthos("connections", "list", "-t", shop).out


def test_what_is_missing_is_said_with_its_fix_and_stored_all_the_same(
    world: Apis, shop: str, growthos: Command, told: Callable[[Any], None]
) -> None:
    world.meta.scopes = ["business_management"]
    told(CREDENTIALS["meta"])
    done = growthos("connect", "meta", "-t", shop, "--from-stdin")
    assert done.code == 1
    assert "✗ scopes: The token lacks the scope ads_read." in done.out
    tested = growthos("connections", "test", "-t", shop, "--format", "json")
    assert tested.code == 1
    (connection,) = tested.document["connections"]
    (failed,) = [finding for finding in connection["findings"] if finding["passed"] is False]
    assert failed["name"] == "scopes"
    (listed,) = growthos("connections", "list", "-t", shop, "--format", "json").document["connections"]
    assert listed["status"] == "failing"

    world.meta.scopes = ["ads_read"]
    assert growthos("connections", "test", "-t", shop).code == 0
    (listed,) = growthos("connections", "list", "-t", shop, "--format", "json").document["connections"]
    assert listed["status"] == "working"


def test_no_account_is_read_by_two_connections(
    world: Apis, shop: str, growthos: Command, told: Callable[[Any], None]
) -> None:
    connect_all(growthos, told, shop)
    before = growthos("connections", "list", "-t", shop, "--format", "json").document
    for source, account, instead in (
        ("shopify", "my-store.myshopify.com by shopify/my-store", "connect with --name my-store."),
        ("meta", r"\(\S+\) by meta/default", "--name default. .* name them with --account."),
        ("ga4", rf"\({PROPERTY_ID}\) by ga4/default", "--name default. .* name them with --property."),
    ):
        told(CREDENTIALS[source])
        done = growthos("connect", source, "-t", shop, "--name", "again", "--from-stdin")
        assert done.code == 2
        assert re.search(f"Read already: .*{account}.*{instead}", " ".join(done.err.replace("│", " ").split()))
    assert growthos("connections", "list", "-t", shop, "--format", "json").document == before

    connections.Trial(shop, "meta", "again", MetaCredential(ACCESS, app_secret=APP_SECRET)).save("working")
    tested = growthos("connections", "test", "-t", shop)
    assert tested.code == 1
    assert re.search(
        r"meta/again\n(  .*\n)*  ✗ once: .* is pulled twice, since meta/default reads it, too. Forget one:", tested.out
    )
    assert growthos("connections", "forget", "meta", "-t", shop, "--name", "again", "--yes").code == 0
    connect_all(growthos, told, shop)  # each replaces itself


def test_one_connection_that_is_refused_does_not_hide_the_others(
    world: Apis, shop: str, growthos: Command, told: Callable[[Any], None]
) -> None:
    connect_all(growthos, told, shop)
    world.oauth.client_secret = "rotated-by-somebody"
    tested = growthos("connections", "test", "-t", shop)
    assert tested.code == 1
    assert "client id and secret do not belong together" in tested.out
    assert "✓ scopes" in tested.out


def test_a_demo_tenant_needs_no_connection(world: Apis, warehouse_url: str, growthos: Command) -> None:
    if tenants.find("demo-shop") is None:
        tenants.create(tenants.Tenant("demo-shop", "Demo", is_demo=True))
    for command in ("list", "test"):
        done = growthos("connections", command, "-t", "demo-shop")
        assert done.code == 0
        assert "in-process fakes" in done.out
    done = growthos("connect", "meta", "-t", "demo-shop")
    assert done.code == 2
    assert "growthos tenant create" in done.err
    assert growthos("connections", "list", "-t", "nobody").code == 2


def test_two_processes_that_refresh_at_once_lose_no_pair(
    world: Apis, shop: str, growthos: Command, told: Callable[[Any], None]
) -> None:
    """A refresh token is good for one use: one process uses it, the other takes over what it was given."""
    pair = {
        **CREDENTIALS["shopify"],
        "access_token": "planted-expired-token",
        "refresh_token": world.oauth.refresh_token(),
        "expires_at": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
    }
    told(pair)
    assert growthos("connect", "shopify", "-t", shop, "--from-stdin").code == 0
    expire(shop)

    def slow(request: WireRequest) -> WireResponse:
        time.sleep(0.3)  # both are there before the first has its answer
        return world.oauth(request)

    world.apps["oauth"] = slow
    code = (
        "import sys; from growthos_assets import connections; "
        "client = connections.client(sys.argv[1], 'shopify', 'my-store'); "
        "print('ready', flush=True); sys.stdin.readline(); print(len(client.accounts()))"
    )
    command = [sys.executable, "-c", code, shop]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin
        assert other.stdout
        here = connections.client(shop, "shopify", "my-store")
        assert other.stdout.readline() == "ready\n"
        other.stdin.write("go\n")
        other.stdin.flush()
        assert len(here.accounts()) == 1
        assert other.communicate(timeout=60)[0] == "1\n"
    assert sum("access_token" in request.path for request in world.asked) == 1
    expire(shop)
    assert growthos("connections", "test", "-t", shop).code == 0  # the chain goes on


def expire(tenant_id: str) -> None:
    """Let an hour pass for the stored pair."""
    from growthos_assets.loading import warehouse
    from warehouse import credentials

    def to(content: bytes) -> bytes:
        return json.dumps(json.loads(content) | {"expires_at": "2026-01-01T00:00:00Z"}).encode()

    credentials.change(warehouse(), tenant_id, "shopify", "my-store", to)
