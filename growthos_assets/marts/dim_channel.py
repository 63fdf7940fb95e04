"""marts/dim_channel: where orders, sessions and ad spend come from."""

import polars as pl

from growthos_assets.table import table
from warehouse.contract import Table, column, polars_schema

CHANNELS = (
    ("meta", "Meta Ads", True),
    ("google", "Google Ads", True),
    ("tiktok", "TikTok Ads", True),
    ("email", "Email", False),
    ("organic", "Organic", False),
    ("affiliate", "Affiliate", False),
    ("direct", "Direct", False),
    ("other", "Other", False),
)


class DimChannel(Table, name="marts.dim_channel", key=("channel_id",)):
    """One row per acquisition channel; the same list for every tenant, so that a channel means one thing."""

    channel_id: str = column("Short name, as the channel rules of staging give it.")
    name: str = column("Name for people.")
    is_paid: bool = column("Traffic is bought from an ad platform, so that spend can be expected.")


@table(DimChannel)
def dim_channel() -> pl.LazyFrame:
    return pl.LazyFrame(CHANNELS, schema=polars_schema(DimChannel), orient="row")


def channel_names(dim_channel: pl.LazyFrame) -> dict[str, str]:
    """What people call each channel, by its id."""
    return dict(dim_channel.select("channel_id", "name").collect().iter_rows())
