"""`running.run`: a run stored like any other, that touches no table unless there is something new."""

import dataclasses
import threading
from collections.abc import Callable
from contextlib import nullcontext
from decimal import Decimal
from typing import Any

import dagster as dg
import polars as pl
import psycopg
import pytest
from graph_runs import BY_HAND, FACTS, Graph, stored
from graph_shop import NOW, land, orders

from growthos_assets import load, progress, retrying, running, table_assets
from growthos_assets.loading import warehouse
from growthos_assets.outcomes import Outcome
from growthos_assets.partitions import TENANT_SET
from growthos_assets.progress import Step
from growthos_assets.staging.orders import StgOrders
from warehouse import refreshes, tenants
from warehouse.contract import Table
from warehouse.database import execute
from warehouse.errors import UnknownTable, UnknownTenant


@pytest.fixture(autouse=True)
def in_memory(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are stored as any instance stores them, here without the milliseconds of a disk."""
    monkeypatch.setattr(running, "open_instance", lambda: nullcontext(graph.instance))


def run(**options: str | bool) -> Outcome:
    return running.run("shop", lambda step: None, **options)


def test_only_news_makes_the_tables_anew(shop: str, owner: psycopg.Connection) -> None:
    land("shop", "shopify/orders", orders(1))
    heard: list[Step] = []
    first = running.run("shop", heard.append)
    assert not first.up_to_date
    assert first.changed > 0
    assert [layer.tables for layer in first.layers()] == [12, 7, 10, 11, 5, 2]
    assert len([step for step in heard if step.seconds is not None]) == 47

    before = stored(owner, "shop")
    again = run()
    assert again.up_to_date
    assert [layer.name for layer in again.layers()] == ["raw"]
    assert stored(owner, "shop") == before


def test_the_past_is_not_taken_for_the_present_and_settings_and_code_are_news(
    shop: str, only: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    only("marts/fact_orders")
    land("shop", "shopify/orders", orders(1), NOW.replace(day=1))
    land("shop", "shopify/orders", orders(2), NOW.replace(day=3))
    assert not run().up_to_date
    past = run(known_at=NOW.replace(day=2).isoformat())
    assert not past.up_to_date
    assert load("marts/fact_orders", "shop").height == 1
    assert not run().up_to_date, "a run of the past is not taken for the present"
    assert load("marts/fact_orders", "shop").height == 2

    tenants.update("shop", lambda own: dataclasses.replace(own, ops_rate=Decimal("0.10")))
    assert not run().up_to_date
    assert load("marts/fact_orders", "shop")["ops_cost"].sum() == 2

    monkeypatch.setattr(running, "_code", lambda: "another version")
    assert not run().up_to_date


def test_an_unknown_tenant_becomes_no_partition(shop: str, graph: Graph) -> None:
    with pytest.raises(UnknownTenant):
        running.run("nobody", lambda step: None)
    assert graph.instance.get_dynamic_partitions(TENANT_SET) == []


def test_a_failure_is_told_in_words(shop: str, only: Callable[..., None]) -> None:
    only("staging/stg_order_lines")
    land("shop", "shopify/orders", orders(1, subtotal="99.00"))
    outcome = run()
    assert outcome.failed
    assert outcome.failures[0].startswith("staging.stg_order_lines of shop was not published: header_matches_lines")
    assert outcome.document()["success"] is False
    assert not run().up_to_date, "a run that failed is run again"


def test_a_turn_that_could_not_be_begun_is_taken_again(
    shop: str, only: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    only("staging/stg_orders")
    land("shop", "shopify/orders", orders(1))
    monkeypatch.setattr(retrying, "SECONDS", 0.01)
    errors, begin = [ConnectionError("gone")], refreshes.begin

    def fail_once(*arguments: Any) -> None:
        if errors:
            raise errors.pop()
        begin(*arguments)

    monkeypatch.setattr(refreshes, "begin", fail_once)
    assert not run().failed
    assert run().up_to_date


def test_a_run_waits_for_another_one_of_its_tenant_and_makes_the_tables_last(
    shop: str, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a run that has read raw records before the other one would overwrite what that one has made."""
    land("shop", "shopify/orders", orders(1))
    real, waits = table_assets.split, threading.Event()

    def later() -> None:
        with (
            dg.DagsterInstance.ephemeral() as instance,
            progress.listening(lambda step: waits.set() if step.note == table_assets.WAITING else None),
        ):
            Graph(instance).run("shop", *FACTS)

    other = threading.Thread(target=later)

    def split(frame: pl.DataFrame, contract: type[Table]) -> tuple[pl.DataFrame, pl.DataFrame]:
        if contract is StgOrders and other.ident is None:
            land("shop", "shopify/orders", orders(2))
            other.start()
            assert waits.wait(30), "the other run does not wait"
        return real(frame, contract)

    monkeypatch.setattr(table_assets, "split", split)
    assert graph.run("shop", *FACTS).success
    other.join()
    assert load("marts/fact_orders", "shop")["order_id"].n_unique() == 2


def test_tables_that_any_other_run_has_written_are_made_anew(
    shop: str, graph: Graph, only: Callable[..., None]
) -> None:
    only("marts/fact_orders")
    land("shop", "shopify/orders", orders(1))
    run()
    assert run().up_to_date
    graph.run("shop", "staging/stg_orders", job=BY_HAND)
    assert not run().up_to_date
    assert run().up_to_date
    with warehouse().as_tenant("shop") as cursor:
        execute(cursor, "DELETE FROM ops.refreshes")  # as in a database that was restored from before
    assert not run().up_to_date


def test_a_step_that_was_run_again_is_told_of_once(
    shop: str, only: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    only("staging/stg_orders")
    land("shop", "shopify/orders", orders(1, 2) | orders(3, at="no date"))
    monkeypatch.setattr(retrying, "SECONDS", 0.01)
    errors = [ConnectionError("gone")]
    quarantine_rows = table_assets._quarantine_rows

    def fail_once(*arguments: Any) -> Any:
        if errors:
            raise errors.pop()
        return quarantine_rows(*arguments)

    monkeypatch.setattr(table_assets, "_quarantine_rows", fail_once)
    outcome = run()
    assert not outcome.failed
    assert outcome.warnings == ["staging/stg_orders contract: 1 of 3 rows are quarantined"]
    assert len([step for step in outcome.steps if step.table == "stg_orders"]) == 1


@pytest.mark.parametrize("table", ["raw/nothing", "marts/nothing"])
def test_a_table_that_there_is_not_is_told_in_words(shop: str, table: str) -> None:
    with pytest.raises(UnknownTable, match="There is no table"):
        load(table, "shop")
