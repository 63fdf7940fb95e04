"""The demo brand's APIs, and clients that are logged in to them: the very clients that a real shop has."""

from collections.abc import Mapping

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
from connectors.demo.twins.ga4 import PROPERTY
from connectors.demo.world import World
from connectors.fake.ga4 import FakeGa4
from connectors.fake.google_ads import FakeGoogleAds
from connectors.fake.meta import ACCESS_TOKEN, FakeMeta
from connectors.fake.oauth import CLIENT_ID, CLIENT_SECRET, FakeOAuth
from connectors.fake.shopify import FakeShopify
from connectors.ga4.client import Ga4Client
from connectors.google_ads.client import GoogleAdsClient
from connectors.http import in_process
from connectors.meta.client import MetaClient
from connectors.oauth.authorizers import Fixed, bearer, shopify_header
from connectors.shopify.client import ShopifyClient
from connectors.wire import App

SHOP = "demo-brand.myshopify.com"
TOKEN = "shpat_demo"
REFRESH_TOKEN = "1//demo"
PROPERTY_ID = PROPERTY.removeprefix("properties/")


def apis(world: World, clock: Clock, base_url: str | None = None) -> Mapping[str, App]:
    """The brand's APIs as they are at the clock's present, by name; `base_url` is where they are served, if at all."""
    files = f"{base_url}/shopify" if base_url else "https://storage.example.com"
    return {
        "shopify": FakeShopify(world, clock, url=files),
        "meta": FakeMeta(world, clock),
        "google_ads": FakeGoogleAds(world, clock),
        "ga4": FakeGa4(world, clock),
        "oauth": FakeOAuth(clock),
    }


def clients(world: World, clock: Clock) -> list[Client]:
    """A client of each API, without a socket between them."""
    transport = {name: in_process(app) for name, app in apis(world, clock).items()}
    google = Fixed(bearer("demo"))
    return [
        ShopifyClient(SHOP, authorizer=Fixed(shopify_header(TOKEN)), clock=clock, transport=transport["shopify"]),
        MetaClient(access_token=ACCESS_TOKEN, clock=clock, transport=transport["meta"]),
        GoogleAdsClient(authorizer=google, clock=clock, transport=transport["google_ads"]),
        Ga4Client(authorizer=google, property_ids=[PROPERTY_ID], clock=clock, transport=transport["ga4"]),
    ]


def credentials() -> Mapping[str, Credential]:
    """What a person types to connect to the brand's APIs where they are served."""
    login = GoogleLogin(CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN)
    return {
        "shopify": ShopifyCredential(SHOP, client_id=CLIENT_ID, client_secret=CLIENT_SECRET),
        "meta": MetaCredential(ACCESS_TOKEN),
        "google_ads": GoogleAdsCredential(login),
        "ga4": Ga4Credential(login, (PROPERTY_ID,)),
    }
