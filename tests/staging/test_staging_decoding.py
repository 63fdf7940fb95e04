"""Payloads are decoded a few at a time, cut down to what is asked for: no value is another for it."""

from typing import Any

import msgspec
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from staging_shop import raw

from growthos_assets.staging import parse


@pytest.mark.parametrize("payloads", [0, 1, 2, 3, 4, 9, 10])
def test_every_payload_is_decoded_in_its_place(payloads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse, "DECODED_AT_ONCE", 3)
    monkeypatch.setattr(pl, "thread_pool_size", lambda: 4)
    records = raw([(f"record-{number}", {"id": number, "more": [number]}) for number in range(payloads)])
    rows = parse.decoded(records, {"id": pl.String, "absent": pl.String}).collect()
    assert rows["id"].to_list() == [str(number) for number in range(payloads)]
    assert rows["external_id"].to_list() == [f"record-{number}" for number in range(payloads)]
    assert rows["absent"].null_count() == payloads


ASKED = {
    "id": pl.String,
    "money": pl.Struct({"amount": pl.String, "in": pl.Struct({"class": pl.String})}),
    "lines": pl.List(pl.Struct({"id": pl.String, "rates": pl.List(pl.String)})),
}
NAMES = st.sampled_from(["id", "money", "amount", "in", "class", "lines", "rates", "another"])
LEAVES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e6, 1e6) | st.text(max_size=3)
ANYTHING = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=3))
AMOUNT = st.fixed_dictionaries({}, optional={"amount": LEAVES, "in": st.fixed_dictionaries({"class": LEAVES})})
LINE = st.fixed_dictionaries({"id": LEAVES}, optional={"rates": st.lists(LEAVES, max_size=2), "another": ANYTHING})
USUAL = st.fixed_dictionaries(
    {"id": LEAVES}, optional={"money": st.none() | AMOUNT, "lines": st.lists(LINE | st.none(), max_size=3)}
)


@given(USUAL | st.dictionaries(NAMES, ANYTHING, max_size=3))
def test_a_payload_that_is_cut_down_reads_as_the_whole_one(payload: dict[str, Any]) -> None:
    def whole() -> list[Any]:
        return pl.Series([msgspec.json.encode(payload).decode()]).str.json_decode(pl.Struct(ASKED)).to_list()

    def cut() -> list[Any]:
        return (
            parse.decoded(raw([("record", payload)]), ASKED).select(pl.struct(*ASKED)).collect().to_series().to_list()
        )

    try:
        expected = whole()
    except pl.exceptions.ComputeError:  # no value of that shape
        with pytest.raises(pl.exceptions.ComputeError):
            cut()
    else:
        assert cut() == expected
