"""Two brands with the same order ids in one database: neither sees nor touches what is the other's."""

import dataclasses
import json
from decimal import Decimal

import dagster as dg
import polars as pl
import psycopg
import pytest
from graph_runs import FACTS, Graph, defs, key, stored
from graph_shop import land, open_shop, orders

from growthos_assets import load
from growthos_assets.loading import warehouse
from growthos_assets.marts.fact_orders import FactOrders
from growthos_assets.partitions import TENANT_SET, TENANTS
from warehouse import tenants
from warehouse.errors import UnknownTenant

FACT_ORDERS = ["marts", "fact_orders"]
EMPTY = {"ops.quarantine"}
"""Of the demo."""


def test_two_brands_share_ids_and_nothing_else(demo: str, graph: Graph, owner: psycopg.Connection) -> None:
    acme = stored(owner, "acme")
    assert {table for table, rows in acme.items() if rows is None} <= EMPTY
    shared = load("raw/shopify_orders", "acme").head(50)
    open_shop("globex", timezone=tenants.get("acme").timezone, currency=tenants.get("acme").currency)
    land("globex", "shopify/orders", dict(zip(shared["external_id"], map(json.loads, shared["payload"]), strict=True)))
    assert graph.run("globex").success
    assert stored(owner, "acme") == acme
    yours = load("marts/fact_orders", "globex")
    mine = load("marts/fact_orders", "acme").filter(pl.col("order_id").is_in(shared["external_id"].implode()))
    assert 40 < yours.height < load("marts/fact_orders", "acme").height
    assert yours["order_id"].equals(mine["order_id"])
    assert yours["revenue_net"].equals(mine["revenue_net"])

    margins = {**tenants.get("globex").category_margins, "default": Decimal("0.10")}
    tenants.update("globex", lambda own: dataclasses.replace(own, category_margins=margins, ops_rate=Decimal("0.50")))
    assert graph.run("globex", job="rebuild").success
    assert stored(owner, "acme") == acme
    changed = load("marts/fact_orders", "globex")
    assert changed["ops_cost"].sum() > 9 * mine["ops_cost"].sum() > 0
    assert changed["revenue_net"].equals(mine["revenue_net"])


@pytest.fixture
def two_shops(database: str, graph: Graph) -> None:
    """Two small shops with an order of the same id; shop's cost 10, other's 30."""
    for tenant, price in (("shop", "10.00"), ("other", "30.00")):
        open_shop(tenant)
        land(tenant, "shopify/orders", orders(1, price=price))
    assert graph.run("shop", *FACTS).success
    graph.instance.add_dynamic_partitions(TENANT_SET, ["other"])
    rows = load("marts/fact_orders", "shop")
    warehouse().publish(FactOrders, rows.with_columns(pl.col("revenue_gross", "revenue_net") * 3), "other")


def test_values_load_in_a_notebook(two_shops: None, graph: Graph) -> None:
    def value(tenant: str, kind: type) -> pl.DataFrame | pl.LazyFrame:
        return defs().load_asset_value(FACT_ORDERS, instance=graph.instance, partition_key=tenant, python_type=kind)

    lazy, eager = value("shop", pl.LazyFrame), value("other", pl.DataFrame)
    assert isinstance(lazy, pl.LazyFrame)
    assert isinstance(eager, pl.DataFrame)
    assert lazy.collect()["revenue_gross"].to_list() == [10]
    assert eager["revenue_gross"].to_list() == [30]
    assert "tenant_id" not in eager.columns
    payloads = defs().load_asset_value(
        ["raw", "shopify_orders"], instance=graph.instance, partition_key="shop", python_type=pl.DataFrame
    )
    assert payloads["external_id"].to_list() == ["gid://shopify/Order/1"]


def test_an_asset_of_your_own_reads_tables_as_typed_inputs(two_shops: None, graph: Graph) -> None:
    totals: dict[str, Decimal] = {}

    @dg.asset(partitions_def=TENANTS, ins={"fact_orders": dg.AssetIn(key("/".join(FACT_ORDERS)))})
    def biggest_order(context: dg.AssetExecutionContext, fact_orders: pl.LazyFrame) -> dg.MaterializeResult:
        totals[context.partition_key] = fact_orders.select(pl.max("revenue_net")).collect().item()
        return dg.MaterializeResult()

    mine = dg.Definitions.merge(defs(), dg.Definitions(assets=[biggest_order]))
    job = mine.resolve_implicit_global_asset_job_def()
    for tenant in ("shop", "other"):
        job.execute_in_process(
            instance=graph.instance, partition_key=tenant, asset_selection=[dg.AssetKey("biggest_order")]
        )
    assert totals == {"shop": 10, "other": 30}


def test_an_unknown_tenant_is_told_who_there_is(shop: str, graph: Graph) -> None:
    with pytest.raises(UnknownTenant, match=r"There is no tenant 'nobody'\. Known tenants: shop\."):
        load("marts/fact_orders", tenant="nobody")
    run = graph.run("nobody", "raw/shopify_orders")  # a partition may outlive its tenant
    assert run.failures == {"raw/shopify_orders": "There is no tenant 'nobody'. Known tenants: shop."}
    with pytest.raises(dg.Failure, match="There is no tenant 'nobody'"):
        defs().load_asset_value(FACT_ORDERS, instance=graph.instance, partition_key="nobody", python_type=pl.DataFrame)
