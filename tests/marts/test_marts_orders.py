"""Orders, lines, refunds and customers on cases computed by hand."""

from datetime import date, timedelta
from decimal import Decimal

import polars as pl
import pytest
from marts_shop import DAY, INSTANT, NOW, Shop, line, order, refund

from growthos_assets.marts import fact_orders as orders_module
from growthos_assets.marts.dim_customer import new_customers_once
from growthos_assets.marts.fact_order_lines import fk_lines_product
from growthos_assets.marts.fact_refunds import fk_refunds_channel, refunds_reconcile_with_staging

CAMPAIGNS = [
    {"source": "meta", "campaign_id": "meta:1", "campaign_name": "Spring", "channel_id": "meta"},
    {
        "source": "google_ads",
        "campaign_id": "google_ads:1",
        "campaign_name": "Spring",
        "channel_id": "google",
    },
    {"source": "meta", "campaign_id": "meta:2", "campaign_name": "Twin", "channel_id": "meta"},
    {"source": "meta", "campaign_id": "meta:3", "campaign_name": "Twin", "channel_id": "meta"},
]


def money(row: dict[str, object], *columns: str) -> list[str]:
    return [f"{row[column]:f}" for column in columns]


def test_contribution_margin_of_one_order() -> None:
    """Net 100, goods 40, shipping 15 %, operations 10 %: 35 are left."""
    shop = Shop(
        orders=[order("1")],
        order_lines=[line("1", "a", "60", quantity=2, discounts=Decimal(20), product_id="p")],
        products=[{"product_id": "p", "unit_cost": Decimal(20)}],
    )
    row = shop.audited()["fact_orders"].row(0, named=True)
    assert money(row, "revenue_gross", "discounts", "refunds", "revenue_net") == [
        "120.0000",
        "20.0000",
        "0.0000",
        "100.0000",
    ]
    assert money(row, "cogs", "shipping_cost", "ops_cost", "contribution_margin") == [
        "40.0000",
        "15.0000",
        "10.0000",
        "35.0000",
    ]
    assert row["units"] == 2


def test_cost_is_estimated_from_the_category_after_discounts() -> None:
    shop = Shop(
        orders=[order("1")],
        order_lines=[
            line("1", "a", "50", discounts=Decimal(10), category="beauty"),
            line("1", "b", "33.33", product_id="p"),
            line("1", "c", "10", product_id="q", category="beauty"),
        ],
        products=[
            {"product_id": "p", "category": "food"},
            {"product_id": "q", "category": "food", "unit_cost": Decimal(0)},
        ],
    )
    lines = shop.marts()["fact_order_lines"].sort("line_id")
    assert lines["cogs"].to_list() == [Decimal("14"), Decimal("19.998"), Decimal(0)]
    assert lines["cogs_source"].to_list() == ["category_margin", "category_margin", "unit_cost"]
    assert lines["category"].to_list() == ["beauty", "food", "beauty"]


def test_order_takes_the_category_of_its_largest_line() -> None:
    shop = Shop(
        orders=[order("1"), order("2")],
        order_lines=[
            line("1", "a", "90", discounts=Decimal(80), category="home"),
            line("1", "b", "20", category="food"),
            line("1", "c", "500", category="gift", is_gift_card=True),
            line("2", "b", "5", category="food"),
            line("2", "a", "5", category="home"),
        ],
    )
    assert shop.marts()["fact_orders"].sort("order_id")["category"].to_list() == ["food", "home"]


