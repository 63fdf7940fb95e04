"""A shop's file, from import to numbers, against the same sums in Python's own decimals."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from cli_command import Command
from cli_files import Row, csv

from growthos_assets import load

LINES = 2_000
LONDON = ZoneInfo("Europe/London")
FIRST_DAY, LAST_DAY = date(2025, 9, 1), date(2026, 2, 9)
MIDNIGHTS = (  # each is another day in London than in UTC or New York, or lies by a change of clocks
    "2025-10-25T23:30:00Z",
    "2025-10-26 00:59:59",
    "2026-02-08T23:59:59-05:00",
    "2026-02-09T23:59:59.999Z",
    "2026-02-03 00:00:00",
    "2026-02-02T19:00:00-05:00",
)


@dataclass(frozen=True)
class Line:
    """A row as the file has it, and what it has to become."""

    order: str
    person: str | None
    at: str
    quantity: int
    price: Decimal
    discount: Decimal
    is_test: bool
    broken: bool

    @property
    def day(self) -> date:
        """The business day; a time without a zone is London's wall clock."""
        at = datetime.fromisoformat(self.at)
        return (at if at.tzinfo else at.replace(tzinfo=LONDON)).astimezone(LONDON).date()

    @property
    def gross(self) -> Decimal:
        return abs(self.quantity) * self.price

    def row(self, number: int) -> Row:
        person = self.person or ""
        return {
            "Name": self.order,
            "line_id": str(number),
            "processed_at": self.at,
            "customer_id": "" if "@" in person else person,
            "email": person if "@" in person else "",
            "sku": f"SKU-{number % 30}",
            "quantity": "some" if self.broken else str(self.quantity),
            "unit_price": str(self.price),
            "discount": str(self.discount),
            "is_test": "yes" if self.is_test else "",
        }


def shop_lines(dice: random.Random) -> Iterator[Line]:
    """Orders of known people, people with an address only, and guests; returns of orders, and on their own."""
    days = (LAST_DAY - FIRST_DAY).days + 1
    sold: list[Line] = []
    made = 0
    while made < LINES:
        at = f"{FIRST_DAY + timedelta(dice.randrange(days))} {dice.randrange(24):02}:{dice.randrange(60):02}:00"
        if made % 50 == 0:
            at = dice.choice(MIDNIGHTS)
        who = (None, f"{dice.randrange(150)}", f"p{dice.randrange(60)}@example.com")[dice.randrange(3)]
        order, is_test = f"#{made}", dice.random() < 0.02
        if sold and dice.random() < 0.15:
            given = dice.choice(sold)
            back = replace(given, at=max(at, given.at), quantity=-1, discount=Decimal(0))
            yield back if dice.random() < 0.5 else replace(back, order=f"C{made}", person=who, is_test=False)
            made += 1
            continue
        for _ in range(dice.randint(1, min(4, LINES - made))):
            price = Decimal(dice.randrange(0, 9_999)) / 100
            quantity = dice.randint(1, 5)
            discount = (quantity * price / dice.choice((4, 10))).quantize(Decimal("0.01")) if made % 3 == 0 else 0
            line = Line(order, who, at, quantity, price, Decimal(discount), is_test, dice.random() < 0.02)
            if not line.broken:
                sold.append(line)
            yield line
            made += 1


def total(values: Iterable[Decimal]) -> Decimal:
    return sum(values, Decimal(0))


def test_a_file_from_import_to_numbers_is_right_to_the_cent(shop: str, growthos: Command, tmp_path: Path) -> None:
    lines = list(shop_lines(random.Random(42)))
    file = csv(tmp_path / "orders.csv", *(line.row(number) for number, line in enumerate(lines)))
    options = ("--tenant", shop, "--map", "order_id=Name", "--format", "json")
    imported = growthos("import", "orders", str(file), *options).document
    good = [line for line in lines if not line.broken]
    sales, returns = [line for line in good if line.quantity > 0], [line for line in good if line.quantity < 0]
    broken = len(lines) - len(good)
    assert (imported["read"], imported["landed"], imported["quarantined"]) == (LINES, LINES, broken)
    assert min(len(returns), broken) > 20
    assert growthos("run", "--tenant", shop).code == 0

    of_lines, of_refunds = load("marts/fact_order_lines", shop), load("marts/fact_refunds", shop)
    assert (of_lines.height, of_refunds.height) == (len(sales), len(returns))
    assert load("ops/quarantine", shop).height == broken
    assert of_lines["revenue_gross"].sum() == total(line.gross for line in sales)
    assert of_lines["discounts"].sum() == total(line.discount for line in sales)
    assert of_refunds["refunds"].sum() == total(line.gross for line in returns)
    orders = {line.order for line in sales}
    assert set(load("marts/fact_orders", shop)["order_id"]) == orders
    assert of_refunds["order_id"].drop_nulls().len() == sum(line.order in orders for line in returns)
    assert_numbers_are_right(shop, growthos, sales, returns)


def assert_numbers_are_right(shop: str, growthos: Command, sales: list[Line], returns: list[Line]) -> None:
    counted = [line for line in sales if not line.is_test]
    first_days: dict[str, date] = {}
    for line in counted:
        if line.person:
            first_days[line.person] = min(line.day, first_days.get(line.person, line.day))
    until, days = LAST_DAY, 28
    for column, last in (("value", until), ("previous", until - timedelta(days))):
        first = last - timedelta(days - 1)
        sold = [line for line in counted if first <= line.day <= last]
        back = [line for line in returns if first <= line.day <= last and not line.is_test]
        gross, discounts = total(line.gross for line in sold), total(line.discount for line in sold)
        expected = {
            "revenue_gross": gross,
            "revenue_net": gross - discounts - total(line.gross for line in back),
            "orders": len({line.order for line in sold}),
            "aov": (gross - discounts) / len({line.order for line in sold}),
            "new_customers": sum(first <= day <= last for day in first_days.values()),
        }
        document = growthos("kpis", "--tenant", shop, "--days", str(days), "--format", "json").document
        assert document["window"] == {
            "start": str(until - timedelta(days - 1)), "end": str(until), "days": days, "timezone": "Europe/London",
        }  # fmt: skip
        shown = {name: document["kpis"][name][column] for name in expected}
        assert shown == pytest.approx({name: float(value) for name, value in expected.items()})

    columns = ["id", "severity", "title", "segment", "metric_value", "threshold", "recommendation"]
    alerts = growthos("alerts", "--tenant", shop, "--format", "json").document["alerts"]
    assert alerts == load("alerts/alerts", shop).select(columns).to_dicts()
    review = growthos("wbr", "--tenant", shop, "--format", "json").document["markdown"]
    assert review == load("alerts/wbr", shop)["markdown"].last()
    assert load("cohorts/cohorts", shop)["cohort_size"].sum() == len(first_days), "guests are in no cohort"
