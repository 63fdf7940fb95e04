"""The schema that the declarations call for, and a new migration that leads there.

python -m growthos_assets.schema "what changes"
"""

import sys

import sqlalchemy as sa

from growthos_assets import graph
from warehouse import ddl, migrate
from warehouse.ops import OPS


def metadata() -> sa.MetaData:
    """Every table that a migration makes: the ops tables and the graph's."""
    return ddl.metadata([*OPS, *graph.stored_contracts()])


if __name__ == "__main__":
    migrate.upgrade()
    migrate.revise(sys.argv[1], metadata())
