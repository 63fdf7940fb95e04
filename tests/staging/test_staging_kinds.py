"""Text is read as what it says, or not at all."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from growthos_assets.staging.kinds import (
    AMOUNT,
    COUNT,
    DAY,
    FLAG,
    ID,
    ID_BYTES,
    LOWER_ID,
    MICROS,
    NUMBER,
    SIGNED_AMOUNT,
    SIGNED_COUNT,
    Kind,
    instant,
    local_to_utc,
)
from growthos_assets.staging.parse import QUOTED, parse
from warehouse.split import PROBLEMS


def read(kind: Kind, text: str | None) -> object:
    return parse(pl.LazyFrame({"x": [text]}, schema={"x": pl.String}), {"x": kind}).collect()["x"][0]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (AMOUNT, " 12.34 ", Decimal("12.34")),
        (AMOUNT, "0.30000000000000004", Decimal("0.3")),
        (AMOUNT, "0", Decimal(0)),
        (AMOUNT, "-3", None),
        (AMOUNT, "1,234.50", None),
        (AMOUNT, "$5", None),
        (AMOUNT, "NaN", None),
        (AMOUNT, "999999999.9999", Decimal("999999999.9999")),
        (AMOUNT, "1000000000", None),
        (AMOUNT, "9" * 60, None),
        (SIGNED_AMOUNT, "-3", Decimal(-3)),
        (COUNT, "12", 12),
        (COUNT, "12.0", 12),
        (COUNT, "1.5", None),
        (COUNT, "abc", None),
        (COUNT, "-1", None),
        (SIGNED_COUNT, "-1", -1),
        (SIGNED_COUNT, "-1000000000", None),
        (NUMBER, "3.5", 3.5),
        (NUMBER, "inf", None),
        (FLAG, "TRUE", True),
        (FLAG, "0", False),
        (FLAG, "perhaps", None),
        (DAY, "20260209", date(2026, 2, 9)),
        (DAY, "2026-02-09", date(2026, 2, 9)),
        (DAY, "2026-02-09 00:00:00", date(2026, 2, 9)),
        (DAY, "2026-02-30", None),
        (DAY, "0001-01-01", None),
        (DAY, "1989-12-31", None),
        (DAY, "1990-01-01", date(1990, 1, 1)),
        (MICROS, "1234500", Decimal("1.2345")),
        (MICROS, "-1000", None),
        (AMOUNT, "", None),
        (AMOUNT, None, None),
    ],
)
def test_reads_what_the_text_says_or_nothing(kind: Kind, text: str | None, value: object) -> None:
    assert read(kind, text) == value


@pytest.mark.parametrize("letter", ["a", "é", "€", "😀"])
def test_an_id_is_as_long_as_a_key_has_room_for_in_bytes(letter: str) -> None:
    size = len(letter.encode())
    longest = letter * (ID_BYTES // size) + "-" * (ID_BYTES % size)
    for kind in (ID, LOWER_ID):
        assert read(kind, longest) == longest
        assert read(kind, f"{longest}-") is None
        assert read(kind, longest[:-1] + "\0") is None


def test_an_id_is_as_long_as_it_is_read() -> None:
    assert read(LOWER_ID, "Ⱥ" * (ID_BYTES // 2)) is None, "its small letter takes three bytes"
    assert read(ID, f" {'a' * ID_BYTES} ") == "a" * ID_BYTES


def test_a_value_is_quoted_as_far_as_a_person_reads_it() -> None:
    frame = parse(pl.LazyFrame({"x": ["€" * 3_000]}), {"x": ID}).collect()
    assert frame[PROBLEMS].item() == (
        f"x: '{'€' * QUOTED}' is not an id or a name of at most {ID_BYTES} bytes, free of NUL characters"
    )


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2011-12-09 12:50:00", datetime(2011, 12, 9, 12, 50, tzinfo=UTC)),
        ("2011-12-09T12:50", datetime(2011, 12, 9, 12, 50, tzinfo=UTC)),
        ("2011-12-09T12:50:00Z", datetime(2011, 12, 9, 12, 50, tzinfo=UTC)),
        ("2011-12-09T12:50:00.5+02:00", datetime(2011, 12, 9, 10, 50, 0, 500_000, tzinfo=UTC)),
        ("2011-12-09 12:50:00-0530", datetime(2011, 12, 9, 18, 20, tzinfo=UTC)),
        ("2011-12-09", datetime(2011, 12, 9, tzinfo=UTC)),
        ("2011-07-09", datetime(2011, 7, 8, 23, tzinfo=UTC)),
        ("2026-03-29 01:30:00", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),  # skipped: 02:30 BST
        ("2026-10-25 01:30:00", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # twice: the earlier, BST
        ("9/12/2011", None),
        ("2011-12-09 25:00:00", None),
        ("yesterday", None),
        ("1900-01-00", None),
        ("1989-12-31 23:59:59", None),
        ("1990-01-01", datetime(1990, 1, 1, tzinfo=UTC)),
    ],
)
def test_times_without_a_zone_are_the_tenants(text: str, at: datetime | None) -> None:
    assert read(instant("Europe/London"), text) == at


def test_a_column_may_mix_forms() -> None:
    texts = ["2026-02-01", "2026-02-01T00:00:00Z", None, "2026-02-01 00:00", "x"]
    frame = parse(pl.LazyFrame({"x": texts}), {"x": instant()}).collect()
    day = datetime(2026, 2, 1, tzinfo=UTC)
    assert frame["x"].to_list() == [day, day, None, day, None]


ZONES = ["UTC", "Europe/London", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Tokyo"]


@given(
    st.datetimes(datetime(2009, 1, 1), datetime(2028, 1, 1)).map(lambda at: at.replace(microsecond=0)),
    st.sampled_from(ZONES),
)
def test_wall_clocks_are_read_as_python_reads_them(wall: datetime, zone: str) -> None:
    at = local_to_utc(pl.Series([wall], dtype=pl.Datetime("us")), zone)[0]
    assert at == wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@pytest.mark.parametrize("zone", ZONES)
def test_every_skipped_and_repeated_quarter_hour_is_read_as_python_reads_it(zone: str) -> None:
    start = datetime(2011, 9, 1)
    walls = [start + timedelta(minutes=15 * step) for step in range(4 * 24 * 220)]
    read = local_to_utc(pl.Series(walls, dtype=pl.Datetime("us")), zone)
    assert read.to_list() == [wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) for wall in walls]


@given(st.integers(0, 10**13))
def test_micros_become_money_exactly(micros: int) -> None:
    exact = (Decimal(micros) / 1_000_000).quantize(Decimal("0.0001"))
    assert read(MICROS, str(micros)) == exact


@given(st.decimals(-(10**8), 10**8, places=4, allow_nan=False))
def test_money_is_read_to_the_last_digit(amount: Decimal) -> None:
    assert read(SIGNED_AMOUNT, str(amount)) == amount
