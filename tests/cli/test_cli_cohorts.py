"""`growthos cohorts`: the triangle for people and the document for programs, on the demo."""

from collections.abc import Callable

import pytest
from cli_command import Command

from growthos_assets import load


def test_cohorts_are_shown_and_told(demo: str, growthos: Command, terminal: Callable[[int], None]) -> None:
    shown = growthos("cohorts", "--tenant", "acme").out
    assert "Acme: Customers who ordered again, within n days of the first order" in shown
    assert "2025-08*" in shown
    assert "perhaps old customers" in shown
    assert [line for line in shown.splitlines() if "2026-02" in line and "–" in line]

    document = growthos("cohorts", "--tenant", "acme", "--format", "json").document
    assert list(document) == ["tenant", "by", "value", "unit", "currency", "step", "cohorts"]
    *months, everyone = document["cohorts"]
    assert [row["cohort"] for row in months] == sorted(load("cohorts/cohorts", "acme")["cohort_month"])
    published = load("cohorts/cohorts", "acme").rows_by_key("cohort_month", named=True, unique=True)
    for row in months:
        told = {cell["step"]: cell["value"] for cell in row["cells"]}
        assert told.get(30) == published[row["cohort"]]["d30_retention"]
        assert row["payback_days"] == published[row["cohort"]]["payback_days"]
    assert (everyone["cohort"], everyone["is_left_truncated"]) == ("all", False)
    assert everyone["cohort_size"] == sum(row["cohort_size"] for row in months[1:])

    margin = growthos("cohorts", "--tenant", "acme", "--by", "channel", "--value", "margin").out
    assert "Contribution margin per customer (USD), within n days" in margin
    assert "│MCF" in margin
    assert "MCF: mean cumulative function, of all customers" in margin
    assert "~" in margin
    assert "CAC" in margin

    products = growthos("cohorts", "--tenant", "acme", "--by", "product", "--limit", "2").out
    assert " · " in products
    assert "more cohorts with --limit" in products
    discounts = growthos("cohorts", "-t", "acme", "--by", "discount", "--months", "--format", "json").document
    assert discounts["step"] == "month"
    assert [row["cohort"] for row in discounts["cohorts"]] == ["0%", "0-10%", "10-20%", "all"]
    weeks = growthos("cohorts", "-t", "acme", "--by", "week", "--value", "orders", "--months", "--limit", "3").out
    assert weeks.count("2026-0") == 3
    terminal(60)
    narrow = growthos("cohorts", "-t", "acme", "--by", "channel", "--value", "revenue").out
    assert max(map(len, narrow.splitlines())) <= 60


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("--by region", "'region' is not one of"),
        ("--value profit", "'profit' is not one of"),
        ("--value repeat --months", "repeat is not counted by calendar month; read retention"),
        ("--limit 0", "0 is not in the range"),
    ],
)
def test_what_cannot_be_read_says_why(shop: str, growthos: Command, arguments: str, says: str) -> None:
    done = growthos("cohorts", "-t", shop, *arguments.split())
    assert done.code == 2
    assert says in " ".join(done.err.replace("│", " ").split())


def test_a_shop_without_cohorts_is_told_what_to_do(shop: str, growthos: Command) -> None:
    done = growthos("cohorts", "-t", shop)
    assert done.code == 0
    assert "has no cohorts yet" in done.err
    assert f"growthos connect shopify --tenant {shop}" in done.err
    assert growthos("cohorts", "-t", shop, "--format", "json").document["cohorts"] == []
