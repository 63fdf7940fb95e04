"""What a later file says beside, and instead of, what an earlier one said."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from cli_command import Command
from cli_files import Row, csv, line, staged

EARLIER = datetime(2026, 2, 9, tzinfo=UTC)

Import = Callable[..., tuple[int, int]]


@pytest.fixture
def imported(shop: str, growthos: Command, tmp_path: Path) -> Import:
    """Imports rows of a kind as a file of their own: how many landed, and how many vanished."""

    def run(kind: str, *rows: Row) -> tuple[int, int]:
        file = csv(tmp_path / "file.csv", *rows)
        done = growthos("import", kind, str(file), "--tenant", shop, "--format", "json")
        assert done.code == 0, done
        return done.document["landed"], done.document["vanished"]

    return run


def landed_before(tenant: str, stream: str, *records: tuple[str, Row]) -> None:
    """Records under the ids that they had in earlier versions of the importer, a file after the other."""
    import json

    from growthos_assets.loading import warehouse
    from warehouse import raw

    for external_id, row in records:
        frame = pl.DataFrame({"external_id": [external_id], "payload": [json.dumps(row)]})
        raw.land(warehouse(), tenant, "file", stream, [frame], EARLIER)


SALE = line("A", quantity="2", processed_at="2026-01-10")
BACK = line("A", quantity="-1", processed_at="2026-02-03")
SOLD = ("A", "1", date(2026, 1, 10), 2)
CAME_BACK = ("A", "1", date(2026, 2, 3), 1)


def bought(shop: str) -> list[tuple[Any, ...]]:
    return staged(shop, "stg_order_lines", "order_id", "line_id", "order_date", "quantity")


def came_back(shop: str) -> list[tuple[Any, ...]]:
    return staged(shop, "stg_refunds", "order_id", "line_id", "refund_date", "quantity")


def test_a_return_that_repeats_the_sales_ids_leaves_the_sale(shop: str, imported: Import) -> None:
    for rows in ([SALE], [BACK], [SALE, BACK]):
        for landed in (int(len(rows) == 1), 0):
            assert imported("orders", *rows) == (landed, 0)
    assert (bought(shop), came_back(shop)) == ([SOLD], [CAME_BACK])


def test_a_line_comes_back_in_parts_in_one_file_and_in_several(shop: str, imported: Import) -> None:
    sale, later = {**SALE, "quantity": "5"}, {**BACK, "processed_at": "2026-02-04"}
    assert imported("orders", sale) == (1, 0)
    assert imported("orders", BACK, BACK, {**BACK, "unit_price": "5"}) == (3, 0)
    assert imported("orders", later) == (1, 0)
    assert imported("orders", BACK, BACK, {**BACK, "unit_price": "5"}) == (0, 0)
    assert bought(shop) == [(*SOLD[:3], 5)]
    assert came_back(shop) == [*[CAME_BACK] * 3, ("A", "1", date(2026, 2, 4), 1)]


@pytest.mark.parametrize("line_id", ["1", ""])
@pytest.mark.parametrize("spelled", ["2026-02-03 00:00", "2026-02-03T00:00:00", "2026-02-03 00:00:00.000"])
def test_an_instant_in_another_spelling_is_the_same(spelled: str, line_id: str, shop: str, imported: Import) -> None:
    sale, back = ({**row, "line_id": line_id} for row in (SALE, BACK))
    imported("orders", sale, back)
    again = {**sale, "processed_at": spelled.replace("02-03", "01-10")}, {**back, "processed_at": spelled}
    imported("orders", *again)
    assert [row[2:] for row in bought(shop)] == [SOLD[2:]]
    assert [row[2:] for row in came_back(shop)] == [CAME_BACK[2:]]


def test_a_day_with_its_time_is_the_same_day(shop: str, imported: Import) -> None:
    spend = {"date": "2026-02-03", "channel": "meta", "campaign_name": "Brand", "spend": "10"}
    visits = {"date": "2026-02-03", "channel": "Direct", "sessions": "7"}
    for kind, row in (("spend", spend), ("traffic", visits)):
        assert imported(kind, row) == (1, 0)
        assert imported(kind, {**row, "date": "2026-02-03 00:00:00"}) == (1, 1)


@pytest.mark.parametrize("line_id", ["1", ""])
def test_a_return_at_the_sales_own_instant_leaves_the_sale(line_id: str, shop: str, imported: Import) -> None:
    sale = {**SALE, "line_id": line_id}
    back = {**BACK, "line_id": line_id, "processed_at": SALE["processed_at"]}
    assert imported("orders", sale) == (1, 0)
    assert imported("orders", back) == (1, 0)
    assert imported("orders", sale, back) == (0, 0)
    assert [row[2:] for row in bought(shop)] == [SOLD[2:]]
    assert [row[2:] for row in came_back(shop)] == [(SOLD[2], 1)]


NUMBERED = {"line_id": "2026-02-03/1"}
LANDED_BEFORE: dict[str, tuple[list[tuple[str, Row]], list[list[Row]]]] = {
    "the return took the sale's place": ([("A/1", SALE), ("A/1", BACK)], [[BACK], [SALE]]),
    "the sale took the return's place": ([("A/1", BACK), ("A/1", SALE)], [[SALE], [BACK]]),
    "the return came second": ([("A/1", SALE), ("A/1~2", BACK)], [[SALE, BACK]]),
    "the return came first": ([("A/1", BACK), ("A/1~2", SALE)], [[BACK, SALE]]),
    "the return was corrected": ([("A/1", SALE), ("A/1~2", {**BACK, "unit_price": "1"})], [[BACK]]),
    "the return named no line": (
        [("A/1", SALE), ("A/2026-02-03/1", {**BACK, **NUMBERED})], [[{**BACK, "line_id": ""}]],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", LANDED_BEFORE)
def test_a_return_that_landed_under_the_sales_id_is_not_counted_twice(case: str, shop: str, imported: Import) -> None:
    landed, files = LANDED_BEFORE[case]
    landed_before(shop, "orders", *landed)
    for _ in range(2):
        for rows in files:
            imported("orders", *rows)
    assert imported("orders", *files[-1]) == (0, 0)
    assert bought(shop) == [SOLD]
    assert [(row[0], *row[2:]) for row in came_back(shop)] == [(CAME_BACK[0], *CAME_BACK[2:])]
    assert staged(shop, "stg_refunds", "amount") == [(Decimal("9.99"),)]


def test_sales_that_landed_before_are_not_landed_anew(shop: str, imported: Import) -> None:
    unnamed = {name: value for name, value in line("B").items() if name != "line_id"}
    rows = [{**unnamed, "line_id": f"{unnamed['processed_at']}/{number}"} for number in (1, 2)]
    landed_before(shop, "orders", ("A/1", SALE), *((f"B/{row['line_id']}", row) for row in rows))
    assert imported("orders", SALE) == (0, 0)
    assert imported("orders", unnamed, unnamed) == (0, 0)


UNNAMED = [line("A", "", sku="X", unit_price="10"), line("A", "", sku="Y", unit_price="20")]


def prices(shop: str) -> list[tuple[Any, ...]]:
    return staged(shop, "stg_order_lines", "order_id", "sku", "unit_price")


def test_a_corrected_order_without_line_ids_loses_what_the_file_no_longer_has(shop: str, imported: Import) -> None:
    other = line("B", "", sku="X", unit_price="50")
    assert imported("orders", *UNNAMED, other) == (3, 0)
    assert imported("orders", UNNAMED[1]) == (1, 1)
    assert prices(shop) == [("A", "Y", 20), ("B", "X", 50)]
    assert imported("orders", UNNAMED[1]) == (0, 0)
    assert imported("orders", *UNNAMED) == (2, 0)
    assert prices(shop) == [("A", "X", 10), ("A", "Y", 20), ("B", "X", 50)]


def test_an_order_without_line_ids_may_be_told_of_another_instant_or_with_line_ids(shop: str, imported: Import) -> None:
    assert imported("orders", *UNNAMED) == (2, 0)
    later = [{**row, "processed_at": "2026-02-02T12:00:00Z"} for row in UNNAMED]
    assert imported("orders", *later) == (2, 2)
    named = [{**row, "line_id": str(number)} for number, row in enumerate(UNNAMED)]
    assert imported("orders", *named) == (2, 2)
    assert prices(shop) == [("A", "X", 10), ("A", "Y", 20)]


def test_an_order_with_line_ids_may_be_told_again_without(shop: str, imported: Import) -> None:
    named = [{**row, "line_id": str(number)} for number, row in enumerate(UNNAMED)]
    back = {**UNNAMED[0], "quantity": "-1", "processed_at": "2026-02-04"}
    assert imported("orders", *named, {**back, "line_id": "0"}, line("B")) == (4, 0)
    assert imported("orders", *UNNAMED) == (2, 2)
    assert prices(shop) == [("A", "X", 10), ("A", "Y", 20), ("B", "MUG", Decimal("9.99"))]
    assert imported("orders", back) == (1, 1)
    assert [row[2:] for row in came_back(shop)] == [(date(2026, 2, 4), 1)]


def test_a_line_with_a_line_id_is_not_ended_by_one_beside_it(shop: str, imported: Import) -> None:
    assert imported("orders", line("A"), line("A", "2"), line("A", "", sku="CUP")) == (3, 0)
    assert imported("orders", line("A", "2", quantity="3")) == (1, 1)
    assert [row[1] for row in bought(shop)] == ["1", "2"]
    assert imported("orders", line("A", "2", quantity="3"), line("A", "", sku="CUP")) == (1, 0)
    assert [row[3] for row in bought(shop)] == [1, 3, 1]


def test_returns_and_sales_without_line_ids_do_not_end_each_other(shop: str, imported: Import) -> None:
    back = {**UNNAMED[0], "quantity": "-1"}
    later = {**back, "processed_at": "2026-02-04"}
    assert imported("orders", *UNNAMED) == (2, 0)
    assert imported("orders", back, back) == (2, 0)
    assert imported("orders", later) == (1, 0)
    assert imported("orders", *UNNAMED) == (0, 0)
    assert imported("orders", back) == (0, 1), "a corrected file has one of the two"
    assert len(bought(shop)) == 2
    assert [row[2:] for row in came_back(shop)] == [(date(2026, 2, 2), 1), (date(2026, 2, 4), 1)]


def ads(channel: str, spend: str = "100", **changed: str) -> Row:
    return {"date": "2026-02-01", "channel": channel, "campaign_name": "Spring", "spend": spend, **changed}


META, GOOGLE = ads("meta", "300"), ads("google")


def spent(shop: str) -> list[tuple[Any, ...]]:
    return staged(shop, "stg_spend", "channel_id", "account_id", "campaign_name", "spend")


@pytest.mark.parametrize("files", [[[META], [GOOGLE]], [[META, GOOGLE]]], ids=["two files", "one file"])
def test_channels_may_have_campaigns_of_the_same_name(files: list[list[Row]], shop: str, imported: Import) -> None:
    for landed in (True, False):
        for rows in files:
            assert imported("spend", *rows) == (landed * len(rows), 0)
    assert spent(shop) == [("google", None, "Spring", 100), ("meta", None, "Spring", 300)]


def test_accounts_may_have_campaigns_of_the_same_name(shop: str, imported: Import) -> None:
    assert imported("spend", ads("meta", "300", account_id="a")) == (1, 0)
    assert imported("spend", ads("meta", "100", account_id="b"), ads("meta", "7", account_id="b", date="20260202"))[0]
    assert [row[3] for row in spent(shop)] == [300, 7, 100]


def test_an_account_that_is_named_later_is_not_counted_beside_none(shop: str, imported: Import) -> None:
    assert imported("spend", META, GOOGLE) == (2, 0)
    assert imported("spend", {**META, "channel": "Meta", "account_id": "a"}) == (1, 1)
    assert spent(shop) == [("google", None, "Spring", 100), ("meta", "a", "Spring", 300)]


@pytest.mark.parametrize("campaign", ["Spring", ""])
def test_a_platform_by_another_name_is_the_same(campaign: str, shop: str, imported: Import) -> None:
    said = [ads(name, campaign_name=campaign) for name in ("Facebook Ads", "AdWords", "Instagram")]
    assert imported("spend", *said) == (3, 0)
    assert imported("spend", *(ads(name, "7", campaign_name=campaign) for name in ("Meta", "google"))) == (2, 0)
    assert sorted((row[0], row[3]) for row in spent(shop)) == [("google", 7), ("meta", 7), ("meta", 100)]


def test_an_account_that_is_no_longer_named_is_not_counted_beside_itself(shop: str, imported: Import) -> None:
    a, b = ads("meta", "300", account_id="a"), ads("meta", "100", account_id="b")
    assert imported("spend", a, b) == (2, 0)
    assert imported("spend", META) == (1, 2)
    assert imported("spend", b, ads("google", account_id="b")) == (2, 1)
    assert spent(shop) == [("google", "b", "Spring", 100), ("meta", "b", "Spring", 100)]


@pytest.mark.parametrize(
    ("landed", "files"),
    [
        ([("Spring/2026-02-01", META)], [[META]]),
        ([("Spring/2026-02-01", ads("meta", "1"))], [[META]]),
        ([("Spring/2026-02-01", META), ("Spring/2026-02-01", GOOGLE)], [[META], [GOOGLE]]),
        ([("Spring/2026-02-01", META), ("Spring/2026-02-01~2", GOOGLE)], [[META, GOOGLE]]),
        ([("Spring/2026-02-01", GOOGLE), ("Spring/2026-02-01~2", META)], [[META], [GOOGLE]]),
    ],
    ids=["one", "one that is corrected", "one over another", "one beside another", "of several files"],
)
def test_spend_that_landed_by_its_campaigns_name_is_not_counted_twice(
    landed: list[tuple[str, Row]], files: list[list[Row]], shop: str, imported: Import
) -> None:
    landed_before(shop, "spend", *landed)
    for rows in files:
        imported("spend", *rows)
    for rows in files:
        assert imported("spend", *rows) == (0, 0)
    told = [row["channel"] for rows in files for row in rows]
    assert [row[0] for row in spent(shop)] == sorted(told)
    assert sum(row[3] for row in spent(shop)) == sum(Decimal(row["spend"]) for rows in files for row in rows)


def test_spend_of_whole_channels_that_landed_before_is_not_counted_twice(shop: str, imported: Import) -> None:
    whole = {**META, "campaign_name": ""}
    landed_before(shop, "spend", ("meta/2026-02-01", whole))
    assert imported("spend", whole) == (1, 1)
    assert spent(shop) == [("meta", None, "meta", 300)]
