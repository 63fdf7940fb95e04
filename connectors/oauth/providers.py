"""Who gives tokens: the authorization servers of Shopify, Meta and Google."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from connectors.errors import Rule
from connectors.meta import API_VERSION as META_VERSION
from connectors.oauth.errors import GOOGLE, META, SHOPIFY
from connectors.shopify.shop import domain

Hosts = Mapping[str, str]
"""Where an API lives, if not at its real host: shopify, meta, google_ads, ga4, oauth → base URL."""


@dataclass(frozen=True, slots=True)
class Provider:
    """One authorization server. `rules` is its error table, `asks` are parameters of its own on the consent page,
    `exchanges` those for a code's exchange."""

    title: str
    authorize_url: str
    token_url: str
    rules: Mapping[str, Rule]
    pkce: bool = False
    scope_separator: str = " "
    redirect_host: str = "localhost"
    asks: Mapping[str, str] = field(default_factory=dict[str, str])
    exchanges: Mapping[str, str] = field(default_factory=dict[str, str])


def shopify(shop: str, hosts: Hosts) -> Provider:
    """A shop's own authorization server (shopify.dev: authorization code grant, client credentials grant).

    It knows no PKCE, and signs the redirect instead. Tokens that do not expire are for the past. ConfigError for what
    is no shop's name.
    """
    admin = f"https://{domain(shop)}/admin/oauth"
    return Provider(
        title="Shopify",
        authorize_url=_at(f"{admin}/authorize", hosts),
        token_url=_at(f"{admin}/access_token", hosts),
        rules=SHOPIFY,
        scope_separator=",",
        exchanges={"expiring": "1"},
    )


def meta(hosts: Hosts) -> Provider:
    """Meta's login (developers.facebook.com: manually build a login flow)."""
    return Provider(
        title="Meta",
        authorize_url=_at(f"https://www.facebook.com/{META_VERSION}/dialog/oauth", hosts),
        token_url=_at(f"https://graph.facebook.com/{META_VERSION}/oauth/access_token", hosts),
        rules=META,
        scope_separator=",",
    )


def google(hosts: Hosts) -> Provider:
    """Google's login (developers.google.com: OAuth 2.0 for desktop apps), asked so that a refresh token comes along."""
    return Provider(
        title="Google",
        authorize_url=_at("https://accounts.google.com/o/oauth2/v2/auth", hosts),
        token_url=_at("https://oauth2.googleapis.com/token", hosts),
        rules=GOOGLE,
        pkce=True,
        redirect_host="127.0.0.1",
        asks={"access_type": "offline", "prompt": "consent"},
    )


def _at(url: str, hosts: Hosts) -> str:
    """The URL; where the authorization servers live elsewhere, below a folder named as the real host."""
    if "oauth" not in hosts:
        return url
    real = urlsplit(url)
    return f"{hosts['oauth'].rstrip('/')}/{real.netloc}{real.path}"
