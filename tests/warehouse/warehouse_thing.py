"""A small table with a column of every type that contracts use."""

import polars as pl
import psycopg

from warehouse import ddl, migrate
from warehouse.contract import Instant, Money, Table, Texts, column, polars_schema
from warehouse.server import owner_url, text


class Thing(Table, name="marts.thing", key=("shop", "day")):
    """One row per shop and day."""

    shop: str = column("Which shop.")
    day: pl.Date = column("Its day.")
    amount: Money = column("Money.", nullable=True)
    ratio: pl.Float64 = column("A ratio.", nullable=True)
    units: int = column("A count.", nullable=True)
    is_open: bool = column("A flag.", nullable=True)
    at: Instant = column("An instant.", nullable=True)
    tags: Texts = column("Some words.", nullable=True)
    extra: str = column("Anything.", nullable=True, metadata={"json": True})
    seal: pl.Binary = column("Bytes.", nullable=True)


def make() -> None:
    """A database at the newest schema, and the table in it."""
    import sqlalchemy as sa

    migrate.upgrade()
    engine = sa.create_engine(owner_url().set(drivername="postgresql+psycopg"))
    ddl.metadata([Thing]).create_all(engine)
    engine.dispose()
    with psycopg.connect(text(owner_url()), autocommit=True) as db:
        for statement in ddl.isolation("marts.thing"):
            db.execute(statement.encode())


def things(*rows: dict[str, object]) -> pl.DataFrame:
    """A frame of the contract; columns that a row does not name are null."""
    return pl.DataFrame(rows, schema=polars_schema(Thing))
