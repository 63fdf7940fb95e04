"""The figures of a fresh machine: the demo, a real shop's export, a table write, the size of the graph.

python -m bench.figures [FILE [--map field=column …]]

FILE is an export of order lines; with none, that part is left out. All state lives in temporary folders.
"""

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from decimal import Decimal

import polars as pl

from bench import write
from bench.scratch import scratch_home

GROWTHOS = [sys.executable, "-m", "growthos_assets.cli"]
TENANT = "export"


def main(file: str | None, maps: list[str]) -> None:
    """Print everything."""
    demo()
    if file:
        export(file, maps)
    write.main(write.ROWS)
    size()


def demo() -> None:
    """A fresh demo and a second one: wall seconds, seconds by layer, peak memory."""
    with tempfile.TemporaryDirectory(prefix="growthos-bench-") as home:
        for title in ("fresh demo", "second demo"):
            seconds, output = timed([*GROWTHOS, "demo"], home)
            print(f"{title}: {seconds:.1f} s")
            layers = re.search(r"Layers.*?┘", output, re.DOTALL)
            print(layers.group() if layers else sys.exit(f"the {title} printed no layers:\n{output}"))
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**10
        print(f"peak memory of the largest process: {peak:.0f} MiB")
        timed([*GROWTHOS, "stop"], home)


def export(file: str, maps: list[str]) -> None:
    """Import and run: wall seconds, lines per second, and the sums for known customers and for guests."""
    options = [part for entry in maps for part in ("--map", entry)]
    new = ["--timezone", "Europe/London", "--currency", "GBP"]
    with scratch_home() as home:
        command = [*GROWTHOS, "import", "orders", file, "-t", TENANT, *new, *options, "--format", "json"]
        seconds, output = timed(command, str(home))
        counts = json.loads(output)
        print(f"import: {seconds:.1f} s, {counts['read'] / seconds:,.0f} lines/s, {counts}")
        for title in ("run", "run again"):
            seconds, output = timed([*GROWTHOS, "run", "-t", TENANT, "--format", "json"], str(home))
            outcome = json.loads(output)
            layers = {name: round(layer["seconds"], 1) for name, layer in outcome["layers"].items()}
            print(f"{title}: {seconds:.1f} s, {outcome['rows_changed']:,} rows changed, {layers}")
        print_sums(counts["read"])


def print_sums(read: int) -> None:
    """Orders, customers, gross, refunds and net of the facts, and that no line is lost."""
    from growthos_assets import load

    orders, refunds = load("marts/fact_orders", TENANT), load("marts/fact_refunds", TENANT)
    for name, known in (
        ("known customers", pl.col("customer_id").is_not_null()),
        ("guests", pl.col("customer_id").is_null()),
    ):
        sold, back = orders.filter(known), refunds.filter(known)
        gross, given = (Decimal(frame.sum() or 0) for frame in (sold["revenue_gross"], back["refunds"]))
        customers = sold["customer_id"].drop_nulls().n_unique()
        print(
            f"  {name}: {sold.height:,} orders, {customers:,} customers, "
            f"gross {gross}, refunds {given}, net {gross - given}"
        )
    rows = [load(f"marts/{table}", TENANT).height for table in ("fact_order_lines", "fact_refunds")]
    rows.append(load("ops/quarantine", TENANT).height)
    print(f"  lines {rows[0]:,} + returns {rows[1]:,} + quarantined {rows[2]:,} = {sum(rows):,} of {read:,} read")


def size() -> None:
    """Assets, checks and tests."""
    from growthos_assets.definitions import defs

    graph = defs().resolve_asset_graph()
    found = subprocess.run([sys.executable, "-m", "pytest", "--collect-only"], capture_output=True, text=True)
    tests = sum("::" in line for line in found.stdout.splitlines())
    print(f"{len(graph.get_all_asset_keys())} assets, {len(graph.asset_check_keys)} checks, {tests} tests")


def timed(command: list[str], home: str) -> tuple[float, str]:
    """(wall seconds, stdout) of a command with its own GROWTHOS_HOME; 1 is the exit code of an import with bad rows."""
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    started = time.perf_counter()
    done = subprocess.run(command, env={**environment, "GROWTHOS_HOME": home}, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        sys.exit(done.stderr)
    return time.perf_counter() - started, done.stdout


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(arguments[0] if arguments else None, [a for a in arguments[1:] if a != "--map"])
