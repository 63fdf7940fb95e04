"""How the command line speaks: tables for people on stdout, one JSON document for programs, progress on stderr."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

# no markup: what files and people name may hold [brackets]
console = Console(markup=False, highlight=False)
errors = Console(stderr=True, markup=False, highlight=False)


class Format(StrEnum):
    """How a command prints its result."""

    table = "table"
    json = "json"


class Refunds(StrEnum):
    """On which day a refund counts."""

    event = "event"
    order = "order"


TenantOption = Annotated[str, typer.Option("--tenant", "-t", help="The tenant's id.")]
FormatOption = Annotated[Format, typer.Option("--format", help="table for people, json for programs.")]
DaysOption = Annotated[int, typer.Option("--days", min=1, max=3660, help="Complete local days in the window.")]
BasisOption = Annotated[
    Refunds, typer.Option("--basis", help="A refund counts on its own day, or on that of its order.")
]
UntilOption = Annotated[
    datetime | None,
    typer.Option("--until", formats=["%Y-%m-%d"], help="Last day of the window; default: the last complete day."),
]


def print_json(document: Any) -> None:
    """One JSON document on stdout, and nothing else."""
    print(as_json(document))


def as_json(document: Any) -> str:
    """The document as programs read it."""
    return json.dumps(document, indent=2, ensure_ascii=False, default=_plain)


def complain(mark: str, text: str, style: str = "bold red") -> None:
    """A message on stderr, in lines that can be copied whole."""
    errors.print(Text.assemble((mark, style), " ", text), soft_wrap=True)


def table(*columns: str, title: str | None = None, right: Iterable[str] = ()) -> Table:
    """An empty table; columns named in `right` are right-aligned."""
    made = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


@contextmanager
def progress(description: str, total: int | None = None) -> Iterator[tuple[Progress, Any]]:
    """A progress bar on stderr for as long as the block runs."""
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=errors,
        transient=True,
    )
    with bar:
        yield bar, bar.add_task(description, total=total)


def _plain(value: Any) -> Any:
    if isinstance(value, date | datetime):
        return value.isoformat()
    return str(value)
