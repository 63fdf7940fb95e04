"""RFM scores and segment rules."""

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpis.segments import SEGMENTS, rfm

TODAY = date(2026, 2, 9)
SCHEMA = {"customer_id": pl.String, "order_date": pl.Date, "revenue_net": pl.Decimal(38, 4)}


def orders_of(*rows):
    """Orders from (customer, days ago, revenue)."""
    full = [(who, TODAY - timedelta(ago), net) for who, ago, net in rows]
    return pl.DataFrame(full, schema=SCHEMA, orient="row")


def test_five_customers_fill_the_five_scores():
    ladder = [(f"c{i}", 10 * (5 - i), 1) for i in range(1, 6) for _ in range(i)]
    found = rfm(orders_of(*ladder), TODAY).collect()
    assert found["recency_days"].to_list() == [40, 30, 20, 10, 0]
    for score in ("r_score", "f_score", "m_score"):
        assert found[score].to_list() == [1, 2, 3, 4, 5]
    assert found["segment"].to_list() == ["Lost", "Dormant", "Loyal", "Champions", "Champions"]


def test_who_are_equally_recent_share_the_better_score_and_who_bought_equally_often_the_lower():
    rows = [(who, 0, 1) for who in "abc"] + [("d", 9, 1), ("d", 9, 1), ("e", 9, 2)]
    found = rfm(orders_of(*rows), TODAY).collect()
    assert found["r_score"].to_list() == [5, 5, 5, 2, 2]
    assert found["f_score"].to_list() == [1, 1, 1, 5, 1]
    assert found["m_score"].to_list() == [1, 1, 1, 4, 4]


def test_a_customer_alone_is_in_the_middle():
    row = rfm(orders_of(("a", 3, 10)), TODAY).collect().row(0, named=True)
    assert (row["r_score"], row["f_score"], row["m_score"], row["segment"]) == (3, 3, 3, "Loyal")


def test_guests_and_later_days_are_left_out():
    found = rfm(orders_of((None, 1, 10), ("a", -1, 10), ("b", 5, 2), ("b", 9, 3)), TODAY).collect()
    assert found.select("customer_id", "recency_days", "frequency", "monetary").rows() == [("b", 5, 2, 5)]


@pytest.mark.parametrize(
    ("scores", "segment"),
    [
        ((4, 4, 4), "Champions"),
        ((5, 5, 3), "Loyal"),
        ((3, 3, 3), "Loyal"),
        ((5, 1, 2), "Potential"),
        ((3, 3, 2), "Potential"),
        ((3, 2, 3), "Potential"),
        ((2, 3, 5), "At Risk"),
        ((2, 3, 2), "Dormant"),
        ((1, 1, 5), "Lost"),
        ((1, 2, 1), "Dormant"),
        ((2, 1, 1), "Dormant"),
        ((5, 5, 1), "Dormant"),
    ],
)
def test_the_first_rule_that_holds_names_the_segment(scores, segment):
    frame = pl.DataFrame([scores], schema=["r_score", "f_score", "m_score"], orient="row")
    assert next(s.name for s in SEGMENTS if frame.select(s.rule).item()) == segment


ROWS = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 300), st.integers(-50, 500)),
    min_size=1,
    max_size=30,
)


@settings(max_examples=50)
@given(ROWS)
def test_scores_are_fifths_in_the_order_of_what_they_score(rows):
    found = rfm(orders_of(*rows), TODAY).collect()
    for value, score, descending in (
        ("recency_days", "r_score", True),
        ("frequency", "f_score", False),
        ("monetary", "m_score", False),
    ):
        ranked = found.sort(value, descending=descending)[score]
        assert ranked.is_between(1, 5).all()
        assert ranked.is_sorted()
        assert (found.group_by(value).agg(pl.col(score).n_unique())[score] == 1).all()
    assert found["segment"].is_in([s.name for s in SEGMENTS]).all()
