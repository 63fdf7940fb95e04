"""From a credential to its client, and where its secrets may go."""

from datetime import UTC, datetime
from typing import get_args

import msgspec
import pytest

from connectors.clock import VirtualClock
from connectors.connect import BUILDERS, client, hosts_below
from connectors.credentials import (
    CREDENTIALS,
    Credential,
    Ga4Credential,
    GoogleAdsCredential,
    GoogleLogin,
    MetaCredential,
    ShopifyCredential,
)
from connectors.errors import ConfigError

CLOCK = VirtualClock(datetime(2026, 11, 20, tzinfo=UTC))
LOGIN = GoogleLogin("id", "planted-client-secret", "planted-refresh-token", "planted-service-account")
EXAMPLES: dict[str, Credential] = {
    "shopify": ShopifyCredential("acme", "id", "planted-client-secret", "planted-access-token"),
    "meta": MetaCredential("planted-access-token", "id", "planted-app-secret", ("act_1",)),
    "google_ads": GoogleAdsCredential(
        GoogleLogin("id", "secret", "refresh"), "123-456-7890", ("123-456-7890",), "planted-developer-token"
    ),
    "ga4": Ga4Credential(GoogleLogin("id", "secret", "refresh"), ("123",)),
}


@pytest.mark.parametrize("source", EXAMPLES)
def test_every_credential_opens_the_client_of_its_source(source: str) -> None:
    opened = client(EXAMPLES[source], clock=CLOCK)
    assert opened.source == source
    assert type(EXAMPLES[source]) is CREDENTIALS[source]


def test_no_credential_is_without_a_client() -> None:
    assert set(BUILDERS) == set(CREDENTIALS.values()) == set(get_args(Credential))


@pytest.mark.parametrize("source", EXAMPLES)
def test_a_credential_survives_json(source: str) -> None:
    given = EXAMPLES[source]
    assert msgspec.json.decode(msgspec.json.encode(given), type=CREDENTIALS[source]) == given


def test_no_secret_is_in_a_repr() -> None:
    assert "planted" not in repr(
        [*EXAMPLES.values(), LOGIN, *(client(given, clock=CLOCK) for given in EXAMPLES.values())]
    )


@pytest.mark.parametrize(
    "base", ["http://127.0.0.1:8765", "http://localhost", "http://[::1]:1/", "https://apis.test/x"]
)
def test_hosts_that_secrets_may_go_to(base: str) -> None:
    hosts = hosts_below(base)
    assert hosts["ga4"] == f"{base.rstrip('/')}/ga4"
    assert client(EXAMPLES["meta"], clock=CLOCK, hosts=hosts).source == "meta"


@pytest.mark.parametrize(
    "base",
    [
        "http://example.com",
        "http://127.0.0.1.example.com",
        "http://localhost@example.com",
        "example.com",
        "ftp://127.0.0.1",
    ],
)
def test_hosts_that_secrets_may_not_go_to(base: str) -> None:
    with pytest.raises(ConfigError, match="secrets go over https"):
        hosts_below(base)
    with pytest.raises(ConfigError, match="meta can't be reached"):
        client(EXAMPLES["meta"], clock=CLOCK, hosts={"meta": base})
