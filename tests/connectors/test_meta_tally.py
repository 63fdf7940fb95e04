"""Whether Meta's rows are taken for whole: exactly by what is counted, and by spend as far as rounding goes."""

from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.errors import Truncated
from connectors.meta.tally import Tally
from connectors.source import RawRecord

DAY = "2026-02-09"


def told(spend, impressions=10, clicks=1, day=DAY):
    return {"date_start": day, "spend": str(spend), "impressions": str(impressions), "clicks": str(clicks)}


def proof(rows, total):
    tally = Tally()
    tally.add(RawRecord(str(at), row) for at, row in enumerate(rows))
    return tally.proof([total])


@example([2245] * 3, ROUND_HALF_EVEN, "0.01")  # all four are rounded, and the account's the other way
@given(
    st.lists(st.integers(0, 50_000), min_size=1, max_size=40),
    st.sampled_from([ROUND_HALF_UP, ROUND_HALF_EVEN]),
    st.sampled_from(["0.01", "1"]),
)
def test_rounded_spend_adds_up_as_far_as_it_can(thousandths, rounding, unit):
    spends = [Decimal(part) / 1000 for part in thousandths]
    rows = [told(spend.quantize(Decimal(unit), rounding)) for spend in spends]
    total = told(sum(spends).quantize(Decimal(unit), rounding), 10 * len(rows), len(rows))
    assert proof(rows, total).at_least == len(rows)


@pytest.mark.parametrize(
    ("off", "whole"), [("0.00", True), ("0.02", True), ("-0.02", True), ("0.03", False), ("-0.03", False)]
)
def test_half_a_cent_for_each_row_and_the_total_and_no_more(off, whole):
    rows = [told("1.25")] * 3
    total = told(Decimal("3.75") + Decimal(off), 30, 3)
    if whole:
        assert proof(rows, total).at_most == 3
    else:
        with pytest.raises(Truncated, match="Some rows are missing"):
            proof(rows, total)


@pytest.mark.parametrize(("impressions", "clicks"), [(41, 4), (39, 4), (40, 5), (40, 3)])
def test_what_is_counted_adds_up_exactly(impressions, clicks):
    with pytest.raises(Truncated, match=DAY):
        proof([told("1.25")] * 4, told("5.00", impressions, clicks))


def test_a_yen_is_rounded_too():
    assert proof([told(1), told(2)], told(4, 20, 2)).at_least == 2
    with pytest.raises(Truncated):
        proof([told(1), told(2)], told(5, 20, 2))


def test_rows_of_one_day_do_not_excuse_another():
    rows = [told("1.25")] * 40 + [told("1.00", day="2026-02-08")]
    tally = Tally()
    tally.add(RawRecord(str(at), row) for at, row in enumerate(rows))
    with pytest.raises(Truncated, match="2026-02-08"):
        tally.proof([told("50.00", 400, 40), told("1.02", day="2026-02-08")])
