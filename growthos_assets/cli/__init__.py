"""The command `growthos`.

Exit codes: 0 done, 1 done with errors that the output names, 2 wrong usage (or a database that can't be reached, or a
source that is not connected), 130 stopped by Ctrl-C.
Modules that need polars or Dagster are imported by the command that needs them: `growthos --help` stays instant.
"""

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
    try:
        command(standalone_mode=True)
    except Exception as error:
        if not _is_ours(error):
            raise
        complain("Error:", str(error))
        sys.exit(2)


def _is_ours(error: Exception) -> bool:
    """Errors whose message is written for the person who typed the command."""
    from connectors.errors import ApiError
    from growthos_assets.raw.formats import ImportFileError
    from warehouse.errors import WarehouseError

    return isinstance(error, ApiError | WarehouseError | ImportFileError)
