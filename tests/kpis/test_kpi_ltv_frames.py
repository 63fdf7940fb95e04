"""LTV from orders to forecast: what customers are taken to be, what is refused, what the newest days say of it."""

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from kpis import ltv
from kpis.ltv.customers import customers
from kpis.ltv.fitting import MIN_CUSTOMERS, MIN_REPEAT_CUSTOMERS
from kpis.windows import Window

FIRST = date(2025, 1, 1)
LAST = date(2025, 12, 31)
MONEY = pl.Decimal(38, 4)
SCHEMA = {"customer_id": pl.String, "order_date": pl.Date, "revenue_net": MONEY, "contribution_margin": MONEY}


def orders_of(*rows):
    """Orders from (customer, day after FIRST, revenue); the margin is a quarter of it."""
    return pl.DataFrame(
        [(who, FIRST + timedelta(day), Decimal(str(net)), Decimal(str(net)) / 4) for who, day, net in rows],
        schema=SCHEMA,
        orient="row",
    )


def brand(count, seed=7, stopping=(0.8, 2.5), dearer=0.0, until=364):
    """Orders of customers won evenly over the days, who buy as BG/NBD and Gamma-Gamma say.

    `stopping` is the beta distribution of the chance to stop; `dearer` makes frequent customers spend more.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for who in range(count):
        rate, stops, scale = rng.gamma(0.9) / 30, rng.beta(*stopping) if stopping else 0, 40 / rng.gamma(4)
        day, bought = rng.uniform(0, until), 0
        while day <= until:
            value = rng.gamma(6) * scale * np.exp(dearer * rate * 30)
            rows.append((f"c{who:05}", int(day), round(value, 2) + 0.01))
            if bought and rng.random() < stops:
                break
            day, bought = day + rng.exponential(1 / rate), bought + 1
    return orders_of(*rows)


@pytest.fixture(scope="module")
def shop():
    return brand(2_500)


@pytest.fixture(scope="module")
def fitted(shop):
    return ltv.models(shop, LAST)


@pytest.fixture(scope="module")
def forecast(shop, fitted):
    return ltv.forecast(shop, fitted, LAST)


def test_customers():
    orders = orders_of(
        ("ann", 0, 10), ("ann", 0, 5), ("ann", 10, 30), ("ann", 10, 10), ("ann", 40, -20), ("ann", 400, 99),
        ("bob", 31, 8),
        ("cid", 365, 8),
        (None, 5, 99),
    )  # fmt: skip
    ann, bob = customers(orders, LAST).collect().rows(named=True)
    assert ann == {
        "customer_id": "ann",
        "first_day": FIRST,
        "repeat_orders": 2,
        "last_order_age_days": 40,
        "age_days": 364,
        "repeat_order_value": 10.0,
        "repeat_revenue": Decimal(20),
        "repeat_margin": Decimal(5),
        "is_left_truncated": True,
    }
    assert (bob["repeat_orders"], bob["last_order_age_days"], bob["age_days"]) == (0, 0, 333)
    assert bob["repeat_order_value"] is None
    assert not bob["is_left_truncated"]


def test_models_leave_out_the_first_month(shop, fitted):
    known = shop.group_by("customer_id").agg(pl.min("order_date")).filter(pl.col("order_date") >= date(2025, 2, 1))
    rows = fitted.rows_by_key("model", named=True, unique=True)
    assert list(rows) == ["bg_nbd", "pareto_nbd", "nbd", "gamma_gamma"]
    for row in rows.values():
        assert row["customers"] == known.height
        assert (row["acquired_from"], row["acquired_to"]) == (known["order_date"].min(), known["order_date"].max())
    assert rows["gamma_gamma"]["margin_rate"] == pytest.approx(0.25, abs=1e-4)
    assert abs(rows["gamma_gamma"]["value_correlation"]) < 0.1


def test_the_likeliest_purchase_model_is_used(fitted):
    rows = fitted.rows_by_key("model", named=True, unique=True)
    assert [name for name, row in rows.items() if row["is_used"]] == ["bg_nbd", "gamma_gamma"]
    assert rows["bg_nbd"]["log_likelihood"] > rows["pareto_nbd"]["log_likelihood"] > rows["nbd"]["log_likelihood"]
    assert rows["bg_nbd"]["a"] / (rows["bg_nbd"]["a"] + rows["bg_nbd"]["b"]) == pytest.approx(0.8 / 3.3, rel=0.25)
    assert rows["gamma_gamma"]["p"] == pytest.approx(6, rel=0.15)


def test_an_acquisition_window_has_models_of_its_own(shop, fitted):
    spring = Window(date(2025, 3, 1), date(2025, 6, 30))
    models, tested = ltv.models(shop, LAST, spring), ltv.holdout(shop, LAST, spring)
    won = customers(shop, LAST).filter(pl.col("first_day").is_between(spring.start, spring.end)).collect()
    assert models["customers"].to_list() == [won.height] * 4
    assert models["acquired_from"].min() >= spring.start
    assert models["acquired_to"].max() <= spring.end
    assert models.row(0, named=True)["r"] != fitted.row(0, named=True)["r"]
    assert tested["customers"].to_list() == [won.height] * 4


def test_forecast(shop, forecast):
    assert forecast["customer_id"].to_list() == sorted(shop["customer_id"].unique())
    assert forecast["reason"].null_count() == forecast.height
    assert forecast.drop("reason", "repeat_order_value").null_count().sum_horizontal().item() == 0
    truncated = shop.group_by("customer_id").agg(pl.col("order_date").min() < date(2025, 2, 1)).sort("customer_id")
    assert forecast["is_left_truncated"].to_list() == truncated["order_date"].to_list()
    revenue = forecast["expected_orders_90"] * forecast["expected_order_value"]
    assert forecast["expected_revenue_90"].to_list() == pytest.approx(revenue.to_list(), abs=0.006)
    margin = forecast["expected_margin_365"].sum() / forecast["expected_revenue_365"].sum()
    assert margin == pytest.approx(0.25, abs=1e-3)


def test_frequent_silent_customers_are_given_up(forecast):
    frequent = forecast.filter(pl.col("repeat_orders") >= 5, pl.col("age_days") > 150)
    silent = frequent.filter(pl.col("age_days") - pl.col("last_order_age_days") > 90)["p_alive"]
    recent = frequent.filter(pl.col("age_days") - pl.col("last_order_age_days") < 15)["p_alive"]
    assert silent.mean() < 0.2
    assert recent.mean() > 0.8


def test_the_order_of_rows_and_a_second_run_change_nothing(shop, fitted, forecast):
    shuffled = shop.sample(fraction=1, shuffle=True, seed=3)
    again = ltv.models(shuffled, LAST)
    assert_frame_equal(again, fitted, check_exact=True)
    assert_frame_equal(ltv.forecast(shuffled, again, LAST), forecast, check_exact=True)


def test_another_currency_changes_money_only(shop, forecast):
    pence = shop.with_columns((pl.col("revenue_net", "contribution_margin") * 100).cast(MONEY))
    other = ltv.forecast(pence, ltv.models(pence, LAST), LAST)
    orders = ["p_alive", "expected_orders_365"]
    assert_frame_equal(other.select(orders), forecast.select(orders))
    assert other["expected_order_value"].to_list() == pytest.approx(
        (forecast["expected_order_value"] * 100).to_list(), abs=0.6
    )


def test_the_newest_days_are_predicted_better_than_as_before(shop):
    rows = ltv.holdout(shop, LAST).rows_by_key("predictor", named=True, unique=True)
    assert list(rows) == ["bg_nbd", "pareto_nbd", "nbd", "as_before"]
    model, before = rows["bg_nbd"], rows["as_before"]
    split = LAST - timedelta(90)
    assert {(row["days"], row["fitted_to"], row["orders"]) for row in rows.values()} == {(90, split, model["orders"])}
    known = shop.group_by("customer_id").agg(pl.min("order_date").alias("first")).filter(
        pl.col("first").is_between(date(2025, 2, 1), split)
    )  # fmt: skip
    bought = shop.join(known, on="customer_id")
    truth = bought.filter(pl.col("order_date") > split)
    assert model["customers"] == known.height
    assert model["orders"] == truth.unique(["customer_id", "order_date"]).height
    assert model["revenue"] == pytest.approx(float(truth["revenue_net"].sum()))
    past = bought.filter(
        pl.col("order_date").is_between(split - timedelta(89), split), pl.col("order_date") > pl.col("first")
    )
    assert before["orders_predicted"] == past.unique(["customer_id", "order_date"]).height
    assert before["revenue_predicted"] == pytest.approx(float(past["revenue_net"].sum()), abs=0.006)
    assert model["orders_predicted"] == pytest.approx(model["orders"], rel=0.15)
    assert model["revenue_predicted"] == pytest.approx(model["revenue"], rel=0.2)
    assert model["error_per_customer"] < before["error_per_customer"]


def test_holding_out_nobodys_orders():
    """The models do not know the days that they are tested on: what happens there can't change what they say."""
    shop = brand(1_500, seed=8)
    quiet = shop.filter(pl.col("order_date") <= LAST - timedelta(90))
    said, unsaid = (ltv.holdout(orders, LAST) for orders in (shop, quiet))
    told = ["predictor", "orders_predicted", "revenue_predicted", "customers"]
    assert_frame_equal(said.select(told), unsaid.select(told))
    assert unsaid["orders"].to_list() == [0, 0, 0, 0]


