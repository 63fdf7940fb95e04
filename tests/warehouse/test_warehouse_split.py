"""The quarantine's gate: every row goes one way or the other, and a broken one says why in words."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandera.errors import SchemaErrors
from polars.testing import assert_frame_equal

from warehouse.contract import KEY_BYTES, MONEY, Instant, Money, Table, column, empty, polars_schema
from warehouse.split import PROBLEMS, REASONS, conform, split


class Sale(Table, name="marts.sales", key=("shop", "day")):
    """One row per shop and day."""

    shop: str = column("Which shop.", str_matches="^[a-z]+$", str_length={"max_value": 5})
    day: pl.Date = column("Its day.", ge=date(2020, 1, 1))
    kind: str = column("What kind.", isin=["web", "pos"])
    amount: Money = column("Money.", ge=0, nullable=True)
    refund: Money = column("Money.", le=0, nullable=True)
    share: pl.Float64 = column("A share.", gt=0, lt=1, nullable=True)
    score: pl.Float64 = column("A score.", in_range={"min_value": 1, "max_value": 5}, nullable=True)
    units: int = column("A count.", ne=0, notin=[13], nullable=True)
    note: str = column("A note.", nullable=True)

    @pa.dataframe_check(error="amount must be larger than refund")
    def amount_covers_refund(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("amount") > -pl.col("refund"))


GOOD: dict[str, Any] = {"shop": "a", "day": date(2026, 2, 1), "kind": "web"}


def sales(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame([{**GOOD, **row} for row in rows], schema=polars_schema(Sale))


def reasons(frame: pl.DataFrame) -> list[list[str]]:
    return split(frame, Sale)[1][REASONS].to_list()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"shop": None}, "shop is missing"),
        ({"shop": "A1"}, "shop does not match ^[a-z]+$"),
        ({"shop": "abcdef"}, "shop has a wrong length"),
        ({"day": date(2019, 12, 31)}, "day is below 2020-01-01"),
        ({"kind": "Web"}, "kind is none of ['web', 'pos']"),
        ({"amount": Decimal("-0.0001")}, "amount is below 0"),
        ({"amount": Decimal(10**14)}, "amount is too large"),
        ({"refund": Decimal("0.0001")}, "refund is above 0"),
        ({"share": 0.0}, "share is not above 0"),
        ({"share": 1.0}, "share is not below 1"),
        ({"score": 5.5}, "score is not between 1 and 5"),
        ({"score": float("nan")}, "score is not a number"),
        ({"units": 0}, "units is 0"),
        ({"units": 13}, "units is one of [13]"),
        ({"note": "a\0b"}, "note holds a NUL character"),
        ({"amount": Decimal(1), "refund": Decimal(-2)}, "amount must be larger than refund"),
    ],
)
def test_a_rule_that_is_broken_is_said_in_words(row: dict[str, Any], reason: str) -> None:
    good, bad = split(sales(row, {"shop": "b"}), Sale)
    assert_frame_equal(good, sales({"shop": "b"}))
    assert_frame_equal(bad.drop(REASONS), sales(row))
    assert reason in bad[REASONS].item().to_list()


def test_a_row_that_breaks_two_rules_has_two_reasons() -> None:
    assert reasons(sales({"kind": "x", "units": 0})) == [["kind is none of ['web', 'pos']", "units is 0"]]


def test_bounds_and_nulls_pass() -> None:
    edge = {"day": date(2020, 1, 1), "amount": Decimal(0), "refund": Decimal(0), "score": 5.0}
    assert reasons(sales({**edge, "amount": Decimal("99999999999999.9999")})) == []


def test_of_rows_with_one_key_the_first_good_one_is_kept() -> None:
    frame = sales({"kind": "x"}, {"units": 1}, {"units": 2}, {"shop": "b", "units": 3})
    good, bad = split(frame, Sale)
    assert good["units"].to_list() == [1, 3]
    assert bad[REASONS].to_list() == [["kind is none of ['web', 'pos']"], ["another row has the same shop and day"]]


def test_a_transforms_own_reasons_replace_the_rules() -> None:
    frame = sales({"kind": None}, {"shop": "b"}, {"shop": "b", "units": 1}, {"shop": "c"}).with_columns(
        pl.Series(PROBLEMS, [["kind: 'tv' is unknown"], ["shop b is closed"], None, []], dtype=pl.List(pl.String))
    )
    good, bad = split(frame, Sale)
    assert PROBLEMS not in good.columns
    assert good["shop"].to_list() == ["b", "c"]
    assert bad[REASONS].to_list() == [["kind: 'tv' is unknown"], ["shop b is closed"]]


@pytest.mark.parametrize("own", [False, True])
def test_an_empty_frame_splits_into_two(own: bool) -> None:
    frame = empty(Sale).with_columns(pl.lit(None, pl.List(pl.String)).alias(PROBLEMS)) if own else empty(Sale)
    good, bad = split(frame, Sale)
    assert_frame_equal(good, empty(Sale))
    assert_frame_equal(bad, empty(Sale).with_columns(pl.lit(None, pl.List(pl.String)).alias(REASONS)))


@pytest.mark.parametrize(
    ("frame", "named"),
    [
        (sales({}).drop("units"), "units"),
        (sales({}).with_columns(colour=pl.lit("red")), "colour"),
        (sales({}).with_columns(pl.col("day").cast(pl.String)), "day"),
        (sales({}).with_columns(units=pl.lit("1")), "units"),
        (sales({}).with_columns(amount=pl.lit(1.5)), "amount"),
    ],
    ids=["missing", "unknown", "text for a date", "text for a number", "float for money"],
)
def test_a_frame_of_another_shape_is_the_transforms_fault(frame: pl.DataFrame, named: str) -> None:
    with pytest.raises(SchemaErrors, match=named):
        split(frame, Sale)


class Part(Table, name="marts.parts", key=("order", "day", "line"), index=("owner",)):
    """One row per order, day and line."""

    order: str = column("Which order.")
    day: pl.Date = column("Its day.")
    line: str = column("Which line of it.")
    owner: str = column("Whose it is.", nullable=True)
    title: str = column("Any text.")


@pytest.mark.parametrize("letter", ["a", "é", "😀"])
def test_what_no_index_can_hold_is_said_of_the_key_as_a_whole(letter: str) -> None:
    longest = letter * (KEY_BYTES // len(letter.encode()))
    room = "-" * (KEY_BYTES % len(letter.encode()))
    half = len(longest) // 2
    rows = [
        (longest[:half], longest[half:] + room, longest + room, longest * 2),
        (longest[:half] + "-", longest[half:] + room, None, ""),
        ("1", "1", longest + room + "-", ""),
    ]
    frame = pl.DataFrame(rows, schema=["order", "line", "owner", "title"], orient="row")
    good, bad = split(frame.with_columns(day=date(2026, 2, 1)), Part)
    assert good["title"].to_list() == [longest * 2]
    assert bad[REASONS].to_list() == [["order and line are too long to be a key"], ["owner is too long to be a key"]]


class At(Table, name="marts.at", key=("at",)):
    """One row per instant."""

    at: Instant = column("An instant.")
    amount: Money = column("Money.", nullable=True)
    units: int = column("A count.", nullable=True)


def test_types_of_one_kind_are_made_the_contracts() -> None:
    loose = pl.DataFrame(
        {
            "units": pl.Series([1], dtype=pl.Int8),
            "amount": pl.Series([Decimal("1.5")], dtype=pl.Decimal(10, 1)),
            "at": pl.Series([datetime(2026, 2, 1, tzinfo=UTC)], dtype=pl.Datetime("ms", "UTC")),
        }
    )
    frame = conform(loose, At)
    assert frame.schema == polars_schema(At)
    assert frame.rows() == [(datetime(2026, 2, 1, tzinfo=UTC), Decimal("1.5000"), 1)]
    assert conform(loose.with_columns(units=pl.lit(None)), At)["units"].to_list() == [None]


def test_an_instant_without_a_time_zone_is_refused() -> None:
    with pytest.raises(SchemaErrors, match="at"):
        conform(pl.DataFrame({"at": [datetime(2026, 2, 1)]}).with_columns(amount=pl.lit(None), units=1), At)


class Crowd(Table, name="marts.crowd", key=("shop",)):
    """A rule that gives one verdict for the whole frame."""

    shop: str = column("Which shop.")

    @pa.dataframe_check
    def fits(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.len() < 3)


def test_a_rule_that_is_not_about_rows_is_refused() -> None:
    with pytest.raises(TypeError, match="one boolean per row"):
        split(pl.DataFrame({"shop": ["a", "b"]}), Crowd)


rows = st.fixed_dictionaries(
    {
        "shop": st.none() | st.sampled_from(["a", "b", "A", "abcdef", "\0"]),
        "day": st.none() | st.dates(date(2019, 12, 30), date(2020, 1, 2)),
        "kind": st.none() | st.sampled_from(["web", "pos", "tv"]),
        "amount": st.none() | st.sampled_from([Decimal(-1), Decimal(0), Decimal(2), Decimal(10**15)]),
        "refund": st.none() | st.sampled_from([Decimal(-1), Decimal(0), Decimal(1)]),
        "share": st.none() | st.floats(width=16),
        "units": st.none() | st.integers(-1, 14),
    }
)


@settings(max_examples=40)
@given(st.lists(rows, max_size=12), st.data())
def test_every_row_goes_one_way(made: list[dict[str, Any]], data: st.DataObject) -> None:
    own = data.draw(st.lists(st.none() | st.lists(st.just("odd"), max_size=1), min_size=len(made), max_size=len(made)))
    frame = pl.DataFrame(made, schema=polars_schema(Sale))
    good, bad = split(frame.with_columns(pl.Series(PROBLEMS, own, dtype=pl.List(pl.String))), Sale)

    assert_frame_equal(pl.concat([good, bad.drop(REASONS)]), frame, check_row_order=False)
    assert bad[REASONS].list.len().fill_null(0).gt(0).all()
    assert not good.select(pl.struct("shop", "day").is_duplicated()).to_series().any()
    again, none = split(good, Sale)
    assert_frame_equal(again, good)
    assert none.is_empty()


def test_money_has_room_for_sums_and_four_decimals() -> None:
    assert polars_schema(Sale)["amount"] == MONEY == pl.Decimal(38, 4)
