"""Planted secrets: APIs that quote whatever they are sent, in every kind of refusal, and nowhere is any of it read.

Whole runs on the real instance, and every command that asks an API. Then everything that anybody can read is searched:
what was printed and logged, Dagster's database and ours, the files that were left.
"""

import base64
import contextlib
import itertools
import json
import logging
import os
import random
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

import polars as pl
import psycopg
import pytest
from cli_command import Command
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from connectors.clock import VirtualClock
from connectors.credentials import (
    Credential,
    Ga4Credential,
    GoogleAdsCredential,
    GoogleLogin,
    MetaCredential,
    ShopifyCredential,
)
from connectors.demo import DemoSource
from connectors.fake.demo import PROPERTY_ID, SHOP, apis
from connectors.fake.meta import FakeMeta
from connectors.fake.serving import serving
from connectors.wire import App, WireRequest, WireResponse
from growthos_assets import connections, resources
from growthos_assets.alerts import delivery
from growthos_assets.loading import warehouse
from kpis.alerts.records import EVENTS
from warehouse import alert_states, proofs, tenants
from warehouse.credentials import CHANNELS

READABLE = 12
"""So many characters of a secret in a row are a leak."""
WORD = re.compile(rb"[\w+/=%%\\.-]{%d,}" % READABLE)


def planted(name: str) -> str:
    """A secret with all that a URL, a form and JSON spell in their own ways."""
    dice = random.Random(name)
    return f"{dice.randbytes(12).hex()}/{dice.randbytes(6).hex()}+{dice.randbytes(6).hex()}=="


def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


KEY = private_key()
BOT = json.dumps({"type": "service_account", "client_email": "bot@acme.iam", "private_key": KEY})
PAIR = ShopifyCredential(
    SHOP, "app", planted("shopify-client"), planted("shopify-token"), planted("shopify-refresh"), DemoSource().now
)
META = MetaCredential(planted("meta-token"), None, planted("meta-app"))
PERSON = GoogleLogin("app", planted("google-client"), planted("google-refresh"))
CREDENTIALS: Mapping[str, Credential] = {
    "shopify": PAIR,
    "meta": META,
    "google_ads": GoogleAdsCredential(PERSON, developer_token=planted("google-developer")),
    "ga4": Ga4Credential(GoogleLogin(service_account=BOT), (PROPERTY_ID,)),
}
SECRETS = {
    *(word for word in (PAIR.client_secret, PAIR.access_token, PAIR.refresh_token) if word),
    *(word for word in (META.access_token, META.app_secret) if word),
    *(word for word in (PERSON.client_secret, PERSON.refresh_token, planted("google-developer")) if word),
    *KEY.splitlines()[2:-2],
}
PARSED = {"created_time", "createdAt", "count", "value", "expires_in"}
"""What is read as an instant or a number, and complained of if it is none. A name would be shown as it is told."""


