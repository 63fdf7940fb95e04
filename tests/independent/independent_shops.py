"""Shops that have everything happen to them, drawn from a seed: rows of staging, as staging would have made them."""

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from growthos_assets.staging.customers import StgCustomers
from growthos_assets.staging.order_lines import StgOrderLines
from growthos_assets.staging.orders import StgOrders
from growthos_assets.staging.products import StgProducts
from growthos_assets.staging.refunds import StgRefunds
from growthos_assets.staging.spend import StgSpend
from growthos_assets.staging.traffic import StgTraffic
from warehouse.contract import Table, polars_schema, schema_of
from warehouse.tenants import Tenant

Row = dict[str, Any]
Rows = dict[str, list[Row]]

STAGING: dict[str, type[Table]] = {
    contract.__spec__.name: contract
    for contract in (StgOrders, StgOrderLines, StgRefunds, StgCustomers, StgProducts, StgSpend, StgTraffic)
}
UNIT = Decimal("0.0001")
ZONES = ("UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia")
LAST_DAYS = (
    date(2026, 2, 9),
    date(2026, 3, 8),  # New York's 23-hour day
    date(2025, 11, 2),  # and the one of 25 hours
    date(2026, 3, 29),  # Berlin's 23-hour day
    date(2027, 1, 3),  # the end of an ISO year of 53 weeks
    date(2024, 2, 29),
)
HISTORIES = (1, 8, 40, 120, 500)
"""How many days a shop has been open: a window may reach before its first day."""

CHANNELS = ("meta", "google", "email", "organic", "direct", "other")
CAMPAIGNS = (
    # Spring is one campaign of each channel, Twin two of one
    ("meta", "meta:1", "Spring", "meta"),
    ("meta", "meta:2", "Twin", "meta"),
    ("meta", "meta:3", "Twin", "meta"),
    ("google_ads", "google_ads:1", "Spring", "google"),
    ("file", "file:Letter", "Letter", "email"),
    ("file", "file:Fair", "Fair", "other"),  # money that was spent on no channel that is known
)
PRODUCTS = (
    {"product_id": "costed", "title": "Cup", "sku": "S-1", "unit_cost": Decimal("3.3333"), "category": "home"},
    {"product_id": "free", "title": "Card", "unit_cost": Decimal(0), "category": "food"},
    {"product_id": "uncosted", "sku": "S-2", "unit_cost": None, "category": "beauty"},
    {"product_id": "bare", "unit_cost": None, "category": None},
)
SOLD = (None, "costed", "free", "uncosted", "bare", "unlisted")
CATEGORIES = (None, None, "apparel", "food", "garden")
PRICES = tuple(map(Decimal, ("0", "0.0005", "9.99", "19.995", "33.3333", "120", "1249.5")))
STRANGE: Row = {
    "line_id": "unlisted",
    "product_id": "costed",
    "sku": "S-1",
    "category": None,
    "quantity": 2,
    "revenue_gross": Decimal("50.01"),
    "discounts": Decimal(0),
    "is_gift_card": False,
}
"""What somebody brings back who names no order."""
CORRECTIONS = (Decimal("-3.5"), Decimal("7.77"))
STEPS = ("sessions", "pdp_views", "add_to_cart", "checkouts", "purchases")
GROUPS = (("Organic Search", "organic"), ("Organic Social", "organic"), ("Paid Social", "meta"), ("AI", "other"))
BLANKS: dict[type[pl.DataType], Any] = {
    pl.String: "x",
    pl.Decimal: Decimal(0),
    pl.Int64: 0,
    pl.Boolean: False,
    pl.Date: date(2000, 1, 1),
    pl.Datetime: datetime(2000, 1, 1, tzinfo=UTC),
}


class Shop:
    """A shop: its tenant, the instant, and its rows of staging."""

    def __init__(self, tenant: Tenant, now: datetime, rows: Rows) -> None:
        self.tenant, self.now, self.rows = tenant, now, rows


