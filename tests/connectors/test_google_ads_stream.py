"""Google Ads' streams against the fake: their summary is the proof, and what breaks off is not believed."""

import json
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from google_ads_api import ACCOUNT, MCC, SOURCE, TRUTH, WHOLE, WORLD, connect, is_stream
from google_pulling import Login, Recorder, at, cutting, pulled

from connectors.clock import VirtualClock
from connectors.errors import PermissionDenied, RateLimited, TooBig, Truncated
from connectors.fake.google_ads import CLIENT, FakeGoogleAds
from connectors.google_ads import client as module
from connectors.google_ads.client import GoogleAdsClient


@pytest.fixture
def clock():
    return VirtualClock(SOURCE.now)


@pytest.fixture
def streaming(monkeypatch):
    monkeypatch.setattr(module, "PAGED", 0)


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


def test_rows_lost_from_a_stream_are_missed_in_its_sums(clock, streaming):
    client = connect(FakeGoogleAds(WORLD, clock, page_size=100, arrange=lambda pages: pages[1:]), clock)
    with pytest.raises(Truncated, match="summary says") as caught:
        pulled(client, WHOLE, ACCOUNT)
    assert caught.value.code == "SUMMARY_ROW"


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
