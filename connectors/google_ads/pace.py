"""How fast Google Ads may be asked: it tells of no bucket, so we keep one ourselves, and heed what its refusals say."""

import re
from datetime import datetime

from connectors.budget import bearable
from connectors.errors import RateLimited
from connectors.exchange import Meter, Reply, Request
from connectors.google_ads.errors import TABLE, retry_at
from connectors.google_errors import failure, verdict

BURST = 20.0
PER_SECOND = 5.0
"""Google meters queries a second by customer and project with a bucket of its own whose size it does not tell:
https://developers.google.com/google-ads/api/docs/productionize/rate-limits. A sync needs far less than this."""

EVERYONE = ""
_CUSTOMER = re.compile(r"/customers/(\d+)")


class Pace:
    """A bucket of requests; after a refusal nobody asks before the time is up, of whom it was for."""

    def __init__(self) -> None:
        self._filled = BURST
        self._at: datetime | None = None
        self._held: dict[str, datetime] = {}

    def delay(self, request: Request, now: datetime) -> float:
        held = [self._held.get(who) for who in (EVERYONE, _customer(request.path))]
        until = max((at for at in held if at), default=now)
        wait = bearable(until, now, f"Google Ads has asked to be left alone until {until:%Y-%m-%d %H:%M} UTC.")
        passed = (now - self._at).total_seconds() if self._at else 0.0
        self._filled = min(BURST, self._filled + passed * PER_SECOND) - request.cost
        self._at = now
        return max(wait, -self._filled / PER_SECOND)

    def learn(self, reply: Reply, meter: Meter) -> None:
        if "request-id" in reply.headers:
            meter.quota["request_id"] = reply.headers["request-id"]
        failed = failure(reply)
        refused = failed and verdict(failed, TABLE, retry_at)
        if failed and isinstance(refused, RateLimited):
            who = _customer(reply.url) if failed.scope == "ACCOUNT" else EVERYONE
            self._held[who] = refused.retry_at


def _customer(address: str) -> str:
    """The customer whom a request is about; nobody in particular for a list of them."""
    found = _CUSTOMER.search(address)
    return found[1] if found else EVERYONE
