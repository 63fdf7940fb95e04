"""The known traps of commerce figures, one test each: here, or where TRAPS says."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from independent_ledger import Frames, built
from independent_shops import STAGING, Shop, staged

from kpis import KPIS, MEASURES, compare, rollup, trailing
from warehouse.tenants import Tenant

TRAPS = {
    "a mean of ratios": ["kpis/test_kpi_engine.py::test_a_ratio_is_the_ratio_of_sums_not_the_mean_of_ratios"],
    "a denominator of zero": ["test_without_a_denominator_neither_the_value_nor_its_change_is_a_number"],
    "numbers that are none": [
        "kpis/test_kpi_registry.py::test_nan_never_passes_as_a_positive_denominator",
        "kpis/test_kpi_registry.py::test_decimals_are_divided_as_floats_and_summed_exactly",
        "kpis/test_kpi_engine.py::test_what_nobody_measured_stays_null_and_what_did_not_happen_is_zero",
        "kpis/test_kpi_alerts.py::test_a_nan_fires_nothing",
        "test_a_count_that_falls_does_not_wrap_around",
    ],
    "customers too young for the figure": [
        "kpis/test_kpi_cohorts.py::test_numbers_are_null_until_the_youngest_customer_is_that_old",
        "kpis/test_kpi_cohorts.py::test_payback_waits_until_the_whole_cohort_was_that_old",
    ],
    "customers from before the history": [
        "kpis/test_kpi_cohorts.py::test_cac_is_the_months_spend_per_new_customer",
        "kpis/test_kpi_cohorts.py::test_baseline_weighs_older_mature_cohorts_by_size",
    ],
    "days of 23 and 25 hours": [
        "staging/test_staging_files.py::test_a_day_has_23_or_25_hours_where_clocks_change",
        "staging/test_staging_kinds.py::test_every_skipped_and_repeated_quarter_hour_is_read_as_python_reads_it",
        "kpis/test_kpi_windows.py::test_last_complete_day_is_local",
    ],
    "days that are not over, or not final": [
        "test_a_day_that_is_not_over_is_in_no_window",
        "staging/test_staging_ads_and_traffic.py::test_ga4s_days_settle",
    ],
    "revenue that platforms claim": ["test_what_platforms_claim_is_never_revenue"],
    "the day of a refund": [
        "test_a_refund_belongs_to_its_own_day_in_kpis_and_to_its_orders_cohort_and_age_in_cohorts",
        "marts/test_marts_properties.py::test_order_basis_is_event_basis_when_every_refund_names_its_order",
    ],
    "several currencies": [
        "staging/test_staging_files.py::test_a_row_that_cannot_be_true_is_quarantined_once_and_says_why",
        "staging/test_staging_shopify.py::test_a_record_that_cannot_be_trusted_is_held_back_whole",
        "staging/test_staging_ads_and_traffic.py::test_a_day_that_cannot_be_true",
        "staging/test_staging_shopify_sales.py::test_the_customers_currency_is_kept_for_audit_and_never_counted",
    ],
    "who is who": [
        "test_guests_are_neither_one_customer_nor_new_ones",
        "staging/test_staging_shopify.py::test_a_guest_is_known_by_the_e_mail",
        "staging/test_staging_files.py::test_who_ordered",
    ],
    "orders that are no sales": [
        "staging/test_staging_shopify_sales.py"
        "::test_a_cancelled_order_counts_with_its_refund_and_a_test_or_voided_one_not_at_all",
        "staging/test_staging_shopify_sales.py"
        "::test_an_exchange_is_a_return_and_a_sale_on_its_own_day_and_no_second_order",
        "staging/test_staging_shopify_sales.py"
        "::test_a_gift_card_is_neither_revenue_nor_a_refund_of_it_and_paying_with_one_is_no_discount",
        "staging/test_staging_shopify_sales.py::test_what_costs_nothing_is_an_order_without_revenue",
        "marts/test_marts_orders.py::test_uncounted_orders_keep_their_numbers",
    ],
    "rows that look alike": [
        "staging/test_staging_files.py::test_equal_rows_with_ids_of_their_own_are_both_kept",
        "cli/test_cli_import.py::test_equal_rows_without_line_ids_are_all_real",
    ],
    "counts that do not add up": ["test_a_customer_who_buys_on_three_days_is_one"],
    "weeks and months of two years": [
        "test_a_january_is_of_its_year",
        "marts/test_marts_dimensions.py::test_calendar_days",
        "kpis/test_kpi_windows.py::test_previous_touches_without_overlap_and_year_ago_keeps_weekdays",
    ],
    "small numbers": [
        "kpis/test_kpi_alerts.py::test_a_small_shops_week_is_chance",
        "kpis/test_kpi_alerts.py::test_at_the_vectors_own_size_evidence_decides",
    ],
}
TESTS = Path(__file__).parent.parent
LAST = date(2026, 2, 9)
NOW = datetime(2026, 2, 10, 15, tzinfo=UTC)
"""In the middle of the day after the last complete one."""

Row = dict[str, Any]


def order(name: str, day: date, customer: str | None = None, price: str = "10", **given: Any) -> dict[str, list[Row]]:
    """An order of one line, as rows of staging."""
    when = {"processed_at": datetime(day.year, day.month, day.day, 12, tzinfo=UTC), "order_date": day}
    own = {"order_id": name, "customer_id": customer, "channel_id": "meta", "is_counted": True, **when}
    line = {"order_id": name, "line_id": name, "quantity": 1, "revenue_gross": Decimal(price), **when}
    return {"stg_orders": [own | given], "stg_order_lines": [line]}


def refund(of: str, day: date, amount: str) -> dict[str, list[Row]]:
    when = {"refunded_at": datetime(day.year, day.month, day.day, 12, tzinfo=UTC), "refund_date": day}
    row = {"refund_line_id": of, "order_id": of, "line_id": of, "quantity": 1, "amount": Decimal(amount)}
    return {"stg_refunds": [{"kind": "return", "is_counted": True, **row, **when}]}


def ads(day: date, spend: str, value: str = "0", claimed: float = 0.0) -> dict[str, list[Row]]:
    row = {"source": "meta", "campaign_id": "meta:1", "channel_id": "meta", "date": day, "spend": Decimal(spend)}
    return {"stg_spend": [row | {"platform_value": Decimal(value), "platform_conversions": claimed}]}


def tables(*happened: dict[str, list[Row]]) -> Frames:
    """What the graph makes of it."""
    rows = {name: [row for each in happened for row in each.get(name, [])] for name in STAGING}
    shop = Shop(Tenant("acme", "Acme"), NOW, rows)
    frames = {name: frame.drop("tenant_id") for name, frame in staged([shop]).items()}
    return built(shop, frames, with_summary=False)


def total(state: pl.DataFrame, kpi: str) -> Any:
    return rollup(state, [kpi]).collect().item()


def test_every_trap_has_a_test_that_exists() -> None:
    for tests in TRAPS.values():
        for test in tests:
            file, _, name = test.rpartition("::")
            text = (TESTS / (file or f"independent/{Path(__file__).name}")).read_text()
            assert re.search(rf"^def {name}\(", text, re.MULTILINE), test


def test_without_a_denominator_neither_the_value_nor_its_change_is_a_number() -> None:
    """A day of spend that brings nobody is no CAC of 0, which would be the best ever; nor is the day after it."""
    state = tables(
        order("a", LAST - timedelta(1), "ann"),
        *(ads(LAST - timedelta(back), "50") for back in range(3)),
        order("b", LAST - timedelta(2), "ann"),
    )["kpi_daily"]
    asked = ["blended_cac", "cpc", "aov"]
    for last in (LAST, LAST - timedelta(1)):
        day = trailing(1, last)
        rows = compare(state, day, day.previous(), asked).collect().rows_by_key("kpi", named=True, unique=True)
        assert [rows[kpi]["value"] for kpi in asked] == [None, None, None if last == LAST else 10]
        assert [rows[kpi]["change"] for kpi in asked] == [None, None, None if last == LAST else 0]
        assert rows["blended_cac"]["reason"] == "new_customers is 0"
    assert total(state, "blended_cac") == 150


def test_a_count_that_falls_does_not_wrap_around() -> None:
    """3 − 5 of unsigned counts is 4,294,967,294."""
    made = tables(
        *(order(f"now {n}", LAST, f"now {n}") for n in range(3)),
        *(order(f"then {n}", LAST - timedelta(1), f"then {n}") for n in range(5)),
    )
    today = trailing(1, LAST)
    rows = compare(made["kpi_daily"], today, today.previous(), ["orders", "new_customers"]).collect()
    assert rows["change"].to_list() == pytest.approx([-0.4, -0.4])
    unsigned = {name: list(frame.select(pl.selectors.unsigned_integer()).columns) for name, frame in made.items()}
    assert {name: columns for name, columns in unsigned.items() if columns} == {}


def test_a_day_that_is_not_over_is_in_no_window() -> None:
    made = tables(
        order("yesterday", LAST, "ann"),
        order("today", LAST + timedelta(1), "bob"),
        ads(LAST + timedelta(1), "50"),
    )
    economics = made["unit_economics"]
    assert economics["orders"].to_list() == [1] * economics.height
    assert economics["spend"].to_list() == [None] * economics.height
    assert made["cohorts"].select("cohort_size", "avg_cac").rows() == [(1, None)]
    assert made["segments"]["customer_id"].to_list() == ["ann"]


def test_what_platforms_claim_is_never_revenue() -> None:
    """Two platforms may claim the same order, and one alone more than there was."""
    state = tables(order("a", LAST, "ann"), ads(LAST, "5", value="9999", claimed=7.0))["kpi_daily"]
    ours = ("revenue_gross", "revenue_net", "orders", "new_customers", "roas", "mer", "aov")
    assert [float(total(state, kpi)) for kpi in ours] == [10, 10, 1, 1, 2, 2, 10]
    assert (total(state, "roas_platform"), total(state, "claimed_ratio")) == (pytest.approx(1999.8), 7)
    of_claims = {kpi.name for kpi in KPIS.values() if {"platform_value", "platform_conversions"} & {*kpi.measures}}
    assert of_claims == {"roas_platform", "claimed_ratio"}


def test_a_refund_belongs_to_its_own_day_in_kpis_and_to_its_orders_cohort_and_age_in_cohorts() -> None:
    """Sold in August, half of it given back 70 days later, when September's cohort has come."""
    august, september, october = date(2025, 8, 10), date(2025, 9, 10), date(2025, 10, 19)
    made = tables(order("a", august, "ann", "100"), order("b", september, "bob", "30"), refund("a", october, "50"))
    by_day = dict(rollup(made["kpi_daily"], ["revenue_net"], ["date"]).collect().iter_rows())
    assert by_day == {august: 100, september: 30, october: -50}
    restated = rollup(made["items_order"], ["revenue_net"], ["date"]).collect()
    assert dict(restated.iter_rows()) == {august: 50, september: 30}
    assert made["cohorts"].select("cohort_month", "ltv30", "ltv90").rows() == [
        ("2025-08", 50, 50),
        ("2025-09", 30, 30),
    ]


