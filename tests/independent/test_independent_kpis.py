"""Every number of the graph against SQL that was written from the definitions alone, over the same staging rows."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from independent_ledger import COHORTS, Frames, Ledger, typed

from growthos_assets.table import TABLES
from kpis import KPIS, rollup
from kpis.engine import dimensions, of_measures

HERE = Path(__file__).parent
OF_MEASURES = {name: kpi for name, kpi in KPIS.items() if of_measures(kpi)}
OF_NUMBERS = {name: kpi for name, kpi in KPIS.items() if not of_measures(kpi)}

EVENTS = {"kpi_daily": "event_of_day", "items_event": "event_of_day", "items_order": "event_of_order"}
"""Which events of base.sql each state of the KPIs is to be the sum of."""
BY_DAY = ((), ("date",), ("week",), ("month",), ("channel_id",), ("date", "channel_id", "campaign_id"))
BY_ITEM = (("order_id",), ("customer_id",), ("product_id",), ("sku",), ("category", "channel_id"))
GRAINS = [
    *(("kpi_daily", grain) for grain in BY_DAY),
    *(("items_order", grain) for grain in BY_DAY),
    *((state, grain) for state in ("items_event", "items_order") for grain in BY_ITEM),
]


def query(file: str, **names: str) -> str:
    text = (HERE / file).read_text()
    return text.format(**names) if names else text


def twins(ledger: Ledger, events: str, grain: Sequence[str]) -> pl.DataFrame:
    """All KPIs of the measures by SQL, as text; the columns of the grain as base.sql calls them, or by calendar."""
    return ledger.ask(query("kpis.sql", events=events, grain=", ".join(["tenant_id", *grain])))


def assert_same(said: pl.DataFrame, shown: pl.DataFrame, key: Sequence[str]) -> None:
    """What SQL says is what the graph shows: counts and money in every digit, ratios within 1e-9, nulls where nulls."""
    assert not shown.is_empty()
    said = typed(said, shown.schema)
    for one, other, who in ((said, shown, "SQL"), (shown, said, "the graph")):
        alone = one.join(other, on=key, how="anti", nulls_equal=True)
        assert alone.is_empty(), f"{alone.height} rows only of {who}, such as\n{alone.head(20).rows()}"
    both = said.join(shown, on=key, nulls_equal=True, suffix=" shown")
    cells = []
    for name in (name for name in shown.columns if name not in key):
        one, other = pl.col(name), pl.col(f"{name} shown")
        equal = one.eq_missing(other)
        if shown.schema[name] == pl.Float64:
            equal = equal | ((one - other).abs() <= 1e-9 * pl.max_horizontal(one.abs(), other.abs())).fill_null(False)
        told = {"column": pl.lit(name), "sql": one.cast(pl.String), "graph": other.cast(pl.String)}
        cells.append(both.filter(~equal).select(*key, **told))
    different = pl.concat(cells)
    told = "\n".join(map(str, different.head(20).rows()))
    assert different.is_empty(), f"{different.height} cells differ (key, column, SQL, graph), such as\n{told}"


def test_the_shops_have_everything_happen_to_them(staging: Frames) -> None:
    """What the numbers are held against is only worth what occurs in it."""
    orders, lines, refunds, spend = (staging[f"stg_{name}"] for name in ("orders", "order_lines", "refunds", "spend"))
    who = ["tenant_id", "customer_id"]
    bought = orders.filter("is_counted", pl.col("customer_id").is_not_null())
    first = bought.filter(pl.col("processed_at") == pl.col("processed_at").min().over(who))
    sold, returned = (
        rows.join(orders, on=["tenant_id", "order_id"], how="left", suffix=" of order") for rows in (lines, refunds)
    )
    happened = {
        "guests": orders["customer_id"].is_null(),
        "tests": orders["is_test"],
        "voided": orders["is_voided"],
        "cancelled and counted": orders["is_cancelled"] & orders["is_counted"],
        "two first orders at the same instant": first.group_by(who).len()["len"] > 1,
        "orders without lines": orders.join(lines, on=["tenant_id", "order_id"], how="anti")["is_test"].is_not_null(),
        "gift cards": lines["is_gift_card"],
        "lines for nothing": (lines["revenue_gross"] == 0) & (lines["quantity"] > 0),
        "lines added later": sold["processed_at"] > sold["processed_at of order"],
        "returns without an order": refunds["order_id"].is_null(),
        "returns of another month": returned["refund_date"].dt.month() != returned["order_date"].dt.month(),
        "corrections in the shop's favour": refunds["amount"] < 0,
        "restocked goods": refunds["is_restocked"],
        "spend on no known channel": spend["channel_id"] == "other",
        "spend without claims": spend["platform_value"].is_null(),
    }
    assert {what: count for what, seen in happened.items() if (count := seen.sum()) < 5} == {}


def test_every_kpi_has_a_twin(ledger: Ledger) -> None:
    """A KPI that is added to the registry is written in SQL as well."""
    assert set(OF_MEASURES) <= set(twins(ledger, "event_of_day", ()).columns)
    assert set(OF_NUMBERS) <= set(ledger.ask(query("numbers.sql")).columns)


@pytest.mark.parametrize(("state", "grain"), GRAINS, ids=lambda part: part if isinstance(part, str) else "-".join(part))
def test_kpis_at_any_grain(state: str, grain: tuple[str, ...], ledger: Ledger, shown: Frames) -> None:
    asked = [name for name, kpi in OF_MEASURES.items() if set(grain) <= set(dimensions(kpi))]
    by = ["tenant_id", *grain]
    assert_same(twins(ledger, EVENTS[state], grain), rollup(shown[state], asked, by).collect(), by)


def test_squares_by_day_channel_and_campaign(ledger: Ledger, shown: Frames) -> None:
    key = ["tenant_id", "date", "channel_id", "campaign_id"]
    rows = shown["kpi_daily"].select(*key, "gross_sq", "net_sq", "margin_sq", "margin_net")
    assert_same(ledger.ask(query("squares.sql")), rows, key)
    for one, other in (("gross_sq", "net_sq"), ("net_sq", "margin_net"), ("margin_net", "margin_sq")):
        assert rows.filter(pl.col(one) > 0, pl.col(one) != pl.col(other)).height > 100


def test_every_window_and_its_baselines(ledger: Ledger, shown: Frames) -> None:
    rows = shown["kpi_summary"].select("tenant_id", "days", "baseline", "kpi", "value", "previous", "change")
    summarized = ", ".join(f"'{name}'" for name in rows["tenant_id"].unique())
    events = f"(SELECT * FROM event_of_span WHERE tenant_id IN ({summarized})) asked"
    kpis = query("kpis.sql", events=events, grain="tenant_id, days, span")
    assert set(rows["kpi"]) == set(OF_MEASURES)
    assert rows.filter(baseline="year_ago", kpi="orders")["previous"].sum() > 0
    said = ledger.ask(query("summary.sql", kpis=kpis, known=known()))
    asked = rows.select("tenant_id", "kpi").unique()
    assert_same(said.join(asked, on=["tenant_id", "kpi"], how="semi"), rows, ["tenant_id", "days", "baseline", "kpi"])


def known() -> str:
    """Since when all of a KPI is known."""
    return query("known.sql", kpis=", ".join(f"('{name}')" for name in OF_MEASURES))


def test_unit_economics(ledger: Ledger, shown: Frames) -> None:
    said = of_windows(ledger, "days")
    said = said.rename({"contribution_margin_total": "contribution_margin"})
    assert_same(said, shown["unit_economics"], ["tenant_id", "days"])


def test_channel_performance(ledger: Ledger, shown: Frames) -> None:
    said = of_windows(ledger, "days", "channel_id").filter(pl.col("channel_id").is_not_null())
    assert_same(said, shown["channel_performance"].drop("name"), ["tenant_id", "days", "channel_id"])


def test_funnel(ledger: Ledger, shown: Frames) -> None:
    said = pl.concat(
        [
            of_windows(ledger, "days", "channel_id"),
            of_windows(ledger, "days").with_columns(channel_id=pl.lit("(all)")),
        ],
        how="diagonal",
    ).filter(pl.col("sessions").is_not_null())
    assert_same(said, shown["funnel"], ["tenant_id", "days", "channel_id"])


def of_windows(ledger: Ledger, *grain: str) -> pl.DataFrame:
    """The windows' KPIs, without those of measures that are known of different days."""
    said = twins(ledger, "event_of_span", ("span", *grain)).filter(span="value")
    whose = "IS NOT NULL" if "channel_id" in grain else "IS NULL"
    late = ledger.ask(
        f"SELECT tenant_id, days, channel_id, kpi FROM span JOIN ({known()}) known USING (tenant_id) "
        f"WHERE span = 'value' AND is_mixed AND latest > greatest(first, earliest) AND channel_id {whose}"
    )
    for kpi in late["kpi"].unique():
        windows = late.filter(kpi=kpi).select("tenant_id", *grain, is_late=True)
        said = said.join(windows, on=["tenant_id", *grain], how="left").with_columns(
            pl.when(pl.col("is_late").is_null()).then(kpi).alias(kpi)
        )
        said = said.drop("is_late")
    return said


