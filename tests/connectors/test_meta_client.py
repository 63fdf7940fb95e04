"""What the client of Meta asks, to the letter, and what it makes of the answers, over a real socket."""

import hashlib
import hmac
import json
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meta_pulling import ACCOUNT, LAST_DAY, SOURCE, served, shop, truth

from connectors.budget import COME_BACK, SLICE_LASTS
from connectors.client import Proof
from connectors.errors import AuthError, ConfigError, RateLimited, TooBig, Truncated
from connectors.fake.meta import ACCESS_TOKEN
from connectors.fake.meta_insights import GraphError
from connectors.meta import PAGE_SIZE
from connectors.meta.query import narrower
from connectors.slices import plan

SECRET = "the-app-secret-of-the-demo"
PROOF = hmac.new(SECRET.encode(), ACCESS_TOKEN.encode(), hashlib.sha256).hexdigest()
EDGE = f"/v26.0/act_{ACCOUNT.id}/insights"
STREAMS = ("meta/insights", "meta/adsets", "meta/ads")


def form(request):
    return dict(parse_qsl(request.body.decode()))


def test_few_days_of_campaigns_are_asked_for_at_once():
    with served(app_secret=SECRET) as meta:
        asked = meta.slice(7)
        assert meta.pull(asked) == truth(asked)
        rows, totals = meta.requests
    assert {(r.method, r.path, r.headers["authorization"], r.body) for r in (rows, totals)} == {
        ("GET", EDGE, f"Bearer {ACCESS_TOKEN}", b"")
    }
    since, until = (LAST_DAY - timedelta(6)).isoformat(), LAST_DAY.isoformat()
    assert {**rows.query, "filtering": json.loads(rows.query["filtering"])} == {
        "level": "campaign",
        "time_increment": "1",
        "time_range": json.dumps({"since": since, "until": until}),
        "fields": "account_id,account_currency,campaign_id,campaign_name,spend,impressions,clicks,inline_link_clicks,"
        "reach,frequency,objective,attribution_setting,actions,action_values,purchase_roas",
        "filtering": [
            {
                "field": "campaign.effective_status",
                "operator": "IN",
                "value": ["ACTIVE", "PAUSED", "ARCHIVED", "DELETED", "IN_PROCESS", "WITH_ISSUES"],
            }
        ],
        "use_unified_attribution_setting": "true",
        "action_attribution_windows": '["1d_click", "7d_click", "28d_click", "1d_view"]',
        "action_breakdowns": '["action_type"]',
        "limit": "500",
        "appsecret_proof": PROOF,
    }
    assert totals.query == {
        "level": "account",
        "time_increment": "1",
        "time_range": rows.query["time_range"],
        "fields": "spend,impressions,clicks",
        "limit": "500",
        "appsecret_proof": PROOF,
    }


def test_more_is_a_report_that_is_waited_for():
    with served(app_secret=SECRET) as meta:
        meta.fake.report_seconds = 60
        asked, started = meta.slice(30), meta.clock.now()
        assert meta.pull(asked) == truth(asked)
        made, *polls, results, totals = meta.requests
        waits = [5, 7.5, 11.25, 16.875, 25.3125]
        assert meta.clock.now() - started == timedelta(seconds=sum(waits))
        assert meta.client.meter.waited == sum(waits)
    assert (made.method, made.path, made.query) == ("POST", EDGE, {})
    assert made.headers["content-type"] == "application/x-www-form-urlencoded"
    assert form(made)["appsecret_proof"] == PROOF
    assert form(made)["time_range"] == json.dumps({"since": "2026-01-11", "until": "2026-02-09"})
    assert "limit" not in form(made)
    (run,) = {poll.path for poll in polls}
    assert [(poll.method, poll.query) for poll in polls] == [
        (
            "GET",
            {
                "fields": "async_status,async_percent_completion,error_code,error_subcode,error_message,error_user_msg",
                "appsecret_proof": PROOF,
            },
        )
    ] * len(waits)
    assert (results.path, results.query) == (f"{run}/insights", {"limit": "500", "appsecret_proof": PROOF})
    assert totals.path == EDGE


@pytest.mark.parametrize("stream", STREAMS)
def test_a_stream_comes_whole(stream):
    meta = shop()
    (account,) = meta.client.accounts()
    planned = plan(
        meta.client.policies[stream], account, stream, meta.client.request(stream, account), [], meta.clock.now()
    ).slices
    rows = {key: row for asked in planned for key, row in meta.pull(asked).items()}
    whole = {r.external_id: r.payload for page in SOURCE.pages(of(stream), since=None, until=SOURCE.now) for r in page}
    assert rows == whole


