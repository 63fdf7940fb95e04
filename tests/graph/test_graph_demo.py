"""The demo, end to end: what comes out is what went in, by SQL of its own over the payloads."""

import json
from decimal import Decimal
from typing import Any

import polars as pl
import psycopg
import pytest
from graph_runs import Graph, in_layers, stored, versions, written_since
from graph_shop import land

from growthos_assets import graph as declared
from growthos_assets import load
from warehouse.database import Warehouse

LATEST = """
latest AS (
    SELECT DISTINCT ON (source, stream, external_id) source, stream, payload::jsonb AS p
    FROM raw.raw_events WHERE tenant_id = 'acme' ORDER BY source, stream, external_id, version DESC
)
"""
LEDGER = (
    f"WITH {LATEST}"
    """,
orders AS MATERIALIZED (
    SELECT p, (p->>'processedAt')::timestamptz AS at, p->>'email' AS email, p#>>'{customer,id}' AS customer,
        (p->>'taxesIncluded')::bool AS with_tax,
        NOT (p->>'test')::bool AND p->>'displayFinancialStatus' IS DISTINCT FROM 'VOIDED' AS counted
    FROM latest WHERE (source, stream) = ('shopify', 'orders')
),
lines AS MATERIALIZED (
    SELECT o.at, o.with_tax, o.counted, l->>'id' AS id, (l->>'isGiftCard')::bool AS gift_card,
        (l->>'quantity')::int * (l#>>'{originalUnitPriceSet,shopMoney,amount}')::numeric AS gross,
        (SELECT coalesce(sum((d#>>'{allocatedAmountSet,shopMoney,amount}')::numeric), 0)
            FROM jsonb_array_elements(l->'discountAllocations') d) AS discounts,
        (SELECT coalesce(sum((t#>>'{priceSet,shopMoney,amount}')::numeric), 0)
            FROM jsonb_array_elements(l->'taxLines') t) AS tax
    FROM orders o, jsonb_array_elements(p#>'{lineItems,nodes}') l
),
sales AS MATERIALIZED (
    SELECT at, gross * untaxed AS gross, discounts * untaxed AS discounts
    FROM (SELECT *, CASE WHEN with_tax AND gross > discounts
            THEN (gross - discounts - tax) / (gross - discounts) ELSE 1 END AS untaxed FROM lines) l
    WHERE counted AND NOT gift_card
),
refunds AS MATERIALIZED (
    SELECT (r->>'createdAt')::timestamptz AS at,
        (n#>>'{subtotalSet,shopMoney,amount}')::numeric
        - CASE WHEN o.with_tax THEN (n#>>'{totalTaxSet,shopMoney,amount}')::numeric ELSE 0 END AS amount
    FROM orders o, jsonb_array_elements(o.p->'refunds') r, jsonb_array_elements(r#>'{refundLineItems,nodes}') n
    WHERE counted AND n#>>'{lineItem,id}' NOT IN (SELECT id FROM lines WHERE gift_card)
    UNION ALL
    SELECT (r->>'createdAt')::timestamptz, -(a#>>'{amountSet,shopMoney,amount}')::numeric
    FROM orders o, jsonb_array_elements(o.p->'refunds') r, jsonb_array_elements(r#>'{orderAdjustments,nodes}') a
    WHERE counted AND a->>'reason' IS DISTINCT FROM 'SHIPPING_REFUND'
),
people AS MATERIALIZED (
    SELECT email, min(customer) AS customer FROM (
        SELECT p#>>'{defaultEmailAddress,emailAddress}' AS email, p->>'id' AS customer
        FROM latest WHERE (source, stream) = ('shopify', 'customers')
        UNION ALL SELECT email, customer FROM orders
    ) known WHERE email IS NOT NULL AND customer IS NOT NULL GROUP BY email
),
firsts AS MATERIALIZED (
    SELECT min(at) AS at FROM (
        SELECT o.at, coalesce(o.customer, people.customer, o.email) AS who
        FROM orders o LEFT JOIN people USING (email) WHERE o.counted
    ) buyers WHERE who IS NOT NULL GROUP BY who
),
spend AS MATERIALIZED (
    SELECT (p->>'date_start')::date AS day, (p->>'spend')::numeric AS amount
    FROM latest WHERE (source, stream) = ('meta', 'insights')
    UNION ALL
    SELECT (p#>>'{segments,date}')::date, (p#>>'{metrics,costMicros}')::numeric / 1000000
    FROM latest WHERE (source, stream) = ('google_ads', 'insights')
),
traffic AS MATERIALIZED (
    SELECT (p#>>'{dimensions,date}')::date AS day,
        (p#>>'{metrics,sessions}')::int AS sessions, (p#>>'{metrics,ecommercePurchases}')::int AS purchases
    FROM latest WHERE (source, stream) = ('ga4', 'traffic')
),
spans AS (
    SELECT first, last, first::timestamp AT TIME ZONE 'America/New_York' AS begins,
        (last + 1)::timestamp AT TIME ZONE 'America/New_York' AS ends
    FROM unnest(%(first)s::date[], %(last)s::date[]) AS given (first, last)
)
SELECT
    (SELECT count(*) FROM orders WHERE counted AND at >= begins AND at < ends) AS orders,
    (SELECT count(*) FROM firsts WHERE at >= begins AND at < ends) AS new_customers,
    (SELECT sum(gross) FROM sales WHERE at >= begins AND at < ends) AS revenue_gross,
    (SELECT sum(discounts) FROM sales WHERE at >= begins AND at < ends) AS discounts,
    (SELECT sum(amount) FROM refunds WHERE at >= begins AND at < ends) AS refunds,
    (SELECT sum(amount) FROM spend WHERE day BETWEEN first AND last) AS spend,
    (SELECT sum(sessions) FROM traffic WHERE day BETWEEN first AND last) AS sessions,
    (SELECT sum(purchases) FROM traffic WHERE day BETWEEN first AND last) AS purchases
FROM spans
"""
)
"""The numbers of days of the shop's time zone, each from a `first` to a `last`, by the payloads alone."""

