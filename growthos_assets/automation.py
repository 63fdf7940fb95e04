"""What runs by itself, and why.

hourly_sync      Sources restate and add rows all day; an hour is as late as staging may be.
daily_rebuild    Marts, cohorts and KPIs count complete local days: they change once a day, after midnight has settled.
weekly_review    The week ends on Sunday; its review waits in each tenant's inbox on Monday morning, their time.
                 One that was missed is written later in the week; once that is over, no more.
after_the_limit  A source that said "not before …" is asked again then: no run sleeps, none waits for the next hour.
new_tenants      A row in ops.tenants is a tenant: it becomes a partition and is materialized, without a deploy.
alerts_on_kpis   Whoever materializes kpi_daily, by schedule or by hand, alerts are evaluated on it: once.
deliver_alerts   What there is to tell waits in an outbox: receivers fail, and are asked again when it is due.
daily_retention  Dagster deletes no run, and an hourly sync leaves half a megabyte: old runs go, once a day.
"""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
from dagster._core.storage.tags import RUN_KEY_TAG

from growthos_assets import clock
from growthos_assets.alerts.delivery import deliver
from growthos_assets.alerts.wbr import REVIEW_HOUR
from growthos_assets.loading import warehouse
from growthos_assets.partitions import TENANT_SET, TENANTS
from growthos_assets.retention import delete_old_runs
from warehouse import proofs, tenants
from warehouse.tenants import Tenant

ON, SENSING = dg.DefaultScheduleStatus.RUNNING, dg.DefaultSensorStatus.RUNNING
REBUILD_HOUR = 5
HOUR, DAY, WEEK = "%Y-%m-%dT%H%z", "%Y-%m-%d", "%G-W%V"
"""What a run is of, as its key names it: a local hour, a local day, a week from Monday on."""

KPI_DAILY = dg.AssetKey(["kpis", "kpi_daily"])
ALERTS = dg.AssetKey(["alerts", "alerts"])
REVIEW = dg.AssetKey(["alerts", "wbr"])
EVENTS_PER_TICK = 200
"""Bounds a tick of the alert sensor; the rest waits for the next one."""

SENDING_SECONDS = 25.0
"""After which a tick of the delivery sensor sends no more: Dagster ends a tick at 60, and a receiver may take 30."""

SOONER = {"sync": timedelta(days=7)}
"""For how long runs that succeeded are kept, where the next one comes so soon that nobody looks at them for longer."""

_groups = dg.AssetSelection.groups
_everything = _groups("raw", "staging", "marts", "cohorts", "kpis", "alerts")

refresh = dg.define_asset_job("refresh", _everything, description="A tenant's whole graph.")
sync = dg.define_asset_job("sync", _groups("raw", "staging"), description="Pull the sources and type them.")
rebuild = dg.define_asset_job(
    "rebuild", _groups("marts", "cohorts", "kpis"), description="Marts, cohorts and KPIs from staging."
)
evaluate_alerts = dg.define_asset_job(
    "evaluate_alerts", dg.AssetSelection.assets(ALERTS), description="The alert rules, on kpi_daily as it is."
)
review = dg.define_asset_job("review", dg.AssetSelection.assets(REVIEW), description="The weekly business review.")


@dg.op
def old_runs(context: dg.OpExecutionContext) -> None:
    """Delete those that are old and told nothing that is still asked for."""
    deleted = delete_old_runs(context.instance, datetime.now(UTC), SOONER)
    context.log.info(
        f"Old runs deleted: {deleted.runs}. Kept, for what they told is the newest of its kind: {deleted.kept}."
    )


@dg.job(description="Old runs, and all that they told, out of Dagster's own storage.")
def retention() -> None:
    old_runs()


def _tenants() -> list[Tenant]:
    """All tenants; none in a database that is new, which gets its schema here."""
    warehouse()
    return tenants.everyone()


def due(job: str, context: dg.ScheduleEvaluationContext, period: str, hour: int = 0) -> Iterator[dg.RunRequest]:
    """A run for every tenant whose present period, which begins at that hour of its first day, had none yet.

    Not only in that hour: a daemon that was down in it evaluates no more than the newest of the ticks that it missed.
    Dagster itself holds a schedule's run keys against those of the same tick only.

    A tenant that is no partition yet is left to new_tenants: requesting it would fail the tick for everyone.
    """
    tick = context.scheduled_execution_time
    partitions = set(context.instance.get_dynamic_partitions(TENANT_SET))
    for tenant in _tenants():
        if tenant.tenant_id not in partitions:
            continue
        local = tick.astimezone(ZoneInfo(tenant.timezone))
        # the difference alone would forget which it is of an hour that comes twice
        since = (local - timedelta(hours=hour)).replace(fold=local.fold)
        key = f"{job}:{tenant.tenant_id}:{since:{period}}"
        if not context.instance.get_runs(dg.RunsFilter(tags={RUN_KEY_TAG: key}), limit=1):
            yield dg.RunRequest(run_key=key, partition_key=tenant.tenant_id)


@dg.schedule(cron_schedule="0 * * * *", job=sync, default_status=ON)
def hourly_sync(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest]:
    """Sync every tenant's sources."""
    return list(due("sync", context, HOUR))


