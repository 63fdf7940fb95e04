"""`growthos explain` and what is behind it: on the demo, and on a shop of files, down to the raw payloads."""

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from cli_command import Command
from cli_files import csv, line
from polars.testing import assert_frame_equal

from growthos_assets import load
from growthos_assets.explaining import explain, facts_of, itemized
from kpis import KPIS, MEASURES, Window

NOW = Window(date(2026, 2, 3), date(2026, 2, 9))


def test_the_document_is_exact_and_its_parts_sum(demo_to_read: str, growthos: Command) -> None:
    said = growthos("explain", "blended_cac", "-t", "acme", "--by", "channel_id", "--format", "json").document
    assert list(said)[:5] == ["tenant", "kpi", "window", "baseline", "value"]
    assert said["window"] == {"start": "2026-02-03", "end": "2026-02-09", "timezone": "America/New_York"}
    assert said["kpi"]["formula"] == "spend ÷ new_customers"
    assert said["kpi"]["basis"] == "sale"
    assert sum(Decimal(member["contribution"]) for member in said["members"]) == Decimal(said["change"])
    kpis = growthos("kpis", "-t", "acme", "--format", "json").document["kpis"]
    assert float(said["value"]) == pytest.approx(kpis["blended_cac"]["value"])
    assert [part["measure"] for part in said["parts"]] == ["spend", "new_customers"]


def test_people_are_told_basis_parts_and_members(
    demo_to_read: str, growthos: Command, terminal: Callable[[int], None]
) -> None:
    shown = growthos("explain", "revenue_net", "-t", "acme", "--by", "channel_id").out
    assert "Acme: Net revenue, 2026-02-03 to 2026-02-09 (America/New_York)" in shown
    assert "Basis event: sales on the day they were made, refunds on the day of the refund" in shown
    assert "rate" not in shown.split()  # a sum has neither mix nor rate
    by_order = growthos("explain", "refund_rate", "-t", "acme", "--by", "category", "--basis", "order").out
    assert "Basis order: sales, and their refunds to date, on the day of the order" in by_order
    assert {"mix", "rate"} <= set(by_order.split())
    assert "unmatched" not in by_order  # nothing is
    assert "beauty" in by_order
    assert "│ – " not in by_order  # what adds nothing is no member to a person
    terminal(60)
    narrow = growthos("explain", "blended_cac", "-t", "acme", "--by", "channel_id", "--days", "1").out
    assert max(map(len, narrow.splitlines())) <= 60


def test_people_are_shown_as_many_members_and_rows_as_they_ask_for(demo_to_read: str, growthos: Command) -> None:
    ask = ("explain", "revenue_net", "-t", "acme", "--by", "product_id", "--behind", "channel_id=email")
    document = growthos(*ask, "--format", "json", "--limit", "1").document
    shown = growthos(*ask, "--limit", "3").out
    cells = {cell.strip() for row in shown.splitlines() for cell in row.split("│")}
    assert sum(member["product_id"] in cells for member in document["members"]) == 3
    assert " more members with --limit " in shown
    assert f"{len(document['rows']) - 3} more rows with --limit {len(document['rows'])}" in shown
    largest = max(document["members"], key=lambda member: abs(Decimal(member["contribution"])))
    assert largest["product_id"] in cells


def test_the_rows_behind_a_member_are_listed(demo_to_read: str, growthos: Command) -> None:
    ask = ("explain", "revenue_net", "-t", "acme", "--days", "1", "--behind", "channel_id=email")
    rows = growthos(*ask, "--format", "json").document["rows"]
    members = growthos(*ask[:6], "--by", "channel_id", "--format", "json").document["members"]
    (email,) = [member for member in members if member["channel_id"] == "email"]
    assert sum(Decimal(row["revenue_net"]) for row in rows) == Decimal(email["value"])
    assert all(row["records"][0]["stream"] == "shopify/orders" for row in rows)
    assert rows[0]["records"][0]["external_id"] in growthos(*ask).out
    assert "No row of a fact is behind it" in growthos(*ask[:6], "--behind", "channel_id=nosuch").out
    one_day = growthos(*ask, "--behind", "date=2026-02-09", "--format", "json").document["rows"]
    assert one_day == rows


