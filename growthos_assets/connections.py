"""A tenant's connections: its credentials as they are stored, and the clients that they open."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date

import msgspec

from connectors import connect
from connectors.client import Client, Finding, Page
from connectors.clock import SystemClock
from connectors.credentials import CREDENTIALS, Credential, ShopifyCredential
from connectors.errors import ApiError, ConfigError, reading
from connectors.exchange import Meter
from connectors.oauth.providers import Hosts
from connectors.shopify.client import ShopifyClient
from connectors.slices import Account, Policy, Slice
from growthos_assets.loading import warehouse
from warehouse import credentials, ledger
from warehouse.credentials import Status, Stored
from warehouse.environment import demo_mode
from warehouse.errors import UnknownAccount, UnknownCredential, WarehouseError
from warehouse.tenants import Tenant

MISSED = ("meta", "google_ads")
"""Sources whose logins may list their accounts: of the others, a person names each, and no list can be short of one."""


def hosts() -> Hosts:
    """Where the APIs live: below GROWTHOS_APIS (a server of fakes), if set, else at their real hosts."""
    base = os.environ.get("GROWTHOS_APIS")
    return connect.hosts_below(base) if base else connect.REAL


def everything(tenant_id: str) -> list[Stored]:
    """The tenant's connections by source and name, without their secrets."""
    return credentials.everything(warehouse(), tenant_id)


def require(tenant: Tenant, sources: Sequence[str]) -> None:
    """UnknownCredential, which says how to connect, if one of the sources is not connected; if none at all, of none."""
    if tenant.is_demo and demo_mode():
        return
    name = tenant.tenant_id
    if tenant.is_demo:
        raise UnknownCredential(
            f"{name} is a demo tenant, and DEMO_MODE is off: unset it, or make a tenant of your own, "
            "growthos tenant create"
        )
    connected = {stored.source for stored in everything(name)}
    if lacking := [source for source in sources if source not in connected]:
        commands = ", ".join(f"growthos connect {source.replace('_', '-')} --tenant {name}" for source in lacking)
        raise UnknownCredential(f"{name} is not connected to {' or '.join(lacking)}: {commands}")
    if not connected:
        raise UnknownCredential(f"Nothing of {name} is connected, so there is nothing to pull. {how_to_begin(name)}")


def how_to_begin(tenant_id: str) -> str:
    """The first step of a tenant who has nothing."""
    return (
        f"Connect its shop, growthos connect shopify --tenant {tenant_id}, or import a file, "
        f"growthos import orders FILE --tenant {tenant_id}"
    )


def client(tenant_id: str, source: str, name: str) -> Client:
    """The client that a stored credential opens; a pair that it refreshes is stored before it is used.

    UnknownCredential if there is none, ConfigError if it can't be used.
    """

    def store(change: Callable[[ShopifyCredential], ShopifyCredential]) -> ShopifyCredential:
        def to(content: bytes) -> bytes:
            return _encode(change(msgspec.json.decode(content, type=ShopifyCredential)))

        return msgspec.json.decode(credentials.change(warehouse(), tenant_id, source, name, to), type=ShopifyCredential)

    try:
        credential = decode(source, credentials.load(warehouse(), tenant_id, source, name))
    except msgspec.ValidationError:
        command = f"growthos connect {source.replace('_', '-')}"
        raise ConfigError(f"The stored credential is none that this GrowthOS can read. Run `{command}`.") from None
    return connect.client(credential, clock=SystemClock(), hosts=hosts(), store=store)


def twice(tenant_id: str, client: Client, name: str) -> dict[str, str]:
    """Those of the client's accounts that other connections of its source read as well, and which one does.

    Nobody is asked where there is no other connection; one that its API refuses reads nothing.
    """
    others = [stored.name for stored in everything(tenant_id) if stored.source == client.source and stored.name != name]
    mine = _reach(client) if others else {}
    found: dict[str, str] = {}
    for other in others:
        with suppress(ApiError), reading():
            shared = mine.keys() & _reach(usable(tenant_id, client.source, other)).keys()
            found |= {mine[account]: other for account in sorted(shared)}
    return found


def _reach(client: Client) -> dict[str, str]:
    """The accounts that the client reads, by what tells them apart; a shop's address does, and nobody is asked."""
    if isinstance(client, ShopifyClient):
        return {client.shop: client.shop}
    return {account.id: f"{account.name} ({account.id})" for account in client.accounts() if account.problem is None}


def usable(tenant_id: str, source: str, name: str) -> Client:
    """`client`; for a credential that can't be used, one that says why as soon as it is asked."""
    try:
        return client(tenant_id, source, name)
    except (ApiError, WarehouseError) as error:
        return Unusable(source, error if isinstance(error, ApiError) else ConfigError(str(error)))


class Unusable:
    """The client of a credential that opens nothing."""

    api_version = ""
    sunset: date | None = None
    reads_all = False
    policies: Mapping[str, Policy] = {}

    def __init__(self, source: str, error: ApiError) -> None:
        self.source = source
        self.meter = Meter()
        self._error = error

    def accounts(self) -> list[Account]:
        raise self._error

    def request(self, stream: str, account: Account) -> str:
        raise self._error

    def prepare(self, part: Slice, account: Account) -> None:
        raise self._error

    def pull(self, part: Slice, account: Account) -> Iterator[Page]:
        raise self._error

    def split(self, part: Slice, account: Account) -> list[Slice]:
        raise self._error

    def probe(self) -> list[Finding]:
        return [Finding("credential", False, str(self._error))]


class Trial:
    """A credential that is tried out before it replaces the one that is stored."""

    def __init__(self, tenant_id: str, source: str, name: str, credential: Credential) -> None:
        self._place = (tenant_id, source, name)
        self._credential = credential
        self.client = connect.client(credential, clock=SystemClock(), hosts=hosts(), store=self._keep)

    def save(self, status: Status) -> None:
        """Store it, with what the trial said."""
        credentials.store(warehouse(), *self._place, _encode(self._credential), status)

    def _keep(self, change: Callable[[ShopifyCredential], ShopifyCredential]) -> ShopifyCredential:
        assert isinstance(self._credential, ShopifyCredential)
        self._credential = changed = change(self._credential)
        self.save("untested")  # its refresh token is spent: were the new one lost, so would be the connection
        return changed


def mark(tenant_id: str, stored: Stored, status: Status) -> None:
    """Note what a test of the connection said."""
    credentials.mark(warehouse(), tenant_id, stored.source, stored.name, status)


def forget(tenant_id: str, source: str, name: str) -> None:
    """Remove a connection for good; UnknownCredential if there is none."""
    credentials.forget(warehouse(), tenant_id, source, name)


def forget_account(tenant_id: str, source: str, account: str) -> None:
    """Stop missing an account that no login reaches any more; UnknownAccount if it was never asked for anything."""
    if not ledger.forget(warehouse(), tenant_id, source, account):
        raise UnknownAccount(
            f"Nothing was ever read of account {account} of {source}. "
            f"`growthos slices --tenant {tenant_id}` shows what was."
        )


def decode(source: str, content: bytes) -> Credential:
    """A source's credential from JSON; msgspec.ValidationError, which quotes nothing, if it is not one."""
    return msgspec.json.decode(content, type=CREDENTIALS[source])


def _encode(credential: Credential) -> bytes:
    return msgspec.json.encode(credential)
