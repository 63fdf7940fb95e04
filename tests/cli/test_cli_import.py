"""Files through the real command: what is good lands, what is bad too, counted and turned away with its reason."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import msgspec
import polars as pl
import pytest
from cli_command import Command
from cli_files import HEADER, Import, counts, csv, line, staged, text

from growthos_assets.instance import open_instance


def payloads(tenant: str, kind: str = "orders") -> dict[str, dict[str, Any]]:
    """external_id → what has landed."""
    import json

    from growthos_assets import load

    rows = load(f"raw/file_{kind}", tenant)
    return {name: json.loads(payload) for name, payload in rows.select("external_id", "payload").iter_rows()}


def test_of_two_first_imports_at_once_both_land(
    warehouse_url: str, growthos: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one makes the tenant while this one reads its file."""
    from growthos_assets.raw import importing
    from warehouse import tenants

    read_file = importing.read_file

    def read_slowly(*arguments: Any) -> pl.DataFrame:
        tenants.create(tenants.Tenant("at-once", "At once", "UTC", "GBP"))
        return read_file(*arguments)

    monkeypatch.setattr(importing, "read_file", read_slowly)
    file = csv(tmp_path / "orders.csv", line("1"))
    new = ("--tenant", "at-once", "--timezone", "UTC", "--currency", "GBP", "--format", "json")
    assert counts(growthos("import", "orders", str(file), *new)) == (1, 1, 0, 0, 0)


def test_a_new_tenant_needs_its_zone_and_currency_and_keeps_them(
    warehouse_url: str, growthos: Command, tmp_path: Path
) -> None:
    base = ("import", "orders", str(csv(tmp_path / "orders.csv", line("1"))), "--tenant", "newcomer")
    missing = growthos(*base, "--currency", "GBP")
    assert missing.code == 2
    assert "newcomer is new: give its --timezone (e.g. Europe/London) and --currency" in missing.err
    assert growthos(*base, "--timezone", "Europe/London", "--currency", "GBP").code == 0
    assert growthos(*base, "--timezone", "Europe/London").code == 0
    other = growthos(*base, "--currency", "EUR")
    assert other.code == 2
    assert "newcomer has GBP; change it with `growthos tenant set`" in other.err


def test_broken_rows_land_and_are_counted_by_reason_and_the_others_go_on(orders: Import, tmp_path: Path) -> None:
    broken = {
        "quantity: 'many' is not a whole number below a billion": {"quantity": "many"},
        "unit_price: '-1' is not an amount from 0 to a billion, such as 19.90": {"unit_price": "-1"},
        "processed_at is in the future": {"processed_at": "2030-01-01"},
        "processed_at: '31/12/2025' is not a date or time such as 2026-02-09 or 2026-02-09T14:30:00Z": {
            "processed_at": "31/12/2025"
        },
        "currency: 'EUR' is not the tenant's GBP": {"currency": "EUR"},
        "order_id is missing": {"order_id": " "},
    }
    good = [line(str(number), currency="gbp") for number in range(54)]
    bad = [line(f"bad {number}") | changed for number, changed in enumerate(broken.values())]
    done = orders(csv(tmp_path / "orders.csv", *good, *bad))
    assert counts(done) == (60, 60, 0, 0, 6)
    assert done.document["reasons"] == dict.fromkeys(broken, 1)


def test_the_same_line_again_is_repeated_and_another_of_its_id_is_turned_away(orders: Import, tmp_path: Path) -> None:
    rows = [line("1"), line("1"), line("1", quantity="3"), line("1", "2")]
    done = orders(csv(tmp_path / "orders.csv", *rows))
    assert counts(done) == (4, 3, 0, 1, 1)
    assert done.document["reasons"] == {"line_id: '1' is already another row of order '1'": 1}
    assert counts(orders(tmp_path / "orders.csv")) == (4, 0, 3, 1, 1)


