"""The tables of KPIs over the marts of a shop: their checks pass, and find what they are for."""

from decimal import Decimal

import polars as pl
import pytest
from marts_shop import DAY, Shop, line, order, refund

from growthos_assets.kpis.kpi_daily import KpiDaily, reconcile_with_facts
from growthos_assets.kpis.kpi_summary import KpiSummary, null_has_a_reason
from growthos_assets.table import TABLES
from warehouse.contract import Table
from warehouse.split import split

SPEND = {"source": "meta", "campaign_id": "meta:1", "channel_id": "meta", "date": DAY, "spend": Decimal(6)}


@pytest.fixture(scope="module")
def shop() -> Shop:
    return Shop(
        orders=[order("1"), order("2"), order("3", is_counted=False)],
        order_lines=[line("1", "a", "10", discounts=Decimal(1)), line("2", "a", "20"), line("3", "a", "40")],
        refunds=[refund("r", "5", order_id="1", line_id="a"), refund("s", "7", order_id="3", is_counted=False)],
        spend=[SPEND],
    )


@pytest.fixture(scope="module")
def frames(shop: Shop) -> dict[str, pl.DataFrame]:
    def with_table(contract: type[Table], given: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
        name = contract.__spec__.name
        rows, broken = split(shop.call(TABLES[name].transform, given).collect(), contract)
        assert broken.is_empty(), broken
        return given | {name: rows}

    return with_table(KpiSummary, with_table(KpiDaily, shop.audited()))


@pytest.mark.parametrize(
    ("measure", "more", "said"),
    [
        ("orders", 1, "3 here, 2 in the facts"),
        ("revenue_gross", "0.0001", "30.0001 here, 30.0000 in the facts"),
        ("discounts", "0.0001", "1.0001 here, 1.0000 in the facts"),
        ("refunds", "0.0001", "5.0001 here, 5.0000 in the facts"),
        ("spend", "0.0001", "6.0001 here, 6.0000 in the facts"),
    ],
)
def test_a_sum_of_days_that_differs_from_the_facts_is_found(
    measure: str, more: object, said: str, shop: Shop, frames: dict[str, pl.DataFrame]
) -> None:
    assert shop.call(reconcile_with_facts, frames).passed
    rows = frames["kpi_daily"]
    one = rows[measure].arg_max()
    added = pl.when(pl.row_index() == one).then(pl.lit(more).cast(rows.schema[measure])).otherwise(0)
    finding = shop.call(reconcile_with_facts, frames | {"kpi_daily": rows.with_columns(pl.col(measure) + added)})
    assert not finding.passed
    assert finding.message == f"{measure}: {said}"


def test_a_kpi_that_is_null_without_a_reason_is_found(shop: Shop, frames: dict[str, pl.DataFrame]) -> None:
    assert shop.call(null_has_a_reason, frames).passed
    rows = frames["kpi_summary"]
    one = (pl.col("days") == 7) & (pl.col("baseline") == "previous") & (pl.col("kpi") == "aov")
    mute = rows.with_columns(reason=pl.when(~one).then("reason"))
    assert rows.filter(one)["value"].to_list() == [None]
    finding = shop.call(null_has_a_reason, frames | {"kpi_summary": mute})
    assert not finding.passed
    assert finding.metadata["examples"].select("days", "baseline", "kpi").rows() == [(7, "previous", "aov")]
