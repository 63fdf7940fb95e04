"""Write, audit, publish: what is wrong stays out, what was right stays in place, and a run later all is well."""

import functools
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import psycopg
import pytest
from graph_runs import FACTS, STAGED, Graph, stored
from graph_shop import NOW, land, open_shop, orders
from part_of_graph import leading_to

from connectors.fake import demo
from connectors.fake.shopify import FakeShopify
from connectors.source import STREAMS
from connectors.wire import App, WireResponse
from growthos_assets import load, loading, running
from growthos_assets.demo import ensure_tenant
from growthos_assets.instance import open_instance
from growthos_assets.resources import WarehouseResource
from growthos_assets.table import TABLES
from warehouse import embedded, tenants

ORDERS = "shopify/orders"


def prices(table: str, tenant: str = "shop") -> dict[int, int]:
    """{order number: what it cost}, as a table has it."""
    rows = load(table, tenant).select("order_id", "revenue_gross").iter_rows()
    return {int(order_id.rsplit("/", 1)[1]): int(price) for order_id, price in rows}


def _is_skipped(check: dg.AssetCheckEvaluation) -> bool:
    return "skipped" in check.metadata and bool(check.metadata["skipped"].value)


def quarantined(owner: psycopg.Connection) -> dict[str, list[str]]:
    """{table: the reasons of its one row}."""
    return dict(owner.execute("SELECT table_name, reasons FROM ops.quarantine").fetchall())


def test_a_failed_check_publishes_nothing_and_stops_what_lies_behind(
    shop: str, graph: Graph, owner: psycopg.Connection
) -> None:
    land("shop", ORDERS, orders(1, 2))
    assert graph.run("shop", *FACTS).success
    before = stored(owner, "shop")

    land("shop", ORDERS, orders(2, price="30.00", subtotal="99.00"))
    land("shop", ORDERS, orders(3, price="ten"))
    run = graph.run("shop", *FACTS)

    assert not run.success
    assert set(run.failures) == {"staging/stg_order_lines"}
    words = run.failures["staging/stg_order_lines"]
    assert words.startswith("staging.stg_order_lines of shop was not published: header_matches_lines failed.")
    assert "The rows published before are still in place." in words
    assert run.failed_checks["staging/stg_order_lines:header_matches_lines"] == (
        "1 orders whose lines do not add up to their header"
    )
    assert prices("staging/stg_order_lines") == {1: 10, 2: 10}
    untouched = {"staging.stg_order_lines", "staging.stg_refunds", *(t for t in before if t.startswith("marts.fact"))}
    after = stored(owner, "shop")
    assert {table for table in untouched if after[table] != before[table]} == set()
    assert {table.replace(".", "/") for table in untouched} & set(run.materialized) == set()
    assert {"staging/stg_orders", "marts/dim_channel"} <= set(run.materialized)  # what does not read it went on
    assert (
        "unit_price: 'ten' is not an amount from 0 to a billion, such as 19.90"
        in quarantined(owner)["staging.stg_order_lines"]
    )


def test_a_failed_check_is_the_tenants_own(shop: str, graph: Graph) -> None:
    open_shop("other")
    land("shop", ORDERS, orders(1, subtotal="99.00"))
    land("other", ORDERS, orders(1))
    assert not graph.run("shop", *STAGED).success
    assert graph.run("other", *STAGED).success
    assert graph.check_passed("staging/stg_order_lines", "header_matches_lines") == {"shop": False, "other": True}


def test_a_table_of_mostly_broken_rows_is_not_published(shop: str, graph: Graph, owner: psycopg.Connection) -> None:
    land("shop", ORDERS, orders(1, 2))
    right = graph.run("shop", *STAGED)
    assert right.success
    assert right.checks["staging/stg_orders:contract"].metadata["quarantined"].value == 0, "a point of the check's plot"

    land("shop", ORDERS, orders(3, 4, 5, price="ten"))
    run = graph.run("shop", *STAGED)

    turned_away = {f"staging/{table}" for table in ("stg_orders", "stg_order_lines")}
    assert set(run.failures) == turned_away, "the lines wait for no order"
    for table in turned_away:
        assert "contract failed. 3 of 5 rows are quarantined, most often because " in run.failures[table]
        assert "'ten' is not an amount" in run.failures[table]
        assert "`growthos quarantine --tenant shop` shows them." in run.failures[table]
        assert run.failed_checks[f"{table}:contract"] == "3 of 5 rows are quarantined"
    assert prices("staging/stg_order_lines") == {1: 10, 2: 10}
    rows = "SELECT DISTINCT table_name, run_id FROM ops.quarantine ORDER BY table_name DESC"
    assert owner.execute(rows).fetchall() == [
        ("staging.stg_orders", run.run_id),
        ("staging.stg_order_lines", run.run_id),
    ]


