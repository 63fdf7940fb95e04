"""Shopify's bucket of points: how full it must be by now, and how long until it holds a query's cost.

https://shopify.dev/docs/apps/build/apis/graphql-admin/rate-limits
"""

from datetime import datetime, timedelta

import msgspec

from connectors.budget import bearable
from connectors.exchange import Meter, Reply, Request
from connectors.shopify.envelope import ThrottleStatus, envelope

MARGIN = 1.0  # a point, for the fractions that the API rounds away


class CostPace:
    """Waits exactly as long as the bucket needs. Until an answer has told of the bucket, nothing is known."""

    def __init__(self) -> None:
        self._bucket: ThrottleStatus | None = None
        self._at: datetime | None = None

    def available(self, now: datetime) -> float | None:
        """The points in the bucket: what the last answer said, and what has been restored since."""
        if self._bucket is None or self._at is None:
            return None
        restored = (now - self._at).total_seconds() * self._bucket.restore_rate
        return min(self._bucket.maximum_available, self._bucket.currently_available + restored)

    def delay(self, request: Request, now: datetime) -> float:
        available = self.available(now)
        if self._bucket is None or available is None:
            return 0.0
        needed = min(request.cost + MARGIN, self._bucket.maximum_available) if request.cost else 0.0
        seconds = max(0.0, needed - available) / self._bucket.restore_rate
        why = f"Shopify's points are used up for {seconds:.0f} s; it goes on by itself."
        return bearable(now + timedelta(seconds=seconds), now, why)

    def learn(self, reply: Reply, meter: Meter) -> None:
        cost = envelope(reply).cost
        if cost is None:
            return
        self._bucket, self._at = cost.throttle_status, reply.at
        meter.quota = msgspec.to_builtins(cost.throttle_status)
