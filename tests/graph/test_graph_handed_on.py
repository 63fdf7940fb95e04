"""Frames that a run has written are handed on in memory, for as long as a table has yet to be made from them."""

from weakref import ref

import polars as pl

from growthos_assets import graph
from growthos_assets.resources import WarehouseResource
from growthos_assets.table import readers, upstream_first


def test_a_frame_is_let_go_with_its_last_reader() -> None:
    tables = list(upstream_first({declaration.name: declaration for declaration in graph.tables()}))
    warehouse, made = WarehouseResource(), dict[str, ref[pl.DataFrame]]()
    left = {declaration.name: readers(declaration.contract) for declaration in tables}
    assert max(map(len, left.values())) > 5
    for declaration in tables:  # in the order in which a run makes them
        frame = pl.DataFrame()
        made[declaration.name] = ref(frame)
        warehouse.remember(declaration.contract, "acme", frame)
        del frame
        warehouse.forget(declaration, "acme")
        for waiting in left.values():
            waiting.discard(declaration.name)
        assert {name for name, frame in made.items() if frame() is not None} == {name for name in made if left[name]}
    assert all(frame() is None for frame in made.values())


def test_a_frame_that_nobody_asked_for_yet_is_kept_for_each_tenant() -> None:
    (tables, warehouse) = ({d.name: d for d in graph.tables()}, WarehouseResource())
    frames = {tenant: pl.DataFrame({"of": [tenant]}) for tenant in ("acme", "other")}
    orders = tables["fact_orders"]
    for tenant, frame in frames.items():
        warehouse.remember(orders.contract, tenant, frame)
    for name in readers(orders.contract):
        warehouse.forget(tables[name], "acme")
    assert warehouse.scan(orders.contract, "other").collect()["of"].to_list() == ["other"]