FIRST, LAST = "2025-08-14", "2026-02-09"
CENT = Decimal("0.01")
GOLDEN = {
    "orders": Decimal(5_314),
    "new_customers": Decimal(2_390),
    "revenue_gross": Decimal("446118.3526"),
    "discounts": Decimal("13359.3826"),
    "refunds": Decimal("27067.84"),
    "revenue_net": Decimal("405691.13"),
    "spend": Decimal("118099.89"),
    "sessions": Decimal(230_743),
}


def ledger(owner: psycopg.Connection, *spans: tuple[str, str]) -> list[dict[str, Decimal]]:
    owner.execute("SET enable_nestloop = off")  # the planner takes a CTE's thousands of rows for a few
    first, last = zip(*spans, strict=True)
    with owner.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        rows = cursor.execute(LEDGER.encode(), {"first": list(first), "last": list(last)}).fetchall()
    return [{**row, "revenue_net": row["revenue_gross"] - row["discounts"] - row["refunds"]} for row in rows]


ROWS = (
    f"WITH {LATEST}"
    """,
orders AS MATERIALIZED (
    SELECT p, jsonb_path_exists(p, '$.agreements.nodes[*].sales.nodes') AS told
    FROM latest WHERE (source, stream) = ('shopify', 'orders')
),
entries AS MATERIALIZED (
    SELECT e->>'actionType' = 'ORDER' AND e->>'lineType' <> 'ADJUSTMENT' AS sold
    FROM orders, jsonb_path_query(p, '$.agreements.nodes[*].sales.nodes[*]') e
    WHERE told AND e->>'lineType' IN ('PRODUCT', 'GIFT_CARD', 'ADJUSTMENT')
)
SELECT
    (SELECT count(*) FROM orders) AS orders,
    (SELECT count(*) FROM orders, jsonb_path_query(p, '$.lineItems.nodes[*]') WHERE NOT told)
        + (SELECT count(*) FROM entries WHERE sold) AS order_lines,
    (SELECT count(*) FROM orders, jsonb_path_query(p, '$.refunds[*].*.nodes[*]') WHERE NOT told)
        + (SELECT count(*) FROM entries WHERE NOT sold) AS refunds,
    (SELECT count(DISTINCT coalesce(p#>>'{defaultEmailAddress,emailAddress}', p->>'email'))
        FROM latest WHERE source = 'shopify' AND stream IN ('customers', 'orders')) AS customers,
    (SELECT count(*) FROM latest, jsonb_path_query(p, '$.variants.nodes[*]')
        WHERE (source, stream) = ('shopify', 'products')) AS products,
    (SELECT count(*) FROM latest WHERE stream = 'insights') AS spend,
    (SELECT count(DISTINCT (p#>>'{dimensions,date}', p#>>'{dimensions,sessionDefaultChannelGroup}'))
        FROM latest WHERE (source, stream) = ('ga4', 'traffic')) AS traffic
"""
)
"""How many rows of staging the payloads make, by the payloads alone."""


