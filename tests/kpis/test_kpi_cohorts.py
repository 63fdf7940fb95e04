"""Acquisition cohorts against a plain-python oracle, and what is not known yet."""

from datetime import timedelta
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kpi_frames import FIRST, MONEY, ORDERS

from kpis.cohorts import LTV_DAYS, RETENTION_DAYS, RetentionBaseline, baseline_retention, cohorts


def orders_of(*rows):
    """Orders from (customer, day after FIRST, revenue); the margin is half of the revenue, and no more is known."""
    return pl.DataFrame(
        [
            {
                "customer_id": who,
                "order_id": str(number),
                "order_date": FIRST + timedelta(day),
                "revenue_net": Decimal(str(net)),
                "contribution_margin": Decimal(str(net)) / 2,
            }
            for number, (who, day, net) in enumerate(rows)
        ],
        schema=ORDERS,
    )


def spend_of(**by_day):
    days = [FIRST + timedelta(int(day.removeprefix("d"))) for day in by_day]
    money = [None if v is None else Decimal(str(v)) for v in by_day.values()]
    return pl.DataFrame({"date": days, "spend": money}, schema={"date": pl.Date, "spend": MONEY})


def build(orders, last_day, spend=None):
    frame = cohorts(orders, spend_of() if spend is None else spend, FIRST + timedelta(last_day)).collect()
    return {row["cohort_month"]: row for row in frame.iter_rows(named=True)}


