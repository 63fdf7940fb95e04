"""Pictures of published tables: small charts for materialization metadata, notebooks and reports.

Each function takes a table as it was published and aggregates in polars first, so that a chart stays small however
long the history is. Charts are written as Vega-Lite's own JSON: Altair takes longer to import than all of them to draw.
"""

from typing import Any

import polars as pl
import polars.selectors as cs
import vl_convert

from kpis import MEASURES

Spec = dict[str, Any]
"""A part of a Vega-Lite specification: https://vega.github.io/vega-lite/docs/spec.html."""


class Chart(dict[str, Any]):
    """A Vega-Lite 6 specification, which notebooks show as a picture; altair.Chart.from_dict takes it on."""

    def png(self) -> bytes:
        """The picture."""
        return vl_convert.vegalite_to_png(self, vl_version="6.1", scale=1)

    _repr_png_ = png


SIZE: Spec = {"width": 480, "height": 200}
FUNNEL = {
    "sessions": "Sessions",
    "pdp_views": "Product views",
    "add_to_cart": "Add to cart",
    "checkouts": "Checkouts",
    "purchases": "Purchases",
}
MONEY_SERIES = {"revenue_net": "Net revenue", "spend": "Ad spend"}

# UTC on both ends: a date has no zone, and a browser's own would move it by a day
DAY: Spec = {
    "field": "date", "type": "temporal", "timeUnit": "utcyearmonthdate", "scale": {"type": "utc"}, "title": None,
}  # fmt: skip
AMOUNT: Spec = {"field": "amount", "type": "quantitative", "title": "Amount"}
# with its domain given, colours are the same on every chart and one without rows can be drawn
SERIES: Spec = {
    "field": "series",
    "type": "nominal",
    "title": None,
    "scale": {"domain": list(MONEY_SERIES.values())},
    "legend": {"orient": "top"},
}


def daily_revenue(fact_orders: pl.DataFrame) -> Chart:
    """Net revenue of counted orders by order day (order basis), a bar each."""
    days = (
        fact_orders.filter("is_counted")
        .group_by(date="order_date")
        .agg(pl.sum("revenue_net").cast(pl.Float64))
        .sort("date")
    )
    revenue = {"field": "revenue_net", "type": "quantitative", "title": "Net revenue"}
    # a line would pass over days without an order
    return _chart("Net revenue per order day", days, mark="bar", encoding={"x": DAY, "y": revenue})


def revenue_and_spend(kpi_daily: pl.DataFrame) -> Chart:
    """Net revenue (event basis) and ad spend per day, two lines; from date, revenue_net, spend."""
    days = _series(kpi_daily, by="date").sort("date")
    encoding = {"x": DAY, "y": AMOUNT, "color": SERIES}
    return _chart("Net revenue and ad spend per day", days, mark="line", encoding=encoding)


def channel_bars(channel_performance: pl.DataFrame) -> Chart:
    """Net revenue beside ad spend by channel, the largest first; from channel_id, revenue_net, spend."""
    channel = {"field": "channel_id", "type": "nominal", "title": None, "sort": "-y", "axis": {"labelAngle": 0}}
    beside = {"field": "series", "type": "nominal", "sort": list(MONEY_SERIES.values())}
    return _chart(
        "Net revenue and ad spend by channel",
        _series(channel_performance, by="channel_id"),
        mark="bar",
        encoding={"x": channel, "xOffset": beside, "y": AMOUNT, "color": SERIES},
    )


def funnel_bars(funnel: pl.DataFrame) -> Chart:
    """How often each step was taken, visits first; from the columns sessions … purchases."""
    steps = (
        funnel.select(MEASURES[step].total() for step in FUNNEL)
        .unpivot(variable_name="step", value_name="visits")
        .drop_nulls("visits")
        .with_columns(pl.col("step").replace_strict(FUNNEL))
    )
    visits = {"field": "visits", "type": "quantitative"}
    step = {"field": "step", "type": "nominal", "title": None, "sort": list(FUNNEL.values())}
    label = {"type": "text", "align": "left", "dx": 4}
    return _chart(
        "From visit to purchase",
        steps,
        encoding={"x": {**visits, "title": "Visits"}, "y": step},
        layer=[{"mark": "bar"}, {"mark": label, "encoding": {"text": {**visits, "format": ","}}}],
    )


def retention_heatmap(cohorts: pl.DataFrame) -> Chart:
    """Share of each cohort that came back within n days; no cell while the cohort is younger than that."""
    cells = (
        cohorts.select("cohort_month", r"^d\d+_retention$")
        .unpivot(index="cohort_month", variable_name="within", value_name="retention")
        .drop_nulls("retention")
        .with_columns(days=pl.col("within").str.extract(r"(\d+)").cast(pl.Int64))
        .with_columns(within=pl.format("{} days", "days"))
    )
    within = {
        "field": "within", "type": "ordinal", "title": "Within", "sort": {"field": "days"}, "axis": {"labelAngle": 0},
    }  # fmt: skip
    month = {"field": "cohort_month", "type": "ordinal", "title": "First order in"}
    share = {"field": "retention", "type": "quantitative"}
    shade = {**share, "scale": {"scheme": "blues", "domain": [0, 1]}, "legend": None}
    return _chart(
        "Share of the cohort that bought again",
        cells,
        encoding={"x": within, "y": month},
        layer=[
            {"mark": "rect", "encoding": {"color": shade}},
            {"mark": "text", "encoding": {"text": {**share, "format": ".0%"}}},
        ],
    )


def value_curves(cohort_curves: pl.DataFrame) -> Chart:
    """Net revenue and contribution margin per customer by age, of all customers: the mean cumulative function.

    Those of the history's first month are left out, and ages that few have reached.
    """
    series = {"mean_revenue_net": "Net revenue", "mean_contribution_margin": "Contribution margin"}
    ages = (
        cohort_curves.filter(~pl.col("is_left_truncated"), ~pl.col("is_small"), cohort_by="all")
        .unpivot(list(series), index="age_days", variable_name="series", value_name="amount")
        .with_columns(pl.col("series").replace_strict(series))
        .sort("series", "age_days")
    )
    age = {"field": "age_days", "type": "ordinal", "title": "Days since the first order", "axis": {"labelAngle": 0}}
    of_series = {**SERIES, "scale": {"domain": list(series.values())}}
    beside = {"field": "series", "type": "nominal", "sort": list(series.values())}
    encoding = {"x": age, "xOffset": beside, "y": {**AMOUNT, "title": "Per customer"}, "color": of_series}
    return _chart("What a customer is worth by age", ages, mark="bar", encoding=encoding)


def _chart(title: str, rows: pl.DataFrame, **drawn: Any) -> Chart:
    """A chart that holds its own data: a row each, a day as its ISO date."""
    values = rows.with_columns(cs.date().dt.to_string()).to_dicts()
    return Chart(SIZE, title=title, data={"values": values}, **drawn)


def _series(frame: pl.DataFrame, *, by: str) -> pl.DataFrame:
    """by, series, amount: one row per member and series that has a value at all."""
    return (
        frame.unpivot(list(MONEY_SERIES), index=by, variable_name="series", value_name="amount")
        .drop_nulls("amount")
        .group_by(by, "series", maintain_order=True)
        .agg(pl.sum("amount").cast(pl.Float64))
        .with_columns(pl.col("series").replace_strict(MONEY_SERIES))
    )