def test_guests_are_neither_one_customer_nor_new_ones() -> None:
    """Whoever numbers orders within customer_id takes all guests for one, whose first order is new."""
    made = tables(*(order(f"{n}", LAST - timedelta(n)) for n in range(3)), order("a", LAST, "ann"))
    assert [total(made["kpi_daily"], kpi) for kpi in ("orders", "new_customers", "new_customer_share")] == [4, 1, 0.25]
    assert made["cohorts"]["cohort_size"].to_list() == [1]
    assert made["segments"]["customer_id"].to_list() == ["ann"]


def test_a_customer_who_buys_on_three_days_is_one() -> None:
    made = tables(*(order(f"{back}", LAST - timedelta(back), "ann") for back in range(3)))
    by_day = rollup(made["kpi_daily"], ["new_customers", "orders"], ["date"]).collect()
    assert by_day["new_customers"].to_list() == [1, 0, 0]
    assert made["unit_economics"].filter(days=7).select("new_customers", "orders").row(0) == (1, 3)
    assert made["cohorts"]["cohort_size"].to_list() == [1]
    assert "customers" not in MEASURES, "a count of distinct customers is no sum of the days'"


def test_a_january_is_of_its_year() -> None:
    made = tables(order("a", date(2025, 1, 31), "ann"), order("b", date(2026, 1, 1), "bob"))
    assert made["cohorts"].select("cohort_month", "cohort_size").rows() == [("2025-01", 1), ("2026-01", 1)]