def test_restocked_refund_takes_its_costs_back() -> None:
    """Half of a line of 100 with goods for 45 comes back, restocked: the other half stays sold."""
    shop = Shop(
        orders=[order("1", channel_id="email", customer_id="c")],
        order_lines=[line("1", "a", "25", quantity=4, category="apparel")],
        refunds=[
            refund(
                "r1",
                "50",
                order_id="1",
                line_id="a",
                quantity=2,
                is_restocked=True,
                refund_date=date(2026, 2, 1),
            )
        ],
    )
    marts = shop.audited()
    back = marts["fact_refunds"].row(0, named=True)
    assert money(back, "refunds", "cogs", "shipping_cost", "ops_cost") == [
        "50.0000",
        "22.5000",
        "7.5000",
        "5.0000",
    ]
    assert (back["channel_id"], back["is_new_customer_order"], back["refund_date"]) == (
        "email",
        True,
        date(2026, 2, 1),
    )
    kept = marts["fact_orders"].row(0, named=True)
    assert money(kept, "revenue_net", "cogs", "contribution_margin") == ["50.0000", "22.5000", "15.0000"]
    assert marts["dim_customer"]["total_revenue"].item() == 50


@pytest.mark.parametrize(
    ("given", "cogs"),
    [
        ({"is_restocked": False, "product_id": "p"}, "0"),
        ({"is_restocked": True, "product_id": "p"}, "14"),
        ({"is_restocked": True, "product_id": "q"}, "12"),
        ({"is_restocked": True, "category": "electronics"}, "21"),
        ({"is_restocked": True, "order_id": "1", "line_id": "?", "product_id": "p"}, "14"),
        ({"is_restocked": True, "order_id": "1", "line_id": "free"}, "16.5"),
    ],
    ids=["kept", "unit cost", "category of the product", "category", "unknown line", "line without units"],
)
def test_cost_of_a_return_without_a_line(given: dict[str, object], cogs: str) -> None:
    shop = Shop(
        orders=[order("1")],
        order_lines=[line("1", "a", "100"), line("1", "free", "0", quantity=0)],
        products=[
            {"product_id": "p", "unit_cost": Decimal(7)},
            {"product_id": "q", "category": "food", "unit_cost": None},
        ],
        refunds=[refund("r", "20" if given.get("product_id") == "q" else "30", quantity=2) | given],
    )
    assert shop.marts()["fact_refunds"]["cogs"].item() == Decimal(cogs)


def test_return_without_an_order_lowers_channel_other() -> None:
    marts = Shop(orders=[order("1")], order_lines=[line("1", "a", "10")], refunds=[refund("r", "4")]).marts()
    back = marts["fact_refunds"].row(0, named=True)
    assert (back["channel_id"], back["campaign_id"], back["is_new_customer_order"]) == (
        "other",
        "(none)",
        False,
    )
    assert marts["fact_orders"]["refunds"].item() == 0


def test_gift_cards_are_kept_and_never_counted() -> None:
    shop = Shop(
        orders=[order("1"), order("2")],
        order_lines=[
            line("1", "a", "10"),
            line("1", "gift", "50", is_gift_card=True),
            line("2", "gift", "25", is_gift_card=True),
        ],
        refunds=[refund("r", "50", order_id="1", line_id="gift", quantity=1, is_restocked=True, is_counted=False)],
    )
    marts = shop.audited()
    gifts = marts["fact_order_lines"].filter("is_gift_card")
    assert gifts["is_counted"].to_list() == [False, False]
    assert marts["fact_refunds"].select("is_gift_card", "is_counted").row(0) == (True, False)
    orders = marts["fact_orders"].sort("order_id")
    assert orders["revenue_net"].to_list() == [10, 0]
    assert orders["units"].to_list() == [1, 0]
    assert orders["is_counted"].to_list() == [True, True]


def test_an_exchange_is_booked_on_its_day_and_is_no_second_order() -> None:
    """A customer's first order of 50 is swapped for goods of 60 three days later."""
    swap = DAY + timedelta(days=3)
    shop = Shop(
        orders=[order("1", customer_id="c", presentment_currency="EUR", presentment_total=Decimal("55.15"))],
        order_lines=[line("1", "a", "50"), line("1", "b", "60", order_date=swap)],
        refunds=[refund("r", "50", order_id="1", line_id="a", quantity=1, refund_date=swap, customer_id="c")],
    )
    marts = shop.audited()
    row = marts["fact_orders"].row(0, named=True)
    assert (row["order_date"], row["is_new_customer"], row["revenue_net"]) == (DAY, True, 60)
    assert (row["presentment_currency"], row["presentment_total"]) == ("EUR", Decimal("55.15"))
    lines = marts["fact_order_lines"].sort("line_id")
    assert lines["order_date"].to_list() == [DAY, swap]
    assert lines["is_new_customer_order"].to_list() == [True, True]
    assert marts["dim_customer"].select("total_orders", "total_revenue").row(0) == (1, 60)