def test_the_demo_is_as_big_as_it_says(demo_to_read: str) -> None:
    assert 2_350 <= load("raw/shopify_customers", tenant="acme").height <= 2_450
    assert 5_200 <= load("raw/shopify_orders", tenant="acme").height <= 5_600
    assert load("ops/quarantine", tenant="acme").is_empty()


def test_the_golden_figures(demo_to_read: str) -> None:
    daily = load("kpis/kpi_daily", tenant="acme")
    assert {name: Decimal(daily[name].sum()) for name in GOLDEN} == GOLDEN


def test_money_is_conserved_from_payload_to_kpi(demo_to_read: str, owner: psycopg.Connection) -> None:
    (said,) = ledger(owner, (FIRST, LAST))

    def table(key: str) -> pl.DataFrame:
        return load(key, tenant="acme")

    def counted(key: str) -> pl.DataFrame:
        return table(key).filter("is_counted")

    staged_lines = table("staging/stg_order_lines").join(counted("staging/stg_orders"), on="order_id", how="semi")
    sold = {
        "staging": staged_lines.filter(~pl.col("is_gift_card")),
        "lines": counted("marts/fact_order_lines"),
        "orders": counted("marts/fact_orders"),
        "kpis": table("kpis/kpi_daily"),
    }
    returned = {
        "staging": counted("staging/stg_refunds")["amount"],
        "refunds": counted("marts/fact_refunds")["refunds"],
        "orders": sold["orders"]["refunds"],
        "kpis": sold["kpis"]["refunds"],
    }
    for name in ("revenue_gross", "discounts"):  # where prices hold the tax, a share of it is rounded line by line
        sums = {station: frame[name].sum() for station, frame in sold.items()}
        assert sums == dict.fromkeys(sold, sums["kpis"])
        assert abs(sums["kpis"] - said[name]) < CENT
    assert {station: refunds.sum() for station, refunds in returned.items()} == dict.fromkeys(returned, said["refunds"])
    assert sold["orders"]["revenue_net"].sum() == sold["kpis"]["revenue_net"].sum() == round(said["revenue_net"], 9)
    assert table("marts/fact_spend")["spend"].sum() == sold["kpis"]["spend"].sum() == said["spend"]


def test_headline_kpis_are_what_the_payloads_say(demo_to_read: str, owner: psycopg.Connection) -> None:
    windows = {
        (7, "value"): ("2026-02-03", LAST),
        (7, "previous"): ("2026-01-27", "2026-02-02"),
        (28, "value"): ("2026-01-13", LAST),
        (28, "previous"): ("2025-12-16", "2026-01-12"),
    }
    summary = load("kpis/kpi_summary", tenant="acme").filter(baseline="previous")
    for (days, column), said in zip(windows, ledger(owner, *windows.values()), strict=True):
        paid = said["revenue_gross"] - said["discounts"]
        expected = {
            **{name: said[name] for name in ("orders", "new_customers", "refunds", "revenue_net", "spend", "sessions")},
            "revenue_gross": said["revenue_gross"],
            "aov": paid / said["orders"],
            "mer": said["revenue_net"] / said["spend"],
            "blended_cac": said["spend"] / said["new_customers"],
            "refund_rate": said["refunds"] / paid,
            "discount_rate": said["discounts"] / said["revenue_gross"],
            "session_to_purchase": said["purchases"] / Decimal(said["sessions"]),
        }
        shown = dict(summary.filter(days=days).select("kpi", column).iter_rows())
        for name, value in expected.items():
            assert shown[name] == pytest.approx(float(value), rel=1e-6), f"{name}, {days} days, {column}"


