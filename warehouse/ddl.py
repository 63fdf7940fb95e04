"""From a contract to the database: the table, its comments, and the policy that keeps tenants apart."""

from collections.abc import Iterable
from typing import Any

import polars as pl
import sqlalchemy as sa
from polars._typing import PolarsDataType
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.types import TypeEngine

from warehouse.contract import DIGITS, Table, description_of, json_columns, schema_of
from warehouse.server import APP_ROLE

SQL_TYPES: dict[PolarsDataType, type[TypeEngine[Any]]] = {
    pl.String: sa.Text,
    pl.Int64: sa.BigInteger,
    pl.Float64: sa.Double,
    pl.Boolean: sa.Boolean,
    pl.Date: sa.Date,
    pl.Binary: sa.LargeBinary,
}


def sql_type(dtype: PolarsDataType, *, is_json: bool = False) -> TypeEngine[Any]:
    """The PostgreSQL type of a polars type. Frames hold JSON as text; `is_json` columns are json in the database.

    KeyError for a type that no contract uses yet: add it to SQL_TYPES.
    """
    if is_json:
        return pg.JSON()
    if isinstance(dtype, pl.Decimal):
        return sa.Numeric(DIGITS, dtype.scale)
    if isinstance(dtype, pl.Datetime):
        return sa.DateTime(timezone=dtype.time_zone is not None)
    if isinstance(dtype, pl.List):
        return pg.ARRAY(sql_type(dtype.inner))
    return SQL_TYPES[dtype.base_type()]()


def type_name(contract: type[Table], column: str) -> str:
    """What PostgreSQL calls the column's type, e.g. `numeric(18, 4)`."""
    dtype = schema_of(contract).columns[column].dtype.type
    return sql_type(dtype, is_json=column in json_columns(contract)).compile(pg.dialect()).lower()


def sqlalchemy_table(contract: type[Table], metadata: sa.MetaData) -> sa.Table:
    """The contract as a SQLAlchemy table with `tenant_id` first in its key, and in its index."""
    spec = contract.__spec__
    columns = [sa.Column("tenant_id", sa.Text, primary_key=True, comment="The tenant that owns the row.")]
    for name, col in schema_of(contract).columns.items():
        columns.append(
            sa.Column(
                name,
                sql_type(col.dtype.type, is_json=name in json_columns(contract)),
                nullable=bool(col.nullable) and name not in spec.key,
                primary_key=name in spec.key,
                comment=col.description,
            )
        )
    found_by = [sa.Index(f"{spec.name}_found_by", "tenant_id", *spec.index)] if spec.index else []
    comment = description_of(contract).splitlines()[0]
    return sa.Table(spec.name, metadata, *columns, *found_by, schema=spec.schema, comment=comment)


def metadata(contracts: Iterable[type[Table]]) -> sa.MetaData:
    """All tables of the contracts: what the migrations must lead to."""
    tables = sa.MetaData()
    for contract in contracts:
        sqlalchemy_table(contract, tables)
    return tables


def isolation(table: str, privileges: str = "SELECT, INSERT, UPDATE, DELETE") -> list[str]:
    """Statements that let the application see and write only the rows of the tenant that a transaction has set.

    No tenant set: current_setting gives null or '', no row matches and every write fails. FORCE binds the owner
    too.
    """
    own = "tenant_id = current_setting('app.tenant_id', true)"
    return [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY tenant ON {table} USING ({own}) WITH CHECK ({own})",
        f"GRANT {privileges} ON {table} TO {APP_ROLE}",
    ]
