"""A person's consent: the page to open, the redirect to check, the code to exchange (RFC 6749, 4.1; RFC 7636)."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from connectors.errors import AuthError
from connectors.oauth.providers import Provider
from connectors.oauth.token import Token, TokenEndpoint

SCOPES: Mapping[str, tuple[str, ...]] = {
    "shopify": ("read_orders", "read_all_orders", "read_customers", "read_products", "read_inventory"),
    "meta": ("ads_read", "business_management"),
    "google_ads": ("https://www.googleapis.com/auth/adwords",),
    "ga4": ("https://www.googleapis.com/auth/analytics.readonly",),
}
"""What each API's client needs to read, and nothing more."""


@dataclass(frozen=True, slots=True)
class Consent:
    """One request for consent. `state` and `verifier` bind the redirect and the code to it."""

    provider: Provider
    client_id: str
    scopes: Sequence[str]
    redirect: str
    state: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(64), repr=False)

    @property
    def url(self) -> str:
        """The page that a person opens."""
        query = {
            "client_id": self.client_id,
            "redirect_uri": self.redirect,
            "response_type": "code",
            "scope": self.provider.scope_separator.join(self.scopes),
            "state": self.state,
            **self.provider.asks,
        }
        if self.provider.pkce:
            digest = hashlib.sha256(self.verifier.encode()).digest()
            query["code_challenge"] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            query["code_challenge_method"] = "S256"
        return f"{self.provider.authorize_url}?{urlencode(query)}"

    def is_ours(self, answer: Mapping[str, str]) -> bool:
        """Whether a redirect's query answers this request, and not one that somebody else has begun."""
        return hmac.compare_digest(answer.get("state", "").encode(), self.state.encode())

    def exchange(self, answer: Mapping[str, str], client_secret: str, endpoint: TokenEndpoint) -> Token:
        """The token for the code of a redirect; AuthError if consent was refused."""
        if "code" not in answer:
            why = answer.get("error_description") or answer.get("error") or "no reason given"
            raise AuthError(f"{self.provider.title} gave no consent: {why}. Connect again, and allow what is asked.")
        form = {
            "grant_type": "authorization_code",
            "code": answer["code"],
            "client_id": self.client_id,
            "client_secret": client_secret,
            "redirect_uri": self.redirect,
            **self.provider.exchanges,
        }
        if self.provider.pkce:
            form["code_verifier"] = self.verifier
        return endpoint.ask(form)


def shopify_signed(answer: Mapping[str, str], client_secret: str) -> bool:
    """Whether a redirect is signed with the app's secret (shopify.dev: verify the HMAC of a callback)."""
    message = "&".join(f"{name}={value}" for name, value in sorted(answer.items()) if name != "hmac")
    signature = hmac.new(client_secret.encode(), message.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(signature.encode(), answer.get("hmac", "").encode())


def meta_long_lived(token: Token, client_id: str, client_secret: str, endpoint: TokenEndpoint) -> Token:
    """About 60 days for a token of an hour or two (developers.facebook.com: long-lived access tokens)."""
    form = {"grant_type": "fb_exchange_token", "client_id": client_id, "client_secret": client_secret}
    return endpoint.ask({**form, "fb_exchange_token": token.access})
