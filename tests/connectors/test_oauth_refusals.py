"""What each refusal of a token says, and that no part of a secret is in it."""

from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from urllib.parse import quote

import msgspec
import pytest
from oauth_server import HERE, NOW

from connectors.clock import VirtualClock
from connectors.connect import hosts_below
from connectors.errors import ApiError, AuthError, Bug, ConfigError, Rule, Transient
from connectors.fake.oauth import CLIENT_ID, CLIENT_SECRET, FakeOAuth
from connectors.fake.serving import serving
from connectors.http import in_process
from connectors.oauth.errors import EXCERPT, GOOGLE, META, SHOPIFY, STATUSES
from connectors.oauth.providers import Hosts, Provider, google, meta, shopify
from connectors.oauth.token import TokenEndpoint
from connectors.wire import WireRequest, WireResponse


def rows() -> Iterator[tuple[str, Callable[[Hosts], Provider], str, Rule]]:
    """Every row of every error table."""
    tables: Mapping[str, tuple[Callable[[Hosts], Provider], Mapping[str, Rule]]] = {
        "shopify": (partial(shopify, "acme"), {**SHOPIFY, **STATUSES}),
        "meta": (meta, META),
        "google": (google, GOOGLE),
    }
    for name, (provider, table) in tables.items():
        for code, rule in table.items():
            yield name, provider, code, rule


@pytest.fixture(scope="module")
def refusing() -> Iterator[tuple[FakeOAuth, str]]:
    fake = FakeOAuth(VirtualClock(NOW))
    with serving({"oauth": fake}) as base:
        yield fake, base


@pytest.mark.parametrize(("make", "code", "rule"), [pytest.param(*row[1:], id=f"{row[0]}-{row[2]}") for row in rows()])
def test_every_refusal_is_told_in_words(
    refusing: tuple[FakeOAuth, str], make: Callable[[Hosts], Provider], code: str, rule: Rule
) -> None:
    fake, base = refusing
    fake.fail = [code] * 9
    provider = make(hosts_below(base))
    form = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "refresh_token": "fake-refresh-token-0001"}
    with pytest.raises(rule.error) as raised:
        TokenEndpoint(provider, clock=fake.clock).ask(form)
    assert (type(raised.value), raised.value.code) == (rule.error, code)
    assert rule.advice in str(raised.value)
    assert provider.title in str(raised.value)
    assert 9 - len(fake.fail) == (5 if rule.error is Transient else 1)  # only what passes is tried again


def test_a_signed_login_of_another_time_blames_the_clock() -> None:
    said = (
        "Invalid JWT: Token must be a short-lived token (60 minutes). Check your iat and exp values in the JWT claim."
    )
    answer = WireResponse(400, msgspec.json.encode({"error": "invalid_grant", "error_description": said}))
    endpoint = TokenEndpoint(google(HERE), clock=VirtualClock(NOW), transport=in_process(lambda request: answer))
    with pytest.raises(ConfigError, match=r"Set this machine's clock.*iat and exp"):
        endpoint.ask({"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"})


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (WireResponse(503, b"busy"), Transient, "busy"),
        (WireResponse(429, b"{}", {"retry-after": "7"}), Transient, "busy"),
        (WireResponse(200, b"<html>proxy</html>"), Transient, "not JSON"),
        (WireResponse(200, b'{"token": "planted-secret-0001"}'), Bug, "something else than a token"),
        (WireResponse(200, b'{"access_token": ""}'), Bug, "something else than a token"),
        (WireResponse(418, b'{"error": "teapot", "error_description": "short and stout"}'), Bug, "teapot.*short"),
        (WireResponse(301, b"", {"location": "https://new-name.myshopify.com/"}), ConfigError, "new-name"),
    ],
)
def test_what_no_table_knows(answer: WireResponse, error: type[ApiError], says: str) -> None:
    clock = VirtualClock(NOW)
    endpoint = TokenEndpoint(google(HERE), clock=clock, transport=in_process(lambda request: answer))
    with pytest.raises(error, match=says) as raised:
        endpoint.ask({"grant_type": "refresh_token"})
    assert "planted-secret-0001" not in str(raised.value)
    waited = clock.now() - NOW
    assert waited <= timedelta(seconds=60)
    assert (waited > timedelta(0)) == (answer.status in (429, 503))


def test_a_refusal_that_quotes_a_secret_is_masked() -> None:
    def quoting(request: WireRequest) -> WireResponse:
        body = {"error": "invalid_grant", "error_description": f"no: {request.body.decode()}"}
        return WireResponse(400, msgspec.json.encode(body))

    endpoint = TokenEndpoint(google(HERE), clock=VirtualClock(NOW), transport=in_process(quoting))
    with pytest.raises(AuthError) as raised:
        endpoint.ask({"refresh_token": "planted-refresh-0001", "client_secret": "planted-client-0002"})
    assert "planted" not in str(raised.value)


SECRET = "1//planted-refresh-0001"
REFUSED = '{"error": "invalid_grant", "error_description": "%s"}'


@pytest.mark.parametrize(
    "answer",
    [
        # so long that the excerpt ends within the secret, as it is and as a form or base64 spells it
        *(WireResponse(400, (REFUSED % f"{'x' * (EXCERPT - cut)}{SECRET}").encode()) for cut in (3, 12, 20)),
        WireResponse(400, (REFUSED % f"{'x' * (EXCERPT - 12)}{quote(SECRET, safe='')}").encode()),
        WireResponse(400, (REFUSED % f"token={quote(SECRET, safe='').lower()}").encode()),
        WireResponse(400, (REFUSED % f"token={b64encode(SECRET.encode()).decode()}").encode()),
        WireResponse(418, b'["1\\/\\/planted-refresh-0001 is no token"]'),
        WireResponse(418, f"<html>Oauth error invalid_grant: {'x' * (EXCERPT - 9)}{SECRET}</html>".encode()),
        WireResponse(302, b"", {"location": f"https://accounts.example.com/login?hint=planted-by-them&token={SECRET}"}),
    ],
)
def test_no_refusal_leaves_a_part_of_a_secret(answer: WireResponse) -> None:
    endpoint = TokenEndpoint(google(HERE), clock=VirtualClock(NOW), transport=in_process(lambda request: answer))
    with pytest.raises(ApiError) as raised:
        endpoint.ask({"grant_type": "refresh_token", "refresh_token": SECRET})
    said = f"{raised.value} {raised.value!r}"
    for readable in ("planted", "1//p", "1%2F%2Fp", "1\\/\\/p", b64encode(b"1//planted").decode()[:8]):
        assert readable.lower() not in said.lower()
