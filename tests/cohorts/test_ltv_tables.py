"""The LTV tables: what they make of fact_orders, and that their checks find what they are for."""

import inspect
import random
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from growthos_assets.cohorts import ltv_forecast as forecast_module
from growthos_assets.cohorts import ltv_holdout as holdout_module
from growthos_assets.cohorts import ltv_models as models_module
from growthos_assets.marts.dim_customer import DimCustomer
from growthos_assets.marts.fact_orders import FactOrders
from growthos_assets.table import TABLES, inputs
from warehouse.contract import polars_schema
from warehouse.split import split
from warehouse.tenants import Tenant

TENANT = Tenant("acme", "Acme", timezone="America/New_York")
NOW = datetime(2026, 2, 9, 4, 59, tzinfo=UTC)  # 23:59 of the 8th in New York: the 7th is the last complete day
FIRST, LAST = date(2025, 6, 1), date(2026, 2, 7)

Frames = dict[str, pl.DataFrame]


def orders_of(customers: int) -> list[dict[str, Any]]:
    """Orders of customers won evenly, who buy at rates of their own until, by chance, they stop."""
    dice = random.Random(5)
    rows: list[dict[str, Any]] = []
    for who in range(customers):
        rate, worth = dice.gammavariate(0.9, 1 / 25), 90 / dice.gammavariate(4, 1)
        stops, day = dice.betavariate(0.8, 2.5), dice.uniform(0, (LAST - FIRST).days + 2)
        while (when := FIRST + timedelta(int(day))) <= LAST + timedelta(1):
            net = Decimal(f"{worth * dice.gammavariate(6, 1 / 6):.2f}") + Decimal("0.01")
            rows.append(
                {
                    "order_id": f"{who}/{len(rows)}",
                    "customer_id": f"c{who:04}",
                    "order_date": when,
                    "revenue_net": net,
                    "contribution_margin": net / 4,
                    "is_counted": True,
                }
            )
            if rows[-1]["order_date"] > FIRST and dice.random() < stops:
                break
            day += dice.expovariate(rate)
    not_counted = rows[0] | {"order_id": "test", "customer_id": "tester", "is_counted": False}
    guest = rows[0] | {"order_id": "guest", "customer_id": None}
    return [*rows, not_counted, guest]


def frames(orders: list[dict[str, Any]]) -> Frames:
    """What the LTV tables read; only the columns that they look at are filled."""

    def frame(contract: Any, rows: list[dict[str, Any]]) -> pl.DataFrame:
        schema = polars_schema(contract)
        return pl.DataFrame([dict.fromkeys(schema) | row for row in rows], schema=schema, orient="row")

    facts = frame(FactOrders, orders)
    firsts = (
        facts.filter("is_counted")
        .drop_nulls("customer_id")
        .group_by("customer_id")
        .agg(day=pl.min("order_date"))
        .rows()
    )
    customers = [{"customer_id": who, "first_order_date": day} for who, day in firsts]
    return {"fact_orders": facts, "dim_customer": frame(DimCustomer, [*customers, {"customer_id": "looker"}])}


def call(function: Any, given: Frames) -> Any:
    values = {"tenant": TENANT, "now": NOW}
    tables = {name: given[name].lazy() for name in inputs(function)}
    parameters = inspect.signature(function).parameters
    return function(**tables, **{name: values[name] for name in parameters if name in values})


def with_tables(given: Frames) -> Frames:
    """The LTV tables made of `given`, each after its contract and all of its checks."""
    for name in ("ltv_models", "ltv_holdout", "ltv_forecast"):
        declaration = TABLES[name]
        rows, broken = split(call(declaration.transform, given).collect(), declaration.contract)
        assert broken.is_empty(), broken
        given = given | {name: rows}
        for check in declaration.checks:
            finding = call(check.function, given)
            assert finding.passed, (check.name, finding)
    return given


@pytest.fixture(scope="module")
def shop() -> Frames:
    return with_tables(frames(orders_of(1_500)))


