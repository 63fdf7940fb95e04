"""Which process a run is in, so that the daemon notices when that has died, and only then."""

import socket

import dagster as dg
import psutil
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus

WORKER_TAG = "growthos/worker"

SAME_SECONDS = 10.0
"""By how much a process's start may seem to move: it is told by a clock that is set meanwhile."""


def worker_tag(run_id: str, process: psutil.Process | None = None) -> dict[str, str]:
    """What a run is tagged with by its process. It names the run, since a run that is tried anew inherits all tags."""
    process = process or psutil.Process()
    return {WORKER_TAG: f"{run_id} {socket.gethostname()} {process.pid} {process.create_time():.0f}"}


def has_died(run: dg.DagsterRun) -> bool:
    """Whether the run's process is no more; False too as long as that can't be known, or not on this machine."""
    run_id, host, pid, started = (run.tags.get(WORKER_TAG) or "- - 0 0").split()
    if (run_id, host) != (run.run_id, socket.gethostname()):
        return False
    try:
        process = psutil.Process(int(pid))
        is_another = abs(process.create_time() - float(started)) > SAME_SECONDS
        return is_another or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class Launcher(dg.DefaultRunLauncher):
    """Dagster's, which knows who has died: the daemon ends such a run, rather than let it keep its place for an hour.

    It asks the process itself, not the code server that may have started it: either can outlive the other.
    """

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        if has_died(run):
            return CheckRunHealthResult(WorkerStatus.FAILED, "its process is no more")
        return CheckRunHealthResult(WorkerStatus.RUNNING)
