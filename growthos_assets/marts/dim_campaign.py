"""marts/dim_campaign: what ad spend is booked on, and what orders are matched to."""

import polars as pl
from pandera.typing.polars import LazyFrame

from growthos_assets.marts.audit import known
from growthos_assets.marts.dim_channel import DimChannel
from growthos_assets.staging.spend import StgSpend
from growthos_assets.table import Finding, check, table
from warehouse.contract import Table, column, polars_schema

NO_CAMPAIGN = "(none)"
"""The campaign of an order that no campaign can be credited with, so that every fact has one to join."""


class DimCampaign(Table, name="marts.dim_campaign", key=("campaign_id",)):
    """One row per campaign that ever spent, under its latest name, and one row "(none)".

    An order keeps its own channel: "(none)" is under `other` only because every campaign is under a channel.
    """

    campaign_id: str = column('The platform and its id, as in "meta:123"; "(none)" for no campaign.')
    campaign_name: str = column("The name on the last day it spent.")
    source: str = column('Where the spend was read from; "none" for no campaign.')
    channel_id: str = column("The channel its spend belongs to.")


@table(DimCampaign)
def dim_campaign(stg_spend: LazyFrame[StgSpend]) -> pl.LazyFrame:
    columns = polars_schema(DimCampaign)
    nothing = pl.LazyFrame([(NO_CAMPAIGN, "No campaign", "none", "other")], schema=columns, orient="row")
    latest = stg_spend.sort("date").unique("campaign_id", keep="last", maintain_order=True)
    return pl.concat([nothing, latest.select(columns.names())])


@check(DimCampaign)
def fk_campaigns_channel(dim_campaign: LazyFrame[DimCampaign], dim_channel: LazyFrame[DimChannel]) -> Finding:
    """Every campaign's channel is one of the channels."""
    return known(dim_campaign, "channel_id", dim_channel)
