"""What a person gives to reach an API. Secrets are kept out of every repr."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ShopifyCredential:
    """A shop, and one of: client id and secret of an own app (client-credentials grant), the expiring token pair of
    the code grant (refreshed with client id and secret), or a legacy static token."""

    shop: str
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    access_token: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class MetaCredential:
    """A (system) user's token; the app's secret signs every call. No account ids: every account it reaches."""

    access_token: str = field(repr=False)
    app_id: str | None = None
    app_secret: str | None = field(default=None, repr=False)
    account_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GoogleLogin:
    """Either an OAuth client and a person's refresh token, or a service account's key file."""

    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    service_account: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class GoogleAdsCredential:
    """A login, the manager account through which it reaches the others, and which of them to read (none: all)."""

    login: GoogleLogin
    login_customer_id: str | None = None
    customer_ids: tuple[str, ...] = ()
    developer_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Ga4Credential:
    """A login, and the properties to read."""

    login: GoogleLogin
    property_ids: tuple[str, ...]


Credential = ShopifyCredential | MetaCredential | GoogleAdsCredential | Ga4Credential

CREDENTIALS: Mapping[str, type[Credential]] = {
    "shopify": ShopifyCredential,
    "meta": MetaCredential,
    "google_ads": GoogleAdsCredential,
    "ga4": Ga4Credential,
}
"""The credential of each source."""
