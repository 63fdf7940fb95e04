"""Cohort curves by hand and by a plain-python count: who is in which cohort, at which age, of how many it is said."""

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kpi_frames import FIRST, LINES, MONEY, ORDERS

from kpis.curves import AGES, FEW, acquired, curves, daily, months, payback
from kpis.kpi import Kpi
from kpis.lives import COHORTINGS, UNKNOWN, lives, state, with_cohorts
from kpis.reading import VALUES, by_age, by_month


def orders_of(*rows, channel="meta", discount=0):
    """Orders from (customer, day after FIRST, revenue); the margin is half of the revenue."""
    seen, found = set(), []
    for n, (who, day, net) in sorted(enumerate(rows), key=lambda row: (row[1][1], row[0])):
        money, off = Decimal(str(net)), Decimal(str(discount))
        found.append(
            (str(n), who, FIRST + timedelta(day), who not in seen, channel, money + off, off, money, money / 2)
        )
        seen.add(who)
    return pl.DataFrame(found, schema=ORDERS, orient="row")


def lines_of(*rows):
    """Lines from (order, line, product, sku, revenue)."""
    full = [(order, line, product, sku, Decimal(net), Decimal(0)) for order, line, product, sku, net in rows]
    return pl.DataFrame(full, schema=LINES, orient="row")


def lived(orders, last_day, lines=None):
    found = lives(orders, FIRST + timedelta(last_day))
    return with_cohorts(found, lines_of() if lines is None else lines).collect()


def curve(orders, last_day, by="all", truncated=True):
    """age_days → row, of the one cohort of that cohorting."""
    rows = curves(daily(lived(orders, last_day), [COHORTINGS[by]])).filter(is_left_truncated=truncated).collect()
    return {row["age_days"]: row for row in rows.iter_rows(named=True)}


def test_a_figure_at_an_age_is_of_those_who_have_reached_it():
    # on day 40 a is 40 days old, b 20
    found = curve(orders_of(("a", 0, 10), ("a", 10, 20), ("b", 20, 100), ("b", 25, 100)), 40)
    assert [(age, row["mature_customers"], row["orders"]) for age, row in found.items()] == [
        (0, 2, 2), (7, 2, 3), (14, 2, 4), (30, 1, 2),
    ]  # fmt: skip
    assert [found[age]["revenue_net"] for age in (0, 7, 14, 30)] == [110, 210, 230, 30]
    assert [found[age]["returned_customers"] for age in (0, 7, 14, 30)] == [0, 1, 2, 1]
    assert {row["cohort_size"] for row in found.values()} == {2}


def test_the_mean_cumulative_function_by_hand():
    """At day 10 a alone adds 20, of two observed; on day 25 a adds 6, and b is no longer observed: 20/2 + 6/1."""
    found = curve(orders_of(("a", 0, 10), ("a", 10, 20), ("a", 25, 6), ("b", 20, 100)), 40)
    assert found[0]["mean_revenue_net"] == 55
    assert found[14]["mean_revenue_net"] == 65
    assert found[30]["mean_revenue_net"] == 71
    assert found[30]["revenue_net"] / found[30]["mature_customers"] == 36  # only a has reached it
    assert found[30]["mean_orders"] == 1 + 1 / 2 + 1
    assert found[30]["mean_contribution_margin"] == 35.5


def test_the_young_do_not_lower_the_mean_cumulative_function():
    """Buyers of 10 on day 0 and 30 years old or young: dividing by everybody would say less, the more young ones."""
    old = [(f"old{i}", day, 10) for i in range(3) for day in (0, 30)]
    young = [(f"young{i}", 55, 10) for i in range(50)]
    alone, crowded = curve(orders_of(*old), 60), curve(orders_of(*old, *young), 60)
    assert alone[60]["mean_revenue_net"] == crowded[60]["mean_revenue_net"] == 20


def test_a_second_order_on_the_first_day_repeats_but_does_not_return():
    found = curve(orders_of(("a", 0, 10), ("a", 0, 5), ("b", 0, 10), ("b", 3, 10)), 30)
    assert [(row["repeat_customers"], row["returned_customers"]) for row in found.values()] == [
        (1, 0), (2, 1), (2, 1), (2, 1),
    ]  # fmt: skip


def test_a_state_at_an_age_is_of_those_that_old_and_of_what_they_did_by_then():
    """Of the first month's nobody, of "late" not yet; of "a" not what came a day too late."""
    orders = orders_of(("old", 0, 1), ("a", 40, 10), ("a", 70, 20), ("a", 71, 40), ("late", 41, 80))
    found = state(lived(orders, 70), 30)
    assert found.select("customer_id", "revenue_net").collect().rows() == [("a", 10), ("a", 20)]
    assert state(lived(orders, 71), 30).select(pl.sum("revenue_net", "mature_customers")).collect().row(0) == (110, 2)