def of(stream):
    return next(known for known in SOURCE.streams if known.key == stream)


def test_pages_are_followed_until_none_follows_and_never_by_the_url_with_the_token(monkeypatch):
    monkeypatch.setattr("connectors.meta.reports.PAGE_SIZE", 40)
    with served() as meta:
        asked = meta.slice(30)
        assert meta.pull(asked) == truth(asked)
        pages = [request.query for request in meta.requests if request.path.startswith("/v26.0/60")]
        pages = [query for query in pages if "limit" in query]
    assert len(pages) == 3
    assert [len(query) for query in pages] == [1, 2, 2]
    assert len({query.get("after") for query in pages}) == 3


def test_smaller_pages_where_meta_asks_for_them():
    meta = shop()
    meta.fake.largest_page = 60
    asked = meta.slice(30)
    assert meta.pull(asked) == truth(asked)
    limits = [request.query["limit"] for request in meta.requests if request.path.startswith("/v26.0/60") and
              "limit" in request.query]  # fmt: skip
    assert limits[:4] == ["500", "250", "125", "62"]
    assert limits[4] == "31"


def test_pages_that_can_get_no_smaller_are_too_big():
    meta = shop()
    meta.fake.largest_page = 5
    with pytest.raises(TooBig, match="reduce the amount of data"):
        meta.pull(meta.slice(3))


@pytest.mark.parametrize("ending", ["Job Failed", "Job Skipped"])
def test_a_report_that_fails_is_asked_for_once_more(ending):
    meta = shop()
    asked = meta.slice(30)
    meta.fake.report_ends = [ending]
    assert meta.pull(asked) == truth(asked)
    meta.fake.report_ends = [ending, ending]
    with pytest.raises(TooBig, match="and again"):
        meta.pull(asked)


@pytest.mark.parametrize("ends", ["Job Completed", "Job Failed"])
def test_reports_are_not_waited_for_longer_than_a_slice_lasts(ends):
    meta = shop()
    meta.fake.report_seconds = 3000.0 if ends == "Job Failed" else 1e6
    meta.fake.report_ends = [ends]
    started = meta.clock.now()
    with pytest.raises(RateLimited, match="still at work") as raised:
        meta.pull(meta.slice(30))
    assert SLICE_LASTS - timedelta(minutes=1) < meta.clock.now() - started <= SLICE_LASTS
    assert raised.value.retry_at == meta.clock.now() + COME_BACK


def test_splitting_does_not_wait_for_ever_either():
    meta = shop()
    meta.fake.report_seconds = 1e6
    started = meta.clock.now()
    with pytest.raises(RateLimited, match="still at work"):
        meta.client.split(meta.slice(1), ACCOUNT)
    assert meta.clock.now() - started <= SLICE_LASTS


def test_all_done_is_not_completed():
    meta = shop()
    meta.fake.report_seconds = 13
    asked = meta.slice(30)
    assert meta.pull(asked) == truth(asked)  # at 12.5 s it is 100 % complete, and running
    assert len([r for r in meta.requests if "async_status" in r.query.get("fields", "")]) == 3


def test_days_without_delivery_are_a_proven_nothing():
    meta = shop()
    long_before = SOURCE.world.calendar.first_day - timedelta(30)
    for days in (3, 20):
        *pages, last = meta.client.pull(meta.slice(days, last=long_before), ACCOUNT)
        assert [page.records for page in pages] == [[]]
        assert last.proof == Proof.exactly(0, "spend, impressions, clicks of each day, as the account says")


def test_what_was_deleted_still_counts():
    meta = shop(statuses={0: "DELETED", 1: "ARCHIVED"})
    asked = meta.slice(7)
    assert meta.pull(asked) == truth(asked)


@pytest.mark.parametrize("skipped", [1, 2])
@pytest.mark.parametrize("days", [7, 30])
def test_a_lost_page_is_noticed(monkeypatch, skipped, days):
    monkeypatch.setattr("connectors.meta.reports.PAGE_SIZE", 10)
    meta = shop()
    meta.fake.skipped = skipped
    with pytest.raises(Truncated, match=r"rows of 2026-.* add up to spend .*, and its account says spend"):
        meta.pull(meta.slice(days))