def test_materializing_again_writes_no_row_and_tells_everything(
    demo: str, graph: Graph, owner: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, read = stored(owner, "acme"), []
    from_database = Warehouse.read

    def noted(self: Warehouse, table: str, *args: Any, **options: Any) -> pl.DataFrame:
        read.append(table)
        return from_database(self, table, *args, **options)

    monkeypatch.setattr(Warehouse, "read", noted)
    run = graph.run("acme")

    assert run.success
    assert stored(owner, "acme") == before
    assert run.failed_checks == {}
    assert [table for table in read if not table.startswith("raw.")] == []  # what a run has made is handed on in memory

    assert len(run.materialized) == 47
    for asset, told in run.materialized.items():
        assert told["rows_quarantined"] == 0
        assert told["preview"].startswith("| "), asset
        if not asset.startswith("raw/"):
            assert told["dagster/partition_row_count"] == told["rows_out"] == told["rows_unchanged"]
            assert told["rows_inserted"] == told["rows_updated"] == told["rows_deleted"] == 0
    with owner.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        made = cursor.execute(ROWS.encode()).fetchone()
    assert made is not None
    for table, rows in made.items():
        told = run.materialized.pop(f"staging/stg_{table}")
        assert (told["rows_in"], told["rows_out"]) == (rows, rows), table
    assert not [asset for asset, told in run.materialized.items() if "rows_in" in told and not asset.startswith("raw/")]
    assert run.materialized["marts/fact_orders"]["date_range"] == f"{FIRST} – {LAST}"
    orders = run.materialized["raw/shopify_orders"]
    assert orders["dagster/partition_row_count"] == 5_370
    assert 0 < orders["rows_in"] < 500, "what can still change is asked for again, and no more"


def test_a_changed_record_reaches_the_rows_that_it_concerns_and_no_other(
    demo: str, graph: Graph, owner: psycopg.Connection
) -> None:
    """One unit more of one line of an order that nothing was returned of."""
    order = (
        load("marts/fact_orders", "acme")
        .filter("is_counted", refunds=0, discounts=0, units=1)
        .sort("order_id")
        .row(0, named=True)
    )
    payload = json.loads(load("raw/shopify_orders", "acme").filter(external_id=order["order_id"])["payload"].item())
    line, twice = payload["lineItems"]["nodes"][0], str(2 * order["revenue_gross"])
    line["quantity"] = 2
    payload["subtotalPriceSet"]["shopMoney"]["amount"] = twice
    before = versions(owner, "acme")
    land("acme", "shopify/orders", {order["order_id"]: payload})
    run = graph.run("acme", *in_layers("staging", "marts", "kpis"))

    assert run.success
    assert run.failed_checks == {}
    written = written_since(owner, "acme", before)
    one_row = {
        "staging.stg_orders": (order["order_id"],),
        "staging.stg_order_lines": (order["order_id"], line["id"]),
        "marts.fact_order_lines": (order["order_id"], line["id"]),
        "marts.fact_orders": (order["order_id"],),
        "marts.dim_customer": (order["customer_id"],),
        "kpis.kpi_daily": (str(order["order_date"]), order["channel_id"], order["campaign_id"]),
    }
    assert {table: written.get(table) for table in one_row} == {table: [row] for table, row in one_row.items()}
    # beside them, only totals that the order is part of
    assert set(written) - set(one_row) <= {
        "marts.dim_date", "cohorts.cohorts", "kpis.kpi_summary", "kpis.channel_performance", "kpis.unit_economics",
    }  # fmt: skip
    after = load("marts/fact_orders", "acme").filter(order_id=order["order_id"]).row(0, named=True)
    assert after["revenue_gross"] == 2 * order["revenue_gross"]


def test_charts_are_drawn_where_they_are_declared(demo: str, graph: Graph, owner: psycopg.Connection) -> None:
    """A picture is drawn when its table has changed."""
    pictured = {"/".join(table.key) for table in declared.tables() if table.show}
    assert pictured == {
        "marts/fact_orders", "cohorts/cohorts", "cohorts/cohort_curves", "kpis/kpi_daily", "kpis/channel_performance",
        "kpis/funnel", "alerts/wbr",
    }  # fmt: skip
    for asset in pictured:
        owner.execute(f"DELETE FROM {asset.replace('/', '.')}".encode())
    run = graph.run("acme", *pictured)
    assert run.success
    pictures = {asset: told["picture"] for asset, told in run.materialized.items()}
    assert pictures.pop("alerts/wbr").startswith("# ")
    assert all(picture.startswith("![chart](data:image/png;base64,") for picture in pictures.values())
    assert all(len(picture) < 50_000 for picture in pictures.values()), "the event log keeps every one of them"
