"""Rules that several marts are checked against."""

import polars as pl

from growthos_assets.table import Finding


def known(facts: pl.LazyFrame, column: str, dimension: pl.LazyFrame) -> Finding:
    """Every value of `column` that is not null has its row in the dimension."""
    strangers = facts.drop_nulls(column).join(dimension, on=column, how="anti").collect()
    return Finding.of(
        strangers, f"rows have a {column} that its dimension does not know", ok=f"every {column} is known"
    )


def unique(facts: pl.LazyFrame, *key: str) -> Finding:
    """No two rows share the key."""
    doubles = facts.group_by(key).agg(rows=pl.len()).filter(pl.col("rows") > 1).collect()
    return Finding.of(doubles, f"values of {', '.join(key)} occur more than once", ok="no duplicates")


def not_empty(facts: pl.LazyFrame, source: pl.LazyFrame, *, skip: str) -> Finding:
    """There are rows; a source that has sent none has nothing to lose, and `skip` says so."""
    if not source.head(1).collect().height:
        return Finding.skip(skip)
    rows = facts.select(pl.len()).collect().item()
    return Finding(rows > 0, f"{rows} rows" if rows else "the source has rows, but none arrived here")


def reconciled(upstream: pl.LazyFrame, published: pl.LazyFrame) -> Finding:
    """Two one-row frames of totals under the same names are equal to the last decimal."""
    before, after = (
        totals.collect().unpivot(variable_name="total", value_name=place)
        for totals, place in ((upstream, "upstream"), (published, "here"))
    )
    apart = before.join(after, on="total").filter(pl.col("upstream").ne_missing(pl.col("here")))
    return Finding.of(apart, "totals differ from upstream", ok=f"{', '.join(before['total'])} agree with upstream")
