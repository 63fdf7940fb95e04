"""The Google Ads client against the fake: what it asks, what it takes, what it refuses to take for everything."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from google_pulling import Login, Recorder, at, cutting, everything, pulled, settled
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.client import Finding
from connectors.clock import VirtualClock
from connectors.demo import DemoSource
from connectors.errors import AuthError, ConfigError, PermissionDenied, RateLimited, TooBig, Truncated
from connectors.fake.faults import flaky
from connectors.fake.google_ads import CLIENT, MANAGER, Customer, FakeGoogleAds
from connectors.google_ads import FIELDS, SUNSET
from connectors.google_ads import client as module
from connectors.google_ads.client import STREAM, GoogleAdsClient
from connectors.http import in_process
from connectors.slices import Account, Slice
from connectors.source import STREAMS

SOURCE = DemoSource(days=60)
WORLD = SOURCE.world
TRUTH = {r.external_id: r for page in SOURCE.pages(STREAMS[STREAM], since=None, until=SOURCE.now) for r in page}
ACCOUNT = Account(CLIENT.id, CLIENT.name, SOURCE.timezone, SOURCE.currency)
MCC = MANAGER.id
DISABLED = Customer("1230000009", "Closed", under=MCC, status="CANCELED")


@pytest.fixture
def clock():
    return VirtualClock(SOURCE.now)


def connect(app, clock, *, login=None, **told):
    told = {"login_customer_id": MCC, **told}
    return GoogleAdsClient(authorizer=login or Login(), clock=clock, transport=in_process(app), dice=Random(1), **told)


BEGINS, ENDS = (datetime.fromtimestamp(WORLD.calendar.starts[at], UTC) for at in (0, -1))
WHOLE = Slice(STREAM, CLIENT.id, BEGINS, ENDS, "all")


@pytest.fixture
def streaming(monkeypatch):
    monkeypatch.setattr(module, "PAGED", 0)


def test_every_request_is_as_the_api_wants_it(clock):
    recorder = Recorder(FakeGoogleAds(WORLD, clock, page_size=200))
    with at(recorder) as base:
        client = GoogleAdsClient(
            authorizer=Login(), developer_token="developer-secret", clock=clock, base_url=base, dice=Random(1)
        )
        (account,) = client.accounts()
        assert account == ACCOUNT
        found, proof = pulled(client, WHOLE, account)
    assert (found, proof) == (TRUTH, [len(TRUTH)] * 2)

    listing, again, clients, first, second = recorder.requests
    for request in recorder.requests:
        assert request.headers["authorization"] == "Bearer secret-token-1"
        assert request.headers["developer-token"] == "developer-secret"
        assert request.query == {}
    assert (listing.method, listing.path) == ("GET", "/v26/customers:listAccessibleCustomers")
    assert again == listing, "nothing counts them"
    assert "login-customer-id" not in listing.headers
    assert (clients.method, clients.path) == ("POST", f"/v26/customers/{MCC}/googleAds:search")
    assert clients.headers["login-customer-id"] == MCC
    assert json.loads(clients.body)["query"].endswith(" FROM customer_client")
    assert {(r.method, r.path) for r in (first, second)} == {("POST", f"/v26/customers/{CLIENT.id}/googleAds:search")}
    assert {r.headers["login-customer-id"] for r in (first, second)} == {MCC}
    asked = json.loads(first.body)
    assert asked == {
        "query": f"SELECT {', '.join(FIELDS)} FROM campaign WHERE segments.date BETWEEN '2025-12-12' AND '2026-02-09'",
        "searchSettings": {"returnTotalResultsCount": True},
    }
    assert json.loads(second.body) == {**asked, "pageToken": json.loads(second.body)["pageToken"]}


def test_a_stream_is_asked_for_its_summary(clock, streaming):
    recorder = Recorder(FakeGoogleAds(WORLD, clock))
    with at(recorder) as base:
        client = GoogleAdsClient(authorizer=Login(), login_customer_id=MCC, clock=clock, base_url=base, dice=Random(1))
        found, proof = pulled(client, WHOLE, ACCOUNT)
    assert (found, proof) == (TRUTH, [len(TRUTH)] * 2)
    request = recorder.requests[-1]
    assert (request.method, request.path) == ("POST", f"/v26/customers/{CLIENT.id}/googleAds:searchStream")
    assert request.headers["login-customer-id"] == MCC
    assert set(json.loads(request.body)) == {"query", "summaryRowSetting"}
    assert json.loads(request.body)["summaryRowSetting"] == "SUMMARY_ROW_WITH_RESULTS"


@pytest.mark.parametrize("paged", [0, 10**9])
@pytest.mark.parametrize("arrange", [lambda pages: [0, *pages], lambda pages: pages[::-1]], ids=["twice", "backwards"])
def test_pages_that_come_twice_or_in_any_order_are_all_rows(clock, monkeypatch, paged, arrange):
    monkeypatch.setattr(module, "PAGED", paged)
    client = connect(FakeGoogleAds(WORLD, clock, page_size=100, arrange=arrange), clock)
    found, proof = pulled(client, WHOLE, ACCOUNT)
    assert (found, proof) == (TRUTH, [len(TRUTH)] * 2)


def test_a_lost_page_is_missed(clock):
    client = connect(FakeGoogleAds(WORLD, clock, page_size=100, arrange=lambda pages: pages[1:]), clock)
    found, (least, _) = pulled(client, WHOLE, ACCOUNT)
    assert len(found) < least == len(TRUTH)


def test_rows_lost_from_a_stream_are_missed_in_its_sums(clock, streaming):
    client = connect(FakeGoogleAds(WORLD, clock, page_size=100, arrange=lambda pages: pages[1:]), clock)
    with pytest.raises(Truncated, match="summary says") as caught:
        pulled(client, WHOLE, ACCOUNT)
    assert caught.value.code == "SUMMARY_ROW"


def test_no_rows_are_proven(clock):
    empty = Customer("1230000001", "New", under=MCC)
    client = connect(FakeGoogleAds(WORLD, clock, customers=(MANAGER, CLIENT, empty)), clock)
    assert pulled(client, WHOLE, replace(ACCOUNT, id=empty.id)) == ({}, [0, 0])


def test_a_page_token_that_ends_begins_anew(clock):
    client = connect(FakeGoogleAds(WORLD, clock, page_size=100), clock)
    pages = client.pull(WHOLE, ACCOUNT)
    found = {record.external_id for record in next(pages).records}
    clock.sleep(3 * 3600)
    *_, last = rest = list(pages)
    assert found | {record.external_id for page in rest for record in page.records} == set(TRUTH)
    assert last.proof
    assert sum(len(page.records) for page in rest) == len(TRUTH)


def test_tokens_that_never_last_end_the_pull(clock):
    client = connect(FakeGoogleAds(WORLD, clock, page_size=100), clock)
    slowly = (clock.sleep(3 * 3600) for _ in client.pull(WHOLE, ACCOUNT))
    with pytest.raises(Truncated) as caught:
        list(slowly)
    assert caught.value.code == "requestError.EXPIRED_PAGE_TOKEN"


def is_stream(request):
    return request.path.endswith("searchStream")


def test_a_broken_stream_begins_anew(clock, streaming):
    client = connect(cutting(FakeGoogleAds(WORLD, clock), 2, is_stream), clock)
    found, proof = pulled(client, WHOLE, ACCOUNT)
    assert (found, proof) == (TRUTH, [len(TRUTH)] * 2)


def test_a_stream_that_always_breaks_is_split_down_to_days(clock, streaming):
    client = connect(cutting(FakeGoogleAds(WORLD, clock), 10**9, is_stream), clock)
    part = WHOLE
    while len(part.dates(ACCOUNT.timezone)) > 1:
        with pytest.raises(TooBig):
            pulled(client, part, ACCOUNT)
        part = client.split(part, ACCOUNT)[-1]
    with pytest.raises(Truncated):
        pulled(client, part, ACCOUNT)
    assert client.split(part, ACCOUNT) == []


def test_a_stream_without_its_summary_is_not_believed(clock, streaming):
    fake = FakeGoogleAds(WORLD, clock, page_size=100)

    def ending_early(request):
        response = fake(request)
        if not is_stream(request):
            return response
        return replace(response, body=response.body[: response.body.index(b"\n,\r\n")] + b"]")

    client = connect(ending_early, clock)
    with pytest.raises(TooBig, match="without its summary"):
        pulled(client, WHOLE, ACCOUNT)


def test_an_error_in_the_middle_of_a_stream_is_one(clock, streaming):
    fake = FakeGoogleAds(WORLD, clock)

    def failing(request):
        if not is_stream(request):
            return fake(request)
        error = fake.error("queryError.UNRECOGNIZED_FIELD")
        return replace(fake(request), body=b'[{"results":[]},' + error.body + b"]")

    client = connect(failing, clock)
    with pytest.raises(Exception, match="Please report it") as caught:
        pulled(client, WHOLE, ACCOUNT)
    assert caught.value.kind == "bug"


def ending_with(fake, error):
    """The fake, whose streams end with an error."""

    def app(request):
        answer = fake(request)
        return replace(answer, body=b'[{"results":[]},' + error(request).body + b"]") if is_stream(request) else answer

    return app


def test_an_error_in_the_middle_of_a_stream_quotes_no_token(clock, streaming):
    fake = FakeGoogleAds(WORLD, clock)
    denied = "authorizationError.USER_PERMISSION_DENIED"
    app = ending_with(fake, lambda request: fake.error(denied, request.headers["authorization"]))
    with pytest.raises(PermissionDenied, match="Bearer …"):
        pulled(connect(app, clock), WHOLE, ACCOUNT)


def test_a_quota_that_ends_in_the_middle_of_a_stream_is_heeded(clock, streaming):
    fake = FakeGoogleAds(WORLD, clock)
    recorder = Recorder(ending_with(fake, lambda _: fake.error("quotaError.RESOURCE_EXHAUSTED", retry_delay=3600)))
    client = connect(recorder, clock)
    for _ in range(2):
        with pytest.raises(RateLimited) as caught:
            pulled(client, WHOLE, ACCOUNT)
        assert caught.value.retry_at == clock.now() + timedelta(hours=1)
    assert len([request for request in recorder.requests if is_stream(request)]) == 1


@pytest.mark.parametrize("paged", [0, 10**9])
def test_a_login_that_ends_meanwhile_is_renewed(clock, monkeypatch, paged):
    monkeypatch.setattr(module, "PAGED", paged)
    fake = FakeGoogleAds(WORLD, clock, page_size=50, good_for=3)
    client = connect(fake, clock, login=Login(*(f"secret-token-{n}" for n in range(9))))
    for _ in range(2):
        found, proof = pulled(client, WHOLE, ACCOUNT)
        assert (found, proof) == (TRUTH, [len(TRUTH)] * 2)
    assert client.meter.failures


def test_a_dead_login_says_so_and_is_not_quoted(clock):
    client = connect(FakeGoogleAds(WORLD, clock, good_for=0), clock)
    with pytest.raises(AuthError, match="Connect again"):
        client.accounts()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("paged", [0, 10**9])
def test_after_every_storm_all_rows_are_there(clock, monkeypatch, seed, paged):
    monkeypatch.setattr(module, "PAGED", paged)
    fake = FakeGoogleAds(WORLD, clock, page_size=40, arrange=lambda pages: Random(seed).sample(pages, len(pages)))
    fake.fail("quotaError.RESOURCE_TEMPORARILY_EXHAUSTED", times=4, retry_delay=20)
    stormy, faults = flaky(fake, seed, drops=0.3, failures=0.1)
    client = connect(stormy, clock)
    assert everything(client, STREAM, ACCOUNT, clock) == TRUTH
    assert faults() > 3


def test_managers_are_skipped_and_closed_accounts_have_a_problem(clock):
    direct = Customer("1230000002", "Direct")
    closed = Customer("1230000003", "Closed", status="CANCELED")
    deep = Customer("1230000004", "Deep", under="1230000005")
    below = Customer("1230000005", "Below", under=MCC, manager=True)
    fake = FakeGoogleAds(WORLD, clock, customers=(MANAGER, CLIENT, DISABLED, direct, closed, below, deep))
    client = connect(fake, clock, login_customer_id=None)
    accounts = {account.id: account for account in client.accounts()}
    assert set(accounts) == {CLIENT.id, DISABLED.id, direct.id, closed.id, deep.id}
    assert {key for key, account in accounts.items() if account.problem} == {DISABLED.id, closed.id}
    assert "canceled" in accounts[DISABLED.id].problem
    assert "not enabled" in accounts[closed.id].problem
    for usable in (CLIENT.id, direct.id, deep.id):
        pulled(client, WHOLE, accounts[usable])


def test_an_account_that_gets_lost_among_the_others_is_missed(clock):
    fake = FakeGoogleAds(WORLD, clock)

    def losing(request):
        answer = fake(request)
        body = json.loads(answer.body)
        return replace(answer, body=json.dumps({**body, "results": body["results"][1:]}).encode())

    with pytest.raises(Truncated, match="names 1 of the 2 accounts"):
        connect(losing, clock).accounts()


@pytest.mark.parametrize("lists", [1, 2])
def test_an_account_that_one_list_has_lost_the_other_has(clock, lists):
    fake = FakeGoogleAds(WORLD, clock, customers=(MANAGER, CLIENT, Customer("1230000002", "Direct")))
    short = iter([True] * lists)

    def losing(request):
        if request.path.endswith(":listAccessibleCustomers") and next(short, False):
            return fake.reply({"resourceNames": ["customers/1230000002"]})
        return fake(request)

    found = {account.id for account in connect(losing, clock, login_customer_id=None).accounts()}
    assert found == ({"1230000002", CLIENT.id} if lists == 1 else {"1230000002"})


def test_the_accounts_may_be_named(clock):
    fake = FakeGoogleAds(WORLD, clock, customers=(MANAGER, CLIENT, Customer("1230000002", "Other", under=MCC)))
    found = connect(fake, clock, customer_ids=["420-420-4200", "999-999-9999"]).accounts()
    assert [(account.id, bool(account.problem)) for account in found] == [(CLIENT.id, False), ("9999999999", True)]


@pytest.mark.parametrize("told", [{"customer_ids": ["42"]}, {"login_customer_id": "the manager"}])
def test_what_is_no_customer_id_is_refused(clock, told):
    with pytest.raises(ConfigError, match="ten digits"):
        connect(FakeGoogleAds(WORLD, clock), clock, **told)


def test_the_wrong_manager_is_told(clock):
    other = Customer("1230000006", "Other group", manager=True)
    client = connect(FakeGoogleAds(WORLD, clock, customers=(MANAGER, CLIENT, other)), clock, login_customer_id=other.id)
    with pytest.raises(PermissionDenied, match="login_customer_id"):
        pulled(client, WHOLE, ACCOUNT)


def test_a_manager_has_no_figures(clock):
    client = connect(FakeGoogleAds(WORLD, clock), clock)
    with pytest.raises(ConfigError, match="manager"):
        pulled(client, WHOLE, replace(ACCOUNT, id=MCC))


def test_days_before_the_37_months_are_refused(clock):
    client = connect(FakeGoogleAds(WORLD, clock), clock)
    start = datetime(2020, 1, 1, tzinfo=UTC)
    with pytest.raises(ConfigError, match="37 months"):
        pulled(client, Slice(STREAM, CLIENT.id, start, start + timedelta(1), "x"), ACCOUNT)


def test_a_days_quota_is_waited_for_until_tomorrow(clock):
    client = connect(FakeGoogleAds(WORLD, clock, operations_per_day=2), clock)
    part = WHOLE
    for _ in range(2):
        pulled(client, part, ACCOUNT)
    with pytest.raises(RateLimited) as caught:
        pulled(client, part, ACCOUNT)
    tomorrow = datetime(2026, 2, 10, 8, tzinfo=UTC)  # midnight in California
    assert tomorrow <= caught.value.retry_at <= tomorrow + timedelta(seconds=2)
    asked = client.meter.requests
    with pytest.raises(RateLimited):
        pulled(client, part, ACCOUNT)
    assert client.meter.requests == asked, "who was told to wait asks again only then"
    assert settled(client, part, ACCOUNT, clock) == TRUTH


def test_conversions_of_a_day_grow_and_its_cost_stays():
    clock = VirtualClock(SOURCE.now)
    client = connect(FakeGoogleAds(WORLD, clock, restated=True), clock)
    part = WHOLE
    early, later, settled_at_last = (
        (clock.sleep(days * 86_400), pulled(client, part, ACCOUNT)[0])[1] for days in (0, 5, 90)
    )

    def total(found, metric):
        return sum(float(record.payload["metrics"][metric]) for record in found.values())

    assert total(early, "conversions") < total(later, "conversions") < total(settled_at_last, "conversions")
    assert total(early, "costMicros") == total(settled_at_last, "costMicros")
    assert settled_at_last == TRUTH


def test_only_days_that_are_over_are_there():
    clock = VirtualClock(SOURCE.now - timedelta(days=10))
    found = everything(connect(FakeGoogleAds(WORLD, clock), clock), STREAM, ACCOUNT, clock)
    assert max(record.payload["segments"]["date"] for record in found.values()) == "2026-01-30"


def test_the_meter_tells_what_the_queries_took(clock):
    client = connect(FakeGoogleAds(WORLD, clock, page_size=100), clock)
    pulled(client, WHOLE, ACCOUNT)
    assert client.meter.quota["query_resource_consumption"] > 0


def findings(client):
    return {finding.name: finding for finding in client.probe()}


def test_the_probe_passes(clock):
    found = findings(connect(FakeGoogleAds(WORLD, clock), clock))
    assert set(found) == {"login", "accounts", "figures", "clock", "version"}
    assert all(finding.passed for finding in found.values())


def test_the_probe_names_closed_accounts(clock):
    found = findings(connect(FakeGoogleAds(WORLD, clock, customers=(MANAGER, CLIENT, DISABLED)), clock))
    assert "1 can be read; Closed: " in found["accounts"].message


def test_the_probe_says_what_is_wrong():
    client = connect(FakeGoogleAds(WORLD, VirtualClock(SOURCE.now + timedelta(hours=2))), VirtualClock(SOURCE.now))
    assert findings(client)["clock"].passed is False

    late = datetime.combine(SUNSET, time(), UTC) - timedelta(days=30)
    client = connect(FakeGoogleAds(WORLD, VirtualClock(late)), VirtualClock(late))
    assert findings(client)["version"] == Finding(
        "version", False, f"API version v26 of google_ads ends in 30 days, on {SUNSET}: upgrade GrowthOS."
    )

    clock = VirtualClock(SOURCE.now)
    test_account = replace(CLIENT, test=True)
    client = connect(FakeGoogleAds(WORLD, clock, customers=(MANAGER, test_account)), clock)
    assert "Test accounts" in findings(client)["figures"].message

    fake = FakeGoogleAds(WORLD, clock)

    def test_access(request):
        if b"metrics" in request.body:
            return fake.error("authorizationError.CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION")
        return fake(request)

    assert "Explorer access" in findings(connect(test_access, clock))["figures"].message

    fake.fail("SERVICE_DISABLED")
    (only,) = connect(fake, clock).probe()
    assert (only.name, only.passed) == ("login", False)
    assert "APIs & Services" in only.message


def test_what_is_asked_decides_the_slices(clock):
    client = connect(FakeGoogleAds(WORLD, clock), clock)
    assert client.request(STREAM, ACCOUNT) == connect(FakeGoogleAds(WORLD, clock), clock).request(STREAM, ACCOUNT)
    assert client.policies[STREAM].by_day


@settings(max_examples=30)
@given(st.dates(date(2024, 1, 1), date(2026, 12, 1)), st.integers(1, 90), st.sampled_from(["America/New_York", "UTC"]))
def test_halves_are_the_slice_down_to_single_days(first, days, zone):
    account = Account("1", "", zone, "")
    client = connect(FakeGoogleAds(WORLD, VirtualClock(SOURCE.now)), VirtualClock(SOURCE.now))
    bounds = (datetime.combine(day, time(), ZoneInfo(zone)) for day in (first, first + timedelta(days)))
    whole = Slice(STREAM, "1", *bounds, "x")

    def leaves(part):
        halves = client.split(part, account)
        return [leaf for half in halves for leaf in leaves(half)] if halves else [part]

    found = leaves(whole)
    assert [leaf.dates(zone) for leaf in found] == [[day] for day in whole.dates(zone)]
    assert len(found) == days
