"""What runs by itself: real ticks, and the runs that they ask for really run."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.tags import RUN_KEY_TAG
from dagster._core.test_utils import create_run_for_test
from graph_runs import BY_HAND, Graph, Result, defs, in_layers
from graph_shop import open_shop

from connectors.fake import demo
from connectors.wire import WireResponse
from growthos_assets import automation, instance, load
from growthos_assets.alerts import evaluation
from growthos_assets.demo import ensure_tenant
from growthos_assets.loading import warehouse
from growthos_assets.partitions import TENANT_SET
from growthos_assets.workers import Launcher
from warehouse import ledger, proofs, tenants

STORED = InstanceRef.from_dir(str(Path(__file__).parent))
"""A tick looks partitions up only where it is told of a stored instance; it then asks the one that it is given."""


class Daemon:
    """Ticks as the daemon does: keeps cursors, adds partitions first, and runs no run key of a sensor twice."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.instance = graph, graph.instance
        self.cursors: dict[str, str | None] = {}
        self.keys: set[str] = set()

    def sense(self, sensor: dg.SensorDefinition) -> list[dg.RunRequest]:
        """A tick of a sensor; what it asks for and was not asked for before."""
        context = dg.build_sensor_context(
            self.instance,
            cursor=self.cursors.get(sensor.name),
            definitions=defs(),
            sensor_name=sensor.name,
            instance_ref=STORED,
        )
        tick = sensor.evaluate_tick(context)
        for request in tick.dynamic_partitions_requests or []:
            self.instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
        self.cursors[sensor.name] = tick.cursor
        new = [request for request in tick.run_requests or [] if request.run_key not in self.keys]
        self.keys |= {str(request.run_key) for request in new}
        return new

    def tick(self, schedule: dg.ScheduleDefinition, at: datetime) -> list[dg.RunRequest]:
        """A tick of a schedule at an instant, and the runs that it asks for, in the queue."""
        context = dg.build_schedule_context(
            scheduled_execution_time=at,
            repository_def=defs().get_repository_def(),
            instance_ref=STORED,
        )
        context._instance = self.instance
        requests = list(schedule.evaluate_tick(context).run_requests or [])
        for request in requests:
            create_run_for_test(self.instance, schedule.job_name, tags={RUN_KEY_TAG: str(request.run_key)})
        return requests

    def execute(self, job: str, requests: list[dg.RunRequest]) -> list[Result]:
        return [self.graph.run(str(request.partition_key), job=job, tags=request.tags) for request in requests]


@pytest.fixture
def daemon(graph: Graph) -> Daemon:
    return Daemon(graph)


def tenants_of(requests: list[dg.RunRequest]) -> list[str | None]:
    return [request.partition_key for request in requests]


def test_a_new_tenant_becomes_a_partition_and_is_materialized_once(database: str, daemon: Daemon) -> None:
    assert daemon.sense(automation.new_tenants) == []
    open_shop("shop")
    asked = daemon.sense(automation.new_tenants)
    assert tenants_of(asked) == ["shop"]
    assert daemon.instance.get_dynamic_partitions(TENANT_SET) == ["shop"]
    (run,) = daemon.execute("refresh", asked)
    assert run.success
    assert len(run.materialized) == 47
    assert daemon.sense(automation.new_tenants) == []


def test_a_tenant_that_an_import_made_a_partition_is_materialized_once(shop: str, daemon: Daemon) -> None:
    daemon.instance.add_dynamic_partitions(TENANT_SET, ["shop"])
    assert tenants_of(daemon.sense(automation.new_tenants)) == ["shop"]
    assert daemon.sense(automation.new_tenants) == [], "not even if its run has failed"


def test_a_database_that_is_new_makes_no_tick_fail(server: object, clone: Callable[[str], str], daemon: Daemon) -> None:
    clone("template0")
    assert daemon.sense(automation.new_tenants) == []
    assert daemon.tick(automation.hourly_sync, datetime(2026, 2, 10, 4, tzinfo=UTC)) == []


