"""Each row of the error table, over a real socket, and that no secret is in what an error says."""

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from shopify_api import ACCOUNT, TOKEN, Token, client, end, everything, pulled, small

from connectors.budget import Budget
from connectors.clock import VirtualClock
from connectors.errors import AuthError, Bug, PermissionDenied, RateLimited, TooBig, Transient, Truncated
from connectors.fake.serving import serving
from connectors.fake.shopify import FakeShopify
from connectors.http import Http
from connectors.shopify.client import ShopifyClient
from connectors.shopify.errors import TABLE, UNAPPROVED
from connectors.wire import WireResponse

WORLD = small(days=3)
PASSES = (Transient, RateLimited, Truncated)


@pytest.fixture(scope="module")
def app():
    clock = VirtualClock(end(WORLD))
    return FakeShopify(WORLD, clock), clock


@pytest.fixture(scope="module")
def url(app):
    fake, _ = app
    with serving({"shopify": lambda request: fake(request)}) as base:
        fake.jobs.url = f"{base}/shopify"
        yield f"{base}/shopify"


@pytest.fixture
def shop(app, url, monkeypatch):
    fake, clock = app
    monkeypatch.setattr(Http, "budget", lambda http: Budget(http.clock, failures=3))
    shop = ShopifyClient("example-goods", authorizer=Token(), clock=clock, base_url=url, mode="bulk")
    yield shop
    fake.failing.clear()
    fake.jobs.outcomes.clear()
    fake.jobs.refusals.clear()


@pytest.mark.parametrize("code", TABLE)
def test_a_row_of_the_table(app, shop, code):
    fake, _ = app
    part = everything(WORLD)
    assert shop.policies
    fake.fail(code, times=100)
    with pytest.raises(TABLE[code].error) as told:
        pulled(shop, part)
    assert told.value.code == code
    assert TABLE[code].advice in str(told.value)
    assert TOKEN not in str(told.value) + repr(told.value)


@pytest.mark.parametrize("code", [code for code, rule in TABLE.items() if issubclass(rule.error, PASSES)])
def test_what_passes_by_itself_does(app, shop, code):
    fake, _ = app
    fake.fail(code)
    for _ in range(3):
        try:
            found = pulled(shop, everything(WORLD))
            break
        except PASSES:
            continue
    assert len(found) == len(WORLD.orders)


@pytest.mark.parametrize("code", ["SOMETHING_NEW", "418"])
def test_what_the_table_does_not_know_is_a_bug(app, shop, code):
    fake, _ = app
    fake.fail(code)
    with pytest.raises(Bug, match=f"{code}: nothing here expects this; report it"):
        shop.accounts()


def test_a_token_that_the_api_quotes_is_not_passed_on(app, shop):
    def quoting(request):
        token = request.headers["x-shopify-access-token"]
        return WireResponse(401, f'{{"errors": "{token} is not a token"}}'.encode())

    _, clock = app
    with pytest.raises(AuthError) as told:
        client(quoting, clock).accounts()
    assert "… is not a token" in str(told.value)
    assert TOKEN not in f"{told.value!r} {told.value.__cause__!r} {told.value.__context__!r}"


def test_an_answer_with_some_data_and_some_errors_is_an_error(app):
    fake, clock = app
    shop = client(fake, clock)
    assert shop.request("shopify/orders", ACCOUNT)
    fake.scopes = tuple(scope for scope in fake.scopes if scope != "read_customers")  # taken away since it was asked
    with pytest.raises(TABLE["ACCESS_DENIED"].error, match="`read_customers` access scope"):
        pulled(shop, everything(WORLD))
    fake.scopes = (*fake.scopes, "read_customers")


