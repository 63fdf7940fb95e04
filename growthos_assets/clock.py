"""What time it is for a tenant."""

from datetime import UTC, datetime

from warehouse.tenants import Tenant


def now(tenant: Tenant, real: datetime | None = None) -> datetime:
    """The tenant's present instant, in UTC: where its clock is pinned, else `real`, by default the real time."""
    return (tenant.clock_at or real or datetime.now(UTC)).astimezone(UTC)
