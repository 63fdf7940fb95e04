"""What an order hands down to its lines and refunds, decided once for the three facts that need it."""

import polars as pl

from growthos_assets.marts.dim_campaign import NO_CAMPAIGN

CAMPAIGN = {"sources": ["dim_campaign.campaign_id", "dim_campaign.campaign_name", "stg_orders.utm_campaign"]}
NEW_CUSTOMER = {"sources": ["stg_orders.customer_id", "stg_orders.processed_at", "stg_orders.is_counted"]}
"""Lineage of the two columns, wherever they are handed on."""


def attributed(stg_orders: pl.LazyFrame, dim_campaign: pl.LazyFrame) -> pl.LazyFrame:
    """One row per order: the columns of `stg_orders`, and

    - campaign_id: of the one campaign of the order's channel whose name is exactly the order's utm_campaign,
      else "(none)". A name that several campaigns of a channel share decides nothing: it would be a guess.
    - is_new_customer: the customer's first counted order in the whole history by processed_at, ties by
      order_id. A guest is never new: without an identity there is no "first".
    """
    campaigns = (
        dim_campaign.filter(pl.col("campaign_id") != NO_CAMPAIGN)
        .select("channel_id", "campaign_id", utm_campaign="campaign_name")
        .unique(["channel_id", "utm_campaign"], keep="none")
    )
    firsts = (
        stg_orders.filter("is_counted", pl.col("customer_id").is_not_null())
        .sort("processed_at", "order_id")
        .unique("customer_id", keep="first", maintain_order=True)
        .select("order_id", is_new_customer=True)
    )
    return (
        stg_orders.join(campaigns, on=["channel_id", "utm_campaign"], how="left")
        .join(firsts, on="order_id", how="left")
        .with_columns(
            pl.col("campaign_id").fill_null(NO_CAMPAIGN),
            pl.col("is_new_customer").fill_null(False),
        )
    )