def test_equal_rows_without_line_ids_are_all_real(shop: str, orders: Import, tmp_path: Path) -> None:
    rows = [{name: value for name, value in line("1").items() if name != "line_id"}] * 3
    file = csv(tmp_path / "orders.csv", *rows)
    assert counts(orders(file)) == (3, 3, 0, 0, 0)
    assert counts(orders(file)) == (3, 0, 3, 0, 0)
    assert sorted(payload["line_id"] for payload in payloads(shop).values()) == [
        f"2026-02-02 12:00:00/{number}" for number in (1, 2, 3)
    ]


def test_next_months_return_does_not_take_the_place_of_the_sale(shop: str, orders: Import, tmp_path: Path) -> None:
    sale = {name: value for name, value in line("1").items() if name != "line_id"}
    back = {**sale, "quantity": "-1", "processed_at": "2026-02-09 10:00:00"}
    assert counts(orders(csv(tmp_path / "february.csv", sale))) == (1, 1, 0, 0, 0)
    assert counts(orders(csv(tmp_path / "march.csv", back))) == (1, 1, 0, 0, 0)
    assert sorted(payload["quantity"] for payload in payloads(shop).values()) == ["-1", "1"]


def test_rows_that_name_no_order_do_not_take_each_others_place(shop: str, orders: Import, tmp_path: Path) -> None:
    for name, price in (("a", "1"), ("b", "2")):
        file = csv(tmp_path / f"{name}.csv", line("", unit_price=price), line(name))
        assert counts(orders(file)) == (2, 2, 0, 0, 1)
    assert len(payloads(shop)) == 4


def test_a_corrected_file_lands_what_changed(orders: Import, tmp_path: Path) -> None:
    rows = [line(str(number)) for number in range(10)]
    file = tmp_path / "orders.csv"
    assert counts(orders(csv(file, *rows[:9], rows[9] | {"quantity": "x"}))) == (10, 10, 0, 0, 1)
    assert counts(orders(csv(file, *rows))) == (10, 1, 9, 0, 0)


def test_a_broken_line_of_json_lands_word_for_word_and_is_counted(shop: str, orders: Import, tmp_path: Path) -> None:
    good = '{"order_id": 1, "processed_at": "2026-02-02", "quantity": 1, "unit_price": 1e1, "sku": "a\u2028b", "x": []}'
    others = [good.replace(": 1,", f": {number},", 1) for number in (2, 3)]
    done = orders(text(tmp_path / "orders.jsonl", [good, "{oops", "", '["no object"]', "{oops", *others]))
    assert counts(done) == (6, 6, 0, 0, 3)
    landed = payloads(shop)
    broken = [payload["unreadable"] for payload in landed.values() if payload["unreadable"]]
    assert sorted(broken) == ['["no object"]', "{oops", "{oops"]
    assert landed["1/2026-02-02/1"]["sku"] == "a\u2028b"
    assert done.document["reasons"] == {"e.g. '{oops' in line '2' is no JSON object": 3}


@pytest.mark.parametrize(
    ("kind", "good"),
    [
        ("spend", '{"date": "2026-02-02", "channel": "meta", "spend": 1}'),
        ("traffic", '{"date": "2026-02-02", "channel": "direct", "sessions": 1}'),
    ],
)
def test_a_broken_line_of_spend_or_traffic_says_so_too(
    kind: str, good: str, shop: str, growthos: Command, tmp_path: Path
) -> None:
    file = text(tmp_path / f"{kind}.jsonl", [good, "{oops"])
    done = growthos("import", kind, str(file), "--tenant", shop, "--format", "json")
    assert counts(done) == (2, 2, 0, 0, 1)
    assert done.document["reasons"] == {"'{oops' in line '2' is no JSON object": 1}