def test_retention_counts_customers_not_their_orders():
    again = {7: 1, 30: 3, 60: 4, 90: 5}
    rows = [(f"c{i}", 0, 10) for i in range(10)]
    for by_day, customers in again.items():
        rows += [(f"c{i}", by_day, 10) for i in range(customers)]
    cohort = build(orders_of(*rows), 90)["2025-08"]
    assert [cohort[f"d{n}_retention"] for n in RETENTION_DAYS] == [0.1, 0.3, 0.4, 0.5]

    eighty = [(f"c{i}", 0, 10) for i in range(100)] + [(f"c{i % 20}", 1 + i // 20, 10) for i in range(80)]
    assert build(orders_of(*eighty), 40)["2025-08"]["d30_retention"] == 0.20


def test_a_second_order_on_the_first_day_is_not_coming_back():
    cohort = build(orders_of(("a", 0, 10), ("a", 0, 5)), 30)["2025-08"]
    assert (cohort["d7_retention"], cohort["ltv30"]) == (0, 15)


def test_the_window_includes_its_last_day():
    on_day_30, on_day_31 = (build(orders_of(("a", 0, 10), ("a", n, 10)), 60)["2025-08"] for n in (30, 31))
    assert (on_day_30["d30_retention"], on_day_31["d30_retention"]) == (1, 0)
    assert (on_day_30["ltv30"], on_day_31["ltv30"]) == (20, 10)


def test_numbers_are_null_until_the_youngest_customer_is_that_old():
    orders = orders_of(("a", 0, 10), ("b", 20, 30))
    young, old = build(orders, 49)["2025-08"], build(orders, 50)["2025-08"]
    assert (young["observed_days"], young["d7_retention"], young["d30_retention"], young["ltv30"]) == (
        29,
        0,
        None,
        None,
    )
    assert (old["observed_days"], old["d30_retention"], old["ltv30"], old["ltv90"]) == (30, 0, 20, None)


def test_guests_and_later_days_are_not_looked_at():
    orders = orders_of((None, 0, 99), ("a", 1, 10), ("a", 20, 10), ("b", 21, 10))
    cohort = build(orders, 10)["2025-08"]
    assert (cohort["cohort_size"], cohort["observed_days"], cohort["d7_retention"]) == (1, 9, 0)


def test_cac_is_the_months_spend_per_new_customer():
    orders = orders_of(("a", 0, 10), ("b", 1, 10), ("c", 31, 10))
    found = build(orders, 60, spend_of(d0=30, d30=10, d31=None))
    assert (found["2025-08"]["avg_cac"], found["2025-09"]["avg_cac"]) == (20, None)
    assert [cohort["is_left_truncated"] for cohort in found.values()] == [True, False]
    assert build(orders, 50, spend_of(d0=30, d50=7, d51=100))["2025-09"]["avg_cac"] == 7, "up to the last day"


@pytest.mark.parametrize(
    ("spend", "last_day", "days"),
    [
        (5, 90, 0),  # the first order's margin (5 of 10) already earns it back, exactly
        (5.01, 90, 40),
        (10, 90, 40),
        (10, 39, None),  # not that old yet
        (10.01, 90, None),  # not reached
        (0, 90, None),  # nothing to earn back
        (None, 90, None),
    ],
)
def test_payback_is_read_from_the_real_curve(spend, last_day, days):
    orders = orders_of(("a", 0, 10), ("a", 40, 10))
    assert build(orders, last_day, spend_of(d0=spend))["2025-08"]["payback_days"] == days


def test_what_was_earned_is_held_against_what_was_spent_to_the_cent():
    orders = orders_of(("a", 0, 0.14), ("b", 0, 0.14), ("c", 0, 0.14))  # each leaves 0.07: 0.21 / 3 * 3 < 0.21
    assert build(orders, 30, spend_of(d0=0.21))["2025-08"]["payback_days"] == 0


def test_payback_waits_until_the_whole_cohort_was_that_old():
    # a's day 20 would pay back, but b has only been seen for 15 days.
    orders = orders_of(("a", 0, 10), ("b", 10, 10), ("a", 20, 100))
    assert build(orders, 25, spend_of(d0=50))["2025-08"]["payback_days"] is None
    assert build(orders, 30, spend_of(d0=50))["2025-08"]["payback_days"] == 20


def test_no_orders_give_no_cohorts_of_the_same_types():
    empty, some = cohorts(orders_of(), spend_of(), FIRST), cohorts(orders_of(("a", 0, 1)), spend_of(), FIRST)
    assert empty.collect().is_empty()
    assert empty.collect().schema == some.collect().schema


HISTORY = st.lists(
    st.tuples(st.sampled_from("abcdef") | st.none(), st.integers(0, 200), st.integers(0, 500)), max_size=25
)


@settings(max_examples=50)
@given(HISTORY, st.integers(0, 250), st.randoms(use_true_random=False))
def test_cohorts_agree_with_counting_by_hand(rows, last_day, random):
    shuffled = random.sample(rows, len(rows))
    found = build(orders_of(*shuffled), last_day)
    seen = [(who, day, net) for who, day, net in rows if who is not None and day <= last_day]
    first: dict[str, int] = {}
    for who, day, _ in seen:
        first[who] = min(day, first.get(who, day))
    months = {who: (FIRST + timedelta(day)).strftime("%Y-%m") for who, day in first.items()}
    assert sorted(set(months.values())) == list(found)
    for month, cohort in found.items():
        members = {who for who in first if months[who] == month}
        observed = last_day - max(first[who] for who in members)
        assert (cohort["cohort_size"], cohort["observed_days"]) == (len(members), observed)
        for n in RETENTION_DAYS:
            back = {who for who, day, _ in seen if who in members and 0 < day - first[who] <= n}
            assert cohort[f"d{n}_retention"] == (len(back) / len(members) if observed >= n else None)
        for n in LTV_DAYS:
            worth = sum(net for who, day, net in seen if who in members and day - first[who] <= n)
            assert cohort[f"ltv{n}"] == (worth / len(members) if observed >= n else None)


@settings(max_examples=50)
@given(HISTORY)
def test_retention_and_value_only_grow_with_age(rows):
    for cohort in build(orders_of(*rows), 450).values():
        retention = [cohort[f"d{n}_retention"] for n in RETENTION_DAYS]
        assert min(retention) >= 0
        assert max(retention) <= 1
        assert retention == sorted(retention)
        assert cohort["ltv30"] <= cohort["ltv90"] <= cohort["ltv180"]


def cohort_frame(*rows):
    schema = {
        "cohort_month": pl.String,
        "cohort_size": pl.Int64,
        "d30_retention": pl.Float64,
        "is_left_truncated": pl.Boolean,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def test_baseline_weighs_older_mature_cohorts_by_size():
    frame = cohort_frame(
        ("2025-08", 900, 0.90, True),
        ("2025-09", 300, 0.20, False),
        ("2025-10", 100, 0.40, False),
        ("2025-11", 50, 0.18, False),
        ("2025-12", 70, None, False),
    )
    assert baseline_retention(frame) == RetentionBaseline("2025-11", 0.18, pytest.approx(0.25))


def test_baseline_is_unknown_without_older_mature_cohorts():
    assert baseline_retention(cohort_frame(("2025-08", 9, 0.9, True))) == (None, None, None)
    alone = cohort_frame(("2025-08", 9, 0.9, True), ("2025-09", 9, 0.3, False))
    assert baseline_retention(alone) == ("2025-09", 0.3, None)
