"""Each KPI by itself: the published vectors, what has no value, and why."""

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kpis
from kpis import KPIS, MEASURES, Kpi

VECTORS = [
    ("blended_cac", {"spend": 10000, "new_customers": 100}, 100),
    ("blended_cac", {"spend": 15000, "new_customers": 120}, 125),
    ("blended_cac", {"spend": 0, "new_customers": 50}, 0),
    ("blended_cac", {"spend": 10000, "new_customers": 0}, None),
    ("blended_cac", {"spend": 1000, "new_customers": 3}, 333.3333333),
    ("blended_cac", {"spend": 20, "new_customers": 1}, 20),
    ("channel_cac", {"spend": 5000, "new_customers": 50}, 100),
    ("channel_cac", {"spend": 5000, "new_customers": 0}, None),
    ("mer", {"revenue_net": 50000, "spend": 10000}, 5),
    ("mer", {"revenue_net": 25000, "spend": 10000}, 2.5),
    ("mer", {"revenue_net": 8000, "spend": 10000}, 0.8),
    ("mer", {"revenue_net": 5000, "spend": 10000}, 0.5),
    ("mer", {"revenue_net": 50000, "spend": 0}, None),
    ("mer", {"revenue_net": 1e9, "spend": 1e8}, 10),
    ("mer", {"revenue_net": 0.01, "spend": 0.001}, 10),
    ("mer_gross", {"revenue_gross": 50000, "spend": 10000}, 5),
    ("roas", {"revenue_net": 20000, "spend": 5000}, 4),
    ("roas", {"revenue_net": 3000, "spend": 5000}, 0.6),
    ("roas", {"revenue_net": 20000, "spend": 0}, None),
    ("aov", {"revenue_gross": 50000, "discounts": 0, "orders": 500}, 100),
    ("aov", {"revenue_gross": 80000, "discounts": 5000, "orders": 300}, 250),
    ("aov", {"revenue_gross": 50000, "discounts": 0, "orders": 0}, None),
    ("contribution_margin_pct", {"contribution_margin": 30000, "revenue_net": 90000}, 0.3333333333),
    ("contribution_margin_pct", {"contribution_margin": 0, "revenue_net": 90000}, 0),
    ("contribution_margin_pct", {"contribution_margin": 90000, "revenue_net": 90000}, 1),
    ("contribution_margin_pct", {"contribution_margin": 100, "revenue_net": 500}, 0.2),
    ("contribution_margin_pct", {"contribution_margin": -2000, "revenue_net": 10000}, -0.2),
    ("contribution_margin_pct", {"contribution_margin": 50000, "revenue_net": 0}, None),
    ("contribution_margin_pct", {"contribution_margin": -50, "revenue_net": -10}, None),
    ("payback_days", {"cac": 100, "ltv30": 150, "contribution_margin_pct": 0.4}, 50),
    ("payback_days", {"cac": 200, "ltv30": 150, "contribution_margin_pct": 0.35}, 114),
    ("payback_days", {"cac": 80, "ltv30": 100, "contribution_margin_pct": 0.5}, 48),
    ("payback_days", {"cac": 50, "ltv30": 100, "contribution_margin_pct": 0.3}, 50),
    ("payback_days", {"cac": 44.09, "ltv30": 301.88, "contribution_margin_pct": 0.35}, 13),
    ("payback_days", {"cac": 1813.33, "ltv30": 141.67, "contribution_margin_pct": 0.35}, 1097),
    ("payback_days", {"cac": 2.5, "ltv30": 30, "contribution_margin_pct": 1}, 3),
    ("payback_days", {"cac": 0, "ltv30": 150, "contribution_margin_pct": 0.4}, None),
    ("payback_days", {"cac": -50, "ltv30": 150, "contribution_margin_pct": 0.4}, None),
    ("payback_days", {"cac": 100, "ltv30": 0, "contribution_margin_pct": 0.4}, None),
    ("payback_days", {"cac": 100, "ltv30": 150, "contribution_margin_pct": 0}, None),
    ("payback_days", {"cac": 100, "ltv30": -150, "contribution_margin_pct": -0.4}, None),
    ("retention_rate", {"returned_customers": 25, "mature_customers": 100}, 0.25),
    ("retention_rate", {"returned_customers": 0, "mature_customers": 100}, 0),
    ("retention_rate", {"returned_customers": 100, "mature_customers": 100}, 1),
    ("retention_rate", {"returned_customers": 10, "mature_customers": 0}, None),
    ("new_customer_share", {"new_customers": 200, "orders": 500}, 0.4),
    ("new_customer_share", {"new_customers": 0, "orders": 500}, 0),
    ("new_customer_share", {"new_customers": 500, "orders": 500}, 1),
    ("new_customer_share", {"new_customers": 0, "orders": 0}, None),
    ("new_customer_share", {"new_customers": 50, "orders": 0}, None),
    ("new_customer_share", {"new_customers": 60, "orders": 100}, 0.6),
    ("percent_change", {"current": 120, "previous": 100}, 0.2),
    ("percent_change", {"current": 80, "previous": 100}, -0.2),
    ("percent_change", {"current": 200, "previous": 100}, 1),
    ("percent_change", {"current": 100, "previous": 0}, None),
    ("percent_change", {"current": 0, "previous": 0}, None),
    ("percent_change", {"current": 0, "previous": 100}, -1),
    ("percent_change", {"current": 70000, "previous": 100000}, -0.3),
    ("percent_change", {"current": -50, "previous": -100}, -0.5),
    ("percent_change", {"current": -5, "previous": 0}, None),
    ("percentage_point_change", {"current": 0.55, "previous": 0.50}, 0.05),
    ("percentage_point_change", {"current": 0.45, "previous": 0.50}, -0.05),
    ("ltv_at_days", {"revenue_net": 50000, "mature_customers": 100}, 500),
    ("ltv_at_days", {"revenue_net": 750, "mature_customers": 5}, 150),
    ("ltv_at_days", {"revenue_net": 750, "mature_customers": 0}, None),
    ("cpc", {"spend": 5000, "clicks": 2500}, 2),
    ("cpc", {"spend": 5000, "clicks": 0}, None),
    ("cpm", {"spend": 5000, "impressions": 1000000}, 5),
    ("cpm", {"spend": 10, "impressions": 2000}, 5),
    ("ctr", {"clicks": 500, "impressions": 10000}, 0.05),
    ("discount_rate", {"discounts": 10, "revenue_gross": 40}, 0.25),
    ("refund_rate", {"refunds": 9, "revenue_gross": 100, "discounts": 10}, 0.1),
    ("gross_margin_pct", {"revenue_net": 200, "cogs": 80}, 0.6),
    ("amer", {"new_customer_revenue": 300, "spend": 200}, 1.5),
    ("roas_platform", {"platform_value": 900, "spend": 300}, 3),
    ("claimed_ratio", {"platform_conversions": 12.5, "orders": 10}, 1.25),
    ("contribution_after_marketing", {"contribution_margin": 100, "spend": 30}, 70),
    ("contribution_after_marketing", {"contribution_margin": 100, "spend": None}, None),
]