def test_a_files_rows_are_what_is_behind_its_numbers(
    shop: str, growthos: Command, tmp_path: Path, only: Callable[..., None]
) -> None:
    only("kpis/kpi_daily")
    sales = [
        line("1", quantity="2", unit_price="10"),
        line("1", line_id="b"),
        line("2", quantity="-1", unit_price="10"),
    ]
    growthos("import", "orders", str(csv(tmp_path / "orders.csv", *sales)), "--tenant", shop)
    growthos("run", "--tenant", shop)
    (day,) = {row["processed_at"][:10] for row in sales}
    ask = ("explain", "revenue_net", "-t", shop, "--days", "1", "--until", day, "--behind", f"date={day}")
    said = growthos(*ask, "--format", "json").document
    assert {row["fact"] for row in said["rows"]} == {"fact_order_lines", "fact_refunds"}
    records = [record for row in said["rows"] for record in row["records"]]
    assert len(records) == len({record["external_id"] for record in records}) == len(sales)
    assert {record["stream"] for record in records} == {"file/orders"}
    assert sum(Decimal(row["revenue_net"]) for row in said["rows"]) == Decimal(said["value"])
    by_order = growthos(*ask, "--basis", "order", "--format", "json").document
    assert (by_order["kpi"]["basis"], by_order["value"]) == ("order", said["value"])  # the return names no order
    orders = growthos("explain", "orders", *ask[2:], "--format", "json").document["rows"]
    assert [len(row["records"]) for row in orders] == [2]


@pytest.mark.parametrize("key", ["country", "cohort_month"])
def test_an_order_counts_where_it_went_and_in_its_customers_cohort(demo_to_read: str, key: str) -> None:
    orders = load("marts/fact_orders", tenant="acme").filter("is_counted").sort("order_date").to_dicts()
    first: dict[str | None, date] = {}
    for order in orders:
        first.setdefault(order["customer_id"], order["order_date"])
    sums: dict[str | None, list[Any]] = {}
    for order in (order for order in orders if NOW.start <= order["order_date"] <= NOW.end):
        known = order["region" if key == "country" else "customer_id"] is not None
        told = {"country": (order["region"] or "")[:2], "cohort_month": f"{first[order['customer_id']]:%Y-%m}"}[key]
        member = sums.setdefault(told if known else None, [0, Decimal(0)])
        member[0] += 1
        member[1] += order["revenue_net"]
    assert len(sums) > 5
    for place, kpi in enumerate(("orders", "revenue_net")):
        members = explain(kpi, "acme", NOW, by=[key], basis="order").explanation.members.filter(
            pl.col("numerator") != 0
        )
        assert {row[key]: row["value"] for row in members.to_dicts()} == {of: sums[of][place] for of in sums}


def test_weeks_are_read_from_the_days(demo_to_read: str, growthos: Command) -> None:
    weeks = ("explain", "orders", "-t", "acme", "--days", "14", "--by", "week", "--format", "json")
    members = growthos(*weeks).document["members"]
    assert [member["week"] for member in members] == [
        f"2026-{day}" for day in ("01-12", "01-19", "01-26", "02-02", "02-09")
    ]
    behind = growthos(*weeks, "--behind", "week=2026-02-09").document["rows"]
    assert {row["date"] for row in behind} == {"2026-02-09"}
    assert len(behind) == int(members[-1]["value"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("revenue_nett", "did you mean revenue_net"),
        ("blended_cac --by product_id", "ads are bought for campaigns"),
        ("sessions --by customer_id", "does not say whose"),
        ("revenue_net --by region", "cannot be read by region"),
        ("revenue_net --behind meta", "write key=value"),
        ("revenue_net --behind date=yesterday", "'yesterday' is no day; write it as date=2026-02-09"),
        ("revenue_total", "cannot be computed"),
        ("ltv_to_cac", "kpis.cohorts"),
    ],
)
def test_what_cannot_be_explained_says_why(demo_to_read: str, growthos: Command, arguments: str, says: str) -> None:
    done = growthos("explain", *arguments.split(), "-t", "acme")
    assert done.code == 2
    assert says in " ".join((done.err + done.out).replace("│", " ").split())


