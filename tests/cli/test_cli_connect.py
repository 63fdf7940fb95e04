"""`growthos connect`: from options, the environment, a login in the browser or a key file."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from cli_apis import ACCESS, APP_SECRET, CLIENT, REFRESH, Apis
from cli_command import Command
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from connectors.fake.demo import PROPERTY_ID
from connectors.fake.meta import FakeMeta
from connectors.fake.oauth import CLIENT_ID


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


def test_a_secret_that_is_missing_where_nobody_can_be_asked(
    world: Apis, shop: str, growthos: Command, told: Callable[[Any], None]
) -> None:
    done = growthos("connect", "shopify", "-t", shop, "--shop", "my-store", "--client-id", CLIENT_ID)
    assert done.code == 2
    assert "GROWTHOS_SHOPIFY_CLIENT_SECRET" in done.err
    assert growthos("connect", "shopify", "-t", shop, "--shop", "www.brand.com").code == 2
