"""`growthos import`: orders, spend and traffic from files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

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
    from growthos_assets.raw.importing import Imported
    from warehouse.tenants import Tenant

import_app = typer.Typer(help="Land a CSV, Parquet or JSONL file of orders, spend or traffic.", no_args_is_help=True)

File = Annotated[
    Path, typer.Argument(help="CSV, Parquet or JSONL, one row per order line, campaign day or channel day.")
]
Maps = Annotated[
    list[str] | None,
    typer.Option("--map", "-m", help="field=column where your column has another name; repeat it."),
]
Timezone = Annotated[str | None, typer.Option(help="Time zone of a new tenant, e.g. Europe/London.")]
Currency = Annotated[str | None, typer.Option(help="Currency of a new tenant, e.g. GBP.")]

JUDGES = {
    "orders": ("stg_order_lines", "stg_refunds"),
    "spend": ("stg_spend",),
    "traffic": ("stg_traffic",),
}
"""The staging tables that take a file's rows in, or turn them away."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(import_app, name="import")


@import_app.command()
def orders(
    file: File,
    tenant: TenantOption,
    map: Maps = None,
    timezone: Timezone = None,
    currency: Currency = None,
    format: FormatOption = Format.table,
) -> None:
    """Orders, one row per line; a negative quantity is a return on its own date.

    Fields: order_id, processed_at, quantity, unit_price; and, if you have them, line_id, customer_id, email, sku,
    title, category, discount, tax, shipping, currency, landing_url, referrer, source_name, is_test, cancelled_at.
    """
    _import("orders", file, tenant, map, timezone, currency, format)


@import_app.command()
def spend(
    file: File,
    tenant: TenantOption,
    map: Maps = None,
    timezone: Timezone = None,
    currency: Currency = None,
    format: FormatOption = Format.table,
) -> None:
    """Ad spend, one row per day and campaign.

    Fields: date, channel, spend; and campaign_id, campaign_name, impressions, clicks, conversions, conversion_value,
    currency.
    """
    _import("spend", file, tenant, map, timezone, currency, format)


@import_app.command()
def traffic(
    file: File,
    tenant: TenantOption,
    map: Maps = None,
    timezone: Timezone = None,
    currency: Currency = None,
    format: FormatOption = Format.table,
) -> None:
    """Web traffic, one row per day and channel.

    Fields: date, channel, sessions; and pdp_views, add_to_cart, checkouts, purchases.
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
    from datetime import UTC, datetime

    from growthos_assets.loading import warehouse
    from growthos_assets.raw.importing import KINDS, import_file

    columns = _columns(maps or [])
    database = warehouse()
    tenant = _tenant(tenant_id, timezone, currency)
    with progress(f"Landing {file.name}") as (bar, task):
        imported = import_file(
            database,
            tenant,
            KINDS[name],
            file,
            columns,
            datetime.now(UTC),
            lambda done, total: bar.update(task, completed=done, total=total),
        )
        bar.update(task, description="Looking for rows that break their contract", total=None)
        reasons = _turned_away(name, imported, tenant)
    summary = {
        "tenant": tenant_id,
        "file": str(file),
        "read": imported.read,
        "landed": imported.landed,
        "unchanged": imported.unchanged,
        "repeated": imported.repeated,
        "quarantined": sum(reasons.values()),
        "reasons": reasons,
    }
    _record(name, tenant_id, summary)
    if format is Format.json:
        print_json(summary)
    else:
        _print(name, summary)
    if reasons:
        raise typer.Exit(1)


def _columns(maps: list[str]) -> dict[str, str]:
    pairs = [entry.partition("=") for entry in maps]
    for field, equals, column in pairs:
        if not (field and equals and column):
            raise typer.BadParameter(f"{field + equals + column!r} is not field=column", param_hint="--map")
    return {field: column for field, _, column in pairs}


def _tenant(tenant_id: str, timezone: str | None, currency: str | None) -> "Tenant":
    """The tenant, created if it is new and its time zone and currency are given."""
    from warehouse import tenants
    from warehouse.tenants import Tenant

    known = tenants.find(tenant_id)
    if known is None:
        if timezone is None or currency is None:
            raise typer.BadParameter(
                f"{tenant_id} is new: give its --timezone (e.g. Europe/London) and --currency (e.g. GBP)",
                param_hint="--tenant",
            )
        tenants.create(Tenant(tenant_id, tenant_id, timezone, currency))
        return tenants.get(tenant_id)
    for option, given, have in (
        ("--timezone", timezone, known.timezone),
        ("--currency", currency, known.currency),
    ):
        if given is not None and given != have:
            raise typer.BadParameter(
                f"{tenant_id} has {have}; change it with `growthos tenant set`, or leave the option out",
                param_hint=option,
            )
    return known


def _turned_away(name: str, imported: "Imported", tenant: "Tenant") -> dict[str, int]:
    """How many of the file's rows staging will quarantine, by reason."""
    from growthos_assets.preview import turned_away

    return turned_away(name, imported.records, tenant, JUDGES[name])


def _record(name: str, tenant_id: str, summary: dict[str, Any]) -> None:
    """Tell Dagster, so that the import stands in the asset's history."""
    import dagster as dg

    from growthos_assets.instance import open_instance
    from growthos_assets.partitions import TENANT_SET

    with open_instance() as instance:
        instance.add_dynamic_partitions(TENANT_SET, [tenant_id])
        instance.report_runless_asset_event(
            dg.AssetMaterialization(
                ["raw", f"file_{name}"],
                partition=tenant_id,
                metadata={key: value for key, value in summary.items() if key != "tenant"},
            )
        )


def _print(name: str, summary: dict[str, Any]) -> None:
    counts = table("rows", "", title=f"Imported {summary['file']} into {summary['tenant']}", right=[""])
    for label in ("read", "landed", "unchanged", "repeated", "quarantined"):
        counts.add_row(label, f"{summary[label]:,}")
    console.print(counts)
    if summary["reasons"]:
        why = table("why rows are quarantined", "rows", right=["rows"])
        for reason, count in summary["reasons"].items():
            why.add_row(reason, f"{count:,}")
        console.print(why)
    console.print(f"Next: growthos run --tenant {summary['tenant']}")
