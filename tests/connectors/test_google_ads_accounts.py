"""Which accounts a Google Ads login reaches, and what the probe finds of them."""

import json
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from google_ads_api import ACCOUNT, DISABLED, MCC, SOURCE, WHOLE, WORLD, connect
from google_pulling import pulled

from connectors.client import Finding
from connectors.clock import VirtualClock
from connectors.errors import ConfigError, PermissionDenied, Truncated
from connectors.fake.google_ads import CLIENT, MANAGER, Customer, FakeGoogleAds
from connectors.google_ads import SUNSET


@pytest.fixture
def clock():
    return VirtualClock(SOURCE.now)


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


@pytest.mark.parametrize("untold", ["timeZone", "currencyCode"])
def test_an_account_that_was_never_set_up_says_what_to_do_and_stops_no_other(clock, untold):
    draft = Customer("1230000002", "Draft", under=MCC, untold=untold)
    closed = replace(DISABLED, untold=untold)
    fake = FakeGoogleAds(WORLD, clock, customers=(MANAGER, draft, closed, CLIENT))
    accounts = {account.id: account for account in connect(fake, clock).accounts()}
    assert accounts.keys() == {draft.id, closed.id, CLIENT.id}
    assert "Finish it at ads.google.com" in accounts[draft.id].problem
    assert "canceled" in accounts[closed.id].problem
    assert accounts[CLIENT.id] == ACCOUNT


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
