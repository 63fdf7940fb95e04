"""Who ordered: one customer id per person, as far as ids and e-mail addresses tell.

An order without a customer id belongs to the customer that has its e-mail elsewhere in the tenant's data;
an e-mail that nobody has is a customer of its own; an order without either is a guest's, and no customer's.
One rule for all sources: a guest who comes back is not new, and two guests are not one person.
"""

import polars as pl


def customers_by_email(*people: pl.LazyFrame) -> pl.LazyFrame:
    """One row per e-mail hash that has a customer id in the frames; the smallest id where it has several."""
    pairs = pl.concat(frame.select("email_hash", "customer_id") for frame in people)
    return pairs.drop_nulls().group_by("email_hash").agg(pl.col("customer_id").min())


def identified(frame: pl.LazyFrame, by_email: pl.LazyFrame) -> pl.LazyFrame:
    """The frame with `customer_id` completed from its `email_hash`."""
    return (
        frame.join(by_email, on="email_hash", how="left", suffix="_by_email")
        .with_columns(
            customer_id=pl.coalesce("customer_id", "customer_id_by_email", pl.format("email:{}", "email_hash"))
        )
        .drop("customer_id_by_email")
    )
