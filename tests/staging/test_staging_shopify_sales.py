"""What Shopify sells and takes back after an order was placed: edits, exchanges, refunds, and what is no revenue."""

from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from staging_shop import (
    Payload,
    Staged,
    agreed,
    agreement,
    agreements,
    bag,
    line,
    order,
    refund,
    returned,
    stage_shop,
)

EDIT, EXCHANGE, BACK = "2026-02-03T15:00:00Z", "2026-02-04T15:00:00Z", "2026-02-05T15:00:00Z"
PLACED = agreement(agreed("ORDER", "54.00", "4.00"), agreed("ORDER", "5.95", line=None, kind="SHIPPING"))
SHIPPING_BACK = agreed("RETURN", "-5.95", line=None, quantity=-1, kind="SHIPPING")

Fact = tuple[int, str, str, int, str]
"""Day of February, sale or kind of return, line, units, net revenue."""


def facts(staged: Staged) -> list[Fact]:
    """All that counts as revenue or takes it back, in the order of the days."""
    lines = staged.good["stg_order_lines"].filter(~pl.col("is_gift_card"))
    sold = lines.select(
        "order_date", pl.lit("sale"), "line_id", "quantity", pl.col("revenue_gross") - pl.col("discounts")
    )
    back = (
        staged.good["stg_refunds"]
        .filter("is_counted")
        .select("refund_date", "kind", "line_id", "quantity", -pl.col("amount"))
    )
    rows = sorted([*sold.iter_rows(), *back.iter_rows()], key=lambda row: (row[0], row[1] != "sale", str(row[2])))
    return [(day.day, kind, line, units, f"{net.normalize():f}") for day, kind, line, units, net in rows]


def told(*later: Payload, lines: tuple[Payload, ...] = (), placed: Payload = PLACED, **changed: Any) -> Staged:
    """One order of a shirt for 50.00 + 4.00 tax on February 1, its lines, and what its agreements tell of later."""
    payload = order(1, line(tax="4.00"), *lines, agreements=agreements(placed, *later), **changed)
    staged = stage_shop(payload)
    assert all(staged.bad[table].is_empty() for table in ("stg_orders", "stg_order_lines", "stg_refunds"))
    assert staged.findings["header_matches_lines"].passed
    assert staged.findings["agreements_agree"].passed
    assert not staged.findings["agreements_agree"].skipped
    assert staged.good["stg_orders"].height == 1
    return staged


@pytest.mark.parametrize("others", [(), (PLACED,)])
def test_an_agreement_that_tells_no_sales_is_the_order_as_its_lines_say(others: tuple[Payload, ...]) -> None:
    plain = {"id": "agreement-1", "happenedAt": EDIT, "reason": "ORDER"}
    staged = stage_shop(order(agreements=agreements(plain, *others)))
    assert facts(staged) == [(1, "sale", "line-1", 1, "50")]
    assert staged.findings["agreements_agree"].skipped


def test_a_refund_is_what_was_taken_back_and_never_the_payment() -> None:
    back = agreement(agreed("RETURN", "-54.00", "-4.00", quantity=-1), SHIPPING_BACK, reason="REFUND", at=BACK)
    paid = {"transactions": {"nodes": [{"kind": "REFUND", "amountSet": bag("59.95")}]}}
    staged = told(back, refunds=[refund(returned(), at=BACK) | paid])
    assert facts(staged) == [(1, "sale", "line-1", 1, "50"), (5, "return", "line-1", 1, "-50")]
    row = staged.row("stg_refunds")
    assert (row["tax"], row["is_restocked"], row["product_id"]) == (Decimal(4), True, "variant-1")


def test_a_refund_of_shipping_alone_takes_no_revenue_back() -> None:
    shipping = {"refundShippingLines": {"nodes": [{"id": "s", "subtotalAmountSet": bag("5.95")}]}}
    staged = told(agreement(SHIPPING_BACK, reason="REFUND", at=BACK), refunds=[refund(at=BACK) | shipping])
    assert facts(staged) == [(1, "sale", "line-1", 1, "50")]
    alone = stage_shop(order(refunds=[refund(at=BACK) | shipping]))
    assert facts(alone) == [(1, "sale", "line-1", 1, "50")]


