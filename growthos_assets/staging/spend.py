"""staging.stg_spend: what ads cost, and what the platforms say they brought."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Annotated

import polars as pl
from pandera.typing.polars import LazyFrame
from polars.selectors import by_name

from growthos_assets.raw.file import FileSpend
from growthos_assets.raw.google_ads import GoogleAdsInsights
from growthos_assets.raw.identity import platform
from growthos_assets.raw.meta import MetaInsights
from growthos_assets.staging.arrival import arrived, complete, height
from growthos_assets.staging.channels import group_channel
from growthos_assets.staging.kinds import AMOUNT, COUNT, DAY, ID, MICROS, NUMBER, TEXT, UPPER, Kind
from growthos_assets.staging.parse import (
    clean,
    day_after,
    decoded,
    file_rows,
    first_text,
    foreign_currency,
    note,
    parse,
    staged,
)
from growthos_assets.table import Finding, Received, check, table
from warehouse.contract import Money, Table, column
from warehouse.split import PROBLEMS
from warehouse.tenants import Tenant

payload = partial(
    column,
    metadata={"sources": ["meta_insights.payload", "google_ads_insights.payload", "file_spend.payload"]},
)


class StgSpend(Table, name="staging.stg_spend", key=("source", "campaign_id", "date")):
    """One row per campaign and day, as the platform reports it or a file says.

    The day is the ad account's own; money is in the tenant's currency. What the platforms claim as
    conversions overlaps between them and is never added up.
    """

    source: str = column("Who reports it.", isin=["meta", "google_ads", "file"])
    account_id: str = payload("The ad account.", nullable=True)
    campaign_id: str = payload(
        "The platform's id behind the source's name: meta:123, google_ads:123; of a file's channel, account and "
        "campaign file:meta/act_1/Spring."
    )
    campaign_name: str = payload("The name in the ads manager; without one, the id.")
    date: pl.Date = payload("The ad account's local day.")
    channel_id: str = payload("The channel that the money was spent on.")
    spend: Money = payload("What it cost.", ge=0)
    impressions: int = payload("Times shown; null where a file does not say.", nullable=True, ge=0)
    clicks: int = payload(
        "Clicks that lead to the shop; of Meta its inline link clicks; null where a file does not say.",
        nullable=True,
        ge=0,
    )
    platform_conversions: float = payload(
        "Purchases that the platform claims; null where a file says none.", nullable=True, ge=0
    )
    platform_value: Money = payload("The value it claims for them.", nullable=True, ge=0)
    currency: str = payload("ISO 4217 code; always the tenant's.")


KINDS = {
    "account_id": TEXT,
    "campaign_id": ID,
    "campaign_name": TEXT,
    "channel": TEXT,
    "date": DAY,
    "spend": AMOUNT,
    "impressions": COUNT,
    "clicks": COUNT,
    "platform_conversions": NUMBER,
    "platform_value": AMOUNT,
    "currency": UPPER,
}
REQUIRED = ("campaign_id", "date", "spend", "currency")
PURCHASES = ("omni_purchase", "purchase", "offsite_conversion.fb_pixel_purchase")
"""Meta's names for a purchase. They overlap, so exactly one counts: the first of these that a row has."""


def imported(file_spend: LazyFrame[FileSpend], tenant: Tenant) -> pl.LazyFrame:
    """One row per row of a file, typed, with `_problems` and `is_superseded`.

    A file names its campaigns by id or by name; a row that names none is its whole channel's, or account's. What it
    does not say of them is unknown, not 0. Of two files that tell of a campaign's day in other words, the later one
    supersedes.
    """
    names = {"platform_conversions": "conversions", "platform_value": "conversion_value"}
    fields = (*KINDS, "source", *names.values())
    rows = file_rows(file_spend, fields).with_columns(
        campaign_id=file_campaign(),
        campaign_name=first_text("campaign_name", "campaign_id", "channel", "source"),
        channel=first_text("channel", "source"),
        **{name: pl.col(field) for name, field in names.items()},
    )
    # what stands again since a later import was taken back is no newer for that: which import said it decides, and of
    # what was said before imports had numbers, the instant
    turn = pl.coalesce("import_id", pl.col("seen_at").dt.epoch("us") - 2**62)
    last = turn.filter(clean()).max().over("campaign_id", "date")
    return _typed(rows, "file", {"currency": tenant.currency}).with_columns(is_superseded=clean() & (turn < last))


Imported = Annotated[pl.LazyFrame, imported]
"""The files' rows as a transform's parameter."""


@table(StgSpend)
def stg_spend(
    meta_insights: LazyFrame[MetaInsights],
    google_ads_insights: LazyFrame[GoogleAdsInsights],
    imported: Imported,
    tenant: Tenant,
    now: datetime,
) -> pl.LazyFrame:
    """Every source's campaign days in one shape."""
    sources = [_of_meta(meta_insights), _of_google(google_ads_insights), imported.filter(~pl.col("is_superseded"))]
    reported = pl.concat(sources, how="diagonal")
    named = note(reported, foreign_currency(tenant), day_after(now, tenant)).with_columns(
        channel_id=group_channel(pl.col("channel")),
        campaign_id=pl.format("{}:{}", "source", "campaign_id"),
        campaign_name=pl.coalesce("campaign_name", "campaign_id"),
    )
    return staged(named, StgSpend)


