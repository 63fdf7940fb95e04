"""Order files: what people export, row by row, and what becomes of rows that cannot be true."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from staging_shop import (
    NAMES,
    NOW,
    SHOP,
    Payload,
    Staged,
    file_orders,
    order,
    raw,
    sale,
    shopify_orders,
    stage,
    stage_file,
)

from growthos_assets.staging.identity import MOST
from warehouse.tenants import Tenant

LONDON = Tenant("london", "London", timezone="Europe/London", currency="GBP")


def accounted(staged: Staged) -> int:
    tables = ("stg_order_lines", "stg_refunds")
    return sum(staged.good[table].height + staged.bad[table].height for table in tables)


BROKEN = [
    ({"quantity": "abc"}, "quantity: 'abc' is not a whole number below a billion"),
    ({"quantity": "1.5"}, "quantity: '1.5' is not a whole number below a billion"),
    ({"quantity": ""}, "quantity is missing"),
    ({"quantity": "1000000000"}, "quantity: '1000000000' is not a whole number below a billion"),
    ({"unit_price": "-3"}, "unit_price: '-3' is not an amount from 0 to a billion, such as 19.90"),
    ({"unit_price": "free"}, "unit_price: 'free' is not an amount from 0 to a billion, such as 19.90"),
    ({"unit_price": "500000000"}, "quantity × unit_price is a billion or more"),
    ({"unit_price": ""}, "unit_price is missing"),
    ({"discount": "20.01"}, "discount: '20.0100' is not between 0 and quantity × unit_price"),
    ({"discount": "-1"}, "discount: '-1.0000' is not between 0 and quantity × unit_price"),
    ({"tax": "-1"}, "tax: '-1.0000' is negative"),
    ({"shipping": "x"}, "shipping: 'x' is not an amount from 0 to a billion, such as 19.90"),
    ({"processed_at": "9/12/11"}, "processed_at: '9/12/11' is not a date or time such as"),
    ({"processed_at": "2026-02-11"}, "processed_at is in the future"),
    ({"processed_at": "0001-01-01"}, "processed_at: '0001-01-01' is not a date or time such as"),
    ({"currency": "EUR"}, "currency: 'EUR' is not the tenant's USD"),
    ({"is_test": "perhaps"}, "is_test: 'perhaps' is not true or false"),
    ({"cancelled_at": "soon"}, "cancelled_at: 'soon' is not a date or time such as"),
    ({"order_id": ""}, "order_id is missing"),
]


def test_a_row_that_cannot_be_true_is_quarantined_once_and_says_why() -> None:
    rows = [sale(str(number)) | changed for number, (changed, _) in enumerate(BROKEN)]
    staged = stage_file(sale("good"), *rows)
    assert accounted(staged) == len(rows) + 1
    assert staged.row("stg_orders")["order_id"] == "good"
    found = staged.reasons_by("stg_order_lines", "order_id")
    for number, (changed, reason) in enumerate(BROKEN):
        (sentence,) = found[changed.get("order_id", str(number)) or None]
        assert sentence.startswith(reason)


def test_a_return_that_cannot_be_true_is_quarantined_with_the_sales() -> None:
    staged = stage_file(sale(quantity="-1", unit_price="-3", currency="EUR"))
    assert staged.reasons("stg_order_lines") == [
        "unit_price: '-3' is not an amount from 0 to a billion, such as 19.90",
        "currency: 'EUR' is not the tenant's USD",
    ]
    assert accounted(staged) == 1


def test_an_order_is_made_of_its_good_rows() -> None:
    staged = stage_file(sale(tax="1.60", shipping="4.95", discount="2"), sale(line="2", quantity="x"), sale(line="3"))
    row = staged.row("stg_orders")
    assert row["source_gross"] == Decimal(40)
    assert row["source_discounts"] == Decimal(2)
    assert row["tax"] == Decimal("1.60")
    assert row["shipping_charged"] == Decimal("4.95")
    assert row["is_counted"]
    assert not row["is_cancelled"]


def test_an_order_is_as_new_as_its_newest_row() -> None:
    landed = file_orders(sale(line="1"), sale(line="2"), sale(line="3"))
    days = pl.Series([1, 0, 2])
    staged = stage(file_orders=landed.with_columns(seen_at=pl.col("seen_at") - pl.duration(days=days)))
    assert staged.row("stg_orders")["seen_at"] == NOW


def test_shipping_that_every_row_repeats_is_paid_once() -> None:
    staged = stage_file(sale(shipping="4.95"), sale(line="2", shipping="4.95"))
    assert staged.row("stg_orders")["shipping_charged"] == Decimal("4.95")


def test_equal_rows_with_ids_of_their_own_are_both_kept() -> None:
    staged = stage_file(sale(line="1"), sale(line="2"))
    assert staged.good["stg_order_lines"].height == 2
    assert staged.row("stg_orders")["source_gross"] == Decimal(40)


def test_a_different_row_with_the_same_ids_is_quarantined_whatever_the_order_of_rows() -> None:
    landed = file_orders(sale(), sale(quantity="3"))
    for frame in (landed, landed.reverse()):
        staged = stage(file_orders=frame)
        assert staged.row("stg_order_lines")["quantity"] == 2
        assert staged.reasons("stg_order_lines") == ["line_id: '1' is already another row of order '1'"]
        assert staged.row("stg_orders")["source_gross"] == Decimal(20)


def test_a_broken_row_does_not_take_its_ids_from_a_good_one() -> None:
    staged = stage_file(sale(quantity="x"), sale())
    assert staged.row("stg_order_lines")["quantity"] == 2
    assert staged.reasons("stg_order_lines") == ["quantity: 'x' is not a whole number below a billion"]


def test_a_free_line_is_a_line() -> None:
    staged = stage_file(sale(unit_price="0"))
    assert staged.row("stg_order_lines")["revenue_gross"] == 0
    assert staged.row("stg_orders")["source_gross"] == 0


def test_the_day_is_the_tenants() -> None:
    rows = (
        sale("1", processed_at="2011-07-09 23:30:00"),
        sale("2", processed_at="2011-07-09T23:30:00Z"),
        sale("3", processed_at="2011-07-09"),
    )
    staged = stage_file(*rows, tenant=LONDON)
    assert staged.column("stg_orders", "order_date", by="order_id") == {
        "1": date(2011, 7, 9),
        "2": date(2011, 7, 10),
        "3": date(2011, 7, 9),
    }


@pytest.mark.parametrize(("day", "hours"), [("2026-03-08", 23), ("2026-11-01", 25), ("2026-02-01", 24)])
def test_a_day_has_23_or_25_hours_where_clocks_change(day: str, hours: int) -> None:
    """An order an hour for three days, in New York."""
    start = datetime.fromisoformat(f"{day}T00:00:00Z") - timedelta(days=1)
    rows = [sale(f"{hour}", processed_at=f"{start + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ}") for hour in range(72)]
    now = datetime(2027, 1, 1, tzinfo=UTC)
    staged = stage(SHOP, now, file_orders=file_orders(*rows))
    of_day = staged.good["stg_orders"].filter(pl.col("order_date") == date.fromisoformat(day))
    assert of_day.height == hours


def test_an_order_is_placed_with_its_earliest_sale_row_and_its_lines_with_it() -> None:
    staged = stage_file(
        sale(processed_at="2026-02-02 00:10:00"),
        sale(line="2", processed_at="2026-02-01 23:50:00"),
        sale(line="3", processed_at="2026-01-01 00:00:00", quantity="-1"),
        sale(line="4", processed_at="2026-01-01 00:00:00", currency="EUR"),
    )
    placed = datetime(2026, 2, 2, 4, 50, tzinfo=UTC)
    assert staged.row("stg_orders")["processed_at"] == placed
    lines = staged.good["stg_order_lines"]
    assert lines["processed_at"].unique().to_list() == [placed]
    assert lines["order_date"].unique().to_list() == [date(2026, 2, 1)]


def test_flags() -> None:
    staged = stage_file(
        sale("plain"),
        sale("test", is_test="yes"),
        sale("test", line="2"),
        sale("cancelled", cancelled_at="2026-02-02"),
        sale("cancelled", line="2"),
    )
    flags = staged.good["stg_orders"].select("order_id", "is_test", "is_cancelled", "is_voided", "is_counted")
    assert sorted(flags.iter_rows()) == [
        ("cancelled", False, True, True, False),
        ("plain", False, False, False, True),
        ("test", True, False, False, False),
    ]


def test_a_return_of_a_sold_line_is_tied_to_it() -> None:
    staged = stage_file(
        sale(customer_id="ada"),
        sale(customer_id="eve", quantity="-1", discount="1.50", tax="-0.80", processed_at="2026-02-03 09:00:00"),
    )
    row = staged.row("stg_refunds")
    assert (row["order_id"], row["line_id"], row["customer_id"]) == ("1", "1", "ada")
    assert (row["amount"], row["tax"], row["quantity"]) == (Decimal("8.50"), Decimal("0.80"), 1)
    assert (row["refund_date"], row["kind"], row["is_restocked"]) == (date(2026, 2, 3), "return", True)
    assert row["is_counted"]
    assert staged.row("stg_orders")["source_gross"] == Decimal(20)


def test_a_return_of_another_product_is_tied_to_the_order_alone() -> None:
    staged = stage_file(sale(), sale(quantity="-1", sku="B-2", title="Mug"))
    row = staged.row("stg_refunds")
    assert (row["order_id"], row["line_id"], row["product_id"], row["title"]) == ("1", None, "B-2", "Mug")


def test_a_return_that_names_no_product_is_what_its_line_was() -> None:
    staged = stage_file(sale(), sale(quantity="-1", sku="", title="", category=""))
    row = staged.row("stg_refunds")
    assert (row["line_id"], row["sku"], row["category"]) == ("1", "A-1", "apparel")


def test_a_return_on_its_own_belongs_to_no_order_but_to_its_customer() -> None:
    staged = stage_file(sale("C1", quantity="-2", customer_id="ada"))
    row = staged.row("stg_refunds")
    assert (row["order_id"], row["refund_id"], row["customer_id"]) == (None, "C1", "ada")
    assert row["amount"] == Decimal(20)
    assert row["is_counted"]
    assert staged.good["stg_orders"].is_empty()
    assert staged.row("stg_customers")["customer_id"] == "ada"
    assert staged.row("stg_products")["product_id"] == "A-1"


def test_returns_of_what_does_not_count_do_not_count() -> None:
    staged = stage_file(
        sale("1", is_test="1"),
        sale("1", quantity="-1"),
        sale("2", cancelled_at="2026-02-02"),
        sale("2", quantity="-1"),
        sale("3", quantity="-1", is_test="1"),
    )
    assert staged.good["stg_refunds"]["is_counted"].to_list() == [False, False, False]


def test_who_ordered() -> None:
    rows = (
        sale("with id", customer_id="ada", email="HMAC:1"),
        sale("same e-mail", email="hmac:1"),
        sale("listed in the shop", email="hmac:2"),
        sale("nobody's e-mail", email="hmac:3"),
        sale("again", email="hmac:3"),
        sale("guest"),
    )
    listed = {
        "id": "gid-2",
        "createdAt": "2026-01-01T00:00:00Z",
        "defaultEmailAddress": {"emailAddress": "hmac:2"},
    }
    staged = stage(file_orders=file_orders(*rows), shopify_customers=raw([("gid-2", listed)]))
    assert staged.column("stg_orders", "customer_id", by="order_id") == {
        "with id": "ada",
        "same e-mail": "ada",
        "listed in the shop": "gid-2",
        "nobody's e-mail": "email:hmac:3",
        "again": "email:hmac:3",
        "guest": None,
    }
    assert sorted(staged.good["stg_customers"]["customer_id"]) == ["ada", "email:hmac:3", "gid-2"]
    assert staged.column("stg_customers", "source", by="customer_id")["gid-2"] == "shopify"


def listed(number: int, email: str | None) -> tuple[str, Payload]:
    """The shop's record of a customer, made on that day of January."""
    address = {"emailAddress": email} if email else None
    return f"gid-{number}", {
        "id": f"gid-{number}", "createdAt": f"2026-01-{number:02}T00:00:00Z", "defaultEmailAddress": address,
        "defaultAddress": {"countryCodeV2": "DE"},
    }  # fmt: skip