def test_what_the_shop_keeps_of_a_refund_stays_revenue() -> None:
    fee = agreed("RETURN", "5.00", line=None, quantity=None, kind="ADJUSTMENT")
    staged = told(agreement(agreed("RETURN", "-54.00", "-4.00", quantity=-1), fee, reason="REFUND", at=BACK))
    assert facts(staged) == [
        (1, "sale", "line-1", 1, "50"),
        (5, "adjustment", None, 0, "5"),
        (5, "return", "line-1", 1, "-50"),
    ]


@pytest.mark.parametrize("action", ["ORDER", "RETURN", "UPDATE"])
def test_an_adjustment_corrects_revenue_whatever_the_shop_calls_it(action: str) -> None:
    goodwill = agreed(action, "-7.50", line=None, quantity=None, kind="ADJUSTMENT")
    staged = told(agreement(goodwill, reason="REFUND", at=BACK))
    assert facts(staged) == [(1, "sale", "line-1", 1, "50"), (5, "adjustment", None, 0, "-7.5")]


@pytest.mark.parametrize("reason", ["RETURN", "REFUND"])
def test_an_exchange_is_a_return_and_a_sale_on_its_own_day_and_no_second_order(reason: str) -> None:
    swap = agreement(
        agreed("RETURN", "-54.00", "-4.00", quantity=-1),
        agreed("ORDER", "64.80", "4.80", line=2),
        reason=reason,
        at=EXCHANGE,
    )
    staged = told(swap, lines=(line(2, price="60.00", tax="4.80"),), refunds=[refund(returned(), at=EXCHANGE)])
    assert facts(staged) == [
        (1, "sale", "line-1", 1, "50"),
        (4, "sale", "line-2", 1, "60"),
        (4, "return", "line-1", 1, "-50"),
    ]
    assert staged.row("stg_orders")["order_date"] == date(2026, 2, 1)
    assert staged.column("stg_order_lines", "product_id", by="line_id")["line-2"] == "variant-2"


def test_a_line_that_an_edit_adds_is_sold_on_the_day_of_the_edit() -> None:
    added = agreement(agreed("ORDER", "21.60", "1.60", line=2, quantity=2), reason="ORDER_EDIT", at=EDIT)
    bought = line(2, price="12.50", quantity=2, discount="5.00", tax="1.60")
    staged = told(added, lines=(bought,), edited=True, subtotal="70.00")
    assert facts(staged) == [(1, "sale", "line-1", 1, "50"), (3, "sale", "line-2", 2, "20")]
    row = staged.good["stg_order_lines"].filter(line_id="line-2").row(0, named=True)
    assert (row["revenue_gross"], row["discounts"], row["tax"]) == (Decimal(25), Decimal(5), Decimal("1.60"))
    assert staged.row("stg_orders")["source_gross"] is None


@pytest.mark.parametrize("step", [1, -1], ids=["told in order", "told backwards"])
def test_units_that_an_edit_adds_to_a_line_are_a_sale_of_their_own_and_come_back_as_that_line(step: int) -> None:
    more = agreement(agreed("ORDER", "108.00", "8.00", quantity=2), reason="ORDER_EDIT", at=EDIT)
    back = agreement(agreed("RETURN", "-162.00", "-12.00", quantity=-3), reason="REFUND", at=BACK)
    entries = agreements(*(PLACED, more, back)[::step])
    staged = stage_shop(order(1, line(quantity=3, tax="12.00"), edited=True, agreements=entries))
    assert facts(staged) == [
        (1, "sale", "line-1", 1, "50"),
        (3, "sale", "line-1/sale-ORDER-PRODUCT-1-108.00", 2, "100"),
        (5, "return", "line-1", 3, "-150"),
    ]
    assert set(staged.good["stg_order_lines"]["unit_price"]) == {Decimal(50)}
    assert staged.findings["agreements_agree"].passed


