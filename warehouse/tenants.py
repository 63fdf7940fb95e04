"""Tenants: the brands. Each is a row of ops.tenants, a partition in Dagster, and the owner of its rows everywhere."""

import functools
import re
import zoneinfo
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Json

from warehouse import vault
from warehouse.errors import InvalidSetting, TenantInUse, UnknownTenant
from warehouse.server import connect, owner_url, place

TENANT_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
CURRENCY = re.compile(r"[A-Z]{3}")
RATES = ("shipping_rate", "ops_rate")
PII = "pii"
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""From when on a tenant's first settings hold."""
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
OWNED = "SELECT schemaname, tablename FROM pg_policies WHERE policyname = 'tenant' AND qual LIKE '%app.tenant_id%'"
"""Every table that holds rows of tenants: those that their policy guards (ddl.isolation), and none that is not ours."""

CATEGORY_MARGINS: Mapping[str, Decimal] = MappingProxyType(
    {
        "apparel": Decimal("0.55"),
        "electronics": Decimal("0.30"),
        "beauty": Decimal("0.65"),
        "home": Decimal("0.50"),
        "food": Decimal("0.40"),
        "default": Decimal("0.45"),
    }
)
"""Gross margin by lower-cased category, used where the shop gives no unit cost."""


@dataclass(frozen=True)
class Tenant:
    """A brand and its settings."""

    tenant_id: str
    name: str
    timezone: str = "UTC"
    currency: str = "USD"
    category_margins: Mapping[str, Decimal] = field(default_factory=lambda: CATEGORY_MARGINS)
    shipping_rate: Decimal = Decimal("0.08")
    """Cost of shipping as a share of net revenue."""
    ops_rate: Decimal = Decimal("0.05")
    """Cost of fulfilment and packaging as a share of net revenue."""
    alert_thresholds: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Overrides of alert rules, e.g. {"cac_increase": {"threshold": 0.2}}."""
    keep_pii: bool = False
    """Land e-mail addresses in clear instead of hashed."""
    is_demo: bool = False
    """Its sources are the seeded demo twins."""
    clock_at: datetime | None = None
    """The instant at which this tenant's clock stands; None is real time."""

    def __post_init__(self) -> None:
        if problems := list(_problems(self)):
            raise InvalidSetting("\n".join(problems))


def create(tenant: Tenant) -> None:
    """Add a tenant; InvalidSetting if there is one of that id already."""
    if not _added(tenant):
        raise InvalidSetting(f"There is a tenant {tenant.tenant_id} already.")


def ensure(tenant: Tenant) -> Tenant:
    """The tenant of that id as it is, added if there was none: another process may be as new to it as we are."""
    _added(tenant)
    return get(tenant.tenant_id)


def _added(tenant: Tenant) -> bool:
    pii_key = vault.seal(vault.new_pii_key(), tenant.tenant_id, PII)
    values = _row(tenant) | {"tenant_id": tenant.tenant_id, "pii_key": pii_key, "created_at": datetime.now(UTC)}
    with connect(owner_url()) as db, db.transaction():
        inserted = db.execute(
            sql.SQL("INSERT INTO ops.tenants ({}) VALUES ({}) ON CONFLICT DO NOTHING").format(
                sql.SQL(", ").join(map(sql.Identifier, values)),
                sql.SQL(", ").join(map(sql.Placeholder, values)),
            ),
            values,
        )
        if inserted.rowcount:
            _note(db, tenant, BEGINNING)
        return bool(inserted.rowcount)


def update(tenant_id: str, change: Callable[[Tenant], Tenant]) -> None:
    """Store what `change` makes of a tenant's settings, and what they were; UnknownTenant if it does not exist.

    Who changes another setting at the same time waits, so that neither change is lost.
    """
    with connect(owner_url()) as db, db.transaction():
        found = _select(db, sql.SQL("WHERE tenant_id = %s FOR UPDATE"), [tenant_id])
        if not found:
            raise _unknown(tenant_id)
        before, after = found[0], change(found[0])
        if not _noted(db, tenant_id):  # its notes are younger than it
            _note(db, before, BEGINNING)
        values = _row(after)
        db.execute(
            sql.SQL("UPDATE ops.tenants SET {} WHERE tenant_id = {}").format(
                sql.SQL(", ").join(
                    sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in values
                ),
                sql.Placeholder("tenant_id"),
            ),
            values | {"tenant_id": tenant_id},
        )
        if replace(before, clock_at=None) != replace(after, clock_at=None):
            _note(db, after, after.clock_at or datetime.now(UTC))


