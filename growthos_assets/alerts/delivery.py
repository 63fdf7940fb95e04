"""From the outbox to whoever is to be told: a tenant's destinations, and each digest to each of them."""

import logging
import time
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from math import inf
from secrets import token_hex
from typing import NamedTuple

import msgspec

from connectors import destinations
from connectors.clock import SystemClock
from connectors.destinations import DESTINATIONS, Destination, Digest, Event, Webhook, masked
from connectors.errors import ApiError, ConfigError, Transient
from growthos_assets.loading import warehouse
from warehouse import alert_states, credentials
from warehouse.alert_states import LOG, Delivery, Outcome
from warehouse.credentials import Status, Stored
from warehouse.errors import UnknownCredential, WarehouseError

FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=6)
ATTEMPTS = 20
"""With waits that double up to six hours, that is nearly three days: a receiver may be down over a weekend."""

KEPT_FOR = timedelta(days=90)
"""How long the outbox remembers what it has sent; ops.alert_events remembers what was told for good."""


class Listed(NamedTuple):
    """A destination as it may be shown."""

    channel: str
    name: str
    address: str
    status: Status
    verified_at: datetime | None


def deliver(tenant_id: str, now: datetime, log: logging.Logger, until: float = inf) -> Counter[str]:
    """Send the tenant's deliveries that are due, begun before `until` (monotonic); how many came to what.

    None is sent by two at once. What fails is put off, twice as long each time, and is given up after 20 attempts; what
    is gone for good fails at once. Whenever something was sent, what was sent 90 days ago is forgotten.
    """
    came_to: Counter[str] = Counter()

    def send(delivery: Delivery) -> Outcome:
        return _attempt(tenant_id, delivery, now, log)

    while time.monotonic() < until and (settled := alert_states.deliver_next(warehouse(), tenant_id, now, send)):
        delivery, outcome = settled
        came_to[outcome.state] += 1
        if outcome.error is not None:
            again = f"next try at {outcome.retry_at:%Y-%m-%d %H:%M} UTC" if outcome.retry_at else "given up"
            log.warning("%s/%s of %s: %s (%s)", *delivery[1:3], tenant_id, outcome.error, again)
    if came_to["sent"]:
        alert_states.purge(warehouse(), tenant_id, now - KEPT_FOR)
    return came_to


def wait(attempt: int) -> timedelta:
    """How long to wait after that many attempts failed."""
    return min(LONGEST_WAIT, FIRST_WAIT * 2 ** (attempt - 1))


def add(tenant_id: str, channel: str, name: str, url: str) -> str | None:
    """Keep a destination, in the place of one of that channel and name; a webhook's new signing secret.

    ConfigError if alerts may not go there.
    """
    destination = destinations.made(channel, url)
    content = msgspec.json.encode(asdict(destination))
    credentials.store(warehouse(), tenant_id, channel, name, content, "untested")
    return destination.secret if isinstance(destination, Webhook) else None


def everything(tenant_id: str) -> list[Listed]:
    """The tenant's destinations by channel and name; of an address, only what is no secret."""
    return [_listed(tenant_id, stored) for stored in credentials.destinations(warehouse(), tenant_id)]


def remove(tenant_id: str, channel: str, name: str) -> None:
    """Forget a destination: what still waits for it is given up. UnknownCredential if there is none."""
    credentials.forget(warehouse(), tenant_id, channel, name)


def probe(tenant_id: str, channel: str, name: str) -> str | None:
    """Send a test message, and note whether it was taken; what went wrong, if anything."""
    now = datetime.now(UTC)
    said = Event("test", "test", "test", "info", "GrowthOS delivers alerts here.", now)
    digest = Digest(f"test-{token_hex(16)}", tenant_id, now.date(), [said])
    error = None
    try:
        destinations.send(_destination(tenant_id, channel, name), digest, SystemClock())
    except ApiError as refusal:
        error = str(refusal)
    credentials.mark(warehouse(), tenant_id, channel, name, "failing" if error else "working")
    return error


def _attempt(tenant_id: str, delivery: Delivery, now: datetime, log: logging.Logger) -> Outcome:
    digest = msgspec.json.decode(delivery.digest, type=Digest)
    if delivery.channel == LOG:
        log.info(destinations.plain_text(digest))
        return Outcome()
    try:
        destinations.send(_destination(tenant_id, delivery.channel, delivery.destination), digest, SystemClock())
    except UnknownCredential:
        return Outcome("The destination was removed before this could be sent.")
    except ConfigError as error:
        return Outcome(str(error))
    except (ApiError, WarehouseError) as error:
        attempt = delivery.attempts + 1
        if attempt >= ATTEMPTS:
            return Outcome(f"Given up after {attempt} attempts; the last: {error}")
        asked = timedelta(seconds=error.after or 0) if isinstance(error, Transient) else timedelta(0)
        return Outcome(str(error), now + max(wait(attempt), min(asked, LONGEST_WAIT)))
    return Outcome()


def _destination(tenant_id: str, channel: str, name: str) -> Destination:
    content = credentials.load(warehouse(), tenant_id, channel, name)
    try:
        return msgspec.json.decode(content, type=DESTINATIONS[channel])
    except msgspec.DecodeError:  # says nothing of what is inside
        raise ConfigError(f"This GrowthOS can't read the destination {channel}/{name}: add it again.") from None


def _listed(tenant_id: str, stored: Stored) -> Listed:
    address = masked(_destination(tenant_id, stored.source, stored.name).url)
    return Listed(stored.source, stored.name, address, stored.status, stored.verified_at)