@pytest.mark.parametrize("extensions", [None, {"code": "ACCESS_DENIED"}])
def test_a_lack_of_approval_is_known_by_its_words(app, extensions):
    _, clock = app
    error = {"message": "This app is not approved to use the email field.", "extensions": extensions}
    body = msgspec.json.encode({"data": {"orders": {"nodes": [{"email": None}]}}, "errors": [error]})
    with pytest.raises(PermissionDenied, match="API access requests") as told:
        client(lambda _: WireResponse(200, body), clock).accounts()
    assert told.value.code == UNAPPROVED


def telling(app, **told):
    """The app, that says so beside the data of every answer."""

    def answer(request):
        response = app(request)
        return replace(response, body=msgspec.json.encode({**msgspec.json.decode(response.body), **told}))

    return answer


@pytest.mark.parametrize(
    ("told", "code", "says"),
    [
        ({"errors": [{"message": "No", "extensions": {"code": 503}}]}, "503", "No"),
        ({"errors": [{"message": "No", "extensions": {"code": {}}}]}, "errors", "No"),
        ({"errors": [{"message": "No", "extensions": []}]}, "errors", "No"),
        ({"errors": [{"message": ["No"], "extensions": {"code": "402"}}]}, "402", '{"message":["No"],'),
        ({"errors": ["No"]}, "errors", "No"),
        ({"errors": [None]}, "errors", "null"),
        ({"errors": {"base": ["No"]}}, "errors", '{"base":["No"]}'),
        ({"errors": "No"}, "errors", "No"),
        ({"errors": 1}, "errors", "1"),
        ({"errors": ["No"], "extensions": {"cost": {"requestedQueryCost": 5}}}, "errors", "No"),
        ({"errors": [{"message": "No", "extensions": {"code": "402"}}], "extensions": []}, "402", "No"),
    ],
)
def test_an_error_of_any_form_is_an_error(app, monkeypatch, told, code, says):
    fake, clock = app
    monkeypatch.setattr(Http, "budget", lambda http: Budget(http.clock, failures=0))
    with pytest.raises(TABLE[code].error if code in TABLE else Bug) as raised:
        client(telling(fake, **told), clock).accounts()
    assert raised.value.code == code
    assert f"({says}" in str(raised.value)


@pytest.mark.parametrize(
    "told",
    [
        {"extensions": None},
        {"extensions": []},
        {"extensions": {"cost": "much"}},
        {"extensions": {"cost": {"requestedQueryCost": 5}}},
        {"extensions": {"cost": {"throttleStatus": {"maximumAvailable": 2000}}}},
        {"errors": None},
        {"errors": []},
    ],
)
def test_an_answer_is_good_without_a_cost_that_can_be_read(app, told):
    fake, clock = app
    assert len(pulled(client(telling(fake, **told), clock), everything(WORLD))) == len(WORLD.orders)


def test_throttling_says_when_to_come_again(app):
    _, clock = app
    body = (
        b'{"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}], "extensions": {"cost": '
        b'{"requestedQueryCost": %d, "actualQueryCost": null, "throttleStatus": '
        b'{"maximumAvailable": 2000.0, "currentlyAvailable": 0, "restoreRate": 100.0}}}}'
    )
    with pytest.raises(RateLimited) as told:
        client(lambda _: WireResponse(200, body % 752), clock).accounts()
    assert timedelta(seconds=7.5) <= told.value.retry_at - clock.now() <= timedelta(seconds=7.6)
    with pytest.raises(TooBig, match="2001 points, more than the bucket holds"):
        client(lambda _: WireResponse(200, body % 2001), clock).accounts()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, b"{}"),
        (503, b"<html>back in a minute</html>"),
        (200, b'{"errors": [{"message": "Oh", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}]}'),
    ],
)
def test_retry_after_is_honoured(app, status, body):
    _, clock = app
    before = clock.now()
    answers = iter([WireResponse(status, body, {"retry-after": "40"})])
    fake, _ = app
    assert client(lambda request: next(answers, None) or fake(request), clock).accounts()
    assert timedelta(seconds=40) <= clock.now() - before <= timedelta(seconds=42)
