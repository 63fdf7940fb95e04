"""From a source's stream to an asset: pull what is new, land it, and hand on the latest version of every record."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import dagster as dg
import polars as pl

from connectors.source import STREAMS
from growthos_assets import metadata, progress
from growthos_assets.partitions import TENANTS, tenant_check
from growthos_assets.raw.landing import Pulled, pull
from growthos_assets.raw.records import RawRecords
from growthos_assets.resources import Clock, Sources, WarehouseResource
from growthos_assets.table import Finding
from growthos_assets.table_assets import Event, code_version, key_of
from warehouse.contract import description_of

FRESHNESS_CHECK = "freshness"
FRESH_FOR = timedelta(hours=26)
"""A source that has said nothing new for longer is stale: a day, and an hour or two for the sync itself."""

RETRY = dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
"""For what passes by itself: a dropped connection, a busy server."""


def stream_asset(contract: type[RawRecords]) -> dg.AssetsDefinition:
    """The asset of a stream. It lands versions in raw.raw_events; its own table is a view of them."""
    key = key_of(contract)

    @dg.asset(
        key=key,
        partitions_def=TENANTS,
        group_name="raw",
        description=description_of(contract),
        metadata={
            "dagster/column_schema": metadata.column_schema(contract),
            "dagster/table_name": contract.__spec__.qualified,
        },
        check_specs=[
            tenant_check(
                FRESHNESS_CHECK,
                key,
                f"The source has said something new in the last {FRESH_FOR / timedelta(hours=1):.0f} hours.",
                blocking=False,
            )
        ],
        io_manager_key="reader",
        retry_policy=RETRY,
        code_version=code_version(contract, pull),
    )
    def asset(
        context: dg.AssetExecutionContext,
        warehouse: WarehouseResource,
        clock: Clock,
        sources: Sources,
    ) -> Iterator[Event]:
        yield from _materialize(contract, context.partition_key, warehouse, clock, sources)

    return asset


def _materialize(
    contract: type[RawRecords],
    tenant_id: str,
    warehouse: WarehouseResource,
    clock: Clock,
    sources: Sources,
) -> Iterator[Event]:
    name = contract.__spec__.name
    started = time.perf_counter()
    progress.report(progress.Step("raw", name))

    tenant = warehouse.tenant(tenant_id)
    now = clock.at(tenant)
    stream = STREAMS.get(contract.stream_key())
    source = sources.of(tenant) if stream else None
    pulled = pull(warehouse.database, tenant, source, stream, now) if source and stream else Pulled()

    latest = warehouse.scan(contract, tenant_id)
    records, versions, newest = (
        latest.select(pl.len(), pl.col("version").sum(), pl.col("seen_at").max().alias("newest")).collect().row(0)
    )
    freshness = _freshness(newest, now, is_file=stream is None, is_connected=source is not None)
    yield dg.AssetCheckResult(
        check_name=FRESHNESS_CHECK,
        passed=freshness.passed,
        severity=dg.AssetCheckSeverity.WARN,
        description=freshness.message,
        metadata={"skipped": freshness.skipped},
    )
    progress.report(progress.Step("raw", name, time.perf_counter() - started, records, pulled.landed))
    yield dg.MaterializeResult(
        metadata=_report(pulled, records, latest),
        # versions are only ever appended: their number and the newest instant say which ones were read
        data_version=dg.DataVersion(f"{versions} versions, newest {newest}"),
    )


def _freshness(newest: datetime | None, now: datetime, *, is_file: bool, is_connected: bool) -> Finding:
    if is_file:
        return Finding.skip("files are imported by hand, on no schedule")
    if not is_connected:
        return Finding.skip("this source is not connected")
    if newest is None:
        return Finding(False, "The source has never said anything. Check its connection.")
    age = now - newest
    words = f"The newest record was landed {newest:%Y-%m-%d %H:%M} UTC"
    return Finding(age <= FRESH_FOR, f"{words}, {age / timedelta(hours=1):.1f} hours ago")


def _report(pulled: Pulled, records: int, latest: pl.LazyFrame) -> dict[str, Any]:
    first = latest.select("external_id", "version", "seen_at", "payload").head(metadata.PREVIEW_ROWS)
    return {
        "dagster/partition_row_count": records,
        "pages": pulled.pages,
        "rows_in": pulled.received,
        "rows_out": pulled.landed,
        "rows_quarantined": 0,
        "rows_deduplicated": pulled.unchanged,
        "preview": metadata.preview(first.collect()),
    }
