"""Who asks: the authorizers of the clients, one for each way in which a credential becomes a token."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

import msgspec

from connectors.clock import Clock
from connectors.credentials import GoogleLogin, ShopifyCredential
from connectors.errors import ConfigError
from connectors.http import Authorizer, Transport
from connectors.oauth.providers import Hosts, google, shopify
from connectors.oauth.token import Token, TokenEndpoint


class Store(Protocol):
    """Where a credential lives that changes by itself: its refresh token is good for one use."""

    def __call__(self, change: Callable[[ShopifyCredential], ShopifyCredential], /) -> ShopifyCredential:
        """Give the credential as it is now to `change` while nobody else may, and store what comes back.

        Returns once it is stored for good, so that no token is used that could still be lost.
        """
        ...


class Fixed:
    """A token that does not change."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def headers(self) -> Mapping[str, str]:
        return self._headers

    def renew(self) -> bool:
        return False


class Renewed:
    """A token that ends: fetched when first needed, anew before its end, and after a refusal.

    `fetch` is given the token that will not do any more, if there was one.
    """

    def __init__(
        self,
        fetch: Callable[[Token | None], Token],
        headers: Callable[[str], Mapping[str, str]],
        clock: Clock,
        token: Token | None = None,
    ) -> None:
        self._fetch = fetch
        self._headers = headers
        self._clock = clock
        self._token = token
        self._turn = threading.Lock()

    def headers(self) -> Mapping[str, str]:
        with self._turn:
            if self._token is None or not self._token.lasts(self._clock.now()):
                self._token = self._fetch(self._token)
            return self._headers(self._token.access)

    def renew(self) -> bool:
        with self._turn:
            self._token = self._fetch(self._token)
            return True


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def shopify_header(token: str) -> dict[str, str]:
    return {"x-shopify-access-token": token}


def for_shopify(
    credential: ShopifyCredential,
    *,
    clock: Clock,
    hosts: Hosts,
    transport: Transport | None = None,
    store: Store | None = None,
) -> Authorizer:
    """The authorizer of a shop: refreshed pair, client-credentials grant or legacy token.

    ConfigError if the credential is none of them, or is a pair and there is nowhere to keep the next one.
    """
    own = {"client_id": credential.client_id or "", "client_secret": credential.client_secret or ""}
    if credential.access_token and not credential.refresh_token:
        return Fixed(shopify_header(credential.access_token))
    if not all(own.values()):
        raise ConfigError(
            f"The credential of {credential.shop} has neither client id and secret nor an access token. Connect the "
            "shop again: `growthos connect shopify`."
        )
    endpoint = TokenEndpoint(shopify(credential.shop, hosts), clock=clock, transport=transport)
    if not credential.refresh_token:
        grant = {"grant_type": "client_credentials", **own}
        return Renewed(lambda _: endpoint.ask(grant), shopify_header, clock)
    if store is None:
        raise ConfigError(
            f"The refresh token of {credential.shop} changes with every use, and there is nowhere to store the next."
        )

    def refreshed(spent: Token | None) -> Token:
        def change(current: ShopifyCredential) -> ShopifyCredential:
            held = _held(current)
            if held and held.lasts(clock.now()) and not (spent and held.access == spent.access):
                return current  # another process was faster
            grant = {"grant_type": "refresh_token", "refresh_token": current.refresh_token or "", **own}
            token = endpoint.ask(grant)
            return replace(
                current,
                access_token=token.access,
                refresh_token=token.refresh or current.refresh_token,
                expires_at=token.expires_at,
            )

        token = _held(store(change))
        assert token  # what was changed has one
        return token

    return Renewed(refreshed, shopify_header, clock, _held(credential))


def _held(credential: ShopifyCredential) -> Token | None:
    return Token(credential.access_token, credential.expires_at) if credential.access_token else None


def for_google(
    login: GoogleLogin,
    scope: str,
    *,
    clock: Clock,
    hosts: Hosts,
    transport: Transport | None = None,
) -> Authorizer:
    """The authorizer of a Google login: a person's refresh token, or a service account that signs for itself.

    ConfigError if the login is neither.
    """
    endpoint = TokenEndpoint(google(hosts), clock=clock, transport=transport)
    if login.service_account:
        account = service_account(login.service_account)
        return Renewed(lambda _: endpoint.ask(_assertion(account, scope, clock)), bearer, clock)
    grant = {
        "grant_type": "refresh_token",
        "refresh_token": login.refresh_token or "",
        "client_id": login.client_id or "",
        "client_secret": login.client_secret or "",
    }
    if not all(grant.values()):
        raise ConfigError(
            "A Google login is either a service account's key file, or client id, client secret and refresh token. "
            "Connect again: `growthos connect google-ads` or `growthos connect ga4`."
        )
    return Renewed(lambda _: endpoint.ask(grant), bearer, clock)


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """A service account's key file."""

    type: Literal["service_account"]
    client_email: str
    private_key: str = field(repr=False)
    private_key_id: str = ""


def service_account(key_file: str) -> ServiceAccount:
    """The key file, decoded; ConfigError, without quoting it, if it is not one."""
    try:
        return msgspec.json.decode(key_file, type=ServiceAccount)
    except msgspec.DecodeError:
        raise ConfigError(
            "This is not a service account's key file. Make one in the Cloud console: IAM & Admin > Service accounts > "
            "Keys > Add key > JSON."
        ) from None


def _assertion(account: ServiceAccount, scope: str, clock: Clock) -> dict[str, str]:
    """The JWT bearer grant (RFC 7523; developers.google.com: OAuth 2.0 for server to server applications)."""
    from joserfc import jwt  # signing is for service accounts alone
    from joserfc.errors import JoseError
    from joserfc.jwk import RSAKey

    now = int(clock.now().timestamp())
    claims = {
        "iss": account.client_email,
        "scope": scope,
        "aud": "https://oauth2.googleapis.com/token",
        "iat": now,
        "exp": now + 3600,
    }
    try:
        key = RSAKey.import_key(account.private_key)
    except (ValueError, JoseError):
        raise ConfigError("The private key in the service account's file is damaged. Make a new key.") from None
    assertion = jwt.encode({"alg": "RS256", "kid": account.private_key_id}, claims, key)
    return {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
