"""Exactness: what polars computes is what Python's Decimal does, rounded once, half to even."""

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from growthos_assets.marts.money import FACTOR, estimated_cost, margin, prorated, share
from warehouse.contract import MONEY
from warehouse.tenants import CATEGORY_MARGINS

CENT = Decimal("0.0001")
amounts = st.decimals(-(10**9), 10**9, places=4)
rates = st.decimals(0, 1, places=8)


def compute(expr: pl.Expr, **values: object) -> Decimal | None:
    columns = {name: [value] for name, value in values.items()}
    schema = {"amount": MONEY, "rate": FACTOR, "units": pl.Int64, "of": pl.Int64, "category": pl.String}
    frame = pl.DataFrame(columns, schema={name: schema[name] for name in columns})
    result = frame.select(value=expr)
    assert result.schema == {"value": MONEY}
    return result.item()


@given(amount=amounts, rate=rates)
def test_share_is_exact(amount: Decimal, rate: Decimal) -> None:
    expected = (amount * rate).quantize(CENT)
    assert compute(share(pl.col("amount"), pl.col("rate")), amount=amount, rate=rate) == expected
    assert compute(share(pl.col("amount"), rate), amount=amount) == expected


@given(amount=amounts, units=st.integers(0, 10**5), of=st.integers(1, 10**5))
def test_prorated_is_exact(amount: Decimal, units: int, of: int) -> None:
    part = prorated(pl.col("amount"), pl.col("units"), of=pl.col("of"))
    assert compute(part, amount=amount, units=units, of=of) == (amount * units / of).quantize(CENT)
    assert compute(part, amount=amount, units=of, of=of) == amount


def test_prorated_over_nothing_is_null() -> None:
    part = prorated(pl.col("amount"), pl.col("units"), of=pl.col("of"))
    assert compute(part, amount=Decimal(10), units=1, of=0) is None


@pytest.mark.parametrize(("category", "rate"), [*CATEGORY_MARGINS.items(), ("toys", "0.45"), (None, "0.45")])
def test_margin_of_a_category(category: str | None, rate: Decimal | str) -> None:
    cost = estimated_cost(pl.col("amount"), pl.col("category"), CATEGORY_MARGINS)
    frame = pl.DataFrame({"category": [category]}, schema={"category": pl.String})
    assert frame.select(margin(pl.col("category"), CATEGORY_MARGINS)).item() == Decimal(rate)
    assert compute(cost, amount=Decimal(100), category=category) == 100 * (1 - Decimal(rate))
