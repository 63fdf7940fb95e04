"""What runs are given: the warehouse, the sources, the clock, their turn."""

from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

import dagster as dg
import polars as pl
from pydantic import PrivateAttr

import connectors.clock
from connectors.client import Client
from connectors.clock import SystemClock, VirtualClock
from connectors.demo import DemoSource
from growthos_assets import clock, connections
from growthos_assets.loading import warehouse
from growthos_assets.raw.records import RawRecords
from growthos_assets.table import Call, Contract, Declaration, Shared, Transform, readers
from growthos_assets.workers import worker_tag
from warehouse import refreshes, tenants, versions
from warehouse.contract import Table
from warehouse.database import Warehouse
from warehouse.environment import demo_mode
from warehouse.errors import UnknownTenant
from warehouse.tenants import Tenant


class Handed(NamedTuple):
    """A frame that a run has written or read, and the names of the tables that have yet to read it."""

    frame: pl.DataFrame
    waiting: set[str]


class WarehouseResource(dg.ConfigurableResource[Warehouse]):
    """PostgreSQL as one tenant sees it. Frames that a run has just written are handed on in memory."""

    known_at: str | None = None
    """Make tables from the records and settings that were known at this instant (ISO 8601); none: from the latest."""

    _written: dict[tuple[str, str], Handed] = PrivateAttr(default_factory=dict)
    _tenants: dict[str, Tenant] = PrivateAttr(default_factory=dict)
    _tenants_then: dict[str, Tenant] = PrivateAttr(default_factory=dict)
    _shared: dict[str, dict[Transform, Shared]] = PrivateAttr(default_factory=dict)
    _received: defaultdict[str, dict[Contract, int]] = PrivateAttr(default_factory=lambda: defaultdict(dict))

    @property
    def database(self) -> Warehouse:
        """The pooled connection to PostgreSQL."""
        return warehouse()

    def tenant(self, tenant_id: str) -> Tenant:
        """The tenant's settings, as they were when the run first asked."""
        if tenant_id not in self._tenants:
            warehouse()  # a new database gets its schema before it is asked for anything
            try:
                self._tenants[tenant_id] = tenants.get(tenant_id)
            except UnknownTenant as error:
                raise dg.Failure(str(error), allow_retries=False) from None
        return self._tenants[tenant_id]

    def tenant_then(self, tenant_id: str) -> Tenant:
        """The settings that tables are made with: those that the tenant had at `known_at`, if that is set.

        What lands goes by `tenant`: whether e-mail addresses may be kept, its settings of now decide.
        """
        if tenant_id not in self._tenants_then:
            tenant, known_at = self.tenant(tenant_id), self._known_at()
            self._tenants_then[tenant_id] = tenants.known_at(tenant, known_at) if known_at else tenant
        return self._tenants_then[tenant_id]

    def remember(self, contract: type[Table], tenant_id: str, frame: pl.DataFrame) -> None:
        """Hand a frame on to the tables of the same run that read it."""
        self._written[tenant_id, contract.__spec__.qualified] = Handed(frame, readers(contract))

    def forget(self, declaration: Declaration, tenant_id: str) -> None:
        """Once a table is made: the frames whose last reader it was are let go, its own too if nobody reads it."""
        for contract in (declaration.contract, *declaration.upstream):
            key = (tenant_id, contract.__spec__.qualified)
            if handed := self._written.get(key):
                handed.waiting.discard(declaration.name)
                if not handed.waiting:
                    del self._written[key]

    def scan(self, contract: type[Table], tenant_id: str) -> pl.LazyFrame:
        """The tenant's rows of the contract's table; of a raw stream, the latest version of each record.

        A table is read once a run. A raw stream comes in batches whenever it is collected: it need not fit in memory.
        """
        table = contract.__spec__.qualified
        if table.startswith("raw."):
            counted = partial(self._received[tenant_id].__setitem__, contract)
            return versions.scan_latest(self.database, tenant_id, table, self._known_at(), counted)
        if (tenant_id, table) not in self._written:
            self.remember(contract, tenant_id, self.database.read(table, tenant_id))
        return self._written[tenant_id, table].frame.lazy()

    def state(self, contract: type[RawRecords], tenant_id: str) -> str:
        """What changes whenever the records of a raw stream do."""
        return versions.state(self.database, tenant_id, contract.__spec__.qualified, self._known_at())

    def call(self, tenant: Tenant, now: datetime, run_id: str) -> Call:
        """What calls the tenant's transforms and checks; work that they share is done once a run."""
        known_at = self._known_at()
        return Call(
            lambda contract: self.scan(contract, tenant.tenant_id),
            {
                "tenant": tenant,
                "now": now,
                "known_at": known_at,
                "stored_by": None if known_at else run_id,
                "received": self._received[tenant.tenant_id],
            },
            self._shared.setdefault(tenant.tenant_id, {}),
        )

    def read_table(self, table: str, tenant_id: str) -> pl.DataFrame:
        """The tenant's rows of `schema.table`, from the database."""
        if table.startswith("raw."):
            return versions.read_latest(self.database, tenant_id, table, self._known_at())
        return self.database.read(table, tenant_id)

    def _known_at(self) -> datetime | None:
        return datetime.fromisoformat(self.known_at) if self.known_at else None

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        self._written.clear()
        self._tenants.clear()
        self._tenants_then.clear()
        self._shared.clear()
        self._received.clear()