def test_where_nobody_stops_the_forecast_takes_it_so_and_says_so():
    loyal = brand(1_200, seed=9, stopping=None)
    models = ltv.models(loyal, LAST)
    rows = models.rows_by_key("model", named=True, unique=True)
    assert [name for name, row in rows.items() if row["is_used"]] == ["nbd", "gamma_gamma"]
    assert "bound" in rows["bg_nbd"]["reason"]
    forecast = ltv.forecast(loyal, models, LAST)
    assert forecast["p_alive"].null_count() == forecast.height
    assert forecast["expected_revenue_365"].null_count() == 0
    assert "nobody stops" in forecast["reason"][0]


def refused(orders, last_day=LAST):
    models = ltv.models(orders, last_day)
    forecast = ltv.forecast(orders, models, last_day)
    return dict(models.select("model", "reason").iter_rows()), forecast


@pytest.mark.parametrize(
    ("orders", "last_day", "reason"),
    [
        (brand(200), LAST, rf"too few customers: \d+ of {MIN_CUSTOMERS} needed"),
        (orders_of(*((f"c{n}", 40 + n % 200, 20) for n in range(500))), LAST,
         f"too few customers who bought again: 0 of {MIN_REPEAT_CUSTOMERS} needed"),
        (brand(3_000, until=100), FIRST + timedelta(100), "too few days of history: 69 of 90 needed"),
    ],
)  # fmt: skip
def test_too_little_is_refused(orders, last_day, reason):
    reasons, forecast = refused(orders, last_day)
    found = pl.Series([reasons[name] for name in ("bg_nbd", "pareto_nbd", "nbd")])
    assert found.str.contains(reason).all()
    assert forecast["expected_orders_90"].null_count() == forecast.height == orders["customer_id"].n_unique()
    assert forecast["model"].null_count() == forecast.height
    assert forecast["reason"].str.contains(reason).all()


