"""The cohort tables: what they make of fact_orders, and that their checks find what they are for."""

import inspect
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from growthos_assets.cohorts import cohorts as cohorts_module
from growthos_assets.cohorts import segments as segments_module
from growthos_assets.marts.dim_customer import DimCustomer
from growthos_assets.marts.fact_orders import FactOrders
from growthos_assets.marts.fact_spend import FactSpend
from growthos_assets.table import TABLES, inputs
from warehouse.contract import polars_schema
from warehouse.split import split
from warehouse.tenants import Tenant

TENANT = Tenant("acme", "Acme", timezone="America/New_York")
NOW = datetime(2026, 2, 9, 4, 59, tzinfo=UTC)  # 23:59 of the 8th in New York: the 7th is the last complete day
FIRST = date(2025, 8, 14)


def buys(customer: str | None, day: date, net: str = "30", *, is_counted: bool = True) -> dict[str, Any]:
    return {
        "order_id": f"{customer}/{day}",
        "customer_id": customer,
        "order_date": day,
        "revenue_net": Decimal(net),
        "contribution_margin": Decimal(net) / 3,
        "is_counted": is_counted,
    }


def frames(*orders: dict[str, Any], spend: tuple[dict[str, Any], ...] = ()) -> dict[str, pl.DataFrame]:
    """What the cohort layer reads; only the columns that it looks at are filled."""

    def frame(contract: Any, rows: Any) -> pl.DataFrame:
        schema = polars_schema(contract)
        return pl.DataFrame([dict.fromkeys(schema) | row for row in rows], schema=schema, orient="row")

    firsts: dict[str, date] = {}
    for order in sorted(orders, key=lambda order: order["order_date"]):
        if order["customer_id"] and order["is_counted"]:
            firsts.setdefault(order["customer_id"], order["order_date"])
    customers = [{"customer_id": name, "first_order_date": day} for name, day in firsts.items()]
    return {
        "fact_orders": frame(FactOrders, orders),
        "fact_spend": frame(FactSpend, spend),
        "dim_customer": frame(DimCustomer, [*customers, {"customer_id": "looker"}]),
    }


def call(function: Any, given: dict[str, pl.DataFrame]) -> Any:
    values = {"tenant": TENANT, "now": NOW}
    parameters = inspect.signature(function).parameters
    tables = {name: given[name].lazy() for name in inputs(function)}
    return function(**tables, **{name: values[name] for name in parameters if name in values})


def built(name: str, given: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """The table, after its contract and all of its checks."""
    declaration = TABLES[name]
    rows, broken = split(call(declaration.transform, given).collect(), declaration.contract)
    assert broken.is_empty(), broken
    for check in declaration.checks:
        finding = call(check.function, given | {name: rows})
        assert finding.passed, (check.name, finding)
    return rows


@pytest.fixture
def shop() -> dict[str, pl.DataFrame]:
    return frames(
        buys("ann", FIRST),
        buys("ann", FIRST + timedelta(days=7), "60"),
        buys("bob", FIRST + timedelta(days=1)),
        buys("bob", FIRST + timedelta(days=50)),
        buys("bob", FIRST + timedelta(days=2), is_counted=False),
        buys("cid", date(2026, 2, 7)),
        buys("dan", date(2026, 2, 8)),
        buys(None, FIRST),
        spend=({"date": FIRST, "spend": Decimal(40)},),
    )


def test_cohorts(shop: dict[str, pl.DataFrame]) -> None:
    old, young = built("cohorts", shop).sort("cohort_month").rows(named=True)
    assert (old["cohort_month"], old["cohort_size"], old["is_left_truncated"]) == ("2025-08", 2, True)
    assert [old[column] for column in cohorts_module.RETENTION] == [0.5, 0.5, 1.0, 1.0]
    assert (old["ltv30"], old["ltv90"]) == (60.0, 75.0)
    assert (old["avg_cac"], old["payback_days"]) == (20.0, 7)
    assert (young["cohort_month"], young["cohort_size"], young["observed_days"]) == ("2026-02", 1, 0)
    assert [young[column] for column in cohorts_module.RETENTION] == [None] * 4
    assert young["avg_cac"] is None


def test_segments(shop: dict[str, pl.DataFrame]) -> None:
    rows = built("segments", shop).rows_by_key("customer_id", named=True, unique=True)
    assert set(rows) == {"ann", "bob", "cid"}
    assert (rows["ann"]["frequency"], rows["ann"]["monetary"]) == (2, 90)
    assert rows["cid"]["recency_days"] == 0
    assert rows["cid"]["r_score"] > rows["bob"]["r_score"]


@pytest.mark.parametrize("orders", [[], [buys(None, FIRST)], [buys("dan", date(2026, 2, 8))]])
def test_without_a_customer_of_a_complete_day_nothing_is_missed(orders: list[dict[str, Any]]) -> None:
    given = frames(*orders)
    assert built("cohorts", given).is_empty()
    assert built("segments", given).is_empty()
    finding = call(cohorts_module.cohorts_not_empty, given | {"cohorts": built("cohorts", given)})
    assert finding.skipped


def test_checks_of_cohorts_find_what_they_are_for(shop: dict[str, pl.DataFrame]) -> None:
    rows = built("cohorts", shop)
    broken = {
        "cohorts_not_empty": [rows.clear()],
        "cohorts_hold_every_buyer": [rows.head(1), rows.with_columns(pl.col("cohort_size") + 1)],
        "retention_in_order": [
            rows.with_columns(d90_retention=pl.lit(1.1)),
            rows.with_columns(d7_retention=pl.lit(0.9)),
            rows.with_columns(d60_retention=pl.lit(0.4)),
        ],
    }
    for name, cases in broken.items():
        for wrong in cases:
            assert not call(getattr(cohorts_module, name), shop | {"cohorts": wrong}).passed, name


def test_checks_of_segments_find_what_they_are_for(shop: dict[str, pl.DataFrame]) -> None:
    rows = built("segments", shop)
    stranger = rows.head(1).with_columns(customer_id=pl.lit("stranger"))
    for wrong in (rows.head(1), pl.concat([rows, rows.head(1)]), pl.concat([rows, stranger])):
        finding = call(segments_module.segments_hold_every_buyer, shop | {"segments": wrong})
        assert not finding.passed
