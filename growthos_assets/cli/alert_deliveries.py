"""`growthos alerts deliveries`: what was sent, what waits, what failed, and sending it again."""

import logging
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import click
import typer

from growthos_assets.cli.numbers import now_of
from growthos_assets.cli.output import Format, FormatOption, TenantOption, complain, console, print_json, table

if TYPE_CHECKING:
    import polars as pl

ID_LETTERS = 12
"""Of a digest's id: enough to tell it from all others."""

_SILENT = logging.getLogger(__name__)
_SILENT.addHandler(logging.NullHandler())  # what came of it is said below

deliveries_app = typer.Typer(help="The outbox: what was sent, what waits, what failed.", invoke_without_command=True)


@deliveries_app.callback()
def show_deliveries(
    ctx: typer.Context,
    tenant: Annotated[str | None, typer.Option("--tenant", "-t", help="The tenant's id.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only what was given up.")] = False,
    format: FormatOption = Format.table,
) -> None:
    """The tenant's deliveries, the newest first. What was sent is kept for 90 days, what failed until it is sent."""
    if ctx.invoked_subcommand is not None:
        return
    if tenant is None:
        missing = next(option for option in ctx.command.params if option.name == "tenant")
        raise click.MissingParameter(ctx=ctx, param=missing)
    now_of(tenant)
    found = _deliveries(tenant)
    if failed:
        found = found.filter(state="failed")
    if format is Format.json:
        print_json({"tenant": tenant, "deliveries": found.to_dicts()})
    elif found.is_empty():
        console.print("No delivery was given up." if failed else "Nothing was to be delivered yet.")
    else:
        print_deliveries(found)


@deliveries_app.command("resend")
def resend(
    digest: Annotated[str, typer.Argument(metavar="ID", help="A digest's id, or its beginning, as the list shows it.")],
    tenant: TenantOption,
) -> None:
    """Send what was given up of a digest again, now; exit code 1 if a destination still does not take it."""
    from growthos_assets.alerts import delivery
    from growthos_assets.loading import warehouse
    from warehouse import alert_states

    now_of(tenant)
    now = datetime.now(UTC)
    again = alert_states.resend(warehouse(), tenant, digest, now)
    if again.is_empty():
        given_up = _deliveries(tenant).filter(state="failed")["digest_id"].unique().str.head(ID_LETTERS).sort()
        hint = f"Given up were: {', '.join(given_up)}." if len(given_up) else "No delivery was given up."
        raise typer.BadParameter(f"No delivery of a digest {digest!r} was given up. {hint}", param_hint="ID")
    delivery.deliver(tenant, now, _SILENT)
    outcomes = _deliveries(tenant).join(again, on=again.columns, how="semi")
    for row in outcomes.iter_rows(named=True):
        to = f"{row['channel']}/{row['destination']}"
        if row["state"] == "sent":
            console.print(f"{to}: delivered.")
        else:
            complain(f"{to}:", row["error"])
    if (outcomes["state"] != "sent").any():
        raise typer.Exit(1)


def print_deliveries(deliveries: "pl.DataFrame") -> None:
    """For people."""
    sends = table("id", "day", "to", "state", "attempts", "error", title="Deliveries", right=["attempts"])
    for row in deliveries.iter_rows(named=True):
        to, attempts = f"{row['channel']}/{row['destination']}", str(row["attempts"])
        name = row["digest_id"][:ID_LETTERS]
        sends.add_row(name, str(row["window_end"]), to, row["state"], attempts, row["error"] or "")
    console.print(sends)


def _deliveries(tenant: str) -> "pl.DataFrame":
    from growthos_assets.loading import warehouse
    from warehouse import alert_states

    return alert_states.deliveries(warehouse(), tenant, date.min + timedelta(1))
