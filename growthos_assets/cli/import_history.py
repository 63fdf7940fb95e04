"""`growthos import list | undo`: the files that were imported, and taking one back."""

from typing import Annotated, Any

import typer

from growthos_assets.cli.output import Format, FormatOption, TenantOption, console, print_json, progress, table


def list_imports(tenant: TenantOption, format: FormatOption = Format.table) -> None:
    """The files that were imported, the newest first; --format json has every count."""
    from growthos_assets.loading import warehouse
    from warehouse import imports, tenants

    database = warehouse()
    tenants.get(tenant)
    found = imports.everything(database, tenant)
    if format is Format.json:
        print_json({"tenant": tenant, "imports": found})
        return
    # a terminal has eighty columns: the other counts are in JSON
    rows = table("import", "file", "kind", "at (UTC)", "landed", "", right=["import", "landed"])
    for row in found:
        rows.add_row(
            str(row["import_id"]),
            row["file"],
            row["kind"],
            f"{row['imported_at']:%Y-%m-%d %H:%M}",
            f"{row['landed']:,}",
            "taken back" if row["undone_at"] else "",
        )
    console.print(rows if found else f"No file was imported: growthos import orders FILE --tenant {tenant}")


def undo(
    import_id: Annotated[int, typer.Argument(help="As growthos import list shows it.", metavar="ID")],
    tenant: TenantOption,
    format: FormatOption = Format.table,
) -> None:
    """Take an import back: its records are again what they were before it.

    What a later import has said of them stays as that import left it.
    """
    from dataclasses import asdict

    from growthos_assets import clock
    from growthos_assets.loading import warehouse
    from growthos_assets.raw.importing import take_back
    from warehouse import imports, tenants
    from warehouse.imports import Undone

    database, owner = warehouse(), tenants.get(tenant)
    with progress(f"Taking back import {import_id}"):
        undone = take_back(database, owner, import_id, clock.now(owner))
    found = imports.get(database, tenant, import_id)
    later = [
        row["import_id"]
        for row in imports.everything(database, tenant)
        if row["kind"] == found["kind"] and row["import_id"] > import_id and row["unchanged"] and not row["undone_at"]
    ]
    summary = {
        "tenant": tenant,
        "import_id": import_id,
        "kind": found["kind"],
        "file": found["file"],
        "undone": undone is not None,
        **asdict(undone or Undone()),
        "import_again": later if undone else [],
    }
    if undone:
        record(found["kind"], tenant, {"undone": import_id, **asdict(undone)})
    if format is Format.json:
        print_json(summary)
    else:
        _print_undone(summary)


def _print_undone(summary: dict[str, Any]) -> None:
    number, tenant = summary["import_id"], summary["tenant"]
    if not summary["undone"]:
        console.print(f"Import {number} was taken back before: nothing has changed.")
        return
    console.print(f"Took back import {number}, {summary['file']}, from {tenant}.", soft_wrap=True)
    counts = table("records", "", right=[""])
    for label, count in (
        ("are what they were before it", summary["restored"]),
        ("are no more", summary["ended"]),
        ("were changed by later imports, and stay as those left them", summary["stay"]),
    ):
        counts.add_row(label, f"{count:,}")
    console.print(counts)
    if summary["import_again"]:
        numbers = ", ".join(map(str, summary["import_again"]))
        console.print(
            f"Later files that repeated rows of this one have lost those, too: if any of import {numbers} did, import "
            "its file again.",
            soft_wrap=True,
        )
    console.print(f"Next: growthos run --tenant {tenant}")


def record(name: str, tenant_id: str, summary: dict[str, Any]) -> None:
    """Tell Dagster, so that it stands in the asset's history."""
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
