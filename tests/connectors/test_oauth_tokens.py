"""Tokens: what is sent for them, how long they are kept, what each refusal says, and that no pair is ever lost."""

import random
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, quote

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from connectors.clock import VirtualClock
from connectors.connect import hosts_below
from connectors.credentials import GoogleLogin, ShopifyCredential
from connectors.errors import ApiError, AuthError, Bug, ConfigError, Rule, Transient
from connectors.exchange import Reply, Request
from connectors.fake.faults import flaky
from connectors.fake.oauth import CLIENT_ID, CLIENT_SECRET, FakeOAuth
from connectors.fake.serving import serving
from connectors.http import Http, in_process
from connectors.oauth.authorizers import for_google, for_shopify
from connectors.oauth.errors import EXCERPT, GOOGLE, META, SHOPIFY, STATUSES
from connectors.oauth.providers import Hosts, Provider, google, meta, shopify
from connectors.oauth.token import TokenEndpoint
from connectors.wire import WireRequest, WireResponse

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SCOPE = "https://www.googleapis.com/auth/adwords"
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


@pytest.fixture
def server() -> Server:
    clock = VirtualClock(NOW)
    return Server(clock, FakeOAuth(clock))


class Shelf:
    """A credential as it is stored."""

    def __init__(self, credential: ShopifyCredential) -> None:
        self.credential = credential

    def __call__(self, change: Callable[[ShopifyCredential], ShopifyCredential]) -> ShopifyCredential:
        self.credential = change(self.credential)
        return self.credential


@pytest.fixture
def pair(server: Server) -> ShopifyCredential:
    """A pair whose access token has an hour to go."""
    return replace(
        OWN_APP,
        access_token=server.fake.access_token(3600),
        refresh_token=server.fake.refresh_token(),
        expires_at=NOW + timedelta(hours=1),
    )


