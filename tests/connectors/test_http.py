"""What every client shares of the wire: what a slice may cost, what nobody may read, what an answer asks for."""

import logging
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.budget import COME_BACK, SLICE_LASTS, Budget
from connectors.clock import VirtualClock
from connectors.errors import AuthError, Bug, RateLimited, Transient
from connectors.exchange import Reply, Request, retry_after
from connectors.fake.serving import serving
from connectors.http import Http, Unpaced, in_process
from connectors.wire import WireResponse

NOW = datetime(2026, 2, 10, 5, 30, tzinfo=UTC)
GET = Request("GET", "/")


class Slow(Unpaced):
    """Lets itself be asked once in four minutes."""

    def delay(self, request, now):
        return 240.0


class Changing:
    """An authorizer whose token is another one every time."""

    def __init__(self):
        self.given = 0

    def headers(self):
        self.given += 1
        return {"authorization": f"Bearer planted-token-{self.given:04}"}

    def renew(self):
        return False


def http(answer, *, judge=lambda reply: None, **more):
    clock = VirtualClock(NOW)
    return Http("https://host", judge=judge, clock=clock, transport=in_process(answer), dice=random.Random(1), **more)


def fine(request):
    return WireResponse(200, b"{}")


def test_pauses_of_any_kind_share_one_deadline():
    api = http(fine, pace=Slow())
    budget = api.budget()
    api.pause(3000.0, budget, "It is still at work.")
    api.send(GET, budget)
    api.send(GET, budget)
    with pytest.raises(RateLimited) as raised:
        api.send(GET, budget)
    assert raised.value.retry_at == api.clock.now() + COME_BACK
    with pytest.raises(RateLimited, match="still at work"):
        api.pause(500.0, budget, "It is still at work.")
    assert api.clock.now() - NOW == timedelta(seconds=api.meter.waited) == timedelta(seconds=3480) < SLICE_LASTS
    api.pause(500.0, api.budget(), "It is still at work.")


def test_waiting_for_failures_to_pass_ends_with_the_slice_too():
    api = http(fine, judge=lambda reply: Transient("busy", after=200.0))
    with pytest.raises(RateLimited, match="busy"):
        api.send(GET, Budget(api.clock, seconds=1e9, failures=10**6))
    assert api.clock.now() - NOW <= SLICE_LASTS


@pytest.mark.parametrize(("seconds", "waits"), [(None, 4), (800.0, 4), (799.9, 3), (0.0, 0)])
@pytest.mark.parametrize("is_limit", [False, True])
def test_waiting_for_failures_to_pass_ends_with_the_budgets_seconds(is_limit, seconds, waits):
    def judge(reply):
        later = RateLimited("busy", retry_at=api.clock.now() + timedelta(seconds=200))
        return later if is_limit else Transient("busy", after=200.0)

    api = http(fine, judge=judge)
    with pytest.raises(RateLimited if is_limit else Transient, match="busy"):
        api.send(GET, Budget(api.clock) if seconds is None else Budget(api.clock, seconds=seconds))
    assert api.meter.requests == waits + 1
    assert 200 * waits <= (api.clock.now() - NOW).total_seconds() <= 201 * waits


@pytest.mark.parametrize(
    "error", [Transient("busy", after=301.0), RateLimited("later", retry_at=NOW + timedelta(seconds=301))]
)
def test_nobody_sleeps_for_longer_than_five_minutes_at_once(error):
    api = http(fine, judge=lambda reply: error)
    with pytest.raises(type(error)):
        api.send(GET, Budget(api.clock, seconds=1e9))
    assert api.clock.now() == NOW


def test_what_is_masked_is_what_was_sent():
    login = Changing()
    said = []

    def quoting(request):
        said.append(request.headers["authorization"])
        return WireResponse(401, request.headers["authorization"].encode())

    api = http(quoting, judge=lambda reply: AuthError(reply.body.decode()), authorizer=login)
    with pytest.raises(AuthError) as raised:
        api.send(GET, api.budget())
    assert str(raised.value) == "Bearer …"
    assert (login.given, said) == (1, ["Bearer planted-token-0001"])


def test_a_refusal_of_what_needs_no_login_renews_none():
    login = Changing()
    login.renew = lambda: pytest.fail("renewed")
    api = http(fine, judge=lambda reply: AuthError("no"), authorizer=login)
    with pytest.raises(AuthError):
        api.send(replace(GET, authorized=False), api.budget())
    assert (login.given, api.meter.requests) == (0, 1)


def test_an_error_that_comes_when_a_stream_has_begun_is_masked():
    def judge(reply):
        return Bug(reply.body.decode()) if reply.status >= 400 else None

    api = http(fine, judge=judge, authorizer=Changing())
    with api.stream(GET) as (head, chunks):
        assert b"".join(chunks) == b"{}"
    assert "planted" not in repr(head)
    with pytest.raises(Bug, match=r"^no …$"):
        api.check(replace(head, status=400, body=b"no planted-token-0001"))


