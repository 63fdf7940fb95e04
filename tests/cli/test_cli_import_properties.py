"""Whatever a file says: every row is counted once, and says the same from each format."""

import csv
import json
import tempfile
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from growthos_assets import preview
from growthos_assets.raw import importing
from growthos_assets.raw.importing import KINDS, read_file
from growthos_assets.staging.file import lines
from warehouse.tenants import Tenant

SHOP = Tenant("shop", "Shop", "Europe/London", "GBP", keep_pii=True)
ORDERS = KINDS["orders"]
COLUMNS = ("order_id", "processed_at", "quantity", "unit_price", "title")
BROKEN = {
    "quantity: 'x' is not a whole number below a billion": {"quantity": "x"},
    "unit_price is missing": {"unit_price": None},
    "processed_at is in the future": {"processed_at": "2999-01-01"},
    "order_id is missing": {"order_id": None},
}
ZONES = [ZoneInfo("UTC"), ZoneInfo("America/New_York")]

Row = dict[str, str | None]
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12) | st.sampled_from(
    ['say "hi"', "a,b", "two\nlines", " spaced ", "\u2028", "null", "{}"]
)
amounts = st.decimals(0, 10_000, places=2).map(str)
good_rows = st.fixed_dictionaries(
    {
        "order_id": st.integers(1, 5).map(str),
        "processed_at": st.datetimes(
            datetime(2024, 1, 1), datetime(2025, 12, 31), timezones=st.sampled_from(ZONES)
        ).map(datetime.isoformat),
        "quantity": st.integers(-5, 5).map(str),
        "unit_price": amounts,
        "title": st.none() | texts,
    }
)
files = st.lists(st.tuples(good_rows, st.none() | st.sampled_from(list(BROKEN))), min_size=1, max_size=25)


def written(rows: list[Row], folder: Path) -> list[Path]:
    """The same rows in each format."""
    paths = [folder / f"orders.{ending}" for ending in ("csv", "parquet", "jsonl")]
    with paths[0].open("w", newline="") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        table.writerows(rows)
    pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String)).write_parquet(paths[1])
    paths[2].write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return paths


@settings(max_examples=25)
@given(files)
def test_every_row_is_counted_once_and_says_the_same_from_each_format(drawn: list[tuple[Row, str | None]]) -> None:
    rows = [row | BROKEN[reason] if reason else row for row, reason in drawn]
    with tempfile.TemporaryDirectory() as folder:
        csv_, parquet, jsonl = (read_file(path, ORDERS, {}) for path in written(rows, Path(folder)))
    records = importing.records(csv_, ORDERS, None)
    assert records.height == records["external_id"].n_unique() == len(rows)
    assert [json.loads(payload)["title"] for payload in records["payload"]] == [row["title"] for row in rows]
    for other in (parquet, jsonl):
        assert importing.records(other, ORDERS, None).equals(records)

    found = preview.turned_away("orders", records, SHOP)
    assert found == Counter(reason for _, reason in drawn if reason)


@settings(max_examples=10)
@given(st.lists(good_rows, min_size=1, max_size=25))
def test_no_cent_is_lost_between_the_file_and_staging(rows: list[Row]) -> None:
    now = datetime(2026, 2, 10, tzinfo=UTC)
    frame = pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String))
    landed = importing.records(frame, ORDERS, None).with_columns(seen_at=pl.lit(now))
    staged = lines(landed.lazy(), SHOP, now).collect()
    assert staged.height == len(rows)
    expected = sum((int(row["quantity"] or 0) * Decimal(row["unit_price"] or 0) for row in rows), Decimal(0))
    assert staged.select((pl.col("quantity") * pl.col("unit_price")).sum()).item() == expected
