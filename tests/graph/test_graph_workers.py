"""Runs whose process has died, and runs that only take long: what the daemon makes of them."""

import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from typing import Any, cast

import dagster as dg
import psutil
import pytest
from dagster._core.test_utils import create_run_for_test
from dagster._core.workspace.context import IWorkspaceProcessContext
from dagster._daemon.monitoring import run_monitoring
from graph_runs import BY_HAND, Graph
from graph_shop import land, orders

from growthos_assets import running, table_assets
from growthos_assets.workers import WORKER_TAG, Launcher, has_died, worker_tag


class Daemon:
    """As much of it as an iteration of its monitoring takes."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance

    def create_request_context(self) -> None: ...

    def monitor(self) -> None:
        process = cast(IWorkspaceProcessContext, self)
        errors = run_monitoring.execute_run_monitoring_iteration(process, logging.getLogger(__name__))
        assert list(filter(None, errors)) == []

    def status(self, run: dg.DagsterRun) -> dg.DagsterRunStatus:
        """What has become of a run."""
        found = self.instance.get_run_by_id(run.run_id)
        assert found is not None
        return found.status


@pytest.fixture
def daemon(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    launcher = Launcher()
    launcher.register_instance(graph.instance)
    monkeypatch.setattr(type(graph.instance), "run_launcher", launcher)
    monkeypatch.setattr(type(graph.instance), "run_monitoring_max_runtime_seconds", 3600)
    return Daemon(graph.instance)


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that lasts until it is killed."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        yield process
        process.kill()


def started(daemon: Daemon, tags: Mapping[str, str] | None = None) -> dg.DagsterRun:
    return create_run_for_test(daemon.instance, status=dg.DagsterRunStatus.STARTED, tags=tags)


def test_a_run_is_ended_once_its_process_has_died(daemon: Daemon, child: subprocess.Popen[bytes]) -> None:
    run = started(daemon)
    daemon.instance.add_run_tags(run.run_id, worker_tag(run.run_id, psutil.Process(child.pid)))
    daemon.monitor()
    assert daemon.status(run) is dg.DagsterRunStatus.STARTED
    child.kill()
    while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    daemon.monitor()
    assert daemon.status(run) is dg.DagsterRunStatus.FAILURE, "nobody has taken note of its end yet"


def test_who_is_dead_is_known_only_of_ones_own(daemon: Daemon, child: subprocess.Popen[bytes]) -> None:
    run = started(daemon)
    child.kill()
    child.wait()
    _, host, _, born = worker_tag(run.run_id)[WORKER_TAG].split()

    def told(*words: object) -> bool:
        return has_died(run.with_tags({WORKER_TAG: " ".join(map(str, words))}))

    assert told(run.run_id, host, child.pid, born)
    assert told(run.run_id, host, psutil.Process().pid, int(born) - 3600), "another process has the number"
    assert not told(run.run_id, "elsewhere", child.pid, born)
    assert not told("another-run", host, child.pid, born), "it repeats that one, whose tags it has"
    assert not has_died(run), "it has just begun"


def test_a_run_says_which_process_it_is_in(shop: str, graph: Graph) -> None:
    result = graph.run("shop", "staging/stg_orders", job=BY_HAND)
    run = graph.instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.tags[WORKER_TAG] == worker_tag(run.run_id)[WORKER_TAG]


def test_a_run_of_the_command_line_may_take_hours(
    shop: str, daemon: Daemon, only: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    only("staging/stg_orders")
    land("shop", "shopify/orders", orders(1))
    quarantine_rows = table_assets._quarantine_rows
    then: list[dg.DagsterRunStatus] = []

    def two_hours_later(*arguments: Any) -> Any:
        with monkeypatch.context() as patch:
            patch.setattr(run_monitoring, "get_current_timestamp", lambda: time.time() + 7200)
            daemon.monitor()
        then.extend(run.status for run in daemon.instance.get_runs())
        return quarantine_rows(*arguments)

    monkeypatch.setattr(table_assets, "_quarantine_rows", two_hours_later)
    monkeypatch.setattr(running, "open_instance", lambda: nullcontext(daemon.instance))
    assert not running.run("shop", lambda step: None).failed
    assert then == [dg.DagsterRunStatus.STARTED]