@pytest.mark.parametrize("recorded", [True, False], ids=["told as a refund too", "told by the agreement alone"])
def test_a_line_removed_before_it_was_paid_is_taken_back_once_on_the_day_of_the_edit(recorded: bool) -> None:
    removed = agreement(agreed("RETURN", "-54.00", "-4.00", quantity=-1), reason="ORDER_EDIT", at=EDIT)
    unpaid = refund(returned(restock="CANCEL"), at=EDIT) | {"transactions": {"nodes": []}}
    staged = told(removed, edited=True, subtotal="0.00", refunds=[unpaid] if recorded else [])
    assert facts(staged) == [(1, "sale", "line-1", 1, "50"), (3, "return", "line-1", 1, "-50")]
    assert staged.row("stg_refunds")["is_restocked"]


def test_a_price_changed_after_the_sale_is_an_adjustment_of_that_line() -> None:
    cheaper = agreed("UPDATE", "-10.80", "-0.80", quantity=0)
    staged = told(agreement(cheaper, reason="ORDER_EDIT", at=EDIT), edited=True)
    assert facts(staged) == [(1, "sale", "line-1", 1, "50"), (3, "adjustment", "line-1", 0, "-10")]
    assert not staged.row("stg_refunds")["is_restocked"]


def test_a_cancelled_unit_is_taken_back_and_the_rest_stays_sold() -> None:
    back = refund(returned(subtotal="50.00", restock="CANCEL"), at=BACK)
    cancelled = agreement(agreed("RETURN", "-54.00", "-4.00", quantity=-1), reason="REFUND", at=BACK)
    placed = agreement(agreed("ORDER", "108.00", "8.00", quantity=2))
    payload = order(
        1, line(quantity=2, tax="8.00"), subtotal="100.00", refunds=[back], agreements=agreements(placed, cancelled)
    )
    staged = stage_shop(payload)
    assert facts(staged) == [(1, "sale", "line-1", 2, "100"), (5, "return", "line-1", 1, "-50")]
    assert staged.row("stg_refunds")["is_restocked"]


def test_a_cancelled_order_counts_with_its_refund_and_a_test_or_voided_one_not_at_all() -> None:
    back = agreement(agreed("RETURN", "-54.00", "-4.00", quantity=-1), SHIPPING_BACK, reason="REFUND", at=BACK)
    cancelled = told(back, cancelledAt=BACK, displayFinancialStatus="REFUNDED")
    assert facts(cancelled) == [(1, "sale", "line-1", 1, "50"), (5, "return", "line-1", 1, "-50")]
    assert cancelled.row("stg_orders")["is_counted"]
    for changed in ({"test": True}, {"cancelledAt": BACK, "displayFinancialStatus": "VOIDED"}):
        staged = told(back, **changed)
        assert not staged.row("stg_orders")["is_counted"]
        assert not staged.row("stg_refunds")["is_counted"]


