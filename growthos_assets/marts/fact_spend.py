"""marts/fact_spend: what was paid for ads."""

import polars as pl
from pandera.typing.polars import LazyFrame

from growthos_assets.marts.audit import known, not_empty, reconciled
from growthos_assets.marts.dim_campaign import DimCampaign
from growthos_assets.marts.dim_channel import DimChannel
from growthos_assets.staging.spend import StgSpend
from growthos_assets.table import Finding, check, table
from warehouse.contract import Money, Table, column, polars_schema


class FactSpend(Table, name="marts.fact_spend", key=("date", "campaign_id")):
    """One row per day and campaign that spent.

    Conversions are what a platform claims for itself; two may claim the same order, so they do not add up to
    orders.
    """

    date: pl.Date = column("The ad account's local day.")
    channel_id: str = column("The campaign's channel.")
    campaign_id: str = column('The platform and its id, as in "meta:123".')
    source: str = column("Where it was read from.")
    spend: Money = column("What the platform charged.", ge=0)
    impressions: int = column("Times an ad was shown; null where nobody says.", nullable=True, ge=0)
    clicks: int = column("Clicks that led to the shop; null where nobody says.", nullable=True, ge=0)
    platform_conversions: float = column("Purchases the platform claims.", nullable=True)
    platform_value: Money = column("Value of the purchases the platform claims.", nullable=True)
    currency: str = column("Currency of both amounts.")


@table(FactSpend)
def fact_spend(stg_spend: LazyFrame[StgSpend]) -> pl.LazyFrame:
    return stg_spend.select(polars_schema(FactSpend).names())


@check(FactSpend)
def no_negative_spend(fact_spend: LazyFrame[FactSpend]) -> Finding:
    """No campaign was paid for being shown."""
    return Finding.of(
        fact_spend.filter(pl.col("spend") < 0).collect(), "days have negative spend", ok="no negative spend"
    )


@check(FactSpend)
def fk_spend_channel(fact_spend: LazyFrame[FactSpend], dim_channel: LazyFrame[DimChannel]) -> Finding:
    """All spend is on one of the channels."""
    return known(fact_spend, "channel_id", dim_channel)


@check(FactSpend)
def fk_spend_campaign(fact_spend: LazyFrame[FactSpend], dim_campaign: LazyFrame[DimCampaign]) -> Finding:
    """All spend is on a known campaign."""
    return known(fact_spend, "campaign_id", dim_campaign)


@check(FactSpend)
def spend_not_empty(fact_spend: LazyFrame[FactSpend], stg_spend: LazyFrame[StgSpend]) -> Finding:
    """There is ad spend, if any ad source is connected."""
    return not_empty(fact_spend, stg_spend, skip="no ad source has sent any spend")


@check(FactSpend)
def spend_reconciles_with_staging(fact_spend: LazyFrame[FactSpend], stg_spend: LazyFrame[StgSpend]) -> Finding:
    """Spend, impressions and clicks add up to those of staging."""
    totals = pl.sum("spend", "impressions", "clicks")
    return reconciled(stg_spend.select(totals), fact_spend.select(totals))