def test_every_buyer_up_to_the_last_complete_day_is_forecast(shop: Frames) -> None:
    complete = shop["fact_orders"].filter("is_counted", pl.col("order_date") <= LAST).drop_nulls("customer_id")
    forecast = shop["ltv_forecast"]
    assert set(forecast["customer_id"]) == set(complete["customer_id"])
    assert forecast["age_days"].min() == 0
    assert forecast["reason"].null_count() == forecast.height
    assert forecast.filter("is_left_truncated")["age_days"].min() > (LAST - date(2025, 7, 1)).days


def test_the_forecast_uses_the_published_parameters(shop: Frames) -> None:
    slower = shop["ltv_models"].with_columns(pl.col("alpha") * 2)
    forecast = call(forecast_module.ltv_forecast, shop | {"ltv_models": slower}).collect()
    assert forecast["expected_orders_90"].sum() < 0.8 * shop["ltv_forecast"]["expected_orders_90"].sum()


def test_the_holdout_says_how_good_the_model_is(shop: Frames) -> None:
    finding = call(holdout_module.holdout_within_a_third, shop)
    assert not finding.skipped
    used = shop["ltv_models"].filter("is_used")["model"][0]
    assert finding.message.startswith(f"{used} predicted")
    assert "as before would have been" in finding.message


def test_a_brand_too_small_for_a_model_has_rows_and_reasons() -> None:
    small = with_tables(frames(orders_of(100)))
    assert small["ltv_models"]["reason"].str.contains("too few customers").all()
    assert small["ltv_forecast"]["reason"].str.contains("too few customers").all()
    assert small["ltv_forecast"]["expected_orders_90"].null_count() == small["ltv_forecast"].height > 0
    assert call(holdout_module.holdout_within_a_third, small).skipped


def test_without_orders_nothing_is_missed() -> None:
    empty = with_tables(frames([orders_of(1)[0] | {"is_counted": False}]))
    assert empty["ltv_forecast"].is_empty()


def test_checks_find_what_they_are_for(shop: Frames) -> None:
    models, holdout, forecast = (shop[name] for name in ("ltv_models", "ltv_holdout", "ltv_forecast"))
    stranger = forecast.head(1).with_columns(customer_id=pl.lit("stranger"))
    broken = {
        models_module.models_fitted_or_refused: [
            {"ltv_models": models.with_columns(log_likelihood=None)},
            {"ltv_models": models.with_columns(reason=pl.lit("refused"))},
        ],
        holdout_module.holdout_within_a_third: [
            {"ltv_holdout": holdout.with_columns(pl.col("orders_predicted") * 1.6)},
            {"ltv_holdout": holdout.with_columns(pl.col("orders_predicted") * 0.5)},
            {"ltv_holdout": holdout.with_columns(pl.col("revenue_predicted") * 1.6)},
        ],
        forecast_module.forecasts_hold_every_buyer: [
            {"ltv_forecast": forecast.head(1)},
            {"ltv_forecast": pl.concat([forecast, forecast.head(1)])},
            {"ltv_forecast": pl.concat([forecast, stranger])},
        ],
        forecast_module.forecasts_grow_with_the_horizon: [
            {"ltv_forecast": forecast.with_columns(expected_orders_180=pl.lit(0.0))},
            {"ltv_forecast": forecast.with_columns(expected_revenue_365=pl.lit(0.0))},
        ],
    }
    for check, cases in broken.items():
        for wrong in cases:
            assert not call(check, shop | wrong).passed, check.__name__


def test_few_orders_are_no_proof(shop: Frames) -> None:
    few = shop["ltv_holdout"].with_columns(orders=pl.lit(29, pl.Int64))
    assert call(holdout_module.holdout_within_a_third, shop | {"ltv_holdout": few}).skipped


def test_declaring_the_tables_imports_no_scipy() -> None:
    """Loading the code location must not wait for it."""
    script = "import sys, growthos_assets.cohorts.ltv_forecast; assert 'scipy' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)
