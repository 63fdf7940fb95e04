"""Charts hold the numbers they should and render to a picture, also of nothing."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from growthos_assets import charts
from growthos_assets.cohorts.cohort_curves import CohortCurves
from growthos_assets.cohorts.cohorts import Cohorts
from growthos_assets.marts.fact_orders import FactOrders
from growthos_assets.metadata import PNG
from warehouse.contract import MONEY, empty

STATE = pl.DataFrame(
    {
        "date": [date(2026, 2, 1), date(2026, 2, 1), date(2026, 2, 2)],
        "channel_id": ["meta", "direct", "meta"],
        "revenue_net": [Decimal(100), Decimal(50), Decimal("80.5")],
        "spend": [Decimal(20), None, Decimal(30)],
        "sessions": [100, 60, 90],
        "pdp_views": [50, 30, 40],
        "add_to_cart": [20, 9, 11],
        "checkouts": [10, 4, 5],
        "purchases": [5, 2, 3],
    },
    schema_overrides={"revenue_net": MONEY, "spend": MONEY},
)
COHORTS = pl.DataFrame(
    {"cohort_month": ["2025-12", "2026-01"], "d7_retention": [0.1, 0.2], "d30_retention": [0.3, None]}
)
CURVES = pl.DataFrame(
    {
        "cohort_by": ["all", "all", "all", "all", "month"],
        "age_days": [0, 7, 14, 0, 0],
        "is_left_truncated": [False, False, False, True, False],
        "is_small": [False, False, True, False, False],
        "mean_revenue_net": [10.0, 12.0, 90.0, 8.0, 7.0],
        "mean_contribution_margin": [4.0, 5.0, 30.0, 3.0, 2.0],
    }
)
ORDERS = pl.DataFrame(
    {
        "order_date": [date(2026, 2, 1), date(2026, 2, 1), date(2026, 2, 2), date(2026, 2, 3)],
        "revenue_net": [Decimal(10), Decimal(5), Decimal(7), Decimal(8)],
        "is_counted": [True, True, False, True],
    }
)


def rows(chart: charts.Chart) -> set[tuple[Any, ...]]:
    """The values of the chart's data, row by row."""
    return {tuple(row.values()) for row in chart["data"]["values"]}


def test_daily_revenue_is_of_counted_orders() -> None:
    assert rows(charts.daily_revenue(ORDERS)) == {
        ("2026-02-01", 15.0),
        ("2026-02-03", 8.0),
    }


def test_revenue_and_spend_per_day() -> None:
    assert rows(charts.revenue_and_spend(STATE)) == {
        ("2026-02-01", "Net revenue", 150.0),
        ("2026-02-02", "Net revenue", 80.5),
        ("2026-02-01", "Ad spend", 20.0),
        ("2026-02-02", "Ad spend", 30.0),
    }


def test_channel_without_spend_has_no_spend_bar() -> None:
    assert rows(charts.channel_bars(STATE)) == {
        ("meta", "Net revenue", 180.5),
        ("meta", "Ad spend", 50.0),
        ("direct", "Net revenue", 50.0),
    }


def test_funnel_adds_up_each_step() -> None:
    assert rows(charts.funnel_bars(STATE)) == {
        ("Sessions", 250),
        ("Product views", 120),
        ("Add to cart", 40),
        ("Checkouts", 19),
        ("Purchases", 10),
    }


def test_a_step_that_nobody_counts_has_no_bar() -> None:
    told = STATE.with_columns(checkouts=pl.lit(None, pl.Int64))
    assert [step for step, _ in sorted(rows(charts.funnel_bars(told)))] == [
        "Add to cart", "Product views", "Purchases", "Sessions",
    ]  # fmt: skip


def test_young_cohort_has_no_cell() -> None:
    assert rows(charts.retention_heatmap(COHORTS)) == {
        ("2025-12", "7 days", 0.1, 7),
        ("2026-01", "7 days", 0.2, 7),
        ("2025-12", "30 days", 0.3, 30),
    }


def test_worth_by_age_is_of_all_known_customers_where_they_are_many() -> None:
    assert rows(charts.value_curves(CURVES)) == {
        (0, "Net revenue", 10.0),
        (7, "Net revenue", 12.0),
        (0, "Contribution margin", 4.0),
        (7, "Contribution margin", 5.0),
    }


@pytest.mark.parametrize(
    ("chart", "frame"),
    [
        (charts.value_curves, CURVES),
        (charts.value_curves, empty(CohortCurves)),
        (charts.daily_revenue, ORDERS),
        (charts.daily_revenue, empty(FactOrders)),
        (charts.revenue_and_spend, STATE),
        (charts.revenue_and_spend, STATE.clear()),
        (charts.channel_bars, STATE),
        (charts.channel_bars, STATE.clear()),
        (charts.funnel_bars, STATE),
        (charts.funnel_bars, STATE.clear()),
        (charts.retention_heatmap, COHORTS),
        (charts.retention_heatmap, empty(Cohorts)),
    ],
)
def test_charts_render(chart: Callable[[pl.DataFrame], charts.Chart], frame: pl.DataFrame) -> None:
    png = chart(frame).png()
    assert png.startswith(PNG)
    assert len(png) < 50_000
