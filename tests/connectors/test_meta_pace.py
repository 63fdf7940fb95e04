"""How Meta's headers slow the client down: the worst of them, for whom they are about, for as long as they say."""

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meta_pulling import ACCOUNT, SOURCE, shop, truth

from connectors.errors import RateLimited
from connectors.exchange import Meter, Reply, Request
from connectors.meta.pace import Pace, readings

NOW = SOURCE.now
ONE, OTHER = Request("GET", "/v26.0/act_1/insights"), Request("GET", "/v26.0/act_2/insights")
RUN = Request("GET", "/v26.0/6023920149050")


def told(request=ONE, at=NOW, status=200, **headers):
    encoded = {f"x-{name.replace('_', '-')}": json.dumps(value) for name, value in headers.items()}
    return Reply(status, encoded, b"{}", f"https://graph.facebook.com{request.path}", at)


def business(*entries):
    return {"77": [{"type": "ads_insights", **entry} for entry in entries]}


def delay(*replies, request=ONE, now=NOW):
    pace, meter = Pace(), Meter()
    for reply in replies:
        pace.learn(reply, meter)
    return pace.delay(request, now)


@pytest.mark.parametrize(("percent", "seconds"), [(0, 0), (75, 0), (80, 5), (89, 14), (90, 60), (100, 60)])
def test_slower_from_three_quarters_and_a_pause_from_nine_tenths(percent, seconds):
    assert delay(told(fb_ads_insights_throttle={"acc_id_util_pct": percent})) == seconds


@pytest.mark.parametrize(
    "headers",
    [
        {"business_use_case_usage": business({"call_count": 1}, {"total_time": 95}, {"total_cputime": 2})},
        {"business_use_case_usage": {**business({"call_count": 2}), "78": [{"call_count": 95}]}},
        {"app_usage": {"call_count": 3, "total_cputime": 95, "total_time": 1}},
        {"ad_account_usage": {"acc_id_util_pct": 95.5}},
        {"fb_ads_insights_throttle": {"app_id_util_pct": 95, "acc_id_util_pct": 0}},
    ],
)
def test_the_worst_of_all_entries_counts(headers):
    assert delay(told(**headers)) == 60
    assert delay(told(status=400, **headers)) == 60


def test_one_header_counts_minutes_and_the_other_seconds():
    minutes = {"business_use_case_usage": business({"call_count": 100, "estimated_time_to_regain_access": 3})}
    assert delay(told(**minutes)) == 180
    assert delay(told(ad_account_usage={"acc_id_util_pct": 99, "reset_time_duration": 180})) == 180
    assert delay(told(ad_account_usage={"acc_id_util_pct": 9.7, "reset_time_duration": 180})) == 0


def test_a_long_wait_is_no_sleep():
    blocked = told(business_use_case_usage=business({"call_count": 100, "estimated_time_to_regain_access": 47}))
    with pytest.raises(RateLimited, match="ad account 1 in again at") as raised:
        delay(blocked)
    assert raised.value.retry_at == NOW + timedelta(minutes=47)
    assert delay(blocked, now=NOW + timedelta(minutes=47)) == 0


def test_an_account_that_is_blocked_holds_up_no_other_and_the_app_everybody():
    blocked = told(business_use_case_usage=business({"call_count": 100, "estimated_time_to_regain_access": 47}))
    assert delay(blocked, request=OTHER) == 0
    assert delay(blocked, request=RUN) == 0
    full = told(app_usage={"call_count": 97})
    assert [delay(full, request=request) for request in (ONE, OTHER, RUN)] == [60] * 3


def test_a_bucket_that_stays_full_is_left_alone():
    full = {"ad_account_usage": {"acc_id_util_pct": 95}}
    replies = [told(at=NOW + timedelta(minutes=minute), **full) for minute in range(17)]
    assert delay(*replies[:16], now=replies[15].at) == 60
    with pytest.raises(RateLimited):
        delay(*replies, now=replies[16].at)
    relieved = told(at=replies[15].at, ad_account_usage={"acc_id_util_pct": 10})
    assert delay(*replies[:15], relieved, replies[16], now=replies[16].at) == 60


@pytest.mark.parametrize("text", ["", "nonsense", "[]", '"x"', "null"])
def test_a_header_that_cannot_be_read_says_nothing(text):
    assert list(readings({"x-app-usage": text, "x-business-use-case-usage": text}, None)) == []


@given(st.lists(st.floats(0, 100), min_size=1), st.floats(0, 30))
def test_never_faster_for_a_fuller_bucket(percents, more):
    def seconds(extra):
        entries = [{"call_count": min(100, percent + extra)} for percent in percents]
        return delay(told(business_use_case_usage=business(*entries)))

    assert seconds(more) >= seconds(0)


def test_what_is_left_is_on_the_meter():
    meta = shop()
    meta.pull(meta.slice(5))
    assert meta.client.meter.quota == {"tier": "standard_access", "app": 1.0, ACCOUNT.id: 0.0}


def test_a_small_bucket_is_kept_to_and_nothing_is_lost():
    statuses = set()

    def watched(app):
        def answer(request):
            response = app(request)
            statuses.add(response.status)
            return response

        return answer

    meta = shop(behind=watched)
    meta.fake.points_an_hour = 60
    asked = [meta.slice(7, last=last) for last in days(8)]
    assert [meta.pull(part) for part in asked] == [truth(part) for part in asked]
    for part in asked * 4:
        meta.land(part)
    assert statuses == {200}, "never refused"
    assert meta.client.meter.waited > 60


def test_a_bucket_that_others_have_emptied_is_waited_for_until_meta_says():
    meta = shop()
    meta.fake.points_an_hour = 3600
    meta.fake.spend(3600)
    started = meta.clock.now()
    with pytest.raises(RateLimited) as raised:
        meta.pull(meta.slice(7))
    assert started + timedelta(minutes=5) < raised.value.retry_at < started + timedelta(hours=1)
    meta.clock.sleep((raised.value.retry_at - meta.clock.now()).total_seconds())
    assert meta.pull(meta.slice(7)) == truth(meta.slice(7))


def days(count):
    return [SOURCE.last_day - timedelta(7 * step) for step in range(count)]
