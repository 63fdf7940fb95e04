"""The GA4 client against the fake: a report a day, every row of it, and what the report says against itself."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from google_pulling import Login, Recorder, at, everything, pulled, settled

from connectors.clock import VirtualClock
from connectors.demo import DemoSource
from connectors.errors import ConfigError, PermissionDenied, RateLimited, Truncated
from connectors.fake.faults import flaky
from connectors.fake.ga4 import FakeGa4
from connectors.ga4 import DIMENSIONS, METRICS, REPORTS
from connectors.ga4.client import Ga4Client
from connectors.http import in_process
from connectors.slices import Account, Slice, plan
from connectors.source import STREAMS

SOURCE = DemoSource(days=40, last_day=datetime(2025, 11, 20).date())  # summer time ends on one of its days
WORLD = SOURCE.world
TRUTH = {
    stream: {r.external_id: r for page in SOURCE.pages(STREAMS[stream], since=None, until=SOURCE.now) for r in page}
    for stream in REPORTS
}
TRAFFIC = TRUTH["ga4/traffic"]
PROPERTY = "420042042"
BEGINS, ENDS = (datetime.fromtimestamp(WORLD.calendar.starts[at], UTC) for at in (0, -1))
ACCOUNT = Account(PROPERTY, f"GA4 {PROPERTY}", SOURCE.timezone, SOURCE.currency, BEGINS)
WHOLE = {stream: Slice(stream, PROPERTY, BEGINS, ENDS, "all") for stream in REPORTS}
WEEK = replace(WHOLE["ga4/traffic"], start=ENDS - timedelta(days=7))


@pytest.fixture
def clock():
    return VirtualClock(SOURCE.now)


def connect(app, clock, *, login=None, property_ids=(PROPERTY,)):
    return Ga4Client(
        authorizer=login or Login(),
        property_ids=property_ids,
        clock=clock,
        transport=in_process(app),
        dice=Random(1),
    )


def of_week(rows):
    days = {day.strftime("%Y%m%d") for day in WEEK.dates(SOURCE.timezone)}
    return {key: record for key, record in rows.items() if record.payload["dimensions"]["date"] in days}


def test_every_request_is_as_the_api_wants_it(clock):
    recorder = Recorder(FakeGa4(WORLD, clock))
    with at(recorder) as base:
        client = Ga4Client(
            authorizer=Login(), property_ids=[f"properties/{PROPERTY}"], clock=clock, base_url=base, dice=Random(1)
        )
        (account,) = client.accounts()
        assert account == ACCOUNT
        found, proof = pulled(client, WEEK, account)
    assert (found, proof) == (of_week(TRAFFIC), [len(found)] * 2)

    first_day, *batches = recorder.requests
    for request in recorder.requests:
        assert request.method == "POST"
        assert request.headers["authorization"] == "Bearer secret-token-1"
        assert request.query == {}
    assert first_day.path == f"/v1beta/properties/{PROPERTY}:runReport"
    assert json.loads(first_day.body)["dateRanges"] == [{"startDate": "1120daysAgo", "endDate": "yesterday"}]
    assert {request.path for request in batches} == {f"/v1beta/properties/{PROPERTY}:batchRunReports"}
    asked = [json.loads(request.body)["requests"] for request in batches]
    assert [len(requests) for requests in asked] == [5, 2]
    assert asked[0][0] == {
        "dimensions": [{"name": name} for name in DIMENSIONS],
        "metrics": [{"name": name} for name in METRICS],
        "dateRanges": [{"startDate": "2025-11-14", "endDate": "2025-11-14"}],
        "orderBys": [{"dimension": {"dimensionName": name}} for name in DIMENSIONS],
        "limit": 10_000,
        "offset": 0,
        "returnPropertyQuota": True,
    }


@pytest.mark.parametrize("stream", REPORTS)
@pytest.mark.parametrize("page_size", [1, 7, 10_000])
def test_all_rows_are_there_however_few_come_at_once(clock, stream, page_size):
    client = connect(FakeGa4(WORLD, clock, page_size=page_size, limits={"tokensPerProjectPerHour": 10**6}), clock)
    part = replace(WHOLE[stream], start=ENDS - timedelta(days=7)) if page_size == 1 else WHOLE[stream]
    found, proof = pulled(client, part, ACCOUNT)
    assert found == (of_week(TRUTH[stream]) if page_size == 1 else TRUTH[stream])
    assert proof == [len(found)] * 2


def test_the_plan_is_pulled_whole(clock):
    client = connect(FakeGa4(WORLD, clock), clock)
    (account,) = client.accounts()
    assert everything(client, "ga4/funnel", account, clock) == TRUTH["ga4/funnel"]


def test_a_day_without_visits_is_proven(clock):
    client = connect(FakeGa4(WORLD, clock), clock)
    before = replace(WEEK, start=BEGINS - timedelta(days=2), end=BEGINS)
    assert pulled(client, before, ACCOUNT) == ({}, [0, 0])


def test_a_lost_page_is_missed(clock):
    client = connect(FakeGa4(WORLD, clock, page_size=7, arrange=lambda pages: pages[:-1]), clock)
    with pytest.raises(Truncated, match="rowCount says"):
        pulled(client, WEEK, ACCOUNT)


def test_a_page_that_comes_in_anothers_place_is_missed(clock):
    client = connect(FakeGa4(WORLD, clock, page_size=7, arrange=lambda pages: [0, *pages[:-1]]), clock)
    try:
        found, (least, _) = pulled(client, WEEK, ACCOUNT)
    except Truncated:
        return
    assert len(found) < least


def test_pages_in_any_order_are_all_rows(clock):
    client = connect(FakeGa4(WORLD, clock, page_size=1, arrange=lambda pages: pages[::-1]), clock)
    part = replace(WEEK, start=ENDS - timedelta(days=2))
    found, proof = pulled(client, part, ACCOUNT)
    assert proof == [len(found)] * 2


def test_rows_that_change_while_they_are_read_are_proven_as_a_range(clock):
    fake = FakeGa4(WORLD, clock, page_size=10)

    def growing(request):
        response = fake(request)
        if b'"offset":10' not in request.body:
            return response
        body = json.loads(response.body)
        for report in body["reports"]:
            report["rowCount"] += 1
        return replace(response, body=json.dumps(body).encode())

    found, proof = pulled(connect(growing, clock), WEEK, ACCOUNT)
    assert found == of_week(TRAFFIC)
    assert proof == [len(found), len(found) + 7]


@pytest.mark.parametrize("seed", range(4))
def test_after_every_storm_all_rows_are_there(clock, seed):
    fake = FakeGa4(WORLD, clock, page_size=10)
    fake.fail("concurrentRequests", times=3)
    stormy, faults = flaky(fake, seed, drops=0.3, failures=0.15)
    client = connect(stormy, clock)
    for stream, truth in TRUTH.items():
        assert everything(client, stream, ACCOUNT, clock) == truth
    assert faults() > 5


def test_a_login_that_ends_meanwhile_is_renewed(clock):
    client = connect(FakeGa4(WORLD, clock, good_for=2), clock, login=Login(*(f"secret-token-{n}" for n in range(9))))
    found, proof = pulled(client, WHOLE["ga4/traffic"], ACCOUNT)
    assert (found, proof) == (TRAFFIC, [len(TRAFFIC)] * 2)


def test_what_is_wrong_with_a_report_is_in_each_of_its_rows(clock):
    flags = {
        "dataLossFromOtherRow": True,
        "samplingMetadatas": [{"samplesReadCount": "500000", "samplingSpaceSize": "9000000"}],
        "schemaRestrictionResponse": {"activeMetricRestrictions": [{"metricName": "purchaseRevenue"}]},
    }
    found, _ = pulled(connect(FakeGa4(WORLD, clock, flags=flags), clock), WEEK, ACCOUNT)
    assert found
    for record in found.values():
        assert record.payload.items() >= flags.items()


def test_what_is_withheld_is_the_gap_to_the_funnel(clock):
    client = connect(FakeGa4(WORLD, clock, withheld_below=40), clock)
    rows, _ = pulled(client, WHOLE["ga4/traffic"], ACCOUNT)
    totals, _ = pulled(client, WHOLE["ga4/funnel"], ACCOUNT)
    assert all(record.payload["subjectToThresholding"] for record in rows.values())

    def sessions(records):
        return sum(int(record.payload["metrics"]["sessions"]) for record in records)

    withheld = [r for r in TRAFFIC.values() if int(r.payload["metrics"]["sessions"]) < 40]
    assert sessions(totals.values()) - sessions(rows.values()) == sessions(withheld) > 0


def test_purchases_of_a_day_grow_and_its_sessions_stay(clock):
    client = connect(FakeGa4(WORLD, clock, restated=True), clock)
    early, _ = pulled(client, WEEK, ACCOUNT)
    clock.sleep(90 * 86_400)
    late, _ = pulled(client, WEEK, ACCOUNT)

    def total(found, metric):
        return sum(float(record.payload["metrics"][metric]) for record in found.values())

    assert total(early, "ecommercePurchases") < total(late, "ecommercePurchases")
    assert total(early, "purchaseRevenue") < total(late, "purchaseRevenue")
    assert total(early, "sessions") == total(late, "sessions")
    assert late == of_week(TRAFFIC)


def test_an_account_begins_with_its_first_day_unless_it_is_sampled(clock):
    (account,) = connect(FakeGa4(WORLD, clock), clock).accounts()
    assert account.opened == datetime(2025, 10, 12, tzinfo=ZoneInfo(SOURCE.timezone))
    sampled = FakeGa4(WORLD, clock, flags={"samplingMetadatas": [{"samplesReadCount": "1"}]})
    (account,) = connect(sampled, clock).accounts()
    assert account.opened is None


def test_a_property_without_any_visit_has_nothing_to_pull():
    clock = VirtualClock(BEGINS)
    client = connect(FakeGa4(WORLD, clock), clock)
    (account,) = client.accounts()
    assert plan(client.policies["ga4/traffic"], account, "ga4/traffic", "x", [], clock.now()).slices == []


def test_a_first_day_that_got_lost_is_no_property_without_any_visit(clock):
    fake = FakeGa4(WORLD, clock)

    def losing(request):
        answer = fake(request)
        return replace(answer, body=json.dumps({**json.loads(answer.body), "rows": []}).encode())

    with pytest.raises(Truncated, match="no row of its first day came"):
        connect(losing, clock).accounts()


def test_one_property_leaves_the_others_alone(clock):
    good, bad = connect(FakeGa4(WORLD, clock), clock, property_ids=[PROPERTY, "7"]).accounts()
    assert good.problem is None
    assert "Viewer" in bad.problem


@pytest.mark.parametrize("untold", ["timeZone", "currencyCode"])
def test_a_property_that_was_never_set_up_says_what_to_do_and_stops_no_other(clock, untold):
    fake = FakeGa4(WORLD, clock, property_ids=["7", PROPERTY], untold={"7": untold})
    draft, fine = connect(fake, clock, property_ids=["7", PROPERTY]).accounts()
    assert "Set both in Admin > Property details" in draft.problem
    assert fine == ACCOUNT


def test_a_property_that_cannot_be_read_stops_no_other(clock):
    fake = FakeGa4(WORLD, clock, property_ids=["7", PROPERTY])

    def of_nowhere(request):
        answer = fake(request)
        nowhere = answer.body.replace(SOURCE.timezone.encode(), b"Nowhere/Land")
        return replace(answer, body=nowhere) if "/7:" in request.path else answer

    odd, fine = connect(of_nowhere, clock, property_ids=["7", PROPERTY]).accounts()
    assert "report it" in odd.problem
    assert fine == ACCOUNT


def test_what_stops_every_property_is_raised(clock):
    with pytest.raises(PermissionDenied, match="Viewer"):
        connect(FakeGa4(WORLD, clock), clock, property_ids=["7", "8"]).accounts()


def test_what_is_no_property_is_refused(clock):
    with pytest.raises(ConfigError, match="Property details"):
        connect(FakeGa4(WORLD, clock), clock, property_ids=["G-ABC123"])


def test_the_hours_tokens_are_not_used_up(clock):
    fake = FakeGa4(WORLD, clock, limits={"tokensPerProjectPerHour": 1_480})
    client = connect(fake, clock)
    part = replace(WHOLE["ga4/traffic"], start=ENDS - timedelta(days=28))
    with pytest.raises(RateLimited, match="left of the property's tokensPerProjectPerHour") as caught:
        pulled(client, part, ACCOUNT)
    assert caught.value.retry_at == datetime(2025, 11, 21, 6, tzinfo=UTC)
    assert client.meter.quota["tokensPerProjectPerHour"] > 1_300
    assert settled(client, WEEK, ACCOUNT, clock) == of_week(TRAFFIC)


def test_the_probe_passes(clock):
    found = {finding.name: finding for finding in connect(FakeGa4(WORLD, clock), clock).probe()}
    assert set(found) == {"clock", *(f"{what} {PROPERTY}" for what in ("access", "names", "quota"))}
    assert all(finding.passed for finding in found.values())


def test_the_probe_says_what_is_wrong(clock):
    def without(name):
        fake = FakeGa4(WORLD, clock)

        def answer(request):
            response = fake(request)
            return (
                replace(response, body=response.body.replace(name, b"retired")) if request.method == "GET" else response
            )

        return answer

    client = connect(without(b"purchaseRevenue"), clock)
    assert [f.message for f in client.probe() if f.passed is False] == [
        "GA4 no longer has purchaseRevenue. Upgrade GrowthOS."
    ]

    low = connect(FakeGa4(WORLD, clock, limits={"tokensPerDay": 3_000}), clock)
    assert [f.name for f in low.probe() if f.passed is False] == [f"quota {PROPERTY}"]

    client = connect(FakeGa4(WORLD, VirtualClock(SOURCE.now + timedelta(minutes=6))), clock)
    assert [f.name for f in client.probe() if f.passed is False] == ["clock"]

    access, unclear = connect(FakeGa4(WORLD, clock), clock, property_ids=["7"]).probe()
    assert (access.name, access.passed, unclear.passed) == ("access 7", False, None)