def test_values_that_depend_on_frequency_are_refused_and_orders_are_not():
    reasons, forecast = refused(brand(1_500, seed=10, dearer=1.5))
    assert reasons["bg_nbd"] is None
    assert "order value depends on how often a customer buys" in reasons["gamma_gamma"]
    assert forecast["expected_orders_90"].null_count() == 0
    money = forecast.select("^expected_(order_value|revenue|margin).*$")
    assert money.null_count().transpose().to_series().to_list() == [forecast.height] * 7
    assert forecast["reason"].str.starts_with("gamma_gamma: order value depends").all()


def test_prices_that_never_differ_are_refused():
    reasons, _ = refused(brand(1_500, seed=11).with_columns(pl.lit(Decimal(20), MONEY).alias("revenue_net")))
    assert reasons["gamma_gamma"] is not None
    assert reasons["bg_nbd"] is None


def test_refunded_orders_have_no_value_to_model(shop):
    refunded = shop.with_columns(
        pl.when(pl.col("customer_id") < "c00100")
        .then(Decimal(-1))
        .otherwise("revenue_net")
        .cast(MONEY)
        .alias("revenue_net")
    )
    forecast = ltv.forecast(refunded, ltv.models(refunded, LAST), LAST)
    assert forecast["expected_revenue_365"].min() >= 0
    assert forecast.filter(pl.col("repeat_order_value") < 0).height > 10


