"""The command `growthos`.

Exit codes: 0 done, 1 done with errors that the output names, 2 wrong usage (or a database that can't be reached, or
breaks the work off, or a source that is not connected), 130 stopped by Ctrl-C.
Modules that need polars or Dagster are imported by the command that needs them: `growthos --help` stays instant.
"""

import logging
import sys
from typing import Any

import click
import typer
from typer.core import TyperGroup
from typer.main import get_command

from growthos_assets import memory
from growthos_assets.cli import (
    alerts,
    cohorts,
    connect,
    connections,
    explain,
    imports,
    keys,
    numbers,
    runs,
    sync,
    tenants,
    wbr,
)
from growthos_assets.cli.output import complain, errors
from growthos_assets.stopping import is_stop


class _Stoppable(TyperGroup):
    def invoke(self, ctx: click.Context) -> Any:
        """Ctrl-C ends in the exit code that shells have for it, and in no traceback."""
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, Exception) as error:
            if not is_stop(error):
                raise
            errors.print("Stopped.")
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=_Stoppable,
    help="Growth numbers you can trust: raw shop, ad and web events to KPIs and alerts, in Dagster and PostgreSQL.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for room in (runs, sync, imports, connect, connections, numbers, cohorts, wbr, explain, alerts, tenants, keys):
    room.register(app)
command = get_command(app)


def main() -> None:
    """Run the command; what a person can mend is one message without a traceback, and exit code 2."""
    memory.tidy()
    logging.basicConfig(handlers=[logging.NullHandler()])  # of libraries: what matters ends in an error
    try:
        command(standalone_mode=True)
    except Exception as error:
        told = str(error) if _is_ours(error) else _broken_off(error)
        if told is None:
            raise
        complain("Error:", told)
        sys.exit(2)


def _is_ours(error: Exception) -> bool:
    """Errors whose message is written for the person who typed the command."""
    from connectors.errors import ApiError
    from growthos_assets.raw.formats import ImportFileError
    from warehouse.errors import WarehouseError

    return isinstance(error, ApiError | WarehouseError | ImportFileError)


def _broken_off(error: BaseException | None) -> str | None:
    """What to say if the database is what failed, as the first of such errors that led here has it."""
    from warehouse.database import BREAKS

    first = None
    while error is not None:
        first = error if isinstance(error, BREAKS) else first
        error = error.__cause__ or error.__context__
    if first is None:
        return None
    reason = str(first).partition("\n")[0].strip().rstrip(".")
    return (
        f"The database broke off what this was doing ({reason}). "
        "What was finished stays, and nothing is there by halves: run it again."
    )
