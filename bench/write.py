"""A table write: rows per second of a publish against a bare COPY of the same frame, side by side.

python -m bench.write [rows]
"""

import statistics
import sys
import time
from datetime import date
from decimal import Decimal

import polars as pl

from bench.copy import bare_copy
from bench.scratch import scratch_home
from growthos_assets.loading import warehouse
from growthos_assets.marts.fact_order_lines import FactOrderLines
from warehouse.contract import MONEY, polars_schema

ROUNDS = 5
ROWS = 200_000
TENANT = "bench"


def lines(rows: int) -> pl.DataFrame:
    """Order lines as fact_order_lines holds them."""
    i = pl.int_range(rows)
    money = {
        name: (i % 9_000 + 100).cast(pl.Decimal(38, 4)) * pl.lit(Decimal("0.01"))
        for name, dtype in polars_schema(FactOrderLines).items()
        if dtype == MONEY
    }
    frame = pl.select(
        order_id=pl.format("gid://shopify/Order/{}", 5_800_000_000_000 + i // 3),
        line_id=pl.format("gid://shopify/LineItem/{}", 15_000_000_000_000 + i),
        order_date=pl.lit(date(2025, 8, 14)) + pl.duration(days=i % 180),
        customer_id=pl.format("gid://shopify/Customer/{}", 7_000_000_000_000 + i // 7),
        channel_id=pl.lit("meta"),
        campaign_id=pl.lit("(none)"),
        is_new_customer_order=i % 3 == 0,
        product_id=pl.format("gid://shopify/ProductVariant/{}", i % 500),
        sku=pl.format("SKU-{}", i % 500),
        title=pl.format("Product {}", i % 500),
        category=pl.lit("apparel"),
        quantity=(i % 3 + 1).cast(pl.Int64),
        cogs_source=pl.lit("unit_cost"),
        is_gift_card=pl.lit(False),
        is_counted=pl.lit(True),
    )
    moneys = pl.select([value.cast(MONEY).alias(name) for name, value in money.items()])
    return frame.hstack(moneys).select(polars_schema(FactOrderLines).names())


def main(rows: int) -> None:
    """Print the medians: first write, a tenth changed, nothing changed, each against the COPY of its round."""
    frame = lines(rows)
    changed = frame.with_columns(
        quantity=pl.when(pl.int_range(pl.len()) % 10 == 0).then(pl.col("quantity") + 1).otherwise("quantity")
    )
    steps = {"first write": frame, "a tenth changed": changed, "nothing changed": changed}
    seconds: dict[str, list[float]] = {"bare COPY": [], **{step: [] for step in steps}}
    with scratch_home():
        database = warehouse()
        for _ in range(ROUNDS):
            seconds["bare COPY"].append(bare_copy(database, FactOrderLines, frame, TENANT))
            database.publish(FactOrderLines, frame.clear(), TENANT)
            for step, rows_of_step in steps.items():
                started = time.perf_counter()
                database.publish(FactOrderLines, rows_of_step, TENANT)
                seconds[step].append(time.perf_counter() - started)
    print(f"a table write, {rows:,} rows of marts.fact_order_lines, median of {ROUNDS} rounds")
    for step, times in seconds.items():
        ratio = statistics.median(t / c for t, c in zip(times, seconds["bare COPY"], strict=True))
        print(f"  {step:<16} {rows / statistics.median(times):>12,.0f} rows/s   {ratio:5.2f} × COPY")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
