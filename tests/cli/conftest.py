"""The command `growthos`, run in this process through its real entry."""

import io
import itertools
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
import msgspec
import pytest
from cli_apis import KEY, Apis
from cli_command import Command, Done
from cli_files import Import
from sqlalchemy.engine import URL

from connectors.fake.serving import serving

# partitioned checks are in preview; what Dagster itself warns of on import is not ours to mend
warnings.filterwarnings("ignore", category=dg.PreviewWarning)

_numbers = itertools.count()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Makes the output as wide as that."""
    from growthos_assets.cli import output

    def resize(width: int) -> None:
        monkeypatch.setenv("COLUMNS", str(width))
        for console in (output.console, output.errors):
            monkeypatch.setattr(console, "width", width)

    return resize


@pytest.fixture
def growthos(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], terminal: Callable[[int], None]
) -> Command:
    """Runs `growthos` with these arguments, in a wide terminal, on DATABASE_URL's database."""
    from growthos_assets import cli

    terminal(300)

    def run(*arguments: str) -> Done:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["growthos", *arguments])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        out, err = capsys.readouterr()
        return Done(exit_.value.code if isinstance(exit_.value.code, int) else 0, out, err)

    return run


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Puts a document on stdin: a text as it is, anything else as JSON."""

    def tell(document: Any) -> None:
        text = document.encode() if isinstance(document, str) else msgspec.json.encode(document)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))

    tell("")
    return tell


@pytest.fixture(scope="session")
def shared_url(server: URL, template: Callable[[str, Callable[[], None]], None]) -> str:
    """DATABASE_URL of one database for all commands of this worker: making Dagster's tables takes a second."""
    from warehouse import migrate

    name = f"cli_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    template(name, migrate.upgrade)
    return server.set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def warehouse_url(shared_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Points DATABASE_URL at the worker's database; tests keep apart by tenants of their own."""
    monkeypatch.setenv("DATABASE_URL", shared_url)
    return shared_url


@pytest.fixture
def shop(warehouse_url: str) -> str:
    """A new tenant of this test's own: London, GBP, on 2026-02-10."""
    from datetime import UTC, datetime

    from warehouse import tenants

    tenant_id = f"shop-{next(_numbers)}"
    clock = datetime(2026, 2, 10, tzinfo=UTC)
    tenants.create(tenants.Tenant(tenant_id, "The Shop", "Europe/London", "GBP", clock_at=clock))
    return tenant_id


@pytest.fixture
def orders(shop: str, growthos: Command) -> Import:
    """Imports an order file into the test's tenant, told as JSON."""
    return lambda file, *more: growthos("import", "orders", str(file), "--tenant", shop, "--format", "json", *more)


@pytest.fixture(scope="session")
def served() -> Iterator[Apis]:
    """The fakes on a socket: one for all of this worker's tests."""
    made = Apis()
    with serving({name: made.named(name) for name in made.apps}) as base:
        made.base = base
        yield made


@pytest.fixture
def world(served: Apis, monkeypatch: pytest.MonkeyPatch) -> Apis:
    """Fresh fakes, to which GROWTHOS_APIS points, and a key that seals."""
    served.renew()
    monkeypatch.setenv("GROWTHOS_APIS", served.base)
    monkeypatch.setenv("GROWTHOS_ENCRYPTION_KEY", KEY)
    return served
