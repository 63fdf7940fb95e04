"""The raw assets over the APIs' own clients: what the fakes tell is here, and what is missing is said."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import msgspec
import polars as pl
import pytest
from graph_runs import Graph

from connectors.clock import VirtualClock
from connectors.demo import DemoSource
from connectors.fake import demo
from connectors.fake.serving import serving
from connectors.ga4.client import Ga4Client
from connectors.shopify import client
from connectors.slices import Account
from connectors.source import STREAMS
from connectors.wire import App, WireRequest, WireResponse
from growthos_assets import connections, load, resources, running
from growthos_assets.demo import ensure_tenant
from growthos_assets.loading import warehouse
from warehouse import credentials, proofs, tenants, versions

STREAM_ASSETS = [f"raw/{name.replace('/', '_')}" for name in STREAMS]
BRAND = DemoSource()


def refuse(code: int, message: str) -> App:
    """An API that says no to everything, as Meta does."""
    body = msgspec.json.encode({"error": {"message": message, "type": "OAuthException", "code": code}})
    return lambda request: WireResponse(400, body)


@pytest.fixture
def demo_database(request: pytest.FixtureRequest) -> str:
    """The warehouse with the demo's whole graph; the name `demo` is the fakes' module here."""
    return request.getfixturevalue("demo")


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts another app in the place of one of the demo's APIs."""
    apis = demo.apis

    def put(**others: App) -> None:
        monkeypatch.setattr(demo, "apis", lambda *args: {**apis(*args), **others})

    return put


def test_the_demo_is_pulled_slice_by_slice_and_every_slice_is_proven(database: str, graph: Graph) -> None:
    ensure_tenant("acme")
    run = graph.run("acme", *STREAM_ASSETS)
    assert run.failures == {}
    assert run.failed_checks == {}
    rows = proofs.history(warehouse(), "acme", 1000)
    assert set(rows["state"]) == {"verified"}
    for name, stream in STREAMS.items():
        truth = {r.external_id for page in BRAND.pages(stream, since=None, until=BRAND.now) for r in page}
        table = f"raw.{stream.source}_{stream.name}"
        assert set(versions.read_latest(warehouse(), "acme", table)["external_id"]) == truth, name
        told = run.materialized[f"raw/{stream.source}_{stream.name}"]
        assert told["rows_expected"] == told["rows_in"] == told["rows_out"] == len(truth)
        assert told["slices"] == told["slices_verified"] > 0
        assert told["requests"] >= told["slices"]
        assert told["api_version"]
    assert run.materialized["raw/ga4_traffic"]["quota"]


