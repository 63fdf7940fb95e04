"""The weekly review, and the split of the change in gross revenue."""

import re
from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpis import Window, compare, wbr
from kpis.alerts import evaluate
from kpis.cohorts import cohorts
from kpis.drivers import revenue_drivers
from kpis.words import Movement, change_text, value_text

WEEK = Window(date(2026, 2, 3), date(2026, 2, 9))
NO_COHORTS = cohorts(
    pl.DataFrame(
        schema={
            "customer_id": pl.String,
            "order_date": pl.Date,
            "revenue_net": pl.Float64,
            "contribution_margin": pl.Float64,
        }
    ),
    pl.DataFrame(schema={"date": pl.Date, "spend": pl.Float64}),
    WEEK.end,
).collect()


def review(state, week=WEEK, cohort_frame=NO_COHORTS):
    before = week.previous()
    return wbr.render(
        week,
        compare(state, week, before, wbr.SUMMARY_KPIS).collect(),
        compare(state, week, before, wbr.CHANNEL_KPIS, ["channel_id"]).collect(),
        evaluate(state, cohort_frame, week, channel_names={"meta": "Meta Ads"}, currency="EUR"),
        cohort_frame,
        currency="EUR",
        channel_names={"meta": "Meta Ads"},
    )


@pytest.fixture(scope="session")
def full(state_of):
    """Two weeks of a shop with ads and traffic whose CAC has doubled in each of its channels."""
    week = {"revenue_gross": 6000, "revenue_net": 5000, "orders": 60, "contribution_margin": 2000}
    traffic = {"sessions": 3000, "purchases": 60}
    return state_of(
        {"date": WEEK.end, "spend": 2000, "new_customers": 20, **week, **traffic},
        {"date": WEEK.end, "channel_id": "google", "spend": 1000, "new_customers": 5, **week},
        {"date": WEEK.end, "channel_id": "organic", **week},
        {"date": WEEK.previous().end, "spend": 1000, "new_customers": 20, **week, **traffic},
        {"date": WEEK.previous().end, "channel_id": "google", "spend": 500, "new_customers": 5, **week},
        {"date": WEEK.previous().end, "channel_id": "organic", **week, "revenue_gross": 5000, "orders": 50},
        {"date": WEEK.previous().start},
    )


def section(text, title):
    return re.search(rf"## {title}\n\n(.*?)(?=\n\n## |\Z)", text, re.DOTALL)[1].strip()


def test_the_sections_stand_in_order(full):
    text = review(full)
    assert text.startswith("# Weekly Business Review — Feb 3 – Feb 9, 2026\n\n")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == [
        "What Happened",
        "Key Drivers",
        "Channels",
        "Risks",
        "Next Week Priorities",
    ]


def test_both_years_where_they_differ(full):
    assert "Dec 29, 2025 – Jan 4, 2026" in review(full, Window(date(2025, 12, 29), date(2026, 1, 4)))


def test_what_happened_has_the_tenants_money_and_the_changes(full):
    text = section(review(full), "What Happened")
    assert "- **Gross revenue**: EUR 18,000 (+5.9% vs the week before)" in text
    assert "- **Blended CAC**: EUR 120.00 (+100.0% vs the week before)" in text
    assert "- **Contribution margin %**: 40.0% (+0.0 pp vs the week before)" in text
    assert "- Not known: 30-day retention (no cohort is old enough yet)" in text


def test_key_drivers_start_with_the_largest(full):
    lines = section(review(full), "Key Drivers").splitlines()
    assert lines[0] == "Gross revenue changed by +EUR 1,000:"
    assert lines[2:] == [
        "- **Conversion (orders ÷ sessions)**: +EUR 1,000 (5.7% → 6.0%)",
        "- **Sessions**: +EUR 0.00 (3,000 → 3,000)",
        "- **Order value (gross ÷ orders)**: +EUR 0.00 (EUR 100.00 → EUR 100.00)",
    ]


def test_channels_are_sorted_named_and_say_what_is_unknown(state_of, full):
    table = section(review(full), "Channels").splitlines()
    assert table[0] == "| Channel | Net revenue | Change | Orders | New customers | Ad spend | ROAS | Channel CAC |"
    assert "| Meta Ads | EUR 5,000 | +0.0% | 60 | 20 | EUR 2,000 | 2.50× | EUR 100.00 |" in table
    assert table[-1] == "- —: no spend recorded (organic)"
    assert {line.count("|") for line in table if line.startswith("|")} == {9}