def test_ages_are_of_days_not_of_hours():
    """Over the end of summer time (26 October 2025 in Berlin) a day is a day: instants are not looked at."""
    start = (date(2025, 10, 19) - FIRST).days
    assert curve(orders_of(("a", start, 10), ("a", start + 7, 10)), start + 7)[7]["returned_customers"] == 1


def test_a_month_is_in_the_curve_when_it_is_over():
    orders = orders_of(("a", 0, 10), ("a", 30, 5), ("a", 31, 7), ("b", 45, 9))  # August, August, September; September
    rows = months(lived(orders, 60), [COHORTINGS["all"]]).collect()  # the 30th of September
    told = rows.select("is_left_truncated", "month", "mature_customers", "active_customers", "orders", "revenue_net")
    assert told.rows() == [(False, 0, 1, 1, 1, 9), (True, 0, 1, 1, 2, 15), (True, 1, 1, 1, 1, 7)]
    unfinished = months(lived(orders, 59), [COHORTINGS["all"]]).collect()
    assert unfinished.select("is_left_truncated", "month", "cohort_size").rows() == [(True, 0, 1)]


def test_a_month_that_is_not_over_for_a_customer_is_in_no_sum():
    """In November b's second month is over and c's is not: what c does in it does not count yet."""
    days = {name: (day - FIRST).days for name, day in (("b", date(2025, 9, 5)), ("c", date(2025, 10, 5)))}
    orders = orders_of(("old", 0, 1), ("b", days["b"], 1), ("c", days["c"], 1), ("c", days["c"] + 30, 1))
    rows = months(lived(orders, days["c"] + 40), [COHORTINGS["all"]]).filter(is_left_truncated=False).collect()
    assert rows.select("month", "mature_customers", "active_customers", "orders").rows() == [(0, 2, 2, 2), (1, 1, 0, 0)]


@pytest.mark.parametrize(("customers", "is_small"), [(FEW - 1, True), (FEW, False)])
def test_few_customers_are_marked(customers, is_small):
    found = curve(orders_of(*((f"c{n}", 0, 1) for n in range(customers))), 0)
    assert found[0]["is_small"] == is_small


def test_the_first_month_of_the_history_is_a_cohort_of_its_own():
    found = lived(orders_of(("a", 0, 1), ("b", 30, 1), ("c", 31, 1)), 40)  # the 31st of August is a Sunday
    rows = curves(daily(found)).filter(pl.col("age_days") == 0).select("cohort_by", "cohort", "is_left_truncated")
    assert set(rows.collect().rows()) >= {
        ("month", "2025-08", True), ("month", "2025-09", False),
        ("week", "2025-07-28", True), ("week", "2025-08-25", True), ("week", "2025-09-01", False),
        ("all", "all", True), ("all", "all", False),
    }  # fmt: skip


def test_a_week_over_the_end_of_the_first_month_is_divided():
    later = {name: (day - FIRST).days for name, day in (("old", date(2025, 9, 30)), ("new", date(2025, 10, 1)))}
    orders = orders_of(*((name, day, 1) for name, day in later.items()))
    rows = curves(daily(lived(orders, 70), [COHORTINGS["week"]])).filter(age_days=0).collect()
    assert rows.select("cohort", "is_left_truncated", "cohort_size").rows() == [
        ("2025-09-29", False, 1), ("2025-09-29", True, 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "product"),
    [
        ([("0", "a", "p1", None, 5), ("0", "b", "p2", None, 9)], "p2"),
        ([("0", "b", "p2", None, 9), ("0", "a", "p1", None, 9)], "p1"),  # equal: the lowest line
        ([("0", "a", None, "sku", 5)], "sku"),
        ([("0", "a", None, None, 5)], UNKNOWN),
        ([("1", "a", "p1", None, 5)], UNKNOWN),  # of the second order
        ([], UNKNOWN),
    ],
)
def test_the_first_product_is_that_of_the_largest_line(lines, product):
    found = lived(orders_of(("a", 0, 10), ("a", 1, 10)), 5, lines_of(*lines))
    assert found["first_product"].to_list() == [product, product]


@pytest.mark.parametrize(
    ("net", "discount", "band"),
    [(100, 0, "0%"), (0, 0, "0%"), (90, 10, "0-10%"), ("89.96", "10.04", "0-10%"), (80, 20, "10-20%"),
     (70, 30, "20-30%"), (60, 40, "30%+"), (0, 40, "30%+")],
)  # fmt: skip
def test_discounts_are_in_bands(net, discount, band):
    assert lived(orders_of(("a", 0, net), discount=discount), 5)["first_discount"].item() == band


