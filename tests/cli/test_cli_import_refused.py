"""What is refused whole: a file that is none, or not the one that its options say; and the words for it."""

from pathlib import Path

import pytest
from cli_command import Command
from cli_files import HEADER, Import, counts, csv, line, text

REFUSED = {
    "empty.csv": ([], "empty.csv is empty"),
    "header.csv": ([HEADER], "header.csv holds no row"),
    "blank.csv": ([""], "blank.csv can't be read as csv: empty CSV"),
    "blanks.csv": ([HEADER, "", ",,,,"], "blanks.csv holds no row"),
    "lacks.csv": (["order_id,processed_at,quantity", "1,2026-02-02,1"], "lacks.csv has no unit_price. Its columns are"),
    "twice.csv": ([HEADER + ",unit_price", "1,1,2026-02-02,1,2,3"], "twice.csv names unit_price twice: rename one"),
    "spaced.csv": (["order_id , order_id,processed_at,quantity,unit_price", "1,2,3,4,5"], "names order_id twice"),
    "ragged.csv": ([HEADER, "1,1,2026-02-02,1,2", "2,1,2026-02-02,1,2,50"], "line 3 has 6 fields, the header has 5"),
    "named.csv": (["sep=,", HEADER, "1,1,2026-02-02,1,2", "2,1,2026-02-02,1,2,50"], "line 4 has 6 fields"),
    "unclosed.csv": (
        [HEADER, "1,1,2026-02-02,1,2", '2,"1,2026-02-02,1,2', "3,1,2026-02-02,1,2"],
        "in line 3 is not closed",
    ),
    "inches.csv": ([HEADER, '1,"24"" tv",2026-02-02,1,2', '2,24" tv,2026-02-02,1,2'], "begins in line 3"),
    "quoted.csv": ([HEADER, '1,"a "big" one",2026-02-02,1,2', '2,"1,2026-02-02,1,2'], "begins in line 2"),
    "none.jsonl": (["{oops"], "none.jsonl has no order_id, processed_at, quantity, unit_price"),
    "nested.jsonl": (["[1]", "2"], "nested.jsonl has no order_id"),
    "not.parquet": ([HEADER], "not.parquet can't be read as parquet"),
    "orders.xlsx": (["PK"], "orders.xlsx: can't tell the format. Save it as one of .csv"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_is_none_is_refused_whole_and_told_why(
    name: str, growthos: Command, warehouse_url: str, tmp_path: Path
) -> None:
    lines, says = REFUSED[name]
    file = text(tmp_path / name, lines)
    new = ("--tenant", "refused", "--timezone", "UTC", "--currency", "USD")
    done = growthos("import", "orders", str(file), *new, "--format", "json")
    assert (done.code, done.out) == (2, "")
    assert says in done.err
    assert "refused" not in growthos("tenants").out, "a refused file makes no tenant"


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
@pytest.mark.parametrize("rows", [1, 20_000])
def test_another_encoding_is_refused(encoding: str, rows: int, orders: Import, tmp_path: Path) -> None:
    lines = [HEADER + ",title", *["1,1,2026-02-02,1,2,mug"] * rows, "1,1,2026-02-02,1,2,Café"]
    done = orders(text(tmp_path / "orders.csv", lines, encoding))
    assert (done.code, done.out) == (2, "")
    assert "Export it again as UTF-8" in done.err


def test_a_file_that_is_not_there_is_refused(orders: Import, tmp_path: Path) -> None:
    assert "There is no file" in orders(tmp_path / "nosuch.csv").err
    assert orders(tmp_path).code == 2


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("sku=Nosuch", "has no sku (column 'Nosuch'). Its columns are order_id, line_id"),
        ("order_id=Nosuch", "has no order_id (column 'Nosuch')"),
        ("nosuch=sku", "--map names nosuch, which is no field of orders. The fields are order_id"),
    ],
)
def test_a_wrong_map_is_refused(option: str, says: str, orders: Import, tmp_path: Path) -> None:
    done = orders(csv(tmp_path / "orders.csv", line("1")), "--map", option)
    assert (done.code, done.out) == (2, "")
    assert says in done.err


def test_a_column_that_is_there_twice_is_refused_only_if_it_is_asked_for(orders: Import, tmp_path: Path) -> None:
    file = text(tmp_path / "orders.csv", [HEADER + ",Total,Total", "1,1,2026-02-02,1,2,3,4"])
    assert counts(orders(file)) == (1, 1, 0, 0, 0)
    refused = orders(file, "--map", "discount=Total")
    assert (refused.code, refused.out) == (2, "")
    assert "names Total twice" in refused.err
