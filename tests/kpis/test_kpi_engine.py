"""Re-summing the state at any grain, and comparing two windows."""

from datetime import date, timedelta
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kpi_frames import begun
from polars.testing import assert_frame_equal

from kpis import KPIS, MEASURES, Window, compare, rollup
from kpis.engine import together

STATE_KPIS = [kpi.name for kpi in KPIS.values() if set(kpi.measures) <= set(MEASURES)]
NOW = Window(date(2026, 2, 3), date(2026, 2, 9))
BEFORE = NOW.previous()

ROW = st.fixed_dictionaries(
    {
        "date": st.integers(0, 13).map(lambda n: BEFORE.start + timedelta(n)),
        "channel_id": st.sampled_from(["meta", "organic", None]),
        "campaign_id": st.sampled_from(["(none)", "a"]),
        "orders": st.integers(0, 9),
        "new_customers": st.integers(0, 9),
        "revenue_gross": st.decimals(0, 10**6, places=4),
        "discounts": st.decimals(0, 10**3, places=4),
        "revenue_net": st.decimals(-(10**3), 10**6, places=4),
        "contribution_margin": st.decimals(-(10**3), 10**6, places=4),
        "spend": st.none() | st.decimals(0, 10**4, places=4),
        "impressions": st.none() | st.integers(0, 10**6),
        "clicks": st.none() | st.integers(0, 10**4),
        "sessions": st.none() | st.integers(0, 10**4),
        "purchases": st.none() | st.integers(0, 10**3),
        "platform_conversions": st.none() | st.integers(0, 50).map(lambda n: n / 4),
    }
)
ROWS = st.lists(ROW, max_size=12)
EARLIER = begun(BEFORE.start - timedelta(1))


@settings(max_examples=15)
@given(ROWS)
def test_rollup_of_a_rollup_is_the_rollup(state_of, rows):
    sums = [m.total() for m in MEASURES.values()]
    reported = [m.name for m in MEASURES.values() if m.absent == "null"]
    whole = [row | {name: row.get(name) or 0 for name in reported} for row in rows]
    apart = [name for name in STATE_KPIS if not together(KPIS[name])]
    for told, kpis in ((rows, apart), (whole, STATE_KPIS)):
        state = state_of(*told)
        coarser = state.group_by("channel_id", "date").agg(sums)
        for by in ([], ["channel_id"]):
            assert_frame_equal(rollup(coarser, kpis, by).collect(), rollup(state, kpis, by).collect())


@settings(max_examples=15)
@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(state_of, rows, random):
    shuffled = random.sample(rows, len(rows))
    for ask in (
        lambda state: rollup(state, STATE_KPIS, ["channel_id", "campaign_id"]),
        lambda state: compare(state, NOW, BEFORE, STATE_KPIS, ["channel_id"]),
    ):
        assert_frame_equal(ask(state_of(EARLIER, *rows)).collect(), ask(state_of(*shuffled, EARLIER)).collect())


@settings(max_examples=15)
@given(ROWS)
def test_compare_is_finite_agrees_with_rollup_and_explains_every_gap(state_of, rows):
    state = state_of(EARLIER, *rows)
    compared = compare(state, NOW, BEFORE, STATE_KPIS).collect()
    direct = rollup(state.filter(NOW.filter()), STATE_KPIS).collect()
    assert compared["kpi"].to_list() == STATE_KPIS
    assert tuple(compared["value"]) == direct.cast(pl.Float64).row(0)
    for column in ("value", "previous", "change"):
        assert compared[column].drop_nulls().is_finite().all()
    gap = compared["value"].is_null() | compared["change"].is_null()
    assert (gap == compared["reason"].is_not_null()).all()


def test_a_ratio_is_the_ratio_of_sums_not_the_mean_of_ratios(state_of):
    state = state_of({"spend": 1, "clicks": 1}, {"spend": 1, "clicks": 99})
    assert rollup(state, ["cpc"]).collect().item() == pytest.approx(0.02)


