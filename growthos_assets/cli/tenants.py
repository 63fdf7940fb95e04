"""`growthos tenants` and `growthos tenant`: the brands and their settings."""

from datetime import datetime
from typing import Annotated

import typer

from growthos_assets.cli.output import Format, FormatOption, console, print_json, table

tenant_app = typer.Typer(help="Create a tenant, or change its settings.", no_args_is_help=True)

Name = Annotated[str | None, typer.Option(help="What people call the brand.")]
Timezone = Annotated[str | None, typer.Option(help="IANA time zone, e.g. Europe/London.")]
Currency = Annotated[str | None, typer.Option(help="ISO 4217 code, e.g. GBP.")]
ClockAt = Annotated[
    str | None,
    typer.Option(
        "--clock",
        help="Pin the tenant's clock to an ISO instant (for history that has ended); 'real' unpins it.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(tenant_app, name="tenant")
    app.command("tenants")(list_tenants)


def list_tenants(format: FormatOption = Format.table) -> None:
    """List the tenants."""
    from dataclasses import asdict

    from growthos_assets.loading import warehouse
    from warehouse import tenants

    warehouse()
    everyone = tenants.everyone()
    if format is Format.json:
        print_json({"tenants": [asdict(tenant) for tenant in everyone]})
        return
    rows = table("tenant", "name", "timezone", "currency", "clock", "sources")
    for tenant in everyone:
        clock = f"{tenant.clock_at:%Y-%m-%d %H:%M} UTC" if tenant.clock_at else "real time"
        rows.add_row(
            tenant.tenant_id,
            tenant.name,
            tenant.timezone,
            tenant.currency,
            clock,
            "demo" if tenant.is_demo else "files",
        )
    console.print(rows if everyone else "There is no tenant yet. `growthos demo` makes one.")


@tenant_app.command("create")
def create(tenant_id: str, timezone: Timezone, currency: Currency, name: Name = None, clock: ClockAt = None) -> None:
    """Create a tenant. The daemon makes it a partition and materializes it; `growthos run` does so now."""
    from growthos_assets.loading import warehouse
    from warehouse import tenants
    from warehouse.tenants import Tenant

    warehouse()
    tenant = Tenant(
        tenant_id,
        name or tenant_id,
        timezone or "UTC",
        currency or "USD",
        clock_at=_instant(clock, timezone or "UTC"),
    )
    tenants.create(tenant)
    console.print(f"Created tenant {tenant_id}.")


@tenant_app.command("set")
def change(
    tenant_id: str,
    name: Name = None,
    timezone: Timezone = None,
    currency: Currency = None,
    clock: ClockAt = None,
) -> None:
    """Change a tenant's settings; what is not named stays."""
    from dataclasses import replace

    from growthos_assets.loading import warehouse
    from warehouse import tenants

    warehouse()
    tenant = tenants.get(tenant_id)
    given = {"name": name, "timezone": timezone, "currency": currency}
    changed = replace(tenant, **{setting: value for setting, value in given.items() if value is not None})
    if clock is not None:
        changed = replace(changed, clock_at=_instant(clock, changed.timezone))
    tenants.update(changed)
    console.print(f"Changed tenant {tenant_id}. `growthos run --tenant {tenant_id}` applies it to the numbers.")


def _instant(text: str | None, timezone: str) -> datetime | None:
    """An ISO date or instant; without a zone it is the tenant's local time."""
    from zoneinfo import ZoneInfo

    if text is None or text == "real":
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is not an ISO date or instant, e.g. 2011-12-10 or 2011-12-10T00:00"
        ) from None
    return instant if instant.tzinfo else instant.replace(tzinfo=ZoneInfo(timezone))