class Quoting:
    """The APIs' token endpoint, and what each API says when it quotes what it is sent."""

    def __init__(self) -> None:
        self.sent: set[str] = set()
        self.ways: dict[str, set[str]] = {}
        self._tokens = 0

    def over(self, name: str, app: App) -> App:
        """The app, which quotes what it is sent a quarter of the time, in every way in turn; `ways` notes them down."""
        dice, turn = random.Random(name), itertools.cycle(self.faults.items())
        ways = self.ways.setdefault(name, set())

        def answer(request: WireRequest) -> WireResponse:
            if dice.random() < 0.75:
                return app(request)
            way, fault = next(turn)
            ways.add(way)
            return fault(app, request, dice)

        return answer

    def tokens(self, request: WireRequest) -> WireResponse:
        """A new token, and a new refresh token, each of them a secret too."""
        self._tokens += 1
        access, refresh = planted(f"issued-access-{self._tokens}"), planted(f"issued-refresh-{self._tokens}")
        self.sent |= {access, refresh}
        body = {"access_token": access, "refresh_token": refresh, "expires_in": 3600}
        return WireResponse(200, json.dumps(body).encode())

    def words(self, request: WireRequest) -> list[str]:
        """All that a request says in confidence, in every spelling."""
        form = dict(parse_qsl(request.body.decode())) if b"=" in request.body[:80] else {}
        said = [
            request.headers.get(name, "") for name in ("authorization", "x-shopify-access-token", "developer-token")
        ]
        said += [value for name, value in {**request.query, **form}.items() if SECRET_FIELDS.search(name)]
        said = [word for each in said for word in each.split() if len(word) > READABLE]
        self.sent.update(said)
        return [
            *said,
            *(quote(word, safe="") for word in said),
            *(word.replace("/", r"\/") for word in said),
            *(base64.b64encode(word.encode()).decode() for word in said),
            request.body.decode(),
        ]

    def quoted(self, request: WireRequest, dice: random.Random) -> str:
        """All of that, so placed that an excerpt ends anywhere in it."""
        words = self.words(request)
        dice.shuffle(words)
        return f"{'x ' * dice.randrange(100)}{' '.join(words)}"

    def refused(self, app: App, request: WireRequest, dice: random.Random) -> WireResponse:
        said = self.quoted(request, dice)
        status = dice.choice([400, 401, 403, 404, 429, 500, 418])
        code = dice.choice([190, 10, 100, 1, 17, 31337])
        told: Any = {"message": said, "code": code, "status": dice.choice(["PERMISSION_DENIED", "NEVER_HEARD_OF"])}
        body = {"error": told, "errors": dice.choice([said, [{"message": said}]])}
        if "oauth" in request.path or "token" in request.path:
            body = {"error": dice.choice(["invalid_grant", "never_heard_of"]), "error_description": said}
        return WireResponse(status, json.dumps(body).encode())

    def led_away(self, app: App, request: WireRequest, dice: random.Random) -> WireResponse:
        to = f"https://elsewhere.example.com/login?token={quote(self.quoted(request, dice), safe='')}"
        return WireResponse(dice.choice([301, 302, 307]), b"", {"location": to})

    def page(self, app: App, request: WireRequest, dice: random.Random) -> WireResponse:
        said = f"<html>Oauth error never_heard_of: {self.quoted(request, dice)}</html>".encode()
        return WireResponse(dice.choice([200, 403, 404, 503]), said, {"content-type": "text/html"})

    def odd(self, app: App, request: WireRequest, dice: random.Random) -> WireResponse:
        """An answer of which some values are not what they are read as. What is landed as it comes is left alone."""
        answer = app(request)
        records = b"updatedAt" in answer.body or b"campaign" in answer.body or b"requestedDate" in answer.body
        if records or request.path.endswith(":batchRunReports") or answer.status != 200:
            return answer
        said = self.quoted(request, dice)

        def spoilt(node: Any, name: str = "") -> Any:
            match node:
                case dict():
                    return {key: spoilt(value, key) for key, value in node.items()}
                case list():
                    return [spoilt(value) for value in node]
                case _:
                    return said if name in PARSED else node

        return replace(answer, body=json.dumps(spoilt(json.loads(answer.body))).encode())

    @property
    def faults(self) -> Mapping[str, Any]:
        return {"refused": self.refused, "led away": self.led_away, "a page": self.page, "odd": self.odd}


SECRET_FIELDS = re.compile("secret|token|assertion|proof|code")


class Receiver:
    """Where alerts go: it quotes its own address and all that it is sent, in every kind of refusal."""

    def __init__(self) -> None:
        self._statuses = itertools.cycle([500, 302, 404, 410, 400])

    def __call__(self, request: WireRequest) -> WireResponse:
        said = f"{request.path}?{request.query} {dict(request.headers)}"
        headers = {"location": f"https://elsewhere.example.com{request.path}"}
        return WireResponse(next(self._statuses), said.encode(), headers)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> VirtualClock:
    clock = VirtualClock(DemoSource().now)
    for module in (connections, resources):
        monkeypatch.setattr(module, "SystemClock", lambda: clock)
    return clock


@pytest.fixture
def quoting(clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Quoting]:
    """The APIs of a small brand, each of which quotes what it is sent now and then."""
    quoting, world = Quoting(), DemoSource(days=4).world
    assert META.app_secret
    fakes: dict[str, App] = {
        **apis(world, clock),
        "meta": FakeMeta(world, clock, access_token=META.access_token, app_secret=META.app_secret),
        "oauth": quoting.tokens,
    }
    receiver = dict.fromkeys(CHANNELS, Receiver())
    with serving({**{name: quoting.over(name, app) for name, app in fakes.items()}, **receiver}) as base:
        monkeypatch.setenv("GROWTHOS_APIS", base)
        monkeypatch.setenv("GROWTHOS_ENCRYPTION_KEY", base64.b64encode(b"k" * 32).decode())
        yield quoting


