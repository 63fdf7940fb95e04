"""A file that should not have been imported, taken back: the numbers are those that they were before it."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from cli_command import Command, Done
from cli_files import Row, csv, line, staged

from growthos_assets import load
from growthos_assets.loading import warehouse
from warehouse import versions

Import = Callable[..., dict[str, Any]]
Undo = Callable[..., dict[str, Any]]
UNNAMED = [line("A", "", sku="X", unit_price="10"), line("A", "", sku="Y", unit_price="20")]


@pytest.fixture
def imported(shop: str, growthos: Command, tmp_path: Path) -> Import:
    def run(*rows: Row, kind: str = "orders") -> dict[str, Any]:
        file = csv(tmp_path / f"{kind}.csv", *rows)
        return growthos("import", kind, str(file), "--tenant", shop, "--format", "json").document

    return run


@pytest.fixture
def undo(shop: str, growthos: Command) -> Undo:
    def run(number: int) -> dict[str, Any]:
        done = growthos("import", "undo", str(number), "--tenant", shop, "--format", "json")
        assert done.code == 0, done
        return done.document

    return run


def counts(document: dict[str, Any]) -> tuple[int, int, int]:
    return document["restored"], document["ended"], document["stay"]


def sold(shop: str) -> list[tuple[Any, ...]]:
    return staged(shop, "stg_order_lines", "order_id", "sku", "quantity", "unit_price")


def test_after_a_wrong_file_the_numbers_are_those_from_before_it(
    shop: str, growthos: Command, imported: Import, undo: Undo, only: Callable[..., None]
) -> None:
    """What it changed, ended and added; and the right file in its place is no "nothing new"."""
    only("marts/fact_orders")

    def made() -> pl.DataFrame:
        assert growthos("run", "--tenant", shop).code == 0
        return load("marts/fact_orders", shop)

    right = [*UNNAMED, line("B"), line("C")]
    wrong = [UNNAMED[1], line("B", unit_price="5"), line("D"), line("E", quantity="x")]
    imported(*right)
    before = made()
    second = imported(*wrong)
    assert (second["landed"], second["vanished"], second["quarantined"]) == (4, 1, 1)
    assert not made().equals(before)

    assert counts(undo(second["import_id"])) == (3, 2, 0)
    assert made().equals(before)
    assert load("ops/quarantine", shop).is_empty()
    listed = growthos("import", "list", "--tenant", shop, "--format", "json").document["imports"]
    assert [(row["import_id"], row["landed"], row["undone_at"] is None) for row in listed] == [
        (2, 4, False),
        (1, 4, True),
    ]

    for right in (False, True):
        third = imported(*(line(order) for order in (("H", "I") if right else ("F", "G"))))
        assert made().height == before.height + 2
        if not right:
            undo(third["import_id"])
    assert {"H", "I"} < set(load("marts/fact_orders", shop)["order_id"].str.slice(-1))


def test_what_was_known_while_it_stood_is_still_known(
    shop: str, growthos: Command, imported: Import, undo: Undo
) -> None:
    from datetime import timedelta

    def at(day: int) -> datetime:
        return datetime(2026, 2, day, tzinfo=UTC)

    for day, act in ((10, lambda: imported(line("A"))), (11, lambda: imported(line("A", quantity="9"), line("B")))):
        growthos("tenant", "set", shop, "--clock", f"{at(day):%Y-%m-%d}")
        act()
    growthos("tenant", "set", shop, "--clock", "2026-02-12")
    assert counts(undo(2)) == (1, 1, 0)

    def quantities(day: int) -> list[str]:
        import json

        known = versions.read_latest(warehouse(), shop, "raw.file_orders", at(day) + timedelta(hours=1))
        return sorted(json.loads(payload)["quantity"] for payload in known["payload"])

    assert [quantities(day) for day in (9, 10, 11, 12)] == [[], ["1"], ["1", "9"], ["1"]]


def test_what_a_later_import_changed_stays_until_that_is_taken_back_too(
    shop: str, growthos: Command, imported: Import, undo: Undo
) -> None:
    imported(line("A"), line("B"), line("C"))
    imported(line("A", quantity="2"), line("B", quantity="2"), line("D"))
    third = imported(line("A", quantity="3"), line("E"))
    assert counts(undo(2)) == (1, 1, 1)
    assert [row[:3:2] for row in sold(shop)] == [("A", 3), ("B", 1), ("C", 1), ("E", 1)]

    assert counts(undo(third["import_id"])) == (1, 1, 0)
    assert [row[:3:2] for row in sold(shop)] == [("A", 1), ("B", 1), ("C", 1)], "not what the second had of it"
    assert counts(undo(1)) == (0, 3, 0)
    assert sold(shop) == []


def test_a_later_import_of_the_same_order_keeps_all_of_it(shop: str, imported: Import, undo: Undo) -> None:
    """Without line ids an order is one whole: what the file in between ended does not live again beside it."""
    imported(*UNNAMED)
    imported(line("A", "", sku="Z", unit_price="30"))
    right = imported(line("A", "", sku="W", unit_price="40"))
    assert counts(undo(2)) == (0, 0, 2)
    assert sold(shop) == [("A", "W", 1, 40)]
    assert counts(undo(right["import_id"])) == (2, 0, 0)
    assert sold(shop) == [("A", "X", 1, 10), ("A", "Y", 1, 20)]


@pytest.mark.parametrize(
    ("kind", "row", "other"),
    [
        ("spend", {"date": "2026-02-01", "channel": "meta", "spend": "100"}, {"spend": "7"}),
        ("traffic", {"date": "2026-02-01", "channel": "Direct", "sessions": "5"}, {"sessions": "9"}),
    ],
)
def test_spend_and_traffic_are_taken_back_too(
    kind: str, row: dict[str, str], other: dict[str, str], shop: str, imported: Import, undo: Undo
) -> None:
    columns = ("date", *other)
    imported(line("A"))
    imported(row, kind=kind)
    before = staged(shop, f"stg_{kind}", *columns)
    wrong = imported({**row, **other}, {**row, "date": "2026-02-02"}, kind=kind)
    assert counts(undo(wrong["import_id"])) == (1, 1, 0)
    assert staged(shop, f"stg_{kind}", *columns) == before
    assert len(sold(shop)) == 1


def test_whose_rows_were_repeated_later_is_told(growthos: Command, imported: Import, undo: Undo, shop: str) -> None:
    imported(line("A"), line("B"))
    assert imported(line("A"), line("C"))["unchanged"] == 1
    assert undo(1)["import_again"] == [2]
    assert [row[0] for row in sold(shop)] == ["C"]
    assert imported(line("A"), line("C"))["landed"] == 1
    assert [row[0] for row in sold(shop)] == ["A", "C"]


def test_people_are_told_how_and_what_cannot_be(
    shop: str, growthos: Command, tmp_path: Path, terminal: Callable[[int], None]
) -> None:
    assert growthos("import", "list", "--tenant", shop).out.startswith("No file was imported: growthos import orders")
    file = csv(tmp_path / "orders.csv", line("A"))
    shown = growthos("import", "orders", str(file), "--tenant", shop).out
    assert f"This is import 1. If it was a mistake: growthos import undo 1 --tenant {shop}\n" in shown
    terminal(80)
    listed = growthos("import", "list", "--tenant", shop).out
    assert re.search(r"│ +1 │ orders.csv +│ orders +│ \d{4}-\d\d-\d\d \d\d:\d\d │ +1 │ +│\n", listed), (
        "one line, unbroken"
    )

    done: Done = growthos("import", "undo", "1", "--tenant", shop)
    assert done.code == 0
    assert f"Took back import 1, orders.csv, from {shop}.\n" in done.out
    assert done.out.endswith(f"Next: growthos run --tenant {shop}\n")
    listed = growthos("import", "list", "--tenant", shop).out
    assert re.search(r"│ +1 │ orders.csv │ orders │ [-\d: ]{16} │ +1 │ taken back │\n", listed)
    terminal(300)
    again = growthos("import", "undo", "1", "--tenant", shop)
    assert (again.code, again.out) == (0, "Import 1 was taken back before: nothing has changed.\n")
    assert growthos("import", "undo", "1", "--tenant", shop, "--format", "json").document["undone"] is False

    unknown = growthos("import", "undo", "7", "--tenant", shop, "--format", "json")
    assert (unknown.code, unknown.out) == (2, "")
    assert f"{shop} has no import 7: `growthos import list --tenant {shop}` shows" in unknown.err
    assert growthos("import", "list", "--tenant", "nosuch").code == 2


def test_spend_in_other_words_is_superseded_by_whoever_said_it_last(
    shop: str, growthos: Command, imported: Import, undo: Undo
) -> None:
    """Taking an import back makes nothing that stood before it newer than it was."""

    def said(day: int, spend: str, **campaign: str) -> None:
        growthos("tenant", "set", shop, "--clock", f"2026-02-{day}")
        imported({"date": "2026-02-01", "channel": "meta", "spend": spend, **campaign}, kind="spend")

    said(10, "100", campaign_name="Spring")
    said(11, "200", campaign_name="Spring", campaign_id="7")
    assert staged(shop, "stg_spend", "spend") == [(200,)]
    said(12, "300", campaign_name="Spring")
    assert staged(shop, "stg_spend", "spend") == [(300,)]
    growthos("tenant", "set", shop, "--clock", "2026-02-13")
    undo(3)
    assert staged(shop, "stg_spend", "spend") == [(200,)]
