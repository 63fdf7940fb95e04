"""`growthos sync`, `slices`, `restated`: what was pulled, how that is known, and what is missing."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from cli_command import Command

from connectors.fake import demo
from connectors.wire import WireRequest, WireResponse
from growthos_assets import connections
from growthos_assets.demo import ensure_tenant
from growthos_assets.loading import warehouse
from warehouse import credentials, tenants
from warehouse.contract import polars_schema
from warehouse.errors import UnknownCredential
from warehouse.ops import SyncSlices

DAYS = ("--since", "2026-02-01", "--until", "2026-02-03")


@pytest.fixture
def acme(database_with_runs: str) -> str:
    warehouse()
    return ensure_tenant("acme").tenant_id


def test_a_sync_says_what_came_and_how_that_is_known(acme: str, growthos: Command) -> None:
    done = growthos("sync", "--tenant", acme, "--source", "shopify", *DAYS, "--format", "json")
    assert done.code == 0
    told = done.document
    assert told["complete"]
    assert set(told["streams"]) == {"shopify/orders", "shopify/customers", "shopify/products"}
    orders = told["streams"]["shopify/orders"]
    assert orders["rows_expected"] == orders["rows_in"] == orders["rows_out"] > 0
    assert orders["slices"] == orders["slices_verified"] == 1

    shown = growthos("sync", "--tenant", acme, "--source", "shopify", *DAYS)
    assert shown.code == 0
    assert "1 of 1" in shown.out

    book = growthos("slices", "--tenant", acme, "--format", "json").document
    assert {row["state"] for row in book["slices"]} == {"verified"}
    assert len(book["slices"]) == 6
    assert growthos("slices", "--tenant", acme, "--failed", "--format", "json").document["slices"] == []

    nothing = growthos("restated", "shopify/orders", "--tenant", acme)
    assert nothing.code == 0
    assert "has changed nothing" in nothing.out


def test_what_is_missing_is_said_and_is_exit_code_1(
    acme: str, growthos: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    apis = demo.apis
    body = b'{"error": {"message": "The token has expired", "type": "OAuthException", "code": 190}}'

    def refusing(request: WireRequest) -> WireResponse:
        return WireResponse(400, body)

    monkeypatch.setattr(demo, "apis", lambda *args: {**apis(*args), "meta": refusing})
    done = growthos("sync", "--tenant", acme, "--source", "meta", *DAYS)
    assert done.code == 1
    assert "growthos connect meta" in done.err.replace("\n", " ")
    failed = growthos("slices", "--tenant", acme, "--failed", "--format", "json").document["slices"]
    assert {row["error_kind"] for row in failed} == {"auth"}
    assert growthos("sync", "--tenant", acme, "--source", "ga4", *DAYS).code == 0


def test_a_restated_value_is_shown_with_what_it_was(
    acme: str, growthos: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    growthos("sync", "--tenant", acme, "--source", "google_ads", *DAYS)
    real = demo.FakeGoogleAds
    monkeypatch.setattr(demo, "FakeGoogleAds", lambda *args: real(*args, restated=True))
    growthos("sync", "--tenant", acme, "--source", "google_ads", *DAYS)
    told = growthos("restated", "google_ads/insights", "--tenant", acme, "--format", "json").document["restated"]
    assert {row["field"] for row in told} >= {"metrics.conversions", "metrics.conversionsValue"}
    assert all(row["old"] != row["new"] for row in told)


def test_an_account_that_no_login_reaches_any_more_is_missed_until_it_is_forgotten(
    acme: str, growthos: Command
) -> None:
    day = datetime(2026, 1, 1, tzinfo=UTC)
    row = {
        "pull_id": "1", "slice_id": "1", "source": "google_ads", "stream": "insights", "account": "1230000009",
        "start_at": day - timedelta(days=9), "end_at": day, "request_hash": "r", "part": "{}", "state": "verified",
        "attempts": 1, "api_version": "v26", "planned_at": day, "started_at": day,
    }  # fmt: skip
    with warehouse().as_tenant(acme) as transaction:
        frame = pl.DataFrame([row], schema=polars_schema(SyncSlices))
        warehouse().replace(transaction, SyncSlices, frame, keep_others=True)
    ads = ("google_ads", "--account", "1230000009", "--tenant", acme, "--yes")

    done = growthos("sync", "--tenant", acme, "--source", "google_ads", *DAYS)
    assert done.code == 1
    assert "1230000009: It was read up to 2026-01-01" in " ".join(done.err.split())
    assert growthos("connections", "forget", *ads).code == 0
    assert growthos("sync", "--tenant", acme, "--source", "google_ads", *DAYS).code == 0
    again = growthos("connections", "forget", *ads)
    assert again.code == 2
    assert "Nothing was ever read of account 1230000009" in " ".join(again.err.split())
    shop = growthos("connections", "forget", "shopify", "--account", "1", "--tenant", acme, "--yes")
    assert shop.code == 2, "of a shop it would be forgotten that its records are not another one's"
    assert "is never missed" in " ".join(shop.err.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("sync", "--source", "tiktok"), "There is no source 'tiktok'"),
        (("restated", "meta/nothing"), "There is no stream 'meta/nothing'"),
        (("sync", "--since", "yesterday"), "does not match"),
        (("sync", "--since", "2026-02-02", "--until", "2026-02-01"), "--until is a day before --since"),
    ],
)
def test_what_cannot_be_asked_for_is_exit_code_2(
    acme: str, growthos: Command, arguments: tuple[str, ...], said: str
) -> None:
    done = growthos(*arguments, "--tenant", acme)
    assert done.code == 2
    assert said in " ".join(done.err.replace("│", " ").split())


def test_a_tenant_without_a_connection_is_told_how_to_make_one(shop: str, growthos: Command) -> None:
    for named, said in (
        ((), f"Nothing of {shop} is connected, so there is nothing to pull. Connect its shop, growthos connect"),
        (("--source", "google_ads"), f"{shop} is not connected to google_ads: growthos connect google-ads -"),
    ):
        done = growthos("sync", "--tenant", shop, *named, "--format", "json")
        assert (done.code, done.out) == (2, "")
        assert said in done.err

    credentials.store(warehouse(), shop, "ga4", "default", b"{}", "working")
    connections.require(tenants.get(shop), ["ga4"])
    with pytest.raises(UnknownCredential, match="not connected to meta: growthos connect meta"):
        connections.require(tenants.get(shop), ["ga4", "meta"])


def test_a_demo_tenant_has_nothing_to_pull_where_demos_are_off(
    acme: str, growthos: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEMO_MODE", "off")
    done = growthos("sync", "--tenant", acme)
    assert done.code == 2
    assert "DEMO_MODE is off" in done.err