@contextmanager
def removing(tenant_id: str) -> Generator[int]:
    """Delete a tenant and every row that is its own once the block ends, all or nothing; how many rows those are.

    UnknownTenant if there is none; TenantInUse while somebody holds one of its locks, or waits for one
    (`Warehouse.holding`): who comes for one later waits for the end of the block, and finds no tenant.
    """
    with connect(owner_url()) as db, db.transaction():
        if not _select(db, sql.SQL("WHERE tenant_id = %s FOR UPDATE"), [tenant_id]):
            raise _unknown(tenant_id)
        free = db.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [tenant_id]).fetchone()
        if free != (True,):
            raise TenantInUse(
                f"A run, a sync or an import of {tenant_id} is going on, or waits for its turn: nothing was deleted. "
                "Wait until it has ended, or stop it, and remove the tenant then."
            )
        _act_for(db, tenant_id)
        yield sum(
            db.execute(
                sql.SQL("DELETE FROM {} WHERE tenant_id = %s").format(sql.Identifier(*table)), [tenant_id]
            ).rowcount
            for table in db.execute(OWNED).fetchall()
        )


def known_at(tenant: Tenant, instant: datetime) -> Tenant:
    """The tenant with the settings that it had at the instant, by its clock; where its clock stands is as it is."""
    with connect(owner_url()) as db, db.transaction():
        noted = _noted(db, tenant.tenant_id)
    then = [settings for changed_at, settings in noted if changed_at <= instant]
    if not then:
        return tenant
    # a setting may be newer than the note: then it is as it is
    return _tenant({**_plain(tenant), **then[-1], "tenant_id": tenant.tenant_id, "clock_at": tenant.clock_at})


def find(tenant_id: str) -> Tenant | None:
    """The tenant of that id, or None."""
    with connect(owner_url()) as db:
        return next(iter(_select(db, sql.SQL("WHERE tenant_id = %s"), [tenant_id])), None)


def get(tenant_id: str) -> Tenant:
    """The tenant of that id; UnknownTenant, naming those that there are, if there is none."""
    tenant = find(tenant_id)
    if tenant is None:
        raise _unknown(tenant_id)
    return tenant


def everyone() -> list[Tenant]:
    """All tenants, oldest first."""
    with connect(owner_url()) as db:
        return _select(db, sql.SQL("ORDER BY created_at, tenant_id"))


def none_yet() -> str:
    """That there is no tenant, where that was looked for, and what makes one."""
    return (
        f"There is no tenant yet in {place()}: `make demo` makes the demo's, `growthos tenant create` one of your own. "
        "If there are some elsewhere, go there, or set GROWTHOS_HOME."
    )


def pii_key(tenant_id: str) -> bytes:
    """The key with which the tenant's e-mail addresses are hashed."""
    with connect(owner_url()) as db:
        row = db.execute("SELECT pii_key FROM ops.tenants WHERE tenant_id = %s", [tenant_id]).fetchone()
    if row is None:
        raise _unknown(tenant_id)
    return vault.unseal(bytes(row[0]), tenant_id, PII)


def _note(db: psycopg.Connection, tenant: Tenant, at: datetime) -> None:
    """Keep what the settings are from that instant on; where its clock went back, what came after did not happen."""
    _act_for(db, tenant.tenant_id)
    db.execute("DELETE FROM ops.tenant_settings WHERE tenant_id = %s AND changed_at >= %s", [tenant.tenant_id, at])
    db.execute(
        "INSERT INTO ops.tenant_settings (tenant_id, changed_at, settings) VALUES (%s, %s, %s)",
        [tenant.tenant_id, at, Json(_plain(tenant))],
    )


def _plain(tenant: Tenant) -> dict[str, Any]:
    """The settings as JSON; where the clock stands is none of them."""
    settings = {name: getattr(tenant, name) for name in SETTINGS if name != "clock_at"} | _documents(tenant)
    return settings | {rate: str(settings[rate]) for rate in RATES}


