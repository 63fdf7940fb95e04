"""What a customer is worth, where segments come from, and what is bought together or next, by hand."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kpi_frames import FIRST, LINES, MONEY, ORDERS
from polars.testing import assert_frame_equal

from kpis import baskets
from kpis.baskets import LEAST, MOST, product_pairs
from kpis.customers import customer_value, segment_channels
from kpis.lives import lives, with_cohorts

TIMED = {**ORDERS, "processed_at": pl.Datetime("us", "UTC")}


def shop_of(*orders):
    """Lives and lines from (customer, day after FIRST, channel, products): each product costs 10, and leaves 4."""
    rows, lines, seen = [], [], set()
    for n, (who, day, channel, *products) in enumerate(orders):
        placed = FIRST + timedelta(day)
        instant = datetime(placed.year, placed.month, placed.day, tzinfo=UTC) + timedelta(minutes=n)
        money = Decimal(10 * len(products))
        rows.append((str(n), who, placed, who not in seen, channel, money, 0, money, money * 4 / 10, instant))
        lines += [(str(n), f"{n}/{place}", name, None, 10, 0) for place, name in enumerate(products)]
        seen.add(who)
    sold = pl.DataFrame(lines, schema=LINES, orient="row")
    found = lives(pl.DataFrame(rows, schema=TIMED, orient="row"), FIRST + timedelta(300))
    return with_cohorts(found, sold).collect(), sold


def told(lived, **p_alive):
    names = sorted(set(lived["customer_id"]))
    segments = pl.DataFrame({"customer_id": names, "segment": ["Loyal" if name < "c" else "Lost" for name in names]})
    forecasts = pl.DataFrame(
        {"customer_id": names, "p_alive": [p_alive.get(name) for name in names], "expected_revenue_365": 5.0},
        schema_overrides={"p_alive": pl.Float64},
    )
    return customer_value(lived, segments, forecasts).collect()


def test_a_customers_row():
    lived, _ = shop_of(
        ("ann", 0, "meta", "p1", "p2"), ("ann", 10, "email", "p1"), ("ann", 10, "direct", "p1"),
        ("ann", 31, "sms", "p3"),
    )  # fmt: skip
    row = told(lived, ann=0.49).row(0, named=True)
    assert (row["first_channel"], row["last_channel"], row["first_product"]) == ("meta", "sms", "p1")
    assert (row["first_order_date"], row["last_order_date"]) == (FIRST, FIRST + timedelta(31))
    assert (row["orders"], row["revenue_net"], row["contribution_margin"], row["aov"]) == (4, 50, 20, 12.5)
    assert row["days_between_orders"] == 15.5  # three days with orders
    assert row["next_order_expected"] == FIRST + timedelta(31 + 16)
    assert (row["segment"], row["is_at_risk"], row["is_left_truncated"]) == ("Loyal", True, True)


def test_the_last_channel_of_one_day_is_that_of_the_later_instant():
    lived, _ = shop_of(("ann", 0, "meta", "p"), ("ann", 5, "email", "p"), ("ann", 5, "direct", "p"))
    assert told(lived)["last_channel"].item() == "direct"
    assert told(lived.reverse())["last_channel"].item() == "direct"


def test_what_one_order_day_cannot_say_is_null():
    row = told(shop_of(("ann", 3, "meta", "p"), ("ann", 3, "meta", "p"))[0]).row(0, named=True)
    assert (row["days_between_orders"], row["next_order_expected"], row["is_at_risk"]) == (None, None, None)


def test_segments_by_channel_add_up():
    lived, _ = shop_of(
        ("ann", 0, "meta", "p"), ("ann", 9, "email", "p"), ("bob", 1, "meta", "p"), ("cid", 2, "email", "p", "q")
    )  # fmt: skip
    found = segment_channels(told(lived)).collect()
    assert found.select("segment", "first_channel", "customers", "orders", "revenue_net").rows() == [
        ("Lost", "email", 1, 1, 20), ("Loyal", "meta", 2, 3, 30),
    ]  # fmt: skip
    assert found["customer_share"].to_list() == pytest.approx([1 / 3, 2 / 3])
    assert found["revenue_share"].to_list() == [0.4, 0.6]
    worthless = told(lived).with_columns(pl.lit(0, MONEY).alias("revenue_net"))
    assert segment_channels(worthless).collect()["revenue_share"].to_list() == [None, None]


def test_bought_together_and_next_by_hand():
    """Twelve buy tea and a cup, eight tea alone, twenty a rug; ten of the first come back for tea, all others not."""
    both = [(f"both{n}", 0, "meta", "tea", "cup") for n in range(12)]
    tea = [(f"tea{n}", 0, "meta", "tea") for n in range(8)]
    rug = [(f"rug{n}", 0, "meta", "rug") for n in range(20)]
    back = [(f"both{n}", 30, "meta", "tea", "tea") for n in range(10)]
    lived, lines = shop_of(*both, *tea, *rug, *back)
    found = product_pairs(lived, lines).collect().rows_by_key(["kind", "product", "other"], named=True, unique=True)
    assert set(found) == {
        ("together", "tea", "cup"), ("together", "cup", "tea"), ("next", "tea", "tea"), ("next", "cup", "tea"),
    }  # fmt: skip
    pair = found["together", "cup", "tea"]
    assert (pair["baskets"], pair["product_baskets"], pair["other_baskets"], pair["pair_baskets"]) == (50, 12, 30, 12)
    assert (pair["support"], pair["confidence"]) == (12 / 50, 1)
    assert pair["lift"] == pytest.approx(1 / (30 / 50))
    assert found["together", "tea", "cup"]["confidence"] == 12 / 30
    after = found["next", "cup", "tea"]
    assert (after["baskets"], after["product_baskets"], after["pair_baskets"], after["lift"]) == (10, 10, 10, 1)


def test_of_a_product_the_others_that_it_shares_the_most_baskets_with():
    """Tea is bought with each cup as often as the cup's number says, and with the rarer of two alike first."""
    cups = [f"cup{n:02}" for n in range(MOST + 1)]
    times = {cup: LEAST + n // 2 for n, cup in enumerate(cups)}
    with_tea = [(f"{cup}-{n}", 0, "meta", "tea", cup) for cup, count in times.items() for n in range(count)]
    alone = [(f"alone{n}", 0, "meta", cups[1]) for n in range(5)]
    lived, lines = shop_of(*with_tea, *alone)
    found = product_pairs(lived, lines).filter(product="tea").collect()
    assert found["other"].to_list() == [cups[0], *cups[2:]]
    kept = product_pairs(lived, lines).filter(other="tea").collect()["product"].to_list()
    assert kept == cups, "each cup has its own others"


@given(st.lists(st.sets(st.sampled_from("abcdef"), min_size=1), min_size=20, max_size=60), st.integers(1, 7))
@settings(max_examples=25)
def test_however_many_products_are_counted_at_once(bought, at_once):
    lived, lines = shop_of(*((f"c{n % 7}", n, "meta", *sorted(basket)) for n, basket in enumerate(bought)))
    whole = product_pairs(lived, lines).collect()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(baskets, "AT_ONCE", at_once)
        assert_frame_equal(product_pairs(lived, lines).collect(), whole)


def test_a_basket_is_a_day_of_a_customer():
    apart = [(f"c{n}", 0, "meta", product) for n in range(LEAST) for product in ("tea", "cup")]  # two orders, one day
    lived, lines = shop_of(*apart)
    found = product_pairs(lived, lines).collect()
    assert found["kind"].to_list() == ["together", "together"]
    assert found["pair_baskets"].to_list() == [LEAST, LEAST]
    fewer, lines = shop_of(*apart[2:])
    assert product_pairs(fewer, lines).collect().is_empty()


def test_a_day_on_which_nothing_was_sold_stands_between_no_two_baskets():
    tea = [(f"c{n}", 0, "meta", "tea") for n in range(LEAST)]
    nothing = [(f"c{n}", 5, "meta") for n in range(LEAST)]  # an order without lines, or of gift cards alone
    cup = [(f"c{n}", 9, "meta", "cup") for n in range(LEAST)]
    row = product_pairs(*shop_of(*tea, *nothing, *cup)).collect().row(0, named=True)
    assert (row["kind"], row["product"], row["other"]) == ("next", "tea", "cup")
    assert (row["baskets"], row["confidence"]) == (LEAST, 1)


def test_products_without_a_name_and_guests_are_in_no_pair():
    orders = [(f"c{n}", 0, "meta", "tea", None) for n in range(LEAST)]
    guests = [(None, 0, "meta", "tea", "cup") for _ in range(LEAST)]
    lived, lines = shop_of(*orders, *guests)
    assert product_pairs(lived, lines).collect().is_empty()
