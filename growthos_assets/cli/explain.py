"""`growthos explain`: why a KPI moved, down to the raw records behind it."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from growthos_assets.cli.numbers import day_of, now_of, state_of
from growthos_assets.cli.output import (
    BasisOption,
    DaysOption,
    Format,
    FormatOption,
    Refunds,
    TenantOption,
    UntilOption,
    console,
    print_json,
    table,
)

if TYPE_CHECKING:
    import polars as pl

    from growthos_assets.explaining import Explained
    from kpis.explain import Explanation


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("explain")(show_explanation)


def show_explanation(
    kpi: Annotated[str, typer.Argument(metavar="KPI", help="Its name, as in docs/kpis.md.")],
    tenant: TenantOption,
    days: DaysOption = 7,
    until: UntilOption = None,
    by: Annotated[list[str] | None, typer.Option("--by", help="Split by it: channel_id, product_id, ...")] = None,
    basis: BasisOption = Refunds.event,
    behind: Annotated[
        list[str] | None, typer.Option("--behind", help="List the rows behind a member, such as channel_id=meta.")
    ] = None,
    age: Annotated[
        int,
        typer.Option(min=0, max=36_500, help="Of retention, LTV and the like: days since each customer's first order."),
    ] = 30,
    limit: Annotated[int, typer.Option(min=1, help="Members to show, those that moved it most; and rows.")] = 20,
    format: FormatOption = Format.table,
) -> None:
    """Why a KPI moved: its parts, what each member did to it, and the rows and raw records behind one.

    Retention, repeat rate, orders per customer and LTV are of those who first ordered in the window, --age days later.
    """
    import kpis
    from growthos_assets.explaining import explain, last_day_of

    settings, now = now_of(tenant)
    last_day = day_of(settings, now, until) if until else last_day_of(kpi, now, settings, age)
    window = kpis.trailing(days, last_day)
    state_of(settings, window, compared=True)  # tells a person who has no numbers there, or too few before
    try:
        explained = explain(kpi, tenant, window, by=by or (), basis=basis.value, age=age)
        rows = explained.behind(**_member(behind)).collect() if behind else None
    except ValueError as error:  # what cannot be explained says why
        raise typer.BadParameter(str(error)) from None
    if format is Format.json:
        print_json(_document(explained, rows))
        return
    _print(explained, limit)
    if rows is not None:
        _print_rows(rows, limit)


def _member(pairs: list[str]) -> dict[str, object]:
    """key=value as a member; no value is that of rows without one, such as a guest's."""
    from kpis.engine import CALENDAR

    member: dict[str, object] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"{pair!r} names no member; write key=value, such as channel_id=meta")
        member[key] = _day(value) if key in ("date", *CALENDAR) else value or None
    return member


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no day; write it as date=2026-02-09") from None


def _document(explained: "Explained", rows: "pl.DataFrame | None") -> dict[str, Any]:
    """Numbers are text: they are exact, and a float would not be."""
    found = explained.explanation
    kpi = found.kpi
    return {
        "tenant": explained.tenant.tenant_id,
        "kpi": {
            "name": kpi.name, "label": kpi.label, "unit": kpi.unit, "good": kpi.good,
            "formula": kpi.formula, "basis": explained.basis, "source": kpi.source,
        },
        "window": {"start": found.window.start, "end": found.window.end, "timezone": explained.tenant.timezone},
        "baseline": {"start": found.baseline.start, "end": found.baseline.end},
        **_exact({"value": found.value, "previous": found.previous, "change": found.change}),
        "reason": found.reason,
        **({} if explained.age is None else {"age_days": explained.age}),
        "parts": [_exact(part._asdict()) for part in found.parts],
        "members": [_exact(row) for row in found.members.to_dicts()],
        **({} if rows is None else {"rows": [_exact(row) for row in rows.to_dicts()]}),
    }  # fmt: skip


def _exact(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: f"{value.normalize():f}" if isinstance(value, Decimal) else value for key, value in row.items()}


