from collections.abc import Callable, Iterator

import psycopg
import pytest
import warehouse_thing

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
