"""What time it is for a tenant."""

from datetime import UTC, datetime

from warehouse.tenants import Tenant


def now(tenant: Tenant) -> datetime:
    """The tenant's present instant, in UTC: where its clock is pinned, else real time."""
    return (tenant.clock_at or datetime.now(UTC)).astimezone(UTC)