def test_one_person_under_several_ids_is_one_customer() -> None:
    """A shop that moved: the old one's history under its own ids, then Shopify's; one e-mail leads to the next."""
    rows = (
        sale("old", customer_id="z-old", email="hmac:1", processed_at="2025-01-01"),
        sale("moved", customer_id="gid-2", email="hmac:1"),
        sale("another address", customer_id="gid-2", email="hmac:2"),
        sale("a third id", customer_id="a-new", email="hmac:2", processed_at="2026-02-03"),
        sale("guest", email="hmac:2"),
        sale("someone else", customer_id="bob", email="hmac:3"),
        sale("nobody's order", quantity="-1", customer_id="a-new"),
        sale("nor this one", quantity="-1", email="hmac:9"),
    )
    records = raw([listed(2, "hmac:1"), listed(3, "hmac:2"), listed(1, "hmac:9")])
    ada = ("old", "moved", "another address", "a third id", "guest")
    for told in (rows, rows[::-1]):
        staged = stage(file_orders=file_orders(*told), shopify_customers=records)
        assert staged.column("stg_orders", "customer_id", by="order_id") == {
            **dict.fromkeys(ada, "z-old"), "someone else": "bob",
        }  # fmt: skip
        returned = staged.column("stg_refunds", "customer_id", by="refund_id")
        assert returned == {"nobody's order": "z-old", "nor this one": "gid-1"}
        customers = {row["customer_id"]: row for row in staged.good["stg_customers"].iter_rows(named=True)}
        assert sorted(customers) == ["bob", "gid-1", "z-old"]
        described = {name: customers["z-old"][name] for name in ("source", "email_hash", "region")}
        assert described == {"source": "shopify", "email_hash": "hmac:1", "region": "DE"}
        assert customers["z-old"]["created_at"] == datetime(2026, 1, 2, tzinfo=UTC)
        assert staged.bad["stg_customers"].is_empty()