def test_risks_and_priorities_follow_the_alerts(full):
    text = review(full.with_columns(pl.col("new_customers") * 20))  # enough of them to be no chance
    risks = section(text, "Risks").splitlines()
    assert risks[0].startswith("- **Critical** · Blended CAC is rising (All Paid Channels): Blended CAC +100.0%")
    priorities = section(text, "Next Week Priorities").splitlines()
    assert [int(line.split(".")[0]) for line in priorities] == list(range(1, len(priorities) + 1))
    assert sum("google, Meta Ads" in line for line in priorities) == 1  # one advice for both channels


def test_a_shop_with_orders_only_gets_a_sensible_review(state_of):
    week = {"channel_id": "direct", "revenue_gross": 600, "revenue_net": 500, "orders": 6, "new_customers": 2}
    text = review(
        state_of(
            {"date": WEEK.end, **week},
            {"date": WEEK.previous().end, **week, "revenue_gross": 500, "orders": 5},
        )
    )
    happened = section(text, "What Happened")
    assert "- Not known: Ad spend, MER, Blended CAC (no spend recorded)" in happened
    assert "- Not known: Sessions (no sessions recorded)" in happened
    assert "- **Orders**: +EUR 100.00 (5 → 6)" in section(text, "Key Drivers")
    assert section(text, "Risks") == "No alert fired this week."
    priorities = section(text, "Next Week Priorities")
    assert "Connect the ad accounts" in priorities
    assert "ROAS" not in priorities


def test_a_shop_with_nothing_says_so(state_of):
    text = review(state_of())
    assert "Blended CAC, Average" not in text
    assert "**Orders**: 0 (no comparison: previous is 0)" in text
    assert "cannot be split" in section(text, "Key Drivers")
    assert section(text, "Channels").startswith("No channel had orders")


def test_retention_is_told_with_what_it_is_held_against(full):
    frame = pl.DataFrame(
        {
            "cohort_month": ["2025-11", "2025-12"],
            "cohort_size": [10, 10],
            "d30_retention": [0.25, 0.125],
            "is_left_truncated": [False, False],
        }
    )
    text = section(review(full, cohort_frame=frame), "What Happened")
    assert "- **30-day retention**: 12.5% of the 2025-12 cohort (25.0% in older ones)" in text
    alone = section(review(full, cohort_frame=frame.tail(1)), "What Happened")
    assert "(no older cohort)" in alone


def test_a_missing_kpi_is_a_clear_error(full):
    part = compare(full, WEEK, WEEK.previous(), ["orders"]).collect()
    with pytest.raises(ValueError, match="summary lacks contribution_margin_total"):
        wbr.render(WEEK, part, part.clear(), pl.DataFrame(), NO_COHORTS, "EUR")


POSITIVE = st.floats(0.01, 1e9)
COUNT = st.integers(1, 10**7)


@settings(deadline=None)
@given(*[st.tuples(kind, kind) for kind in (POSITIVE, COUNT)], st.none() | st.tuples(COUNT, COUNT))
def test_the_drivers_sum_to_the_change(revenue, orders, sessions):
    def movement(pair):
        return Movement("", "count", *(pair or (None, None)), change=None)

    summary = {
        "revenue_gross": movement(revenue),
        "orders": movement(orders),
        "sessions": movement(sessions),
    }
    drivers = revenue_drivers(summary)
    assert len(drivers) == (2 if sessions is None else 3)
    total = sum(driver.effect for driver in drivers)
    assert total == pytest.approx(revenue[0] - revenue[1], abs=1e-9 * max(revenue), rel=1e-9)
    for driver in drivers:
        assert driver.effect * (driver.value - driver.previous) >= 0  # each pulls the way it moved


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (12345.6, "money", "USD 12,346"),
        (-12.345, "money", "-USD 12.35"),
        (-0.001, "money", "USD 0.00"),
        (1234.0, "count", "1,234"),
        (3.456, "ratio", "3.46×"),
        (0.1234, "percent", "12.3%"),
        (45.0, "days", "45 days"),
    ],
)
def test_values_as_people_read_them(value, unit, text):
    assert value_text(value, unit, "USD") == text


def test_changes_as_people_read_them():
    assert change_text(0.1234, "money") == "+12.3%"
    assert change_text(-0.03, "percent") == "-3.0 pp"
    assert change_text(-0.00001, "count") == "+0.0%"
