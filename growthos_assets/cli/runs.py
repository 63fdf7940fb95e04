"""`growthos demo | run | dev | stop`: materializing the graph, and the UI over it."""

import os
import sys
import time
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from growthos_assets.cli.output import (
    Format,
    FormatOption,
    TenantOption,
    complain,
    console,
    errors,
    print_json,
    progress,
    table,
)

if TYPE_CHECKING:
    from growthos_assets.outcomes import Outcome

DEMO_TENANT = "acme"
NEXT = (
    "\nNext",
    "  make dev                 the Dagster UI over this data",
    f"  growthos wbr -t {DEMO_TENANT}     the weekly business review (the command is .venv/bin/growthos)",
    f'  load("marts/fact_orders", tenant="{DEMO_TENANT}")     in a notebook, after: from growthos_assets import load',
    "  growthos import orders FILE -t my-shop --timezone Europe/London --currency GBP     your own orders",
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(demo)
    app.command()(run)
    app.command()(dev)
    app.command()(stop)


def demo() -> None:
    """From nothing to alerts: make the tenant acme with demo data and materialize its whole graph."""
    from warehouse.environment import demo_mode

    if not demo_mode():
        raise typer.BadParameter("DEMO_MODE is off. Unset it, or set it to true, to run the demo.")

    started = time.perf_counter()
    with errors.status("Starting PostgreSQL"):
        _import_while_the_server_starts()
        from growthos_assets.cli import alerts, numbers
        from growthos_assets.demo import ensure_tenant
        from growthos_assets.loading import warehouse

        warehouse()
        ensure_tenant(DEMO_TENANT)
    ready = time.perf_counter() - started
    outcome = _run_with_progress(DEMO_TENANT)
    numbers.print_kpis(DEMO_TENANT, days=7, until=None)
    alerts.print_alerts(DEMO_TENANT, days=7, until=None)
    _print_layers(outcome, ready)
    _print_changes(outcome)
    for line in NEXT:
        console.print(line, soft_wrap=True)
    _exit(outcome)


def run(
    tenant: TenantOption,
    known_at: Annotated[
        str | None,
        typer.Option("--known-at", help="Make the tables from the records and settings known at this ISO instant."),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Run everything, even if nothing is new.")] = False,
    format: FormatOption = Format.table,
) -> None:
    """Materialize a tenant's graph, as a Dagster run in this process.

    The sources are asked first. What lies behind them runs only if there is something new.
    """
    if known_at is not None:
        _checked_instant(known_at)
    outcome = _run_with_progress(tenant, known_at=known_at, full=full)
    if format is Format.json:
        print_json(outcome.document())
    else:
        _print_layers(outcome, None)
        _print_changes(outcome)
    _exit(outcome)


def dev(
    port: Annotated[int, typer.Option(help="Port of the UI.")] = 3000,
    host: Annotated[str, typer.Option(help="Address to listen on; the UI has no login.")] = "127.0.0.1",
) -> None:
    """The Dagster UI and daemon over this data."""
    with errors.status("Starting PostgreSQL"):
        from growthos_assets.instance import instance_folder, project_root
        from growthos_assets.loading import warehouse

        root = project_root()
        os.environ["DAGSTER_HOME"] = str(instance_folder())  # from any folder, the instance of this dagster.yaml
        warehouse()
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
    errors.print(f"Dagster UI: http://{host}:{port}  (Ctrl-C stops it)")
    command = [
        sys.executable,
        "-m",
        "dagster",
        "dev",
        "-w",
        str(root / "workspace.yaml"),
        "-h",
        host,
        "-p",
        str(port),
    ]
    sys.stdout.flush()
    os.execv(sys.executable, command)


def stop() -> None:
    """Stop the embedded PostgreSQL, whoever uses it."""
    from warehouse import embedded

    users = embedded.users()
    console.print("Stopped." if embedded.stop() else "No embedded PostgreSQL was running.")
    if users:
        named = ", ".join(map(str, users))
        console.print(
            f"It was in use by process {named}: what that was doing may have to be run again.", soft_wrap=True
        )


def _import_while_the_server_starts() -> None:
    """Dagster takes as long to import as PostgreSQL to make a new database."""
    from warehouse import server

    server.begin()
    from growthos_assets import running  # noqa: F401


def _run_with_progress(tenant: str, *, known_at: str | None = None, full: bool = False) -> "Outcome":
    with errors.status("Loading the graph"):
        _import_while_the_server_starts()
        from growthos_assets import graph, running
        from growthos_assets.loading import warehouse
        from warehouse import tenants

        warehouse()
        tenants.get(tenant)
        total = len(graph.streams()) + len(graph.tables())
    with progress(f"Materializing {tenant}", total) as (bar, task):

        def show(step: Any) -> None:
            if step.seconds is None:
                bar.update(task, description=f"{step.layer}/{step.table}")
            else:
                bar.advance(task)

        return running.run(tenant, show, known_at=known_at, full=full)


def _print_layers(outcome: "Outcome", ready: float | None) -> None:
    rows = table(
        "layer", "tables", "rows", "changed", "quarantined", "seconds",
        title="Layers", right=["tables", "rows", "changed", "quarantined", "seconds"],
    )  # fmt: skip
    if ready is not None:
        rows.add_row("start", "", "", "", "", f"{ready:.1f}")
    for layer in outcome.layers():
        rows.add_row(
            layer.name,
            str(layer.tables),
            f"{layer.rows:,}",
            f"{layer.changed:,}",
            f"{layer.quarantined:,}",
            f"{layer.seconds:.1f}",
        )
    rows.add_row("Dagster", "", "", "", "", f"{outcome.overhead:.1f}")
    console.print(rows)


def _print_changes(outcome: "Outcome") -> None:
    if outcome.failed:
        for failure in outcome.failures:
            complain("Failed:", failure)
    elif outcome.up_to_date:
        console.print("Nothing new: the sources had no new record, so no table was touched. (--full runs everything.)")
    elif outcome.changed == 0:
        console.print("Nothing changed: every row is as it was, and none was written.")
    else:
        console.print(f"Rows changed: {outcome.changed:,}. Run {outcome.run_id}.")
    for warning in outcome.warnings:
        complain("Check:", warning, "yellow")
    if outcome.quarantined:
        console.print(f"{outcome.quarantined:,} rows are quarantined: growthos quarantine --tenant {outcome.tenant}")


def _exit(outcome: "Outcome") -> None:
    if outcome.failed:
        raise typer.Exit(1)


def _checked_instant(text: str) -> None:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        example = datetime.combine(date(2026, 2, 1), datetime.min.time()).isoformat()
        raise typer.BadParameter(
            f"{text!r} is no ISO instant with a zone, e.g. {example}+00:00", param_hint="--known-at"
        )
