"""`growthos connect`: from what a person has at hand to a credential that was tried out and stored."""

import os
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from growthos_assets.cli.asking import Browser, from_json, secret, value
from growthos_assets.cli.connections import ON_FAKES, is_demo, show, works
from growthos_assets.cli.output import TenantOption, complain, console

if TYPE_CHECKING:
    from connectors.credentials import Credential, GoogleLogin

connect_app = typer.Typer(
    help="Connect a shop, ad accounts or web analytics. docs/connections.md says how to get each credential.",
    no_args_is_help=True,
)

PORT = 8914
"""Shopify and Meta allow only redirects that are listed in the app, port included."""


class ShopifyGrant(StrEnum):
    """How a shop gives its tokens."""

    app = "app"
    login = "login"
    token = "token"


NAMED_BY = {"meta": "--account", "google_ads": "--customer", "ga4": "--property"}
"""The option that names which accounts of a login are read; a shop is its only one."""

Name = Annotated[str | None, typer.Option(help="What to call it, if there are several of one source.")]
FromStdin = Annotated[bool, typer.Option("--from-stdin", help="Read the credential as JSON from stdin; ask nothing.")]
ClientId = Annotated[str | None, typer.Option(help="The OAuth client's (the app's) id.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Where the browser comes back to, on this machine.")]
Open = Annotated[bool, typer.Option("--browser/--no-browser", help="Open the browser, or only print the address.")]
Timeout = Annotated[float, typer.Option(min=1, help="Seconds to wait for consent.")]
KeyFile = Annotated[
    Path | None, typer.Option("--service-account", exists=True, dir_okay=False, help="A service account's key file.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(connect_app, name="connect")


@connect_app.command()
def shopify(
    tenant: TenantOption,
    shop: Annotated[str | None, typer.Option(help="my-store, or my-store.myshopify.com.")] = None,
    grant: Annotated[
        ShopifyGrant,
        typer.Option(help="app: a Dev Dashboard app of your own; login: anybody's app; token: a legacy shpat_ token."),
    ] = ShopifyGrant.app,
    client_id: ClientId = None,
    name: Name = None,
    from_stdin: FromStdin = False,
    port: Port = PORT,
    browser: Open = True,
    timeout: Timeout = 300,
) -> None:
    """Connect a Shopify shop."""

    def asked() -> "Credential":
        from connectors.credentials import ShopifyCredential
        from connectors.oauth.consent import shopify_signed
        from connectors.oauth.providers import shopify
        from connectors.shopify.shop import domain
        from growthos_assets.connections import hosts

        where = domain(value("shopify_shop", "Shop (my-store.myshopify.com)", shop))
        if grant is ShopifyGrant.token:
            return ShopifyCredential(where, access_token=secret("shopify_access_token", "Access token"))
        own = value("shopify_client_id", "Client id", client_id), secret("shopify_client_secret", "Client secret")
        if grant is ShopifyGrant.app:
            return ShopifyCredential(where, *own)
        way = Browser(port, browser, timeout)
        token = way.consent(shopify(where, hosts()), "shopify", *own, lambda answer: shopify_signed(answer, own[1]))
        return ShopifyCredential(where, *own, token.access, token.refresh, token.expires_at)

    _connect(tenant, "shopify", name, from_stdin, asked)


@connect_app.command()
def meta(
    tenant: TenantOption,
    account: Annotated[list[str] | None, typer.Option(help="Only this ad account (act_…); repeat.")] = None,
    login: Annotated[bool, typer.Option("--login", help="Log in with the browser: a token for 60 days.")] = False,
    client_id: ClientId = None,
    name: Name = None,
    from_stdin: FromStdin = False,
    port: Port = PORT,
    browser: Open = True,
    timeout: Timeout = 300,
) -> None:
    """Connect Meta ad accounts, best with a system user's token, which does not end."""

    def asked() -> "Credential":
        from connectors.clock import SystemClock
        from connectors.credentials import MetaCredential
        from connectors.oauth.consent import meta_long_lived
        from connectors.oauth.providers import meta
        from connectors.oauth.token import TokenEndpoint
        from growthos_assets.connections import hosts

        accounts = tuple(account or ())
        if not login:
            token = secret("meta_access_token", "Access token")
            proof = secret("meta_app_secret", "App secret (Enter if calls need no proof)", optional=True)
            return MetaCredential(token, client_id, proof or None, accounts)
        own = value("meta_client_id", "App id", client_id), secret("meta_app_secret", "App secret")
        provider = meta(hosts())
        short = Browser(port, browser, timeout).consent(provider, "meta", *own)
        token = meta_long_lived(short, *own, TokenEndpoint(provider, SystemClock()))
        return MetaCredential(token.access, *own, accounts)

    _connect(tenant, "meta", name, from_stdin, asked)


@connect_app.command("google-ads")
def google_ads(
    tenant: TenantOption,
    customer: Annotated[list[str] | None, typer.Option(help="Only this customer (123-456-7890); repeat.")] = None,
    manager: Annotated[
        str | None, typer.Option(help="The manager account through which the others are reached.")
    ] = None,
    service_account: KeyFile = None,
    client_id: ClientId = None,
    name: Name = None,
    from_stdin: FromStdin = False,
    port: Port = 0,
    browser: Open = True,
    timeout: Timeout = 300,
) -> None:
    """Connect Google Ads. A developer token is no longer needed; one is taken from GROWTHOS_GOOGLE_DEVELOPER_TOKEN."""

    def asked() -> "Credential":
        from connectors.credentials import GoogleAdsCredential

        return GoogleAdsCredential(
            _google("google_ads", service_account, client_id, Browser(port, browser, timeout)),
            manager,
            tuple(customer or ()),
            os.environ.get("GROWTHOS_GOOGLE_DEVELOPER_TOKEN"),
        )

    _connect(tenant, "google_ads", name, from_stdin, asked)


@connect_app.command()
def ga4(
    tenant: TenantOption,
    property: Annotated[list[str] | None, typer.Option(help="The property's number; repeat.")] = None,
    service_account: KeyFile = None,
    client_id: ClientId = None,
    name: Name = None,
    from_stdin: FromStdin = False,
    port: Port = 0,
    browser: Open = True,
    timeout: Timeout = 300,
) -> None:
    """Connect Google Analytics 4."""

    def asked() -> "Credential":
        from connectors.credentials import Ga4Credential

        properties = property or [value("ga4_property", "Property id (a number)")]
        return Ga4Credential(
            _google("ga4", service_account, client_id, Browser(port, browser, timeout)),
            tuple(properties),
        )

    _connect(tenant, "ga4", name, from_stdin, asked)


def _connect(tenant: str, source: str, name: str | None, from_stdin: bool, asked: "Callable[[], Credential]") -> None:
    """Try the credential out, and store it; one that its API refuses is not stored."""
    from connectors.credentials import ShopifyCredential
    from connectors.errors import ApiError, reading
    from connectors.shopify.shop import DOMAIN, domain
    from growthos_assets import connections
    from warehouse import vault

    vault.sealing_key_id()  # said now, and not after somebody has consented, if there is no key to seal with
    if is_demo(tenant):
        raise typer.BadParameter(
            ON_FAKES.format(tenant) + " Make a tenant of your own: `growthos tenant create`.", param_hint="--tenant"
        )
    credential = from_json(source) if from_stdin else asked()
    if name is None:
        shop = credential.shop if isinstance(credential, ShopifyCredential) else None
        name = domain(shop).removesuffix(DOMAIN) if shop else "default"
    trial = connections.Trial(tenant, source, name, credential)
    try:
        with reading():
            _refuse(tenant, source, connections.twice(tenant, trial.client, name))
            accounts = trial.client.accounts()
            findings = trial.client.probe()
    except ApiError as error:
        complain("✗", f"{source} was not connected. {error}")
        raise typer.Exit(1) from None
    for account in accounts:
        reached = account.problem or f"{account.timezone}, {account.currency}"
        console.print(f"{account.name} ({account.id}): {reached}", soft_wrap=True)
    show(findings)
    trial.save("working" if works(findings) else "failing")
    console.print(f"Connected {source}/{name}. Next: growthos sync --tenant {tenant}")
    if not works(findings):
        raise typer.Exit(1)


def _refuse(tenant: str, source: str, twice: dict[str, str]) -> None:
    """typer.BadParameter if accounts are read by other connections: each would pull all of them."""
    if twice:
        read = ", ".join(f"{account} by {source}/{other}" for account, other in twice.items())
        name = min(twice.values())
        others = f"To read others alone, name them with {NAMED_BY[source]}. " if source in NAMED_BY else ""
        raise typer.BadParameter(
            f"Read already: {read}. To replace that credential, connect with --name {name}. {others}"
            f"To read it by this one, first: growthos connections forget {source} --name {name} --tenant {tenant}",
            param_hint="--name",
        )


def _google(api: str, key_file: Path | None, client_id: str | None, browser: "Browser") -> "GoogleLogin":
    from connectors.credentials import GoogleLogin
    from connectors.errors import AuthError
    from connectors.oauth.authorizers import service_account
    from connectors.oauth.providers import google
    from growthos_assets.connections import hosts

    if key_file:
        content = key_file.read_text()
        service_account(content)  # said now if it is none
        return GoogleLogin(service_account=content)
    own = value("google_client_id", "OAuth client id", client_id), secret("google_client_secret", "Client secret")
    if refresh := os.environ.get("GROWTHOS_GOOGLE_REFRESH_TOKEN"):
        return GoogleLogin(*own, refresh)
    token = browser.consent(google(hosts()), api, *own)
    if token.refresh is None:
        raise AuthError(
            "Google gave no refresh token. Remove the app at myaccount.google.com/connections, and try again."
        )
    return GoogleLogin(*own, token.refresh)