def test_the_client_credentials_grant_over_a_socket(server: Server) -> None:
    with serving({"oauth": server}) as base:
        authorizer = for_shopify(OWN_APP, clock=server.clock, hosts=hosts_below(base))
        headers = authorizer.headers()
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.query) == ("POST", "/acme.myshopify.com/admin/oauth/access_token", {})
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert "authorization" not in asked.headers
    assert server.forms == [
        {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    ]
    assert headers == {"x-shopify-access-token": next(iter(server.fake.issued))}


def test_a_token_is_kept_until_five_minutes_before_its_end(server: Server) -> None:
    authorizer = server.shop(OWN_APP)
    first = authorizer.headers()
    server.clock.sleep(86_399 - 301)
    assert authorizer.headers() == first
    assert len(server.asked) == 1
    server.clock.sleep(2)
    assert authorizer.headers() != first
    assert len(server.asked) == 2


def test_a_refused_token_is_fetched_anew_once(server: Server) -> None:
    """As the clients do it: through Http, which asks once more after a 401 and gives up after a second one."""
    authorizer = server.shop(OWN_APP)
    revoked: set[str] = set()

    def api(request: WireRequest) -> WireResponse:
        return WireResponse(401 if request.headers["x-shopify-access-token"] in revoked else 200, b"{}")

    def judge(reply: Reply) -> ApiError | None:
        return AuthError("refused") if reply.status == 401 else None

    http = Http("https://x", judge=judge, clock=server.clock, authorizer=authorizer, transport=in_process(api))
    revoked |= {*authorizer.headers().values()}
    assert http.send(Request("GET", "/"), http.budget()).status == 200
    assert len(server.asked) == 2
    revoked |= {f"fake-access-token-{number:04}" for number in range(10)}
    with pytest.raises(AuthError, match="refused"):
        http.send(Request("GET", "/"), http.budget())
    assert len(server.asked) == 3


def test_a_legacy_token_is_sent_as_it_is(server: Server) -> None:
    authorizer = server.shop(ShopifyCredential("acme", access_token="shpat_legacy_token"))
    assert authorizer.headers() == {"x-shopify-access-token": "shpat_legacy_token"}
    assert not authorizer.renew()
    assert server.asked == []


def test_a_pair_is_refreshed_before_its_end_and_stored_before_it_is_used(
    server: Server, pair: ShopifyCredential
) -> None:
    shelf = Shelf(pair)
    authorizer = server.shop(pair, shelf)
    assert authorizer.headers() == {"x-shopify-access-token": pair.access_token}
    server.clock.sleep(3600 - 299)
    used = authorizer.headers()
    assert server.forms == [
        {
            "grant_type": "refresh_token",
            "refresh_token": pair.refresh_token,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
        }
    ]
    assert used == {"x-shopify-access-token": shelf.credential.access_token}
    assert shelf.credential.refresh_token not in (pair.refresh_token, None)
    assert shelf.credential.expires_at == server.clock.now() + timedelta(hours=1)
    assert (shelf.credential.shop, shelf.credential.client_id) == ("acme", CLIENT_ID)


def test_a_pair_that_could_not_be_stored_is_not_used_and_not_lost(server: Server, pair: ShopifyCredential) -> None:
    shelf = Shelf(pair)

    def full(change: Callable[[ShopifyCredential], ShopifyCredential]) -> ShopifyCredential:
        change(shelf.credential)
        raise OSError("disk full")

    server.clock.sleep(3600)
    with pytest.raises(OSError, match="disk full"):
        server.shop(pair, full).headers()
    assert server.shop(shelf.credential, shelf).headers() == {"x-shopify-access-token": shelf.credential.access_token}


def test_an_answer_that_is_lost_on_the_way_costs_another_request_and_no_pair(
    server: Server, pair: ShopifyCredential
) -> None:
    shelf = Shelf(pair)
    server.clock.sleep(3600)
    server.fake.lose = 2
    assert server.shop(pair, shelf).headers() == {"x-shopify-access-token": shelf.credential.access_token}
    assert len(server.asked) == 3
    server.clock.sleep(3600)
    server.shop(shelf.credential, shelf).headers()  # the chain goes on


def test_what_another_process_has_refreshed_is_taken_over(server: Server, pair: ShopifyCredential) -> None:
    shelf = Shelf(pair)
    one, two = server.shop(pair, shelf), server.shop(pair, shelf)
    server.clock.sleep(3600)
    assert one.headers() == two.headers()
    assert one.renew()  # refused: this token will not do, whatever the shelf holds
    assert two.renew()
    assert one.headers() != {"x-shopify-access-token": pair.access_token}
    assert two.headers() == {"x-shopify-access-token": shelf.credential.access_token}
    assert len(server.asked) == 2  # two took over what one was given


def test_a_refreshed_pair_without_an_end_is_given_one(server: Server, pair: ShopifyCredential) -> None:
    def forgetful(request: WireRequest) -> WireResponse:
        answer = server(request)
        body = {name: value for name, value in msgspec.json.decode(answer.body).items() if name != "expires_in"}
        return replace(answer, body=msgspec.json.encode(body))

    shelf = Shelf(pair)
    server.clock.sleep(3600)
    transport = in_process(forgetful)
    for_shopify(pair, clock=server.clock, hosts=HERE, transport=transport, store=shelf).headers()
    assert shelf.credential.expires_at == server.clock.now() + timedelta(hours=1)


@pytest.mark.parametrize("seed", range(20))
def test_no_storm_loses_a_pair(server: Server, pair: ShopifyCredential, seed: int) -> None:
    """Dropped connections, busy servers, a store that fails, several processes: what is used is stored."""
    dice = random.Random(seed)
    shelf = Shelf(pair)

    def store(change: Callable[[ShopifyCredential], ShopifyCredential]) -> ShopifyCredential:
        changed = change(shelf.credential)
        if dice.random() < 0.2:
            raise OSError("the database is away")
        return shelf(lambda _: changed)

    line, _ = flaky(server, seed, drops=0.3, failures=0.2)
    transport = in_process(line)
    processes = [for_shopify(pair, clock=server.clock, hosts=HERE, transport=transport, store=store) for _ in range(3)]
    used = 0
    for _ in range(40):
        server.clock.sleep(dice.uniform(0, 3000))
        try:
            headers = dice.choice(processes).headers()
        except (OSError, Transient):
            continue
        used += 1
        end = server.fake.issued[headers["x-shopify-access-token"]]
        assert end
        assert end > server.clock.now()
    assert used > 10
    server.clock.sleep(3600)
    calm = server.shop(shelf.credential, shelf)
    assert calm.headers() == {"x-shopify-access-token": shelf.credential.access_token}


def test_a_pair_needs_a_place_to_keep_the_next_one(server: Server, pair: ShopifyCredential) -> None:
    with pytest.raises(ConfigError, match="changes with every use"):
        server.shop(pair)


@pytest.mark.parametrize(
    "lacking",
    [
        ShopifyCredential("acme"),
        replace(OWN_APP, client_secret=None),
        ShopifyCredential("acme", refresh_token="r" * 20),
    ],
)
def test_a_credential_that_opens_nothing_says_what_to_do(server: Server, lacking: ShopifyCredential) -> None:
    with pytest.raises(ConfigError, match="growthos connect shopify"):
        server.shop(lacking)


PERSON = GoogleLogin(CLIENT_ID, CLIENT_SECRET, "fake-refresh-token-0001")


def test_a_google_refresh_token_over_a_socket(server: Server) -> None:
    assert server.fake.refresh_token() == PERSON.refresh_token
    with serving({"oauth": server}) as base:
        authorizer = for_google(PERSON, SCOPE, clock=server.clock, hosts=hosts_below(base))
        first = authorizer.headers()
        server.clock.sleep(3599 - 299)
        second = authorizer.headers()
    assert [request.path for request in server.asked] == ["/oauth2.googleapis.com/token"] * 2
    assert server.forms[0] == {
        "grant_type": "refresh_token",
        "refresh_token": PERSON.refresh_token,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    }
    assert [first, second] == [{"authorization": f"Bearer {token}"} for token in server.fake.issued]


@pytest.fixture(scope="session")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def key_file(key: rsa.RSAPrivateKey) -> str:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    account = {"type": "service_account", "client_email": "bot@acme.iam", "private_key": pem, "private_key_id": "k1"}
    return msgspec.json.encode(account).decode()


def test_a_service_account_signs_for_itself(server: Server, key: rsa.RSAPrivateKey, key_file: str) -> None:
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    server.fake.service_accounts = {"bot@acme.iam": public}
    login = GoogleLogin(service_account=key_file)
    authorizer = for_google(login, SCOPE, clock=server.clock, hosts=HERE, transport=in_process(server))
    assert authorizer.headers() == {"authorization": f"Bearer {next(iter(server.fake.issued))}"}
    server.clock.sleep(7200)
    assert authorizer.renew()  # signed anew: an old assertion would have ended
    assert {form["grant_type"] for form in server.forms} == {"urn:ietf:params:oauth:grant-type:jwt-bearer"}


def test_a_service_account_that_google_does_not_know_is_refused(server: Server, key_file: str) -> None:
    login = GoogleLogin(service_account=key_file)
    authorizer = for_google(login, SCOPE, clock=server.clock, hosts=HERE, transport=in_process(server))
    with pytest.raises(AuthError) as raised:
        authorizer.headers()
    assert server.forms[0]["assertion"] not in str(raised.value)


@pytest.mark.parametrize(
    ("login", "says"),
    [
        (GoogleLogin(), "key file, or client id, client secret and refresh token"),
        (replace(PERSON, client_secret=None), "growthos connect"),
        (GoogleLogin(service_account="not json, but secret"), "not a service account's key file"),
        (GoogleLogin(service_account='{"type": "authorized_user"}'), "not a service account's key file"),
        (GoogleLogin(service_account='{"type": "service_account", "private_key": 7}'), "not a service account's"),
    ],
)
def test_a_google_login_that_opens_nothing_says_what_to_do(login: GoogleLogin, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as raised:
        for_google(login, SCOPE, clock=VirtualClock(NOW), hosts={})
    assert "but secret" not in str(raised.value)


@pytest.mark.parametrize("kind", ["damaged", "elliptic"])
def test_a_private_key_that_does_not_sign_is_not_quoted(kind: str) -> None:
    curve = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    key = {"damaged": "damaged-secret-key", "elliptic": curve.decode()}[kind]
    account = {"type": "service_account", "client_email": "bot@acme.iam", "private_key": key}
    login = GoogleLogin(service_account=msgspec.json.encode(account).decode())
    authorizer = for_google(login, SCOPE, clock=VirtualClock(NOW), hosts=HERE)
    with pytest.raises(ConfigError, match="Make a new key") as raised:
        authorizer.headers()
    assert key not in str(raised.value)


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
