"""A tenant's business review: from its tables, and what is remembered of alerts and syncs, to the review."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

import polars as pl
from pandera.typing.polars import LazyFrame

import kpis
from growthos_assets.alerts.alerts import Alerts
from growthos_assets.alerts.evaluation import fired_during, proven, shop_of
from growthos_assets.kpis.kpi_daily import KpiDaily
from growthos_assets.loading import warehouse
from growthos_assets.marts.dim_campaign import DimCampaign
from growthos_assets.marts.dim_channel import DimChannel
from growthos_assets.marts.dim_product import DimProduct
from growthos_assets.marts.fact_order_lines import FactOrderLines
from growthos_assets.marts.fact_orders import FactOrders
from growthos_assets.marts.fact_refunds import FactRefunds
from growthos_assets.marts.fact_spend import FactSpend
from growthos_assets.marts.fact_traffic import FactTraffic
from growthos_assets.missing import missing
from growthos_assets.table import Contract, inputs
from kpis import Window
from kpis.wbr import Given, Review
from warehouse import proofs
from warehouse.tenants import Tenant


class Tables(NamedTuple):
    """The tables that a review is written from."""

    kpi_daily: pl.LazyFrame
    fact_orders: pl.LazyFrame
    fact_order_lines: pl.LazyFrame
    fact_refunds: pl.LazyFrame
    fact_spend: pl.LazyFrame
    fact_traffic: pl.LazyFrame
    dim_channel: pl.LazyFrame
    dim_campaign: pl.LazyFrame
    dim_product: pl.LazyFrame


def read_by(read: Callable[[Contract], pl.LazyFrame]) -> Tables:
    """The tables as `read` gives each."""
    return Tables(**{name: read(contract) for name, contract in inputs(written).items() if name in Tables._fields})


def review(
    tables: Tables,
    tenant: Tenant,
    window: Window,
    now: datetime,
    known_at: datetime | None = None,
    *,
    in_run: bool = False,
) -> Review:
    """The review of a window, as its numbers and alerts are known now, or by `known_at`'s records. Nothing is stored.

    Cohorts are those of the window's last day, so that a past window is told as it was, with what is known now.
    `in_run` is missing()'s.
    """
    cohorts = kpis.cohorts.cohorts(tables.fact_orders.filter("is_counted"), tables.fact_spend, window.end).collect()
    facts = tables.kpi_daily, cohorts.lazy(), tables.fact_order_lines, tables.dim_channel, tables.dim_campaign
    shop = proven(shop_of(*facts, tenant, now), tenant, known_at)
    gap = missing(tenant, window, shop.facts.state, in_run=in_run)
    given = Given(
        tenant=tenant.tenant_id,
        brand=tenant.name,
        timezone=tenant.timezone,
        currency=tenant.currency,
        names=_product_names(tables.dim_product) | dict(shop.names),
        state=shop.facts.state,
        products=_by_product(tables.fact_order_lines, tables.fact_refunds).collect(),
        cohorts=cohorts,
        alerts=fired_during(shop, window, now),
        goods=_goods(tables.fact_order_lines).collect(),
        traffic=tables.fact_traffic.collect(),
        troubles=proofs.unproven(warehouse(), tenant.tenant_id, window.start, window.end, known_at),
        missing="" if gap is None else str(gap),
    )
    return kpis.wbr.write(given, window)


def written(
    kpi_daily: LazyFrame[KpiDaily],
    fact_orders: LazyFrame[FactOrders],
    fact_order_lines: LazyFrame[FactOrderLines],
    fact_refunds: LazyFrame[FactRefunds],
    fact_spend: LazyFrame[FactSpend],
    fact_traffic: LazyFrame[FactTraffic],
    dim_channel: LazyFrame[DimChannel],
    dim_campaign: LazyFrame[DimCampaign],
    dim_product: LazyFrame[DimProduct],
    alerts: LazyFrame[Alerts],
    tenant: Tenant,
    now: datetime,
    known_at: datetime | None,
) -> pl.LazyFrame:
    """The review of the last complete week, in every form that is kept: one row.

    Alerts are asked for in what is remembered of them, which their own table's step writes: hence `alerts`.
    """
    tables = Tables(
        kpi_daily, fact_orders, fact_order_lines, fact_refunds, fact_spend, fact_traffic,
        dim_channel, dim_campaign, dim_product,
    )  # fmt: skip
    week = kpis.last_complete_week(kpis.last_complete_day(now, tenant.timezone))
    found = review(tables, tenant, week, now, known_at, in_run=True)
    document = found.document()
    return pl.LazyFrame(
        {
            "week_start": [week.start],
            "week_end": [week.end],
            "markdown": [kpis.wbr.markdown(found)],
            "html": [kpis.wbr.html(found)],
            "content": [json.dumps(document, ensure_ascii=False)],
            "alerts": [len(kpis.wbr.alert_ids(document))],
            "written_at": [now],
        },
        schema_overrides={"written_at": pl.Datetime("us", "UTC")},
    )


def _by_product(fact_order_lines: pl.LazyFrame, fact_refunds: pl.LazyFrame) -> pl.LazyFrame:
    """Net revenue by day and product: sales on the order's day, refunds on their own, as in kpi_daily."""
    sales = fact_order_lines.filter("is_counted").select(
        "product_id", date="order_date", revenue_net=pl.col("revenue_gross") - pl.col("discounts")
    )
    refunds = fact_refunds.filter("is_counted").select("product_id", date="refund_date", revenue_net=-pl.col("refunds"))
    return pl.concat([sales, refunds]).group_by("date", "product_id").agg(pl.sum("revenue_net"))


def _goods(fact_order_lines: pl.LazyFrame) -> pl.LazyFrame:
    """What the goods sold cost, by day and by how that is known."""
    sold = fact_order_lines.filter("is_counted").group_by("cogs_source", date="order_date")
    return sold.agg(pl.sum("cogs"))


def _product_names(dim_product: pl.LazyFrame) -> dict[str, str]:
    """What people call each product, by its id; variants that share a title are told apart by their codes."""
    code = pl.coalesce("sku", "product_id")
    called = pl.when(pl.col("title").is_duplicated()).then(pl.format("{} ({})", "title", code)).otherwise("title")
    return dict(dim_product.select("product_id", pl.coalesce(called, code)).collect().iter_rows())