def _noted(db: psycopg.Connection, tenant_id: str) -> list[tuple[datetime, dict[str, Any]]]:
    """What was kept, the oldest first."""
    _act_for(db, tenant_id)
    rows = db.execute(
        "SELECT changed_at, settings FROM ops.tenant_settings WHERE tenant_id = %s ORDER BY changed_at", [tenant_id]
    )
    return rows.fetchall()


def _act_for(db: psycopg.Connection, tenant_id: str) -> None:
    """The policy of a tenant's tables holds for the database's owner, too."""
    db.execute("SELECT set_config('app.tenant_id', %s, true)", [tenant_id])


SETTINGS = tuple(field.name for field in fields(Tenant) if field.name != "tenant_id")


def _select(db: psycopg.Connection, which: sql.SQL, parameters: Sequence[str] = ()) -> list[Tenant]:
    columns = sql.SQL(", ").join(map(sql.Identifier, ("tenant_id", *SETTINGS)))
    query = sql.SQL("SELECT {} FROM ops.tenants {}").format(columns, which)
    return [_tenant(row) for row in db.cursor(row_factory=dict_row).execute(query, parameters)]


def _tenant(row: Mapping[str, Any]) -> Tenant:
    decimals: dict[str, Any] = {rate: Decimal(str(row[rate])) for rate in RATES}
    decimals["category_margins"] = {name: Decimal(share) for name, share in row["category_margins"].items()}
    return Tenant(**{**row, **decimals})


def _row(tenant: Tenant) -> dict[str, Any]:
    return {name: getattr(tenant, name) for name in SETTINGS} | {
        name: Json(value) for name, value in _documents(tenant).items()
    }


def _documents(tenant: Tenant) -> dict[str, Any]:
    """The settings that are documents."""
    margins = {category: str(margin) for category, margin in tenant.category_margins.items()}
    return {"category_margins": margins, "alert_thresholds": dict(tenant.alert_thresholds)}


def _problems(tenant: Tenant) -> Iterator[str]:
    if not TENANT_ID.fullmatch(tenant.tenant_id):
        yield (
            f"A tenant's id is a slug of a–z, 0–9, - and _, at most 63 long; {tenant.tenant_id!r} is not. "
            "Try e.g. acme or my-shop."
        )
    if not tenant.name.strip():
        yield f"The tenant {tenant.tenant_id} needs a name: what people call the brand."
    if tenant.timezone not in _timezones():
        yield f"{tenant.timezone!r} is not an IANA time zone. Write e.g. Europe/London or America/New_York."
    if not CURRENCY.fullmatch(tenant.currency):
        yield f"{tenant.currency!r} is not an ISO 4217 currency code. Write e.g. USD or EUR."
    if "default" not in tenant.category_margins:
        yield "category_margins needs a margin named default, for categories that it doesn't name."
    shares = {f"the margin of {name}": share for name, share in tenant.category_margins.items()}
    for name, share in (shares | {rate: getattr(tenant, rate) for rate in RATES}).items():
        if not (share.is_finite() and 0 <= share < 1):
            yield f"{name} is a share and must be at least 0 and below 1; it is {share}."
    if tenant.clock_at is not None and tenant.clock_at.tzinfo is None:
        yield f"clock_at is an instant and needs a time zone, e.g. {tenant.clock_at.isoformat()}+00:00."
    elif tenant.clock_at is not None and not BEGINNING.year < tenant.clock_at.year < LATEST.year:
        # days around it are counted, in every time zone, and neither Python nor a person knows any after 9999
        yield f"Its clock can stand between {BEGINNING.year + 1} and {LATEST.year - 1}, not at {tenant.clock_at}."


@functools.cache
def _timezones() -> set[str]:
    return zoneinfo.available_timezones()


def _unknown(tenant_id: str) -> UnknownTenant:
    known = ", ".join(tenant.tenant_id for tenant in everyone())
    hint = f"Known tenants: {known}." if known else none_yet()
    return UnknownTenant(f"There is no tenant {tenant_id!r}. {hint}")
