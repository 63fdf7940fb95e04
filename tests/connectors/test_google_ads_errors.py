"""Every row of Google Ads' error table, over a socket; and how long a refusal is heeded."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from google_pulling import Login, at

from connectors.budget import Budget
from connectors.clock import VirtualClock
from connectors.demo import DemoSource
from connectors.errors import ApiError, ApiRetired, Bug, RateLimited, Transient
from connectors.exchange import Meter, Reply, Request
from connectors.fake.google_ads import CLIENT, MANAGER, FakeGoogleAds
from connectors.google_ads.errors import TABLE, judge
from connectors.google_ads.hierarchy import CLIENTS
from connectors.google_ads.pace import BURST, PER_SECOND, Pace
from connectors.google_errors import next_day, next_hour
from connectors.http import Http, in_process
from connectors.wire import WireResponse

WORLD = DemoSource(days=10).world
NOW = datetime(2026, 2, 10, 5, 30, tzinfo=UTC)
LISTING = Request("GET", "/v26/customers:listAccessibleCustomers", headers={"developer-token": "developer-secret"})


@pytest.fixture(scope="module")
def fake():
    return FakeGoogleAds(WORLD, VirtualClock(NOW))


@pytest.fixture(scope="module")
def ask(fake):
    """Sends one request over a socket, without a second try."""
    with at(fake) as base:
        http = Http(base, judge=judge, clock=fake.clock, authorizer=Login(), dice=Random(1))
        yield lambda request=LISTING: http.send(request, Budget(fake.clock, failures=0))
        http.close()


def refused(fake, ask, code, **more):
    fake.fail(code, **more)
    with pytest.raises(ApiError) as caught:
        ask()
    return caught.value


@pytest.mark.parametrize("code", TABLE)
def test_each_code_is_its_error(fake, ask, code):
    rule = TABLE[code]
    error = refused(fake, ask, code.replace("*", "SOMETHING_NEW"))
    assert type(error) is rule.error
    assert str(error).startswith(rule.advice)
    assert error.code == code.replace("*", "SOMETHING_NEW")


@pytest.mark.parametrize(
    ("code", "wait"),
    [
        ("quotaError.RESOURCE_TEMPORARILY_EXHAUSTED", timedelta(seconds=30)),
        ("quotaError.EXCESSIVE_SHORT_TERM_QUERY_RESOURCE_CONSUMPTION", timedelta(minutes=5)),
        ("RATE_LIMIT_EXCEEDED", timedelta(minutes=1)),
        ("quotaError.RESOURCE_EXHAUSTED", next_day(NOW) - NOW),
        ("quotaError.EXCESSIVE_LONG_TERM_QUERY_RESOURCE_CONSUMPTION", next_day(NOW) - NOW),
    ],
)
def test_a_quota_comes_back(fake, ask, code, wait):
    assert refused(fake, ask, code).retry_at == NOW + wait


def test_a_refusal_that_says_how_long_is_believed(fake, ask):
    error = refused(fake, ask, "quotaError.RESOURCE_EXHAUSTED", retry_delay=77)
    assert error.retry_at == NOW + timedelta(seconds=77)


def test_what_is_in_no_table_is_a_bug(fake, ask):
    error = refused(fake, ask, "newError.NEVER_SEEN", message="planted")
    assert type(error) is Bug
    assert "planted" in str(error)


SEARCH = f"/v26/customers/{CLIENT.id}/googleAds:search"
VIA = {"login-customer-id": MANAGER.id}


@pytest.mark.parametrize(
    ("path", "body", "headers", "code"),
    [
        (SEARCH, {"query": CLIENTS, "pageSize": 100}, VIA, "requestError.PAGE_SIZE_NOT_SUPPORTED"),
        (SEARCH, {"query": CLIENTS, "pageToken": "x"}, VIA, "requestError.INVALID_PAGE_TOKEN"),
        (SEARCH, {"query": CLIENTS, "returnSummaryRow": True}, VIA, "INVALID_ARGUMENT"),
        (SEARCH, {"query": "SELECT campaign.budget FROM campaign"}, VIA, "queryError.UNRECOGNIZED_FIELD"),
        (SEARCH, {"query": CLIENTS}, {}, "authorizationError.USER_PERMISSION_DENIED"),
        (SEARCH, {"query": CLIENTS}, {"login-customer-id": "420-420"}, "headerError.INVALID_LOGIN_CUSTOMER_ID"),
        (SEARCH.replace("420", "111"), {"query": CLIENTS}, {}, "authenticationError.CUSTOMER_NOT_FOUND"),
    ],
)
def test_the_fake_refuses_what_the_api_refuses(ask, path, body, headers, code):
    with pytest.raises(ApiError) as caught:
        ask(Request("POST", path, json=body, headers=headers))
    assert caught.value.code == code


def test_a_version_that_is_gone(ask):
    with pytest.raises(ApiRetired, match="Upgrade"):
        ask(Request("POST", f"/v20/customers/{CLIENT.id}/googleAds:search", json={}))
    with pytest.raises(ApiRetired, match="Upgrade"):
        ask(Request("GET", "/v26/somewhere"))


@pytest.mark.parametrize(("status", "kind"), [(502, Transient), (503, Transient), (418, Bug), (302, Bug)])
def test_a_proxys_page(status, kind):
    page = WireResponse(status, b"<html>not Google</html>", {"content-type": "text/html"})
    http = Http("https://host", judge=judge, clock=VirtualClock(NOW), transport=in_process(lambda request: page))
    with pytest.raises(kind, match="not Google"):
        http.send(LISTING, Budget(http.clock, failures=0))


def test_secrets_that_an_answer_quotes_are_masked(fake, ask):
    error = refused(fake, ask, "PERMISSION_DENIED", message="Bearer secret-token-1 with developer-secret may not")
    assert "secret" not in f"{error} {error!r} {error.args}"


def held(pace, path):
    try:
        return pace.delay(Request("POST", path), NOW)
    except RateLimited as error:
        return error.retry_at


def refusal(fake, code, path, **more):
    response = fake.error(code, **more)
    return Reply(response.status, {}, response.body, f"https://host{path}", NOW)


def test_after_a_refusal_nobody_asks_until_it_is_over(fake):
    mine, other = "/v26/customers/1111111111/googleAds:search", "/v26/customers/2222222222/googleAds:search"
    pace = Pace()
    pace.learn(refusal(fake, "quotaError.RESOURCE_EXHAUSTED", mine, retry_delay=60, rate_scope="ACCOUNT"), Meter())
    assert (held(pace, mine), held(pace, other)) == (60.0, 0.0)
    pace.learn(refusal(fake, "quotaError.RESOURCE_EXHAUSTED", other, retry_delay=30), Meter())
    assert (held(pace, mine), held(pace, other)) == (60.0, 30.0)
    pace.learn(refusal(fake, "quotaError.RESOURCE_EXHAUSTED", mine, retry_delay=3600), Meter())
    assert held(pace, other) == NOW + timedelta(hours=1)


def test_an_error_that_is_no_quota_holds_nobody(fake):
    pace = Pace()
    pace.learn(refusal(fake, "quotaError.ACCESS_PROHIBITED", "/v26/customers/1111111111/googleAds:search"), Meter())
    assert held(pace, "/v26/customers:listAccessibleCustomers") == 0.0


@pytest.mark.parametrize("idle", [timedelta(0), timedelta(hours=1)])
def test_the_bucket_lets_a_burst_through_and_then_so_many_a_second(idle):
    pace = Pace()
    pace.delay(Request("GET", "/", cost=0), NOW - idle)
    clock = VirtualClock(NOW)
    for _ in range(200):
        clock.sleep(pace.delay(LISTING, clock.now()))
    assert (clock.now() - NOW).total_seconds() == pytest.approx((200 - BURST) / PER_SECOND)


@pytest.mark.parametrize(
    ("now", "hour", "day"),
    [
        (datetime(2026, 2, 10, 5, 30, tzinfo=UTC), datetime(2026, 2, 10, 6, tzinfo=UTC), 8),
        (datetime(2026, 2, 10, 8, 0, tzinfo=UTC), datetime(2026, 2, 10, 9, tzinfo=UTC), 8 + 24),
        (datetime(2026, 3, 8, 9, 0, tzinfo=UTC), datetime(2026, 3, 8, 10, tzinfo=UTC), 7 + 24),  # summer time begins
        (datetime(2026, 11, 1, 8, 30, tzinfo=UTC), datetime(2026, 11, 1, 9, tzinfo=UTC), 8 + 24),  # and ends
    ],
)
def test_when_quotas_are_full_again(now, hour, day):
    assert next_hour(now) == hour
    assert next_day(now) == now.replace(hour=0, minute=0) + timedelta(hours=day)