def _print(explained: "Explained", limit: int) -> None:
    from kpis.kpi import BASES
    from kpis.words import change_text

    found, tenant = explained.explanation, explained.tenant
    kpi = found.kpi
    console.print(f"{tenant.name}: {kpi.label}, {found.window.start} to {found.window.end} ({tenant.timezone})")
    if explained.age is not None:
        console.print(f"Of customers whose first order was then, within {explained.age} days of it; nobody younger.")
    console.print(f"{kpi.formula}. Basis {explained.basis}: {BASES[explained.basis]}. Definition: {kpi.source}.")
    moved = ""
    if found.change is not None:
        moved = f", {_signed(explained, found.change)}"
        if found.previous and found.previous > 0 and kpi.unit != "percent":
            moved += f" ({change_text(float(found.change / found.previous), kpi.unit)})"
    console.print(f"{_text(explained, found.value)}, before {_text(explained, found.previous)}{moved}")
    if found.reason:
        console.print(f"There is no comparison: {found.reason}.")
    parts = table("part", "measure", "now", "before", right=["now", "before"])
    for part in found.parts:
        now, before = (_plain(value) for value in (part.value, part.previous))
        parts.add_row(part.role, part.measure, now, before)
    console.print(parts)
    if found.by:
        _print_members(explained, limit)


def _print_members(explained: "Explained", limit: int) -> None:
    found = explained.explanation
    effects = [name for name in ("mix", "rate", "unmatched") if (found.members[name].fill_null(0) != 0).any()]
    figures = ["now", "before", "contribution", *effects]
    rows = table(*found.by, *figures, right=figures)
    members = _largest_first(found)
    for row in members.head(limit).iter_rows(named=True):
        rows.add_row(
            *("–" if row[key] is None else str(row[key]) for key in found.by),
            _text(explained, row["value"]),
            _text(explained, row["previous"]),
            *(_signed(explained, row[name]) for name in ("contribution", *effects)),
        )
    console.print(rows)
    _print_more(members, limit, "members")


def _largest_first(found: "Explanation") -> "pl.DataFrame":
    """The members that add anything to the whole, by how much they moved it."""
    import polars as pl

    added = ("numerator", "previous_numerator", "denominator", "previous_denominator")
    present = found.members.filter(pl.any_horizontal(pl.col(added).fill_null(0) != 0))
    return present.sort(pl.col("contribution").abs(), *found.by, descending=[True, *[False] * len(found.by)])


def _print_rows(rows: "pl.DataFrame", limit: int) -> None:
    if rows.is_empty():
        console.print("No row of a fact is behind it in this window.")
        return
    measures = rows.columns[rows.columns.index("refund_line_id") + 1 : -1]
    shown = table("day", "row", *measures, "raw records", right=measures)
    for row in rows.head(limit).iter_rows(named=True):
        of_media = row["channel_id"] if row["fact"] == "fact_traffic" else row["campaign_id"]
        name = row["refund_line_id"] or row["line_id"] or row["order_id"] or of_media
        records = [f"{record['stream']} {record['external_id']}" for record in row["records"] or ()]
        values = (_plain(row[measure]) for measure in measures)
        shown.add_row(str(row["date"]), f"{row['fact']} {name}", *values, "\n".join(records))
    console.print(shown)
    _print_more(rows, limit, "rows")


def _print_more(shown: "pl.DataFrame", limit: int, what: str) -> None:
    if shown.height > limit:
        console.print(f"{shown.height - limit:,} more {what} with --limit {shown.height}")


def _text(explained: "Explained", value: Decimal | None) -> str:
    from kpis.words import value_text

    unit = explained.explanation.kpi.unit
    return "–" if value is None else value_text(float(value), unit, explained.tenant.currency)


def _signed(explained: "Explained", value: Decimal | None) -> str:
    from kpis.words import signed_text

    unit = explained.explanation.kpi.unit
    return "–" if value is None else signed_text(float(value), unit, explained.tenant.currency)


def _plain(value: float | Decimal | None) -> str:
    return "–" if value is None else f"{value:,}"
