"""What no key of the database can hold never gets as far as a key, and all that may be in one fits in."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from random import Random

import polars as pl
import pytest

from growthos_assets import graph
from growthos_assets.staging.kinds import ID_BYTES
from warehouse import raw
from warehouse.contract import KEY_BYTES, Table, json_columns, polars_schema
from warehouse.database import Warehouse
from warehouse.ops import OPS, RawEvents
from warehouse.server import app_url, text

TENANT = "t" * 63
"""No tenant's id is longer."""

AT = datetime(2026, 2, 1, tzinfo=UTC)
VALUES = {pl.Int64: 1, pl.Float64: 1.0, pl.Boolean: True, pl.Date: date(2026, 2, 1), pl.Binary: b"x"}


def incompressible(size: int, seed: int) -> str:
    """That many bytes of letters of one to four bytes, in which nothing repeats."""
    dice = Random(seed)
    letters = ""
    while (left := size - len(letters.encode())) >= 4:
        letters += chr(dice.choice([*range(0x21, 0x7F), *range(0xC0, 0x250), 0x1F600 + dice.randrange(64)]))
    return letters + "-" * left


def row(contract: type[Table], texts: list[str]) -> pl.DataFrame:
    """A row of the contract with these columns of as much random text as a key holds, of all of them together."""
    values: dict[str, object] = {}
    for name, dtype in polars_schema(contract).items():
        if name in json_columns(contract):
            values[name] = "{}"
        elif isinstance(dtype, pl.Decimal):
            values[name] = Decimal(1)
        elif isinstance(dtype, pl.Datetime):
            values[name] = AT
        else:
            values[name] = VALUES.get(dtype.base_type(), [] if dtype == pl.List else "x")
    for number, name in enumerate(texts):
        share = KEY_BYTES // len(texts) + (number < KEY_BYTES % len(texts))
        values[name] = incompressible(share, number)
    return pl.DataFrame([values], schema=polars_schema(contract))


@pytest.fixture
def opened(database: str) -> Iterator[Warehouse]:
    made = Warehouse(text(app_url()))
    yield made
    made.close()


def test_every_index_holds_as_much_text_as_a_key_may_have(opened: Warehouse, subtests: pytest.Subtests) -> None:
    for contract in (*graph.stored_contracts(), *OPS):
        for columns in (contract.__spec__.key, contract.__spec__.index):
            texts = [name for name in columns if polars_schema(contract)[name] == pl.String]
            if texts and contract is not RawEvents:
                with subtests.test(table=contract.__spec__.qualified, columns=columns):
                    assert opened.publish(contract, row(contract, texts), TENANT).inserted == 1


def test_a_raw_record_is_known_by_as_much_text_as_a_key_may_have(opened: Warehouse) -> None:
    batch = pl.DataFrame({"external_id": [f"{incompressible(KEY_BYTES, 1)}~1234567"], "payload": ["{}"]})
    assert raw.land(opened, TENANT, "google_ads", "insights", [batch], AT).landed == 1


def test_three_ids_and_what_joins_them_are_a_key() -> None:
    assert len("google_ads:2026-02-01 00:00:00+00:00/return/1000000/") + 3 * ID_BYTES <= KEY_BYTES
