"""What the graph's tests stand on: real runs over a real PostgreSQL, their events kept in memory unless they matter."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from dagster._core.storage import event_log
from dagster._core.storage.event_log import InMemoryEventLogStorage
from dagster._core.storage.runs import in_memory as runs_in_memory
from graph_receiver import Receiver
from graph_runs import Graph
from graph_source import ORDERS, Shop
from sqlalchemy.engine import Connection
from sqlalchemy.pool import QueuePool

from connectors.fake.serving import serving
from connectors.source import Stream
from growthos_assets.instance import Remembering
from growthos_assets.loading import warehouse
from growthos_assets.raw.synced import Synced
from growthos_assets.raw.syncing import sync
from warehouse import tenants

# partitioned checks are in preview; what Dagster itself warns of on import is not ours to mend
warnings.filterwarnings("ignore", category=dg.PreviewWarning)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs leave behind lands in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)


class Events(Remembering, InMemoryEventLogStorage):
    """On the one connection that holds the memory, instead of a new one for every event: a tenth of a run."""

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        with self._db_lock, self._held_conn.begin():
            yield self._held_conn


@pytest.fixture
def graph(monkeypatch: pytest.MonkeyPatch) -> Iterator[Graph]:
    """The graph on an instance in memory."""
    monkeypatch.setattr(event_log, "InMemoryEventLogStorage", Events)
    monkeypatch.setattr(runs_in_memory, "NullPool", QueuePool)
    with dg.DagsterInstance.ephemeral() as instance:
        yield Graph(instance)


@pytest.fixture
def shop(database: str) -> str:
    """DATABASE_URL of an empty warehouse with one tenant, `shop`, that no source is connected to."""
    from graph_shop import open_shop

    open_shop("shop")
    return database


@pytest.fixture
def pull(shop: str) -> Callable[..., Synced]:
    """Syncs the tenant `shop` from a client."""

    def run(
        client: Shop, tenant: str = "shop", stream: Stream = ORDERS, connection: str = "default", **asked: date
    ) -> Synced:
        to = {"connection": connection, "seen_at": client.clock.now, **asked}
        return sync(warehouse(), tenants.get(tenant), client, client.clock, stream, **to)

    return run


@pytest.fixture
def owner(request: pytest.FixtureRequest) -> Iterator[psycopg.Connection]:
    """A superuser's connection to the test's database: sees every tenant's rows, as no run of ours does."""
    databases = ("demo_to_read", "demo", "database")
    url = next(request.getfixturevalue(name) for name in databases if name in request.fixturenames)
    with psycopg.connect(url, autocommit=True) as db:
        yield db


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Receivers on a socket, which have got nothing yet."""
    made = Receiver()
    with serving({channel: made.app(channel) for channel in made.got}) as made.base:
        yield made