def test_the_demo_is_explained_by_channel(demo_to_read: str) -> None:
    orders, spend = load("kpis/kpi_daily", "acme"), load("marts/fact_spend", "acme")
    for kpi in ("revenue_net", "blended_cac"):
        found = explain(kpi, "acme", by=["channel_id"]).explanation
        assert (found.window, found.baseline) == (NOW, NOW.previous())
        assert sum(found.members["contribution"]) == found.change
        assert {"meta", "google", "organic", "email"} <= set(found.members["channel_id"])
    google = found.members.row(by_predicate=pl.col("channel_id") == "google", named=True)
    of_google = (NOW.filter(), pl.col("channel_id") == "google")
    assert google["numerator"] == spend.filter(*of_google)["spend"].sum()
    assert google["denominator"] == orders.filter(*of_google)["new_customers"].sum()
    # the demo's Google clicks cost more from 2026-02-03 on: its rate is what moved the blended CAC most
    assert google["rate"] == max(found.members["rate"])
    assert google["rate"] > 10


def test_rows_of_facts_sum_to_the_stored_state_and_both_bases_to_the_same(demo_to_read: str) -> None:
    facts, stored = facts_of("acme"), load("kpis/kpi_daily", "acme")
    key = ["date", "channel_id", "campaign_id"]
    sums = [measure.total() for measure in MEASURES.values()]
    event, order = itemized(facts), itemized(facts, "order")
    assert_frame_equal(event.group_by(key).agg(sums).sort(key).collect(), stored.select(*key, *MEASURES))
    assert_frame_equal(event.select(sums).collect(), order.select(sums).collect())

    money = ["revenue_gross", "discounts", "refunds", "revenue_net", "cogs", "contribution_margin"]
    counted = facts.fact_orders.filter("is_counted").group_by(date="order_date").agg(pl.sum(money)).sort("date")
    by_day = order.filter(pl.col("order_id").is_not_null()).group_by("date").agg(pl.sum(money)).sort("date")
    assert_frame_equal(by_day.collect(), counted.collect())


def test_a_refund_moves_to_the_day_of_its_order(demo_to_read: str) -> None:
    event, order = (explain("refunds", "acme", basis=basis).explanation for basis in ("event", "order"))
    own = load("marts/fact_refunds", "acme").filter("is_counted", NOW.filter("refund_date"))
    restated = load("marts/fact_orders", "acme").filter("is_counted", NOW.filter("order_date"))
    assert event.value == own["refunds"].sum()
    assert order.value == restated["refunds"].sum()
    assert order.value < event.value  # most refunds of a young window are still to come


@pytest.mark.parametrize("day", [date(2025, 12, 26), date(2026, 2, 9)])
def test_the_raw_payloads_behind_a_day_sum_to_its_revenue(demo_to_read: str, day: date) -> None:
    explained = explain("revenue_net", "acme", Window(day, day))
    rows = explained.behind().collect()
    assert set(rows["fact"]) == {"fact_order_lines", "fact_refunds"}
    assert rows["revenue_net"].sum() == explained.explanation.value
    records = rows.explode("records").unnest("records").select("stream", "external_id").unique()
    assert set(records["stream"]) == {"shopify/orders"}
    payloads = load("raw/shopify_orders", "acme").join(records, on="external_id", how="semi")["payload"]
    assert len(payloads) == records.height
    revenue = sum((net_of_day(json.loads(payload), day) for payload in payloads), Decimal(0))
    assert revenue == explained.explanation.value


def net_of_day(order: Mapping[str, Any], day: date) -> Decimal:
    """An order's net revenue of a day, from its payload alone: its own ledger, or its lines and refunds."""

    def on_the_day(at: str) -> bool:
        return datetime.fromisoformat(at).astimezone(ZoneInfo("America/New_York")).date() == day

    def money(bag: Mapping[str, Any]) -> Decimal:
        return Decimal(bag["shopMoney"]["amount"])

    agreements = order["agreements"]["nodes"]
    if all("sales" in agreement for agreement in agreements):
        return sum(
            (
                money(sale["totalAmount"]) - money(sale["totalTaxAmount"])
                for agreement in agreements
                if on_the_day(order["processedAt"] if agreement["reason"] == "ORDER" else agreement["happenedAt"])
                for sale in agreement["sales"]["nodes"]
                if sale["lineType"] in ("PRODUCT", "ADJUSTMENT")
            ),
            Decimal(0),
        )
    assert not order["refunds"]
    if not on_the_day(order["processedAt"]):
        return Decimal(0)
    return sum(
        (
            line["quantity"] * money(line["originalUnitPriceSet"])
            - sum(money(share["allocatedAmountSet"]) for share in line["discountAllocations"])
            - sum(money(tax["priceSet"]) for tax in line["taxLines"] if order["taxesIncluded"])
            for line in order["lineItems"]["nodes"]
            if not line["isGiftCard"]
        ),
        Decimal(0),
    )