def test_the_same_page_for_ever_is_noticed(monkeypatch):
    monkeypatch.setattr("connectors.meta.reports.PAGE_SIZE", 10)
    meta = shop()
    meta.fake.repeated = 100
    with pytest.raises(Truncated, match="circle"):
        meta.pull(meta.slice(7))


# splitting


@pytest.mark.parametrize(("stream", "cells"), [("meta/insights", 14), ("meta/adsets", 16), ("meta/ads", 35)])
def test_what_is_too_big_is_split_until_it_is_not_and_stays_whole(stream, cells):
    meta = shop()
    meta.fake.most_cells = cells
    asked = meta.slice(3, stream)
    rows, parts = meta.land(asked)
    assert rows == truth(asked)
    assert len({part.id for part in parts}) == len(parts) > 3
    assert any(part.part.get("fields") == "apart" for part in parts)
    assert {part.request for part in parts} == {asked.request}


def test_days_are_halved_first_then_campaigns_are_named_then_ad_sets_then_fields_asked_for_apart():
    meta = shop()

    def split(part):
        return [smaller.part for smaller in meta.client.split(part, ACCOUNT)]

    halves = meta.client.split(meta.slice(3, "meta/ads"), ACCOUNT)
    assert [(half.end - half.start).days for half in halves] == [1, 2]
    (day, *_) = halves
    *chunks, others = split(day)
    assert all(set(chunk) == {"campaign.id"} for chunk in chunks)
    found = [number for chunk in chunks for number in chunk["campaign.id"].split(",")]
    assert sorted(found) == [str(120_210_000_000_000_000 + number) for number in range(4)]
    assert others == {"not campaign.id": ",".join(found)}
    one = meta.slice(1, "meta/ads", **{"campaign.id": found[0]})
    *adsets, rest = split(one)
    assert [set(part) for part in adsets] == [{"campaign.id", "adset.id"}] * 2
    assert set(rest) == {"campaign.id", "not adset.id"}
    smallest = meta.slice(1, "meta/ads", **adsets[0])
    assert split(smallest) == [{**adsets[0], "fields": "apart"}]
    assert split(meta.slice(1, "meta/ads", **adsets[0], fields="apart")) == []


