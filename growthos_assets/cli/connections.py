"""`growthos connections`: what is connected, whether it works, and forgetting it."""

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from growthos_assets.cli.output import Format, FormatOption, TenantOption, console, print_json, table

if TYPE_CHECKING:
    from connectors.client import Client, Finding

connections_app = typer.Typer(help="List, test and forget a tenant's connections.", no_args_is_help=True)

MARKS = {True: ("✓", "green"), False: ("✗", "bold red"), None: ("–", "yellow")}
ON_FAKES = "{} is a demo tenant: its sources are the in-process fakes of the four APIs, and need no credentials."


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(connections_app, name="connections")


@connections_app.command("list")
def list_connections(tenant: TenantOption, format: FormatOption = Format.table) -> None:
    """What a tenant is connected to. Secrets are never shown."""
    from dataclasses import asdict

    from growthos_assets import connections

    demo = is_demo(tenant)
    stored = connections.everything(tenant)
    if format is Format.json:
        print_json({"tenant": tenant, "demo": demo, "connections": [asdict(connection) for connection in stored]})
        return
    if demo:
        console.print(ON_FAKES.format(tenant))
    elif not stored:
        console.print(f"Nothing is connected yet. `growthos connect shopify --tenant {tenant}` connects a shop.")
    if stored:
        rows = table("source", "name", "status", "verified", "updated", "sealed with key")
        for one in stored:
            verified = f"{one.verified_at:%Y-%m-%d %H:%M} UTC" if one.verified_at else "never"
            rows.add_row(one.source, one.name, one.status, verified, f"{one.updated_at:%Y-%m-%d %H:%M} UTC", one.key_id)
        console.print(rows)


@connections_app.command("test")
def probe(tenant: TenantOption, format: FormatOption = Format.table) -> None:
    """Ask every API whether the tenant's credentials can do what is needed; exit code 1 if one cannot."""
    from dataclasses import asdict

    from growthos_assets import connections

    demo = is_demo(tenant)
    tested: list[dict[str, Any]] = []
    for one in connections.everything(tenant):
        client = connections.usable(tenant, one.source, one.name)
        findings = [*look(client), *_twice(tenant, client, one.name)]
        connections.mark(tenant, one, "working" if works(findings) else "failing")
        tested.append({"source": one.source, "name": one.name, "findings": findings})
    if format is Format.json:
        shown = [{**one, "findings": [asdict(finding) for finding in one["findings"]]} for one in tested]
        print_json({"tenant": tenant, "demo": demo, "connections": shown})
    else:
        if not tested:
            console.print(ON_FAKES.format(tenant) if demo else "Nothing is connected yet: `growthos connect --help`.")
        for one in tested:
            console.print(f"{one['source']}/{one['name']}", style="bold")
            show(one["findings"])
    if not all(works(one["findings"]) for one in tested):
        raise typer.Exit(1)


@connections_app.command("forget")
def forget(
    source: Annotated[str, typer.Argument(help="shopify, meta, google_ads or ga4.")],
    tenant: TenantOption,
    name: Annotated[str, typer.Option(help="Which of them, as `connections list` names it.")] = "default",
    account: Annotated[
        str | None, typer.Option(help="Only this account, which no login reaches any more: it is no longer missed.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove a credential for good, or stop missing an account. What was pulled stays."""
    from growthos_assets import connections

    is_demo(tenant)
    source = source.replace("-", "_")  # as `connect` has it
    if account is not None and source not in connections.MISSED:
        raise typer.BadParameter(
            f"An account of {source} is never missed: a person names it. To stop reading it, forget its credential, "
            "with --name instead of --account.",
            param_hint="--account",
        )
    what = f"{source}/{name}" if account is None else f"account {account} of {source}"
    if not yes:
        typer.confirm(f"Forget {what} of {tenant}?", abort=True)
    if account is None:
        connections.forget(tenant, source, name)
    else:
        connections.forget_account(tenant, source, account)
    console.print(f"Forgot {what} of {tenant}.")


def is_demo(tenant_id: str) -> bool:
    """Whether the tenant runs on fakes; UnknownTenant if there is none of that id."""
    from growthos_assets.loading import warehouse
    from warehouse import tenants

    warehouse()
    return tenants.get(tenant_id).is_demo


def look(client: "Client") -> "list[Finding]":
    """What the client's probe finds; an API that can't be asked at all is a finding too."""
    from connectors.client import Finding
    from connectors.errors import ApiError, reading

    try:
        with reading():
            return client.probe()
    except ApiError as error:
        return [Finding("access", False, str(error))]


def _twice(tenant: str, client: "Client", name: str) -> "list[Finding]":
    """A finding for each account that another connection reads as well."""
    from connectors.client import Finding
    from connectors.errors import ApiError, reading
    from growthos_assets import connections

    forget = f"growthos connections forget {client.source} --name NAME --tenant {tenant}"
    with suppress(ApiError), reading():  # the probe says of an API that can't be asked
        return [
            Finding(
                "once",
                False,
                f"{account} is pulled twice, since {client.source}/{other} reads it, too. Forget one: {forget}",
            )
            for account, other in connections.twice(tenant, client, name).items()
        ]
    return []


def works(findings: "list[Finding]") -> bool:
    """Whether nothing was found that has to be mended."""
    return all(finding.passed is not False for finding in findings)


def show(findings: "list[Finding]") -> None:
    """One line per finding."""
    from rich.text import Text

    for finding in findings:
        mark, style = MARKS[finding.passed]
        console.print(Text.assemble("  ", (mark, style), f" {finding.name}: {finding.message}"), soft_wrap=True)