def test_who_a_person_is_does_not_change_with_later_orders() -> None:
    first = [sale("1", customer_id="z", email="hmac:1", processed_at="2025-01-01"), sale("2", customer_id="y")]
    later = sale("3", customer_id="a", email="hmac:1", processed_at="2026-02-03")
    for rows in (first, [*first, later]):
        staged = stage(file_orders=file_orders(*rows), shopify_customers=raw([listed(1, "hmac:1")]))
        assert set(staged.column("stg_orders", "customer_id", by="order_id").values()) == {"z", "y"}


@pytest.mark.parametrize("ids", [MOST, MOST + 1])
def test_what_too_many_share_is_nobodys_own(ids: int) -> None:
    """The shop's address at the till, and an id for everyone who walks in."""
    tills = [sale(f"till {n}", customer_id=f"id-{n:02}", email="hmac:shop") for n in range(ids)]
    walked = [sale(f"walked {n}", customer_id="walk-in", email=f"hmac:{n}") for n in range(ids)]
    known = [sale("knows one", customer_id="ada", email="hmac:0"), sale("guest", email="hmac:shop")]
    by_order = stage_file(*tills, *walked, *known).column("stg_orders", "customer_id", by="order_id")
    of_tills = {by_order[f"till {n}"] for n in range(ids)}
    assert {by_order[f"walked {n}"] for n in range(ids)} == {"ada" if ids <= MOST else "walk-in"}
    assert of_tills == ({"id-00"} if ids <= MOST else {f"id-{n:02}" for n in range(ids)})
    assert by_order["guest"] == ("id-00" if ids <= MOST else None)
    assert by_order["knows one"] == "ada"