@pytest.mark.parametrize(
    ("kpi", "member", "streams"),
    [
        ("blended_cac", {"channel_id": "meta"}, {"meta/insights", "shopify/orders"}),
        ("cpc", {"channel_id": "google"}, {"google_ads/insights"}),
        ("session_to_purchase", {"channel_id": "email"}, {"ga4/traffic"}),
        ("revenue_net", {"category": "beauty"}, {"shopify/orders"}),
    ],
)
def test_every_row_behind_a_member_has_its_raw_records(
    demo_to_read: str, kpi: str, member: dict[str, str], streams
) -> None:
    explained = explain(kpi, "acme", by=list(member))
    rows = explained.behind(**member).collect()
    assert rows["records"].list.len().fill_null(0).min() > 0
    records = rows.explode("records").unnest("records")
    assert set(records["stream"]) == streams
    for stream in streams:
        known = load(f"raw/{stream.replace('/', '_')}", "acme", columns=["external_id"])
        assert set(records.filter(stream=stream)["external_id"]) <= set(known["external_id"])
    (key, value), *_ = member.items()
    shown = explained.explanation.members.row(by_predicate=pl.col(key) == value, named=True)
    top = rows.select(MEASURES[name].total() for name in KPIS[kpi].measures).select(KPIS[kpi].numerator).item()
    assert top == shown["numerator"]


def test_a_customer_has_no_sessions_nor_rows_behind_them(demo_to_read: str) -> None:
    with pytest.raises(ValueError, match="sessions by customer_id means nothing"):
        explain("sessions", "acme", by=["customer_id"])
    with pytest.raises(ValueError, match="blended_cac by product_id means nothing"):
        explain("blended_cac", "acme").behind(product_id="x")


@pytest.mark.parametrize(
    ("kpi", "age", "column"), [("retention_rate", 30, "d30_retention"), ("ltv_at_days", 90, "ltv90")]
)
def test_what_customers_did_later_is_explained_by_what_they_began_with(
    demo_to_read: str, growthos: Command, kpi: str, age: int, column: str
) -> None:
    """The figure of a week's cohort, split exactly by first channel, down to the orders that make it."""
    week = ("--until", "2025-10-26", "--age", str(age))
    ask = ("explain", kpi, "-t", "acme", *week, "--by", "first_channel", "--behind", "first_channel=email")
    said = growthos(*ask, "--format", "json").document
    cohort = load("cohorts/cohort_summary", "acme").filter(cohort_by="week", cohort="2025-10-20")
    assert float(said["value"]) == pytest.approx(cohort[column].item(), abs=1e-9)
    assert said["age_days"] == age
    assert said["parts"][1]["value"] == cohort["cohort_size"].item()
    assert sum(Decimal(member["contribution"]) for member in said["members"]) == Decimal(said["change"])
    (email,) = [member for member in said["members"] if member["first_channel"] == "email"]
    numerator, denominator = (part["measure"] for part in said["parts"])
    assert sum(Decimal(row[numerator]) for row in said["rows"]) == Decimal(email["numerator"])
    assert sum(row["mature_customers"] for row in said["rows"]) == Decimal(email["denominator"])
    assert {record["stream"] for row in said["rows"] for record in row["records"]} == {"shopify/orders"}
    assert max(row["date"] for row in said["rows"]) > "2025-10-26"  # the day of the order, not of the first one
    assert denominator == "mature_customers"


def test_a_window_of_customers_ends_where_the_youngest_are_old_enough(demo_to_read: str, growthos: Command) -> None:
    shown = growthos("explain", "retention_rate", "-t", "acme", "--age", "60").out
    assert "Acme: Retention, 2025-12-05 to 2025-12-11" in shown
    assert "Of customers whose first order was then, within 60 days of it; nobody younger." in shown
    young = growthos("explain", "retention_rate", "-t", "acme", "--until", "2026-02-09").out
    assert "There is no comparison: mature_customers is 0." in young
    wrong = growthos("explain", "retention_rate", "-t", "acme", "--by", "channel_id")
    assert wrong.code == 2
    assert "first_channel, first_product, first_discount" in " ".join(wrong.err.replace("│", " ").split())
    for age in ("-1", "99999999"):
        assert growthos("explain", "retention_rate", "-t", "acme", "--age", age).code == 2
