"""cohorts/segments: how recently, how often and for how much each customer bought, against the others."""

from datetime import datetime

import polars as pl
from pandera.typing.polars import LazyFrame

import kpis.segments
from growthos_assets.cohorts.audit import each_buyer_once
from growthos_assets.marts.dim_customer import DimCustomer
from growthos_assets.marts.fact_orders import FactOrders
from growthos_assets.table import Finding, check, table
from kpis.windows import last_complete_day
from warehouse.contract import Money, Table, column
from warehouse.tenants import Tenant

NAMES = [segment.name for segment in kpis.segments.SEGMENTS]

_DAYS = {"sources": ["fact_orders.order_date"]}
_ORDERS = {"sources": ["fact_orders.order_id"]}
_REVENUE = {"sources": ["fact_orders.revenue_net"]}


class Segments(Table, name="cohorts.segments", key=("customer_id",)):
    """One row per customer who has bought up to the last complete day: RFM scores (5 is best) and segment."""

    customer_id: str = column("The customer.")
    recency_days: int = column("Days since the newest counted order.", ge=0, metadata=_DAYS)
    frequency: int = column("Counted orders.", ge=1, metadata=_ORDERS)
    monetary: Money = column("Their net revenue.", metadata=_REVENUE)
    r_score: int = column("Fifth of the customers by recency.", ge=1, le=5, metadata=_DAYS)
    f_score: int = column("Fifth of the customers by frequency.", ge=1, le=5, metadata=_ORDERS)
    m_score: int = column("Fifth of the customers by monetary.", ge=1, le=5, metadata=_REVENUE)
    segment: str = column(
        "The first segment whose rule the scores meet.",
        isin=NAMES,
        metadata={"sources": [*_DAYS["sources"], *_ORDERS["sources"], *_REVENUE["sources"]]},
    )


@table(Segments)
def segments(fact_orders: LazyFrame[FactOrders], tenant: Tenant, now: datetime) -> pl.LazyFrame:
    return kpis.segments.rfm(fact_orders.filter("is_counted"), last_complete_day(now, tenant.timezone))


@check(Segments)
def segments_hold_every_buyer(
    segments: LazyFrame[Segments], dim_customer: LazyFrame[DimCustomer], tenant: Tenant, now: datetime
) -> Finding:
    """Every customer who has bought up to the last complete day is in exactly one segment."""
    return each_buyer_once(segments, dim_customer, tenant, now)