@pytest.mark.parametrize(("name", "inputs", "expected"), VECTORS)
def test_published_vectors(name, inputs, expected):
    value = KPIS[name](**inputs)
    assert value == (expected if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((10000, 4000, 1000, 500, 200), (0.4, 0.25, 0.5, 0.4, 0.02)),
        ((1000, 500, 100, 0, 0), (0.5, 0.2, 0, None, 0)),
        ((0, 0, 0, 0, 0), (None,) * 5),
        ((100, 100, 100, 100, 100), (1, 1, 1, 1, 1)),
    ],
)
def test_funnel_family_gives_every_step(counts, expected):
    steps = ("sessions", "pdp_views", "add_to_cart", "checkouts", "purchases")
    given_counts = dict(zip(steps, counts, strict=True))
    by_call = kpis.funnel_cvr(**given_counts)
    assert tuple(by_call.values()) == expected
    assert pl.DataFrame([given_counts]).select(kpis.funnel_cvr.expr()).item() == by_call


def test_every_kpi_is_a_name_of_the_package():
    assert kpis.blended_cac is KPIS["blended_cac"]
    assert {getattr(kpis, name) for name in KPIS} == set(KPIS.values())
    assert set(KPIS) <= set(dir(kpis))
    with pytest.raises(ImportError, match="blended_cat"):
        exec("from kpis import blended_cat")


