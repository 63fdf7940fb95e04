"""Why rows were turned away, in few sentences: rows that break the same rule are told together, with one of them."""

from collections.abc import Mapping
from itertools import islice

import polars as pl

VALUE = r"(?s)\B'.*?'\B"
"""What a row says stands in quotes; an apostrophe within words is none."""

MOST = 10
"""How many reasons a person is told."""


def grouped(reasons: pl.Series) -> dict[str, int]:
    """Reason → rows, most first. Rows whose values alone differ are one reason, with the first value for example."""
    groups = (
        pl.DataFrame({"reason": reasons})
        .group_by(rule=pl.col("reason").str.replace_all(VALUE, "…"), maintain_order=True)
        .agg(pl.col("reason").first(), differ=pl.col("reason").n_unique() > 1, rows=pl.len())
        .sort("rows", descending=True, maintain_order=True)
    )
    example = pl.col("reason").str.replace(VALUE, "e.g. ${0}")
    told = groups.select(pl.when("differ").then(example).otherwise("reason"), "rows")
    return dict(told.iter_rows())


def most(groups: Mapping[str, int], limit: int = MOST) -> dict[str, int]:
    """The first of them, and how many more there are, with all of their rows."""
    rest = list(groups.values())[limit:]
    return dict(islice(groups.items(), limit)) | ({f"{len(rest):,} more": sum(rest)} if rest else {})
