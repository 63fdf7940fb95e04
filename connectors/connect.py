"""From a credential to the client that it opens, by a table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from connectors.client import Client
from connectors.clock import Clock
from connectors.credentials import (
    Credential,
    Ga4Credential,
    GoogleAdsCredential,
    GoogleLogin,
    MetaCredential,
    ShopifyCredential,
)
from connectors.errors import ConfigError
from connectors.http import Authorizer, Transport
from connectors.oauth.authorizers import Store, for_google, for_shopify
from connectors.oauth.consent import SCOPES
from connectors.oauth.providers import Hosts

APIS = ("shopify", "meta", "google_ads", "ga4", "oauth")
REAL: Hosts = {}
"""Every API at its real host."""

LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class _Way:
    """How an API is reached."""

    clock: Clock
    hosts: Hosts
    transport: Transport | None
    store: Store | None

    def google(self, login: GoogleLogin, api: str) -> Authorizer:
        (scope,) = SCOPES[api]
        return for_google(login, scope, clock=self.clock, hosts=self.hosts, transport=self.transport)

    def to(self, api: str) -> dict[str, Any]:
        """What every client is told."""
        return {"clock": self.clock, "base_url": self.hosts.get(api), "transport": self.transport}


def client(
    credential: Credential,
    *,
    clock: Clock,
    hosts: Hosts = REAL,
    transport: Transport | None = None,
    store: Store | None = None,
) -> Client:
    """The client that the credential opens. `store` keeps a Shopify pair, whose refresh token changes with every use.

    ConfigError for a credential that lacks something, or a host that secrets must not be sent to.
    """
    for api, host in hosts.items():
        _check(api, host)
    return BUILDERS[type(credential)](credential, _Way(clock, hosts, transport, store))


def hosts_below(base: str) -> Hosts:
    """Every API below one base URL, as fake.serving serves them: <base>/shopify, …, <base>/oauth.

    ConfigError for a host that secrets must not be sent to.
    """
    _check("an API", base)
    return {api: f"{base.rstrip('/')}/{api}" for api in APIS}


def _check(api: str, host: str) -> None:
    url = urlsplit(host)
    if not (url.hostname and (url.scheme == "https" or (url.scheme == "http" and url.hostname in LOOPBACK))):
        raise ConfigError(
            f"{api} can't be reached at {url.scheme}://{url.hostname}: secrets go over https, or to this machine "
            "alone. Mend GROWTHOS_APIS, or unset it to reach the real APIs."
        )


def _shopify(credential: ShopifyCredential, way: _Way) -> Client:
    from connectors.shopify.client import ShopifyClient

    authorizer = for_shopify(credential, clock=way.clock, hosts=way.hosts, transport=way.transport, store=way.store)
    return ShopifyClient(credential.shop, authorizer=authorizer, **way.to("shopify"))


def _meta(credential: MetaCredential, way: _Way) -> Client:
    from connectors.meta.client import MetaClient

    return MetaClient(
        access_token=credential.access_token,
        app_secret=credential.app_secret,
        account_ids=credential.account_ids,
        **way.to("meta"),
    )


def _google_ads(credential: GoogleAdsCredential, way: _Way) -> Client:
    from connectors.google_ads.client import GoogleAdsClient

    return GoogleAdsClient(
        authorizer=way.google(credential.login, "google_ads"),
        customer_ids=credential.customer_ids,
        login_customer_id=credential.login_customer_id,
        developer_token=credential.developer_token,
        **way.to("google_ads"),
    )


def _ga4(credential: Ga4Credential, way: _Way) -> Client:
    from connectors.ga4.client import Ga4Client

    return Ga4Client(
        authorizer=way.google(credential.login, "ga4"), property_ids=credential.property_ids, **way.to("ga4")
    )


BUILDERS: Mapping[type[Credential], Callable[[Any, _Way], Client]] = {
    ShopifyCredential: _shopify,
    MetaCredential: _meta,
    GoogleAdsCredential: _google_ads,
    Ga4Credential: _ga4,
}
