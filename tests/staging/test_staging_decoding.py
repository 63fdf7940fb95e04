"""Payloads are decoded a few at a time: none is lost where one part ends and the next begins."""

import polars as pl
import pytest
from staging_shop import raw

from growthos_assets.staging import parse


@pytest.mark.parametrize("payloads", [0, 1, 2, 3, 4, 9, 10])
def test_every_payload_is_decoded_in_its_place(payloads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse, "DECODED_AT_ONCE", 3)
    records = raw([(f"record-{number}", {"id": number, "more": [number]}) for number in range(payloads)])
    rows = parse.decoded(records, {"id": pl.String, "absent": pl.String}).collect()
    assert rows["id"].to_list() == [str(number) for number in range(payloads)]
    assert rows["external_id"].to_list() == [f"record-{number}" for number in range(payloads)]
    assert rows["absent"].null_count() == payloads
