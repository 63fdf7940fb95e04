"""Shopify's tokens: what is sent for them, how long they are kept, and that no pair is ever lost."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from oauth_server import HERE, NOW, OWN_APP, Server

from connectors.connect import hosts_below
from connectors.credentials import ShopifyCredential
from connectors.errors import ApiError, AuthError, ConfigError, Transient
from connectors.exchange import Reply, Request
from connectors.fake.faults import flaky
from connectors.fake.oauth import CLIENT_ID, CLIENT_SECRET
from connectors.fake.serving import serving
from connectors.http import Http, in_process
from connectors.oauth.authorizers import for_shopify
from connectors.wire import WireRequest, WireResponse


class Shelf:
    """A credential as it is stored."""

    def __init__(self, credential: ShopifyCredential) -> None:
        self.credential = credential

    def __call__(self, change: Callable[[ShopifyCredential], ShopifyCredential]) -> ShopifyCredential:
        self.credential = change(self.credential)
        return self.credential


@pytest.fixture
def pair(oauth: Server) -> ShopifyCredential:
    """A pair whose access token has an hour to go."""
    return replace(
        OWN_APP,
        access_token=oauth.fake.access_token(3600),
        refresh_token=oauth.fake.refresh_token(),
        expires_at=NOW + timedelta(hours=1),
    )


def test_the_client_credentials_grant_over_a_socket(oauth: Server) -> None:
    with serving({"oauth": oauth}) as base:
        authorizer = for_shopify(OWN_APP, clock=oauth.clock, hosts=hosts_below(base))
        headers = authorizer.headers()
    (asked,) = oauth.asked
    assert (asked.method, asked.path, asked.query) == ("POST", "/acme.myshopify.com/admin/oauth/access_token", {})
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert "authorization" not in asked.headers
    assert oauth.forms == [{"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}]
    assert headers == {"x-shopify-access-token": next(iter(oauth.fake.issued))}


def test_a_token_is_kept_until_five_minutes_before_its_end(oauth: Server) -> None:
    authorizer = oauth.shop(OWN_APP)
    first = authorizer.headers()
    oauth.clock.sleep(86_399 - 301)
    assert authorizer.headers() == first
    assert len(oauth.asked) == 1
    oauth.clock.sleep(2)
    assert authorizer.headers() != first
    assert len(oauth.asked) == 2


def test_a_refused_token_is_fetched_anew_once(oauth: Server) -> None:
    """As the clients do it: through Http, which asks once more after a 401 and gives up after a second one."""
    authorizer = oauth.shop(OWN_APP)
    revoked: set[str] = set()

    def api(request: WireRequest) -> WireResponse:
        return WireResponse(401 if request.headers["x-shopify-access-token"] in revoked else 200, b"{}")

    def judge(reply: Reply) -> ApiError | None:
        return AuthError("refused") if reply.status == 401 else None

    http = Http("https://x", judge=judge, clock=oauth.clock, authorizer=authorizer, transport=in_process(api))
    revoked |= {*authorizer.headers().values()}
    assert http.send(Request("GET", "/"), http.budget()).status == 200
    assert len(oauth.asked) == 2
    revoked |= {f"fake-access-token-{number:04}" for number in range(10)}
    with pytest.raises(AuthError, match="refused"):
        http.send(Request("GET", "/"), http.budget())
    assert len(oauth.asked) == 3


def test_a_legacy_token_is_sent_as_it_is(oauth: Server) -> None:
    authorizer = oauth.shop(ShopifyCredential("acme", access_token="shpat_legacy_token"))
    assert authorizer.headers() == {"x-shopify-access-token": "shpat_legacy_token"}
    assert not authorizer.renew()
    assert oauth.asked == []


def test_a_pair_is_refreshed_before_its_end_and_stored_before_it_is_used(
    oauth: Server, pair: ShopifyCredential
) -> None:
    shelf = Shelf(pair)
    authorizer = oauth.shop(pair, shelf)
    assert authorizer.headers() == {"x-shopify-access-token": pair.access_token}
    oauth.clock.sleep(3600 - 299)
    used = authorizer.headers()
    assert oauth.forms == [
        {
            "grant_type": "refresh_token",
            "refresh_token": pair.refresh_token,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
        }
    ]
    assert used == {"x-shopify-access-token": shelf.credential.access_token}
    assert shelf.credential.refresh_token not in (pair.refresh_token, None)
    assert shelf.credential.expires_at == oauth.clock.now() + timedelta(hours=1)
    assert (shelf.credential.shop, shelf.credential.client_id) == ("acme", CLIENT_ID)


def test_a_pair_that_could_not_be_stored_is_not_used_and_not_lost(oauth: Server, pair: ShopifyCredential) -> None:
    shelf = Shelf(pair)

    def full(change: Callable[[ShopifyCredential], ShopifyCredential]) -> ShopifyCredential:
        change(shelf.credential)
        raise OSError("disk full")

    oauth.clock.sleep(3600)
    with pytest.raises(OSError, match="disk full"):
        oauth.shop(pair, full).headers()
    assert oauth.shop(shelf.credential, shelf).headers() == {"x-shopify-access-token": shelf.credential.access_token}


def test_an_answer_that_is_lost_on_the_way_costs_another_request_and_no_pair(
    oauth: Server, pair: ShopifyCredential
) -> None:
    shelf = Shelf(pair)
    oauth.clock.sleep(3600)
    oauth.fake.lose = 2
    assert oauth.shop(pair, shelf).headers() == {"x-shopify-access-token": shelf.credential.access_token}
    assert len(oauth.asked) == 3
    oauth.clock.sleep(3600)
    oauth.shop(shelf.credential, shelf).headers()  # the chain goes on


def test_what_another_process_has_refreshed_is_taken_over(oauth: Server, pair: ShopifyCredential) -> None:
    shelf = Shelf(pair)
    one, two = oauth.shop(pair, shelf), oauth.shop(pair, shelf)
    oauth.clock.sleep(3600)
    assert one.headers() == two.headers()
    assert one.renew()  # refused: this token will not do, whatever the shelf holds
    assert two.renew()
    assert one.headers() != {"x-shopify-access-token": pair.access_token}
    assert two.headers() == {"x-shopify-access-token": shelf.credential.access_token}
    assert len(oauth.asked) == 2  # two took over what one was given


def test_a_refreshed_pair_without_an_end_is_given_one(oauth: Server, pair: ShopifyCredential) -> None:
    def forgetful(request: WireRequest) -> WireResponse:
        answer = oauth(request)
        body = {name: value for name, value in msgspec.json.decode(answer.body).items() if name != "expires_in"}
        return replace(answer, body=msgspec.json.encode(body))

    shelf = Shelf(pair)
    oauth.clock.sleep(3600)
    transport = in_process(forgetful)
    for_shopify(pair, clock=oauth.clock, hosts=HERE, transport=transport, store=shelf).headers()
    assert shelf.credential.expires_at == oauth.clock.now() + timedelta(hours=1)


@pytest.mark.parametrize("seed", range(20))
def test_no_storm_loses_a_pair(oauth: Server, pair: ShopifyCredential, seed: int) -> None:
    """Dropped connections, busy servers, a store that fails, several processes: what is used is stored."""
    dice = random.Random(seed)
    shelf = Shelf(pair)

    def store(change: Callable[[ShopifyCredential], ShopifyCredential]) -> ShopifyCredential:
        changed = change(shelf.credential)
        if dice.random() < 0.2:
            raise OSError("the database is away")
        return shelf(lambda _: changed)

    line, _ = flaky(oauth, seed, drops=0.3, failures=0.2)
    transport = in_process(line)
    processes = [for_shopify(pair, clock=oauth.clock, hosts=HERE, transport=transport, store=store) for _ in range(3)]
    used = 0
    for _ in range(40):
        oauth.clock.sleep(dice.uniform(0, 3000))
        try:
            headers = dice.choice(processes).headers()
        except (OSError, Transient):
            continue
        used += 1
        end = oauth.fake.issued[headers["x-shopify-access-token"]]
        assert end
        assert end > oauth.clock.now()
    assert used > 10
    oauth.clock.sleep(3600)
    calm = oauth.shop(shelf.credential, shelf)
    assert calm.headers() == {"x-shopify-access-token": shelf.credential.access_token}


def test_a_pair_needs_a_place_to_keep_the_next_one(oauth: Server, pair: ShopifyCredential) -> None:
    with pytest.raises(ConfigError, match="changes with every use"):
        oauth.shop(pair)


@pytest.mark.parametrize(
    "lacking",
    [
        ShopifyCredential("acme"),
        replace(OWN_APP, client_secret=None),
        ShopifyCredential("acme", refresh_token="r" * 20),
    ],
)
def test_a_credential_that_opens_nothing_says_what_to_do(oauth: Server, lacking: ShopifyCredential) -> None:
    with pytest.raises(ConfigError, match="growthos connect shopify"):
        oauth.shop(lacking)
