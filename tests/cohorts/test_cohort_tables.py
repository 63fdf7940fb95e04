"""The cohort tables: what they make of fact_orders, and that their checks find what they are for."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

import growthos_assets.cohorts.cohort_curves
import growthos_assets.cohorts.cohort_months
import growthos_assets.cohorts.cohort_summary
import growthos_assets.cohorts.customer_value
import growthos_assets.cohorts.product_pairs
import growthos_assets.cohorts.segment_channels  # noqa: F401  (declares its table)
from growthos_assets.cohorts import cohorts as cohorts_module
from growthos_assets.cohorts import segments as segments_module
from growthos_assets.cohorts.ltv_forecast import LtvForecast
from growthos_assets.marts.dim_customer import DimCustomer
from growthos_assets.marts.dim_product import DimProduct
from growthos_assets.marts.fact_order_lines import FactOrderLines
from growthos_assets.marts.fact_orders import FactOrders
from growthos_assets.marts.fact_spend import FactSpend
from growthos_assets.table import TABLES, Call, Finding
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
        "processed_at": datetime.combine(day, time(12), UTC),
        "channel_id": "meta",
        "revenue_gross": Decimal(net) + 2,
        "discounts": Decimal(2),
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
    orders_of_all = [{**order, "is_new_customer": _is_first(order, firsts)} for order in orders]
    lines = [
        {"order_id": order["order_id"], "line_id": "1", "product_id": "v1", "is_counted": order["is_counted"]}
        | {name: order[name] for name in ("revenue_gross", "discounts")}
        for order in orders
    ]
    customers = [{"customer_id": name, "first_order_date": day} for name, day in firsts.items()]
    return {
        "fact_orders": frame(FactOrders, orders_of_all),
        "fact_order_lines": frame(FactOrderLines, lines),
        "fact_spend": frame(FactSpend, spend),
        "dim_customer": frame(DimCustomer, [*customers, {"customer_id": "looker"}]),
        "dim_product": frame(DimProduct, [{"product_id": "v1", "title": "Tea", "sku": "TEA-1"}]),
        "ltv_forecast": frame(
            LtvForecast, [{"customer_id": name, "p_alive": 0.4, "expected_revenue_365": 9.0} for name in firsts]
        ),
    }


def _is_first(order: dict[str, Any], firsts: dict[str, date]) -> bool:
    return order["is_counted"] and firsts.get(order["customer_id"]) == order["order_date"]


def call(function: Any, given: dict[str, pl.DataFrame]) -> Any:
    return Call(lambda contract: given[contract.__spec__.name].lazy(), {"tenant": TENANT, "now": NOW})(function)


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


MADE = (
    "cohorts", "cohort_curves", "cohort_months", "cohort_summary", "segments", "customer_value", "segment_channels",
    "product_pairs",
)  # fmt: skip


def with_tables(given: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """The tables made of `given`, each after its contract and all of its checks."""
    for name in MADE:
        given = given | {name: built(name, given)}
    return given


def test_every_table_of_a_shop(shop: dict[str, pl.DataFrame]) -> None:
    found = with_tables(shop)
    first = found["cohort_summary"].filter(cohort_by="product", is_left_truncated=True).row(0, named=True)
    assert (first["cohort"], first["label"], first["cohort_size"], first["spend"]) == ("v1", "Tea · TEA-1", 2, None)
    assert (first["d30_retention"], first["margin90"], first["mature_90"]) == (0.5, 25.0, 2)
    channel = found["cohort_summary"].filter(cohort_by="channel", is_left_truncated=True).row(0, named=True)
    assert (channel["spend"], channel["payback_days"]) == (None, None)  # what was spent names no channel
    young = found["cohort_summary"].filter(cohort_by="month", is_left_truncated=False).row(0, named=True)
    assert (young["cohort"], young["mature_7"], young["d7_retention"]) == ("2026-02", 0, None)
    month = found["cohort_months"].filter(cohort_by="month", month=1).row(0, named=True)
    assert (month["cohort"], month["active_customers"], month["mature_customers"]) == ("2025-08", 0, 2)
    ann = found["customer_value"].filter(customer_id="ann").row(0, named=True)
    assert (ann["first_discount"], ann["orders"], ann["is_at_risk"]) == ("0-10%", 2, True)
    assert found["segment_channels"]["customers"].sum() == 3
    assert found["product_pairs"].is_empty()


def test_pairs_of_products_are_named_as_people_know_them() -> None:
    orders = [buys(f"c{n}", FIRST + timedelta(day)) for n in range(10) for day in (0, 9)]
    (row,) = built("product_pairs", frames(*orders)).rows(named=True)
    assert (row["kind"], row["label"], row["other_label"], row["lift"]) == ("next", "Tea · TEA-1", "Tea · TEA-1", 1)


@pytest.mark.parametrize("orders", [[], [buys(None, FIRST)], [buys("dan", date(2026, 2, 8))]])
def test_without_a_customer_all_tables_are_empty(orders: list[dict[str, Any]]) -> None:
    found = with_tables(frames(*orders))
    assert [name for name in MADE if not found[name].is_empty()] == []


def _more(column: str) -> Any:
    return lambda rows: rows.with_columns(pl.col(column) + 1)


@pytest.mark.parametrize(
    ("check", "break_it"),
    [
        ("curves_hold_every_buyer", _more("cohort_size")),
        ("curves_hold_every_buyer", lambda rows: rows.filter(pl.col("cohort") != "2026-02")),
        ("curves_are_possible", _more("returned_customers")),
        ("curves_are_possible", lambda rows: rows.with_columns(mature_customers=pl.col("cohort_size") + 1)),
        ("curves_are_possible", lambda rows: rows.with_columns(repeat_customers=pl.col("mature_customers") + 1)),
        ("curves_are_possible", lambda rows: rows.with_columns(orders=pl.lit(1, pl.Int64))),
        ("curves_are_possible", lambda rows: rows.with_columns(mean_orders=-pl.col("age_days"))),
        ("months_hold_every_buyer_of_a_whole_month", _more("mature_customers")),
        ("months_hold_every_buyer_of_a_whole_month", lambda rows: rows.with_columns(active_customers=pl.lit(1))),
        ("months_are_possible", lambda rows: rows.with_columns(active_customers=pl.col("mature_customers") + 1)),
        ("months_are_possible", lambda rows: rows.with_columns(mature_customers=pl.col("cohort_size") + 1)),
        ("months_are_possible", lambda rows: rows.with_columns(orders=pl.lit(0))),
        ("summary_holds_every_buyer", lambda rows: rows.filter(pl.col("cohort") != "2026-02")),
        ("months_are_those_of_cohorts", _more("ltv30")),
        ("months_are_those_of_cohorts", lambda rows: rows.with_columns(payback_days=pl.lit(None, pl.Int64))),
        ("values_hold_every_buyer", lambda rows: rows.head(1)),
        ("values_reconcile_with_orders", _more("revenue_net")),
        ("values_reconcile_with_orders", _more("orders")),
        ("segments_reconcile_with_customers", _more("customers")),
        ("segments_reconcile_with_customers", _more("contribution_margin")),
        ("shares_sum_to_one", _more("customer_share")),
        ("shares_sum_to_one", _more("margin_share")),
    ],
)
def test_checks_of_cohort_tables_find_what_they_are_for(
    shop: dict[str, pl.DataFrame], check: str, break_it: Any
) -> None:
    found = with_tables(shop)
    (owner, function) = next(
        (name, each.function) for name in MADE for each in TABLES[name].checks if each.name == check
    )
    finding: Finding = call(function, found | {owner: break_it(found[owner])})
    assert not finding.passed


def _two_sides_that_differ(rows: pl.DataFrame) -> pl.DataFrame:
    one = rows.with_columns(kind=pl.lit("together"), product=pl.lit("v1"), other=pl.lit("v2"))
    return pl.concat([one, _more("pair_baskets")(one.with_columns(product="other", other="product"))])


@pytest.mark.parametrize(
    ("check", "break_it"),
    [
        ("pairs_are_possible", _more("pair_baskets")),
        ("pairs_are_possible", _more("product_baskets")),
        ("pairs_agree_from_both_sides", _two_sides_that_differ),
    ],
)
def test_checks_of_pairs_find_what_they_are_for(check: str, break_it: Any) -> None:
    given = frames(*(buys(f"c{n}", FIRST + timedelta(day)) for n in range(10) for day in (0, 9)))
    rows = built("product_pairs", given)
    (function,) = (each.function for each in TABLES["product_pairs"].checks if each.name == check)
    assert not call(function, given | {"product_pairs": break_it(rows)}).passed
