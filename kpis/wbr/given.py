"""What a review is written from: frames, and how things are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Given:
    """A shop's numbers; days outside the windows that are looked at do no harm.

    - `state`: kpi_daily. `products`: date, product_id, revenue_net, on the event basis.
    - `cohorts`: what kpis.cohorts gives on the window's last day.
    - `alerts`: what kpis.alerts.during gives of the window.
    - `goods`: date, cogs_source (unit_cost, category_margin), cogs.
    - `traffic`: date, sessions, is_sampled, is_thresholded, has_other, is_settled.
    - `troubles`: what sources did not give: stream, account, first_day, last_day, error.
    - `missing`: why there is nothing to review, and what to do; empty where there is something.
    - `names`: what people call channels, campaigns and products, by id. `currency`: a code, such as "USD".
    """

    tenant: str
    brand: str
    timezone: str
    currency: str
    names: Mapping[str, str]
    state: pl.DataFrame
    products: pl.DataFrame
    cohorts: pl.DataFrame
    alerts: pl.DataFrame
    goods: pl.DataFrame
    traffic: pl.DataFrame
    troubles: pl.DataFrame
    missing: str = ""
