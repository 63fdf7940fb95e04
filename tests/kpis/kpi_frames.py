"""What the frames of an order and of its lines are in the tests of cohorts and customers."""

from datetime import date
from typing import Any

import polars as pl

from kpis import MEASURES

MONEY = pl.Decimal(38, 4)
FIRST = date(2025, 8, 1)
"""The first day on which anything is bought."""

ORDERS = {
    "order_id": pl.String,
    "customer_id": pl.String,
    "order_date": pl.Date,
    "is_new_customer": pl.Boolean,
    "channel_id": pl.String,
    "revenue_gross": MONEY,
    "discounts": MONEY,
    "revenue_net": MONEY,
    "contribution_margin": MONEY,
}
LINES = {
    "order_id": pl.String,
    "line_id": pl.String,
    "product_id": pl.String,
    "sku": pl.String,
    "revenue_gross": MONEY,
    "discounts": MONEY,
}


def begun(day: date) -> dict[str, Any]:
    """A day of the state on which every source told something: all is known from it on."""
    return {"date": day, "orders": 1} | {name: 0 for name, measure in MEASURES.items() if measure.absent == "null"}
