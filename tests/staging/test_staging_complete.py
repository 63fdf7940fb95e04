"""No transform of staging loses a row unnoticed: what came in is counted apart from it."""

import polars as pl
import pytest
from staging_shop import (
    Staged,
    adjustment,
    agreed,
    agreement,
    agreements,
    file_orders,
    line,
    order,
    raw,
    refund,
    returned,
    sale,
    shopify_orders,
    stage,
)

COMPLETE = {
    "stg_orders": "orders_complete",
    "stg_order_lines": "lines_complete",
    "stg_refunds": "refunds_complete",
    "stg_customers": "customers_complete",
    "stg_products": "products_complete",
    "stg_spend": "spend_complete",
    "stg_traffic": "traffic_complete",
}


def ga4(day: str, campaign: int, sessions: str) -> tuple[str, dict[str, object]]:
    steps = {"itemViewEvents": "4", "addToCarts": "3", "checkouts": "2", "ecommercePurchases": "1"}
    told = {"date": day, "sessionDefaultChannelGroup": "Direct"}
    return f"{day}/{campaign}", {"dimensions": told, "metrics": {"sessions": sessions, **steps}}


@pytest.fixture
def staged() -> Staged:
    """Plain orders, one of which is free, one that tells its agreements, files, returns; and broken rows of each."""
    free = order(2, line(2, price="0.00"), subtotal="0.00", customer={"id": "customer-2"}, email="hmac:bob")
    plain = order(
        1,
        line(1),
        line(4, price="5.00"),
        subtotal="55.00",
        refunds=[refund(returned(), adjustments=[adjustment("-1.00")])],
    )
    told = order(3, line(3), customer=None, email="hmac:eve", refunds=[refund(returned(3))]) | {
        "agreements": agreements(
            agreement(agreed("ORDER", "50.00", line=3)),
            agreement(agreed("RETURN", "-50.00", line=3, quantity=-1), reason="REFUND", at="2026-02-03T17:00:00Z"),
        )
    }
    variants = [{"id": f"variant-{number}", "sku": f"LS-{number}"} for number in (1, 8, 9)]
    ads = {"account_currency": "USD", "campaign_id": "7", "spend": "1.00"}
    return stage(
        shopify_orders=shopify_orders(plain, free, told, order(5, line(5, price="x"), currencyCode="EUR")),
        shopify_customers=raw(
            (f"customer-{n}", {"id": f"customer-{n}", "createdAt": at}) for n, at in ((1, None), (7, None), (8, "x"))
        ),
        shopify_products=raw([("p", {"title": "Shirt", "variants": {"nodes": variants}})]),
        file_orders=file_orders(sale("A"), sale("A", "2"), sale("B", quantity="-1"), sale("C", quantity="x")),
        meta_insights=raw((f"d{day}", ads | {"date_start": f"2026-02-0{day}"}) for day in (1, 2, 0)),
        ga4_traffic=raw([ga4("20260201", 1, "5"), ga4("20260201", 2, "6"), ga4("20260202", 1, "7"), ga4("x", 1, "8")]),
    )


@pytest.mark.parametrize(("table", "check"), COMPLETE.items())
def test_each_row_that_a_transform_loses_is_missed(staged: Staged, table: str, check: str) -> None:
    good, bad = staged.good[table], staged.bad[table]
    assert good.height >= 2
    assert staged.findings[check].rows_in == good.height + bad.height
    lost = [(good.filter(pl.int_range(pl.len()) != row), bad) for row in range(good.height)]
    lost += [(good, bad.filter(pl.int_range(pl.len()) != row)) for row in range(bad.height)]
    for fewer, turned_away in lost:
        staged.good[table], staged.bad[table] = fewer, turned_away
        finding = staged.find(check)
        assert not finding.passed
        assert finding.message == (
            f"{good.height + bad.height} rows came in; {fewer.height} are here, and {turned_away.height} in quarantine"
        )


def test_a_row_of_ga4_that_is_in_no_sum_is_missed(staged: Staged) -> None:
    assert staged.findings["ga4_adds_up"].passed
    sums = staged.good["stg_traffic"]
    staged.good["stg_traffic"] = sums.with_columns(
        pl.when(pl.col("sessions") == 11).then(5).otherwise("sessions").alias("sessions")
    )
    finding = staged.find("ga4_adds_up")
    assert (finding.passed, finding.metadata["examples"].rows()) == (False, [("sessions", 6)])


def test_what_an_order_lists_twice_is_sold_as_often_as_its_agreements_say() -> None:
    told = agreements(agreement(agreed("ORDER", "50.00")))
    staged = stage(shopify_orders=shopify_orders(order(1, line(), line(), agreements=told)))
    assert staged.row("stg_order_lines")["revenue_gross"] == 50
