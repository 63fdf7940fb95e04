"""Who is still a customer, and what they will buy: a shop that carries BG/NBD, against the papers' formulas in SQL."""

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import psycopg
import pytest
from independent_ledger import Frames, Ledger, built
from independent_shops import STAGING, Shop, staged

from warehouse import tenants
from warehouse.tenants import Tenant

HERE = Path(__file__).parent
FIRST, LAST = date(2025, 6, 1), date(2026, 2, 7)
NOW = datetime(2026, 2, 8, 12, tzinfo=UTC)
CUSTOMERS = 800
MODELS = "cohorts.ltv_models"


class Returning(Shop):
    """Customers who come evenly, buy at rates of their own and stop, by chance, after any repeat purchase."""

    def __init__(self) -> None:
        tenant = Tenant("returning", "Returning", timezone="UTC", clock_at=NOW)
        super().__init__(tenant, NOW, {name: [] for name in STAGING})
        dice = random.Random(5)
        for who in range(CUSTOMERS):
            rate, worth = dice.gammavariate(0.9, 1 / 25), 90 / dice.gammavariate(4, 1)
            stops, day = dice.betavariate(0.8, 2.5), dice.uniform(0, (LAST - FIRST).days)
            bought = 0
            while (when := FIRST + timedelta(int(day))) <= LAST:
                self._order(f"{who}", when, Decimal(f"{worth * dice.gammavariate(6, 1 / 6):.2f}") + Decimal("0.01"))
                bought += 1
                if bought > 1 and dice.random() < stops:
                    break
                day += dice.expovariate(rate)

    def _order(self, who: str, when: date, price: Decimal) -> None:
        name = f"o{len(self.rows['stg_orders'])}"
        both = {
            "order_id": name, "source": "shopify", "currency": "USD", "order_date": when,
            "processed_at": datetime(when.year, when.month, when.day, 12, tzinfo=UTC),
        }  # fmt: skip
        self.rows["stg_orders"].append({**both, "customer_id": who, "channel_id": "email", "is_counted": True})
        sold = {"line_id": "l", "quantity": 1, "unit_price": price, "revenue_gross": price}
        self.rows["stg_order_lines"].append(both | sold)


@pytest.fixture
def shown(database: str) -> tuple[Frames, pl.DataFrame]:
    """What the graph makes of the shop, and the forecasts by SQL with the same parameters, which are fitted."""
    shop = Returning()
    tenants.create(shop.tenant)
    staging = staged([shop])
    frames = {name: rows.drop("tenant_id") for name, rows in staging.items()}
    built(shop, frames, with_summary=False)
    fitted = frames["ltv_models"].with_columns(tenant_id=pl.lit(shop.tenant.tenant_id))
    with psycopg.connect(database, autocommit=True) as connection:
        ledger = Ledger(connection)
        for name, rows in {**{f"staging.{name}": rows for name, rows in staging.items()}, MODELS: fitted}.items():
            ledger.add(name, rows)
        for script in ("base.sql", "buyers.sql"):
            ledger.run((HERE / script).read_text())
        said = ledger.ask((HERE / "forecast.sql").read_text())
    return frames, said.with_columns(pl.exclude("customer_id").cast(pl.Float64))


def test_who_is_alive_and_at_risk_and_what_they_will_buy(shown: tuple[Frames, pl.DataFrame]) -> None:
    """To the last digit that is shown: four decimals of chances and orders, cents of money."""
    frames, said = shown
    assert frames["ltv_models"].filter("is_used")["model"].to_list() == ["bg_nbd", "gamma_gamma"]
    values = frames["customer_value"].select("customer_id", "is_at_risk", pl.col("p_alive").alias("value_p_alive"))
    forecasts = frames["ltv_forecast"].join(values, on="customer_id")
    both = said.join(forecasts, on="customer_id", suffix=" shown")
    assert both.height == said.height == forecasts.height > CUSTOMERS - 50
    for name, unit in {"p_alive": 1e-4, "expected_orders_365": 1e-4, "expected_order_value": 1e-2}.items():
        apart = both.select((pl.col(name) - pl.col(f"{name} shown")).abs().max()).item()
        assert apart <= unit / 2 * (1 + 1e-6), (name, apart)
    assert both["value_p_alive"].equals(both["p_alive shown"])
    at_risk = both.filter((pl.col("p_alive") - 0.5).abs() > 1e-4)
    assert at_risk["is_at_risk"].equals(at_risk["p_alive"] < 0.5)
    assert min(at_risk["is_at_risk"].sum(), (~at_risk["is_at_risk"]).sum()) > 100
    assert both["p_alive"].n_unique() > 200
