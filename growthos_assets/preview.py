"""What staging will make of a file's rows, before a run: the same transforms and contracts, on the file alone."""

import polars as pl

from growthos_assets import clock, graph
from growthos_assets.raw.file import FileOrders, FileSpend, FileTraffic
from growthos_assets.raw.formats import ImportFileError
from growthos_assets.reasons import grouped, most
from growthos_assets.table import Call
from warehouse.contract import Table, empty
from warehouse.split import QUARANTINE_LIMIT, REASONS, split, too_bad
from warehouse.tenants import Tenant

JUDGES: dict[str, tuple[type[Table], tuple[str, ...]]] = {
    "orders": (FileOrders, ("stg_order_lines", "stg_refunds")),
    "spend": (FileSpend, ("stg_spend",)),
    "traffic": (FileTraffic, ("stg_traffic",)),
}
"""Kind of file → its stream, and the staging tables that take its rows in or turn them away."""


def judged(kind: str, file: str, records: pl.DataFrame, tenant: Tenant) -> dict[str, int]:
    """`turned_away`; ImportFileError if that is so much of the file that a run would publish none of it."""
    reasons = turned_away(kind, records, tenant)
    bad = sum(reasons.values())
    if too_bad(bad, records.height):
        told = "\n".join(f"  {rows:,} × {reason}" for reason, rows in most(reasons).items())
        raise ImportFileError(
            f"{file}: nothing has landed, since {bad:,} of {records.height:,} rows break their contract, more than "
            f"{QUARANTINE_LIMIT:.0%}.\n{told}\n"
            "Check that it is the right file and that each field has its column (--map field=column); or mend the "
            "file, and import it again."
        )
    return reasons


def turned_away(kind: str, records: pl.DataFrame, tenant: Tenant) -> dict[str, int]:
    """Rows that the staging tables would quarantine, by `reasons.grouped`; a row is counted by its first reason."""
    by_name = {table.name: table for table in graph.tables()}
    stream, tables = JUDGES[kind]
    now = clock.now(tenant)
    landed = records.with_columns(
        version=pl.lit(1, pl.Int64),
        payload_hash=pl.lit(b""),
        seen_at=pl.lit(now, pl.Datetime("us", "UTC")),
        import_id=pl.lit(None, pl.Int64),
    )

    def read(contract: type[Table]) -> pl.LazyFrame:
        return landed.lazy() if contract is stream else empty(contract).lazy()

    call = Call(read, {"tenant": tenant, "now": now})
    found: list[pl.Series] = []
    for name in tables:
        declaration = by_name[name]
        _, bad = split(call(declaration.transform).collect(), declaration.contract)
        found.append(bad[REASONS].list.first())
    return grouped(pl.concat(found))