def test_every_table_of_cohorts_has_a_twin(shown: Frames) -> None:
    """But for the forecast's, which are fitted and not summed. That no column is without, assert_same sees to."""
    tables = {name for name, each in TABLES.items() if each.contract.__spec__.schema == "cohorts"}
    assert {name for name in tables if not name.startswith("ltv_")} == set(COHORTS) <= shown.keys()


def test_the_drawn_shops_have_cohorts_that_are_not_small(shown: Frames) -> None:
    """A figure that is null, or of one customer, is easily the same."""
    drawn = {name: shown[name].filter(pl.col("tenant_id") != "acme") for name in COHORTS}
    curves, summary = drawn["cohort_curves"], drawn["cohort_summary"]
    happened = {
        "paid back by month or week": summary.filter(pl.col("cohort_by").is_in(["month", "week"]))["payback_days"] > 0,
        "paid back otherwise": summary.filter(pl.col("cohort_by").is_in(["channel", "all"]))["payback_days"] >= 0,
        "not paid back": (summary["avg_cac"] > 0) & summary["payback_days"].is_null(),
        "many customers": ~curves["is_small"] & (curves["age_days"] > 0),
        "some too young": curves["mature_customers"] < curves["cohort_size"],
        "of more than a year": curves["age_days"] > 365,
        "left-truncated weeks": summary.filter(cohort_by="week")["is_left_truncated"],
        "pairs in one basket": drawn["product_pairs"]["kind"] == "together",
        "pairs of one and the next": drawn["product_pairs"]["kind"] == "next",
    }
    assert {what: count for what, seen in happened.items() if (count := seen.sum()) < 5} == {}


def of_buyers(table: str) -> str:
    """The twin of a table of cohorts: a table's own file, with the twins that it reads in their places."""
    reads = {
        "cohort_summary": {"curves": "cohort_curves"},
        "customer_value": {"segments": "segments"},
        "segment_channels": {"customers": "customer_value"},
    }
    return query(f"{table}.sql", **{name: of_buyers(other) for name, other in reads.get(table, {}).items()})


@pytest.mark.parametrize("table", COHORTS)
def test_cohorts_and_customers(table: str, ledger: Ledger, shown: Frames) -> None:
    assert_same(ledger.ask(of_buyers(table)), shown[table], ["tenant_id", *TABLES[table].contract.__spec__.key])


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_kpis_of_numbers(name: str, ledger: Ledger) -> None:
    kpi = OF_NUMBERS[name]
    given = ("a", "b", "c")[: len(kpi.measures)]
    said = ledger.ask(query("numbers.sql")).select(pl.col(*given, name).cast(pl.Float64)).unique()
    for *numbers, value in said.iter_rows():
        assert kpi(**dict(zip(kpi.measures, numbers, strict=True))) == (value and pytest.approx(value, rel=1e-9)), (
            numbers
        )
