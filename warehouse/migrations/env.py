"""Alembic's environment: one connection that the caller opened, and a policy for every generated table."""

from typing import Any

from alembic import context
from alembic.autogenerate.rewriter import Rewriter
from alembic.operations import ops

from warehouse.ddl import isolation
from warehouse.migrate import options

writer = Rewriter()


@writer.rewrites(ops.CreateTableOp)
def with_policy(_context: Any, _revision: Any, table: ops.CreateTableOp) -> list[ops.MigrateOperation]:
    """A table never comes into being without its policy."""
    statements = isolation(f"{table.schema}.{table.table_name}")
    return [table, *(ops.ExecuteSQLOp(statement) for statement in statements)]


attributes = context.config.attributes
context.configure(
    connection=attributes["connection"],
    target_metadata=attributes["metadata"],
    process_revision_directives=writer,
    **options(attributes["metadata"]),
)
with context.begin_transaction():
    context.run_migrations()