def test_uncounted_orders_keep_their_numbers() -> None:
    shop = Shop(
        orders=[order("1", is_test=True, is_counted=False, customer_id="c")],
        order_lines=[line("1", "a", "10", quantity=3)],
        refunds=[refund("r", "10", order_id="1", line_id="a", quantity=1, is_counted=False)],
    )
    marts = shop.audited()
    row = marts["fact_orders"].row(0, named=True)
    assert money(row, "revenue_gross", "refunds", "revenue_net") == ["30.0000", "10.0000", "20.0000"]
    assert (row["is_counted"], row["is_new_customer"]) == (False, False)
    customer = marts["dim_customer"].row(0, named=True)
    assert (customer["total_orders"], customer["total_revenue"], customer["cohort_month"]) == (0, 0, None)


def test_order_without_lines_is_kept_with_zeros() -> None:
    row = Shop(orders=[order("1", shipping_charged=Decimal(5))]).marts()["fact_orders"].row(0, named=True)
    assert money(row, "revenue_net", "contribution_margin", "shipping_charged") == [
        "0.0000",
        "0.0000",
        "5.0000",
    ]
    assert (row["units"], row["category"]) == (0, None)


@pytest.mark.parametrize(
    ("channel", "utm_campaign", "campaign"),
    [
        ("meta", "Spring", "meta:1"),
        ("google", "Spring", "google_ads:1"),
        ("email", "Spring", "(none)"),
        ("meta", "spring", "(none)"),
        ("meta", "Twin", "(none)"),
        ("meta", None, "(none)"),
    ],
    ids=["exact", "same name elsewhere", "other channel", "other case", "ambiguous", "no campaign"],
)
def test_campaign_of_an_order(channel: str, utm_campaign: str | None, campaign: str) -> None:
    shop = Shop(
        orders=[order("1", channel_id=channel, utm_campaign=utm_campaign)],
        order_lines=[line("1", "a", "10")],
        refunds=[refund("r", "1", order_id="1")],
        spend=CAMPAIGNS,
    )
    marts = shop.marts()
    for fact in ("fact_orders", "fact_order_lines", "fact_refunds"):
        assert marts[fact]["campaign_id"].to_list() == [campaign]


def test_new_customer_is_the_first_counted_order() -> None:
    earlier = INSTANT - timedelta(hours=1)
    shop = Shop(
        orders=[
            order("test", customer_id="c", processed_at=earlier, is_counted=False, is_test=True),
            order("b", customer_id="c", channel_id="email"),
            order("a", customer_id="c", channel_id="meta"),
            order("later", customer_id="c", processed_at=INSTANT + timedelta(days=40)),
            order("guest"),
        ],
        customers=[{"customer_id": "c", "region": "GB"}, {"customer_id": "looker"}],
    )
    marts = shop.marts()
    assert marts["fact_orders"].filter("is_new_customer")["order_id"].to_list() == ["a"]
    buyer, looker = marts["dim_customer"].sort("customer_id").rows(named=True)
    assert (buyer["first_order_id"], buyer["first_order_date"], buyer["acquisition_channel"]) == (
        "a",
        DAY,
        "meta",
    )
    assert (buyer["cohort_month"], buyer["total_orders"], buyer["region"]) == ("2026-01", 3, "GB")
    assert (looker["first_order_id"], looker["total_orders"], looker["total_revenue"]) == (None, 0, 0)


