"""An API version's end is spoken of in time, by whichever clock is asked."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from shopify_api import client, small

from connectors.clock import VirtualClock
from connectors.fake.shopify import FakeShopify
from connectors.ga4.client import Ga4Client
from connectors.google_ads.client import GoogleAdsClient
from connectors.meta.client import MetaClient
from connectors.shopify.client import ShopifyClient
from connectors.sunset import NOTICE, PINNED, due, finding, notice

END = date(2027, 10, 1)


@pytest.mark.parametrize(
    ("today", "said"),
    [
        (END - NOTICE - timedelta(days=1), None),
        (END - NOTICE, "API version 2026-10 of shopify ends in 60 days, on 2027-10-01: upgrade GrowthOS."),
        (END, "API version 2026-10 of shopify may be gone since 2027-10-01: upgrade GrowthOS."),
    ],
)
def test_a_versions_end_is_spoken_of_sixty_days_ahead(today: date, said: str | None):
    assert notice("shopify", "2026-10", END, today) == said
    assert finding("shopify", "2026-10", END, today).passed is (said is None)


def test_a_version_without_an_end_is_never_spoken_of():
    assert notice("ga4", "v1beta", None, date.max) is None


def test_what_is_due_is_what_is_pinned():
    assert due(min(end for _, _, end in PINNED) - NOTICE - timedelta(days=1)) == []
    said = due(max(end for _, _, end in PINNED))
    assert [words.split()[4] for words in said] == ["shopify", "meta", "google_ads"]


def test_every_version_that_ends_is_pinned():
    clients = (ShopifyClient, MetaClient, GoogleAdsClient, Ga4Client)
    assert [(c.source, c.api_version, c.sunset) for c in clients if c.sunset] == list(PINNED)


@pytest.mark.parametrize(("ahead", "fine"), [(61, True), (60, False)])
def test_a_connections_test_says_it_by_its_clock(ahead: int, fine: bool):
    assert ShopifyClient.sunset
    clock = VirtualClock(datetime.combine(ShopifyClient.sunset, time(), UTC) - timedelta(days=ahead))
    version = next(found for found in client(FakeShopify(small(2), clock), clock).probe() if found.name == "version")
    assert version.passed is fine
    assert ("upgrade GrowthOS" in version.message) is not fine