def test_a_file_and_a_shop_live_side_by_side() -> None:
    staged = stage(file_orders=file_orders(sale()), shopify_orders=shopify_orders(order()))
    assert sorted(staged.good["stg_orders"]["source"]) == ["file", "shopify"]
    assert staged.findings["header_matches_lines"].passed


def test_products_are_described_by_their_latest_line() -> None:
    staged = stage_file(
        sale("1", processed_at="2026-01-01", title="Old name"),
        sale("2", processed_at="2026-02-01", title="New name", category=""),
    )
    row = staged.row("stg_products")
    assert (row["product_id"], row["title"], row["category"]) == ("A-1", "New name", "apparel")
    assert row["unit_cost"] is None


cells = st.sampled_from
rows = st.builds(
    lambda order, line, quantity, price, discount, day, currency: sale(
        order,
        line,
        quantity=quantity,
        unit_price=price,
        discount=discount,
        processed_at=day,
        currency=currency,
    ),
    cells(["1", "2", "3", ""]),
    cells(["1", "2"]),
    cells(["0", "1", "3", "-1", "-2", "x", ""]),
    cells(["0", "9.99", "10.005", "-1", "y"]),
    cells(["", "0.33", "5", "-0.33", "z"]),
    cells(["2026-02-01", "2026-02-01T10:00:00Z", "2027-01-01", "?"]),
    cells(["", "USD", "usd", "EUR"]),
)


