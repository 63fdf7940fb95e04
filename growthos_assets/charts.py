"""Pictures of published tables: small Altair charts for materialization metadata, notebooks and reports.

Each function takes a table as it was published and aggregates in polars first, so that a chart stays small
however long the history is. Altair is imported only when a chart is drawn, since importing it is slow.
"""

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    import altair as alt

WIDTH, HEIGHT = 480, 200
FUNNEL = {
    "sessions": "Sessions",
    "pdp_views": "Product views",
    "add_to_cart": "Add to cart",
    "checkouts": "Checkouts",
    "purchases": "Purchases",
}
MONEY_SERIES = {"revenue_net": "Net revenue", "spend": "Ad spend"}


def daily_revenue(fact_orders: pl.DataFrame) -> "alt.Chart":
    """Net revenue of counted orders by order day (order basis), a bar each."""
    import altair as alt

    days = (
        fact_orders.filter("is_counted")
        .group_by(date="order_date")
        .agg(pl.sum("revenue_net").cast(pl.Float64))
        .sort("date")
    )
    return (
        alt.Chart(days, title="Net revenue per order day", width=WIDTH, height=HEIGHT)
        .mark_bar()  # a line would pass over days without an order
        .encode(x=_day(), y=alt.Y("revenue_net:Q", title="Net revenue"))
    )


def revenue_and_spend(kpi_daily: pl.DataFrame) -> "alt.Chart":
    """Net revenue (event basis) and ad spend per day, two lines; from date, revenue_net, spend."""
    import altair as alt

    days = _series(kpi_daily, by="date").sort("date")
    return (
        alt.Chart(days, title="Net revenue and ad spend per day", width=WIDTH, height=HEIGHT)
        .mark_line()
        .encode(x=_day(), y=alt.Y("amount:Q", title="Amount"), color=_series_color())
    )


def channel_bars(channel_performance: pl.DataFrame) -> "alt.Chart":
    """Net revenue beside ad spend by channel, the largest first; from channel_id, revenue_net, spend."""
    import altair as alt

    channels = _series(channel_performance, by="channel_id")
    return (
        alt.Chart(channels, title="Net revenue and ad spend by channel", width=WIDTH, height=HEIGHT)
        .mark_bar()
        .encode(
            x=alt.X("channel_id:N", title=None, sort="-y", axis=alt.Axis(labelAngle=0)),
            xOffset=alt.XOffset("series:N", sort=list(MONEY_SERIES.values())),
            y=alt.Y("amount:Q", title="Amount"),
            color=_series_color(),
        )
    )


def funnel_bars(funnel: pl.DataFrame) -> "alt.LayerChart":
    """Visits that reached each step, widest first; from the columns sessions … purchases."""
    import altair as alt

    steps = (
        funnel.select(pl.sum(*FUNNEL))
        .unpivot(variable_name="step", value_name="visits")
        .with_columns(pl.col("step").replace_strict(FUNNEL))
    )
    bars = alt.Chart(steps, title="From visit to purchase", width=WIDTH, height=HEIGHT).encode(
        x=alt.X("visits:Q", title="Visits"), y=alt.Y("step:N", title=None, sort=list(FUNNEL.values()))
    )
    labels = bars.mark_text(align="left", dx=4).encode(text=alt.Text("visits:Q", format=","))
    return alt.LayerChart(layer=[bars.mark_bar(), labels])


def retention_heatmap(cohorts: pl.DataFrame) -> "alt.LayerChart":
    """Share of each cohort that came back within n days; no cell while the cohort is younger than that."""
    import altair as alt

    cells = (
        cohorts.select("cohort_month", r"^d\d+_retention$")
        .unpivot(index="cohort_month", variable_name="within", value_name="retention")
        .drop_nulls("retention")
        .with_columns(days=pl.col("within").str.extract(r"(\d+)").cast(pl.Int64))
        .with_columns(within=pl.format("{} days", "days"))
    )
    grid = alt.Chart(cells, title="Share of the cohort that bought again", width=WIDTH, height=HEIGHT).encode(
        x=alt.X("within:O", title="Within", sort=alt.EncodingSortField("days"), axis=alt.Axis(labelAngle=0)),
        y=alt.Y("cohort_month:O", title="First order in"),
    )
    shade = alt.Color("retention:Q", scale=alt.Scale(scheme="blues", domain=[0, 1]), legend=None)
    labels = grid.mark_text().encode(text=alt.Text("retention:Q", format=".0%"))
    return alt.LayerChart(layer=[grid.mark_rect().encode(color=shade), labels])


def _series(frame: pl.DataFrame, *, by: str) -> pl.DataFrame:
    """by, series, amount: one row per member and series that has a value at all."""
    return (
        frame.unpivot(list(MONEY_SERIES), index=by, variable_name="series", value_name="amount")
        .drop_nulls("amount")
        .group_by(by, "series")
        .agg(pl.sum("amount").cast(pl.Float64))
        .with_columns(pl.col("series").replace_strict(MONEY_SERIES))
    )


def _series_color() -> "alt.Color":
    import altair as alt

    # With its domain given, colours are the same on every chart and one without rows can be drawn.
    domain = alt.Scale(domain=list(MONEY_SERIES.values()))
    return alt.Color("series:N", title=None, scale=domain, legend=alt.Legend(orient="top"))


def _day() -> "alt.X":
    import altair as alt

    # UTC on both ends: a date has no zone, and a browser's own would move it by a day.
    return alt.X("utcyearmonthdate(date):T", title=None, scale=alt.Scale(type="utc"))
