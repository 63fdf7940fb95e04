"""Whatever is imported and taken back, in whatever order: what counts is what it was before, and in the end nothing."""

import random
from datetime import UTC, datetime
from itertools import count

import polars as pl
import pytest

from growthos_assets.loading import warehouse
from growthos_assets.raw.importing import KINDS, land_rows, said, take_back
from warehouse import tenants, versions
from warehouse.tenants import Tenant

AT = datetime(2026, 2, 10, tzinfo=UTC)
DAYS = ("2026-02-01", "2026-02-01 00:00:00", "2026-02-02")
DRAWN = {
    "orders": {
        "order_id": ("A", "A", "B", "B", ""),
        "line_id": ("", "", "1", "2"),
        "processed_at": DAYS,
        "quantity": ("1", "2", "-1"),
        "unit_price": ("1", "2"),
    },
    "spend": {
        "date": DAYS,
        "channel": ("meta", "fb", "google"),
        "account_id": ("", "", "1", "2"),
        "campaign_id": ("", "7"),
        "campaign_name": ("", "Spring"),
        "spend": ("1", "2"),
    },
    "traffic": {"date": DAYS, "channel": ("Direct", "Email"), "sessions": ("1", "2")},
}
"""Few values, so that rows meet: the same record in other words, the same whole, the same row again."""
_numbers = count()

Records = list[tuple[str, str]]


@pytest.fixture
def tenant(warehouse_url: str) -> Tenant:
    made = Tenant(f"drawn-{next(_numbers)}", "Drawn", "UTC", "GBP", keep_pii=True)
    tenants.create(made)
    return made


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("kind", DRAWN)
def test_what_is_taken_back_leaves_what_was_before(kind: str, seed: int, tenant: Tenant) -> None:
    draw = random.Random(seed)
    files: dict[int, pl.DataFrame] = {}
    before: list[tuple[int, Records]] = []

    def records() -> Records:
        found = versions.read_latest(warehouse(), tenant.tenant_id, f"raw.file_{kind}")
        return sorted(found.select("external_id", "payload").rows())

    def imported(rows: pl.DataFrame) -> int:
        was = records()
        done = land_rows(warehouse(), tenant, KINDS[kind], "f.csv", rows, said(rows, KINDS[kind], None), 0, AT)
        assert done["landed"] + done["unchanged"] + done["repeated"] == rows.height
        files[done["import_id"]] = rows
        before.append((done["import_id"], was))
        return done["landed"] + done["vanished"]

    for _ in range(6):
        if before and draw.random() < 0.35:
            last, was = before.pop()
            now = records()
            take_back(warehouse(), tenant, last, AT)
            assert records() == was
            imported(files[last])
            assert records() == now, "again"
        else:
            rows = [{name: draw.choice(values) for name, values in DRAWN[kind].items()} for _ in range(4)]
            imported(pl.DataFrame(rows[: draw.randint(1, 4)]))
            assert imported(files[before[-1][0]]) == 0, "nothing new"
    for number in draw.sample(list(dict(before)), len(before)):
        take_back(warehouse(), tenant, number, AT)
    assert records() == []