def test_net_may_exceed_gross_only_by_adjustments_in_the_shops_favour() -> None:
    favour = refund("r", "-3", order_id="1", kind="adjustment")
    shop = Shop(orders=[order("1")], order_lines=[line("1", "a", "10")], refunds=[favour])
    marts = shop.audited()
    assert marts["fact_orders"]["revenue_net"].item() == 13
    wrong = marts["fact_orders"].with_columns(revenue_net=pl.col("revenue_net") + 1)
    assert not shop.call(orders_module.net_lte_gross, marts | {"fact_orders": wrong}).passed


def test_checks_of_orders_find_what_they_are_for() -> None:
    shop = Shop(
        orders=[order("1", customer_id="c"), order("2", customer_id="c")],
        order_lines=[line("1", "a", "10"), line("2", "a", "20")],
        refunds=[refund("r", "5", order_id="1", line_id="a")],
    )
    frames = shop.staged | shop.audited()
    orders = frames["fact_orders"]
    broken = {
        "orders_not_empty": orders.clear(),
        "no_duplicate_orders": pl.concat([orders, orders]),
        "net_lte_gross": orders.with_columns(revenue_net=pl.lit(Decimal(999))),
        "fk_orders_channel": orders.with_columns(channel_id=pl.lit("fax")),
        "fk_orders_customer": orders.with_columns(customer_id=pl.lit("nobody")),
        "reconcile_with_staging": orders.head(1),
    }
    for name, rows in broken.items():
        finding = shop.call(getattr(orders_module, name), frames | {"fact_orders": rows})
        assert not finding.passed, name
    twice = orders.with_columns(is_new_customer=pl.lit(True))
    assert not shop.call(new_customers_once, frames | {"fact_orders": twice}).passed
    never = orders.with_columns(is_new_customer=pl.lit(False))
    assert not shop.call(new_customers_once, frames | {"fact_orders": never}).passed


def test_a_refund_of_staging_that_is_lost_is_found() -> None:
    shop = Shop(orders=[order("1")], refunds=[refund("r", "5"), refund("s", "6")])
    frames = shop.staged | shop.audited()
    lost = frames["fact_refunds"].filter(pl.col("refund_line_id") == "r")
    finding = shop.call(refunds_reconcile_with_staging, frames | {"fact_refunds": lost})
    assert not finding.passed
    assert finding.metadata["examples"].row(0) == ("refunds", Decimal(11), Decimal(5))


def test_a_refund_of_an_unknown_channel_is_found() -> None:
    shop = Shop(orders=[order("1")], refunds=[refund("r", "5", order_id="1"), refund("s", "6", order_id="1")])
    marts = shop.audited()
    wrong = marts["fact_refunds"].with_columns(
        channel_id=pl.when(refund_line_id="r").then(pl.lit("fax")).otherwise("channel_id")
    )
    finding = shop.call(fk_refunds_channel, marts | {"fact_refunds": wrong})
    assert not finding.passed
    assert finding.metadata["examples"]["refund_line_id"].to_list() == ["r"]


def test_a_line_of_an_unknown_product_is_found_and_stops_nothing() -> None:
    shop = Shop(
        orders=[order("1")],
        order_lines=[
            line("1", name, "10", product_id=product) for name, product in (("a", "p"), ("b", "q"), ("c", None))
        ],
        products=[{"product_id": "p"}],
    )
    finding = shop.call(fk_lines_product, shop.audited())
    assert not finding.passed
    assert finding.metadata["examples"]["line_id"].to_list() == ["b"]


def test_marts_of_an_empty_shop_are_empty() -> None:
    marts = Shop().audited()
    assert marts["dim_channel"].height == 8
    assert marts["dim_campaign"]["campaign_id"].to_list() == ["(none)"]
    assert marts["dim_date"]["year"].unique().to_list() == [NOW.year]
    rest = set(marts) - {"dim_channel", "dim_campaign", "dim_date"}
    assert {name: marts[name].height for name in rest} == dict.fromkeys(rest, 0)