@pytest.mark.parametrize("status", [400, 403, 500])
def test_an_error_is_no_stream(status):
    api = http(lambda request: WireResponse(status, b"gone"), judge=lambda reply: Bug(reply.body.decode()))
    with pytest.raises(Bug, match="gone"), api.stream(GET):
        pytest.fail("it was read")


def test_a_secret_that_begins_with_another_is_masked_whole():
    secrets = frozenset({"planted-token", "planted-token-of-the-app", "planted-token-of"})
    assert Reply(400, {}, b"", "", NOW, secrets).masked("no planted-token-of-the-app") == "no …"


@pytest.mark.parametrize(
    "spelled",
    [
        "1//planted/token=",
        "1%2F%2Fplanted%2ftoken%3D",
        r"1\/\/planted\/token=",
        r"1\\/\\/planted\\\\/token=",
        r"1\u002f\/planted\\u002Ftoken\u003d",
        "MS8vcGxhbnRlZC90b2tlbj0=",
        r"MS8vcGxhbnRlZC90b2tlbj0\u003d",
    ],
)
def test_a_secret_is_masked_however_an_answer_spells_it(spelled):
    reply = Reply(400, {}, b"", "", NOW, frozenset({"1//planted/token="}))
    assert reply.masked(f"no {spelled}, no") == "no …, no"


@pytest.mark.parametrize(
    "signed",
    [
        Request("GET", "https://files.example.com/1?signature=planted-signature"),
        Request("GET", "/1", query={"signature": "planted-signature"}),
    ],
)
def test_a_signed_url_that_an_answer_quotes_is_masked(signed):
    def quoting(request):
        return WireResponse(403, f"<Provided>{request.query['signature']}</Provided>".encode())

    api = http(quoting, judge=lambda reply: Transient(reply.body.decode()))
    with pytest.raises(Transient) as raised:
        api.send(signed, Budget(api.clock, failures=0))
    assert str(raised.value) == "<Provided>…</Provided>"
    broken = http(lambda request: WireResponse(200, b"{}", cut=1))
    with pytest.raises(Transient, match=r"The connection to https://[a-z./1]+ failed") as raised:
        broken.send(signed, Budget(broken.clock, failures=0))


def test_the_libraries_log_no_url_and_no_header(caplog):
    def leading(request):
        return WireResponse(302, b"", {"location": "https://elsewhere.example.com/?token=planted-token-0001"})

    caplog.set_level(logging.DEBUG)
    with serving({"api": leading}) as base:
        api = Http(f"{base}/api", judge=lambda reply: None, clock=VirtualClock(NOW))
        api.send(Request("GET", "/", query={"token": "planted-token-0001"}), api.budget())
        api.close()
    assert "planted" not in caplog.text


def asked(value, **more):
    return retry_after(Reply(429, {"retry-after": value, **more}, b"", "", NOW))


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("120", timedelta(minutes=2)),
        ("0.5", timedelta(seconds=0.5)),
        ("-5", timedelta(0)),
        ("Tue, 10 Feb 2026 05:31:00 GMT", timedelta(minutes=1)),
        ("Tue, 10 Feb 2026 05:31:00 -0000", timedelta(minutes=1)),
        ("Tue, 10 Feb 2026 05:00:00 GMT", timedelta(0)),
        ("1e300", timedelta(days=365)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", timedelta(days=365)),
        ("inf", None),
        ("nan", None),
        ("soon", None),
        ("", None),
    ],
)
def test_the_wait_that_an_answer_asks_for(value, wait):
    assert asked(value) == wait


@pytest.mark.parametrize("hours", [-3, 0, 7])
def test_an_instant_to_wait_for_is_one_of_the_servers_clock(hours):
    server = NOW + timedelta(hours=hours)
    until = format_datetime(server + timedelta(minutes=2), usegmt=True)
    assert asked(until, date=format_datetime(server, usegmt=True)) == timedelta(minutes=2)


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(hours=3), timedelta(days=-2), None])
def test_an_answer_that_is_no_error_tells_how_far_this_clock_is_ahead(ahead):
    dates = [{"date": format_datetime(NOW - timedelta(hours=9), usegmt=True)}]
    dates += [{} if ahead is None else {"date": format_datetime(NOW - ahead, usegmt=True)}]
    answers = iter([*dates, {"date": format_datetime(NOW, usegmt=True)}])
    statuses = iter([200, 200, 502])

    def app(request):
        return WireResponse(next(statuses), b"", next(answers))

    def judge(reply):
        return Bug("busy") if reply.status == 502 else None

    api = Http("http://api", judge=judge, clock=VirtualClock(NOW), transport=in_process(app))
    for _ in range(2):
        api.send(Request("GET", "/"), api.budget())
    with pytest.raises(Bug):
        api.send(Request("GET", "/"), api.budget())
    assert api.meter.ahead == (timedelta(hours=9) if ahead is None else ahead)


@given(st.text() | st.floats().map(str) | st.integers().map("Tue, 10 Feb {} 05:31:00 GMT".format))
@example("Tue, 10 Feb 2026 05:31:00 +9999999")
def test_no_wait_that_is_asked_for_breaks_anything(value):
    wait = asked(value)
    assert wait is None or NOW + wait >= NOW
