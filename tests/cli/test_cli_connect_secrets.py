"""Secrets that are connected: sealed, never shown, never quoted, and their key rotated."""

import contextlib
import json
import logging
import os
import pty
import re
import sys
import termios
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from cli_apis import ACCESS, APP_SECRET, CLIENT, CREDENTIALS, KEY, NEXT_KEY, REFRESH, Apis, connect_all, google
from cli_command import Command

from connectors.credentials import MetaCredential, ShopifyCredential
from connectors.fake.oauth import CLIENT_ID
from connectors.wire import WireRequest, WireResponse
from warehouse import tenants


def stored(database: str) -> bytes:
    """All that the database holds in the schema ops, as text and as bytes."""
    with psycopg.connect(database) as owner:
        tables = owner.execute("SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'ops'")
        names = [name for (name,) in tables.fetchall()]
        columns = ("t::text", "t.*")
        return repr(
            [owner.execute(f"SELECT {c} FROM {n} t".encode()).fetchall() for n in names for c in columns]
        ).encode()


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