def test_what_the_database_can_hold_in_no_text_is_quarantined_and_the_others_go_on(
    shop: str, growthos: Command, orders: Import, tmp_path: Path, only: Callable[..., None]
) -> None:
    zero = [line("1\0a", customer_id="ada"), line("2", title="a\0b"), line("3", quantity="1\0")]
    good = [line(str(number)) for number in range(4, 10)]
    file = csv(tmp_path / "orders.csv", *zero, *good)
    assert counts(orders(file)) == (9, 9, 0, 0, 3)
    plain = {name: value for name, value in line("10").items() if name != "sku"}
    rows = (plain, plain | {"order_id": "n\0l"})
    done = orders(text(tmp_path / "orders.jsonl", [msgspec.json.encode(row).decode() for row in rows]))
    assert counts(done) == (2, 2, 0, 0, 1)
    only("marts/fact_orders")
    assert growthos("run", "--tenant", shop).code == 0
    said = growthos("quarantine", "--tenant", shop, "--format", "json").document["quarantine"]
    assert sorted(reason for row in said for reason in row["reasons"]) == [
        "order_id: '1␀a' is not an id or a name of at most 800 bytes, free of NUL characters",
        "order_id: 'n␀l' is not an id or a name of at most 800 bytes, free of NUL characters",
        "quantity: '1␀' is not a whole number below a billion",
        "title: 'a␀b' is not a text free of NUL characters",
    ]


@pytest.mark.parametrize("above", [[], ["sep=;"], ['"Sep=;"']])
def test_a_spreadsheets_csv_with_semicolons_and_a_byte_order_mark(
    above: list[str], shop: str, orders: Import, tmp_path: Path
) -> None:
    lines = [*above, "Name;line_id; processed_at;quantity;unit_price;title", '7;1;2026-02-02;2;9.99;"Mug; blue"']
    lines[0] = f"\ufeff{lines[0]}"
    done = orders(text(tmp_path / "orders.csv", lines), "--map", "order_id=Name")
    assert counts(done) == (1, 1, 0, 0, 0)
    assert payloads(shop)["7/1"]["title"] == "Mug; blue"


def test_a_row_in_which_all_is_blank_is_none(shop: str, orders: Import, tmp_path: Path) -> None:
    lines = [f"{HEADER},title", "", "1,1,2026-02-02,1,2,mug", ",,,,,", ' ,"",, ,,', ",,,,,nameless", "", ""]
    done = orders(text(tmp_path / "orders.csv", lines))
    assert counts(done) == (2, 2, 0, 0, 1)
    assert done.document["reasons"] == {"order_id is missing": 1}


def test_typed_columns_keep_their_values(shop: str, orders: Import, tmp_path: Path) -> None:
    at = datetime(2026, 2, 2, 23, 30, 0, 250_000)
    file = tmp_path / "orders.parquet"
    pl.DataFrame(
        {
            "order_id": [1, 2],
            "line_id": [1, 1],
            "processed_at": pl.Series([at, at], dtype=pl.Datetime("ns")),
            "customer_id": [17850.0, None],
            "quantity": [2.0, 1.0],
            "unit_price": pl.Series(["9.9900", "0.1000"], dtype=pl.String).cast(pl.Decimal(10, 4)),
            "discount": [0.25, 0.0],
            "is_test": [False, True],
            "cancelled_at": pl.Series([None, at.replace(tzinfo=UTC)], dtype=pl.Datetime("us", "America/New_York")),
            "sku": pl.Series(["A", "B"], dtype=pl.Categorical),
            "tags": [["not"], ["asked for"]],
            "waited": [timedelta(days=1), None],
        }
    ).write_parquet(file)
    assert counts(orders(file)) == (2, 2, 0, 0, 0)
    first, second = (payloads(shop)[name] for name in ("1/1", "2/1"))
    assert first["processed_at"] == "2026-02-02T23:30:00.250"
    assert (first["customer_id"], first["quantity"], first["discount"]) == ("17850", "2", "0.25")
    assert Decimal(first["unit_price"]) == Decimal("9.99")
    assert (first["is_test"], second["is_test"], first["cancelled_at"]) == ("false", "true", None)
    assert second["cancelled_at"] == "2026-02-02T18:30:00.250-05:00"
    for column, says in (("tags", "List(String)"), ("waited", "Duration")):
        refused = orders(file, "--map", f"title={column}")
        assert refused.code == 2
        assert f"Column {column} holds {says}" in refused.err


