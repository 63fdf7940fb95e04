"""The demo's tenant: its sources are the seeded twins, and its clock stands at the end of their last day."""

from connectors.demo import DemoSource
from warehouse import tenants
from warehouse.tenants import Tenant

TENANT = "acme"
TIMEZONE = "America/New_York"
CURRENCY = "USD"


def ensure_tenant(tenant_id: str = TENANT) -> Tenant:
    """The demo tenant of that id, made if there is none."""
    known = tenants.find(tenant_id)
    if known is not None:
        return known
    clock = DemoSource(timezone=TIMEZONE, currency=CURRENCY).now
    return tenants.ensure(Tenant(tenant_id, tenant_id.title(), TIMEZONE, CURRENCY, is_demo=True, clock_at=clock))
