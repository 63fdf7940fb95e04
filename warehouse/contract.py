"""What a table is: columns, types, key, rules and a sentence for each, declared once.

A contract is a pandera model. The DDL (ddl.py), the split into good and quarantined rows (split.py), the
column schema in the Dagster UI and the data dictionary in docs/ all derive from it.

    class FactSpend(Table, name="marts.fact_spend", key=("date", "campaign_id")):
        \"""One row per day and campaign.\"""

        date: pl.Date = column("The ad account's local day.")
        campaign_id: str = column("The platform's id.")
        spend: Money = column("What the platform charged.", ge=0)
"""

import functools
import inspect
from dataclasses import dataclass
from typing import Annotated, Any

import pandera.polars as pa
import polars as pl
from pandera.api.polars.model_config import BaseConfig

DIGITS = 18
"""How many digits a Decimal column holds in the database: NUMERIC(18, scale)."""

KEY_BYTES = 2_500
"""How many bytes of text a key holds, of all its columns together: PostgreSQL indexes rows of up to 2,704 bytes, and
the tenant's id, what is no text and the headers need some of them. Nothing relies on what compression would save."""

MONEY = pl.Decimal(38, 4)
"""Money in a frame; NUMERIC(18, 4) in the database. 38 digits because polars sums into 38."""

Money = Annotated[pl.Decimal, 38, 4]
Instant = Annotated[pl.Datetime, "us", "UTC"]
Texts = Annotated[pl.List, pl.String]


@dataclass(frozen=True)
class Spec:
    """Where a contract's table lives, what makes a row unique within a tenant, and what else rows are found by."""

    schema: str
    name: str
    key: tuple[str, ...]
    index: tuple[str, ...] = ()

    @property
    def qualified(self) -> str:
        """`schema.name`, as SQL and people write it."""
        return f"{self.schema}.{self.name}"


def column(description: str, *, nullable: bool = False, **rules: Any) -> Any:
    """A column of a contract: a sentence about it, and pandera's rules (ge=0, isin=[…], str_matches=…)."""
    return pa.Field(description=description, nullable=nullable, **rules)


class Table(pa.DataFrameModel):
    """Base of every table contract."""

    class Config(BaseConfig):
        strict = True
        ordered = False

    __spec__: Spec

    def __init_subclass__(
        cls, *, name: str = "", key: tuple[str, ...] = (), index: tuple[str, ...] = (), **kwargs: Any
    ) -> None:
        super().__init_subclass__(**kwargs)  # pyright: ignore[reportUnknownMemberType]
        if name:
            schema, _, table = name.partition(".")
            cls.__spec__ = Spec(schema, table, key, index)


@functools.cache
def schema_of(contract: type[Table]) -> pa.DataFrameSchema:
    """The contract as a pandera schema, built once."""
    return contract.to_schema()


@functools.cache
def polars_schema(contract: type[Table]) -> pl.Schema:
    """Column names and polars types of the contract, in their declared order."""
    return pl.Schema({name: col.dtype.type for name, col in schema_of(contract).columns.items()})


@functools.cache
def json_columns(contract: type[Table]) -> frozenset[str]:
    """The columns that are JSON in the database and its text in a frame: `metadata={"json": True}`."""
    return frozenset(
        name for name, col in schema_of(contract).columns.items() if dict[str, Any](col.metadata or {}).get("json")
    )


def description_of(contract: type[Table]) -> str:
    """The contract's docstring: the table's grain, then why it is so."""
    return inspect.cleandoc(contract.__doc__ or "")


def empty(contract: type[Table]) -> pl.DataFrame:
    """A frame of the contract's columns and types without a row."""
    return polars_schema(contract).to_frame()
