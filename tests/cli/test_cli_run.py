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
    waits = growthos("quarantine", "--tenant", shop).out
    assert f"the next one judges what was imported since: growthos run --tenant {shop}\n" in waits
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
    reason = "unit_price: 'n/a' is not an amount from 0 to a billion, such as 19.90"
    assert all(row["reasons"] == [reason] for row in said["quarantine"])
    assert said["reasons"] == [{"table_name": "staging.stg_order_lines", "reason": reason, "rows": 10}]

    csv(file, *rows)
    mended = growthos(*command)
    assert mended.code == 0
    assert (mended.document["landed"], mended.document["unchanged"]) == (10, 90)
    assert growthos("run", "--tenant", shop).code == 0
    assert accounted(shop) == (100, 0)
    assert growthos("quarantine", "--tenant", shop).out.startswith("Nothing is quarantined")


def test_a_file_that_is_mostly_broken_lands_nothing_and_the_numbers_stay(
    shop: str, growthos: Command, tmp_path: Path, only: Callable[..., None]
) -> None:
    only("marts/fact_orders")
    good, half = [line("1"), line("2")], [line("4", quantity="[x]"), line("3", tax="z")]
    assert growthos("import", "orders", str(csv(tmp_path / "orders.csv", *good, *half)), "--tenant", shop).code == 1
    assert growthos("run", "--tenant", shop).code == 0
    before = accounted(shop)

    file = csv(tmp_path / "other.csv", good[0], half[0], line("2", quantity="[/y]"), line("5", unit_price="?"))
    new = ("--timezone", "UTC", "--currency", "GBP")
    for tenant, *options in ((shop,), ("refused", *new)):
        done = growthos("import", "orders", str(file), "--tenant", tenant, *options, "--format", "json")
        assert (done.code, done.out) == (2, "")
        assert "other.csv: nothing has landed, since 3 of 4 rows break their contract, more than 50%." in done.err
        assert "  2 × quantity: e.g. '[x]' is not a whole number below a billion\n  1 × unit_price: '?' is" in done.err
        assert "--map field=column" in done.err
    assert "refused" not in growthos("tenants").out
    assert growthos("run", "--tenant", shop, "--full").code == 0
    assert accounted(shop) == before