class Drawn(Shop):
    """A shop drawn from a seed, with up to that many customers, one guest to nine of them."""

    def __init__(
        self, seed: int, customers: int = 9, orders: Sequence[int] = (0, 1, 12, 40), days: Sequence[int] = HISTORIES
    ) -> None:
        self._dice = random.Random(seed)
        self._people = [*[None] * (customers // 9), *(f"c{n}" for n in range(customers))]
        self.zone = ZoneInfo(self._dice.choice(ZONES))
        self.last_day = self._dice.choice(LAST_DAYS)
        self.days = self._dice.choice(days)
        now = self._instant(-1)
        tenant = Tenant(
            f"shop-{seed:03}",
            f"Shop {seed}",
            timezone=self.zone.key,
            shipping_rate=self._dice.choice([Decimal("0.08"), Decimal("0.125"), Decimal(0)]),
            ops_rate=self._dice.choice([Decimal("0.05"), Decimal("0.0333")]),
            clock_at=now,
        )
        super().__init__(tenant, now, {name: [] for name in STAGING})
        self._lines: list[tuple[Row, Row]] = []
        # some shops are new, some have stopped selling for months, and the days of a few hold everything
        self._busy = [self._dice.randrange(-1, self.days) for _ in range(self._dice.choice([2, 30]))]
        for number in range(self._dice.choice(orders)):
            self._order(f"o{number}")
        self.rows["stg_products"] = [{"source": "shopify", **product} for product in PRODUCTS]
        named = {row["customer_id"] for row in self.rows["stg_orders"]} - {None}
        self.rows["stg_customers"] = [{"customer_id": name, "source": "shopify"} for name in sorted({*named, "looker"})]
        for number in range(self._dice.choice([0, 1, 12]) if self.rows["stg_orders"] else 0):
            self._refund(f"r{number}")
        if self._dice.random() < 0.8:
            self._spend()
        if self._dice.random() < 0.8:
            self._traffic()

    def _instant(self, back: int) -> datetime:
        """That many days before the last complete one, at a time at which local and UTC days often differ."""
        day = self.last_day - timedelta(days=back)
        hour, minute = self._dice.choice([(0, 0), (1, 30), (2, 30), (12, 0), (23, 59)])
        fold = self._dice.choice([0, 1])
        return datetime(day.year, day.month, day.day, hour, minute, fold=fold, tzinfo=self.zone).astimezone(UTC)

    def _local(self, instant: datetime) -> date:
        return instant.astimezone(self.zone).date()

    def _order(self, name: str) -> None:
        dice, placed = self._dice, self._instant(self._dice.choice(self._busy))
        is_test, is_voided = dice.random() < 0.08, dice.random() < 0.08
        order = {
            "order_id": name,
            "source": "shopify",
            "processed_at": placed,
            "order_date": self._local(placed),
            "customer_id": dice.choice(self._people),
            "currency": self.tenant.currency,
            "channel_id": dice.choice(CHANNELS),
            "utm_campaign": dice.choice([None, "Spring", "spring", "Twin", "Letter", "Unheard"]),
            "is_test": is_test,
            "is_voided": is_voided,
            "is_cancelled": is_voided or dice.random() < 0.08,
            "is_counted": not (is_test or is_voided),
        }
        self.rows["stg_orders"].append(order)
        for position in range(dice.choice([0, 1, 1, 2, 3])):
            self._line(order, f"l{position}")

    def _line(self, order: Row, name: str) -> None:
        dice = self._dice
        # an exchange or an edit adds lines on a later day
        placed = order["processed_at"] + timedelta(days=dice.choice([0] * 8 + [1, 31]))
        price, quantity = dice.choice(PRICES), dice.choice([0, 1, 1, 1, 2, 3])
        gross = price * quantity
        line = {
            "order_id": order["order_id"],
            "line_id": name,
            "source": "shopify",
            "processed_at": placed,
            "order_date": self._local(placed),
            "product_id": dice.choice(SOLD),
            "sku": dice.choice([None, "S-1", "S-2"]),
            "category": dice.choice(CATEGORIES),
            "quantity": quantity,
            "unit_price": price,
            "revenue_gross": gross,
            "discounts": (gross * dice.choice([Decimal(0), Decimal(0), Decimal("0.15"), Decimal(1)])).quantize(UNIT),
            "is_gift_card": dice.random() < 0.1,
            "currency": self.tenant.currency,
        }
        self.rows["stg_order_lines"].append(line)
        self._lines.append((order, line))

    def _refund(self, name: str) -> None:
        """Goods of a line, a correction of an order's amount, or a return that names no order."""
        dice = self._dice
        order, line = dice.choice(self._lines) if self._lines and dice.random() < 0.8 else ({}, STRANGE)
        is_adjustment = dice.random() < 0.2
        units = 0 if is_adjustment else dice.randint(0, line["quantity"])
        paid = (line["revenue_gross"] - line["discounts"]) * units / max(line["quantity"], 1)
        of_line = line["line_id"] if order and dice.random() < 0.8 else dice.choice([None, "unlisted"])
        sold_at = line.get("processed_at") or self._instant(dice.choice(self._busy))
        refunded_at = min(sold_at + timedelta(days=dice.choice([0, 1, 6, 29, 95])), self.now)
        self.rows["stg_refunds"].append(
            {
                "refund_line_id": name,
                "refund_id": name,
                "source": "shopify",
                "order_id": order.get("order_id"),
                "line_id": of_line,
                "customer_id": order.get("customer_id"),
                "refunded_at": refunded_at,
                "refund_date": self._local(refunded_at),
                "product_id": dice.choice([line["product_id"], dice.choice(SOLD)]),
                "sku": line["sku"],
                "category": dice.choice([None, line["category"]]),
                "quantity": units,
                "amount": dice.choice(CORRECTIONS) if is_adjustment else paid.quantize(UNIT),
                "is_restocked": not is_adjustment and dice.random() < 0.6,
                "kind": "adjustment" if is_adjustment else "return",
                "is_counted": order.get("is_counted", True)
                and not (of_line == line["line_id"] and line["is_gift_card"]),
            }
        )

    def _spend(self) -> None:
        dice = self._dice
        for source, campaign, name, channel in dice.sample(CAMPAIGNS, dice.randint(1, len(CAMPAIGNS))):
            for back in dice.sample(range(-1, self.days), min(self.days, 12)):
                shown, clicked = dice.choice([(0, 0), (1000, 0), (12_345, 678)])
                told = source != "file"  # a file tells the spend alone
                self.rows["stg_spend"].append(
                    {
                        "source": source,
                        "campaign_id": campaign,
                        "campaign_name": name if back < self.days // 2 else f"{name} before",
                        "date": self.last_day - timedelta(days=back),
                        "channel_id": channel,
                        "spend": dice.choice([Decimal(0), Decimal("12.34"), Decimal("250.0001")]),
                        "impressions": shown if told else None,
                        "clicks": clicked if told else None,
                        "platform_conversions": dice.choice([0.0, 1.5, 4.25]) if told else None,
                        "platform_value": dice.choice([Decimal(0), Decimal("99.9")]) if told else None,
                        "currency": self.tenant.currency,
                    }
                )

    def _traffic(self) -> None:
        dice = self._dice
        for group, channel in GROUPS:
            for back in dice.sample(range(-1, self.days), min(self.days, 12)):
                visits = [dice.choice([0, 7, 200]), *(dice.choice([0, 0, 3, 40]) for _ in range(4))]
                steps = dict(
                    zip(("sessions", "pdp_views", "add_to_cart", "checkouts", "purchases"), visits, strict=True)
                )
                day = self.last_day - timedelta(days=back)
                self.rows["stg_traffic"].append(
                    {"source": "ga4", "date": day, "channel_group": group, "channel_id": channel, **steps}
                )


def staged(shops: Sequence[Shop]) -> dict[str, pl.DataFrame]:
    """All shops' rows of each table of staging, with tenant_id; what the shops leave open is null, or blank."""
    tables: dict[str, pl.DataFrame] = {}
    for name, contract in STAGING.items():
        schema = polars_schema(contract)
        columns = schema_of(contract).columns
        blank = {each: None if columns[each].nullable else BLANKS[type(schema[each])] for each in schema}
        rows = [{"tenant_id": shop.tenant.tenant_id} | blank | row for shop in shops for row in shop.rows[name]]
        tables[name] = pl.DataFrame(rows, schema={"tenant_id": pl.String, **schema}, orient="row")
    return tables
