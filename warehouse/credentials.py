"""The credentials of a tenant's sources, and of where its alerts go, sealed at rest.

What is inside them is nobody's business here: bytes.

Everything happens as the application's role, under the tenant's row-level security.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Literal

from warehouse import vault
from warehouse.database import Cursor, Warehouse, query
from warehouse.errors import InvalidSetting, UnknownCredential

Status = Literal["untested", "working", "failing"]

TABLE = "ops.connector_credentials"
CHANNELS = ("slack", "webhook")
"""What is no source of data: where alerts are delivered to."""

NAME_BYTES = 200
"""How long a name may be: it is part of keys, here and in the outbox of alerts."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What may be shown of a stored credential."""

    source: str
    name: str
    status: Status
    key_id: str
    created_at: datetime
    updated_at: datetime
    verified_at: datetime | None


def store(database: Warehouse, tenant_id: str, source: str, name: str, content: bytes, status: Status) -> None:
    """Keep a credential; one of that source and name is replaced. InvalidSetting if the name is too long.

    UnknownTenant if the tenant was removed while a person was connecting: one of its id may come again.
    """
    if (length := len(name.encode())) > NAME_BYTES:
        raise InvalidSetting(f"The name of a credential has at most {NAME_BYTES} bytes; this one has {length:,}.")
    sealed = vault.seal(content, tenant_id, purpose(source, name))
    with database.holding(tenant_id, purpose(source, name)) as transaction, transaction() as cursor:
        query(
            cursor,
            f"INSERT INTO {TABLE} AS c "
            "(tenant_id, source, name, sealed, key_id, status, created_at, updated_at, verified_at) "
            "VALUES (current_setting('app.tenant_id'), $1, $2, $3, $4, $5, now(), now(), "
            "CASE $5 WHEN 'working' THEN now() END) "
            "ON CONFLICT (tenant_id, source, name) DO UPDATE SET sealed = excluded.sealed, key_id = excluded.key_id, "
            "status = excluded.status, updated_at = now(), "
            "verified_at = coalesce(excluded.verified_at, c.verified_at) "
            "RETURNING 1",
            [source, name, sealed, vault.key_id(sealed), status],
        )


def load(database: Warehouse, tenant_id: str, source: str, name: str) -> bytes:
    """A credential's content; UnknownCredential if there is none."""
    with database.as_tenant(tenant_id) as cursor:
        return _open(cursor, tenant_id, source, name)


def change(database: Warehouse, tenant_id: str, source: str, name: str, to: Callable[[bytes], bytes]) -> bytes:
    """Give the content, as it is now, to `to`, and store what comes back before returning it.

    Others who would change it wait meanwhile, in whatever process they are, and are then given what was stored.
    An error of `to` leaves it as it was.
    """
    with database.as_tenant(tenant_id) as cursor:
        content = _open(cursor, tenant_id, source, name, "FOR UPDATE")
        changed = to(content)
        if changed != content:
            sealed = vault.seal(changed, tenant_id, purpose(source, name))
            query(
                cursor,
                f"UPDATE {TABLE} SET sealed = $3, key_id = $4, updated_at = now() "
                "WHERE source = $1 AND name = $2 RETURNING 1",
                [source, name, sealed, vault.key_id(sealed)],
            )
    return changed


def mark(database: Warehouse, tenant_id: str, source: str, name: str, status: Status) -> None:
    """Note what a test said; UnknownCredential if there is none to note it of."""
    with database.as_tenant(tenant_id) as cursor:
        marked = query(
            cursor,
            f"UPDATE {TABLE} SET status = $3, "
            "verified_at = CASE $3 WHEN 'working' THEN now() ELSE verified_at END "
            "WHERE source = $1 AND name = $2 RETURNING 1",
            [source, name, status],
        )
    if marked.is_empty():
        raise _unknown(tenant_id, source, name)


def everything(database: Warehouse, tenant_id: str) -> list[Stored]:
    """The credentials of the tenant's sources by source and name, without what is inside."""
    return [stored for stored in _all(database, tenant_id) if stored.source not in CHANNELS]


def destinations(database: Warehouse, tenant_id: str) -> list[Stored]:
    """Where the tenant's alerts are delivered to, by channel (`source`) and name, without the addresses."""
    return [stored for stored in _all(database, tenant_id) if stored.source in CHANNELS]


def forget(database: Warehouse, tenant_id: str, source: str, name: str) -> None:
    """Remove a credential for good; UnknownCredential if there is none."""
    with database.as_tenant(tenant_id) as cursor:
        gone = query(cursor, f"DELETE FROM {TABLE} WHERE source = $1 AND name = $2 RETURNING 1", [source, name])
    if gone.is_empty():
        raise _unknown(tenant_id, source, name)


def purpose(source: str, name: str) -> str:
    """What binds a sealed credential to its row: it opens as no other."""
    return f"credential/{source}/{name}"


def _all(database: Warehouse, tenant_id: str) -> list[Stored]:
    shown = [field.name for field in fields(Stored)]
    rows = database.read(TABLE, tenant_id, columns=shown)
    return [Stored(**row) for row in rows.sort("source", "name").iter_rows(named=True)]


def _open(cursor: Cursor, tenant_id: str, source: str, name: str, lock: Literal["", "FOR UPDATE"] = "") -> bytes:
    found = query(cursor, f"SELECT sealed FROM {TABLE} WHERE source = $1 AND name = $2 {lock}", [source, name])
    if found.is_empty():
        raise _unknown(tenant_id, source, name)
    return vault.unseal(found.item(), tenant_id, purpose(source, name))


def _unknown(tenant_id: str, source: str, name: str) -> UnknownCredential:
    return UnknownCredential(
        f"Tenant {tenant_id} has no credential {source}/{name}. `growthos connections list --tenant {tenant_id}` shows "
        "those that it has."
    )