def test_who_sends_everything_back_is_in_the_sums(shop):
    """A quarter of the customers, at a cost: what an order and its margin are worth is that of all repeat orders."""
    kept = pl.col("customer_id").str.slice(1).cast(pl.Int64) % 4 > 0
    net = pl.Series(np.random.default_rng(3).gamma(10, 10, shop.height).round(2)).cast(MONEY)
    orders = shop.sort(shop.columns).with_columns(
        revenue_net=pl.when(kept).then(net).otherwise(Decimal(0)).cast(MONEY),
        contribution_margin=pl.when(kept).then(net * Decimal("0.4")).otherwise(Decimal(-20)).cast(MONEY),
    )
    models = ltv.models(orders, LAST)
    known = customers(orders, LAST).filter(~pl.col("is_left_truncated")).collect()
    count, revenue, margin = (known[name].sum() for name in ("repeat_orders", "repeat_revenue", "repeat_margin"))
    value = models.row(by_predicate=pl.col("model") == "gamma_gamma", named=True)
    assert value["margin_rate"] == pytest.approx(float(margin) / float(revenue))
    assert 0.7 < value["value_scale"] < 0.85
    found = ltv.forecast(orders, models, LAST)
    past = found.filter(~pl.col("is_left_truncated"))
    worth = (past["repeat_orders"] * past["expected_order_value"]).sum()
    assert worth == pytest.approx(float(revenue), abs=0.005 * count)  # each value is rounded to cents
    expected = found.select(pl.sum("expected_orders_365", "expected_revenue_365", "expected_margin_365")).row(0)
    assert expected[1] / expected[0] == pytest.approx(float(revenue) / count, rel=0.03)
    assert expected[2] / expected[0] == pytest.approx(float(margin) / count, rel=0.03)
    tested = ltv.holdout(orders, LAST).row(by_predicate=pl.col("predictor") == "bg_nbd", named=True)
    assert tested["revenue_predicted"] == pytest.approx(tested["revenue"], rel=0.2)


def test_where_nothing_is_kept_no_value_is_forecast(shop):
    worthless = shop.with_columns(
        pl.when(pl.col("customer_id") < "c01500").then("revenue_net").otherwise(Decimal(-900)).alias("revenue_net")
    )
    reasons, forecast = refused(worthless)
    assert reasons["gamma_gamma"] == "repeat orders are worth nothing: as much was given back as was paid"
    assert forecast["expected_revenue_365"].null_count() == forecast.height


def test_nobody_has_bought():
    orders = orders_of((None, 3, 10))
    models = ltv.models(orders, LAST)
    assert models["reason"].to_list()[0] == f"too few customers: 0 of {MIN_CUSTOMERS} needed"
    assert ltv.forecast(orders, models, LAST).is_empty()
    assert ltv.holdout(orders, LAST)["orders"].to_list() == [0, 0, 0, 0]


def test_frames_have_the_same_columns_whatever_was_fitted(shop, fitted, forecast):
    orders = orders_of((None, 3, 10))
    models = ltv.models(orders, LAST)
    assert models.schema == fitted.schema
    assert ltv.forecast(orders, models, LAST).schema == forecast.schema
    assert ltv.holdout(orders, LAST).schema == ltv.holdout(shop, LAST).schema