@settings(max_examples=4, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(rows, min_size=20, max_size=60))
def test_every_row_is_accounted_for_once_in_any_order(rows: list[Payload]) -> None:
    frame = file_orders(*rows).collect()
    staged = stage(file_orders=frame.lazy())
    assert accounted(staged) == len(rows)
    lines, orders = staged.good["stg_order_lines"], staged.good["stg_orders"]
    assert set(orders["order_id"]) == set(lines["order_id"])
    assert orders["source_gross"].sum() == lines["revenue_gross"].sum()
    assert staged.findings["header_matches_lines"].passed
    shuffled = stage(file_orders=frame.sample(fraction=1, shuffle=True, seed=7).lazy())
    for table in ("stg_orders", "stg_order_lines", "stg_refunds"):
        key = pl.nth(0, 1)
        assert staged.good[table].sort(key).equals(shuffled.good[table].sort(key))


def test_nothing_gives_nothing() -> None:
    staged = stage()
    assert all(staged.good[table].is_empty() and staged.bad[table].is_empty() for table in NAMES)
    assert all(staged.findings[name].skipped for name in ("orders_not_empty", "spend_not_empty", "traffic_not_empty"))
    assert staged.findings["no_duplicate_orders"].passed
    assert staged.findings["no_negative_spend"].passed
    assert staged.findings["header_matches_lines"].passed


def test_orders_that_are_all_broken_are_found_missing() -> None:
    finding = stage_file(sale(quantity="x")).findings["orders_not_empty"]
    assert not finding.passed
    assert finding.message == "there are raw records, and not one row of them"


def test_a_file_of_returns_alone_lacks_no_orders() -> None:
    staged = stage_file(sale(quantity="-1"))
    assert staged.good["stg_refunds"].height == 1
    assert staged.findings["orders_not_empty"].skipped