def test_the_refund_of_that_line_nearest_in_time_says_what_can_be_sold_again() -> None:
    placed = agreement(agreed("ORDER", "108.00", "8.00", quantity=2), agreed("ORDER", "54.00", "4.00", line=2))
    first, second, third = (agreed("RETURN", f"-54.0{n}", quantity=-1, line=1 + n // 2) for n in range(3))
    told = [agreement(first, reason="REFUND", at=EDIT), agreement(second, third, reason="REFUND", at=BACK)]
    put_back = refund(returned(), at="2026-02-03T15:00:01Z")
    kept = refund(returned(restock="NO_RESTOCK"), returned(2), at=BACK)
    payload = order(1, line(quantity=2), line(2), refunds=[kept, put_back], agreements=agreements(placed, *told))
    rows = stage_shop(payload).good["stg_refunds"].sort("refunded_at", "line_id")
    assert rows["is_restocked"].to_list() == [True, False, True]


def test_a_gift_card_is_neither_revenue_nor_a_refund_of_it_and_paying_with_one_is_no_discount() -> None:
    placed = agreement(agreed("ORDER", "54.00", "4.00"), agreed("ORDER", "25.00", line=2, kind="GIFT_CARD"))
    back = agreement(agreed("RETURN", "-25.00", line=2, quantity=-1, kind="GIFT_CARD"), reason="REFUND", at=BACK)
    card = line(2, price="25.00", isGiftCard=True)
    paid = [{"kind": "SALE", "gateway": "gift_card", "amountSet": bag("84.95")}]
    staged = told(back, lines=(card,), placed=placed, subtotal="75.00", transactions=paid)
    assert facts(staged) == [(1, "sale", "line-1", 1, "50")]
    assert staged.column("stg_order_lines", "is_gift_card", by="line_id") == {"line-1": False, "line-2": True}
    assert not staged.row("stg_refunds")["is_counted"]


def test_what_costs_nothing_is_an_order_without_revenue() -> None:
    free, gift = line(1, discount="50.00"), line(2, price="0.00")
    plain = stage_shop(order(1, free, gift, subtotal="0.00", discounts="50.00"))
    placed = agreement(agreed("ORDER", "0.00"), agreed("ORDER", "0.00", line=2))
    back = agreement(agreed("RETURN", "0.00", quantity=-1), reason="REFUND", at=BACK)
    payload = order(1, free, gift, subtotal="0.00", discounts="50.00", agreements=agreements(placed, back))
    ledger = stage_shop(payload)
    for staged in (plain, ledger):
        assert facts(staged)[:2] == [(1, "sale", "line-1", 1, "0"), (1, "sale", "line-2", 1, "0")]
        assert staged.column("stg_order_lines", "discounts", by="line_id") == {
            "line-1": Decimal(50),
            "line-2": Decimal(0),
        }
        assert staged.row("stg_orders")["is_counted"]
        assert staged.findings["header_matches_lines"].passed
    assert facts(ledger)[2:] == [(5, "return", "line-1", 1, "0")]


def test_a_tip_is_a_line_of_the_shop_and_none_of_ours() -> None:
    tip = {"product": None, "variant": None, "sku": None}
    tipped = {"totalTipReceivedSet": bag("7.50")}
    plain = stage_shop(order(1, line(), line(2, price="7.50", title="Tip", **tip), **tipped))
    assert facts(plain) == [(1, "sale", "line-1", 1, "50")]
    assert plain.findings["header_matches_lines"].passed
    placed = agreement(agreed("ORDER", "54.00", "4.00"), agreed("ORDER", "7.50", line=2, kind="TIP"))
    assert facts(told(lines=(line(2, price="7.50", **tip),), placed=placed, **tipped)) == facts(plain)


def test_a_line_without_a_product_is_no_tip_unless_it_costs_what_was_tipped() -> None:
    custom = {"product": None, "variant": None, "sku": None}
    typed = custom | {"product": {"productType": "Engraving"}}
    for price, tip, named in [
        ("7.5", "0.00", custom),
        ("7.5", "7.51", custom),
        ("7.5", "7.5", typed),
        ("0", "0", custom),
    ]:
        staged = stage_shop(order(1, line(), line(2, price=price, **named), totalTipReceivedSet=bag(tip)))
        assert facts(staged) == [(1, "sale", "line-1", 1, "50"), (1, "sale", "line-2", 1, price)]


@pytest.mark.parametrize(("included", "subtotal", "net"), [(False, "119.00", "100"), (True, "119.00", "90")])
def test_duties_and_rounding_are_never_revenue(included: bool, subtotal: str, net: str) -> None:
    duty = {"duties": [{"id": "duty-1", "price": bag("10.00")}]}
    rounding = {"totalCashRoundingAdjustment": {"paymentSet": bag("0.02"), "refundSet": bag("0.00")}}
    bought = line(price="119.00", tax="19.00", **duty)
    total = {"originalTotalDutiesSet": bag("10.00"), "dutiesIncluded": included, "taxesIncluded": True}
    plain = stage_shop(order(1, bought, subtotal=subtotal, **total, **rounding))
    assert facts(plain) == [(1, "sale", "line-1", 1, net)]
    assert plain.findings["header_matches_lines"].passed
    product = agreed("ORDER", f"{Decimal(net) + 19}", "19.00")
    placed = agreement(product, agreed("ORDER", "10.00", line=None, kind="DUTY"))
    ledger = stage_shop(order(1, bought, subtotal=subtotal, agreements=agreements(placed), **total, **rounding))
    assert facts(ledger) == facts(plain)
    assert ledger.findings["agreements_agree"].passed


def test_prices_that_hold_the_tax_are_split_alike_whoever_tells_the_sale() -> None:
    bought = line(price="119.00", quantity=2, discount="23.80", tax="34.20")
    header = {"subtotal": "214.20", "discounts": "23.80", "taxesIncluded": True}
    placed = agreement(agreed("ORDER", "214.20", "34.20", quantity=2))
    back = agreement(agreed("RETURN", "-107.10", "-17.10", quantity=-1), reason="REFUND", at=BACK)
    plain, ledger = (
        stage_shop(order(1, bought, agreements=agreements(*all), **header)) for all in ((), (placed, back))
    )
    columns = ("quantity", "unit_price", "revenue_gross", "discounts", "tax")
    assert ledger.good["stg_order_lines"].select(columns).equals(plain.good["stg_order_lines"].select(columns))
    assert facts(ledger) == [(1, "sale", "line-1", 2, "180"), (5, "return", "line-1", 1, "-90")]


def test_the_customers_currency_is_kept_for_audit_and_never_counted() -> None:
    total = {
        "shopMoney": {"amount": "59.95", "currencyCode": "USD"},
        "presentmentMoney": {"amount": "55.15", "currencyCode": "EUR"},
    }
    row = stage_shop(order(totalPriceSet=total, presentmentCurrencyCode="EUR")).row("stg_orders")
    assert (row["currency"], row["presentment_currency"], row["presentment_total"]) == ("USD", "EUR", Decimal("55.15"))
    unknown = stage_shop(order(totalPriceSet=None)).row("stg_orders")
    assert (unknown["presentment_currency"], unknown["presentment_total"]) == (None, None)


def test_amounts_rounded_one_by_one_in_another_currency_may_differ_by_a_cent_a_unit() -> None:
    euros = {"totalPriceSet": {"presentmentMoney": {"amount": "29.97", "currencyCode": "EUR"}}}
    dollars = {"totalPriceSet": {"presentmentMoney": {"amount": "32.62", "currencyCode": "USD"}}}
    bought = line(price="10.87", quantity=3)
    for subtotal in ("32.62", "32.64"):
        assert stage_shop(order(1, bought, subtotal=subtotal, **euros)).findings["header_matches_lines"].passed
    assert not stage_shop(order(1, bought, subtotal="32.65", **euros)).findings["header_matches_lines"].passed
    assert not stage_shop(order(1, bought, subtotal="32.62", **dollars)).findings["header_matches_lines"].passed
    told = agreements(agreement(agreed("ORDER", "32.62", quantity=3)))
    row = stage_shop(order(1, bought, subtotal="32.62", agreements=told, **euros)).row("stg_order_lines")
    assert (row["revenue_gross"], row["discounts"]) == (Decimal("32.62"), Decimal(0))


def test_placing_the_order_is_dated_by_the_order_so_that_a_refund_does_not_move_it() -> None:
    imported = agreement(agreed("ORDER", "54.00", "4.00"), at="2026-02-04T12:00:00Z")
    back = agreement(agreed("RETURN", "-54.00", "-4.00", quantity=-1), reason="REFUND", at=BACK)
    assert facts(told(back, placed=imported)) == [(1, "sale", "line-1", 1, "50"), (5, "return", "line-1", 1, "-50")]


def test_a_late_evening_is_booked_on_the_shops_day() -> None:
    back = agreement(agreed("RETURN", "-54.00", "-4.00", quantity=-1), reason="REFUND", at="2026-02-05T04:59:59Z")
    assert facts(told(back))[1] == (4, "return", "line-1", 1, "-50")


def test_a_guest_at_the_counter_and_a_completed_draft_are_orders_like_any_other() -> None:
    back = agreement(agreed("RETURN", "-54.00", "-4.00", quantity=-1), reason="REFUND", at=BACK)
    nobody = {"customer": None, "email": None, "shippingAddress": None, "customerJourneySummary": None}
    for name in ("pos", "shopify_draft_order"):
        staged = told(back, sourceName=name, **nobody)
        assert facts(staged) == [(1, "sale", "line-1", 1, "50"), (5, "return", "line-1", 1, "-50")]
        assert staged.row("stg_refunds")["customer_id"] is None


def test_a_cent_that_agreements_tell_and_no_fact_holds_is_found() -> None:
    lost = agreed("RETURN", "-0.01", quantity=-1) | {"id": None}
    staged = stage_shop(order(agreements=agreements(PLACED, agreement(lost, reason="REFUND", at=BACK))))
    assert not staged.findings["agreements_agree"].passed


def test_a_sale_of_a_line_that_the_order_no_longer_lists_is_revenue_without_a_product() -> None:
    ghost = agreement(agreed("ORDER", "10.00", line=9), agreed("ORDER", "5.00", line=None))
    staged = stage_shop(order(subtotal="15.00", agreements=agreements(ghost)))
    assert facts(staged) == [(1, "sale", "line-9", 1, "10"), (1, "sale", "sale-ORDER-PRODUCT-None-5.00", 1, "5")]
    assert staged.good["stg_order_lines"]["product_id"].null_count() == 2


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"totalAmount": None}, "total is missing"),
        ({"totalTaxAmount": bag("x")}, "tax: 'x' is not an amount below a billion, such as -19.90"),
        ({"id": None}, "sale_id is missing"),
    ],
)
def test_a_broken_sale_is_held_back_and_found(changed: dict[str, Any], reason: str) -> None:
    back = agreed("RETURN", "-54.00", "-4.00", quantity=-1) | changed
    staged = stage_shop(order(agreements=agreements(PLACED, agreement(back, reason="REFUND", at=BACK))))
    assert staged.reasons("stg_refunds") == [reason]
    assert facts(staged) == [(1, "sale", "line-1", 1, "50")]


