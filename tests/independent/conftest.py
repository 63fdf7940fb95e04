"""The demo and eighty drawn shops in one database: what SQL says of them beside what the graph says."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import polars as pl
import psycopg
import pytest
from independent_ledger import Frames, Ledger, built, of_demo, states
from independent_shops import Drawn, staged

from warehouse import tenants

SHOPS = 80
CROWDED = {102: 500, 107: 1200}
"""Days by seed of shops with enough customers for a channel's payback, and enough baskets for pairs of products."""
SUMMARIZED = 5
"""Shops of which kpi_summary is made too: those with the most orders that have been open for longer than a year."""


@pytest.fixture(scope="module")
def shops() -> list[Drawn]:
    return [
        *(Drawn(seed) for seed in range(SHOPS)),
        *(Drawn(seed, customers=270, orders=[900], days=[days]) for seed, days in CROWDED.items()),
    ]


@pytest.fixture(scope="module")
def staging(shops: list[Drawn]) -> Frames:
    return staged(shops)


@pytest.fixture(scope="module")
def ledger(
    demo_template: str,
    copied: Callable[[str], AbstractContextManager[str]],
    shops: list[Drawn],
    staging: Frames,
) -> Iterator[Ledger]:
    """The demo's database with the shops added, and the events of all of them told by base.sql."""
    with copied(demo_template) as url:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DATABASE_URL", url)
            for shop in shops:
                tenants.create(shop.tenant)
        with psycopg.connect(url, autocommit=True) as connection:
            told = Ledger(connection)
            for name, rows in staging.items():
                told.add(f"staging.{name}", rows)
            for script in ("base.sql", "buyers.sql"):
                told.run((Path(__file__).parent / script).read_text())
            yield told


@pytest.fixture(scope="module")
def shown(ledger: Ledger, shops: list[Drawn], staging: Frames) -> Frames:
    """What the graph's own tables and states say of the same shops: by name, with tenant_id."""
    parts = {name: rows.partition_by("tenant_id", as_dict=True, include_key=False) for name, rows in staging.items()}
    every: dict[str, list[pl.DataFrame]] = {}
    by_orders = sorted(shops, key=lambda shop: len(shop.rows["stg_orders"]), reverse=True)
    summarized = [shop for shop in by_orders if shop.days > 365][:SUMMARIZED]
    for shop in shops:
        name = shop.tenant.tenant_id
        own = {table: part.get((name,), staging[table].drop("tenant_id").clear()) for table, part in parts.items()}
        for table, rows in built(shop, own, with_summary=shop in summarized).items():
            every.setdefault(table, []).append(rows.with_columns(pl.lit(name).alias("tenant_id")))
    for table, rows in states(of_demo(ledger)).items():
        every[table].append(rows.with_columns(pl.lit("acme").alias("tenant_id")))
    return {table: pl.concat(rows, how="diagonal_relaxed") for table, rows in every.items()}