def test_mail_addresses_land_hashed(shop: str, orders: Import, tmp_path: Path) -> None:
    rows = [line("1", email="Ada@Example.com "), line("2", email="ada@example.com"), line("3", email="")]
    done = orders(csv(tmp_path / "orders.csv", *rows))
    assert counts(done) == (3, 3, 0, 0, 0)
    first, second, third = (payloads(shop)[f"{number}/1"]["email"] for number in (1, 2, 3))
    assert first == second
    assert first.startswith("hmac:")
    assert third is None


def test_spend_and_traffic_know_their_synonyms(shop: str, growthos: Command, tmp_path: Path) -> None:
    files = {
        "spend": {"date": "2026-02-01", "source": "Facebook Ads", "spend": "12.50", "account_id": "act_1"},
        "traffic": {"date": "2026-02-01", "channel_group": "Organic Search", "sessions": "10"},
    }
    for kind, row in files.items():
        file = csv(tmp_path / f"{kind}.csv", row, row | {"date": "2026-02-02"}, row | {"date": "soon"})
        done = growthos("import", kind, str(file), "--tenant", shop, "--format", "json")
        assert counts(done) == (3, 3, 0, 0, 1)
        (reason,) = done.document["reasons"]
        assert reason.startswith("date: 'soon' is not a date")
    channels = {payload["channel"] for kind in files for payload in payloads(shop, kind).values()}
    assert channels == {"Facebook Ads", "Organic Search"}
    assert {payload["account_id"] for payload in payloads(shop, "spend").values()} == {"act_1"}


def test_what_a_file_has_no_column_for_is_unknown(shop: str, growthos: Command, tmp_path: Path) -> None:
    files = {
        "spend": {"date": "2026-02-01", "channel": "meta", "campaign_name": "Spring", "spend": "100"},
        "traffic": {"date": "2026-02-01", "channel": "meta", "sessions": "50", "checkouts": "5"},
    }
    for kind, row in files.items():
        assert growthos("import", kind, str(csv(tmp_path / f"{kind}.csv", row)), "--tenant", shop).code == 0
    columns = ("spend", "impressions", "clicks", "sessions", "checkouts", "purchases")
    assert staged(shop, "kpi_daily", "campaign_id", *columns) == [
        ("(none)", None, None, None, 50, 5, None),
        ("file:meta//Spring", 100, None, None, None, None, None),
    ]
    steps = ("sessions", "pdp_views", "checkouts", "purchases", "checkout_to_purchase", "session_to_purchase")
    assert set(staged(shop, "funnel", *steps)) == {(50, None, 5, None, None, None)}
    assert {row[1:] for row in staged(shop, "channel_performance", "channel_id", "spend", "cpm", "cpc", "ctr")} == {
        (100, None, None, None)
    }


def test_a_renamed_campaign_stays_itself(shop: str, growthos: Command, tmp_path: Path) -> None:
    row = {"date": "2026-02-01", "channel": "google", "spend": "1", "campaign_id": "7", "campaign_name": "Old"}
    for name, landed in (("Old", 1), ("New", 1), ("New", 0)):
        file = csv(tmp_path / "spend.csv", row | {"campaign_name": name})
        done = growthos("import", "spend", str(file), "--tenant", shop, "--format", "json")
        assert counts(done) == (1, landed, 1 - landed, 0, 0)
    assert [payload["campaign_name"] for payload in payloads(shop, "spend").values()] == ["New"]