@pytest.mark.parametrize(
    ("at", "reason"), [("2027-01-01T00:00:00Z", "happened_at is in the future"), (None, "happened_at is missing")]
)
def test_an_agreement_is_of_an_instant_that_has_been(at: str | None, reason: str) -> None:
    unknown = agreement(agreed("RETURN", "-54.00", "-4.00", quantity=-1), reason="REFUND") | {"happenedAt": at}
    payload = order(refunds=[refund(returned(), at=BACK)], agreements=agreements(PLACED, unknown))
    staged = stage_shop(payload)
    assert staged.reasons("stg_refunds") == [reason]
    assert facts(staged) == [(1, "sale", "line-1", 1, "50")]


def test_net_sales_that_are_not_what_was_agreed_are_found_but_stop_nothing() -> None:
    twin = agreed("RETURN", "-54.00", "-4.00", quantity=-1)
    back = agreement(twin, twin, reason="REFUND", at=BACK)  # of two sales with one id, one is held back
    staged = stage_shop(order(agreements=agreements(PLACED, back)))
    finding = staged.findings["agreements_agree"]
    assert not finding.passed
    assert finding.message == "1 days of orders have other net sales than their agreements tell"
    assert finding.metadata["examples"].row(0) == ("order-1", date(2026, 2, 5), Decimal(-100), Decimal(-50))


def test_an_order_that_is_held_back_whole_is_no_disagreement() -> None:
    staged = stage_shop(
        order(1, currencyCode="EUR", agreements=agreements(PLACED)), order(2, agreements=agreements(PLACED))
    )
    for table in ("stg_orders", "stg_order_lines"):
        assert staged.reasons(table) == ["currency: 'EUR' is not the tenant's USD"]
    assert staged.findings["agreements_agree"].passed