def test_alerts_follow_every_materialization_of_kpi_daily_once(shop: str, daemon: Daemon, graph: Graph) -> None:
    open_shop("other")
    assert daemon.sense(automation.alerts_on_kpis) == []
    for _ in range(2):
        graph.run("shop", "kpis/kpi_daily", job=BY_HAND)
    graph.run("other", "kpis/kpi_daily", job=BY_HAND)
    asked = daemon.sense(automation.alerts_on_kpis)
    assert sorted(map(str, tenants_of(asked))) == ["other", "shop"]
    cursor = daemon.cursors["alerts_on_kpis"]
    for run in daemon.execute("evaluate_alerts", asked):
        assert run.success
        assert set(run.materialized) == {"alerts/alerts"}
    assert daemon.sense(automation.alerts_on_kpis) == []
    assert daemon.cursors["alerts_on_kpis"] == cursor

    graph.run("shop", "kpis/kpi_daily", job=BY_HAND)
    assert tenants_of(daemon.sense(automation.alerts_on_kpis)) == ["shop"]
    assert int(str(daemon.cursors["alerts_on_kpis"])) > int(str(cursor))


def test_a_run_that_evaluates_alerts_itself_needs_no_other(shop: str, daemon: Daemon, graph: Graph) -> None:
    graph.run("shop", "kpis/kpi_daily", "alerts/alerts", job=BY_HAND)
    assert daemon.sense(automation.alerts_on_kpis) == []
    assert daemon.cursors["alerts_on_kpis"] is not None


