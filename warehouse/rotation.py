"""Key rotation: every secret that the database holds goes under the first key of GROWTHOS_ENCRYPTION_KEY."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg.rows import dict_row

from warehouse import credentials, tenants, vault
from warehouse.server import connect, owner_url


@dataclass(frozen=True, slots=True)
class Rotated:
    """How many secrets there are, how many were under another key, and the id of the key that opens them all now."""

    secrets: int
    resealed: int
    key_id: str


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of sealed secrets: its rows, locked; how one is written; what it is sealed for."""

    select: LiteralString
    update: LiteralString
    purpose: Callable[[Mapping[str, Any]], str]


SEALED = (
    _Column(
        "SELECT tenant_id, pii_key AS sealed FROM ops.tenants WHERE tenant_id = %s FOR UPDATE",
        "UPDATE ops.tenants SET pii_key = %(sealed)s WHERE tenant_id = %(tenant_id)s",
        lambda row: tenants.PII,
    ),
    _Column(
        "SELECT tenant_id, source, name, sealed FROM ops.connector_credentials WHERE tenant_id = %s FOR UPDATE",
        "UPDATE ops.connector_credentials SET sealed = %(sealed)s, key_id = %(key_id)s "
        "WHERE tenant_id = %(tenant_id)s AND source = %(source)s AND name = %(name)s",
        lambda row: credentials.purpose(row["source"], row["name"]),
    ),
)
"""Every column of the database that holds secrets."""


def rotate() -> Rotated:
    """Put every tenant's secrets under the sealing key, a tenant a transaction; it can be repeated at any time.

    Every secret is opened on the way. InvalidSetting, leaving its tenant as it was, if one can't be: its key is
    missing, or it is damaged.
    """
    secrets = resealed = 0
    with connect(owner_url()) as db:
        cursor = db.cursor(row_factory=dict_row)
        for tenant in tenants.everyone():
            with db.transaction():
                cursor.execute("SELECT set_config('app.tenant_id', %s, true)", [tenant.tenant_id])
                for column in SEALED:
                    for row in cursor.execute(column.select, [tenant.tenant_id]).fetchall():
                        sealed = vault.reseal(row["sealed"], tenant.tenant_id, column.purpose(row))
                        secrets += 1
                        if sealed != row["sealed"]:
                            cursor.execute(column.update, row | {"sealed": sealed, "key_id": vault.key_id(sealed)})
                            resealed += 1
    return Rotated(secrets, resealed, vault.sealing_key_id())
