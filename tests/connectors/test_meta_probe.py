"""What the probe of Meta finds, and what it tells a person to do."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import pytest
from meta_pulling import ACCOUNT, SOURCE, shop

from connectors.fake.meta import ACCESS_TOKEN
from connectors.fake.meta_insights import GraphError


def found(meta):
    return {finding.name: finding for finding in meta.client.probe()}


def test_all_is_well():
    meta = shop()
    findings = found(meta)
    assert {name: finding.passed for name, finding in findings.items()} == {
        "token": True,
        "scopes": True,
        "clock": True,
        f"account {ACCOUNT.id}": True,
        "access tier": True,
        "version": True,
    }
    assert findings["token"].message == "The token never expires."
    assert "Full access" in findings["access tier"].message


def test_the_token_is_debugged_without_being_in_a_url():
    meta = shop()
    meta.client.probe()
    debug, *_ = meta.requests
    assert (debug.method, debug.path, debug.query) == ("POST", "/v26.0/", {})
    assert f"debug_token?input_token={ACCESS_TOKEN}" in dict(parse_qsl(debug.body.decode()))["batch"]


@pytest.mark.parametrize(("days", "passed"), [(6, False), (8, True)])
def test_a_token_that_ends_soon(days, passed):
    meta = shop()
    meta.fake.expires_at = SOURCE.now + timedelta(days=days)
    finding = found(meta)["token"]
    assert finding.passed is passed
    assert f"{meta.fake.expires_at:%Y-%m-%d}" in finding.message
    assert ("new token" in finding.message) is not passed


def test_a_token_that_may_not_read_ads():
    meta = shop()
    meta.fake.scopes = ["email"]
    finding = found(meta)["scopes"]
    assert finding.passed is False
    assert "ads_read" in finding.message


def test_a_token_of_nobody():
    meta = shop(access_token="another-token-altogether")
    findings = found(meta)
    assert findings["token"].passed is findings["accounts"].passed is False
    assert "growthos connect meta" in findings["token"].message
    assert findings["access tier"].passed is True


@pytest.mark.parametrize(("code", "passed"), [(190, False), (100, None)])
def test_a_token_that_cannot_be_looked_at(code, passed):
    meta = shop()
    meta.fake.batch_failing = [GraphError(code, "You must provide an app access token")]
    finding = found(meta)["token"]
    assert finding.passed is passed
    assert "You must provide" in finding.message


@pytest.mark.parametrize("before", ["Malformed access token ", "x" * 290 + " "])
def test_no_finding_quotes_the_token(before):
    meta = shop()
    meta.fake.batch_failing = [GraphError(190, before + ACCESS_TOKEN)]
    assert ACCESS_TOKEN[:8] not in found(meta)["token"].message


@pytest.mark.parametrize(("skew", "passed"), [(4, True), (6, False), (-6, False)])
def test_a_clock_that_is_wrong(skew, passed):
    meta = shop()
    meta.fake.skew = timedelta(minutes=skew)
    assert found(meta)["clock"].passed is passed


def test_an_account_that_is_not_shared():
    meta = shop(account_ids=(ACCOUNT.id, "99"))
    findings = found(meta)
    assert findings[f"account {ACCOUNT.id}"].passed
    assert findings["account 99"].passed is False


@pytest.mark.parametrize(("year", "passed"), [(2027, True), (2029, False)])
def test_a_version_that_ends(year, passed):
    assert found(shop(start=datetime(year, 6, 1, tzinfo=UTC)))["version"].passed is passed
