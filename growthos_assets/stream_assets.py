"""From a source's stream to an asset: bring it up to date, and hand on the latest version of every record."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import dagster as dg
import polars as pl

from connectors.source import STREAMS, Stream
from growthos_assets import metadata, progress
from growthos_assets.partitions import TENANTS, tenant_check
from growthos_assets.raw.records import RawRecords
from growthos_assets.raw.synced import Synced, together
from growthos_assets.raw.syncing import lost, sync
from growthos_assets.resources import Clock, Sources, WarehouseResource
from growthos_assets.retrying import retried
from growthos_assets.table import Finding
from growthos_assets.table_assets import Event, check_result, code_version, key_of
from warehouse import versions
from warehouse.contract import description_of
from warehouse.tenants import Tenant

FRESHNESS, COMPLETENESS = "freshness", "completeness"
FRESH_FOR = timedelta(hours=26)
"""A source of which nothing newer is proven is stale: a day, and an hour or two for the sync itself."""

CHECKS = {
    FRESHNESS: f"Everything up to the last {FRESH_FOR / timedelta(hours=1):.0f} hours is proven to be here.",
    COMPLETENESS: "Every account was pulled to its end, and the source's own counts were met.",
}
NOT_CONNECTED = "this source is not connected"
TOLD = 3
"""Problems that a check's sentence has room for."""

WARN = dg.AssetCheckSeverity.WARN


def stream_asset(contract: type[RawRecords]) -> dg.AssetsDefinition:
    """The asset of a stream. It lands versions in raw.raw_events; its own table is a view of them.

    A file is imported by hand, on no schedule: nobody could say how fresh or complete it is.
    """
    key, stream = key_of(contract), STREAMS.get(contract.stream_key())

    @dg.asset(
        key=key,
        partitions_def=TENANTS,
        group_name="raw",
        description=description_of(contract),
        metadata={
            "dagster/column_schema": metadata.column_schema(contract),
            "dagster/table_name": contract.__spec__.qualified,
        },
        check_specs=[tenant_check(name, key, words, blocking=False) for name, words in CHECKS.items() if stream],
        io_manager_key="reader",
        code_version=code_version(contract, sync),
    )
    def asset(
        context: dg.AssetExecutionContext,
        warehouse: WarehouseResource,
        clock: Clock,
        sources: Sources,
    ) -> Iterator[Event]:
        yield from retried(context, _materialize(contract, stream, context, warehouse, clock, sources))

    return asset


def _materialize(
    contract: type[RawRecords],
    stream: Stream | None,
    context: dg.AssetExecutionContext,
    warehouse: WarehouseResource,
    clock: Clock,
    sources: Sources,
) -> Iterator[Event]:
    name = contract.__spec__.name
    started = time.perf_counter()
    progress.report(progress.Step("raw", name))

    tenant = warehouse.tenant(context.partition_key)
    now = clock.at(tenant)
    done = _sync(stream, context, tenant, now, warehouse, sources) if stream else None

    latest = warehouse.scan(contract, tenant.tenant_id)
    records: int = latest.select(pl.len()).collect().item()
    if stream:
        key, skipped = key_of(contract), Finding.skip(NOT_CONNECTED)
        severity = WARN if done is None or done.is_expected else dg.AssetCheckSeverity.ERROR
        yield check_result(key, FRESHNESS, _freshness(done, now) if done else skipped, WARN)
        yield check_result(key, COMPLETENESS, _completeness(done) if done else skipped, severity)
    landed = done.landed if done else 0
    progress.report(progress.Step("raw", name, time.perf_counter() - started, records, landed))
    report = _report(records, latest) | _sync_report(done or Synced())
    if done and (done.restated or done.vanished):
        changes = versions.restatements(warehouse.database, tenant.tenant_id, contract.__spec__.qualified, now)
        report["restatements"] = metadata.preview(changes.drop("seen_at").head(metadata.PREVIEW_ROWS))
    yield dg.MaterializeResult(
        metadata=report,
        data_version=dg.DataVersion(warehouse.state(contract, tenant.tenant_id)),
    )


def _sync(
    stream: Stream,
    context: dg.AssetExecutionContext,
    tenant: Tenant,
    now: datetime,
    warehouse: WarehouseResource,
    sources: Sources,
) -> Synced | None:
    """What became of the stream over all of the tenant's connections; None if there is none."""
    table = f"raw/{stream.source}_{stream.name}"
    synced = [
        sync(
            warehouse.database,
            tenant,
            connection.client,
            connection.clock,
            stream,
            connection=connection.name,
            seen_at=(lambda: now) if tenant.clock_at else connection.clock.now,
            since=sources.first,
            until=sources.last,
            run_id=context.run.run_id,
            listener=lambda done: progress.report(progress.Step("raw", table, note=_progress(done))),
        )
        for connection in sources.of(tenant, now)
        if connection.client.source == stream.source
    ]
    if not synced:
        return None
    done = together(synced)
    done.problems += lost(warehouse.database, tenant.tenant_id, stream, done)
    return done


def _progress(done: Synced) -> str:
    return f"{done.verified} of {done.slices} slices, {done.received:,} records"


def _freshness(done: Synced, now: datetime) -> Finding:
    if not done.proven_to:
        return Finding(False, "No account of this source could be asked. The completeness check says why.")
    account, reached = min(done.proven_to.items(), key=lambda item: item[1])
    words = f"Everything up to {reached:%Y-%m-%d %H:%M} UTC is here"
    return Finding(
        now - reached <= FRESH_FOR, f"{words}, {(now - reached) / timedelta(hours=1):.1f} hours ago ({account})"
    )


def _completeness(done: Synced) -> Finding:
    if not done.problems:
        return Finding(True, f"{done.verified} slices verified: {done.received:,} records, as the source counts them")
    told = "; ".join(f"{problem.account}: {problem.message}" for problem in done.problems[:TOLD])
    more = f"; and {len(done.problems) - TOLD} more in ops.sync_slices" if len(done.problems) > TOLD else ""
    return Finding(False, f"Partial: {done.verified} of {done.slices} slices verified. {told}{more}")


def _report(records: int, latest: pl.LazyFrame) -> dict[str, Any]:
    first = latest.select("external_id", "version", "seen_at", "payload").head(metadata.PREVIEW_ROWS)
    return {"dagster/partition_row_count": records, "preview": metadata.preview(first.collect())}


def _sync_report(done: Synced) -> dict[str, Any]:
    return {
        "rows_in": done.received,
        "rows_out": done.landed,
        "rows_quarantined": 0,
        "rows_deduplicated": done.unchanged,
        "rows_expected": done.expected,
        "rows_restated": done.restated,
        "rows_vanished": done.vanished,
        "slices": done.slices,
        "slices_verified": done.verified,
        "pages": done.pages,
        "requests": done.requests,
        "waited_seconds": round(done.waited, 1),
        **({"api_version": done.api_version} if done.api_version else {}),
        **({"quota": done.quota} if done.quota else {}),
        **({"notes": "\n".join(done.notes)} if done.notes else {}),
    }
