from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from broken_shop import NO_COHORTS, half_year
from kpi_frames import MONEY, begun
from wbr_shop import BEFORE, WEEK

from kpis import MEASURES
from kpis.alerts import Facts

DAY = date(2026, 2, 9)

StateOf = Callable[..., pl.DataFrame]


def _dtype(name: str) -> pl.DataType:
    if name == "platform_conversions":
        return pl.Float64()
    return MONEY if MEASURES[name].unit == "money" else pl.Int64()


STATE_SCHEMA: dict[str, Any] = {
    "date": pl.Date,
    "channel_id": pl.String,
    "campaign_id": pl.String,
    **{name: _dtype(name) for name in MEASURES},
}


@pytest.fixture(scope="session")
def state_of() -> StateOf:
    """A kpi_daily frame from rows that name only what matters; the rest is absent as its measure says."""

    def build(*rows: Mapping[str, Any]) -> pl.DataFrame:
        keys = {"date": DAY, "channel_id": "meta", "campaign_id": "(none)"}
        absent = {m.name: 0 if m.absent == "zero" else None for m in MEASURES.values()}
        full = [{**keys, **absent, **row} for row in rows]
        columns = {name: [_exact(row[name], name) for row in full] for name in STATE_SCHEMA}
        return pl.DataFrame(columns, schema=STATE_SCHEMA)

    return build


def _exact(value: Any, name: str) -> Any:
    return Decimal(str(value)) if STATE_SCHEMA[name] == MONEY and value is not None else value


@pytest.fixture(scope="session")
def full(state_of: StateOf) -> pl.DataFrame:
    """Two weeks of a shop with ads and traffic: CAC has doubled in both paid channels, and more came back."""
    week = {"revenue_gross": 6000, "discounts": 500, "refunds": 500, "revenue_net": 5000, "orders": 60}
    week |= {"contribution_margin": 2000}
    traffic = {"sessions": 3000, "pdp_views": 1500, "add_to_cart": 300, "checkouts": 100, "purchases": 60}
    ago = BEFORE.end
    return state_of(
        {"date": WEEK.end, "spend": 2000, "new_customers": 20, "platform_conversions": 90.0, **week, **traffic},
        {"date": WEEK.end, "channel_id": "google", "spend": 3000, "new_customers": 5, **week},
        {"date": WEEK.end, "channel_id": "organic", **week},
        {"date": ago, "spend": 1000, "new_customers": 20, "platform_conversions": 60.0, **week, **traffic},
        {"date": ago, "channel_id": "google", "spend": 1500, "new_customers": 5, **week},
        {"date": ago, "channel_id": "organic", **week, "revenue_gross": 5000, "orders": 50, "refunds": 200,
         "revenue_net": 4300},
        begun(BEFORE.start - timedelta(1)),
    )  # fmt: skip


@pytest.fixture(scope="session")
def facts_of(state_of):
    def build(change=lambda day, row: None, **more):
        state = state_of(*half_year(change, **more))
        return Facts(state, NO_COHORTS, state["date"].max())

    return build
