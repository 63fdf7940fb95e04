"""The fakes of all four APIs and their logins on a socket, and credentials that open them."""

import base64
from collections.abc import Callable
from typing import Any

from cli_command import Command

from connectors.clock import SystemClock
from connectors.demo import DemoSource
from connectors.fake.demo import PROPERTY_ID, apis
from connectors.fake.meta import FakeMeta
from connectors.fake.oauth import CLIENT_ID, FakeOAuth, Refresh
from connectors.wire import App, WireRequest, WireResponse

KEY, NEXT_KEY = (base64.b64encode(bytes([letter]) * 32).decode() for letter in b"kn")
ACCESS, APP_SECRET, REFRESH = "planted-access-token", "planted-app-secret", "planted-refresh-token"
CLIENT = "planted-client-secret"


class Apis:
    """The fakes that are served, each of which a test may replace, and what they were asked."""

    def __init__(self) -> None:
        self.clock = SystemClock()
        self.world = DemoSource(days=2).world
        self.base = ""
        self.asked: list[WireRequest] = []
        self.apps: dict[str, App] = {}
        self.renew()

    def renew(self) -> None:
        """Fresh fakes, whose secrets are the planted ones."""
        self.asked.clear()
        self.apps.update(apis(self.world, self.clock, self.base))
        self.oauth = FakeOAuth(self.clock, client_secret=CLIENT)
        self.oauth.refreshes[REFRESH] = Refresh()
        self.meta = FakeMeta(self.world, self.clock, access_token=ACCESS, app_secret=APP_SECRET)
        self.apps |= {"oauth": self.oauth, "meta": self.meta}

    def named(self, name: str) -> App:
        """Whatever is that API at the moment."""

        def answer(request: WireRequest) -> WireResponse:
            self.asked.append(request)
            return self.apps[name](request)

        return answer


def google(secret: str = CLIENT) -> dict[str, str]:
    return {"client_id": CLIENT_ID, "client_secret": secret, "refresh_token": REFRESH}


CREDENTIALS: dict[str, dict[str, Any]] = {
    "shopify": {"shop": "https://my-store.myshopify.com/admin", "client_id": CLIENT_ID, "client_secret": CLIENT},
    "meta": {"access_token": ACCESS, "app_secret": APP_SECRET},
    "google-ads": {"login": google(), "developer_token": "planted-developer-token"},
    "ga4": {"login": google(), "property_ids": [PROPERTY_ID]},
}
"""Every secret field is filled with something planted."""


def connect_all(growthos: Command, told: Callable[[Any], None], shop: str) -> str:
    said = ""
    for command, credential in CREDENTIALS.items():
        told(credential)
        done = growthos("connect", command, "-t", shop, "--from-stdin")
        assert done.code == 0, done.err + done.out
        said += done.out + done.err
    return said
