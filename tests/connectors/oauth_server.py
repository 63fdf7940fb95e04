"""A server of tokens, and everything that it was asked."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from connectors.clock import VirtualClock
from connectors.credentials import ShopifyCredential
from connectors.fake.oauth import CLIENT_ID, CLIENT_SECRET, FakeOAuth
from connectors.http import in_process
from connectors.oauth.authorizers import for_shopify
from connectors.wire import WireRequest, WireResponse

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
OWN_APP = ShopifyCredential("acme", client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
HERE = {"oauth": "http://127.0.0.1"}  # the fake's addresses, in process


@dataclass
class Server:
    """The fake on a socket or in process, and everything that it was asked."""

    clock: VirtualClock
    fake: FakeOAuth
    asked: list[WireRequest] = field(default_factory=list[WireRequest])

    def __call__(self, request: WireRequest) -> WireResponse:
        self.asked.append(request)
        return self.fake(request)

    @property
    def forms(self) -> list[dict[str, str]]:
        return [dict(parse_qsl(request.body.decode())) for request in self.asked]

    def shop(self, credential: ShopifyCredential, store: Any = None) -> Any:
        transport = in_process(self)
        return for_shopify(credential, clock=self.clock, hosts=HERE, transport=transport, store=store)
