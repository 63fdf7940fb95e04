"""`growthos sync | slices | restated`: pulling the sources, and the ledger that proves what was pulled."""

import json
from datetime import datetime, time
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

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
    from growthos_assets.outcomes import Pulled

LONGEST_PART = 40
DAY_FORMAT = ["%Y-%m-%d"]
LIMIT = typer.Option("--limit", min=1, help="How many, newest first.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(sync)
    app.command()(slices)
    app.command()(restated)


def sync(
    tenant: TenantOption,
    source: Annotated[
        list[str] | None, typer.Option("--source", "-s", help="Only this source; can be given more than once.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=DAY_FORMAT, help="Pull from this day on anew. Default: what is missing or may have changed."
        ),
    ] = None,
    until: Annotated[datetime | None, typer.Option(formats=DAY_FORMAT, help="Last day to pull.")] = None,
    format: FormatOption = Format.table,
) -> None:
    """Pull a tenant's sources into the raw records, slice by slice, each proven by the source's own count.

    Ends with exit code 1, and says why, if anything is missing; the next sync asks for that again. With 2, and the
    command that connects it, if a source that is named is not connected, or none is.
    """
    with errors.status("Loading the graph"):
        from connectors.source import STREAMS
        from growthos_assets import connections, running
        from growthos_assets.loading import warehouse
        from warehouse import tenants

        known = dict.fromkeys(stream.source for stream in STREAMS.values())
        for name in source or ():
            if name not in known:
                raise typer.BadParameter(f"There is no source {name!r}; there are {', '.join(known)}.")
        if since and until and until < since:
            raise typer.BadParameter("--until is a day before --since.")
        streams = [key for key, stream in STREAMS.items() if not source or stream.source in source]
        warehouse()
        connections.require(tenants.get(tenant), source or ())
    with progress(f"Syncing {tenant}", len(streams)) as (bar, task):

        def show(step: Any) -> None:
            if step.seconds is None:
                bar.update(task, description=f"{step.layer}/{step.table}  {step.note}".rstrip())
            else:
                bar.advance(task)

        pulled = running.pull(
            tenant,
            streams,
            show,
            since=since and since.date(),
            until=until and until.date(),
        )
    if format is Format.json:
        print_json(pulled.document())
    else:
        _print_pulled(pulled)
    if pulled.failures or pulled.warnings:
        raise typer.Exit(1)


def slices(
    tenant: TenantOption,
    limit: Annotated[int, LIMIT] = 20,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that failed.")] = False,
    format: FormatOption = Format.table,
) -> None:
    """What was asked of the sources: slice by slice, how many records, how that is known, and what went wrong."""
    from growthos_assets.loading import warehouse
    from warehouse import proofs, tenants

    database = warehouse()
    tenants.get(tenant)
    rows = proofs.history(database, tenant, limit, state="failed" if failed else None)
    if format is Format.json:
        print_json({"tenant": tenant, "slices": rows.to_dicts()})
        return
    figures = ("records", "new", "vanished")
    shown = table("stream", "account", "from", "to", "part", "state", *figures, right=figures)
    for row in rows.iter_rows(named=True):
        shown.add_row(
            f"{row['source']}/{row['stream']}",
            row["account"],
            f"{row['start_at']:%Y-%m-%d %H:%M}",
            f"{row['end_at']:%Y-%m-%d %H:%M}",
            _part(row["part"]),
            row["state"],
            "" if row["rows_received"] is None else f"{row['rows_received']:,} of {row['rows_expected']:,}",
            "" if row["rows_landed"] is None else f"{row['rows_landed']:,}",
            f"{row['rows_vanished']:,}" if row["rows_vanished"] else "",
        )
    console.print(shown)
    for row in rows.iter_rows(named=True):
        if row["error"] and row["state"] == "failed":
            complain(f"{row['source']}/{row['stream']}, {row['account']}:", row["error"])


def restated(
    tenant: TenantOption,
    stream: Annotated[str, typer.Argument(help="source/stream, such as meta/insights.")],
    since: Annotated[
        datetime | None, typer.Option(formats=DAY_FORMAT, help="Seen on this day or later. Default: ever.")
    ] = None,
    limit: Annotated[int, LIMIT] = 20,
    format: FormatOption = Format.table,
) -> None:
    """What a source has changed of what it had said before: record, field, old and new value."""
    from connectors.slices import EPOCH
    from connectors.source import STREAMS
    from growthos_assets.loading import warehouse
    from warehouse import tenants, versions

    if stream not in STREAMS:
        raise typer.BadParameter(f"There is no stream {stream!r}; there are {', '.join(STREAMS)}.")
    database = warehouse()
    zone = ZoneInfo(tenants.get(tenant).timezone)
    changes = versions.restatements(
        database, tenant, f"raw.{stream.replace('/', '_')}", _midnight(since, zone) or EPOCH, limit
    ).head(limit)
    if format is Format.json:
        print_json({"tenant": tenant, "stream": stream, "restated": changes.to_dicts()})
        return
    shown = table("seen", "record", "field", "old", "new")
    for record, field, old, new, seen_at in changes.iter_rows():
        shown.add_row(f"{seen_at:%Y-%m-%d %H:%M}", record, field, old, new)
    console.print(shown if changes.height else f"{stream} has changed nothing of what it had said.")


def _print_pulled(pulled: "Pulled") -> None:
    columns = ("stream", "slices", "records", "new", "restated", "vanished", "requests", "waited")
    shown = table(*columns, title=f"Synced {pulled.tenant}", right=columns[1:])
    for name, told in pulled.streams.items():
        shown.add_row(
            name,
            f"{told['slices_verified']} of {told['slices']}",
            f"{told['rows_in']:,}",
            f"{told['rows_out']:,}",
            f"{told['rows_restated']:,}",
            f"{told['rows_vanished']:,}",
            f"{told['requests']:,}",
            f"{told['waited_seconds']:.0f} s",
        )
    if pulled.streams:
        console.print(shown)
    for name, told in pulled.streams.items():
        if told.get("notes"):
            complain(f"{name}:", told["notes"], "yellow")
    for failure in pulled.failures:
        complain("Partial:", failure)
    for warning in pulled.warnings:
        complain("Check:", warning, "yellow")


def _part(part: str) -> str:
    """What a slice was narrowed to, in few words: its first few entities, or the fields."""
    words = ", ".join(f"{name} {value}" for name, value in json.loads(part).items())
    return words if len(words) <= LONGEST_PART else f"{words[:LONGEST_PART]}…"


def _midnight(day: datetime | None, zone: ZoneInfo) -> datetime | None:
    """The instant at which a day begins there."""
    return datetime.combine(day.date(), time(), zone) if day else None
