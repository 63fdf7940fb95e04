"""The schema's history: Alembic migrations, applied when a process first opens the warehouse."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import ProgrammingError

from warehouse.errors import SchemaTooNew
from warehouse.roles import ensure_app_role, not_owner
from warehouse.server import connect, owner_url

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE: Final = "growthos_version"
"""In the schema public. Not Alembic's own name, which another application in the same database may use."""

FORMAT = {
    "hooks": "format",
    "format.type": "module",
    "format.module": "ruff",
    "format.options": "format --quiet REVISION_SCRIPT_FILENAME",
}
"""A generated revision is formatted like everything else."""


def head() -> str:
    """The newest revision; revisions are numbered files, 0001_….py and on."""
    return max(path.name[:4] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def current() -> str | None:
    """The database's revision; None before the first migration."""
    with connect(owner_url()) as db:
        try:
            row = db.execute(f"SELECT version_num FROM public.{VERSION_TABLE}").fetchone()
        except psycopg.errors.UndefinedTable:
            return None
    return row[0] if row else None


def upgrade(revision: str = "head") -> None:
    """Bring the database to a revision, the newest if none is named. Processes that come together take turns.

    SchemaTooNew if a newer GrowthOS has migrated it; MissingPrivilege if the login may not do what it takes.
    """
    before = current()
    if before == (head() if revision == "head" else revision):
        return
    if before is not None and before > head():
        raise SchemaTooNew(
            f"The database is at schema {before}, this GrowthOS knows up to {head()}. "
            "Update GrowthOS, or downgrade the database with the version that migrated it."
        )
    from alembic import command

    ensure_app_role(owner_url())
    _run(lambda config: command.upgrade(config, revision))


def downgrade(revision: str) -> None:
    """Take the database back to an older revision; "base" removes every table of ours, with its rows."""
    from alembic import command

    _run(lambda config: command.downgrade(config, revision))


def revise(message: str, metadata: sa.MetaData) -> None:
    """Write a new revision that leads from the database's tables to those of `metadata`."""
    from alembic import command

    number = f"{int(head()) + 1:04d}"
    _run(lambda config: command.revision(config, message, autogenerate=True, rev_id=number), metadata)


def drift(metadata: sa.MetaData) -> list[object]:
    """How the database's tables differ from `metadata`: Alembic's list of differences, empty when they agree."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with _transaction() as connection:
        context = MigrationContext.configure(connection, opts=options(metadata))
        return list(compare_metadata(context, metadata))


def options(metadata: sa.MetaData | None) -> dict[str, Any]:
    """How Alembic compares and where it keeps the version; of other schemas than ours it sees nothing."""
    ours = {table.schema for table in metadata.tables.values()} if metadata else set[str | None]()

    def include(name: str | None, kind: str, _parents: object) -> bool:
        return kind != "schema" or name in ours

    return {
        "include_schemas": True,
        "include_name": include,
        "version_table": VERSION_TABLE,
        "version_table_schema": "public",
    }


def _run(step: "Callable[[Config], object]", metadata: sa.MetaData | None = None) -> None:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    for name, value in FORMAT.items():
        config.set_section_option("post_write_hooks", name, value)
    with _transaction() as connection:
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(20260209)")
        config.attributes.update(connection=connection, metadata=metadata)
        try:
            step(config)
        except ProgrammingError as error:
            if isinstance(error.orig, psycopg.errors.InsufficientPrivilege):
                raise not_owner(owner_url()) from None
            raise


@contextmanager
def _transaction() -> Generator[sa.Connection]:
    """A transaction as the database's owner, in SQLAlchemy's terms."""
    engine = sa.create_engine(
        "postgresql+psycopg://", creator=lambda: connect(owner_url(), autocommit=False), poolclass=sa.NullPool
    )
    with engine.begin() as connection:
        yield connection
