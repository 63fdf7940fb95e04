from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from kpis import MEASURES

MONEY = pl.Decimal(38, 4)
DAY = date(2026, 2, 9)

StateOf = Callable[..., pl.DataFrame]


def _dtype(name: str) -> pl.DataType:
    if name == "platform_conversions":
        return pl.Float64()
    return MONEY if MEASURES[name].unit == "money" else pl.Int64()


STATE_SCHEMA: dict[str, Any] = {
    "date": pl.Date,
    "channel_id": pl.String,
    "campaign_id": pl.String,
    **{name: _dtype(name) for name in MEASURES},
}


@pytest.fixture(scope="session")
def state_of() -> StateOf:
    """A kpi_daily frame from rows that name only what matters; the rest is absent as its measure says."""

    def build(*rows: Mapping[str, Any]) -> pl.DataFrame:
        keys = {"date": DAY, "channel_id": "meta", "campaign_id": "(none)"}
        absent = {m.name: 0 if m.absent == "zero" else None for m in MEASURES.values()}
        full = [{**keys, **absent, **row} for row in rows]
        columns = {name: [_exact(row[name], name) for row in full] for name in STATE_SCHEMA}
        return pl.DataFrame(columns, schema=STATE_SCHEMA)

    return build


def _exact(value: Any, name: str) -> Any:
    return Decimal(str(value)) if STATE_SCHEMA[name] == MONEY and value is not None else value
