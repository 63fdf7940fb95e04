"""`growthos tenants` and `growthos tenant`: the brands and their settings."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from growthos_assets.cli.output import Format, FormatOption, console, errors, print_json, table

if TYPE_CHECKING:
    from decimal import Decimal

    from warehouse.tenants import Tenant

tenant_app = typer.Typer(help="Create a tenant, change its settings, or remove it.", no_args_is_help=True)

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
Margins = Annotated[
    list[str] | None,
    typer.Option(
        "--margin", help="category=share: gross margin where no unit cost is known, e.g. apparel=0.6; repeat."
    ),
]
ShippingRate = Annotated[str | None, typer.Option(help="Shipping cost as a share of net revenue, e.g. 0.08.")]
OpsRate = Annotated[str | None, typer.Option(help="Fulfilment cost as a share of net revenue, e.g. 0.05.")]
Thresholds = Annotated[
    list[str] | None,
    typer.Option(
        "--threshold", help="rule.name=value: an alert rule's own line, e.g. cac_increase.threshold=0.2; repeat."
    ),
]
KeepPii = Annotated[
    bool | None, typer.Option("--keep-pii/--hash-pii", help="Land e-mail addresses in clear, or hashed (default).")
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
    console.print(rows if everyone else tenants.none_yet())


@tenant_app.command("create")
def create(
    tenant_id: str,
    timezone: Annotated[str, typer.Option(help="IANA time zone, e.g. Europe/London.")],
    currency: Annotated[str, typer.Option(help="ISO 4217 code, e.g. GBP.")],
    name: Name = None,
    clock: ClockAt = None,
    margin: Margins = None,
    shipping_rate: ShippingRate = None,
    ops_rate: OpsRate = None,
    threshold: Thresholds = None,
    keep_pii: KeepPii = None,
) -> None:
    """Create a tenant. The daemon makes it a partition and materializes it; `growthos run` does so now."""
    from growthos_assets.loading import warehouse
    from warehouse import tenants
    from warehouse.tenants import Tenant

    warehouse()
    tenant = Tenant(tenant_id, name or tenant_id, timezone, currency)
    tenants.create(_changed(tenant, clock, margin, shipping_rate, ops_rate, threshold, keep_pii))
    console.print(f"Created tenant {tenant_id}.")


@tenant_app.command("set")
def change(
    tenant_id: str,
    name: Name = None,
    timezone: Timezone = None,
    currency: Currency = None,
    clock: ClockAt = None,
    margin: Margins = None,
    shipping_rate: ShippingRate = None,
    ops_rate: OpsRate = None,
    threshold: Thresholds = None,
    keep_pii: KeepPii = None,
) -> None:
    """Change a tenant's settings; what is not named stays."""
    from dataclasses import replace

    from growthos_assets.loading import warehouse
    from warehouse import tenants

    warehouse()
    given = {"name": name, "timezone": timezone, "currency": currency}
    named = {setting: value for setting, value in given.items() if value is not None}

    def changed(tenant: "Tenant") -> "Tenant":
        return _changed(replace(tenant, **named), clock, margin, shipping_rate, ops_rate, threshold, keep_pii)

    tenants.update(tenant_id, changed)
    console.print(f"Changed tenant {tenant_id}. `growthos run --tenant {tenant_id}` applies it to the numbers.")


@tenant_app.command("remove")
def remove(
    tenant_id: str,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask for its id to be typed again.")] = False,
) -> None:
    """Delete a tenant and all that is its own: records, tables, logins, alerts, imports, runs. There is no way back."""
    from growthos_assets import retention
    from growthos_assets.instance import open_instance
    from growthos_assets.loading import warehouse
    from warehouse import tenants

    warehouse()
    tenant = tenants.get(tenant_id)
    if not (yes or _is_meant(tenant)):
        raise typer.BadParameter(
            f"its id was not typed again: nothing was deleted. Type {tenant_id} when asked, or give --yes",
            param_hint="TENANT_ID",
        )
    # what runs told goes first: of a tenant that is gone nobody could ask for it again
    with errors.status(f"Removing {tenant_id}"), open_instance() as instance, tenants.removing(tenant_id) as rows:
        runs = retention.forget(instance, tenant_id)
    console.print(f"Removed tenant {tenant_id}: {rows:,} rows and {runs:,} runs.")
    console.print("Dagster still has its name in the history of assets, schedules and sensors.", soft_wrap=True)


def _is_meant(tenant: "Tenant") -> bool:
    import sys

    from rich.prompt import Prompt

    if not sys.stdin.isatty():
        return False
    errors.print(f"This deletes {tenant.name} with all of its records, numbers and logins. There is no way back.")
    return Prompt.ask(f"Type {tenant.tenant_id} to go on", console=errors, default="").strip() == tenant.tenant_id


def _changed(
    tenant: "Tenant",
    clock: str | None,
    margins: list[str] | None,
    shipping_rate: str | None,
    ops_rate: str | None,
    thresholds: list[str] | None,
    keep_pii: bool | None,
) -> "Tenant":
    """The tenant with the settings that were given; typer.BadParameter for one that can't be."""
    from dataclasses import replace

    from kpis import alerts

    if clock is not None:
        tenant = replace(tenant, clock_at=_instant(clock, tenant.timezone))
    if margins:
        own = {category.lower(): _number(value, "--margin") for category, value in _pairs(margins, "--margin")}
        tenant = replace(tenant, category_margins={**tenant.category_margins, **own})
    if shipping_rate is not None:
        tenant = replace(tenant, shipping_rate=_number(shipping_rate, "--shipping-rate"))
    if ops_rate is not None:
        tenant = replace(tenant, ops_rate=_number(ops_rate, "--ops-rate"))
    if thresholds:
        rules = {rule: dict(own) for rule, own in tenant.alert_thresholds.items()}
        for path, value in _pairs(thresholds, "--threshold"):
            rule, _, line = path.partition(".")
            rules.setdefault(rule, {})[line] = float(_number(value, "--threshold"))
        try:
            alerts.resolve_thresholds(rules)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--threshold") from None
        tenant = replace(tenant, alert_thresholds=rules)
    return tenant if keep_pii is None else replace(tenant, keep_pii=keep_pii)


def _pairs(entries: list[str], option: str) -> list[tuple[str, str]]:
    pairs = [entry.partition("=") for entry in entries]
    for name, equals, value in pairs:
        if not (name and equals and value):
            raise typer.BadParameter(f"{name + equals + value!r} is not name=value", param_hint=option)
    return [(name, value) for name, _, value in pairs]


def _number(text: str, option: str) -> "Decimal":
    from decimal import Decimal, InvalidOperation

    try:
        return Decimal(text)
    except InvalidOperation:
        raise typer.BadParameter(f"{text!r} is not a number, e.g. 0.08", param_hint=option) from None


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
