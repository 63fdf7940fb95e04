"""`growthos kpis | quarantine | tables`: reading the results."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from growthos_assets.cli.output import (
    BasisOption,
    DaysOption,
    Format,
    FormatOption,
    Refunds,
    TenantOption,
    UntilOption,
    complain,
    console,
    print_json,
    table,
)

if TYPE_CHECKING:
    import polars as pl

    from kpis import Window
    from warehouse.tenants import Tenant


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("kpis")(show_kpis)
    app.command("quarantine")(show_quarantine)
    app.command("tables")(show_tables)


def show_kpis(
    tenant: TenantOption,
    days: DaysOption = 7,
    until: UntilOption = None,
    basis: BasisOption = Refunds.event,
    format: FormatOption = Format.table,
) -> None:
    """Headline KPIs of a window of complete local days, against the days before."""
    import kpis

    if format is Format.table:
        print_kpis(tenant, days, until, basis)
        return
    settings, window, compared = _kpis(tenant, days, until, basis)
    print_json(
        {
            "tenant": tenant,
            "window": {
                "start": window.start,
                "end": window.end,
                "days": window.days,
                "timezone": settings.timezone,
            },
            "kpis": {
                row["kpi"]: {key: row[key] for key in ("value", "previous", "change", "unit", "reason")}
                | {"basis": kpis.KPIS[row["kpi"]].basis_where(basis.value)}
                for row in compared.iter_rows(named=True)
            },
        }
    )


def show_quarantine(
    tenant: TenantOption,
    limit: Annotated[int, typer.Option(min=0, help="Reasons, and rows, to show.")] = 10,
    format: FormatOption = Format.table,
) -> None:
    """Rows that the last run kept out of the tables, and why."""
    from growthos_assets.reasons import grouped

    rows = frame_of("ops/quarantine", tenant).sort("table_name", "record_id")
    counts = [
        {"table_name": str(name), "reason": reason, "rows": count}
        for (name,), of_table in rows.group_by("table_name", maintain_order=True)
        for reason, count in grouped(of_table["reasons"].list.first()).items()
    ]
    counts.sort(key=lambda told: -told["rows"])
    if format is Format.json:
        print_json({"tenant": tenant, "rows": rows.height, "reasons": counts, "quarantine": rows.to_dicts()})
        return
    if rows.is_empty():
        console.print(
            "Nothing is quarantined by the last run; the next one judges what was imported since: "
            f"growthos run --tenant {tenant}",
            soft_wrap=True,
        )
        return
    why = table("table", "reason", "rows", title=f"{rows.height:,} quarantined rows", right=["rows"])
    for told in counts[:limit]:
        why.add_row(told["table_name"], told["reason"], f"{told['rows']:,}")
    if more := counts[limit:]:
        why.add_row("", f"{len(more):,} more with --limit {len(counts)}", f"{sum(told['rows'] for told in more):,}")
    console.print(why)
    shown = table("table", "record", "reasons", title=f"The first {min(limit, rows.height)}; --format json shows rows")
    for row in rows.head(limit).iter_rows(named=True):
        shown.add_row(row["table_name"], row["record_id"], "; ".join(row["reasons"]))
    console.print(shown)


def show_tables(format: FormatOption = Format.table) -> None:
    """The tables that `load` can read, with what a row is."""
    from growthos_assets import graph
    from warehouse.contract import description_of

    told = {
        f"{contract.__spec__.schema}/{contract.__spec__.name}": description_of(contract).splitlines()[0]
        for contract in [*graph.streams(), *graph.stored_contracts()]
    }
    if format is Format.json:
        print_json(told)
        return
    rows = table("key", "one row is")
    for key, row in told.items():
        rows.add_row(key, row)
    console.print(rows)


def print_kpis(tenant: str, days: int, until: datetime | None, basis: Refunds = Refunds.event) -> None:
    """The headline KPIs as a table, and on which day it counts a refund."""
    import kpis
    from kpis.kpi import REFUND_BASES
    from kpis.words import change_text, value_text

    settings, window, compared = _kpis(tenant, days, until, basis)
    before = "day before" if days == 1 else f"{days} days before"
    rows = table(
        "KPI", "value", before, "change", "why there is none",
        title=f"{settings.name}: {window.start} to {window.end} ({settings.timezone})",
        right=["value", before, "change"],
    )  # fmt: skip
    for name, value, previous, change, unit, reason in compared.iter_rows():
        kpi = kpis.KPIS[name]
        rows.add_row(
            kpi.label,
            "–" if value is None else value_text(value, unit, settings.currency),
            "–" if previous is None else value_text(previous, unit, settings.currency),
            "–" if change is None else Text(change_text(change, unit), _tone(change, kpi.good)),
            reason or "",
        )
    if compared["reason"].is_null().all():
        rows.columns.pop()
    console.print(rows)
    other = Refunds.order if basis is Refunds.event else Refunds.event
    console.print(f"{REFUND_BASES[basis.value]} With --basis {other.value}: {REFUND_BASES[other.value].lower()}")


def now_of(tenant: str) -> "tuple[Tenant, datetime]":
    """The tenant, and its present instant."""
    from growthos_assets import clock
    from growthos_assets.loading import warehouse
    from warehouse import tenants

    warehouse()
    settings = tenants.get(tenant)
    return settings, clock.now(settings)


def window_of(settings: "Tenant", now: datetime, days: int, until: datetime | None) -> "Window":
    """That many days, up to `until` or the last complete day."""
    import kpis

    last_day = day_of(settings, now, until) if until else kpis.last_complete_day(now, settings.timezone)
    return kpis.trailing(days, last_day)


def day_of(settings: "Tenant", now: datetime, until: datetime) -> date:
    """The day that was asked for; typer.BadParameter if it is not over: days to come would look like a collapse."""
    import kpis

    day, last_day = until.date(), kpis.last_complete_day(now, settings.timezone)
    if day > last_day:
        raise typer.BadParameter(f"{day} is not over; the last complete day is {last_day}.", param_hint="--until")
    return day


def frame_of(key: str, tenant: str) -> "pl.DataFrame":
    """A table of the graph."""
    from growthos_assets import load

    return load(key, tenant)


def state_of(settings: "Tenant", window: "Window", *, compared: bool = False) -> "pl.DataFrame":
    """kpi_daily; a person is told when it has nothing for the window, and what to do.

    If the window is `compared` with the one before, they are told too when that reaches back beyond the first day.
    """
    from growthos_assets.missing import missing

    state = frame_of("kpis/kpi_daily", settings.tenant_id)
    gap = missing(settings, window, state)
    if gap is not None:
        complain(gap.what, gap.advice, "yellow")
        return state
    first, before = state["date"].min(), window.previous()
    if compared and isinstance(first, date) and first > before.start:
        known = max(0, (before.end - first).days + 1)
        held = f"Of the {before.days} days before, {known} are known: no change is told."
        complain(f"{settings.tenant_id} has numbers from {first} on.", held, "yellow")
    return state


def _kpis(tenant: str, days: int, until: datetime | None, basis: Refunds) -> "tuple[Tenant, Window, pl.DataFrame]":
    import kpis
    from growthos_assets import explaining

    settings, now = now_of(tenant)
    window = window_of(settings, now, days, until)
    stored = state_of(settings, window, compared=True)
    state = stored.lazy() if basis is Refunds.event else explaining.state_of(tenant, basis.value)
    return settings, window, kpis.compare(state, window, window.previous()).collect()


def _tone(change: float, good: str) -> str:
    if good == "neutral" or change == 0:
        return "default"
    return "green" if (change > 0) == (good == "up") else "red"
