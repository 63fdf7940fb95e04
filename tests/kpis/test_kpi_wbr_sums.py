"""What the weekly review takes apart sums to what it explains, exactly."""

from datetime import timedelta
from decimal import Decimal

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kpi_frames import begun
from wbr_shop import BEFORE, WEEK, written

from kpis import wbr
from kpis.drivers import customer_drivers, net_revenue_drivers, revenue_drivers
from kpis.words import Movement

POSITIVE = st.floats(0.01, 1e7).map(lambda amount: round(amount, 4))
COUNT = st.integers(1, 10**6)


def movement(pair, label=""):
    return Movement(label, "count", *(pair or (None, None)), change=None)


@given(
    *[st.tuples(kind, kind) for kind in (POSITIVE, COUNT, COUNT, POSITIVE, POSITIVE, POSITIVE)],
    st.none() | st.tuples(COUNT, COUNT),
)
def test_drivers_sum_to_the_change_to_the_last_digit(revenue, orders, customers, spend, discounts, refunds, sessions):
    pairs = {"revenue_gross": revenue, "orders": orders, "sessions": sessions, "new_customers": customers}
    pairs |= {"spend": spend, "discounts": discounts, "refunds": refunds}
    summary = {name: movement(pair, name) for name, pair in pairs.items()}

    def change(pair):
        return Decimal(f"{pair[0]:.4f}") - Decimal(f"{pair[1]:.4f}")

    gross = revenue_drivers(summary)
    assert len(gross) == (2 if sessions is None else 3)
    assert sum(driver.effect for driver in gross) == change(revenue)
    net = net_revenue_drivers(summary)
    assert sum(driver.effect for driver in net) == change(revenue) - change(discounts) - change(refunds)
    assert sum(driver.effect for driver in customer_drivers(summary)) == change(customers)
    for driver in gross:
        assert float(driver.effect) * (driver.value - driver.previous) >= -1e-3  # each pulls the way it moved


CHANNELS = st.sampled_from(["meta", "google", "organic", "email", "direct"])
ROW = st.fixed_dictionaries(
    {
        "date": st.sampled_from([WEEK.start, WEEK.end, BEFORE.start, BEFORE.end]),
        "channel_id": CHANNELS,
        "campaign_id": st.sampled_from(["(none)", "meta:1", "google:2", "google:3"]),
        "orders": st.integers(0, 9),
        "new_customers": st.integers(0, 5),
        "revenue_net": st.integers(-5000, 99999).map(lambda cents: Decimal(cents) / 100),
        "spend": st.none() | st.integers(0, 9999).map(lambda cents: Decimal(cents) / 100),
    }
)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROW, min_size=1, max_size=12))
def test_whatever_a_review_takes_apart_sums_to_its_change(state_of, rows):
    rows = [{**row, "revenue_gross": row["revenue_net"]} for row in rows]
    state = state_of(begun(BEFORE.start - timedelta(1)) | {"revenue_net": 1}, *rows)
    products = state.select("date", pl.col("campaign_id").alias("product_id"), "revenue_net")
    review = written(state, products=products)
    for change in review.changes:
        assert sum(effect.amount for effect in change.effects) == change.value - change.previous, change.sentence
    net = sum((row["revenue_net"] * (1 if row["date"] >= WEEK.start else -1) for row in rows), Decimal())
    for by in ("channel_id", "campaign_id", "product_id"):
        (one,) = [one for one in review.explained if (one.kpi, one.by) == ("revenue_net", by)]
        assert sum((member.contribution for member in one.members), Decimal()) == net
    # and in whatever order the rows come, every byte is the same
    backwards = written(state.reverse(), products=products.reverse())
    assert wbr.html(backwards) == wbr.html(review)
    assert wbr.markdown(backwards) == wbr.markdown(review)
