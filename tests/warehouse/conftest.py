from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import warehouse_thing

from warehouse import embedded
from warehouse.database import Warehouse
from warehouse.server import app_url, text


@pytest.fixture
def thing_database(template: Callable[[str, Callable[[], None]], None], clone: Callable[[str], str]) -> str:
    """DATABASE_URL of an empty warehouse that has the table marts.thing too."""
    template("template_thing", warehouse_thing.make)
    return clone("template_thing")


@pytest.fixture
def warehouse(thing_database: str) -> Iterator[Warehouse]:
    """A warehouse of this test's own."""
    opened = Warehouse(text(app_url()))
    yield opened
    opened.close()


@pytest.fixture
def owner(thing_database: str) -> Iterator[psycopg.Connection]:
    """A superuser's connection to the test's database: sees every tenant's rows."""
    with psycopg.connect(thing_database, autocommit=True) as db:
        yield db


@pytest.fixture
def app(thing_database: str) -> Iterator[psycopg.Connection]:
    """A connection as the application's role, with no tenant set."""
    with psycopg.connect(text(app_url())) as db:
        yield db


@pytest.fixture(scope="module")
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a server that no other file uses."""
    folder = tmp_path_factory.mktemp("own")
    yield folder
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GROWTHOS_HOME", str(folder))
        embedded.stop()


@pytest.fixture
def own_server(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No DATABASE_URL: an embedded server that the tests of this file have for themselves."""
    monkeypatch.setenv("GROWTHOS_HOME", str(own_home))
    monkeypatch.delenv("DATABASE_URL", raising=False)