@dg.schedule(cron_schedule="15 * * * *", job=rebuild, default_status=ON)
def daily_rebuild(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest]:
    """Rebuild the marts of every tenant once a day, as soon as it is five in the morning there."""
    return list(due("rebuild", context, DAY, REBUILD_HOUR))


@dg.schedule(cron_schedule="30 * * * *", job=review, default_status=ON)
def weekly_review(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest]:
    """Write the review of every tenant once a week, as soon as it is Monday, seven in the morning there."""
    return list(due("review", context, WEEK, REVIEW_HOUR))


daily_retention = dg.ScheduleDefinition(
    "daily_retention",
    job=retention,
    cron_schedule="45 0 * * *",
    default_status=ON,
    description="Delete old runs.",
)


@dg.sensor(job=sync, minimum_interval_seconds=30, default_status=SENSING)
def after_the_limit(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest]:
    """Sync every tenant of which a source was rate-limited, as soon as that source allows it.

    The newest limit that is over decides: one run asks all that may be asked, and the limit of an account that is
    never asked again, since no login reaches it any more, must not hide the others.
    """
    partitions = set(context.instance.get_dynamic_partitions(TENANT_SET))
    for tenant in _tenants():
        told = proofs.retries(warehouse(), tenant.tenant_id) if tenant.tenant_id in partitions else []
        over = [at for at in told if at <= clock.now(tenant)]
        if over:
            run_key = f"limit:{tenant.tenant_id}:{max(over).isoformat()}"
            yield dg.RunRequest(run_key=run_key, partition_key=tenant.tenant_id)


@dg.sensor(job=refresh, minimum_interval_seconds=30, default_status=SENSING)
def new_tenants(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Make a partition of every new tenant, and materialize each that has no KPIs yet.

    Whoever imports a tenant's first file has made its partition already. One whose run failed is not asked for again:
    the daemon runs no run key of a sensor twice, as long as that run is kept.
    """
    known = set(context.instance.get_dynamic_partitions(TENANT_SET))
    materialized = context.instance.get_materialized_partitions(KPI_DAILY)
    everyone = [tenant.tenant_id for tenant in _tenants()]
    fresh = [tenant_id for tenant_id in everyone if tenant_id not in known]
    empty = [tenant_id for tenant_id in everyone if tenant_id not in materialized]
    if not (fresh or empty):
        return dg.SkipReason("Every tenant is a partition, and materialized.")
    return dg.SensorResult(
        dynamic_partitions_requests=[TENANTS.build_add_request(fresh)] if fresh else [],
        run_requests=[dg.RunRequest(run_key=f"new:{tenant_id}", partition_key=tenant_id) for tenant_id in empty],
    )


@dg.sensor(job=evaluate_alerts, minimum_interval_seconds=30, default_status=SENSING)
def alerts_on_kpis(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Evaluate alerts on every materialization of kpi_daily, unless its own run has.

    What a run is going to do is not done: it may fail in between. So the cursor waits for its end.
    """
    instance, cursor = context.instance, int(context.cursor or 0)
    found = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=KPI_DAILY, after_storage_id=cursor),
        limit=EVENTS_PER_TICK,
        ascending=True,
    ).records
    if not found:
        return dg.SkipReason("kpi_daily was not materialized since the last tick.")
    newest = {record.partition_key: record for record in found if record.partition_key}
    unseen = {tenant: record for tenant, record in newest.items() if not _evaluated(instance, tenant, record)}
    going = [record.storage_id for record in unseen.values() if _is_going(instance, record.run_id)]
    requests = [
        dg.RunRequest(run_key=f"alerts:{record.storage_id}", partition_key=tenant)
        for tenant, record in unseen.items()
        if record.storage_id not in going
    ]
    return dg.SensorResult(run_requests=requests, cursor=str(min(going, default=found[-1].storage_id + 1) - 1))


@dg.sensor(minimum_interval_seconds=30, default_status=SENSING)
def deliver_alerts(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Send the digests that are due. It asks for no run: a tick is all that it takes."""
    until = time.monotonic() + SENDING_SECONDS
    came_to: Counter[str] = Counter()
    for tenant in _tenants():
        try:
            came_to += deliver(tenant.tenant_id, datetime.now(UTC), context.log, until)
        except Exception:  # one tenant's trouble is not the others'; its delivery stays due
            context.log.exception(f"The deliveries of {tenant.tenant_id} could not be made.")
            came_to["broken off"] += 1
    told = ", ".join(f"{count} {state}" for state, count in sorted(came_to.items()))
    return dg.SkipReason(f"Deliveries: {told}." if told else "No delivery is due.")


def _evaluated(instance: dg.DagsterInstance, tenant_id: str, kpi_daily: dg.EventLogRecord) -> bool:
    """Whether alerts were materialized after that kpi_daily, by whatever job or selection."""
    after = dg.AssetRecordsFilter(asset_key=ALERTS, asset_partitions=[tenant_id], after_storage_id=kpi_daily.storage_id)
    return bool(instance.fetch_materializations(after, limit=1).records)


def _is_going(instance: dg.DagsterInstance, run_id: str) -> bool:
    run = instance.get_run_by_id(run_id)
    return run is not None and not run.is_finished


JOBS = [refresh, sync, rebuild, evaluate_alerts, review, retention]
SCHEDULES = [hourly_sync, daily_rebuild, weekly_review, daily_retention]
SENSORS = [after_the_limit, new_tenants, alerts_on_kpis, deliver_alerts]
