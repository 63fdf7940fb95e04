"""A tenant's tables as its raw records made them at an instant: in memory, and nothing is written."""

from datetime import datetime

import polars as pl

from growthos_assets.loading import warehouse
from growthos_assets.raw.records import RawRecords
from growthos_assets.table import TABLES, Call, Contract
from warehouse import versions
from warehouse.split import split
from warehouse.tenants import Tenant


class Recomputed:
    """Reads a table by making it, and those that it reads, from the versions of records known at the instant.

    Rows that break their contract are left out, as they are when a table is published; checks are not asked. `tenant`
    has the settings to make them with.
    """

    def __init__(self, tenant: Tenant, known_at: datetime) -> None:
        self._tenant_id, self._known_at = tenant.tenant_id, known_at
        self._made: dict[Contract, pl.DataFrame] = {}
        self._call = Call(self.read, {"tenant": tenant, "now": known_at, "known_at": known_at, "stored_by": None})

    def read(self, contract: Contract) -> pl.LazyFrame:
        """The contract's rows."""
        if issubclass(contract, RawRecords):
            return versions.scan_latest(warehouse(), self._tenant_id, contract.__spec__.qualified, self._known_at)
        if contract not in self._made:
            candidate: pl.DataFrame = self._call(TABLES[contract.__spec__.name].transform).collect()
            self._made[contract], _ = split(candidate, contract)
        return self._made[contract].lazy()
