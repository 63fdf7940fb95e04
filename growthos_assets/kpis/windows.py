"""The windows that the KPI tables are kept for, ending on the tenant's last complete day."""

from collections.abc import Iterator
from datetime import datetime

import kpis
from kpis import Window
from warehouse.tenants import Tenant

DAYS = (1, 7, 28, 90)
CHARTED_DAYS = 28
"""The window that charts show: four whole weeks."""


def windows(tenant: Tenant, now: datetime) -> Iterator[Window]:
    """One window per length of DAYS."""
    last_day = kpis.last_complete_day(now, tenant.timezone)
    for days in DAYS:
        yield kpis.trailing(days, last_day)