def test_a_demo_too_large_for_pages_is_pulled_by_bulk_operations(
    database: str, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_tenant("acme")
    monkeypatch.setattr(client, "BULK_FROM", 100)
    run = graph.run("acme", "raw/shopify_orders", "raw/shopify_customers")
    assert run.failed_checks == {}
    for name in ("orders", "customers"):
        truth = {r.external_id for p in BRAND.pages(STREAMS[f"shopify/{name}"], since=None, until=BRAND.now) for r in p}
        assert set(versions.read_latest(warehouse(), "acme", f"raw.shopify_{name}")["external_id"]) == truth


def test_a_source_that_refuses_is_partial_and_stops_nothing(
    database: str, graph: Graph, fakes: Callable[..., None]
) -> None:
    ensure_tenant("acme")
    fakes(meta=refuse(190, "Error validating access token: EAADemoSystemUserTokenOfTheDemoBrand has expired"))
    ads = [asset for asset in STREAM_ASSETS if asset.startswith(("raw/meta_", "raw/google_ads_"))]
    run = graph.run("acme", *ads, "staging/stg_spend")
    assert run.success
    assert set(run.failed_checks) == {
        f"raw/meta_{name}:{check}" for name in ("insights", "adsets", "ads") for check in ("freshness", "completeness")
    }
    said = str(run.failed_checks["raw/meta_insights:completeness"])
    assert said.startswith("Partial")
    assert "growthos connect meta" in said
    assert demo.ACCESS_TOKEN not in said
    assert run.checks["raw/meta_insights:completeness"].severity is dg.AssetCheckSeverity.ERROR
    assert run.materialized["staging/stg_spend"]["rows_out"] > 0, "Google's spend is there"


def test_a_source_that_asks_to_wait_is_asked_again_then_and_no_run_sleeps(
    database: str, graph: Graph, fakes: Callable[..., None]
) -> None:
    tenant = ensure_tenant("acme")
    fakes(meta=refuse(17, "User request limit reached"))
    run = graph.run("acme", "raw/meta_insights")
    assert run.success
    check = run.checks["raw/meta_insights:completeness"]
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.WARN
    (allowed,) = proofs.retries(warehouse(), "acme")
    assert allowed > tenant.clock_at


def test_what_is_restated_lands_as_another_version_and_is_shown(
    database: str, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = ensure_tenant("acme")
    real = demo.FakeMeta
    monkeypatch.setattr(demo, "FakeMeta", lambda *args: real(*args, restating=True))
    earlier = tenant.clock_at - timedelta(days=10)
    graph.run("acme", "raw/meta_insights", resources={"clock": {"now": earlier.isoformat()}})
    later = graph.run("acme", "raw/meta_insights")
    assert later.failed_checks == {}
    told = later.materialized["raw/meta_insights"]
    assert told["rows_restated"] > 0
    assert told["rows_out"] > told["rows_restated"], "ten days more"
    assert "action_" in str(told["restatements"])


class Socket:
    """The demo's APIs on a socket, and every request that they got."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, WireRequest]] = []

    def watched(self, apis: Mapping[str, App]) -> dict[str, App]:
        def watch(name: str, app: App) -> App:
            def answer(request: WireRequest) -> WireResponse:
                self.asked.append((name, request))
                return app(request)

            return answer

        return {name: watch(name, app) for name, app in apis.items()}


@pytest.fixture
def socket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Socket]:
    """GROWTHOS_APIS names a server of the fakes; clients and fakes wait by one clock, from the brand's end on."""
    found, clock = Socket(), VirtualClock(BRAND.now)
    for module in (connections, resources):
        monkeypatch.setattr(module, "SystemClock", lambda: clock)
    with serving(found.watched(demo.apis(BRAND.world, clock))) as base_url:
        monkeypatch.setenv("GROWTHOS_APIS", base_url)
        yield found


def connect(tenant: str, **others: Any) -> None:
    for source, credential in {**demo.credentials(), **others}.items():
        credentials.store(warehouse(), tenant, source, "default", msgspec.json.encode(credential), "working")


DAYS = {"since": "2026-02-01", "until": "2026-02-03"}


def test_a_tenants_own_credentials_reach_the_apis_over_a_socket(shop: str, graph: Graph, socket: Socket) -> None:
    connect("shop")
    run = graph.run("shop", *STREAM_ASSETS, resources={"sources": DAYS})
    complete = {name: check for name, check in run.checks.items() if name.endswith("completeness")}
    assert all(check.passed for check in complete.values()), run.failed_checks
    since, until = datetime(2026, 2, 1, 5, tzinfo=UTC), datetime(2026, 2, 4, 5, tzinfo=UTC)
    for stream in STREAMS.values():
        truth = {r.external_id for page in BRAND.pages(stream, since=since, until=until) for r in page}
        assert (
            set(versions.read_latest(warehouse(), "shop", f"raw.{stream.source}_{stream.name}")["external_id"]) == truth
        )
    assert {name for name, _ in socket.asked} == {"shopify", "meta", "google_ads", "ga4", "oauth"}
    for _, request in socket.asked:
        told = str(dict(request.query)) + request.path
        assert demo.ACCESS_TOKEN not in told
        assert "fake-client-secret" not in told


def test_a_credential_that_opens_nothing_leaves_the_other_sources_alone(
    shop: str, graph: Graph, socket: Socket
) -> None:
    connect("shop")
    credentials.store(warehouse(), "shop", "meta", "default", b"{}", "failing")
    run = graph.run("shop", *STREAM_ASSETS, resources={"sources": DAYS})
    partial = {name for name in run.failed_checks if name.endswith("completeness")}
    assert partial == {f"raw/meta_{name}:completeness" for name in ("insights", "adsets", "ads")}
    refused = proofs.history(warehouse(), "shop", state="failed")
    assert set(refused.select("source", "account").rows()) == {("meta", "default")}, "the connection's name"


def test_a_source_that_is_missing_does_not_stop_the_numbers_of_the_others(
    demo_database: str, fakes: Callable[..., None], only: Callable[..., None]
) -> None:
    """A day later, Meta refuses: the tables behind the sources are made from what is here, and the run says so."""
    tenant = ensure_tenant("acme")
    tenants.update(tenant.tenant_id, lambda own: replace(own, clock_at=tenant.clock_at + timedelta(days=1)))
    fakes(meta=refuse(190, "The token has expired"))
    only("alerts/alerts", "marts/dim_date", *STREAM_ASSETS)
    outcome = running.run("acme", lambda step: None)
    assert not outcome.up_to_date
    assert [layer.name for layer in outcome.layers()] == ["raw", "staging", "marts", "cohorts", "kpis", "alerts"]
    assert load("marts/dim_date", "acme")["date"].max() > BRAND.last_day
    assert outcome.failed
    assert {failure.split()[0] for failure in outcome.failures} == {
        "raw/meta_insights", "raw/meta_adsets", "raw/meta_ads",
    }  # fmt: skip
    again = running.run("acme", lambda step: None)
    assert again.up_to_date, "nothing new is nothing new, though a part is missing"
    assert again.failed


def test_what_a_source_no_longer_reports_is_gone_from_the_day_and_known_as_it_was(
    demo_database: str, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = ensure_tenant("acme")
    before = rows_of("acme")
    real = demo.FakeGa4
    monkeypatch.setattr(demo, "FakeGa4", lambda *args: real(*args, withheld_below=LEAST))
    later = tenant.clock_at + timedelta(days=1)
    run = graph.run("acme", "raw/ga4_traffic", resources={"clock": {"now": later.isoformat()}})
    after = rows_of("acme")
    gone = before.keys() - after.keys()
    assert gone
    assert {day for day, _ in gone} == {"20260206", "20260207", "20260208", "20260209"}, (
        "the days that were pulled again"
    )
    assert all(before[row] < LEAST for row in gone)
    assert all(sessions >= LEAST for (day, _), sessions in after.items() if day >= "20260206")
    assert run.materialized["raw/ga4_traffic"]["rows_vanished"] == len(gone)
    assert rows_of("acme", tenant.clock_at) == before

    monkeypatch.setattr(demo, "FakeGa4", real)
    graph.run("acme", "raw/ga4_traffic", resources={"sources": {"since": "2026-02-06", "until": "2026-02-09"}})
    assert rows_of("acme") == before, "what is reported again is back"


def test_an_order_that_was_deleted_for_good_leaves_the_numbers_within_a_week(
    demo_database: str, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = ensure_tenant("acme")
    staged = ("stg_orders", "stg_order_lines", "stg_refunds")
    assets = ["raw/shopify_orders", *(f"staging/{name}" for name in staged)]
    rows = load("raw/shopify_orders", "acme").height
    before = {name: load(f"staging/{name}", "acme") for name in staged}
    refunded = before["stg_refunds"]["order_id"].to_list()[-1]
    deleted = {refunded, before["stg_orders"]["order_id"].to_list()[0]}
    real = demo.FakeShopify

    def shop(*args: Any, **named: Any) -> Any:
        fake = real(*args, **named)
        fake.deleted = deleted
        return fake

    monkeypatch.setattr(demo, "FakeShopify", shop)
    later = (tenant.clock_at or BRAND.now) + timedelta(days=7)
    run = graph.run("acme", *assets, resources={"clock": {"now": later.isoformat()}})
    assert run.failed_checks == {}
    told = run.materialized["raw/shopify_orders"]
    assert told["rows_vanished"] == len(deleted) == 2
    assert any(order in str(told["restatements"]) for order in deleted)
    for name in staged:
        left = load(f"staging/{name}", "acme")
        gone = before[name].filter(pl.col("order_id").is_in(deleted))
        assert gone.height > 0
        assert left.height == before[name].height - gone.height, name
        assert deleted.isdisjoint(left["order_id"]), name
    assert told["dagster/partition_row_count"] == rows - 2


def test_an_accounts_other_time_zone_asks_for_all_of_its_days_again(
    database: str, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_tenant("acme")
    first = graph.run("acme", "raw/ga4_funnel").materialized["raw/ga4_funnel"]
    accounts = Ga4Client.accounts

    def moved(ga4: Ga4Client) -> list[Account]:
        return [replace(account, timezone="Europe/London") for account in accounts(ga4)]

    monkeypatch.setattr(Ga4Client, "accounts", moved)
    again = graph.run("acme", "raw/ga4_funnel")
    assert again.failed_checks == {}
    told = again.materialized["raw/ga4_funnel"]
    assert told["rows_in"] == first["rows_in"]
    assert told["slices"] == first["slices"]
    assert graph.run("acme", "raw/ga4_funnel").materialized["raw/ga4_funnel"]["slices"] == 0


LEAST = 60
"""Sessions: every day has a row with fewer."""


def rows_of(tenant: str, known_at: datetime | None = None) -> dict[tuple[str, str], int]:
    """{(day, record): sessions} of GA4's traffic."""
    found = versions.read_latest(warehouse(), tenant, "raw.ga4_traffic", known_at)
    told = [(name, msgspec.json.decode(payload)) for name, payload in found.select("external_id", "payload").rows()]
    return {(row["dimensions"]["date"], name): int(row["metrics"]["sessions"]) for name, row in told}
