"""A tenant or a window without numbers: each command says what is really missing, and what gets it."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from cli_command import Command
from cli_files import csv, line

from growthos_assets import load
from growthos_assets.loading import warehouse
from growthos_assets.missing import first_step, missing
from kpis import Window
from warehouse import credentials, ledger, tenants

NOW = datetime(2026, 2, 9, tzinfo=UTC)


def said(growthos: Command, command: str, shop: str) -> str:
    done = growthos(*command.split(), "--tenant", shop)
    assert done.code == 0
    return done.err


def test_a_shop_without_records_is_told_to_connect_then_to_sync_then_why_nothing_came(
    shop: str, growthos: Command
) -> None:
    none = f"{shop} has no numbers yet."
    connect = f"{none} Connect its shop, growthos connect shopify --tenant {shop}, or import a file"
    assert all(said(growthos, command, shop).startswith(connect) for command in ("kpis", "alerts", "wbr"))
    assert "growthos connect shopify" in said(growthos, "cohorts", shop)

    credentials.store(warehouse(), shop, "ga4", "default", b"{}", "working")
    pull = f"Pull its sources: growthos sync --tenant {shop}, then growthos run --tenant {shop}"
    assert said(growthos, "kpis", shop) == f"{none} {pull}\n"
    with ledger.recording(warehouse(), shop, ("ga4", "funnel"), lambda: NOW, "v1") as book:
        (failed,) = book.plan([ledger.Planned("s", "1", NOW, NOW, "r", {})])
        book.running(failed)
        book.failed(failed, "auth", "The token has expired.", ledger.Effort(1, 1, 0.0))
    assert f"growthos slices --tenant {shop} --failed" in said(growthos, "kpis", shop)


def test_a_run_without_a_usable_order_is_not_told_to_run_again(
    shop: str, growthos: Command, tmp_path: Path, only: Callable[..., None]
) -> None:
    """Not imported, not run, turned away, tests alone: another step each, and no page of zeros."""
    only("alerts/wbr")

    def sold(name: str, *rows: Any) -> None:
        growthos("import", "orders", str(csv(tmp_path / name, *rows)), "--tenant", shop)

    assert growthos("run", "--tenant", shop).code == 0
    assert "growthos connect shopify" in said(growthos, "kpis", shop)
    stored = load("alerts/wbr", shop).row(0, named=True)
    document = growthos("wbr", "-t", shop, "--format", "json").document
    assert json.loads(stored["content"]) == document["review"]
    assert "growthos connect shopify" in document["review"]["missing"]
    for text in (stored["markdown"], stored["html"], growthos("wbr", "-t", shop).out):
        assert "What Is Missing" in text
        assert "Key Drivers" not in text
        assert "GBP 0" not in text
    nothing = growthos("alerts", "-t", shop)
    assert nothing.out == "Nothing could be judged.\n"
    nothing = growthos("alerts", "backtest", "-t", shop)
    assert (nothing.code, nothing.out) == (0, "Nothing could be replayed.\n")
    assert "growthos connect shopify" in nothing.err

    with warehouse().as_tenant(shop) as cursor:
        cursor.execute("DELETE FROM alerts.wbr")
    sold("broken.csv", line("1", unit_price="gold"), line("2", is_test="true"))
    assert (
        said(growthos, "kpis", shop) == f"{shop} has no numbers yet. Materialize them: growthos run --tenant {shop}\n"
    )
    growthos("run", "--tenant", shop)
    turned_away = f"growthos quarantine --tenant {shop} says why"
    assert turned_away in said(growthos, "wbr", shop)
    assert turned_away in load("alerts/wbr", shop).row(0, named=True)["markdown"], "and not to run again"
    with warehouse().as_tenant(shop) as cursor:
        cursor.execute("DELETE FROM ops.quarantine")
    assert "All of its orders (1) are tests or voided" in said(growthos, "kpis", shop)
    with warehouse().as_tenant(shop) as cursor:
        cursor.execute("DELETE FROM marts.fact_orders")
    assert "Its records hold no order, ad spend or visit" in said(growthos, "kpis", shop)


def test_files_of_which_nothing_can_be_read_any_more_are_in_the_quarantine(
    shop: str, growthos: Command, tmp_path: Path, only: Callable[..., None]
) -> None:
    """Sales and returns: neither waits for orders that there are not."""
    only("marts/fact_orders")
    rows = [line("1"), line("2"), line("3"), line("4", quantity="-1")]
    file = csv(tmp_path / "orders.csv", *({**row, "currency": "GBP"} for row in rows))
    assert growthos("import", "orders", str(file), "--tenant", shop).code == 0
    growthos("tenant", "set", shop, "--currency", "EUR")
    run = growthos("run", "--tenant", shop)
    assert run.code == 1
    assert "4 of 4 rows are quarantined, most often because currency: 'GBP' is not the tenant's EUR" in run.err
    assert f"`growthos quarantine --tenant {shop}` shows them" in run.err
    assert growthos("quarantine", "--tenant", shop, "--format", "json").document["rows"] == 4
    assert f"growthos quarantine --tenant {shop} says why" in growthos("kpis", "--tenant", shop).err


def test_a_week_without_numbers_is_no_page_of_zeros(demo: str, growthos: Command) -> None:
    growthos("tenant", "set", "acme", "--clock", "2026-03-02")
    early, late = (growthos("wbr", "-t", "acme", "--until", day) for day in ("2020-01-05", "2026-03-01"))
    assert early.code == late.code == 0
    for done in (early, late):
        assert "## What Is Missing" in done.out
        assert "0.00" not in done.out
    assert "look at its own days with --until 2026-02-09" in early.out
    assert "growthos tenant set acme --clock 2026-02-10" in late.out
    page = growthos("wbr", "-t", "acme", "--until", "2020-01-05", "--format", "html").out
    assert "acme has numbers from 2025-08-14 to 2026-02-09, and none from 2019-12-30 to 2020-01-05." in page


def test_days_before_the_history_are_no_days_to_compare_with(demo_to_read: str, growthos: Command) -> None:
    for command in ("kpis", "explain orders"):
        done = growthos(*command.split(), "-t", "acme", "--days", "120")
        held = "Of the 120 days before, 60 are known: no change is told."
        assert done.err == f"acme has numbers from 2025-08-14 on. {held}\n"
    assert growthos("kpis", "-t", "acme", "--days", "90").err == ""
    review = growthos("wbr", "-t", "acme", "--days", "120").out
    assert "- The numbers begin on Aug 14, 2025: 60 of the 120 days held against are known" in review


def test_a_week_without_numbers_amid_others_that_have_some_is_one_too(shop: str) -> None:
    days = pl.DataFrame({"date": [date(2026, 1, 5), date(2026, 2, 9)]})
    tenant, week = tenants.get(shop), Window(date(2026, 1, 19), date(2026, 1, 25))
    assert all(missing(tenant, Window(day, day + timedelta(6)), days) is None for day in days["date"])
    gap = missing(tenant, week, days)
    assert gap is not None
    assert gap.what == f"{shop} has numbers from 2026-01-05 to 2026-02-09, and none from 2026-01-19 to 2026-01-25."
    assert f"growthos import orders FILE --tenant {shop}" in gap.advice
    credentials.store(warehouse(), shop, "ga4", "default", b"{}", "working")
    assert f"growthos sync --since 2026-01-19 --until 2026-01-25 --tenant {shop}" in str(missing(tenant, week, days))
    later = Window(date(2026, 2, 10), date(2026, 2, 16))
    assert f"Pull what is new: growthos sync --tenant {shop}" in str(missing(tenant, later, days))


def test_a_demo_has_records_before_any_is_stored(shop: str) -> None:
    assert first_step(replace(tenants.get(shop), is_demo=True)) == f"Materialize them: growthos run --tenant {shop}"


def test_customers_of_nobodys_name_make_no_cohorts(
    shop: str, growthos: Command, tmp_path: Path, only: Callable[..., None]
) -> None:
    only("cohorts/cohort_curves", "cohorts/cohort_months", "cohorts/cohort_summary", "kpis/kpi_daily")
    file = csv(tmp_path / "guests.csv", line("1", customer_id=""))
    growthos("import", "orders", str(file), "--tenant", shop)
    growthos("run", "--tenant", shop)
    assert "names a customer, by id or e-mail" in said(growthos, "cohorts", shop)