def _typed(rows: pl.LazyFrame, source: str, defaults: Mapping[str, str], spend: Kind = AMOUNT) -> pl.LazyFrame:
    told = rows.select(*KINDS, by_name("seen_at", "import_id", PROBLEMS, require_all=False))
    typed = parse(told, {**KINDS, "spend": spend}, required=REQUIRED, defaults=defaults)
    return typed.with_columns(source=pl.lit(source))


def _of_meta(raw: pl.LazyFrame) -> pl.LazyFrame:
    texts = (
        "account_id", "account_currency", "campaign_id", "campaign_name", "date_start",
        "spend", "impressions", "inline_link_clicks",
    )  # fmt: skip
    actions = pl.List(pl.Struct({"action_type": pl.String, "value": pl.String}))
    rows = decoded(
        raw,
        {**dict.fromkeys(texts, pl.String), "actions": actions, "action_values": actions},
    )
    count = {kind: _action("actions", kind) for kind in PURCHASES}
    reported = [pl.when(count[kind].is_not_null()).then(pl.lit(kind)) for kind in PURCHASES]
    value = [pl.when(pl.col("purchase") == kind).then(_action("action_values", kind)) for kind in PURCHASES]
    rows = rows.with_columns(purchase=pl.coalesce(reported)).with_columns(
        channel=pl.lit("meta"),
        date="date_start",
        clicks="inline_link_clicks",
        currency="account_currency",
        platform_conversions=pl.coalesce(*count.values(), pl.lit("0")),
        platform_value=pl.when(pl.col("purchase").is_null()).then(pl.lit("0")).otherwise(pl.coalesce(value)),
    )
    return _typed(rows, "meta", {"impressions": "0", "clicks": "0"})


def _action(actions: str, kind: str) -> pl.Expr:
    """The value of the one action of this kind, as text."""
    of_kind = pl.element().filter(pl.element().struct["action_type"] == kind).struct["value"]
    return pl.col(actions).list.eval(of_kind).list.first()


def _of_google(raw: pl.LazyFrame) -> pl.LazyFrame:
    texts = {
        "customer": ("id", "currencyCode"),
        "campaign": ("id", "name"),
        "segments": ("date",),
        "metrics": ("costMicros", "impressions", "clicks", "conversions", "conversionsValue"),
    }
    rows = decoded(raw, {part: pl.Struct(dict.fromkeys(names, pl.String)) for part, names in texts.items()})
    metrics = pl.col("metrics").struct
    rows = rows.select(
        channel=pl.lit("google"),
        account_id=pl.col("customer").struct["id"],
        currency=pl.col("customer").struct["currencyCode"],
        campaign_id=pl.col("campaign").struct["id"],
        campaign_name=pl.col("campaign").struct["name"],
        date=pl.col("segments").struct["date"],
        spend=metrics["costMicros"],
        impressions=metrics["impressions"],
        clicks=metrics["clicks"],
        platform_conversions=metrics["conversions"],
        platform_value=metrics["conversionsValue"],
    )
    zero = ("spend", "impressions", "clicks", "platform_conversions", "platform_value")
    return _typed(rows, "google_ads", dict.fromkeys(zero, "0"), spend=MICROS)  # the API leaves zeros out


def file_campaign() -> pl.Expr:
    """The id of a file's campaign: channels, and accounts of one, may have campaigns of the same name.

    One that a row names without its id has the id that other rows, of whatever day, have beside that name, if they
    have but one.
    """
    channel, account = platform(first_text("channel", "source")), first_text("account_id")
    told, name = first_text("campaign_id"), first_text("campaign_name")
    alike = [part.alias(f"its {at}") for at, part in enumerate((channel, account, name))]
    by_name = pl.when(name.is_not_null() & (told.drop_nulls().n_unique().over(alike) == 1)).then(told.max().over(alike))
    parts = (part.fill_null("") for part in (channel, account, pl.coalesce(told, by_name, name)))
    return pl.format("{}/{}/{}", *parts).str.strip_chars_end("/").replace("", None)


@check(StgSpend)
def spend_not_empty(
    stg_spend: LazyFrame[StgSpend],
    meta_insights: LazyFrame[MetaInsights],
    google_ads_insights: LazyFrame[GoogleAdsInsights],
    file_spend: LazyFrame[FileSpend],
) -> Finding:
    """Where an ad source reports, there is spend."""
    return arrived(stg_spend, [meta_insights, google_ads_insights, file_spend], "no ad source is connected")


@check(StgSpend)
def spend_complete(
    stg_spend: LazyFrame[StgSpend], imported: Imported, quarantined: pl.LazyFrame, received: Received
) -> Finding:
    """Every record of a campaign's day is here or in quarantine, but for those of files that a later one supersedes."""
    records = sum(received[stream] for stream in (MetaInsights, GoogleAdsInsights, FileSpend))
    return complete(records - height(imported.filter("is_superseded")), stg_spend, quarantined)


@check(StgSpend)
def no_negative_spend(stg_spend: LazyFrame[StgSpend]) -> Finding:
    """No campaign's day has negative spend."""
    negative = stg_spend.filter(pl.col("spend") < 0).collect()
    return Finding.of(negative, "campaign days with negative spend", ok="no spend is negative")