class Clock(dg.ConfigurableResource[Any]):
    """What time it is: `now` for everyone if set; else the tenant's own clock (the demo's stands still); else now."""

    now: str | None = None

    _started: datetime | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        self._started = datetime.now(UTC)  # one instant for the whole run: its tables must agree on the day
        if context.run and context.instance:
            context.instance.add_run_tags(context.run.run_id, worker_tag(context.run.run_id))

    def at(self, tenant: Tenant) -> datetime:
        """The tenant's present instant, in UTC; during a run, the instant at which it began."""
        if self.now:
            return datetime.fromisoformat(self.now).astimezone(UTC)
        return clock.now(tenant, self._started)


class Turn(dg.ConfigurableResource[Any]):
    """The runs of a tenant take turns at its tables, each from its first table to its end.

    A run that is still making them from older records would else overwrite what a later one has made. One whose turn
    went with its connection goes on until another begins: `refreshes.fence` ends it then.
    """

    _held: ExitStack = PrivateAttr(default_factory=ExitStack)
    _tenants: set[str] = PrivateAttr(default_factory=set)

    def take(self, tenant_id: str, run_id: str, waiting: Callable[[], object]) -> None:
        """Wait for the run's turn, if it has not come yet; `waiting` is called if another run has it."""
        if tenant_id not in self._tenants:
            with ExitStack() as turn:  # given back if it can't be begun, since the step may be run again
                turn.enter_context(warehouse().holding(tenant_id, TABLES, waiting))
                refreshes.begin(warehouse(), tenant_id, run_id)
                self._held.enter_context(turn.pop_all())
            self._tenants.add(tenant_id)

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        self._tenants.clear()
        self._held.close()


TABLES = "tables"
"""The name of the lock for who writes a tenant's tables."""
SETTLED = timedelta(minutes=1)
"""How long after the last complete day the demo's sources are asked, so that its last minute counts."""


class Connection(NamedTuple):
    """A client, the name of its credential, and the clock that it goes by."""

    name: str
    client: Client
    clock: connectors.clock.Clock


class Sources(dg.ConfigurableResource[Any]):
    """Where a tenant's raw records come from. A demo tenant's are the fakes of the same APIs, over the seeded brand."""

    seed: int = 42
    scale: int = 1
    demo: bool = True
    since: str | None = None
    """Pull everything from this day on anew (2026-02-09, each account's own); none pulls what is missing or may have
    changed."""
    until: str | None = None
    """The last day to pull."""

    @property
    def first(self) -> date | None:
        return date.fromisoformat(self.since) if self.since else None

    @property
    def last(self) -> date | None:
        return date.fromisoformat(self.until) if self.until else None

    _connections: dict[str, list[Connection]] = PrivateAttr(default_factory=dict)

    def of(self, tenant: Tenant, now: datetime) -> list[Connection]:
        """The tenant's connections, made once a run; `now` is where a demo's clock stands."""
        if tenant.tenant_id not in self._connections:
            is_demo = tenant.is_demo and self.demo
            self._connections[tenant.tenant_id] = self._to_fakes(tenant, now) if is_demo else _stored(tenant)
        return self._connections[tenant.tenant_id]

    def _to_fakes(self, tenant: Tenant, now: datetime) -> list[Connection]:
        from connectors.fake.demo import clients

        brand = DemoSource(seed=self.seed, scale=self.scale, timezone=tenant.timezone, currency=tenant.currency)
        clock = VirtualClock(now + SETTLED)
        return [Connection("demo", client, clock) for client in clients(brand.world, clock)]

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        self._connections.clear()


def _stored(tenant: Tenant) -> list[Connection]:
    """The connections that a person has made."""
    return [
        Connection(stored.name, connections.usable(tenant.tenant_id, stored.source, stored.name), SystemClock())
        for stored in connections.everything(tenant.tenant_id)
    ]


class Reader(dg.ConfigurableIOManager):
    """Loads tables for typed inputs, notebooks and tests. It never writes: publishing is the assets' own step."""

    warehouse: WarehouseResource

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        raise dg.DagsterInvariantViolationError(
            "This IO manager only reads. Return a MaterializeResult, or give your asset an IO manager of its own."
        )

    def load_input(self, context: dg.InputContext) -> pl.LazyFrame | pl.DataFrame:
        tenant = self.warehouse.tenant(context.partition_key)  # of a tenant that does not exist, no rows would do
        frame = self.warehouse.read_table(".".join(context.asset_key.path), tenant.tenant_id)
        return frame if context.dagster_type.typing_type is pl.DataFrame else frame.lazy()


def resources() -> dict[str, Any]:
    """The resources of every run, from the environment."""
    source = WarehouseResource()
    return {
        "warehouse": source,
        "reader": Reader(warehouse=source),
        "clock": Clock(),
        "turn": Turn(),
        "sources": Sources(demo=demo_mode()),
    }
