"""`growthos cohorts`: how cohorts of customers came back, and what they brought, by age."""

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from growthos_assets.cli.numbers import frame_of, now_of
from growthos_assets.cli.output import Format, FormatOption, TenantOption, complain, console, print_json, table

if TYPE_CHECKING:
    import polars as pl

    from kpis.kpi import Unit
    from kpis.reading import Value
    from warehouse.tenants import Tenant

Row = dict[str, Any]


class By(StrEnum):
    """What divides customers into cohorts."""

    month = "month"
    week = "week"
    channel = "channel"
    product = "product"
    discount = "discount"


class Read(StrEnum):
    """What is read of a cohort."""

    retention = "retention"
    repeat = "repeat"
    revenue = "revenue"
    margin = "margin"
    orders = "orders"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("cohorts")(show_cohorts)


def show_cohorts(
    tenant: TenantOption,
    by: Annotated[By, typer.Option("--by", help="What of the first order makes the cohort.")] = By.month,
    value: Annotated[Read, typer.Option("--value", help="What to read of them.")] = Read.retention,
    months: Annotated[
        bool, typer.Option("--months", help="In each calendar month, instead of until each age in days.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="Cohorts to show: the newest periods, or the largest.")] = 20,
    format: FormatOption = Format.table,
) -> None:
    """How cohorts of customers came back, and what they brought, by age: docs/cohorts.md."""
    from kpis.reading import VALUES, by_age, by_month

    settings, _ = now_of(tenant)
    read = VALUES[value]
    try:
        cells = (
            by_month(frame_of("cohorts/cohort_months", tenant), read, by)
            if months
            else by_age(frame_of("cohorts/cohort_curves", tenant), read, by)
        ).collect()
    except ValueError as error:  # what is not counted by month says what is
        raise typer.BadParameter(str(error)) from None
    cohorts = _cohorts(cells, frame_of("cohorts/cohort_summary", tenant), by)
    if format is Format.json:
        print_json(
            {
                "tenant": tenant,
                "by": by,
                "value": read.name,
                "unit": read.by_age.unit,
                "currency": settings.currency,
                "step": "month" if months else "day",
                "cohorts": cohorts,
            }
        )
    elif cohorts:
        _print(cohorts, settings, read, by, months, limit)
    else:
        complain(f"{tenant} has no cohorts yet.", _why_none(settings), "yellow")


def _why_none(settings: "Tenant") -> str:
    from growthos_assets.missing import first_step

    if frame_of("kpis/kpi_daily", settings.tenant_id).is_empty():
        return first_step(settings)
    return "No order up to its last complete day names a customer, by id or e-mail: cohorts are of customers."


def _cohorts(cells: "pl.DataFrame", summary: "pl.DataFrame", by: By) -> list[Row]:
    """The cohorts, the oldest or the largest first, then all customers: what each cost, and its cells."""
    import polars as pl

    from kpis.curves import KEY, PERIODS
    from kpis.reading import shown

    by_size = pl.col("cohort_size") * (0 if by in PERIODS else -1)
    steps = cells.group_by(KEY).agg(pl.struct("step", "value", "mean", "mature_customers", "is_small").alias("cells"))
    return (
        summary.filter(shown(by))
        .sort(pl.col("cohort_by") != by, by_size, "cohort", "is_left_truncated", descending=[False, False, False, True])
        .join(steps, on=KEY, how="left", maintain_order="left")
        .select(
            *KEY, "label", "cohort_size", pl.col("spend").cast(pl.Float64), "avg_cac", "payback_days",
            pl.col("cells").fill_null([]),
        )
        .to_dicts()
    )  # fmt: skip


def _print(cohorts: list[Row], settings: "Tenant", read: "Value", by: By, months: bool, limit: int) -> None:
    """A triangle: a row per cohort, a column per step, a shade per value; then what its marks mean."""
    from kpis.curves import PERIODS

    *ones, everyone = cohorts
    ones = ones[-limit:] if by in PERIODS else ones[:limit]
    steps = sorted({cell["step"] for row in cohorts for cell in row["cells"] if cell["value"] is not None})
    money = read.by_age.unit == "money"
    costs = ["CAC", "payback"] if money and not months else []
    right = ["n", *costs, *(f"m{step}" if months else f"{step} d" for step in steps)]
    when = "in the nth calendar month after that of the first order" if months else "within n days of the first order"
    unit = f" ({settings.currency})" if money else ""
    console.print(f"{settings.name}: {read.label}{unit}, {when}")
    rows = table(by, *right, right=right)
    rows.padding = (0, 0)  # a year of months on a narrow terminal
    rows.columns[0].no_wrap = True
    most = max((cell["value"] for row in ones for cell in row["cells"] if cell["value"] is not None), default=0)
    for row in [*ones, everyone]:
        if row is everyone:
            rows.add_section()
        cells = {cell["step"]: cell for cell in row["cells"]}
        rows.add_row(
            row["label"] + ("*" if row["is_left_truncated"] else ""),
            f"{row['cohort_size']:,}",
            *(
                [_text(row["avg_cac"], "money"), "–" if row["payback_days"] is None else f"{row['payback_days']} d"]
                if costs
                else []
            ),
            *(_cell(cells.get(step), read, row["cohort_size"], most) for step in steps),
        )
    if read.mean and not months:
        means = {cell["step"]: cell["mean"] for cell in everyone["cells"]}
        rows.add_row("MCF", "", *("" for _ in costs), *(_text(means.get(n), read.by_age.unit) for n in steps))
    console.print(rows)
    marks = [
        *_marks(ones, len(cohorts) - 1),
        *(["MCF: mean cumulative function, of all customers"] if read.mean else []),
    ]
    console.print(". ".join(marks) + ".")


def _marks(ones: list[Row], known: int) -> Iterator[str]:
    from kpis.curves import FEW

    yield "–: not all of the cohort, or none, is that old yet"
    yield "n: customers; below a value, how many of them are that old, where not all"
    yield f"~: fewer than {FEW} are, mostly chance"
    if any(row["is_left_truncated"] for row in ones):
        yield "*: first seen in the history's first month, perhaps old customers; not in all"
    if len(ones) < known:
        yield f"{known - len(ones)} more cohorts with --limit {known}"


def _cell(cell: Row | None, read: "Value", size: int, most: float) -> Text:
    """The value, marked where it is of few customers, and of how many it is where not of all."""
    if cell is None or cell["value"] is None:
        return Text("–", "dim")
    shade = round(120 * max(cell["value"], 0) / most) if most > 0 else 0
    text = ("~" if cell["is_small"] else "") + _text(cell["value"], read.by_age.unit)
    of = f"\n{cell['mature_customers']:,}" if cell["mature_customers"] < size else ""
    return Text.assemble((text, f"black on rgb({235 - shade},{245 - shade // 2},255)"), (of, "dim"))


def _text(value: float | None, unit: "Unit") -> str:
    """Of its column's unit, which the title or the head says; orders are no multiple of anything."""
    from kpis.words import value_text

    if value is None:
        return "–"
    if unit == "money":
        return f"{value:,.1f}"
    return f"{value:,.2f}" if unit == "ratio" else value_text(value, unit)
