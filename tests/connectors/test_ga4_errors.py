"""Every row of GA4's error table, over a socket; and how its quotas are kept."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from google_pulling import Login, at

from connectors.budget import Budget
from connectors.clock import VirtualClock
from connectors.demo import DemoSource
from connectors.errors import ApiError, ApiRetired, RateLimited, Transient
from connectors.exchange import Meter, Reply, Request
from connectors.fake.ga4 import EXHAUSTED, FakeGa4
from connectors.ga4.errors import PAUSE, TABLE, judge
from connectors.ga4.pace import QUOTAS, Pace
from connectors.http import Http, in_process
from connectors.wire import WireResponse

NOW = datetime(2026, 2, 10, 5, 30, tzinfo=UTC)
PATH = "/v1beta/properties/420042042"
METADATA = Request("GET", f"{PATH}/metadata")
HOUR = datetime(2026, 2, 10, 6, tzinfo=UTC)
MIDNIGHT = datetime(2026, 2, 10, 8, tzinfo=UTC)  # in California


@pytest.fixture(scope="module")
def fake():
    return FakeGa4(DemoSource(days=10).world, VirtualClock(NOW))


@pytest.fixture(scope="module")
def ask(fake):
    """Sends one request over a socket, without a second try."""
    with at(fake) as base:
        http = Http(base, judge=judge, clock=fake.clock, authorizer=Login(), dice=Random(1))
        yield lambda request=METADATA: http.send(request, Budget(fake.clock, failures=0))
        http.close()


def refused(fake, ask, code, **more):
    fake.fail(code, **more)
    with pytest.raises(ApiError) as caught:
        ask()
    return caught.value


@pytest.mark.parametrize("code", TABLE)
def test_each_code_is_its_error(fake, ask, code):
    error = refused(fake, ask, code)
    assert type(error) is TABLE[code].error
    assert str(error).startswith(TABLE[code].advice)
    assert error.code == code


@pytest.mark.parametrize(
    ("code", "retry_at"),
    [
        *((code, HOUR) for code in EXHAUSTED if code not in ("tokensPerDay", "concurrentRequests")),
        ("tokensPerDay", MIDNIGHT),
        ("concurrentRequests", NOW + timedelta(seconds=30)),
        ("RATE_LIMIT_EXCEEDED", NOW + timedelta(minutes=1)),
    ],
)
def test_a_quota_comes_back(fake, ask, code, retry_at):
    assert refused(fake, ask, code).retry_at == retry_at


def test_a_server_in_trouble_is_left_alone_for_a_while(fake, ask):
    assert refused(fake, ask, "INTERNAL").after == PAUSE


def test_an_address_that_is_gone(ask):
    with pytest.raises(ApiRetired, match="Upgrade"):
        ask(Request("POST", "/v1alpha/properties/420042042:runReport", json={}))


@pytest.mark.parametrize(
    ("what", "json", "complaint"),
    [
        (":runReport", {"metrics": [{"name": "clicks"}]}, "Field clicks is not a valid metric"),
        (":runReport", {"dimensions": [{"name": "day"}]}, "Field day is not a valid dimension"),
        (":runReport", {"limit": 250_001}, "The limit"),
        (":runReport", {"pageToken": "x"}, "Unknown name"),
        (":batchRunReports", {"requests": [{}] * 6}, "too many requests"),
    ],
)
def test_the_fake_refuses_what_the_api_refuses(ask, what, json, complaint):
    with pytest.raises(ApiError, match=complaint) as caught:
        ask(Request("POST", PATH + what, json=json))
    assert caught.value.kind == "config"


def test_secrets_that_an_answer_quotes_are_masked(fake, ask):
    error = refused(fake, ask, "PERMISSION_DENIED", message="Bearer secret-token-1 may not")
    assert "secret" not in f"{error} {error!r} {error.args}"


def learn(pace, status=200, **remaining):
    quota = ", ".join(f'"{name}": {{"consumed": 1, "remaining": {count}}}' for name, count in remaining.items())
    body = f'{{"reports": [{{"propertyQuota": {{{quota}}}}}]}}'.encode()
    meter = Meter()
    pace.learn(Reply(status, {}, body, f"https://host{PATH}:batchRunReports", NOW), meter)
    return meter


def held(pace, now=NOW, path=PATH):
    """Seconds that a request is held, or until when."""
    try:
        return pace.delay(Request("POST", f"{path}:batchRunReports"), now)
    except RateLimited as error:
        return error.retry_at


@pytest.mark.parametrize("name", QUOTAS)
def test_of_every_quota_something_is_left(name):
    pace, quota = Pace(), QUOTAS[name]
    assert learn(pace, **{name: quota.reserve}).quota == {name: quota.reserve}
    assert held(pace) == 0.0
    learn(pace, **{name: quota.reserve - 1})
    until = MIDNIGHT if name == "tokensPerDay" else HOUR
    assert held(pace) == until
    assert held(pace, path="/v1beta/properties/7") == 0.0
    assert held(pace, until - timedelta(minutes=5, seconds=1)) == until
    assert held(pace, until - timedelta(minutes=5)) == 300.0
    assert held(pace, until) == held(pace, until + timedelta(hours=1)) == 0.0


def test_of_several_quotas_the_one_that_is_full_again_last_decides():
    pace = Pace()
    learn(pace, tokensPerDay=9, tokensPerHour=8)
    assert held(pace) == MIDNIGHT
    learn(pace, tokensPerDay=8, tokensPerHour=9)
    assert held(pace) == MIDNIGHT


def test_server_errors_end_the_hour_before_they_lock_the_property():
    asked = 0

    def broken(request):
        nonlocal asked
        asked += 1
        return WireResponse(500, b"<html>")

    clock = VirtualClock(NOW)
    http = Http("https://host", judge=judge, clock=clock, pace=Pace(), transport=in_process(broken), dice=Random(1))
    with pytest.raises((RateLimited, Transient)):
        http.send(METADATA, http.budget())
    with pytest.raises(RateLimited):
        http.send(METADATA, http.budget())
    assert asked == 6, "of the ten that lock it"
    clock.sleep((HOUR - NOW).total_seconds())
    with pytest.raises((RateLimited, Transient)):
        http.send(METADATA, http.budget())
    assert asked == 12, "each hour has its own"


def test_an_answer_that_is_cut_says_nothing_of_quotas():
    pace, meter = Pace(), Meter()
    pace.learn(Reply(200, {}, b'{"propertyQuota": {"tokensPer', f"https://host{PATH}:runReport", NOW), meter)
    assert (held(pace), meter.quota) == (0.0, {})