def test_a_ratio_of_what_is_reported_is_of_the_rows_that_tell_both(state_of):
    """Of ads on the radio nobody counts impressions: what they cost is no part of the CPM, and of the spend it is."""
    radio = {"campaign_id": "radio", "spend": 900, "sessions": 50}
    state = state_of({"spend": 100, "impressions": 10_000, "clicks": 50, "sessions": 50, "purchases": 5}, radio)
    asked = {"spend": 1000, "cpm": 10, "cpc": 2, "ctr": 0.005, "session_to_purchase": 0.1, "roas_platform": None}
    for by in ([], ["channel_id"]):
        row = rollup(state, asked, by).collect().select(pl.exclude(by).cast(pl.Float64)).row(0)
        assert row == tuple(value if value is None else pytest.approx(value) for value in asked.values())
    days = Window(state["date"].min(), state["date"].max())
    told = compare(state, days, days, list(asked)).collect()
    assert told["value"].to_list() == pytest.approx(list(asked.values()))
    assert told["reason"].to_list() == [None] * 5 + ["no platform_value recorded"]
    by_campaign = compare(state, days, days, ["cpm"], ["campaign_id"]).collect()
    assert by_campaign.select("value", "reason").rows() == [(10.0, None), (None, "no impressions recorded")]


def test_the_published_sums(state_of):
    state = state_of(
        {"revenue_gross": 100, "revenue_net": 90, "contribution_margin": 30},
        {"revenue_gross": 200, "revenue_net": 180, "contribution_margin": 60},
        {"revenue_gross": 50, "revenue_net": 45, "contribution_margin": 15},
    )
    assert rollup(state, ["revenue_gross", "revenue_net", "contribution_margin_total"]).collect().row(0) == (
        350,
        315,
        105,
    )


def test_the_published_summary_of_two_orders_after_nothing(state_of):
    state = state_of(
        {"date": NOW.start, "orders": 1, "new_customers": 1, "revenue_gross": 200, "discounts": 20, "revenue_net": 180},
        {"date": NOW.end, "orders": 1, "revenue_gross": 100, "discounts": 10, "revenue_net": 90},
        {"date": NOW.start, "spend": 50},
    )
    rows = compare(state, NOW, BEFORE).collect().rows_by_key("kpi", named=True, unique=True)
    shown = {"revenue_gross": 300, "revenue_net": 270, "orders": 2, "aov": 135, "blended_cac": 50, "new_customers": 1}
    assert {kpi: rows[kpi]["value"] for kpi in shown} == shown
    assert {rows[kpi]["change"] for kpi in shown} == {None}  # there growth from 0 was 100 %


def test_weeks_begin_on_monday_and_months_keep_their_year(state_of):
    days = [date(2025, 12, 28), date(2025, 12, 29), date(2026, 1, 4), date(2026, 1, 31), date(2025, 1, 31)]
    state = state_of(*({"date": day, "orders": 1} for day in days))
    assert rollup(state, ["orders"], ["week"]).collect().rows() == [
        (date(2025, 1, 27), 1), (date(2025, 12, 22), 1), (date(2025, 12, 29), 2), (date(2026, 1, 26), 1)
    ]  # fmt: skip
    assert rollup(state, ["orders"], ["month"]).collect().rows() == [
        (date(2025, 1, 1), 1), (date(2025, 12, 1), 2), (date(2026, 1, 1), 2)
    ]  # fmt: skip


def test_sums_stay_exact_and_a_null_key_is_a_member(state_of):
    state = state_of(
        {"revenue_net": "0.1", "channel_id": None},
        {"revenue_net": "0.2", "channel_id": None},
        {"revenue_net": "5"},
    )
    rows = rollup(state, ["revenue_net", "orders"], ["channel_id"]).collect()
    assert rows.rows() == [(None, Decimal("0.3000"), 0), ("meta", Decimal("5.0000"), 0)]


