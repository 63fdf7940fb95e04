"""From a bad file to right numbers: what a run takes in, turns away, and takes in again once the file is mended."""

from collections.abc import Callable
from pathlib import Path

from cli_command import Command
from cli_files import csv, line

from growthos_assets import load


def accounted(shop: str) -> tuple[int, int]:
    """(lines in facts, lines in quarantine)."""
    facts = load("marts/fact_order_lines", shop).height + load("marts/fact_refunds", shop).height
    return facts, load("ops/quarantine", shop).height


def test_nine_tenths_go_on_and_a_mended_file_empties_the_quarantine(
    shop: str, growthos: Command, tmp_path: Path, only: Callable[..., None]
) -> None:
    only("marts/fact_orders")
    file = tmp_path / "orders.csv"
    command = ("import", "orders", str(file), "--tenant", shop, "--format", "json")
    rows = [line(str(number), quantity="-1" if number % 4 == 1 else "2") for number in range(100)]
    broken = [row | {"unit_price": "n/a"} if number % 10 == 0 else row for number, row in enumerate(rows)]

    assert growthos(*command).code == 2
    csv(file, *broken)
    assert growthos(*command).document["quarantined"] == 10
    run = growthos("run", "--tenant", shop, "--format", "json")
    assert run.code == 0, "a quarantine is a warning"
    assert run.document["success"]
    assert run.document["rows_quarantined"] == 10
    assert run.document["warnings"] == ["staging/stg_order_lines contract: 10 of 75 rows are quarantined"]
    assert accounted(shop) == (90, 10)

    shown = growthos("quarantine", "--tenant", shop, "--limit", "2").out
    assert "10 quarantined rows" in shown
    assert "The first 2" in shown
    said = growthos("quarantine", "--tenant", shop, "--format", "json").document
    assert said["rows"] == 10
    assert {row["record_id"] for row in said["quarantine"]} == {f"{number}/1" for number in range(0, 100, 10)}
    reason = "unit_price: 'n/a' is not an amount from 0 to a billion"
    assert all(row["reasons"] == [reason] for row in said["quarantine"])
    assert said["reasons"] == [{"table_name": "staging.stg_order_lines", "reason": reason, "rows": 10}]

    csv(file, *rows)
    mended = growthos(*command)
    assert mended.code == 0
    assert (mended.document["landed"], mended.document["unchanged"]) == (10, 90)
    assert growthos("run", "--tenant", shop).code == 0
    assert accounted(shop) == (100, 0)
    assert growthos("quarantine", "--tenant", shop).out == "Nothing is quarantined.\n"


def test_a_file_that_is_mostly_broken_is_not_published_and_the_run_says_why(
    shop: str, growthos: Command, tmp_path: Path, only: Callable[..., None]
) -> None:
    only("marts/fact_orders")
    file = csv(tmp_path / "orders.csv", line("1"), line("2", quantity="[x]"), line("3", quantity="y"))
    assert growthos("import", "orders", str(file), "--tenant", shop).code == 1
    run = growthos("run", "--tenant", shop)
    assert run.code == 1
    assert "Failed: staging.stg_order_lines" in run.err
    assert "contract failed" in run.err
    assert "quantity: '[x]' is not a whole number" in growthos("quarantine", "--tenant", shop).out