def test_every_kpi_explains_itself_and_headline_is_of_the_registry():
    assert all(kpi.label and kpi.doc.endswith(".") for kpi in KPIS.values())
    assert set(kpis.HEADLINE) <= set(KPIS)
    assert len({kpi.label for kpi in KPIS.values()}) == len(KPIS)


def test_measures_lists_each_column_once_in_order():
    assert KPIS["gross_margin_pct"].measures == ("revenue_net", "cogs")
    assert KPIS["payback_days"].measures == ("cac", "ltv30", "contribution_margin_pct")


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"spend": 1}, r"mer\(revenue_net, spend\).*missing: revenue_net"),
        ({"spend": 1, "revenue_net": 2, "cost": 3}, "unknown: cost"),
    ],
)
def test_wrong_names_say_which(inputs, message):
    with pytest.raises(TypeError, match=message):
        kpis.mer(**inputs)


def test_family_rejects_wrong_names_too():
    with pytest.raises(TypeError, match="missing: pdp_views"):
        kpis.funnel_cvr(sessions=1, add_to_cart=1, checkouts=1, purchases=1)


@pytest.mark.parametrize(
    ("name", "inputs", "reason"),
    [
        ("blended_cac", {"spend": 10.0, "new_customers": 0}, "new_customers is 0"),
        ("blended_cac", {"spend": None, "new_customers": 0}, "no spend recorded"),
        ("blended_cac", {"spend": 10.0, "new_customers": 2}, None),
        (
            "contribution_margin_pct",
            {"contribution_margin": 1.0, "revenue_net": -5.0},
            "revenue_net is negative",
        ),
        (
            "refund_rate",
            {"refunds": 1.0, "revenue_gross": 5.0, "discounts": 5.0},
            "revenue_gross − discounts is 0",
        ),
        ("payback_days", {"cac": 10.0, "ltv30": -1.0, "contribution_margin_pct": 0.5}, "ltv30 is negative"),
        ("percent_change", {"current": 10.0, "previous": 0.0}, "previous is 0"),
        ("contribution_after_marketing", {"contribution_margin": 5.0, "spend": None}, "no spend recorded"),
        ("mer", {"revenue_net": float("nan"), "spend": 5.0}, "the result is not a usable number"),
    ],
)
def test_a_missing_value_says_why(name, inputs, reason):
    schema = dict.fromkeys(inputs, pl.Float64)
    assert pl.DataFrame([inputs], schema=schema).select(KPIS[name].reason()).item() == reason


def test_decimals_are_divided_as_floats_and_summed_exactly():
    money = pl.Decimal(38, 2)
    frame = pl.DataFrame(
        {"spend": [Decimal("1.00")], "clicks": [56], "contribution_margin": [Decimal("10.10")]},
        schema={"spend": money, "clicks": pl.Int64, "contribution_margin": money},
    )
    row = frame.select(KPIS["cpc"].expr(), KPIS["contribution_after_marketing"].expr())
    assert row["cpc"].item() == pytest.approx(1 / 56)  # Decimal ÷ Decimal would say 0.02
    assert row["contribution_after_marketing"].item() == Decimal("9.10")


def test_nan_never_passes_as_a_positive_denominator():
    assert kpis.cpc(spend=1.0, clicks=float("nan")) is None
    assert kpis.cpc(spend=float("inf"), clicks=5) is None


RATIOS = [kpi for kpi in KPIS.values() if kpi.denominator is not None]
ANY_NUMBER = st.none() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=True, allow_infinity=True)


@given(st.sampled_from(RATIOS), st.data())
def test_a_ratio_is_finite_or_null_and_a_null_has_a_reason(kpi: Kpi, data):
    inputs = {m: data.draw(ANY_NUMBER, label=m) for m in kpi.measures}
    columns = {m: pl.Series([v], dtype=pl.Float64, strict=False) for m, v in inputs.items()}
    value, reason = pl.DataFrame(columns).select(kpi.expr(), kpi.reason()).row(0)
    assert value is None or abs(value) < float("inf")
    assert (value is None) == (reason is not None)


def test_measures_say_what_absence_means():
    assert all(m.doc.endswith(".") for m in MEASURES.values())
    column = pl.DataFrame(
        {"orders": [None, None], "spend": [None, None]}, schema=dict.fromkeys(("orders", "spend"), pl.Int64)
    )
    assert column.select(MEASURES["orders"].total(), MEASURES["spend"].total()).row(0) == (0, None)