def spend_of(*rows):
    full = [(FIRST + timedelta(day), channel, Decimal(str(money))) for day, channel, money in rows]
    return pl.DataFrame(full, schema={"date": pl.Date, "channel_id": pl.String, "spend": MONEY}, orient="row")


def test_payback_of_a_channel_is_read_from_its_mean_curve():
    """Customers come every day and leave 5 on the first day and 5 on the tenth: 8 each is paid back on day 10."""
    since = 40  # past the first month
    rows = [("x", 0, 10)]
    for n in range(FEW + 10):
        rows += [(f"c{n}", since + n // 10, 10), (f"c{n}", since + n // 10 + 10, 10)]
    orders, size = orders_of(*rows), FEW + 10
    found = lived(orders, since + 20)

    def days(money, channel="meta"):
        spend = acquired(found, spend_of((since, channel, money), (0, channel, 10**6)), FIRST + timedelta(since + 20))
        back = payback(daily(found), spend).filter(cohort_by="channel", is_left_truncated=False).collect()
        return back["payback_days"].to_list()

    assert days(5 * size) == [0]
    assert days(8 * size) == [10]
    assert days(10 * size) == [10]
    assert days(10 * size + 1) == []
    assert days(0) == []
    assert days(5, "google") == []


def test_payback_waits_for_enough_customers():
    rows = [("x", 0, 10), *((f"c{n}", 40, 10) for n in range(FEW - 1))]
    found = lived(orders_of(*rows), 60)
    spend = acquired(found, spend_of((40, "meta", 1)), FIRST + timedelta(60))
    back = payback(daily(found), spend).filter(is_left_truncated=False).collect()
    assert set(back["cohort_by"]) == {"month", "week"}  # which are all there will be of them
    assert acquired(found, spend_of((61, "meta", 1)), FIRST + timedelta(60)).collect().is_empty()


def test_a_cohort_that_began_before_spend_is_known_cost_nobody_knows_what():
    """Ads were connected on the 43rd day: what the customers of September cost is known of a part of them alone."""
    rows = [("old", 0, 10), ("a", 40, 10), ("b", 43, 10), ("c", 65, 10), ("d", 70, 10)]
    found = lived(orders_of(*rows), 100)

    def known(first):
        spend = spend_of((first, "meta", 1), (65, "meta", 2), (70, "google", 0))
        told = acquired(found, spend, FIRST + timedelta(100)).filter(~pl.col("is_left_truncated")).collect()
        return {(row["cohort_by"], row["cohort"]): row["spend"] for row in told.to_dicts()}

    october = {("month", "2025-10"): 2, ("week", "2025-09-29"): 2, ("week", "2025-10-06"): 0}
    assert known(43) == october, "nor of all customers, nor of a channel's or the week's who came before"
    assert known(40) == {
        **october, ("month", "2025-09"): 1, ("week", "2025-09-08"): 1, ("channel", "meta"): 3, ("all", "all"): 3,
    }  # fmt: skip
    payers = payback(daily(found), acquired(found, spend_of((43, "meta", 1)), FIRST + timedelta(100))).collect()
    assert payers.is_empty()


def test_reading_hides_what_is_not_known_and_keeps_all_of_the_pooled():
    orders = orders_of(("old", 0, 10), ("a", 40, 10), ("a", 50, 10), ("b", 58, 10))
    table = curves(daily(lived(orders, 70))).collect()  # a is 30 days old, b 12
    by_cohort = {
        (row["cohort_by"], row["cohort"], row["step"]): (row["value"], row["mature_customers"])
        for row in by_age(table, VALUES["retention"], "month").collect().iter_rows(named=True)
    }
    assert by_cohort["month", "2025-08", 60] == (0, 1)
    assert by_cohort["month", "2025-09", 7] == (0, 2)
    assert by_cohort["month", "2025-09", 14] == (None, 1)
    assert by_cohort["all", "all", 14] == (1, 1)
    assert ("all", "all", 60) not in by_cohort  # only the first month's are that old
    by_channel = by_age(table, VALUES["margin"], "channel").filter(cohort_by="channel").collect()
    assert set(by_channel["is_left_truncated"]) == {False}
    assert by_channel.filter(step=30).select("value", "mean", "is_small").row(0) == (10, 7.5, True)


def test_reading_by_month():
    table = months(lived(orders_of(("a", 0, 10), ("a", 40, 30), ("b", 1, 10)), 100)).collect()
    shares = by_month(table, VALUES["retention"], "month").filter(cohort_by="month").collect()
    assert dict(shares.select("step", "value").iter_rows()) == {1: 0.5, 2: 0}
    worth = by_month(table, VALUES["revenue"], "month").filter(cohort_by="month").collect()
    assert dict(worth.select("step", "value").iter_rows()) == {0: 10, 1: 15, 2: 0}
    with pytest.raises(ValueError, match="repeat is not counted by calendar month; read retention"):
        by_month(table, VALUES["repeat"], "month")


def test_every_value_is_a_kpi_of_the_tables():
    table = curves(daily(lived(orders_of(("a", 0, 10)), 3))).collect()
    monthly = months(lived(orders_of(("a", 0, 10)), 60)).collect()
    for value in VALUES.values():
        read: list[tuple[Kpi | None, pl.DataFrame]] = [(value.by_age, table), (value.by_month, monthly)]
        assert all(set(kpi.measures) <= set(frame.columns) for kpi, frame in read if kpi)
        assert value.mean is None or value.mean in table.columns


HISTORY = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 150), st.integers(0, 500)), max_size=30)