@given(st.sets(st.integers(1, 10**6), min_size=1), st.integers(1, 60))
def test_smaller_parts_name_everything_once_and_all_others(numbers, most):
    found = sorted(map(str, numbers))
    *chunks, others = narrower({"campaign.id": "7"}, "adset", found, most)
    named = [number for chunk in chunks for number in chunk["adset.id"].split(",")]
    assert named == others["not adset.id"].split(",") == found
    assert all(0 < chunk["adset.id"].count(",") + 1 <= min(most, -(-len(found) // 2)) for chunk in chunks)
    assert {part["campaign.id"] for part in (*chunks, others)} == {"7"}
    assert all(len(part) == 2 for part in (*chunks, others))


def test_fields_that_are_asked_for_apart_are_one_row_again():
    meta = shop()
    asked = meta.slice(2, fields="apart")
    assert meta.pull(asked) == truth(asked)
    fields = [form(request)["fields"] for request in meta.requests if request.method == "POST"]
    assert ["actions" in names for names in fields] == [False, True]
    assert ["reach" in names for names in fields] == [True, False]


# accounts and policies


def test_every_account_of_the_token_page_by_page(monkeypatch):
    monkeypatch.setattr("connectors.meta.reports.PAGE_SIZE", 2)
    with served() as meta:
        meta.fake.empty_accounts = ["11", "12", "13"]
        found = meta.client.accounts()
        first, second = meta.requests
    assert [account.id for account in found] == [ACCOUNT.id, "11", "12", "13"]
    assert found[0].timezone == "America/New_York"
    assert found[0].currency == "USD"
    assert found[0].opened == datetime.fromtimestamp(SOURCE.world.calendar.starts[0], UTC)
    assert first.path == second.path == "/v26.0/me/adaccounts"
    assert first.query == {
        "fields": "account_id,name,currency,timezone_name,created_time",
        "summary": "true",
        "limit": "2",
    }


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize("times", [1, 2])
def test_an_account_on_a_lost_page_is_found_or_missed(monkeypatch, counts, times):
    monkeypatch.setattr("connectors.meta.reports.PAGE_SIZE", 1)
    meta = shop()
    meta.fake.empty_accounts, meta.fake.counts_accounts, meta.fake.skipped = ["11"], counts, 1
    if times == 2:
        pages = meta.fake._page
        monkeypatch.setattr(meta.fake, "_page", lambda *asked: setattr(meta.fake, "skipped", 1) or pages(*asked))
    found = [account for account in meta.client.accounts() if not account.problem]
    problems = [account.problem for account in meta.client.accounts() if account.problem]
    assert [account.id for account in found] == [ACCOUNT.id, *(["11"] if times == 1 else [])]
    assert [problem for problem in problems if "counts 1 more" in problem] == problems
    assert len(problems) == int(counts and times == 2), "lost every time, and nobody counts them"


def test_an_account_that_cannot_be_reached_says_what_to_do_and_stops_no_other():
    meta = shop(account_ids=("act_99", "12", ACCOUNT.id))
    meta.fake.empty_accounts = ["12"]
    meta.fake.hidden_accounts = {"12"}
    unknown, hidden, fine = meta.client.accounts()
    assert unknown.id == "99"
    assert "View performance" in unknown.problem
    assert "NOT grant" in hidden.problem
    assert (fine.id, fine.problem) == (ACCOUNT.id, None)


@pytest.mark.parametrize("ids", [(), (ACCOUNT.id, "11")])
@pytest.mark.parametrize("untold", ["timezone_name", "currency"])
def test_an_account_that_was_never_set_up_says_what_to_do_and_stops_no_other(ids, untold):
    meta = shop(account_ids=ids)
    meta.fake.empty_accounts, meta.fake.untold = ["11"], untold
    fine, draft = meta.client.accounts()
    assert (fine.id, fine.problem) == (ACCOUNT.id, None)
    assert draft.id == "11"
    assert "Finish its set-up in Ads Manager" in draft.problem


@pytest.mark.parametrize("untold", ["created_time", "name"])
def test_an_account_is_read_without_what_it_can_do_without(untold):
    meta = shop()
    meta.fake.empty_accounts, meta.fake.untold = ["11"], untold
    assert [(account.id, account.problem) for account in meta.client.accounts()] == [(ACCOUNT.id, None), ("11", None)]


def test_a_dead_token_is_no_accounts_problem():
    meta = shop(account_ids=(ACCOUNT.id,))
    meta.fake.dies_after = 0
    with pytest.raises(AuthError, match="has expired"):
        meta.client.accounts()


def test_an_account_is_a_number():
    with pytest.raises(ConfigError, match="act_1234567890"):
        shop(account_ids=("my shop",))


@pytest.mark.parametrize("today", [date(2026, 3, 31), date(2026, 3, 1), date(2028, 2, 29), date(2027, 12, 31)])
@pytest.mark.parametrize("stream", STREAMS)
def test_the_oldest_slice_is_never_beyond_what_meta_keeps(today, stream):
    now = datetime(today.year, today.month, today.day, 12, tzinfo=UTC)
    meta = shop(start=now)
    first, *_ = plan(
        meta.client.policies[stream], ACCOUNT, stream, meta.client.request(stream, ACCOUNT), [], now
    ).slices
    assert meta.pull(first) == {}
    with pytest.raises(ConfigError, match="37 months"):
        meta.pull(meta.slice(1, stream, last=(first.start - timedelta(days=5)).date()))


def test_what_a_stream_asks_for_has_a_hash_of_its_own():
    client = shop().client
    assert len({client.request(stream, ACCOUNT) for stream in STREAMS}) == len(STREAMS)
    assert client.request("meta/ads", ACCOUNT) == shop().client.request("meta/ads", ACCOUNT)


def test_a_page_has_as_many_rows_as_meta_gives():
    meta = shop()
    meta.pull(meta.slice(7, "meta/ads"))
    assert {r.query["limit"] for r in meta.requests if "limit" in r.query} == {str(PAGE_SIZE)}


# secrets


def test_no_secret_is_in_a_url_an_error_or_a_repr():
    with served(app_secret=SECRET) as meta:
        meta.client.probe()
        rows = meta.pull(meta.slice(10))
        meta.fake.failing = [GraphError(190, f"Malformed access token {ACCESS_TOKEN}")]
        with pytest.raises(AuthError) as refused:
            meta.client.accounts()
        urls = [f"{request.path} {dict(request.query)}" for request in meta.requests]
    told = [*urls, repr(meta.client), repr(meta.client.meter), repr(refused.value), str(vars(refused.value)), str(rows)]
    assert len(urls) > 5
    for text in told:
        assert ACCESS_TOKEN not in text
        assert SECRET not in text
