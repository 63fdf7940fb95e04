"""`growthos import orders | spend | traffic`: from files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from growthos_assets.cli.import_history import list_imports, record, undo
from growthos_assets.cli.output import (
    Format,
    FormatOption,
    TenantOption,
    console,
    print_json,
    progress,
    table,
)

if TYPE_CHECKING:
    import polars as pl

    from growthos_assets.raw.importing import Kind
    from warehouse.tenants import Tenant

EXIT_CODES = (
    "Exit code 0: every row is usable. 1: the file has landed, and the rows that are named wait in the quarantine. "
    "2: nothing has landed, as when more than half of the rows are broken."
)
import_app = typer.Typer(
    help="Land a CSV, Parquet or JSONL file of orders, spend or traffic; or take one back.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
)

File = Annotated[Path, typer.Argument()]
Maps = Annotated[
    list[str] | None,
    typer.Option("--map", "-m", help="field=column where your column has another name; repeat it."),
]
Timezone = Annotated[str | None, typer.Option(help="Time zone of a new tenant, e.g. Europe/London.")]
Currency = Annotated[str | None, typer.Option(help="Currency of a new tenant, e.g. GBP.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    import_app.command("list")(list_imports)
    import_app.command()(undo)
    app.add_typer(import_app, name="import")


@import_app.command(epilog=EXIT_CODES)
def orders(
    file: File,
    tenant: TenantOption,
    map: Maps = None,
    timezone: Timezone = None,
    currency: Currency = None,
    format: FormatOption = Format.table,
) -> None:
    """Orders from a CSV, Parquet or JSONL file, one row per order line.

    A negative quantity is a return on its own date, of the order that it names. It may have the sale's line_id, and
    a line may come back in several parts: those of one line and instant belong in one file.

    **Fields**: order_id, processed_at, quantity, unit_price; and, if you have them, line_id, customer_id, email, sku,
    title, category, discount, tax, shipping, currency, landing_url, referrer, source_name, is_test, cancelled_at.

    Without line_id the rows of an order belong in one file: they take the place of all that an earlier file had of it;
    beside rows of the same order that have one, of what it had without. Of returns without line_id, those of one order
    and instant do.
    """
    _import("orders", file, tenant, map, timezone, currency, format)


@import_app.command(epilog=EXIT_CODES)
def spend(
    file: File,
    tenant: TenantOption,
    map: Maps = None,
    timezone: Timezone = None,
    currency: Currency = None,
    format: FormatOption = Format.table,
) -> None:
    """Ad spend from a CSV, Parquet or JSONL file, one row per day and campaign.

    **Fields**: date, channel (or source), spend; and, if you have them, account_id, campaign_id, campaign_name,
    impressions, clicks, conversions, conversion_value, currency.

    What a file does not say, as clicks, is unknown, not 0.

    A campaign is one of its channel and account, by its id, else by its name; Facebook Ads is Meta, and AdWords is
    Google. A row without a campaign is the spend of its whole channel, or account. A row with an account takes the
    place of one without that is otherwise the same, and rows of which none has an account that of those with one.
    """
    _import("spend", file, tenant, map, timezone, currency, format)


@import_app.command(epilog=EXIT_CODES)
def traffic(
    file: File,
    tenant: TenantOption,
    map: Maps = None,
    timezone: Timezone = None,
    currency: Currency = None,
    format: FormatOption = Format.table,
) -> None:
    """Web traffic from a CSV, Parquet or JSONL file, one row per day and channel.

    **Fields**: date, channel (or channel_group), sessions; and, if you have them, pdp_views, add_to_cart, checkouts,
    purchases. A step that a file does not say is unknown, not 0.
    """
    _import("traffic", file, tenant, map, timezone, currency, format)


def _import(
    name: str,
    file: Path,
    tenant_id: str,
    maps: list[str] | None,
    timezone: str | None,
    currency: str | None,
    format: Format,
) -> None:
    from growthos_assets import clock, preview
    from growthos_assets.instance import instance_folder
    from growthos_assets.loading import warehouse
    from growthos_assets.raw.importing import EMAIL, KINDS, land_rows, read_file
    from growthos_assets.reasons import most
    from warehouse import tenants

    columns, kind = _columns(maps or []), KINDS[name]
    instance_folder()  # where Dagster is told of it: what is wrong with that is said before anything lands
    database = warehouse()
    known = tenants.find(tenant_id)
    tenant = _new(tenant_id, timezone, currency) if known is None else _agreeing(known, timezone, currency)
    with progress(f"Reading {file.name}") as (bar, task):
        rows = read_file(file, kind, columns)
        bar.update(task, description="Looking for rows that break their contract")
        records = _records(rows, kind, tenant, is_new=known is None)
        reasons = preview.judged(name, file.name, records, tenant)
        if known is None:  # not before the file is known to be one
            tenant = _agreeing(tenants.ensure(tenant), timezone, currency)
            if EMAIL in rows.columns:
                records = _records(rows, kind, tenant)  # under its own key
        bar.update(task, description=f"Landing {file.name}", total=rows.height)
        imported = land_rows(
            database, tenant, kind, file.name, rows, records, sum(reasons.values()), clock.now(tenant),
            lambda done, total: bar.update(task, completed=done, total=total),
        )  # fmt: skip
    summary = {"tenant": tenant_id, **imported, "file": str(file), "reasons": reasons}
    record(name, tenant_id, summary | {"reasons": most(reasons)})
    if format is Format.json:
        print_json(summary)
    else:
        _print(summary)
    if reasons:
        raise typer.Exit(1)


def _records(rows: "pl.DataFrame", kind: "Kind", tenant: "Tenant", *, is_new: bool = False) -> "pl.DataFrame":
    from growthos_assets.raw.importing import said
    from warehouse import tenants, vault

    if tenant.keep_pii:
        return said(rows, kind, None)
    return said(rows, kind, vault.new_pii_key() if is_new else tenants.pii_key(tenant.tenant_id))


def _columns(maps: list[str]) -> dict[str, str]:
    columns: dict[str, str] = {}
    for entry in maps:
        field, equals, column = entry.partition("=")
        if not (field and equals and column):
            raise typer.BadParameter(f"{entry!r} is not field=column", param_hint="--map")
        if field in columns:
            raise typer.BadParameter(f"{field} is mapped twice", param_hint="--map")
        columns[field] = column
    return columns


def _new(tenant_id: str, timezone: str | None, currency: str | None) -> "Tenant":
    from warehouse.tenants import Tenant

    if timezone is None or currency is None:
        raise typer.BadParameter(
            f"{tenant_id} is new: give its --timezone (e.g. Europe/London) and --currency (e.g. GBP)",
            param_hint="--tenant",
        )
    return Tenant(tenant_id, tenant_id, timezone, currency)


def _agreeing(known: "Tenant", timezone: str | None, currency: str | None) -> "Tenant":
    """The tenant, if it is what the options say it is."""
    for option, given, have in (("--timezone", timezone, known.timezone), ("--currency", currency, known.currency)):
        if given is not None and given != have:
            raise typer.BadParameter(
                f"{known.tenant_id} has {have}; change it with `growthos tenant set`, or leave the option out",
                param_hint=option,
            )
    return known


def _print(summary: dict[str, Any]) -> None:
    from growthos_assets.reasons import most

    console.print(f"Imported {summary['file']} into {summary['tenant']}", soft_wrap=True)
    counts = table("rows", "", right=[""])
    for label in ("read", "landed", "unchanged", "repeated", "vanished", "quarantined"):
        counts.add_row(label, f"{summary[label]:,}")
    console.print(counts)
    if summary["reasons"]:
        why = table("why rows are quarantined", "rows", right=["rows"])
        for reason, count in most(summary["reasons"]).items():
            why.add_row(reason, f"{count:,}")
        console.print(why)
    number, tenant = summary["import_id"], summary["tenant"]
    console.print(f"This is import {number}. If it was a mistake: growthos import undo {number} --tenant {tenant}")
    console.print(f"Next: growthos run --tenant {tenant}")
