"""Work that several transforms share is done once a run, and forgotten when the last of them has taken it."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import polars as pl
from staging_shop import NOW, SHOP

from growthos_assets.staging import file, shopify
from growthos_assets.staging.customers import customers_complete, stg_customers
from growthos_assets.staging.identity import people
from growthos_assets.staging.order_lines import header_matches_lines, lines_complete, stg_order_lines
from growthos_assets.staging.orders import orders_complete, orders_not_empty, stg_orders
from growthos_assets.staging.refunds import agreements_agree, refunds_complete, stg_refunds
from growthos_assets.table import Call, Contract, Shared, Transform
from warehouse.contract import empty


def test_shared_work_is_done_once_and_forgotten_with_its_last_taker() -> None:
    read: Counter[str] = Counter()
    done: dict[Transform, Shared] = {}

    def scan(contract: Contract) -> pl.LazyFrame:
        read[contract.__spec__.name] += 1
        return empty(contract).lazy()

    def call(function: Callable[..., Any]) -> Any:  # a call of its own, as every asset has
        return Call(scan, {"tenant": SHOP, "now": NOW}, done)(function, quarantined=pl.LazyFrame(), received=Counter())

    def take(transform: Transform) -> None:
        call(transform).collect()

    take(stg_orders)
    call(orders_not_empty)
    call(orders_complete)
    take(stg_order_lines)
    call(header_matches_lines)
    call(lines_complete)
    assert done.keys() == {shopify.orders, shopify.customers, file.lines, people}
    take(stg_refunds)
    call(refunds_complete)
    assert done.keys() == {shopify.orders, shopify.customers, people}
    take(stg_customers)
    call(customers_complete)
    assert done.keys() == {shopify.orders}
    call(agreements_agree)
    assert not done
    assert read["shopify_orders"] == read["file_orders"] == read["shopify_customers"] == 1

    take(stg_orders)
    assert read["shopify_orders"] == 2