def test_people_are_told_what_became_of_their_rows(shop: str, growthos: Command, tmp_path: Path) -> None:
    file = csv(tmp_path / "orders.csv", line("1"), line("2", quantity="x"))
    done = growthos("import", "orders", str(file), "--tenant", shop)
    assert done.code == 1
    said = [row.replace("│", " ").split() for row in done.out.splitlines()]
    for expected in ("read 2", "landed 2", "unchanged 0", "repeated 0", "quarantined 1"):
        assert expected.split() in said
    assert "quantity: 'x' is not a whole number" in done.out
    assert done.out.endswith(f"Next: growthos run --tenant {shop}\n")


def test_a_wrong_format_in_all_rows_is_one_reason_and_ten_are_told_of_many(
    shop: str, growthos: Command, tmp_path: Path, only: Callable[..., None]
) -> None:
    """By the import, by the quarantine, and to Dagster."""
    wrong = (
        "quantity", "unit_price", "discount", "tax", "shipping", "currency", "is_test", "cancelled_at", "processed_at",
    )  # fmt: skip
    ways = [{name: "?"} for name in wrong] + [{"quantity": ""}, {"unit_price": ""}, {"tax": "-1"}]
    dates = [line(f"date {number}", processed_at=f"{number}/12/2025") for number in range(1, 31)]
    rows = [line(f"way {number}") | changed for number, changed in enumerate(ways)]
    good = [line(f"good {number}") for number in range(60)]
    file = csv(tmp_path / "orders.csv", *dates, *rows, *good)

    reasons = growthos("import", "orders", str(file), "-t", shop, "--format", "json").document["reasons"]
    first, *others = reasons.items()
    assert first == (
        "processed_at: e.g. '1/12/2025' is not a date or time such as 2026-02-09 or 2026-02-09T14:30:00Z", 31
    )  # fmt: skip
    assert [count for _, count in others] == [1] * 11
    shown = growthos("import", "orders", str(file), "-t", shop).out
    assert [reason in shown for reason in reasons] == [True] * 10 + [False] * 2
    assert "│ 2 more " in shown
    with open_instance() as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey(["raw", "file_orders"]))
    assert event is not None
    assert event.asset_materialization is not None
    told = event.asset_materialization.metadata["reasons"].value
    assert told == dict([first, *others[:9]]) | {"2 more": 2}

    only("marts/fact_orders")
    assert growthos("run", "--tenant", shop).code == 0
    shown = growthos("quarantine", "--tenant", shop, "--limit", "1").out
    assert "processed_at: e.g. " in shown
    assert "│ 11 more with --limit 12 " in shown
    assert len(shown.splitlines()) < 15


def test_every_field_of_a_file_is_read_by_staging() -> None:
    from growthos_assets.raw.importing import KINDS
    from growthos_assets.staging import file, spend, traffic
    from warehouse.tenants import Tenant

    names = {"email_hash": "email", "platform_conversions": "conversions", "platform_value": "conversion_value"}
    read = {
        "orders": file.kinds(Tenant("t", "T")),
        "spend": spend.KINDS,
        "traffic": {"channel" if name == "channel_group" else name: kind for name, kind in traffic.KINDS.items()},
    }
    for kind, columns in read.items():
        assert {names.get(name, name) for name in columns} == set(KINDS[kind].fields)


def test_dates_of_a_file_are_the_tenants_wall_clock(orders: Import, tmp_path: Path) -> None:
    edge = [
        line("1", processed_at="2026-02-10T00:00:00+00:00"),
        line("2", processed_at="2026-02-09T23:59:59-01:00"),
        line("3", processed_at=str(date(2026, 2, 10))),
    ]
    done = orders(csv(tmp_path / "orders.csv", *edge))
    assert counts(done) == (3, 3, 0, 0, 1)
    assert done.document["reasons"] == {"processed_at is in the future": 1}
