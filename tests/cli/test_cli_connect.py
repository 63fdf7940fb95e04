"""`growthos connect`, `connections` and `key`, against the fakes of all four APIs and their logins, on a socket."""

import base64
import contextlib
import json
import logging
import os
import pty
import re
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2 as httpx
import psycopg
import pytest
from cli_command import Command
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from connectors.clock import SystemClock
from connectors.credentials import MetaCredential, ShopifyCredential
from connectors.demo import DemoSource
from connectors.fake.demo import PROPERTY_ID, apis
from connectors.fake.meta import FakeMeta
from connectors.fake.oauth import CLIENT_ID, FakeOAuth, Refresh
from connectors.fake.serving import serving
from connectors.wire import App, WireRequest, WireResponse
from growthos_assets import connections
from warehouse import tenants

KEY, NEXT_KEY = (base64.b64encode(bytes([letter]) * 32).decode() for letter in b"kn")
ACCESS, APP_SECRET, REFRESH = "planted-access-token", "planted-app-secret", "planted-refresh-token"
CLIENT = "planted-client-secret"


class Apis:
    """The fakes that are served, each of which a test may replace, and what they were asked."""

    def __init__(self) -> None:
        self.clock = SystemClock()
        self.world = DemoSource(days=2).world
        self.base = ""
        self.asked: list[WireRequest] = []
        self.apps: dict[str, App] = {}
        self.renew()

    def renew(self) -> None:
        """Fresh fakes, whose secrets are the planted ones."""
        self.asked.clear()
        self.apps.update(apis(self.world, self.clock, self.base))
        self.oauth = FakeOAuth(self.clock, client_secret=CLIENT)
        self.oauth.refreshes[REFRESH] = Refresh()
        self.meta = FakeMeta(self.world, self.clock, access_token=ACCESS, app_secret=APP_SECRET)
        self.apps |= {"oauth": self.oauth, "meta": self.meta}

    def named(self, name: str) -> App:
        """Whatever is that API at the moment."""

        def answer(request: WireRequest) -> WireResponse:
            self.asked.append(request)
            return self.apps[name](request)

        return answer


@pytest.fixture(scope="module")
def served() -> Iterator[Apis]:
    made = Apis()
    with serving({name: made.named(name) for name in made.apps}) as base:
        made.base = base
        yield made


@pytest.fixture
def world(served: Apis, monkeypatch: pytest.MonkeyPatch) -> Apis:
    served.renew()
    monkeypatch.setenv("GROWTHOS_APIS", served.base)
    monkeypatch.setenv("GROWTHOS_ENCRYPTION_KEY", KEY)
    return served


def google(secret: str = CLIENT) -> dict[str, str]:
    return {"client_id": CLIENT_ID, "client_secret": secret, "refresh_token": REFRESH}


CREDENTIALS: dict[str, dict[str, Any]] = {
    "shopify": {"shop": "https://my-store.myshopify.com/admin", "client_id": CLIENT_ID, "client_secret": CLIENT},
    "meta": {"access_token": ACCESS, "app_secret": APP_SECRET},
    "google-ads": {"login": google(), "developer_token": "planted-developer-token"},
    "ga4": {"login": google(), "property_ids": [PROPERTY_ID]},
}
"""Every secret field is filled with something planted."""


def connect_all(growthos: Command, told: Callable[[Any], None], shop: str) -> str:
    said = ""
    for command, credential in CREDENTIALS.items():
        told(credential)
        done = growthos("connect", command, "-t", shop, "--from-stdin")
        assert done.code == 0, done.err + done.out
        said += done.out + done.err
    return said


def stored(database: str) -> bytes:
    """All that the database holds in the schema ops, as text and as bytes."""
    with psycopg.connect(database) as owner:
        tables = owner.execute("SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'ops'")
        names = [name for (name,) in tables.fetchall()]
        columns = ("t::text", "t.*")
        return repr(
            [owner.execute(f"SELECT {c} FROM {n} t".encode()).fetchall() for n in names for c in columns]
        ).encode()


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


