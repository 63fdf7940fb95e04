"""What SQL says of all shops in a database, and what the graph says of the same shops."""

import functools

import polars as pl
import psycopg
from independent_shops import STAGING, Shop

from growthos_assets import explaining, graph
from growthos_assets.table import TABLES, Call, Declaration, reads, upstream_first
from warehouse.contract import polars_schema

FACTS = ("fact_orders", "fact_order_lines", "fact_refunds", "fact_spend", "fact_traffic")
COHORTS = (
    *("cohorts", "segments", "cohort_curves", "cohort_months", "cohort_summary"),
    *("customer_value", "segment_channels", "product_pairs"),
)
SHOWN = ("kpi_daily", "kpi_summary", "channel_performance", "unit_economics", "funnel", *COHORTS)
"""The tables whose every number SQL says too; kpi_daily's by its KPIs."""

Frames = dict[str, pl.DataFrame]


class Ledger:
    """A database of shops, and what SQL says of them."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._cursor = connection.cursor()

    def ask(self, query: str) -> pl.DataFrame:
        """The rows of a query, as text."""
        with self._cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER)".encode()) as rows:
            return pl.read_csv(b"".join(rows), infer_schema=False)

    def run(self, script: str) -> None:
        self._cursor.execute(script.encode())

    def add(self, table: str, rows: pl.DataFrame) -> None:
        into = f"COPY {table} ({', '.join(rows.columns)}) FROM STDIN (FORMAT csv)"
        with self._cursor.copy(into.encode()) as copy:
            copy.write(rows.write_csv(include_header=False))


def built(shop: Shop, frames: Frames, *, with_summary: bool) -> Frames:
    """What is made of a shop's staging, by the graph's transforms. kpi_summary is dearer than all the rest."""
    call = Call(lambda contract: frames[contract.__spec__.name].lazy(), {"tenant": shop.tenant, "now": shop.now})
    for table in behind_staging():
        if with_summary or table.name != "kpi_summary":
            frames[table.name] = call(table.transform).collect()
    return states(frames)


@functools.cache
def behind_staging() -> list[Declaration]:
    """The tables shown and those that they are made from, in order."""
    graph.tables()
    wanted, order = {*SHOWN, *FACTS}, list(upstream_first(TABLES))
    for table in reversed(order):
        if table.name in wanted:
            wanted |= {contract.__spec__.name for contract in reads(table.transform)}
    return [table for table in order if table.name in wanted and table.name not in STAGING]


def of_demo(ledger: Ledger) -> Frames:
    """The same tables of the demo, as the graph left them in the database."""
    frames: Frames = {}
    for name in (*FACTS, *SHOWN):
        contract = TABLES[name].contract
        rows = ledger.ask(f"SELECT * FROM {contract.__spec__.qualified} WHERE tenant_id = 'acme'")
        frames[name] = typed(rows.drop("tenant_id"), polars_schema(contract))
    return frames


def states(frames: Frames) -> Frames:
    """What is compared: the tables shown, and the items of every KPI on either refund basis."""
    facts = explaining.Facts(**{name: frames[name].lazy() for name in FACTS})
    items = {f"items_{basis}": explaining.itemized(facts, basis).collect() for basis in ("event", "order")}
    return {name: frames[name] for name in SHOWN if name in frames} | items


def typed(text: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """The columns of the schema, from their text in PostgreSQL."""

    def read(name: str, dtype: pl.DataType) -> pl.Expr:
        if dtype == pl.Boolean:
            return pl.col(name) == "t"
        if isinstance(dtype, pl.Datetime):
            return pl.col(name).str.to_datetime("%Y-%m-%d %H:%M:%S%.f%#z", time_unit="us", time_zone="UTC")
        if dtype == pl.Date:
            return pl.col(name).str.to_date("%Y-%m-%d")
        return pl.col(name).cast(dtype)

    return text.select(read(name, dtype) for name, dtype in schema.items())
