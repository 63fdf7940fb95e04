"""A KPI taken apart: exactly, whatever the state holds."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kpi_frames import begun
from polars.testing import assert_frame_equal

from kpis import KPIS, MEASURES, Window, compare, rollup
from kpis.engine import dimensions, of_measures
from kpis.explain import DIGITS, explain

NOW = Window(date(2026, 2, 3), date(2026, 2, 9))
BEFORE = NOW.previous()
LAST_DIGIT = Decimal(1).scaleb(-DIGITS)
STATE_KPIS = [kpi.name for kpi in KPIS.values() if of_measures(kpi)]
EFFECTS = ("mix", "rate", "unmatched")

CENTS = st.decimals(-(10**4), 10**6, places=4)
SPENT = st.none() | st.decimals(0, 10**4, places=4)
COUNT = st.integers(0, 9)
SEEN = st.none() | st.integers(0, 10**4)
VALUES = {
    name: {"money": SPENT if m.absent == "null" else CENTS, "count": SEEN if m.absent == "null" else COUNT}.get(m.unit)
    for name, m in MEASURES.items()
} | {"platform_conversions": st.none() | st.floats(0, 50)}
KEYS = {
    "date": st.integers(0, 13).map(lambda n: BEFORE.start + timedelta(n)),
    "channel_id": st.sampled_from(["meta", "google", "organic", None]),
    "campaign_id": st.sampled_from(["(none)", "a", "b"]),
}
ROWS = st.lists(st.fixed_dictionaries(KEYS | {n: v for n, v in VALUES.items() if v is not None}), max_size=10)
KPI = st.sampled_from(STATE_KPIS)
BY = st.sampled_from([(), ("channel_id",), ("channel_id", "campaign_id"), ("date",)])
EARLIER = begun(BEFORE.start - timedelta(1))
PROVEN = settings(max_examples=60)


@PROVEN
@given(ROWS, KPI, BY)
def test_parts_sum_to_the_whole_to_the_last_digit(state_of, rows, kpi, by):
    found = explain(state_of(EARLIER, *rows), kpi, NOW, BEFORE, by)
    members = found.members
    if found.change is None:
        assert found.reason
        assert members["contribution"].is_null().all()
        return
    assert found.change == found.value - found.previous
    assert sum(members["contribution"], Decimal(0)) == found.change
    if KPIS[kpi].denominator is not None:
        assert members.select(pl.sum_horizontal(EFFECTS)).to_series().to_list() == members["contribution"].to_list()


@PROVEN
@given(ROWS, KPI, BY, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(state_of, rows, kpi, by, random):
    # whole numbers: how floats sum depends on their order
    rows = [
        row | {"platform_conversions": row["platform_conversions"] and round(row["platform_conversions"])}
        for row in rows
    ]
    one, other = (explain(state_of(EARLIER, *r), kpi, NOW, BEFORE, by) for r in (rows, random.sample(rows, len(rows))))
    assert (one.value, one.previous, one.change, one.parts) == (other.value, other.previous, other.change, other.parts)
    assert_frame_equal(one.members, other.members)


@PROVEN
@given(ROWS, KPI)
def test_the_finer_explanation_sums_to_the_coarser(state_of, rows, kpi):
    state = state_of(EARLIER, *rows)
    coarse = explain(state, kpi, NOW, BEFORE, ["channel_id"])
    fine = explain(state, kpi, NOW, BEFORE, ["channel_id", "campaign_id"])
    assert (coarse.value, coarse.change) == (fine.value, fine.change)
    if coarse.change is None:
        return
    sums = ["contribution", "numerator", "previous_numerator", "denominator", "previous_denominator"]
    summed = fine.members.group_by("channel_id").agg(pl.sum(sums)).sort("channel_id")
    apart = summed["contribution"] - coarse.members["contribution"]
    assert all(abs(difference) <= 4 * LAST_DIGIT * (fine.members.height + 1) for difference in apart)
    for name in sums[1:]:
        rolled, direct = summed[name].to_list(), coarse.members[name].fill_null(0).to_list()
        assert all(abs(a - b) <= fine.members.height * LAST_DIGIT for a, b in zip(rolled, direct, strict=True))


@PROVEN
@given(ROWS, KPI)
def test_a_window_is_the_sum_over_its_days(state_of, rows, kpi):
    state = state_of(EARLIER, *rows)
    found = explain(state, kpi, NOW, BEFORE, ["date"])
    if found.value is None:
        return
    days = found.members.filter(NOW.filter())
    top, bottom = (sum(map(Fraction, days[name].drop_nulls()), Fraction()) for name in ("numerator", "denominator"))
    expected = top if KPIS[kpi].denominator is None else top / bottom
    assert abs(Fraction(found.value) - expected) <= Fraction(1, 10**6) * max(1, abs(expected))
    if len(KPIS[kpi].measures) == 1:
        assert found.value == sum(rollup(state.filter(NOW.filter()), [kpi], ["date"]).collect()[kpi].drop_nulls())


@PROVEN
@given(ROWS, KPI)
def test_it_agrees_with_compare_and_rollup(state_of, rows, kpi):
    state = state_of(EARLIER, *rows)
    found = explain(state, kpi, NOW, BEFORE, ["channel_id"])
    row = compare(state, NOW, BEFORE, [kpi]).collect().row(0, named=True)
    for exact, approximate in ((found.value, row["value"]), (found.previous, row["previous"])):
        assert (exact is None) == (approximate is None)
        assert exact is None or float(exact) == pytest.approx(approximate, rel=1e-9, abs=1e-9)
    by_channel = {r["channel_id"]: r for r in compare(state, NOW, BEFORE, [kpi], ["channel_id"]).collect().to_dicts()}
    for member in found.members.to_dicts():
        compared = by_channel[member["channel_id"]]
        for name in ("value", "previous"):
            assert (member[name] is None) == (compared[name] is None)
            assert member[name] is None or float(member[name]) == pytest.approx(compared[name], rel=1e-9, abs=1e-9)


def test_mix_and_rate_and_what_has_no_rate(state_of):
    """A case by hand. Spend per customer: meta 18 → 25, of 5 in 10 → 4 in 10; google spends 50 for nobody."""
    state = state_of(
        EARLIER,
        {"date": BEFORE.end, "channel_id": "meta", "spend": 90, "new_customers": 5},
        {"date": BEFORE.end, "channel_id": "organic", "new_customers": 5},
        {"date": NOW.end, "channel_id": "meta", "spend": 100, "new_customers": 4},
        {"date": NOW.end, "channel_id": "organic", "new_customers": 6},
        {"date": NOW.end, "channel_id": "google", "spend": 50},
    )
    found = explain(state, "blended_cac", NOW, BEFORE, ["channel_id"])
    assert (found.value, found.previous, found.change) == (15, 9, 6)
    effects = {row["channel_id"]: tuple(row[name] for name in EFFECTS) for row in found.members.to_dicts()}
    middle = Decimal(15 + 9) / 2
    assert effects == {
        "google": (0, 0, Decimal(50) / 10),
        "meta": (Decimal("-0.1") * (Decimal("21.5") - middle), Decimal("0.45") * 7, 0),
        "organic": (Decimal("0.1") * (0 - middle), 0, 0),
    }
    cac = {row["channel_id"]: row["value"] for row in found.members.to_dicts()}
    assert cac == {"google": None, "meta": 25, "organic": None}  # organic has no spend, so no CAC: null, not 0
    assert [tuple(part) for part in found.parts] == [
        ("numerator", "spend", 150, 90),
        ("denominator", "new_customers", 10, 10),
    ]


def test_what_has_no_value_says_why(state_of):
    state = state_of(EARLIER, {"date": NOW.end, "spend": 10, "new_customers": 1}, {"date": BEFORE.end, "spend": 10})
    found = explain(state, "blended_cac", NOW, BEFORE, ["channel_id"])
    assert (found.value, found.previous, found.change) == (10, None, None)
    assert found.reason == "previous period: new_customers is 0"
    nothing = explain(state_of(), "blended_cac", NOW, BEFORE)
    assert (nothing.value, nothing.reason) == (None, "no spend recorded")


@pytest.mark.parametrize(
    ("first", "kpi", "reason"),
    [
        (BEFORE.start, "revenue_net", None),
        (BEFORE.start + timedelta(1), "revenue_net", "not known before 2026-01-28"),
        (NOW.start, "revenue_net", "not known before 2026-02-03"),
        (NOW.start, "aov", "not known before 2026-02-03"),
    ],
)
def test_a_baseline_that_begins_before_the_history_is_none(state_of, first, kpi, reason):
    """A shop that sells the same every day has not grown because its first day lies in the week before."""
    sold = {"orders": 1, "revenue_gross": 9, "revenue_net": 9}
    days = [NOW.start + timedelta(n) for n in range(-7, 7) if NOW.start + timedelta(n) >= first]
    ads = {"date": BEFORE.start - timedelta(40), "spend": 1}  # the ads' history reaches further back than the shop's
    state = state_of(ads, *({"date": day, **sold} for day in days))
    found = explain(state, kpi, NOW, BEFORE, ["channel_id"])
    row = compare(state, NOW, BEFORE, [kpi]).collect().row(0, named=True)
    assert row["value"] == found.value == (63 if kpi == "revenue_net" else 9)
    assert row["reason"] == found.reason == (reason and f"previous period: {reason}")
    assert row["previous"] == found.previous == (None if reason else 63)
    assert row["change"] == found.change == (None if reason else 0)
    assert found.members["contribution"].to_list() == [None if reason else 0]
    assert found.members["previous"].to_list() == [None if reason else 63]


@pytest.mark.parametrize(
    ("kpi", "value", "reason"),
    [
        ("blended_cac", None, "spend is known from 2026-02-07 on"),
        ("mer", None, "spend is known from 2026-02-07 on"),
        ("contribution_after_marketing", None, "spend is known from 2026-02-07 on"),
        ("claimed_ratio", None, "platform_conversions is known from 2026-02-09 on"),
        ("spend", 20, "previous period: spend is known from 2026-02-07 on"),
        ("cpc", 2, "previous period: spend is known from 2026-02-07 on"),
        ("aov", 9, None),
    ],
)
def test_what_is_known_of_a_part_of_the_window_is_divided_by_nothing_that_is_known_of_all(state_of, kpi, value, reason):
    """The ads were connected on Saturday; no spend on Sunday is none that is unknown."""
    sold = {"orders": 1, "new_customers": 1, "revenue_gross": 9, "revenue_net": 9, "channel_id": "direct"}
    days = [BEFORE.start + timedelta(n) for n in range(-7, 14)]
    ads = [{"date": date(2026, 2, day), "spend": 10, "clicks": 5} for day in (7, 9)]
    claims = {"date": date(2026, 2, 9), "platform_conversions": 1}
    state = state_of(claims, *ads, *({"date": day, **sold} for day in days))
    found = explain(state, kpi, NOW, BEFORE, ["channel_id"])
    row = compare(state, NOW, BEFORE, [kpi]).collect().row(0, named=True)
    assert row["value"] == found.value == value
    assert row["reason"] == found.reason == reason
    assert found.members["contribution"].is_null().all() == (reason is not None)
    assert rollup(state, [kpi], window=NOW).collect().item() == value


@pytest.mark.parametrize(
    ("kpi", "by", "says"),
    [
        ("blended_cac", "product_id", "blended_cac by product_id means nothing: spend .* ads are bought for campaigns"),
        ("sessions", "customer_id", "sessions by customer_id means nothing: sessions .* does not say whose"),
        ("contribution_after_marketing_pct", "sku", "Read it by date, week, month, channel_id, campaign_id"),
        ("orders", "category", "an order may hold several products"),
        ("revenue_net", "product_id", "cannot be read by product_id; it has date, channel_id, campaign_id"),
        ("revenue_net", "spend", "cannot be read by spend"),
        ("ltv_at_days", "channel_id", "kpis.cohorts"),
        ("revenue_total", "channel_id", "tax and duties"),
        ("revenue_nett", "channel_id", "did you mean revenue_net"),
    ],
)
def test_a_grain_where_a_kpi_means_nothing_is_an_error_that_says_why(state_of, kpi, by, says):
    for ask in (
        lambda: explain(state_of(), kpi, NOW, BEFORE, [by]),
        lambda: rollup(state_of(), [kpi], [by]),
        lambda: compare(state_of(), NOW, BEFORE, [kpi], [by]),
    ):
        with pytest.raises(ValueError, match=says):
            ask()


def test_dimensions_are_those_that_all_measures_have():
    assert "product_id" in dimensions(KPIS["revenue_net"])
    assert dimensions(KPIS["aov"])[-4:] == ("order_id", "customer_id", "country", "cohort_month")
    assert dimensions(KPIS["amer"]) == ("date", "week", "month", "channel_id", "campaign_id")