def test_alerts_that_failed_after_kpi_daily_are_evaluated_once_that_run_has_ended(
    shop: str, daemon: Daemon, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_shop("other")
    graph.run("other", "kpis/kpi_daily", job=BY_HAND)
    asked_meanwhile: list[dg.RunRequest] = []

    def fail(*_: object) -> NoReturn:
        asked_meanwhile.extend(daemon.sense(automation.alerts_on_kpis))
        raise ValueError("a mistake of ours")

    with monkeypatch.context() as patch:
        patch.setattr(evaluation, "assess", fail)
        assert not graph.run("shop", "kpis/kpi_daily", "alerts/alerts", job=BY_HAND).success
    assert tenants_of(asked_meanwhile) == ["other"]
    asked = daemon.sense(automation.alerts_on_kpis)
    assert tenants_of(asked) == ["shop"]
    assert [run.success for run in daemon.execute("evaluate_alerts", asked)] == [True]
    assert daemon.sense(automation.alerts_on_kpis) == []


def test_a_restarted_sensor_without_cursor_asks_for_nothing_twice(shop: str, daemon: Daemon, graph: Graph) -> None:
    graph.run("shop", "kpis/kpi_daily", job=BY_HAND)
    assert tenants_of(daemon.sense(automation.alerts_on_kpis)) == ["shop"]
    daemon.cursors.clear()
    assert daemon.sense(automation.alerts_on_kpis) == []


def test_more_materializations_than_a_tick_may_read_wait_for_the_next(
    shop: str, daemon: Daemon, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_shop("other")
    for tenant in ("shop", "other"):
        graph.run(tenant, "kpis/kpi_daily", job=BY_HAND)
    with monkeypatch.context() as patch:
        patch.setattr(automation, "_is_going", lambda *_: True)
        assert daemon.sense(automation.alerts_on_kpis) == [], "they may evaluate alerts themselves"
    monkeypatch.setattr(automation, "EVENTS_PER_TICK", 1)
    asked = [tenants_of(daemon.sense(automation.alerts_on_kpis)) for _ in range(3)]
    assert asked == [["shop"], ["other"], []]


def test_every_tenant_is_synced_every_hour_once(shop: str, daemon: Daemon) -> None:
    open_shop("other", timezone="America/New_York")
    open_shop("stranger")  # not yet a partition: new_tenants has not seen it, and the others must not wait for that
    daemon.instance.add_dynamic_partitions(TENANT_SET, ["shop", "other"])
    four = datetime(2026, 2, 10, 4, tzinfo=UTC)
    assert tenants_of(daemon.tick(automation.hourly_sync, four)) == ["shop", "other"]
    assert daemon.tick(automation.hourly_sync, four) == []
    assert tenants_of(daemon.tick(automation.hourly_sync, four + timedelta(hours=1))) == ["shop", "other"]
    for hour in (5, 6):  # one o'clock in New York, twice
        at = datetime(2026, 11, 1, hour, tzinfo=UTC)
        assert tenants_of(daemon.tick(automation.hourly_sync, at)) == ["shop", "other"]


@pytest.fixture
def five_zones(database: str, daemon: Daemon) -> dict[str, ZoneInfo]:
    """{tenant: its time zone}"""
    zones = ("UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Kiritimati")
    for number, zone in enumerate(zones):
        open_shop(f"shop{number}", timezone=zone)
        daemon.instance.add_dynamic_partitions(TENANT_SET, [f"shop{number}"])
    return {f"shop{number}": ZoneInfo(zone) for number, zone in enumerate(zones)}


def asked_at(
    daemon: Daemon, schedule: dg.ScheduleDefinition, zones: Mapping[str, ZoneInfo], first: datetime, days: int
) -> dict[str, list[str]]:
    """{tenant: the local times at which the schedule asks for its run, in all ticks of the days}"""
    minute = int(str(schedule.cron_schedule).split()[0])
    asked: dict[str, list[str]] = {tenant: [] for tenant in zones}
    daemon.tick(schedule, first + timedelta(hours=-1, minutes=minute))  # what was missed until then
    for hour in range(24 * days):
        at = first + timedelta(hours=hour, minutes=minute)
        for request in daemon.tick(schedule, at):
            tenant = str(request.partition_key)
            asked[tenant].append(f"{at.astimezone(zones[tenant]):%a %d %H}")
    return asked


@pytest.mark.parametrize("saturday", [datetime(2026, 3, 7, tzinfo=UTC), datetime(2026, 10, 31, tzinfo=UTC)])
def test_marts_are_rebuilt_once_a_local_day_at_five(
    five_zones: dict[str, ZoneInfo], daemon: Daemon, saturday: datetime
) -> None:
    """On the weekends of New York's change to and from summer time too."""
    asked = asked_at(daemon, automation.daily_rebuild, five_zones, saturday, days=3)
    for tenant, times in asked.items():
        assert len(times) == 3, tenant
        assert len({time[:6] for time in times}) == 3, tenant
        assert {time[-2:] for time in times} == {"05"}, tenant


def test_the_review_is_written_on_monday_at_seven(five_zones: dict[str, ZoneInfo], daemon: Daemon) -> None:
    """Two Mondays, between which New York changes to summer time."""
    sunday = datetime(2026, 3, 1, 12, tzinfo=UTC)
    asked = asked_at(daemon, automation.weekly_review, five_zones, sunday, days=8)
    assert asked == {tenant: ["Mon 02 07", "Mon 09 07"] for tenant in five_zones}


def test_what_a_daemon_that_was_down_has_missed_is_made_up_for_once(
    five_zones: dict[str, ZoneInfo], daemon: Daemon
) -> None:
    def asked(schedule: dg.ScheduleDefinition, at: datetime) -> list[str | None]:
        return tenants_of(daemon.tick(schedule, at))

    tenants = list(five_zones)
    thursday = datetime(2026, 3, 12, 12, 15, tzinfo=UTC)
    assert asked(automation.daily_rebuild, thursday) == tenants
    assert asked(automation.daily_rebuild, thursday + timedelta(hours=1)) == []
    assert asked(automation.daily_rebuild, thursday + timedelta(days=3)) == tenants
    assert asked(automation.daily_rebuild, thursday + timedelta(days=3, minutes=60)) == []

    assert asked(automation.weekly_review, thursday) == tenants
    assert asked(automation.weekly_review, thursday + timedelta(days=1)) == []
    two_weeks_later = thursday + timedelta(days=14)
    assert asked(automation.weekly_review, two_weeks_later) == tenants, "one review, of the week before"
    assert asked(automation.weekly_review, two_weeks_later + timedelta(hours=1)) == []
    new_year = datetime(2026, 12, 31, 12, 30, tzinfo=UTC)
    assert asked(automation.weekly_review, new_year) == tenants
    assert asked(automation.weekly_review, new_year + timedelta(days=2)) == [], "a week is one across the years"


def test_jobs_select_what_they_say() -> None:
    selected = {
        job.name: {key.to_user_string() for key in defs().resolve_job_def(job.name).asset_layer.selected_asset_keys}
        for job in automation.JOBS
    }
    assert selected == {
        "refresh": set(in_layers("raw", "staging", "marts", "cohorts", "kpis", "alerts")),
        "sync": set(in_layers("raw", "staging")),
        "rebuild": set(in_layers("marts", "cohorts", "kpis")),
        "evaluate_alerts": {"alerts/alerts"},
        "review": {"alerts/wbr"},
        "retention": set(),
    }
    assert all(schedule.default_status is dg.DefaultScheduleStatus.RUNNING for schedule in automation.SCHEDULES)
    assert all(sensor.default_status is dg.DefaultSensorStatus.RUNNING for sensor in automation.SENSORS)


def test_a_monday_morning_of_the_demo(demo: str, daemon: Daemon) -> None:
    """Sync, rebuild, alerts, review: each asked for by its own tick, each succeeds, none changes what is up to date."""
    daemon.instance.add_dynamic_partitions(TENANT_SET, ["acme"])
    review = load("alerts/wbr", "acme")
    monday = datetime(2026, 2, 9, tzinfo=ZoneInfo("America/New_York")).astimezone(UTC)

    def morning(hour: int, minute: int) -> datetime:
        return monday + timedelta(hours=hour, minutes=minute)

    ran = {
        "sync": daemon.execute("sync", daemon.tick(automation.hourly_sync, morning(5, 0))),
        "rebuild": daemon.execute("rebuild", daemon.tick(automation.daily_rebuild, morning(5, 15))),
        "evaluate_alerts": daemon.execute("evaluate_alerts", daemon.sense(automation.alerts_on_kpis)),
        "review": daemon.execute("review", daemon.tick(automation.weekly_review, morning(7, 30))),
    }
    assert {job: [run.success for run in runs] for job, runs in ran.items()} == {job: [True] for job in ran}
    assert {job: len(runs[0].materialized) for job, runs in ran.items()} == {
        "sync": 19, "rebuild": 26, "evaluate_alerts": 1, "review": 1,
    }  # fmt: skip
    assert load("alerts/wbr", "acme").equals(review)


def test_the_instance_is_configured_as_the_project_relies_on(database_with_runs: str) -> None:
    with instance.open_instance() as opened:
        assert isinstance(opened.get_ref().storage, instance.PooledPostgresStorage)
        queue = opened.get_concurrency_config().run_queue_config
        assert queue is not None
        assert queue.max_concurrent_runs == 2
        assert queue.tag_concurrency_limits == [
            {"key": "dagster/partition", "value": {"applyLimitPerUniqueValue": True}, "limit": 1}
        ]
        assert isinstance(opened.run_launcher, Launcher)
        assert opened.run_monitoring_enabled
        assert opened.run_monitoring_start_timeout_seconds == 180
        assert opened.run_monitoring_max_runtime_seconds == 3600
        assert opened.run_retries_enabled
        assert opened.run_retries_max_retries == 1
        assert not opened.run_retries_retry_on_asset_or_op_failure
        assert not opened.telemetry_enabled
        assert not opened.nux_enabled


def test_a_source_that_asked_to_wait_is_asked_again_as_soon_as_it_allows(
    database: str, daemon: Daemon, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = ensure_tenant("acme")
    body = b'{"error": {"message": "User request limit reached", "type": "OAuthException", "code": 17}}'
    apis = demo.apis
    with monkeypatch.context() as patch:
        patch.setattr(demo, "apis", lambda *args: {**apis(*args), "meta": lambda request: WireResponse(400, body)})
        graph.run("acme", "raw/meta_insights")
    (allowed,) = proofs.retries(warehouse(), "acme")
    assert daemon.sense(automation.after_the_limit) == []
    tenants.update(tenant.tenant_id, lambda own: replace(own, clock_at=allowed))
    asked = daemon.sense(automation.after_the_limit)
    assert tenants_of(asked) == ["acme"]
    run = graph.run("acme", "raw/meta_insights", job="sync", tags=asked[0].tags)  # the others were not asked before
    assert run.checks["raw/meta_insights:completeness"].passed
    assert daemon.sense(automation.after_the_limit) == []


def test_a_limit_of_an_account_that_is_never_asked_again_hides_no_other(shop: str, daemon: Daemon) -> None:
    now = datetime(2026, 2, 10, tzinfo=UTC)
    tenants.update("shop", lambda own: replace(own, clock_at=now + timedelta(days=3)))
    daemon.instance.add_dynamic_partitions(TENANT_SET, ["shop"])

    def limited(source: str, at: datetime) -> None:
        with ledger.recording(warehouse(), "shop", (source, "orders"), lambda: at, "v1") as book:
            (pull_id,) = book.plan([ledger.Planned("slice", "one", at, at, "r", {})])
            book.running(pull_id)
            retry_at = at + timedelta(hours=1)
            book.failed(pull_id, "rate_limited", "Come back.", ledger.Effort(1, 1, 0.0), retry_at)

    limited("meta", now)
    assert tenants_of(daemon.sense(automation.after_the_limit)) == ["shop"]
    limited("shopify", now + timedelta(days=2))
    assert tenants_of(daemon.sense(automation.after_the_limit)) == ["shop"], "its own"
    limited("shopify", now + timedelta(days=3))
    assert daemon.sense(automation.after_the_limit) == [], "it has an hour to wait"
