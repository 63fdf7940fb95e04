"""From a declaration to an asset: read as the run's tenant, transform, audit, publish a difference, report.

Write, audit, publish: the contract splits the candidate rows and the checks look at what would go out *before*
anything is written. Rows that break their contract go to ops.quarantine with the reason; a failed blocking check
publishes nothing, leaves the last good rows in place and fails the step.
"""

import functools
import hashlib
import inspect
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from growthos_assets import metadata, progress, reasons
from growthos_assets.partitions import TENANTS, tenant_check
from growthos_assets.resources import Clock, Turn, WarehouseResource
from growthos_assets.retrying import retried
from growthos_assets.table import Contract, Declaration, Finding
from warehouse import refreshes
from warehouse.contract import description_of, polars_schema
from warehouse.database import Changes, as_json
from warehouse.ops import Quarantine
from warehouse.split import QUARANTINE_LIMIT, REASONS, split, too_bad

CONTRACT_CHECK = "contract"
WAITING = "waiting for another run of this tenant"

Event = dg.AssetCheckResult | dg.MaterializeResult[Any]


def key_of(contract: Contract) -> dg.AssetKey:
    """The asset key: the database's schema and table."""
    return dg.AssetKey([contract.__spec__.schema, contract.__spec__.name])


def table_asset(declaration: Declaration) -> dg.AssetsDefinition:
    """The asset of a declared table."""
    contract = declaration.contract
    key = key_of(contract)
    contract_check = tenant_check(
        CONTRACT_CHECK,
        key,
        "Rows keep the table's contract; those that don't are quarantined with their reasons. "
        f"More than {QUARANTINE_LIMIT:.0%} of them stop the publish.",
        blocking=True,
    )
    checks = [
        tenant_check(check.name, key, inspect.getdoc(check.function), blocking=check.blocking)
        for check in declaration.checks
    ]

    @dg.asset(
        key=key,
        deps=[key_of(upstream) for upstream in declaration.upstream],
        partitions_def=TENANTS,
        group_name=contract.__spec__.schema,
        description=description_of(contract),
        metadata={
            "dagster/column_schema": metadata.column_schema(contract),
            "dagster/table_name": contract.__spec__.qualified,
        },
        check_specs=[contract_check, *checks],
        io_manager_key="reader",
        code_version=code_version(contract, declaration.transform),
    )
    def asset(
        context: dg.AssetExecutionContext, warehouse: WarehouseResource, clock: Clock, turn: Turn
    ) -> Iterator[Event]:
        yield from retried(context, _materialize(declaration, context, warehouse, clock, turn))

    return asset


def _materialize(
    declaration: Declaration,
    context: dg.AssetExecutionContext,
    warehouse: WarehouseResource,
    clock: Clock,
    turn: Turn,
) -> Iterator[Event]:
    contract, (layer, name) = declaration.contract, declaration.key
    waiting = functools.partial(progress.report, progress.Step(layer, name, note=WAITING))
    turn.take(context.partition_key, context.run.run_id, waiting)
    started = time.perf_counter()
    progress.report(progress.Step(layer, name))

    tenant = warehouse.tenant_then(context.partition_key)
    call = warehouse.call(tenant, clock.at(tenant), context.run.run_id)
    candidate = call(declaration.transform).collect()
    good, bad = split(candidate, contract)
    warehouse.remember(contract, tenant.tenant_id, good)  # the candidate, for the checks
    findings = [(check, call(check.function, quarantined=bad.lazy())) for check in declaration.checks]
    is_blocked = too_bad(bad.height, candidate.height)
    yield _contract_result(contract, bad, candidate.height, is_blocked)
    for check, finding in findings:
        severity = dg.AssetCheckSeverity.ERROR if check.blocking else dg.AssetCheckSeverity.WARN
        yield check_result(key_of(contract), check.name, finding, severity)

    blocked = [check.name for check, finding in findings if check.blocking and not finding.passed]
    if is_blocked:
        blocked.insert(0, CONTRACT_CHECK)
    with warehouse.database.as_tenant(tenant.tenant_id) as cursor:
        refreshes.fence(cursor, context.run.run_id)
        # the reasons are published either way: they are how a person finds out what to mend
        warehouse.database.replace(
            cursor,
            Quarantine,
            _quarantine_rows(bad, contract, context.run.run_id),
            scope={"table_name": contract.__spec__.qualified},
            first_seen=("run_id", "quarantined_at"),
        )
        changes = (
            Changes()
            if blocked
            else warehouse.database.replace(cursor, contract, good, keep_others=declaration.keeps_past)
        )
    if blocked:
        turned_away = _turned_away(bad, candidate.height, tenant.tenant_id) if bad.height else ""
        raise dg.Failure(
            f"{contract.__spec__.qualified} of {tenant.tenant_id} was not published: {', '.join(blocked)} failed. "
            f"{turned_away}The rows published before are still in place. The check's result says what is wrong.",
            allow_retries=False,
        )
    warehouse.forget(declaration, tenant.tenant_id)
    progress.report(progress.Step(layer, name, time.perf_counter() - started, good.height, changes.written, bad.height))
    rows_in = next((finding.rows_in for _, finding in findings if finding.rows_in is not None), None)
    yield dg.MaterializeResult(metadata=_report(declaration, good, bad, changes, rows_in))


