"""Whatever befalls an order: its facts are, day by day, what its agreements say was sold."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from staging_shop import SHOP, Payload, Staged, agreements, bag, line, order, refund, shopify_orders, stage

PLACED = datetime(2025, 12, 1, 3, tzinfo=UTC)  # the evening before, where the shop is
Booked = Counter[tuple[str, date]]
"""Net cents by order and day."""


def money(cents: int) -> Payload:
    return bag(f"{Decimal(cents) / 100:.2f}")


@dataclass
class Line:
    """Units sold and not yet back, at a price and a discount in percent."""

    number: int
    price: int
    percent: int
    rate: int
    kind: str
    units: int = 0
    ever: int = 0
    paid: int = 0
    tax: int = 0


@dataclass
class Order:
    """An order that is told as Shopify tells it, and in whole cents beside that what it earned on each day."""

    number: int
    included: bool
    euros: bool
    booked: Booked
    at: datetime = PLACED
    lines: list[Line] = field(default_factory=list)
    agreements: list[Payload] = field(default_factory=list)
    refunds: list[Payload] = field(default_factory=list)
    told: list[Payload] = field(default_factory=list)
    edited: bool = False

    def tell(self, action: str, kind: str, total: int, tax: int, units: int | None, line: Line | None = None) -> None:
        self.told.append(
            {
                "id": f"sale-{self.number}-{len(self.agreements)}-{len(self.told)}",
                "actionType": action,
                "lineType": kind,
                "quantity": units,
                "totalAmount": money(total),
                "totalTaxAmount": money(tax),
            }
            | ({"lineItem": {"id": self.line_id(line)}} if line else {})
        )
        if kind in ("PRODUCT", "ADJUSTMENT"):
            day = self.at.astimezone(ZoneInfo(SHOP.timezone)).date()
            self.booked[f"order-{self.number}", day] += total - tax

    def line_id(self, line: Line) -> str:
        return f"line-{self.number}-{line.number}"

    def sell(self, line: Line, units: int) -> None:
        paid = units * line.price * (100 - line.percent) // 100
        tax = paid * line.rate // (100 + line.rate) if self.included else paid * line.rate // 100
        self.tell("ORDER", line.kind, paid if self.included else paid + tax, tax, units, line)
        line.units, line.ever = line.units + units, line.ever + units
        line.paid, line.tax = line.paid + paid, line.tax + tax

    def take_back(self, line: Line, units: int) -> None:
        units = min(units, line.units)
        if not units:
            return
        paid, tax = line.paid * units // line.ever, line.tax * units // line.ever
        self.tell("RETURN", line.kind, -(paid if self.included else paid + tax), -tax, -units, line)
        line.units -= units
        back = {"id": f"back-{self.told[-1]['id']}", "quantity": units, "restockType": "RETURN"}
        amounts = {"subtotalSet": money(paid), "totalTaxSet": money(tax), "lineItem": {"id": self.line_id(line)}}
        self.refunds.append(refund(back | amounts, at=f"{self.at:%Y-%m-%dT%H:%M:%SZ}"))

    def agree(self, reason: str) -> None:
        at = f"{self.at:%Y-%m-%dT%H:%M:%SZ}"
        key = f"agreement-{self.number}-{len(self.agreements)}"
        self.agreements.append({"id": key, "happenedAt": at, "reason": reason, "sales": {"nodes": self.told}})
        self.told = []

    def payload(self) -> Payload:
        listed = []
        for each in self.lines:
            own = {"id": self.line_id(each), "isGiftCard": each.kind == "GIFT_CARD"}
            off = f"{Decimal(each.price * each.ever - each.paid) / 100:.2f}"
            price, tax = f"{Decimal(each.price) / 100:.2f}", f"{Decimal(each.tax) / 100:.2f}"
            listed.append(line(each.number, price, each.ever, off, tax, **own))
        total = {"presentmentMoney": {"amount": "9.99", "currencyCode": "EUR" if self.euros else "USD"}}
        subtotal = sum(each.paid for each in self.lines)
        return order(
            self.number,
            *listed,
            processedAt=f"{PLACED:%Y-%m-%dT%H:%M:%SZ}",
            taxesIncluded=self.included,
            edited=self.edited,
            subtotalPriceSet=money(subtotal),
            totalDiscountsSet=money(sum(each.price * each.ever - each.paid for each in self.lines)),
            totalPriceSet=total,
            refunds=self.refunds,
            agreements=agreements(*self.agreements),
        )


new_lines = st.builds(
    Line,
    number=st.just(0),
    price=st.integers(0, 50_000),
    percent=st.sampled_from([0, 0, 15, 33, 100]),
    rate=st.sampled_from([0, 7, 19]),
    kind=st.sampled_from(["PRODUCT", "PRODUCT", "PRODUCT", "GIFT_CARD"]),
)
EVENTS = ("refund", "exchange", "add line", "add units", "remove", "reprice", "refund shipping")


@st.composite
def orders(draw: st.DrawFn) -> tuple[list[Payload], Booked]:
    """Up to twenty orders, each with up to five things that happen to it, hours apart."""
    booked: Booked = Counter()
    payloads: list[Payload] = []
    for number in range(draw(st.integers(1, 20))):
        each = Order(number, draw(st.booleans()), draw(st.booleans()), booked)

        def add(to: Order = each) -> None:
            fresh = draw(new_lines)
            fresh.number = len(to.lines)
            to.lines.append(fresh)
            to.sell(fresh, draw(st.integers(1, 4)))

        for _ in range(draw(st.integers(1, 3))):
            add()
        each.tell("ORDER", "SHIPPING", 595, 95, 1)
        each.tell("ORDER", "TIP", 300, 0, 1)
        each.agree("ORDER")
        for event in draw(st.lists(st.sampled_from(EVENTS), min_size=1, max_size=5)):
            each.at += timedelta(hours=draw(st.integers(1, 90)))
            chosen = draw(st.sampled_from(each.lines))
            match event:
                case "refund":
                    each.take_back(chosen, draw(st.integers(1, 4)))
                    each.tell("RETURN", "ADJUSTMENT", draw(st.integers(-900, 900)), 0, None)
                case "exchange":
                    each.take_back(chosen, 1)
                    add()
                case "add line":
                    add()
                case "add units":
                    each.sell(chosen, draw(st.integers(1, 3)))
                case "remove":
                    each.take_back(chosen, chosen.units)
                case "reprice":
                    each.tell(
                        "UPDATE", chosen.kind, draw(st.integers(-500, 500)), draw(st.integers(-50, 50)), 0, chosen
                    )
                case _:
                    each.tell("RETURN", "SHIPPING", -595, -95, -1)
            edit = event in ("add line", "add units", "remove", "reprice")
            each.edited |= edit
            each.agree("ORDER_EDIT" if edit else "RETURN" if event == "exchange" else "REFUND")
        payloads.append(each.payload())
    return payloads, booked


def net_by_day(staged: Staged) -> Booked:
    """What the facts say: gross less discounts on the day of the sale, less returns on theirs."""
    counted: Booked = Counter()
    for row in staged.good["stg_order_lines"].filter(~pl.col("is_gift_card")).iter_rows(named=True):
        counted[row["order_id"], row["order_date"]] += (row["revenue_gross"] - row["discounts"]) * 100
    for row in staged.good["stg_refunds"].filter("is_counted").iter_rows(named=True):
        counted[row["order_id"], row["refund_date"]] -= row["amount"] * 100
    return counted


@settings(max_examples=8)
@given(orders())
def test_facts_are_day_by_day_what_was_agreed(shop: tuple[list[Payload], Booked]) -> None:
    payloads, booked = shop
    staged = stage(SHOP, shopify_orders=shopify_orders(*payloads))
    for table in ("stg_orders", "stg_order_lines", "stg_refunds"):
        assert staged.bad[table].is_empty(), staged.reasons(table)
    counted = net_by_day(staged)
    assert {key: cents for key, cents in counted.items() if cents} == {key: c for key, c in booked.items() if c}
    assert staged.findings["agreements_agree"].passed
    assert staged.findings["header_matches_lines"].passed
    assert staged.good["stg_orders"].height == len(payloads)
