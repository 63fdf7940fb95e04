"""The Google Ads client against the fake: what it asks, what it takes, what it refuses to take for everything."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from google_ads_api import ACCOUNT, MCC, SOURCE, TRUTH, WHOLE, WORLD, connect
from google_pulling import Login, Recorder, at, everything, pulled, settled
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.clock import VirtualClock
from connectors.errors import AuthError, ConfigError, RateLimited, Truncated
from connectors.fake.faults import flaky
from connectors.fake.google_ads import CLIENT, MANAGER, Customer, FakeGoogleAds
from connectors.google_ads import FIELDS
from connectors.google_ads import client as module
from connectors.google_ads.client import STREAM, GoogleAdsClient
from connectors.slices import Account, Slice


@pytest.fixture
def clock():
    return VirtualClock(SOURCE.now)


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


@pytest.mark.parametrize("length", [1, 2])
def test_pages_that_lead_in_a_circle_are_noticed(clock, length):
    fake, tokens = FakeGoogleAds(WORLD, clock, page_size=100), []

    def circling(request):
        answer = fake(request)
        body = json.loads(answer.body)
        if request.path.endswith(":search"):
            assert len(tokens) < 10, "it is followed for ever"
            tokens.append(tokens[-length] if len(tokens) >= length else body["nextPageToken"])
            body["nextPageToken"] = tokens[-1]
        return replace(answer, body=json.dumps(body).encode())

    with pytest.raises(Truncated, match="circle"):
        pulled(connect(circling, clock), WHOLE, ACCOUNT)


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


@pytest.mark.parametrize("paged", [0, 10**9])
def test_a_login_that_ends_meanwhile_is_renewed(clock, monkeypatch, paged):
    monkeypatch.setattr(module, "PAGED", paged)
    fake = FakeGoogleAds(WORLD, clock, page_size=50, good_for=3)
    login = Login(*(f"secret-token-{n}" for n in range(9)))
    client = connect(fake, clock, login=login)
    for _ in range(2):
        found, proof = pulled(client, WHOLE, ACCOUNT)
        assert (found, proof) == (TRUTH, [len(TRUTH)] * 2)
    assert login.headers() != {"authorization": "Bearer secret-token-0"}


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
