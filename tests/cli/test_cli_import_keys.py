"""Ids that no key can hold, through the real commands: told, counted, kept out; and the others go on.

A quote that is not closed makes one field of many lines.
"""

import random
import string
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_command import Command
from cli_files import csv, line, text

from growthos_assets import load

TOO_LONG = "is not an id or a name of at most 800 bytes, free of NUL characters"


def noise(size: int = 3_000) -> str:
    """A text that PostgreSQL can't compress into a key."""
    return "".join(random.Random(size).choices(string.ascii_letters + string.digits, k=size))


def named(reasons: list[str]) -> list[str]:
    """The column that each reason names; the value that it quotes is cut to what a person reads."""
    assert all(reason.endswith(TOO_LONG) for reason in reasons)
    assert max(map(len, reasons)) < 200
    return sorted(reason.partition(":")[0] for reason in reasons)


@pytest.fixture
def told(shop: str, growthos: Command) -> Callable[[str, Path], tuple[int, list[str]]]:
    """Imports a file: rows read, and the columns that the reasons of its quarantined rows name."""

    def import_(kind: str, file: Path) -> tuple[int, list[str]]:
        done = growthos("import", kind, str(file), "--tenant", shop, "--format", "json")
        assert done.code == 1, done
        assert sum(done.document["reasons"].values()) == done.document["quarantined"]
        return done.document["read"], named(list(done.document["reasons"]))

    return import_


def test_what_is_too_long_to_be_a_key_is_quarantined_and_the_others_go_on(
    shop: str,
    growthos: Command,
    told: Callable[[str, Path], tuple[int, list[str]]],
    tmp_path: Path,
    only: Callable[..., None],
) -> None:
    good = [line(str(number), category="mugs") for number in range(9)]
    columns = ("order_id", "line_id", "customer_id", "sku", "category")
    bad = [line("10") | {column: noise()} for column in columns]
    bad.append(line("11", "é" * 400, customer_id="é" * 401))
    returned = [line("0", quantity="-1"), line(noise(), customer_id="ada", quantity="-1")]
    read, reasons = told("orders", csv(tmp_path / "orders.csv", *good, *bad, *returned))
    assert reasons == ["category", "customer_id", "line_id", "order_id", "sku"]

    day = {"date": "2026-02-02", "spend": "5"}
    spend = [day | {"channel": "meta", "campaign_name": name} for name in ("Spring", "Summer", "é" * 397, noise())]
    read_spend, reasons = told("spend", csv(tmp_path / "spend.csv", *spend, day | {"channel": noise()}))
    assert reasons == ["campaign_id"]
    visits = [{"date": "2026-02-02", "channel": name, "sessions": "7"} for name in ("direct", "email", noise())]
    read_traffic, reasons = told("traffic", csv(tmp_path / "traffic.csv", *visits))
    assert reasons == ["channel_group"]

    only("marts/fact_orders", "marts/fact_spend", "marts/fact_traffic", "marts/dim_customer")
    assert growthos("run", "--tenant", shop).code == 0
    assert growthos("import", "orders", str(tmp_path / "orders.csv"), "--tenant", shop).code == 1, "again"
    assert sorted(load("marts/fact_orders", shop)["order_id"]) == [row["order_id"] for row in good]
    assert load("marts/fact_refunds", shop)["order_id"].to_list() == ["0"]
    quarantine = load("ops/quarantine", shop)
    kept_out = dict(quarantine["table_name"].value_counts().iter_rows())
    assert kept_out == {"staging.stg_order_lines": 7, "staging.stg_spend": 2, "staging.stg_traffic": 1}
    assert named(quarantine["reasons"].explode().to_list()) == sorted(
        [*columns, "customer_id", "order_id", "campaign_id", "campaign_id", "channel_group"]
    )
    arrived = {name: load(f"marts/fact_{name}", shop).height for name in ("order_lines", "refunds", "spend", "traffic")}
    assert (read, read_spend, read_traffic) == (
        arrived["order_lines"] + arrived["refunds"] + 7, arrived["spend"] + 2, arrived["traffic"] + 1,
    )  # fmt: skip


@pytest.mark.parametrize("column", [0, 3])
def test_a_quote_that_is_not_closed_takes_its_own_row_alone(
    column: int, shop: str, growthos: Command, told: Callable[[str, Path], tuple[int, list[str]]], tmp_path: Path
) -> None:
    names = ("order_id", "line_id", "processed_at", "customer_id", "quantity", "unit_price")

    def row(order: str, quote: str = "") -> str:
        fields = [order, "1", "2026-02-02 12:00:00", noise(30 + len(order)), "1", "9.99"]
        return ",".join([*fields[:column], quote + fields[column], *fields[column + 1 :]])

    swallowed = [row("bad", '"'), *(row(f"swallowed-{number}" + "x" * number) for number in range(40))]
    ends = ",".join(["x" * 9 + '"', *row("bad").split(",")[column + 1 :]])
    file = text(tmp_path / "orders.csv", [",".join(names), row("1"), *swallowed, ends, row("2")])
    assert told("orders", file) == (3, [names[column]])
    assert sorted(load("raw/file_orders", shop)["external_id"].str.slice(0, 1)) == sorted(
        ["1", "2", "#" if column == 0 else "b"]
    )
