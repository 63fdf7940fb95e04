"""Where alerts are delivered to: a webhook of one's own, signed, or a channel of Slack.

The body builders are pure. An address is a secret like a token (whoever has Slack's may post), so no error quotes it.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
https://docs.stripe.com/webhooks#verify-manually: the scheme that the signature follows
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from connectors.budget import Budget
from connectors.clock import Clock
from connectors.errors import ApiError, ConfigError, Transient
from connectors.exchange import Reply, Request, retry_after
from connectors.http import Http, Judge

TIMEOUT: Final = 10.0
"""Seconds to connect, to take a digest in and to answer, each: a sensor's tick has a minute for all receivers."""

SIGNATURE: Final = "growthos-signature"
IDEMPOTENCY_KEY: Final = "idempotency-key"
SLACK_HOSTS: Final = ("hooks.slack.com", "hooks.slack-gov.com")
SLACK_EVENTS: Final = 40
"""A message holds 50 blocks."""
SLACK_SECTION, SLACK_HEADER = 3000, 150
"""Characters that a section and a header hold."""
MARKS: Final = {"critical": "🔴", "warning": "🟠", "info": "🔵"}

GONE: Final[Mapping[str, frozenset[int]]] = {"webhook": frozenset({410}), "slack": frozenset({404, 410})}
"""The answers after which asking again is of no use, by channel. Slack's 404: webhook or channel was deleted."""
ADVICE: Final[Mapping[int, str]] = {
    3: "Redirects are not followed: add the address that it leads to.",
    4: "It refuses the digest: look into its log.",
    5: "It passes by itself.",
}
"""By the status's first digit."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """Any receiver of JSON; `secret` is what its requests are signed with."""

    url: str = field(repr=False)
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Slack:
    """An incoming webhook of Slack: one channel of one workspace."""

    url: str = field(repr=False)


Destination = Webhook | Slack
DESTINATIONS: Final[Mapping[str, type[Webhook] | type[Slack]]] = {"webhook": Webhook, "slack": Slack}


@dataclass(frozen=True, slots=True)
class Event:
    """One thing to tell of an alert; `fingerprint` is the same for the same alert on another day."""

    fingerprint: str
    kind: str
    alert_id: str
    severity: str
    message: str
    created_at: datetime
    at_stake: float | None = None


@dataclass(frozen=True, slots=True)
class Digest:
    """All that one evaluation has to tell: the same id is the same digest."""

    id: str
    tenant: str
    window_end: date
    events: list[Event]


def made(channel: str, url: str) -> Destination:
    """A destination at that address, a webhook with a new signing secret; ConfigError if alerts may not go there."""
    scheme, host = _scheme_and_host(url)
    local = _is_loopback(host)
    if not host or not (scheme == "https" or (scheme == "http" and local)):
        raise ConfigError("Alerts go to https:// addresses only (http:// to this machine itself).")
    if channel == "webhook":
        return Webhook(url, f"whsec_{secrets.token_urlsafe(32)}")
    if host not in SLACK_HOSTS and not local:
        raise ConfigError(
            f"An incoming webhook of Slack starts with https://{SLACK_HOSTS[0]}/; "
            "https://api.slack.com/apps → Incoming Webhooks makes one."
        )
    return Slack(url)


def masked(url: str) -> str:
    """The address as far as anybody may see it: scheme and host."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/…"


def send(destination: Destination, digest: Digest, clock: Clock) -> None:
    """Deliver the digest, asking once.

    ConfigError if the destination is gone for good, else the ApiError that asking again later may get past; a Transient
    has in `after` the seconds that the receiver asked for.
    """
    http = Http("", judge=_judge(destination), clock=clock, timeout=TIMEOUT)
    try:
        http.send(request(destination, digest, clock.now()), Budget(clock, failures=0))
    except ApiError as error:
        quoted = destination.url.partition("?")[0]
        error.args = (str(error).replace(quoted, masked(destination.url)),)
        raise
    finally:
        http.close()


def request(destination: Destination, digest: Digest, at: datetime) -> Request:
    """What delivers the digest at that instant."""
    if isinstance(destination, Slack):
        return Request("POST", destination.url, json=slack_message(digest))
    body = webhook_body(digest)
    headers = {IDEMPOTENCY_KEY: digest.id, SIGNATURE: signature(destination.secret, int(at.timestamp()), body)}
    return Request("POST", destination.url, json=msgspec.Raw(body), headers=headers)


def webhook_body(digest: Digest) -> bytes:
    """The digest as JSON: the same bytes for the same digest."""
    return msgspec.json.encode(digest)


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """`t=<seconds since 1970>,v1=<hex HMAC-SHA256 of "<t>.<body>" under the secret>`, as Stripe does."""
    mac = hmac.new(secret.encode(), b"%d." % timestamp + body, hashlib.sha256)
    return f"t={timestamp},v1={mac.hexdigest()}"


def slack_message(digest: Digest) -> dict[str, Any]:
    """The digest in Block Kit: a headline, and a section for each event."""
    title = headline(digest)
    sections = [_section(event) for event in digest.events[:SLACK_EVENTS]]
    if (more := len(digest.events) - SLACK_EVENTS) > 0:
        sections.append(f"{more} more: `growthos alerts history --tenant {digest.tenant}`")
    header = {"type": "header", "text": {"type": "plain_text", "text": title[:SLACK_HEADER]}}
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": text}} for text in sections]
    return {"text": escaped(title, SLACK_SECTION), "blocks": [header, *blocks]}


def plain_text(digest: Digest) -> str:
    """The digest for the log."""
    told = [f"{event.kind} ({event.severity}): {event.message}" for event in digest.events]
    return "\n".join([headline(digest), *told])


def headline(digest: Digest) -> str:
    """How many there are, of whom and of when."""
    count = len(digest.events)
    return f"{count} alert{'s' if count != 1 else ''} of {digest.tenant} after {digest.window_end}"


def escaped(text: str, limit: int) -> str:
    """The text so that Slack shows it as it is (no link, no mention), cut at `limit` characters."""
    shown = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return shown if len(shown) <= limit else re.sub(r"&[a-z]*$", "", shown[: limit - 1]) + "…"


def _section(event: Event) -> str:
    return escaped(f"{MARKS.get(event.severity, '')} {event.kind.capitalize()}: {event.message}", SLACK_SECTION)


def _judge(destination: Destination) -> Judge:
    channel = "slack" if isinstance(destination, Slack) else "webhook"
    where = masked(destination.url)

    def judge(reply: Reply) -> ApiError | None:
        """Every answer but 2xx is an error; the body, which may quote the address, is nobody's business."""
        status = reply.status
        if 200 <= status < 300:
            return None
        if status in GONE[channel]:
            return ConfigError(f"{where} answered {status}: it is gone for good. Remove it, or add its new address.")
        wait = retry_after(reply)
        advice = ADVICE.get(status // 100, "")
        return Transient(f"{where} answered {status}. {advice}".rstrip(), after=wait.total_seconds() if wait else None)

    return judge


def _scheme_and_host(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname or ""
    except ValueError:  # quotes what it cannot read
        return "", ""


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
