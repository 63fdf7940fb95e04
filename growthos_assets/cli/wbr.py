"""`growthos wbr`: the weekly business review, as known now or then, in the terminal, as a file or a page."""

from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from growthos_assets.cli.numbers import now_of, state_of, window_of
from growthos_assets.cli.output import TenantOption, UntilOption, as_json, complain, console, errors

if TYPE_CHECKING:
    from growthos_assets.reviews import Told
    from kpis import Window
    from warehouse.tenants import Tenant


class Form(StrEnum):
    """How the review is given."""

    table = "table"
    markdown = "markdown"
    html = "html"
    json = "json"


class Known(StrEnum):
    """As of when the numbers are known."""

    then = "then"
    now = "now"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("wbr")(show_wbr)


def show_wbr(
    tenant: TenantOption,
    week: Annotated[
        datetime | None,
        typer.Option("--week", formats=["%Y-%m-%d"], help="A day of the week to review; default: the last whole week."),
    ] = None,
    as_known: Annotated[
        Known, typer.Option("--as-known", help="then: as it was written that week; now: with what is known by now.")
    ] = Known.now,
    days: Annotated[
        int | None,
        typer.Option("--days", min=1, max=3660, help="Review this many days instead of a week."),
    ] = None,
    until: UntilOption = None,
    format: Annotated[
        Form, typer.Option("--format", help="table or markdown for people, html to forward, json for programs.")
    ] = Form.table,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", dir_okay=False, help="Write it to this file.")
    ] = None,
) -> None:
    """The weekly business review: of the last complete week (Monday to Sunday), of a past one, or of any window."""
    from growthos_assets import reviews

    settings, now = now_of(tenant)
    window = _window(settings, now, week, days, until)
    if as_known is Known.now:
        state_of(settings, window)  # tells a person who has no numbers there
        told = reviews.known_now(settings, window, now)
    else:
        told = _then(settings, window, now)
    text = _document(settings, window, as_known, told) if format is Form.json else _text(told, format)
    if output is not None:
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise typer.BadParameter(f"{output} can't be written: {error.strerror}.", param_hint="--output") from None
        errors.print(f"Wrote {output}.", soft_wrap=True)
    elif format is Form.table and console.is_terminal:
        from rich.markdown import Markdown

        console.print(Markdown(text))
    else:
        print(text)
    if as_known is Known.then and told.restated is not None:  # what was written stays as it was written
        errors.print(told.restated, soft_wrap=True)


def _window(
    settings: "Tenant", now: datetime, week: datetime | None, days: int | None, until: datetime | None
) -> "Window":
    import kpis

    last_day = kpis.last_complete_day(now, settings.timezone)
    if week is not None:
        if days is not None or until is not None:
            raise typer.BadParameter("A week has its own days: leave out --days and --until.", param_hint="--week")
        chosen = kpis.last_complete_week(week.date() + timedelta(6))
        if chosen.end > last_day:
            raise typer.BadParameter(
                f"The week from {chosen.start} is not over; the last complete day is {last_day}.", param_hint="--week"
            )
        return chosen
    if days is None and until is None:
        return kpis.last_complete_week(last_day)
    return window_of(settings, now, days or 7, until)


def _then(settings: "Tenant", window: "Window", now: datetime) -> "Told":
    from growthos_assets import reviews

    if window.days != 7 or window.start.weekday() != 0:
        raise typer.BadParameter(
            "Only whole weeks are written: name one with --week, without --days and --until.", param_hint="--as-known"
        )
    told = reviews.known_then(settings, window, now)
    if told is None:
        since = reviews.known_since(settings)
        seen = "It has no records." if since is None else f"Its first records came on {_local(since, settings)}."
        complain(
            f"Nothing of that week was known when the review of the week from {window.start} was due, on "
            f"{_local(reviews.written_at(settings, window), settings)}. {seen}",
            f"With what is known by now: growthos wbr --tenant {settings.tenant_id} --week {window.start}",
            "yellow",
        )
        raise typer.Exit(1)
    errors.print(f"As known on {_local(told.known_at, settings)}.", soft_wrap=True)
    return told


def _local(instant: datetime, settings: "Tenant") -> str:
    from zoneinfo import ZoneInfo

    return f"{instant.astimezone(ZoneInfo(settings.timezone)):%Y-%m-%d %H:%M} ({settings.timezone})"


def _text(told: "Told", format: Form) -> str:
    if format is not Form.html:
        return told.markdown
    if not told.html:
        raise typer.BadParameter(
            "This review was written before pages were kept: --format markdown has it.", param_hint="--format"
        )
    return told.html


def _document(settings: "Tenant", window: "Window", as_known: Known, told: "Told") -> str:
    document: dict[str, Any] = {
        "tenant": settings.tenant_id,
        "window": {"start": window.start, "end": window.end, "days": window.days, "timezone": settings.timezone},
        "as_known": as_known.value,
        "known_at": told.known_at,
        "restated": told.restated,
        "alerts": told.alerts,
        "markdown": told.markdown,
        "review": told.content,
    }
    return as_json(document)
