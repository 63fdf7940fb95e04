from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from demo_records import Records, everything
from oauth_server import NOW, Server
from shopify_api import end

from connectors.clock import VirtualClock
from connectors.demo import DemoSource
from connectors.fake.oauth import FakeOAuth
from connectors.fake.shopify import FakeShopify


@pytest.fixture(scope="session")
def source() -> DemoSource:
    return DemoSource()


@pytest.fixture(scope="session")
def records(source: DemoSource) -> Records:
    """Every record of the demo as it comes by default, by stream."""
    return everything(source)


@pytest.fixture(scope="session")
def payloads(records: Records) -> dict[str, list[dict[str, Any]]]:
    return {key: [record.payload for record in rows] for key, rows in records.items()}


@pytest.fixture(scope="session")
def local_day(source: DemoSource) -> Callable[[str], int]:
    """The demo's day, from 0, on which an instant or a date lies."""
    zone = ZoneInfo(source.timezone)

    def day(text: str) -> int:
        on = datetime.fromisoformat(text).astimezone(zone).date() if "T" in text else date.fromisoformat(text)
        return (on - source.world.calendar.first_day).days

    return day


@pytest.fixture
def clock(request: pytest.FixtureRequest) -> VirtualClock:
    """Stands at the end of the days of the module's WORLD, a shop."""
    return VirtualClock(end(request.module.WORLD))


@pytest.fixture
def fake(request: pytest.FixtureRequest, clock: VirtualClock) -> FakeShopify:
    """Shopify's API over the module's WORLD."""
    return FakeShopify(request.module.WORLD, clock)


@pytest.fixture
def oauth() -> Server:
    """A server of tokens, in process."""
    clock = VirtualClock(NOW)
    return Server(clock, FakeOAuth(clock))
