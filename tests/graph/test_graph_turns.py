"""Syncs of a stream, runs and imports of a tenant take turns: one that lost its turn writes nothing over the next."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import adbc_driver_manager
import dagster as dg
import msgspec
import polars as pl
import psycopg
import pytest
from graph_runs import FACTS, Graph
from graph_shop import land, orders
from graph_source import Shop, book, truth

from connectors.errors import ApiError, Bug, TooBig
from connectors.slices import Account, Slice
from growthos_assets import load, table_assets
from growthos_assets.alerts import evaluation
from growthos_assets.loading import warehouse
from growthos_assets.raw import importing
from growthos_assets.raw.synced import Synced
from growthos_assets.staging.orders import StgOrders
from warehouse import alert_states, imports, refreshes, tenants, versions
from warehouse.contract import Table
from warehouse.errors import TurnLost

BREAK = (
    "SELECT pg_terminate_backend(pid, 5000) FROM (SELECT DISTINCT pid FROM pg_locks WHERE locktype = 'advisory' "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS holders"
)


@pytest.mark.parametrize("error", [None, TooBig("Too much at once."), Bug("odd")], ids=["lands", "splits", "fails"])
def test_a_sync_whose_turn_was_lost_with_its_connection_lands_nothing_over_the_next_one(
    pull: Callable[..., Synced], owner: psycopg.Connection, error: ApiError | None
):
    turns = iter([True])

    def lost(part: Slice, page: int) -> None:
        if page == 5 and next(turns, False):
            assert owner.execute(BREAK).fetchall() == [(True,)]
            assert pull(Shop(restated=lambda at: "new")).problems == []
            if error:
                raise error

    with pytest.raises(adbc_driver_manager.OperationalError):  # which the step is run again for
        pull(Shop(trouble=lost, restated=lambda at: "old"))
    latest = versions.read_latest(warehouse(), "shop", "raw.shopify_orders")
    assert set(latest["external_id"]) == truth(Shop())
    assert {msgspec.json.decode(payload)["note"] for payload in latest["payload"]} == {"new"}
    assert sorted(book()["state"]) == ["failed", "verified", "verified", "verified"]


def test_a_sync_whose_turn_was_lost_before_it_has_planned_asks_for_nothing_beside_the_next_one(
    pull: Callable[..., Synced], owner: psycopg.Connection
):
    class Slow(Shop):
        def accounts(self) -> list[Account]:
            assert owner.execute(BREAK).fetchall() == [(True,)]
            assert pull(Shop(restated=lambda at: "new")).problems == []
            return super().accounts()

    asked = list[Slice]()
    with pytest.raises(adbc_driver_manager.OperationalError):
        pull(Slow(restated=lambda at: "old", trouble=lambda part, page: asked.append(part)))
    assert asked == []
    assert set(book()["state"]) == {"verified"}


@pytest.fixture
def second() -> Iterator[Graph]:
    """The graph as another process runs it."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield Graph(instance)


@pytest.mark.parametrize("another", [True, False], ids=["another began", "nobody did"])
def test_a_run_whose_turn_was_lost_with_its_connection_goes_on_only_until_another_begins(
    shop: str, graph: Graph, second: Graph, owner: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, another: bool
):
    land("shop", "shopify/orders", orders(1))
    real, turns = table_assets.split, iter([True])

    def split(frame: pl.DataFrame, contract: type[Table]) -> tuple[pl.DataFrame, pl.DataFrame]:
        if contract is StgOrders and next(turns, False):
            assert owner.execute(BREAK).fetchall() == [(True,)]
            land("shop", "shopify/orders", orders(2))
            if another:
                assert second.run("shop", *FACTS).success
        return real(frame, contract)

    monkeypatch.setattr(table_assets, "split", split)
    run = graph.run("shop", *FACTS)
    assert run.success is not another
    assert load("staging/stg_orders", "shop")["order_id"].n_unique() == (2 if another else 1)
    assert set(load("marts/fact_orders", "shop")["order_id"]) == set(load("staging/stg_orders", "shop")["order_id"])
    if another:
        assert run.failures["staging/stg_orders"].startswith("Another run of this tenant has begun, since")


def test_no_run_begins_while_another_one_is_writing(shop: str, owner: psycopg.Connection):
    refreshes.begin(warehouse(), "shop", "first")
    owner.execute("SET lock_timeout = '50ms'")
    with warehouse().as_tenant("shop") as cursor:
        refreshes.fence(cursor, "first")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            owner.execute("UPDATE ops.refreshes SET run_id = 'second'")
    owner.execute("UPDATE ops.refreshes SET run_id = 'second'")


def test_a_run_that_has_lost_its_turn_remembers_no_alerts(shop: str, graph: Graph, monkeypatch: pytest.MonkeyPatch):
    assess, record = evaluation.assess, alert_states.record
    others, recorded = ["another"], list[str]()

    def meanwhile(*arguments: Any) -> Any:
        if others:
            refreshes.begin(warehouse(), "shop", others.pop())
        return assess(*arguments)

    def noted(*arguments: Any) -> None:
        record(*arguments)
        recorded.append("alerts")

    monkeypatch.setattr(evaluation, "assess", meanwhile)
    monkeypatch.setattr(alert_states, "record", noted)
    assert "Another run of this tenant" in graph.run("shop", "alerts/alerts").failures["alerts/alerts"]
    assert recorded == []
    assert graph.run("shop", "alerts/alerts").success
    assert recorded == ["alerts"]


def test_an_import_whose_turn_was_lost_with_its_connection_lands_nothing_under_the_next_ones_id(
    shop: str, owner: psycopg.Connection
):
    def land_file(kind: str, row: dict[str, str], progress: Callable[[int, int], None] = lambda sent, of: None):
        rows = pl.DataFrame([row])
        at, tenant, of = datetime(2026, 2, 10, tzinfo=UTC), tenants.get("shop"), importing.KINDS[kind]
        records = importing.said(rows, of, None)
        return importing.land_rows(warehouse(), tenant, of, f"{kind}.csv", rows, records, 0, at, progress)

    def lost(sent: int, of: int) -> None:
        assert owner.execute(BREAK).fetchall() == [(True,)]
        land_file("traffic", {"date": "2026-02-01", "channel": "Direct", "sessions": "5"})

    with pytest.raises(TurnLost, match="import it again"):
        land_file("spend", {"date": "2026-02-01", "channel": "meta", "spend": "1"}, lost)
    assert [(row["import_id"], row["file"]) for row in imports.everything(warehouse(), "shop")] == [(1, "traffic.csv")]
    assert load("raw/file_spend", "shop").is_empty()