@settings(max_examples=30)
@given(HISTORY, st.integers(0, 200), st.randoms(use_true_random=False))
def test_curves_agree_with_counting_by_hand(rows, last_day, random):
    shuffled = orders_of(*rows).sample(fraction=1, shuffle=True, seed=random.randrange(2**32))
    found = curves(daily(lived(shuffled, last_day))).collect()
    seen = [(who, day, net) for who, day, net in rows if day <= last_day]
    first: dict[str, int] = {}
    for who, day, _ in seen:
        first[who] = min(day, first.get(who, day))
    for by in COHORTINGS:
        of_by = found.filter(cohort_by=by, age_days=0)
        assert of_by["cohort_size"].sum() == len(first)  # each in exactly one
    for row in found.filter(cohort_by="all").iter_rows(named=True):
        began = (FIRST + timedelta(min(first.values()))).replace(day=1)
        everyone = {
            who
            for who, day in first.items()
            if ((FIRST + timedelta(day)).replace(day=1) == began) == row["is_left_truncated"]
        }
        age = row["age_days"]
        mature = {who for who in everyone if last_day - first[who] >= age}
        within = [(who, day, net) for who, day, net in seen if who in mature and day - first[who] <= age]
        assert row["cohort_size"] == len(everyone)
        assert row["mature_customers"] == len(mature)
        assert row["orders"] == len(within)
        assert row["revenue_net"] == sum(net for _, _, net in within)
        assert row["returned_customers"] == len({who for who, day, _ in within if day > first[who]})
        orders_by = defaultdict(int)
        for who, _, _ in within:
            orders_by[who] += 1
        assert row["repeat_customers"] == sum(count > 1 for count in orders_by.values())
        mean = sum(
            net / sum(last_day - first[other] >= day - first[who] for other in everyone)
            for who, day, net in seen
            if who in everyone and day - first[who] <= age
        )
        assert row["mean_revenue_net"] == pytest.approx(mean)
        assert age in AGES


@settings(max_examples=20)
@given(HISTORY)
def test_without_censoring_the_mean_cumulative_function_is_the_plain_mean_and_orders_grow(rows):
    for part in (
        curves(daily(lived(orders_of(*rows), 1300))).collect().partition_by("cohort_by", "cohort", "is_left_truncated")
    ):
        whole = part.filter(pl.col("mature_customers") == pl.col("cohort_size"))
        plain = whole["revenue_net"].cast(pl.Float64) / whole["mature_customers"]
        assert whole["mean_revenue_net"].to_list() == pytest.approx(plain.to_list())
        assert part["mean_orders"].is_sorted()
        retention = whole["returned_customers"] / whole["mature_customers"]
        assert retention.is_between(0, 1).all()
        assert retention.is_sorted()


@settings(max_examples=20)
@given(HISTORY, st.integers(0, 200))
def test_twice_the_customers_change_no_ratio(rows, last_day):
    twins = [*rows, *((f"{who}-twin", day, net) for who, day, net in rows)]
    one, two = (curves(daily(lived(orders_of(*some), last_day))).collect() for some in (rows, twins))
    sums = ["cohort_size", "mature_customers", "returned_customers", "repeat_customers", "orders", "revenue_net"]
    assert two.select(sums).rows() == [tuple(2 * part for part in row) for row in one.select(sums).rows()]
    assert two["mean_revenue_net"].to_list() == pytest.approx(one["mean_revenue_net"].to_list())
