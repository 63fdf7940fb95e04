"""Who ordered: one customer id per person, as far as ids and e-mail addresses tell.

Ids that have ordered with the same e-mail are one person's, and so is whoever shares one with any of these: a shop
that has moved gives everyone a new id. An order without an id belongs to the person with its e-mail; an e-mail that
has no id is a customer of its own; an order without either is a guest's, and no customer's. One rule for all sources:
a guest who comes back is not new, and two guests are not one person.
"""

from typing import Annotated, Final

import polars as pl

from growthos_assets.staging import file, shopify

MOST: Final = 10
"""Ids that one person's e-mail may have, and e-mails that one person's id may have: what has more is nobody's own.

The shop's address at the till, a marketplace's relay, an id for all walk-in customers: they would make one customer of
strangers. An order that has no more than such an e-mail is a guest's.
"""


def people(listed_customers: shopify.Customers, decoded_orders: shopify.Orders, file_lines: file.Lines) -> pl.LazyFrame:
    """One row per customer id, and one per e-mail hash that says who it is: the `person` behind it.

    A person is called by the id that ordered first, of ids without an order the smallest: later orders change nothing.
    """
    listed = listed_customers.with_columns(processed_at=pl.lit(None, pl.Datetime("us", "UTC")))
    told = pl.concat(
        frame.group_by("customer_id", "email_hash").agg(pl.col("processed_at").min())
        for frame in (listed, decoded_orders, file_lines)
    ).collect()
    ids = (
        told.drop_nulls("customer_id")
        .group_by("customer_id")
        .agg(pl.col("processed_at").min())
        .sort("processed_at", "customer_id", nulls_last=True)
        .select("customer_id")
        .with_row_index("place")
    )
    known = told.select("customer_id", "email_hash").unique()
    pairs = known.drop_nulls().with_columns(ids=pl.len().over("email_hash"), emails=pl.len().over("customer_id"))
    own = pairs.filter(pl.col("ids") <= MOST, pl.col("emails") <= MOST)
    ids = ids.with_columns(person=ids["customer_id"].gather(_first_alike(ids, own)))
    emails = (
        known.select("email_hash")
        .drop_nulls()
        .unique()
        .join(pairs.filter(pl.col("ids") > MOST), on="email_hash", how="anti")
        .join(own.select("email_hash", "customer_id").unique("email_hash"), on="email_hash", how="left")
        .join(ids, on="customer_id", how="left")
        .select("email_hash", person=pl.coalesce("person", pl.format("email:{}", "email_hash")))
    )
    return pl.concat([ids.drop("place"), emails], how="diagonal").lazy()


People = Annotated[pl.LazyFrame, people]
"""Who is behind an id or an e-mail, as a transform's parameter."""


def identified(frame: pl.LazyFrame, people: pl.LazyFrame) -> pl.LazyFrame:
    """The frame with the person that its `customer_id` means, or else its `email_hash`, as `customer_id`."""
    ids, emails = (
        people.drop_nulls(name).select(name, pl.col("person").alias(f"by_{name}"))
        for name in ("customer_id", "email_hash")
    )
    return (
        frame.join(ids, on="customer_id", how="left", maintain_order="left")
        .join(emails, on="email_hash", how="left", maintain_order="left")
        .with_columns(
            customer_id=pl.when(pl.col("customer_id").is_null()).then("by_email_hash").otherwise("by_customer_id")
        )
        .drop("by_customer_id", "by_email_hash")
    )


def _first_alike(ids: pl.DataFrame, own: pl.DataFrame) -> pl.Series:
    """For each id the place of the first one that is the same person: the components of ids and their own e-mails."""
    shared = own.filter(pl.len().over("email_hash") > 1).join(ids, on="customer_id")
    if shared.is_empty():
        return ids["place"]
    # a third of a second to import, which only a shop whose customers have several ids should wait for
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ends = shared.select("place", first=pl.col("place").min().over("email_hash")).to_numpy()
    links = coo_array(([1] * len(ends), (ends[:, 0], ends[:, 1])), (ids.height, ids.height))
    _, groups = connected_components(links, directed=False)
    return ids.select("place", group=pl.Series(groups)).select(pl.col("place").min().over("group"))["place"]
