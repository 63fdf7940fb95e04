"""The Dagster code location of GrowthOS, and `load` for notebooks.

from growthos_assets import load
orders = load("marts/fact_orders", tenant="acme")
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

__all__ = ["load"]


def load(key: str | Sequence[str], tenant: str, *, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """A tenant's rows of an asset's table, under row-level security.

    `key` is the asset's key: "marts/fact_orders" or ["marts", "fact_orders"]. Money is Decimal, instants are in UTC.
    Raw streams ("raw/shopify_orders") give the latest version of each record. UnknownTenant and UnknownTable, with
    what there is, for a name that does not exist.
    """
    from growthos_assets.loading import load_table  # the command line's --help should not wait for polars

    return load_table(key, tenant, columns)