def _turned_away(bad: pl.DataFrame, rows: int, tenant_id: str) -> str:
    reason, *_ = reasons.grouped(bad[REASONS].list.first())
    return (
        f"{bad.height:,} of {rows:,} rows are quarantined, most often because {reason}: "
        f"`growthos quarantine --tenant {tenant_id}` shows them. "
    )


# results name their asset, whose newest event Dagster would otherwise read twice for each of them
def _contract_result(contract: Contract, bad: pl.DataFrame, rows: int, is_blocked: bool) -> dg.AssetCheckResult:
    why = reasons.most(reasons.grouped(bad[REASONS].list.first()))
    return dg.AssetCheckResult(
        asset_key=key_of(contract),
        check_name=CONTRACT_CHECK,
        passed=bad.is_empty(),
        severity=dg.AssetCheckSeverity.ERROR if is_blocked else dg.AssetCheckSeverity.WARN,
        description=f"{bad.height} of {rows} rows are quarantined",
        metadata={"quarantined": bad.height} | ({"reasons": why} if why else {}),
    )


def check_result(key: dg.AssetKey, name: str, finding: Finding, severity: dg.AssetCheckSeverity) -> dg.AssetCheckResult:
    """What an asset's check found, as Dagster is told of it."""
    told = {
        label: metadata.preview(value) if isinstance(value, pl.DataFrame) else value
        for label, value in finding.metadata.items()
    }
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=name,
        passed=finding.passed,
        severity=severity,
        description=finding.message,
        metadata=told | {"skipped": finding.skipped},
    )


def _quarantine_rows(bad: pl.DataFrame, contract: Contract, run_id: str) -> pl.DataFrame:
    if bad.is_empty():
        return pl.DataFrame(schema=polars_schema(Quarantine))
    key = pl.col(contract.__spec__.key).cast(pl.String)
    rows = as_json(bad.drop(REASONS))
    hashes = pl.Series([hashlib.sha256(row.encode()).hexdigest()[:16] for row in rows], dtype=pl.String)
    return (
        bad.with_columns(row=rows, hash=hashes)
        .with_columns(twin=pl.int_range(pl.len()).over("hash"))
        .select(
            table_name=pl.lit(contract.__spec__.qualified),
            fingerprint=pl.format("{}-{}", "hash", "twin"),
            record_id=pl.concat_str(key, separator="/", ignore_nulls=True).str.replace_all("\0", "", literal=True),
            reasons=REASONS,
            row="row",
            run_id=pl.lit(run_id),
            quarantined_at=pl.lit(datetime.now(UTC)),
        )
    )


def _report(
    declaration: Declaration, good: pl.DataFrame, bad: pl.DataFrame, changes: Changes, rows_in: int | None
) -> dict[str, Any]:
    report: dict[str, Any] = {
        "dagster/partition_row_count": good.height,
        "rows_out": good.height,
        "rows_quarantined": bad.height,
        "rows_inserted": changes.inserted,
        "rows_updated": changes.updated,
        "rows_deleted": changes.deleted,
        "rows_unchanged": changes.unchanged,
        "dagster/column_lineage": metadata.column_lineage(declaration),
        "preview": metadata.preview(good),
    }
    if rows_in is not None:  # of a table that no check counts, only the transform knows
        report["rows_in"] = rows_in
    if dates := metadata.date_range(good):
        report["date_range"] = dates
    if declaration.show and changes.written:
        report["picture"] = metadata.shown(declaration.show(good))
    return report


def code_version(contract: Contract, filled_by: Callable[..., Any]) -> str:
    """Changes when the file of the contract does, or that of the function that fills the table."""
    files = {Path(inspect.getfile(thing)) for thing in (contract, filled_by)}
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(files))).hexdigest()[:12]