def test_no_secret_is_readable_anywhere(
    database: str,
    quoting: Quoting,
    clock: VirtualClock,
    growthos: Command,
    told: Callable[[Any], None],
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.DEBUG)
    warehouse()
    tenants.create(tenants.Tenant("shop", "Shop"))
    seen: list[bytes] = []

    def run(*arguments: str) -> int:
        done = growthos(*arguments, "--tenant", "shop")
        seen.append(f"{done.out}\n{done.err}".encode())
        clock.sleep(timedelta(days=1).total_seconds())  # whoever asked to wait has waited
        return done.code

    for source, credential in CREDENTIALS.items():
        for _ in range(20):  # until it is let through
            told(credential)
            run("connect", source.replace("_", "-"), "--from-stdin")
            if source in {stored.source for stored in connections.everything("shop")}:
                break
    assert {stored.source for stored in connections.everything("shop")} == set(CREDENTIALS)
    run("run")
    run("sync")
    run("slices", "--limit", "1000")
    issued = deliver(run)
    for _ in range(30):  # until every API has quoted in every way
        run("connections", "test")
        if all(ways == quoting.faults.keys() for ways in quoting.ways.values()):
            break
    else:
        pytest.fail(f"not every API has quoted in every way: {quoting.ways}")
    run("connections", "test", "--format", "json")
    kinds = set(proofs.history(warehouse(), "shop", 10_000, "failed")["error_kind"])
    assert {"auth", "permission", "bug"} <= kinds

    seen.append(caplog.text.encode())
    seen += [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    seen += rows(database)
    dagsters = rows(f"{database}_dagster" if "?" not in database else database.replace("?", "_dagster?", 1))
    assert any(b"could not be read" in row or b"refused" in row.lower() for row in dagsters), (
        "the event log tells of it"
    )
    seen += dagsters
    assert leaks(SECRETS | quoting.sent | issued, seen) == []


def deliver(run: Callable[..., int]) -> set[str]:
    """Alerts are told to a webhook and to Slack, which refuse them; the secrets of both."""
    made = set[str]()
    for channel in CHANNELS:
        path = planted(f"address-of-{channel}")
        address = f"{os.environ['GROWTHOS_APIS']}/{channel}/{path}?key={planted(f'key-of-{channel}')}"
        secret = delivery.add("shop", channel, "default", address)  # as the command does, which shows it once
        made |= {path, planted(f"key-of-{channel}"), *([secret] if secret else [])}
    now = datetime.now(UTC)
    event = {"fingerprint": "f", "window_end": now.date(), "kind": "fired", "alert_id": "cac_increase"}
    event |= {"severity": "warning", "message": "It is high.", "created_at": now, "at_stake": None, "sent_at": None}
    alert_states.record(warehouse(), "shop", {}, pl.DataFrame([event], schema=EVENTS))
    for hours in range(0, 50, 10):
        delivery.deliver("shop", now + timedelta(hours=hours), logging.getLogger())
        run("alerts", "destination", "test")
    run("alerts", "destination", "list")
    run("alerts", "deliveries")
    return made


def rows(url: str) -> Iterator[bytes]:
    """Every row of every table as text, and all that is packed inside."""
    with psycopg.connect(url) as owner:
        tables = owner.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for (table,) in tables:
            for row in owner.execute(f"SELECT t::text, t.* FROM {table} t".encode()).fetchall():
                for value in row:
                    yield str(value).encode()
                    if isinstance(value, bytes):
                        yield value
                        with contextlib.suppress(zlib.error):
                            yield zlib.decompress(value)


def leaks(secrets: set[str], seen: list[bytes]) -> list[bytes]:
    """Where any part of a secret can be read, in any spelling."""
    spelled = {
        spelling
        for secret in secrets
        for spelling in (
            secret,
            quote(secret, safe=""),
            secret.replace("/", r"\/"),
            base64.b64encode(secret.encode()).decode(),
            secret.encode().hex(),
        )
    }
    parts = {word[at : at + READABLE].lower().encode() for word in spelled for at in range(len(word) - READABLE + 1)}
    words = {word for text in seen for word in WORD.findall(text.lower())}
    return [word for word in words if any(word[at : at + READABLE] in parts for at in range(len(word) - READABLE + 1))]
