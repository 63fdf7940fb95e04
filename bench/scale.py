"""The demo, scaled: the whole graph against a bare COPY of the same rows into the same raw and fact tables.

python -m bench.scale [factor]

The brand's APIs are served in the same process. Making up the brand and answering as its APIs is the outside world's
work: the seconds that it takes are told apart.
"""

import resource
import sys
import time

import polars as pl

from bench.copy import bare_copy
from bench.scratch import scratch_home
from connectors.demo import DemoSource
from connectors.fake import demo
from connectors.wire import App, WireRequest, WireResponse
from growthos_assets import automation, definitions, graph, progress
from growthos_assets.demo import CURRENCY, TIMEZONE, ensure_tenant
from growthos_assets.instance import open_instance
from growthos_assets.loading import warehouse
from growthos_assets.outcomes import Outcome
from growthos_assets.partitions import TENANT_SET
from growthos_assets.progress import Step
from warehouse.ops import RawEvents

GIGABYTE = 2**20  # ru_maxrss counts kilobytes


def main(factor: int) -> None:
    """Print seconds by layer, the bare COPY of the same rows, their ratio, and the peak of memory."""
    with scratch_home():
        warehouse()
        tenant = ensure_tenant().tenant_id
        started = time.perf_counter()
        _ = DemoSource(scale=factor, timezone=TIMEZONE, currency=CURRENCY).world  # kept: the run uses this very one
        made_up = time.perf_counter() - started
        brand = peak_memory()
        served = timed_apis()
        outcome = run(tenant, factor)
        peak = peak_memory()
        copied, records = copy_seconds(tenant)
    outside = sum(served)
    print(f"demo × {factor}: {records:,} raw records")
    for layer in outcome.layers():
        print(f"  {layer.name:<8} {layer.seconds:8.1f} s  {layer.rows:>10,} rows")
    print(f"  {'Dagster':<8} {outcome.overhead:8.1f} s")
    print(f"  whole graph {outcome.seconds:.1f} s, of which the APIs' answers {outside:.1f} s")
    print(f"  making up the brand before it {made_up:.1f} s")
    print(f"  bare COPY of the same raw and fact rows {copied:.1f} s")
    ratio, ours = outcome.seconds / copied, (outcome.seconds - outside) / copied
    print(f"  ratio {ratio:.2f}, without the APIs' answers {ours:.2f}")
    print(f"  peak memory {peak:.2f} GiB, {brand:.2f} of it the brand itself and what was imported")


def peak_memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / GIGABYTE


def timed_apis() -> list[float]:
    """The seconds of every answer that the demo's APIs give from here on, in a list that grows."""
    seconds: list[float] = []
    plain = demo.apis

    def timed(app: App) -> App:
        def answer(request: WireRequest) -> WireResponse:
            started = time.perf_counter()
            try:
                return app(request)
            finally:
                seconds.append(time.perf_counter() - started)

        return answer

    demo.apis = lambda *args: {name: timed(app) for name, app in plain(*args).items()}
    return seconds


def run(tenant: str, factor: int) -> Outcome:
    """Materialize the scaled demo's whole graph, as a Dagster run in this process."""
    outcome = Outcome(tenant)
    job = definitions.defs().resolve_job_def(automation.refresh.name)
    started = time.perf_counter()

    def hear(step: Step) -> None:
        if step.seconds is not None:
            outcome.steps.append(step)

    with open_instance() as instance, progress.listening(hear):
        instance.add_dynamic_partitions(TENANT_SET, [tenant])
        job.execute_in_process(
            instance=instance,
            partition_key=tenant,
            run_config={
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                "resources": {"sources": {"config": {"scale": factor}}},
            },
        )
    outcome.seconds = time.perf_counter() - started
    return outcome


def copy_seconds(tenant: str) -> tuple[float, int]:
    """Seconds to COPY what the graph wrote into raw.raw_events and the facts; the raw records among it."""
    database = warehouse()
    facts = [table.contract for table in graph.tables() if table.name.startswith("fact_")]
    total, records = 0.0, 0
    for contract in [RawEvents, *facts]:
        rows: pl.DataFrame = database.read(contract.__spec__.qualified, tenant)
        total += bare_copy(database, contract, rows, tenant)
        records += rows.height if contract is RawEvents else 0
    return total, records


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