def test_values_from_options_and_the_environment(
    world: Apis, shop: str, growthos: Command, told: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROWTHOS_SHOPIFY_CLIENT_SECRET", CLIENT)
    monkeypatch.setenv("GROWTHOS_META_ACCESS_TOKEN", ACCESS)
    monkeypatch.setenv("GROWTHOS_META_APP_SECRET", APP_SECRET)
    monkeypatch.setenv("GROWTHOS_GOOGLE_CLIENT_ID", CLIENT_ID)
    monkeypatch.setenv("GROWTHOS_GOOGLE_CLIENT_SECRET", CLIENT)
    monkeypatch.setenv("GROWTHOS_GOOGLE_REFRESH_TOKEN", REFRESH)
    for command in (
        ["shopify", "--shop", "my-store", "--client-id", CLIENT_ID, "--name", "eu"],
        ["meta"],
        ["google-ads", "--customer", "420-420-4200", "--manager", "420-420-4211"],
        ["ga4", "--property", PROPERTY_ID],
    ):
        done = growthos("connect", *command, "-t", shop)
        assert done.code == 0, done.err + done.out
    listed = growthos("connections", "list", "-t", shop, "--format", "json").document["connections"]
    assert [one["name"] for one in listed] == ["default", "default", "default", "eu"]


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A browser in which a person consents at once; the addresses that it was sent to."""
    opened: list[str] = []

    def browse(url: str) -> None:
        httpx.get(url, follow_redirects=True, trust_env=False)

    def open_(url: str) -> bool:
        opened.append(url)
        threading.Thread(target=browse, args=(url,), daemon=True).start()
        return True

    monkeypatch.setattr("webbrowser.open", open_)
    return opened


@pytest.mark.parametrize(
    "command",
    [
        ["shopify", "--shop", "my-store", "--grant", "login"],
        ["meta", "--login"],
        ["google-ads"],
        ["ga4", "--property", PROPERTY_ID],
    ],
    ids=lambda command: command[0],
)
def test_a_login_in_the_browser(
    world: Apis, shop: str, growthos: Command, told: Callable[[Any], None], browser: list[str],
    command: list[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    world.apps["meta"] = FakeMeta(
        world.world, world.clock, access_token="fake-access-token-0003", app_secret=CLIENT
    )  # after the code and the short-lived one
    for name in ("SHOPIFY_CLIENT_SECRET", "META_APP_SECRET", "GOOGLE_CLIENT_SECRET"):
        monkeypatch.setenv(f"GROWTHOS_{name}", CLIENT)
    done = growthos("connect", *command, "-t", shop, "--client-id", CLIENT_ID, "--port", "0")
    assert done.code == 0, done.err + done.out
    assert browser[0] in done.err  # for a machine without a browser
    assert growthos("connections", "test", "-t", shop).code == 0


def test_a_service_account(
    world: Apis, shop: str, growthos: Command, told: Callable[[Any], None], tmp_path: Path
) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    world.oauth.service_accounts = {"bot@acme.iam": public}
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    file = tmp_path / "key.json"
    file.write_text(json.dumps({"type": "service_account", "client_email": "bot@acme.iam", "private_key": private}))
    done = growthos("connect", "ga4", "-t", shop, "--property", PROPERTY_ID, "--service-account", str(file))
    assert done.code == 0, done.err + done.out
    file.write_text("{}")
    done = growthos("connect", "ga4", "-t", shop, "--property", PROPERTY_ID, "--service-account", str(file))
    assert done.code == 2
    assert "not a service account's key file" in done.err


def test_a_login_that_nobody_answers(
    world: Apis, shop: str, growthos: Command, told: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROWTHOS_GOOGLE_CLIENT_SECRET", CLIENT)
    done = growthos("connect", "google-ads", "-t", shop, "--client-id", CLIENT_ID, "--no-browser", "--timeout", "1")
    assert done.code == 2
    assert "Nobody gave consent within 1 seconds" in done.err
    assert "accounts.google.com" in done.err


@pytest.mark.parametrize(
    ("command", "credential", "says"),
    [
        ("meta", {"access_token": "planted-and-expired"}, "meta was not connected"),
        ("shopify", CREDENTIALS["shopify"] | {"client_secret": "planted-and-wrong"}, "client id and secret do not"),
        ("ga4", {"login": google("planted-and-wrong"), "property_ids": ["1"]}, "client id and secret do not"),
        ("google-ads", {"login": google() | {"refresh_token": "planted-revoked"}}, "the refresh token is revoked"),
    ],
)
def test_what_an_api_refuses_is_not_stored(
    world: Apis, shop: str, growthos: Command, told: Callable[[Any], None], command: str, credential: Any, says: str
) -> None:
    connect_all(growthos, told, shop)
    before = growthos("connections", "list", "-t", shop, "--format", "json").document
    told(credential)
    done = growthos("connect", command, "-t", shop, "--from-stdin")
    assert done.code == 1
    assert says in done.err
    assert "planted" not in done.err + done.out
    assert growthos("connections", "list", "-t", shop, "--format", "json").document == before


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


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ("", "malformed|truncated"),
        ("planted not json", "malformed"),
        ({"access_token": "planted-token", "planted_field": 1}, "there is no planted_field"),
        ({"app_id": "planted-app"}, "missing required field `access_token`"),
        ({"access_token": 7}, "Expected `str`, got `int`"),
    ],
)
def test_a_document_that_is_no_credential_is_not_quoted(
    world: Apis, shop: str, growthos: Command, told: Callable[[Any], None], document: Any, says: str
) -> None:
    told(document)
    done = growthos("connect", "meta", "-t", shop, "--from-stdin")
    assert done.code == 2
    said = " ".join(done.err.replace("│", " ").split())
    assert re.search(says, said)
    assert "planted-" not in said.replace("planted_field", "")
    assert world.asked == []


def test_a_secret_that_is_missing_where_nobody_can_be_asked(
    world: Apis, shop: str, growthos: Command, told: Callable[[Any], None]
) -> None:
    done = growthos("connect", "shopify", "-t", shop, "--shop", "my-store", "--client-id", CLIENT_ID)
    assert done.code == 2
    assert "GROWTHOS_SHOPIFY_CLIENT_SECRET" in done.err
    assert growthos("connect", "shopify", "-t", shop, "--shop", "www.brand.com").code == 2


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


def test_secrets_are_not_sent_in_clear_over_the_network(
    world: Apis, shop: str, growthos: Command, told: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROWTHOS_APIS", "http://apis.example.com")
    monkeypatch.setenv("GROWTHOS_META_APP_SECRET", APP_SECRET)
    told(CREDENTIALS["meta"])
    for way in ("--from-stdin", "--login"):
        done = growthos("connect", "meta", "-t", shop, way, "--client-id", CLIENT_ID)
        assert done.code == 2
        assert "secrets go over https" in done.err


def test_without_a_key_nothing_is_stored_in_production(
    world: Apis, shop: str, growthos: Command, told: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GROWTHOS_ENCRYPTION_KEY")
    monkeypatch.setenv("DEMO_MODE", "false")
    told(CREDENTIALS["meta"])
    done = growthos("connect", "meta", "-t", shop, "--from-stdin")
    assert done.code == 2
    assert "GROWTHOS_ENCRYPTION_KEY is not set, and DEMO_MODE is off. Make a key" in done.err
    assert done.out == "", "nobody is asked for anything first"


def test_no_secret_is_ever_shown(
    world: Apis, shop: str, growthos: Command, told: Callable[[Any], None], warehouse_url: str,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """Not in what commands print, well or ill; nor in logs, URLs, reprs, or the database."""
    caplog.set_level(logging.DEBUG)
    said = connect_all(growthos, told, shop)
    for command in ("list", "test"):
        for format in ("table", "json"):
            done = growthos("connections", command, "-t", shop, "--format", format)
            said += done.out + done.err

    def quoting(request: WireRequest) -> WireResponse:
        error = {"message": repr(request), "type": "OAuthException", "code": 190}
        return WireResponse(401, json.dumps({"error": error, "errors": repr(request)}).encode())

    world.apps |= {"meta": quoting, "ga4": quoting, "shopify": quoting, "google_ads": quoting}
    done = growthos("connections", "test", "-t", shop)
    assert done.code == 1
    assert done.out.count("✗") >= 4
    said += done.out + done.err
    held = stored(warehouse_url)
    assert b"my-store" in held
    urls = " ".join(f"{request.path} {dict(request.query)}" for request in world.asked)
    reprs = repr([ShopifyCredential("s", "i", CLIENT, ACCESS, REFRESH), MetaCredential(ACCESS, None, APP_SECRET)])
    for place in (said, caplog.text, held.decode(), urls, reprs):
        assert "planted" not in place
    for secret in (ACCESS, APP_SECRET, REFRESH, CLIENT):
        assert secret.encode().hex() not in held.decode()


def test_a_key_is_rotated_and_the_old_one_can_go(
    world: Apis, shop: str, growthos: Command, told: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch,
    database: str,
) -> None:  # fmt: skip
    """In a database of its own: what is rotated is every tenant's."""
    tenants.create(tenants.Tenant("acme", "Acme"))
    connect_all(growthos, told, "acme")
    monkeypatch.setenv("GROWTHOS_ENCRYPTION_KEY", f"{NEXT_KEY},{KEY}")
    done = growthos("key", "rotate")
    assert done.code == 0
    assert "5 secrets, 5 of them moved" in done.out
    again = growthos("key", "rotate", "--format", "json").document
    assert (again["secrets"], again["resealed"]) == (5, 0)
    monkeypatch.setenv("GROWTHOS_ENCRYPTION_KEY", NEXT_KEY)
    assert growthos("connections", "test", "-t", "acme").code == 0
    assert again["key_id"] in growthos("connections", "list", "-t", "acme").out
    monkeypatch.setenv("GROWTHOS_ENCRYPTION_KEY", KEY)
    done = growthos("connections", "test", "-t", "acme")
    assert done.code == 1
    assert "Add that key behind the current one" in done.out


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


def echoes(terminal: int) -> bool:
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)


def test_a_person_is_asked_and_what_they_type_is_not_echoed(world: Apis, shop: str) -> None:
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-m", "growthos_assets.cli", "connect", "shopify", "-t", shop])
    answers = [("Shop", "my-store"), ("Client id", CLIENT_ID), ("Client secret", CLIENT)]
    seen = b""
    with contextlib.suppress(OSError):  # the child is gone, and its terminal with it
        while chunk := os.read(terminal, 1024):
            seen += chunk
            if answers and answers[0][0].encode() in seen:
                while answers[0][0] == "Client secret" and echoes(terminal):
                    time.sleep(0.01)  # what is typed before is thrown away
                os.write(terminal, f"{answers.pop(0)[1]}\n".encode())
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, seen.decode()
    assert b"my-store" in seen
    assert b"Connected shopify/my-store" in seen
    assert CLIENT.encode() not in seen