def test_a_broken_row_goes_to_quarantine_and_leaves_when_it_is_mended(
    shop: str, graph: Graph, owner: psycopg.Connection
) -> None:
    land("shop", ORDERS, orders(*range(1, 10)))
    land("shop", ORDERS, orders(10, price="ten"))
    run = graph.run("shop", *FACTS)
    assert run.success
    assert run.failed_checks["staging/stg_orders:contract"] == "1 of 10 rows are quarantined"
    assert set(prices("marts/fact_orders")) == set(range(1, 10))
    assert set(quarantined(owner)) == {"staging.stg_orders", "staging.stg_order_lines"}
    told = run.materialized["staging/stg_orders"]
    assert (told["rows_in"], told["rows_out"], told["rows_quarantined"]) == (10, 9, 1)

    land("shop", ORDERS, orders(10, price="10.00"))
    run = graph.run("shop", *FACTS)
    assert run.success
    assert run.failed_checks == {}
    assert set(prices("marts/fact_orders")) == set(range(1, 11))
    assert quarantined(owner) == {}


def test_a_transform_that_loses_a_row_publishes_nothing(
    shop: str, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    land("shop", ORDERS, orders(1, 2))
    whole = TABLES["stg_orders"].transform

    @functools.wraps(whole)
    def short(**inputs: Any) -> pl.LazyFrame:
        return whole(**inputs).head(1)

    monkeypatch.setattr(TABLES["stg_orders"], "transform", short)
    run = graph.run("shop", *FACTS)
    assert run.failures["staging/stg_orders"].startswith(
        "staging.stg_orders of shop was not published: orders_complete"
    )
    assert run.failed_checks["staging/stg_orders:orders_complete"] == (
        "2 rows came in; 1 are here, and 0 in quarantine"
    )
    assert load("staging/stg_orders", "shop").is_empty()


def test_a_warning_stops_nothing(shop: str, graph: Graph) -> None:
    day = {
        "dimensions": {"date": "20260201", "sessionDefaultChannelGroup": "Direct"},
        "metrics": {
            "sessions": "5", "itemViewEvents": "4", "addToCarts": "3", "checkouts": "2", "ecommercePurchases": "9",
        },
        "timeZone": "UTC",
    }  # fmt: skip
    land("shop", "ga4/traffic", {"a-day": day})
    run = graph.run(
        "shop", "raw/ga4_traffic", "staging/stg_traffic", "marts/dim_channel", "marts/fact_traffic", "kpis/kpi_daily"
    )
    assert run.success
    assert set(run.failed_checks) == {"marts/fact_traffic:funnel_nested"}
    assert load("kpis/kpi_daily", "shop")["purchases"].to_list() == [9]


def test_a_tenant_with_nothing_but_an_order_file_is_not_in_the_wrong(shop: str, graph: Graph) -> None:
    row = {
        "order_id": "A-1",
        "line_id": "1",
        "processed_at": "2026-02-01T12:00:00Z",
        "customer_id": "C-1",
        "quantity": "2",
        "unit_price": "5",
    }
    land("shop", "file/orders", {"A-1/1": row})
    run = graph.run("shop")
    assert run.success
    assert run.failed_checks == {}
    skipped = {name: check.description or "" for name, check in run.checks.items() if _is_skipped(check)}
    assert all(words.startswith("skipped: ") for words in skipped.values())
    assert set(skipped) == {
        *(f"raw/{name.replace('/', '_')}:{check}" for name in STREAMS for check in ("freshness", "completeness")),
        "staging/stg_refunds:agreements_agree",
        "staging/stg_traffic:ga4_tells_all_sessions",
        "cohorts/ltv_holdout:holdout_within_a_third",
        "staging/stg_spend:spend_not_empty",
        "staging/stg_traffic:traffic_not_empty",
        "marts/fact_spend:spend_not_empty",
        "marts/fact_traffic:traffic_not_empty",
    }
    assert load("kpis/kpi_daily", "shop")["revenue_net"].to_list() == [10]


def test_a_source_is_stale_when_nothing_of_the_last_day_is_proven(
    database: str, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = ensure_tenant("acme")
    stream, check = "raw/shopify_products", "raw/shopify_products:freshness"
    fresh = graph.run("acme", stream)
    assert fresh.checks[check].passed

    def busy(world: object, clock: object, **knobs: object) -> App:
        shop = FakeShopify(world, clock)
        return lambda request: WireResponse(503, b"busy") if b"products" in request.body else shop(request)

    monkeypatch.setattr(demo, "FakeShopify", busy)
    later = tenant.clock_at + timedelta(hours=27)
    stale = graph.run("acme", stream, resources={"clock": {"now": later.isoformat()}})
    assert stale.success
    assert not stale.checks[check].passed
    assert "27.0 hours ago" in (stale.checks[check].description or "")
    assert not stale.checks["raw/shopify_products:completeness"].passed


def test_a_report_can_be_made_as_it_was_known_then_with_the_settings_of_then(shop: str, graph: Graph) -> None:
    then, late = NOW - timedelta(days=3), "2026-02-01T23:30:00Z"
    land("shop", ORDERS, orders(1, at=late), then)
    land("shop", ORDERS, orders(1, at=late, price="30.00"), NOW)
    land("shop", ORDERS, orders(2, at=late), NOW)
    moved = replace(tenants.get("shop"), timezone="Asia/Tokyo", keep_pii=True)
    tenants.update("shop", lambda _: moved)

    known_at = (then + timedelta(hours=1)).isoformat()
    assert graph.run("shop", *STAGED, resources={"warehouse": {"known_at": known_at}}).success
    assert prices("staging/stg_order_lines") == {1: 10}
    assert set(load("staging/stg_orders", "shop")["order_date"]) == {date(2026, 2, 1)}
    assert WarehouseResource(known_at=known_at).tenant("shop") == moved, "what lands is kept as it may be kept now"

    assert graph.run("shop", *STAGED).success
    assert prices("staging/stg_order_lines") == {1: 30, 2: 10}
    assert set(load("staging/stg_orders", "shop")["order_date"]) == {date(2026, 2, 2)}


BEHIND = ("cohorts/cohorts", "kpis/kpi_daily")
"""Some tables that are made from fact_orders."""

KILLED_WHILE_PUBLISHING = f"""
    import os, signal
    from growthos_assets import running
    from part_of_graph import part_of_graph
    from warehouse.database import Warehouse

    replace = Warehouse.replace

    def killed(self, cursor, contract, *args, **options):
        changes = replace(self, cursor, contract, *args, **options)
        if contract.__spec__.name == "fact_orders":
            os.kill(os.getpid(), signal.SIGKILL)  # every statement is through, nothing is committed
        return changes

    Warehouse.replace = killed
    running._defs = lambda: part_of_graph(*{BEHIND})
    running.run("shop", lambda step: None)
"""


def test_a_killed_run_leaves_whole_tables_and_the_next_one_heals(
    shop: str, graph: Graph, owner: psycopg.Connection, only: Callable[..., None]
) -> None:
    land("shop", ORDERS, orders(1))
    assert graph.run("shop", *(asset.to_user_string() for asset in leading_to(*BEHIND))).success
    before = stored(owner, "shop")
    assert all(before[asset.replace("/", ".")] for asset in BEHIND)

    land("shop", ORDERS, orders(1, price="30.00"))
    land("shop", ORDERS, orders(2))
    child = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(KILLED_WHILE_PUBLISHING)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert child.returncode == -signal.SIGKILL
    after = stored(owner, "shop")
    assert prices("staging/stg_order_lines") == prices("marts/fact_order_lines") == {1: 30, 2: 10}
    assert prices("marts/fact_orders") == {1: 10}
    behind = [table for table in after if table.split(".")[0] in ("cohorts", "kpis", "alerts")]
    assert {table for table in behind if after[table] != before[table]} == set()

    only(*BEHIND)
    healed = running.run("shop", lambda step: None)
    assert not healed.failed
    assert not healed.up_to_date
    assert prices("marts/fact_orders") == {1: 30, 2: 10}


@pytest.fixture
def own_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An embedded server that nobody else uses."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("GROWTHOS_HOME", str(tmp_path / "growthos"))
    yield
    loading.close()
    embedded.stop()


def test_postgresql_may_be_restarted_between_two_runs_of_a_process(own_server: None, graph: Graph) -> None:
    open_shop("shop")
    for number in (1, 2):
        land("shop", ORDERS, orders(number))
        assert graph.run("shop", *STAGED).success
        with open_instance() as instance:
            assert instance.get_runs_count() == 0
        assert embedded.stop()
    assert set(prices("staging/stg_order_lines")) == {1, 2}
