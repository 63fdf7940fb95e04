"""A webhook and Slack get what they understand, over a real socket; what they answer is read by one table."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from hypothesis import given
from hypothesis import strategies as st

from connectors import destinations
from connectors.clock import SystemClock, VirtualClock
from connectors.destinations import Destination, Digest, Event, Slack, Webhook
from connectors.errors import ApiError, ConfigError, Transient
from connectors.fake.serving import serving
from connectors.wire import WireRequest, WireResponse

AT = datetime(2026, 2, 10, 5, tzinfo=UTC)
SECRET = "whsec_planted-signing-secret"
EVENT = Event("f1", "fired", "cac_increase", "warning", "CAC +25% <script> & more", AT, -812.4)
DIGEST = Digest("d1", "acme", date(2026, 2, 9), [EVENT])
DOCS = Path(__file__).parents[2] / "docs" / "alerts.md"


class Receiver:
    """Takes what comes, and answers what it is told to."""

    def __init__(self) -> None:
        self.base = ""
        self.got: list[WireRequest] = []
        self.answer = WireResponse(200, b"ok")
        self.seconds = 0.0

    def __call__(self, request: WireRequest) -> WireResponse:
        self.got.append(request)
        time.sleep(self.seconds)
        return self.answer

    @property
    def webhook(self) -> Webhook:
        return Webhook(f"{self.base}/hook/planted-path?key=planted-query", SECRET)

    @property
    def slack(self) -> Slack:
        return Slack(f"{self.base}/hook/planted-path")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    with serving({"hook": made}) as made.base:
        yield made


def refusal(destination: Destination) -> ApiError:
    with pytest.raises(ApiError) as caught:
        destinations.send(destination, DIGEST, SystemClock())
    return caught.value


def verify(header: str, body: bytes, secret: str) -> None:
    """The signature by another library; InvalidSignature if it is not genuine."""
    timestamp, mac = (part.split("=")[1] for part in header.split(","))
    hmac = HMAC(secret.encode(), SHA256())
    hmac.update(timestamp.encode() + b"." + body)
    hmac.verify(bytes.fromhex(mac))


def test_a_webhook_gets_the_digest_signed_and_with_its_key(receiver: Receiver) -> None:
    destinations.send(receiver.webhook, DIGEST, VirtualClock(AT))
    (got,) = receiver.got
    assert (got.method, got.path, got.query) == ("POST", "/planted-path", {"key": "planted-query"})
    assert got.headers["content-type"] == "application/json"
    assert got.headers["idempotency-key"] == "d1"
    assert got.headers["growthos-signature"].startswith(f"t={int(AT.timestamp())},v1=")
    verify(got.headers["growthos-signature"], got.body, SECRET)
    assert json.loads(got.body) == {
        "id": "d1",
        "tenant": "acme",
        "window_end": "2026-02-09",
        "events": [
            {
                "fingerprint": "f1",
                "kind": "fired",
                "alert_id": "cac_increase",
                "severity": "warning",
                "message": "CAC +25% <script> & more",
                "created_at": "2026-02-10T05:00:00Z",
                "at_stake": -812.4,
            }
        ],
    }


def test_another_attempt_has_the_same_body_and_key(receiver: Receiver) -> None:
    for hour in (5, 6):
        destinations.send(receiver.webhook, DIGEST, VirtualClock(AT.replace(hour=hour)))
    first, second = receiver.got
    assert first.body == second.body
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.headers["growthos-signature"] != second.headers["growthos-signature"]


@given(body=st.binary(), other=st.binary(), secret=st.text(min_size=1), timestamp=st.integers(0, 2**40))
def test_a_signature_holds_for_its_body_secret_and_time_alone(
    body: bytes, other: bytes, secret: str, timestamp: int
) -> None:
    header = destinations.signature(secret, timestamp, body)
    verify(header, body, secret)
    forged = [(header, body, secret + "x"), (header.replace("t=", "t=1"), body, secret)]
    for wrong in [*forged, *([(header, other, secret)] if other != body else [])]:
        with pytest.raises(InvalidSignature):
            verify(*wrong)


def test_the_receiver_that_the_documentation_shows_knows_genuine_from_forged(receiver: Receiver) -> None:
    scope: dict[str, Callable[[str, bytes, str], bool]] = {}
    exec(DOCS.read_text().partition("```python\n")[2].partition("```")[0], scope)
    is_genuine = scope["is_genuine"]
    destinations.send(receiver.webhook, DIGEST, SystemClock())
    (got,) = receiver.got
    header = got.headers["growthos-signature"]
    assert is_genuine(header, got.body, SECRET)
    assert not is_genuine(header, got.body + b" ", SECRET)
    assert not is_genuine(header, got.body, "whsec_another")
    old = destinations.signature(SECRET, int(time.time()) - 600, got.body)
    assert not is_genuine(old, got.body, SECRET)


def test_slack_gets_blocks_that_show_the_text_as_it_is(receiver: Receiver) -> None:
    destinations.send(receiver.slack, DIGEST, VirtualClock(AT))
    (got,) = receiver.got
    message = json.loads(got.body)
    assert message["text"] == "1 alert of acme after 2026-02-09"
    header, section = message["blocks"]
    assert header == {"type": "header", "text": {"type": "plain_text", "text": "1 alert of acme after 2026-02-09"}}
    assert section["text"] == {"type": "mrkdwn", "text": "🟠 Fired: CAC +25% &lt;script&gt; &amp; more"}
    assert "growthos-signature" not in got.headers


@given(
    messages=st.lists(st.text(st.sampled_from("<>&@!a \n🔴"), max_size=4000), min_size=1, max_size=3),
    times=st.integers(1, 30),
)
def test_slack_takes_any_digest(messages: list[str], times: int) -> None:
    """docs.slack.dev/reference/block-kit/blocks: 50 blocks, 3,000 characters a section; < > & are escaped."""
    events = [Event("f", "fired", "a", "info", message, AT) for message in messages * times]
    message = destinations.slack_message(Digest("d", "acme", date(2026, 2, 9), events))
    assert len(message["blocks"]) <= 50
    for block in message["blocks"][1:]:
        text = block["text"]["text"]
        assert 0 < len(text) <= 3000
        assert not {"<", ">"} & set(text)
        assert "&" not in text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
    shown = [block["text"]["text"] for block in message["blocks"][1:]]
    assert len(shown) == min(len(events), 41)
    if len(events) > 40:
        assert shown[-1].startswith(f"{len(events) - 40} more")


@pytest.mark.parametrize(
    ("channel", "status", "error", "says"),
    [
        ("webhook", 410, ConfigError, "gone for good"),
        ("slack", 410, ConfigError, "gone for good"),
        ("slack", 404, ConfigError, "gone for good"),
        ("webhook", 404, Transient, "look into its log"),
        ("webhook", 401, Transient, "look into its log"),
        ("webhook", 302, Transient, "Redirects are not followed"),
        ("webhook", 500, Transient, "answered 500. It passes by itself."),
        ("slack", 503, Transient, "answered 503. It passes by itself."),
    ],
)
def test_what_an_answer_means(receiver: Receiver, channel: str, status: int, error: type[ApiError], says: str) -> None:
    receiver.answer = WireResponse(status, b"planted-body", {"location": "https://example.com/planted-location"})
    found = refusal(getattr(receiver, channel))
    assert type(found) is error
    assert says in str(found)
    assert f"{receiver.base}/…" in str(found)
    assert "planted" not in str(found)
    assert len(receiver.got) == 1


def test_a_receiver_may_ask_for_time(receiver: Receiver) -> None:
    receiver.answer = WireResponse(429, b"", {"retry-after": "120"})
    found = refusal(receiver.slack)
    assert isinstance(found, Transient)
    assert found.after == 120


def test_no_answer_is_asked_again_and_quotes_no_address(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    receiver.answer = WireResponse(200, b"taken", cut=0)
    dropped = refusal(receiver.webhook)
    receiver.answer, receiver.seconds = WireResponse(200, b"ok"), 0.5
    monkeypatch.setattr(destinations, "TIMEOUT", 0.1)
    late = refusal(receiver.webhook)
    nobody = refusal(Webhook("http://127.0.0.1:1/planted-path?planted-query", SECRET))
    assert [type(found) for found in (dropped, late, nobody)] == [Transient] * 3
    assert str(late) == f"{receiver.base}/… did not answer in time."
    assert "connection to http://127.0.0.1:1/… failed" in str(nobody)
    assert "planted" not in f"{dropped} {late} {nobody}"


def test_no_log_and_no_repr_has_an_address_or_a_secret(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    destinations.send(receiver.webhook, DIGEST, SystemClock())
    destinations.send(receiver.slack, DIGEST, SystemClock())
    assert len(receiver.got) == 2
    assert "planted" not in caplog.text + repr(receiver.webhook) + repr(receiver.slack)


@pytest.mark.parametrize(
    "url",
    ["https://example.com/hook", "http://localhost:8000/hook", "http://127.0.0.9/hook", "http://[::1]:80/hook"],
)
def test_https_is_allowed_and_http_to_this_machine(url: str) -> None:
    made = destinations.made("webhook", url)
    assert isinstance(made, Webhook)
    assert made.url == url
    assert made.secret.startswith("whsec_")
    assert len(made.secret) > 40
    assert made.secret != getattr(destinations.made("webhook", url), "secret", "")


@pytest.mark.parametrize(
    ("channel", "url"),
    [
        ("webhook", "http://example.com/planted"),
        ("webhook", "http://127.0.0.1.example.com/planted"),
        ("webhook", "ftp://example.com/planted"),
        ("webhook", "https:///planted"),
        ("webhook", "planted"),
        ("webhook", "https://[planted"),
        ("slack", "https://example.com/planted"),
        ("slack", "https://hooks.slack.com.example.com/planted"),
        ("slack", "http://hooks.slack.com/planted"),
    ],
)
def test_other_addresses_are_refused_and_not_quoted(channel: str, url: str) -> None:
    with pytest.raises(ConfigError, match="https://") as caught:
        destinations.made(channel, url)
    assert "planted" not in str(caught.value)


def test_an_address_is_shown_as_its_host() -> None:
    assert destinations.masked("https://user:planted@example.com:8443/planted?planted") == "https://example.com:8443/…"
    assert destinations.made("slack", "https://hooks.slack.com/services/T/B/X") == Slack(
        "https://hooks.slack.com/services/T/B/X"
    )