def test_what_nobody_measured_stays_null_and_what_did_not_happen_is_zero(state_of):
    row = rollup(state_of({"channel_id": "organic"}), ["spend", "sessions", "orders"]).collect().row(0)
    assert row == (None, None, 0)
    assert rollup(state_of(), ["spend", "orders", "revenue_net"]).collect().row(0) == (None, 0, Decimal(0))


def test_what_has_been_known_since_before_the_window_is_told(state_of):
    spent = {"date": BEFORE.end, "spend": 1}
    state = state_of(EARLIER | {"spend": None}, spent, {"date": NOW.end, "spend": 60, "new_customers": 3})
    assert rollup(state, ["blended_cac"], window=NOW).collect().item() == 20
    assert rollup(state, ["blended_cac"], window=Window(BEFORE.start, NOW.end)).collect().item() is None


def test_compare_says_what_moved(state_of):
    state = state_of(
        {"date": NOW.end, "revenue_net": 120, "contribution_margin": 36, "spend": 60, "new_customers": 0},
        {"date": BEFORE.end, "revenue_net": 100, "contribution_margin": 25, "new_customers": 4},
        EARLIER | {"revenue_net": 9999, "spend": None},
    )
    asked = ["revenue_net", "contribution_margin_pct", "spend", "blended_cac", "orders"]
    rows = {r["kpi"]: r for r in compare(state, NOW, BEFORE, asked).collect().iter_rows(named=True)}
    assert rows["revenue_net"] == {
        "kpi": "revenue_net",
        "value": 120.0,
        "previous": 100.0,
        "change": pytest.approx(0.2),
        "unit": "money",
        "reason": None,
    }
    assert rows["contribution_margin_pct"]["change"] == pytest.approx(0.05)  # points, not 20 %
    assert rows["spend"]["reason"] == "previous period: spend is known from 2026-02-09 on"
    assert (rows["blended_cac"]["value"], rows["blended_cac"]["reason"]) == (
        None,
        "spend is known from 2026-02-09 on",
    )
    assert (rows["orders"]["change"], rows["orders"]["reason"]) == (None, "previous is 0")


def test_growth_from_a_loss_has_no_sign_but_points_from_zero_exist(state_of):
    state = state_of(
        EARLIER,
        {"date": NOW.end, "contribution_margin": -50, "orders": 1, "new_customers": 1},
        {"date": BEFORE.end, "contribution_margin": -100, "orders": 1, "new_customers": 0},
    )
    rows = compare(state, NOW, BEFORE, ["contribution_margin_total", "new_customer_share"]).collect()
    assert rows["change"].to_list() == [None, 1.0]
    assert rows["reason"].to_list() == ["previous is negative", None]


def test_members_of_only_one_window_have_their_rows(state_of):
    state = state_of(
        EARLIER,
        {"date": NOW.end, "channel_id": "tiktok", "orders": 3},
        {"date": BEFORE.end, "channel_id": "meta", "orders": 5, "spend": 10},
        {"date": BEFORE.end, "channel_id": None, "orders": 2},
    )
    rows = compare(state, NOW, BEFORE, ["orders", "spend"], ["channel_id"]).collect()
    assert rows.select("channel_id", "kpi", "value", "previous").rows() == [
        (None, "orders", 0.0, 2.0),
        (None, "spend", None, None),
        ("meta", "orders", 0.0, 5.0),
        ("meta", "spend", None, 10.0),
        ("tiktok", "orders", 3.0, 0.0),
        ("tiktok", "spend", None, None),
    ]


@pytest.mark.parametrize("ask", [lambda s, k: rollup(s, k), lambda s, k: compare(s, NOW, BEFORE, k)])
def test_wrong_kpis_are_clear_errors(state_of, ask):
    with pytest.raises(ValueError, match="did you mean blended_cac"):
        ask(state_of(), ["blended_cca"])
    with pytest.raises(ValueError, match=r"mature_customers.*kpis\.cohorts"):
        ask(state_of(), ["ltv_at_days"])
