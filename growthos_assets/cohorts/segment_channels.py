"""cohorts/segment_channels: where the customers of each segment came from, and what they are worth."""

import polars as pl
from pandera.typing.polars import LazyFrame

import kpis.customers
from growthos_assets.cohorts.customer_value import CustomerValue
from growthos_assets.cohorts.segments import NAMES
from growthos_assets.marts.audit import reconciled
from growthos_assets.table import Finding, check, table
from warehouse.contract import Money, Table, column

SHARES = ("customer_share", "revenue_share", "margin_share")

_CUSTOMERS = {"sources": ["customer_value.customer_id"]}


class SegmentChannels(Table, name="cohorts.segment_channels", key=("segment", "first_channel")):
    """One row per RFM segment and channel of the first order that have a customer: how many, and what they brought."""

    segment: str = column("RFM segment.", isin=NAMES)
    first_channel: str = column("Channel of the first order.")
    customers: int = column("Customers.", gt=0, metadata=_CUSTOMERS)
    orders: int = column("Their counted orders, by whichever channel.", gt=0)
    revenue_net: Money = column("Net revenue of these.")
    contribution_margin: Money = column("Their contribution margin.")
    customer_share: float = column("Share of all customers.", gt=0, le=1, metadata=_CUSTOMERS)
    revenue_share: float = column(
        "Share of all customers' net revenue; null where that is not positive.",
        nullable=True,
        metadata={"sources": ["customer_value.revenue_net"]},
    )
    margin_share: float = column(
        "Share of all customers' contribution margin; null where that is not positive.",
        nullable=True,
        metadata={"sources": ["customer_value.contribution_margin"]},
    )


@table(SegmentChannels)
def segment_channels(customer_value: LazyFrame[CustomerValue]) -> pl.LazyFrame:
    return kpis.customers.segment_channels(customer_value)


@check(SegmentChannels)
def segments_reconcile_with_customers(
    segment_channels: LazyFrame[SegmentChannels], customer_value: LazyFrame[CustomerValue]
) -> Finding:
    """Customers, orders and money add up to those of customer_value."""
    sums = pl.sum("orders", "revenue_net", "contribution_margin")
    return reconciled(
        customer_value.select(sums, customers=pl.len()), segment_channels.select(sums, pl.sum("customers"))
    )


@check(SegmentChannels)
def shares_sum_to_one(segment_channels: LazyFrame[SegmentChannels]) -> Finding:
    """Each kind of share adds up to the whole."""
    sums = segment_channels.select(pl.sum(*SHARES)).collect().row(0, named=True)
    known = segment_channels.select(pl.col(*SHARES).is_not_null().any()).collect().row(0, named=True)
    apart = {name: sums[name] for name in SHARES if known[name] and abs(sums[name] - 1) > 1e-9}
    return Finding(not apart, f"shares do not sum to 1: {apart}" if apart else "all shares sum to 1")
