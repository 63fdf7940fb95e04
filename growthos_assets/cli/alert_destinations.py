"""`growthos alerts destination`: who is told of alerts, besides the log."""

from enum import StrEnum
from typing import Annotated

import typer

from growthos_assets.cli.numbers import now_of
from growthos_assets.cli.output import Format, FormatOption, TenantOption, complain, console, print_json, table

destination_app = typer.Typer(help="Where alerts are delivered to, besides the log.", no_args_is_help=True)


class Channel(StrEnum):
    """How alerts can be delivered."""

    webhook = "webhook"
    slack = "slack"


ChannelArgument = Annotated[Channel, typer.Argument(help="webhook: signed JSON; slack: an incoming webhook.")]
NameOption = Annotated[str, typer.Option("--name", help="Which of several of a kind.")]


@destination_app.command("add")
def add_destination(
    channel: ChannelArgument,
    tenant: TenantOption,
    url: Annotated[
        str | None, typer.Argument(help="Its address, a secret. Default: $GROWTHOS_ALERT_URL, or what you are asked.")
    ] = None,
    name: NameOption = "default",
) -> None:
    """Deliver alerts there from now on, instead of to the destination of that kind and name, if there is one."""
    from growthos_assets.alerts import delivery
    from growthos_assets.cli import asking

    now_of(tenant)
    address = url or asking.secret("alert_url", "The address that alerts are sent to")
    signing_secret = delivery.add(tenant, channel, name, address.strip())
    console.print(f"Alerts of {tenant} go to {channel}/{name}. Try it: growthos alerts destination test -t {tenant}")
    if signing_secret is not None:
        console.print("Its requests are signed with this secret. It is not shown again:", signing_secret, sep="\n")


@destination_app.command("list")
def list_destinations(tenant: TenantOption, format: FormatOption = Format.table) -> None:
    """Where a tenant's alerts go. Addresses and signing secrets are never shown."""
    from growthos_assets.alerts import delivery

    now_of(tenant)
    listed = delivery.everything(tenant)
    if format is Format.json:
        print_json({"tenant": tenant, "destinations": [one._asdict() for one in listed]})
        return
    if not listed:
        console.print("Alerts go to the log alone. `growthos alerts destination add --help` says how to add more.")
        return
    rows = table("channel", "name", "address", "status", "verified")
    for one in listed:
        verified = f"{one.verified_at:%Y-%m-%d %H:%M} UTC" if one.verified_at else "never"
        rows.add_row(one.channel, one.name, one.address, one.status, verified)
    console.print(rows)


@destination_app.command("remove")
def remove_destination(channel: ChannelArgument, tenant: TenantOption, name: NameOption = "default") -> None:
    """Deliver no alert there any more; what still waits for it is given up."""
    from growthos_assets.alerts import delivery
    from warehouse.errors import UnknownCredential

    now_of(tenant)
    try:
        delivery.remove(tenant, channel, name)
    except UnknownCredential:
        known = ", ".join(f"{one.channel}/{one.name}" for one in delivery.everything(tenant)) or "none"
        raise typer.BadParameter(f"{tenant} has no destination {channel}/{name}. There are: {known}.") from None
    console.print(f"No alert goes to {channel}/{name} any more.")


@destination_app.command("test")
def test_destinations(tenant: TenantOption) -> None:
    """Send a test message to every destination; exit code 1 if one does not take it."""
    from growthos_assets.alerts import delivery

    now_of(tenant)
    refused = {one: delivery.probe(tenant, one.channel, one.name) for one in delivery.everything(tenant)}
    if not refused:
        console.print("There is no destination to test: alerts go to the log alone.")
    for one, error in refused.items():
        if error is None:
            console.print(f"{one.channel}/{one.name}: delivered.")
        else:
            complain(f"{one.channel}/{one.name}:", error)
    if any(refused.values()):
        raise typer.Exit(1)
