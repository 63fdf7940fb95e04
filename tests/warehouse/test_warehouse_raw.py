"""Raw records: append-only versions, addressed by content, readable as they were known at any instant."""

import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import adbc_driver_manager
import polars as pl
import psycopg
import pytest
from psycopg import errors

from warehouse import raw, versions
from warehouse.database import Cursor, Warehouse, execute, query
from warehouse.raw import Landed

T0 = datetime(2026, 2, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def batch(*records: tuple[str, str]) -> pl.DataFrame:
    return pl.DataFrame(records, schema={"external_id": pl.String, "payload": pl.String}, orient="row")


def land(warehouse: Warehouse, *records: tuple[str, str], at: datetime = T0, tenant: str = "acme") -> Landed:
    return raw.land(warehouse, tenant, "shopify", "orders", [batch(*records)], at)


def latest(warehouse: Warehouse, as_of: datetime | None = None, tenant: str = "acme") -> dict[str, tuple[int, str]]:
    frame = versions.read_latest(warehouse, tenant, "raw.shopify_orders", as_of)
    assert frame["external_id"].is_unique().all()
    return {id_: (version, payload) for id_, version, payload in frame["external_id", "version", "payload"].iter_rows()}


def test_the_same_payload_again_is_no_news(warehouse: Warehouse) -> None:
    assert land(warehouse, ("1", "{}"), ("2", "[]")) == Landed(received=2, landed=2)
    again = land(warehouse, ("1", "{}"), ("2", "[]"), at=T0 + HOUR)
    assert (again.landed, again.unchanged) == (0, 2)
    assert versions.read_latest(warehouse, "acme", "raw.shopify_orders")["seen_at"].to_list() == [T0, T0]


def test_the_same_json_spelled_in_another_way_is_no_news(warehouse: Warehouse) -> None:
    land(warehouse, ("1", '{"a":1,"b":["x",{"c":null}]}'))
    again = land(warehouse, ("1", '{ "b": ["\\u0078", {"c": null}],\n "a": 1.0 }'), at=T0 + HOUR)
    assert again == Landed(received=1, landed=0)
    assert land(warehouse, ("1", '{"a":1,"b":[{"c":null},"x"]}'), at=T0 + HOUR) == Landed(1, 1, restated=1)


@pytest.mark.parametrize("text", [r'"\u0000"', r'"\uD83D"', r'"\ude00"', "1e999999"])
def test_json_that_jsonb_cannot_hold_is_compared_as_it_is_spelled(warehouse: Warehouse, text: str) -> None:
    assert land(warehouse, ("1", "{}")).landed == 1
    for hour, payload in enumerate([f'{{"a":{text}}}', f'{{"a":{text}}}', f'{{"a": {text}}}', "{}"]):
        landed = land(warehouse, ("1", payload), at=T0 + hour * HOUR)
        assert landed == Landed(1, int(hour != 1), restated=int(hour != 1))


def test_a_payload_that_changes_and_changes_back_makes_three_versions(warehouse: Warehouse) -> None:
    for hour, payload in enumerate(['"A"', '"B"', '"A"']):
        assert land(warehouse, ("1", payload), ("2", "0"), at=T0 + hour * HOUR).landed == (2 if hour == 0 else 1)
    assert latest(warehouse) == {"1": (3, '"A"'), "2": (1, "0")}


def test_reading_as_of_an_instant(warehouse: Warehouse) -> None:
    for hour, payload in enumerate(['"A"', '"B"', '"C"']):
        land(warehouse, ("1", payload), at=T0 + hour * HOUR)
    land(warehouse, ("2", "0"), at=T0 + HOUR)
    assert latest(warehouse, T0 - timedelta(microseconds=1)) == {}
    assert latest(warehouse, T0) == {"1": (1, '"A"')}
    assert latest(warehouse, T0 + HOUR - timedelta(microseconds=1)) == {"1": (1, '"A"')}
    assert latest(warehouse, T0 + HOUR) == {"1": (2, '"B"'), "2": (1, "0")}
    assert latest(warehouse, T0 + 9 * HOUR) == latest(warehouse) == {"1": (3, '"C"'), "2": (1, "0")}


def test_instants_need_a_time_zone(warehouse: Warehouse) -> None:
    with pytest.raises(ValueError, match="needs a time zone"):
        land(warehouse, ("1", "{}"), at=datetime(2026, 2, 1))
    with pytest.raises(ValueError, match="needs a time zone"):
        latest(warehouse, datetime(2026, 2, 1))


def test_the_last_of_a_records_duplicates_wins_across_batches(warehouse: Warehouse) -> None:
    batches = [batch(("1", "1"), ("2", "1"), ("1", "2")), batch(), batch(("2", "2"), ("3", "1"))]
    landed = raw.land(warehouse, "acme", "shopify", "orders", batches, T0)
    assert landed == Landed(received=5, landed=3)
    assert latest(warehouse) == {"1": (1, "2"), "2": (1, "2"), "3": (1, "1")}


def test_records_that_were_vacuumed_while_there_were_none_are_not_searched_for_every_other(
    warehouse: Warehouse, owner: psycopg.Connection
) -> None:
    owner.execute("VACUUM raw.raw_events")
    searches: list[int] = []

    def look(cursor: Cursor, _: Landed) -> None:
        table = "'raw.raw_events'::regclass"
        found = query(cursor, f"SELECT seq_scan FROM pg_stat_xact_all_tables WHERE relid = {table}")
        searches.append(found["seq_scan"].item())

    records = batch(*((str(record), "{}") for record in range(200)))
    assert raw.land(warehouse, "acme", "shopify", "orders", [records], T0, look).landed == 200
    assert searches == [0]


def test_an_iterator_that_fails_half_way_lands_nothing(warehouse: Warehouse) -> None:
    def pages() -> Iterator[pl.DataFrame]:
        yield batch(("1", "{}"))
        raise ConnectionError("the shop's API went away")

    with pytest.raises(ConnectionError, match="went away"):
        raw.land(warehouse, "acme", "shopify", "orders", pages(), T0)
    assert latest(warehouse) == {}
    assert land(warehouse, ("1", "{}")).landed == 1


def test_a_batch_that_cannot_be_copied_while_the_next_is_made_lands_nothing(warehouse: Warehouse) -> None:
    made: list[int] = []

    def pages() -> Iterator[pl.DataFrame]:
        for number, payload in enumerate(["{}", "{oops", "{}", "{}", "{}"]):
            made.append(number)
            yield batch((str(number), payload))

    with pytest.raises(adbc_driver_manager.Error, match="json"):
        raw.land(warehouse, "acme", "shopify", "orders", pages(), T0)
    assert made == [0, 1, 2], "at most one batch is made ahead of the one that is copied"
    assert latest(warehouse) == {}


def test_nothing_is_kept_open_while_the_records_come(warehouse: Warehouse, owner: psycopg.Connection) -> None:
    """A source may take an hour to tell them: no transaction, no lock waits for it."""

    def open_transactions() -> int:
        counted = owner.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND backend_type = 'client backend' AND xact_start IS NOT NULL AND pid <> pg_backend_pid()"
        ).fetchone()
        return counted[0] if counted else -1

    def pages() -> Iterator[pl.DataFrame]:
        for number in range(3):
            yield batch((str(number), "{}"))
            for _ in range(200):  # until the one before is copied
                if not open_transactions():
                    break
                time.sleep(0.05)
            else:
                pytest.fail("a transaction stays open while the next records are made")

    assert raw.land(warehouse, "acme", "shopify", "orders", pages(), T0).landed == 3


@pytest.mark.parametrize("failing", ["nothing", "the landing", "the end"])
def test_nothing_of_one_tenants_records_is_left_to_the_next(
    warehouse: Warehouse, failing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seal(cursor: Cursor, landed: Landed) -> None:
        if failing == "the landing":
            raise ConnectionError

    def cancelled(cursor: Cursor, sql: str) -> int:
        if failing == "the end" and sql.startswith("DROP"):
            raise adbc_driver_manager.OperationalError(
                "cancelled", status_code=adbc_driver_manager.AdbcStatusCode.CANCELLED
            )
        return execute(cursor, sql)

    monkeypatch.setattr(raw, "execute", cancelled)
    with contextlib.suppress(ConnectionError, adbc_driver_manager.OperationalError):
        raw.land(warehouse, "acme", "shopify", "orders", [batch(("1", "{}"))], T0, seal)
    for tenant in ("acme", "other"):
        with warehouse.as_tenant(tenant) as cursor:
            left = query(
                cursor, "SELECT relname::text FROM pg_class WHERE pg_table_is_visible(oid) AND relpersistence = 't'"
            )
            assert left["relname"].to_list() == []


def test_a_payload_that_is_no_json_lands_nothing(warehouse: Warehouse) -> None:
    with pytest.raises(adbc_driver_manager.Error, match="json"):
        land(warehouse, ("1", "{}"), ("2", "{oops"))
    assert latest(warehouse) == {}


@pytest.mark.parametrize("batches", [[], [batch()], [batch(), batch()]])
def test_nothing_is_landed_of_nothing(warehouse: Warehouse, batches: list[pl.DataFrame]) -> None:
    assert raw.land(warehouse, "acme", "shopify", "orders", batches, T0) == Landed(0, 0)


def test_payloads_are_kept_byte_for_byte(warehouse: Warehouse, owner: psycopg.Connection) -> None:
    payloads = {
        "spaces": '{ "b" : 1,  "a": 1.10, "a": 2 }\n',
        "escapes": r'{"nul": "\u0000", "e": "\u00e9\ud83d\ude00", "slash": "\/"}',
        "unicode": '{"e": "é😀\u2028"}',
        "number": "12345678901234567890.123456789012345678901234567890",
        "": "null",
        "o'Brien; DROP TABLE raw.raw_events --": '""',
        "gid://shopify/Order/1?x=%20\\\t'\"": "[]",
        "日本語 🛒": "true",
    }
    land(warehouse, *payloads.items())
    frame = versions.read_latest(warehouse, "acme", "raw.shopify_orders")
    assert dict(frame["external_id", "payload"].iter_rows()) == payloads
    for external_id, hashed in frame["external_id", "payload_hash"].iter_rows():
        assert hashed == hashlib.sha256(payloads[external_id].encode()).digest()
    differing = owner.execute(
        "SELECT count(*) FROM raw.raw_events WHERE payload_hash <> sha256(convert_to(payload::text, 'UTF8'))"
    ).fetchone()
    assert differing == (0,)


def test_tenants_and_streams_with_the_same_ids_are_apart(warehouse: Warehouse) -> None:
    land(warehouse, ("1", '"acme"'))
    land(warehouse, ("1", '"other"'), tenant="other")
    raw.land(warehouse, "acme", "shopify", "customers", [batch(("1", '"customer"'))], T0)
    assert latest(warehouse) == {"1": (1, '"acme"')}
    assert latest(warehouse, tenant="other") == {"1": (1, '"other"')}
    customers = versions.read_latest(warehouse, "acme", "raw.shopify_customers")
    assert customers["payload"].to_list() == ['"customer"']


def test_the_record_of_the_past_cannot_be_changed(warehouse: Warehouse, app: psycopg.Connection) -> None:
    land(warehouse, ("1", "{}"))
    for change in ("UPDATE raw.raw_events SET payload = '[]'", "DELETE FROM raw.raw_events", "TRUNCATE raw.raw_events"):
        with app.transaction(force_rollback=True):
            app.execute("SET LOCAL app.tenant_id = 'acme'")
            with pytest.raises(errors.InsufficientPrivilege):
                app.execute(change.encode())


def test_two_pulls_of_one_stream_take_turns(warehouse: Warehouse) -> None:
    second = threading.Thread(target=lambda: land(warehouse, ("1", '"B"'), at=T0 + HOUR))

    def meanwhile(cursor: Cursor, landed: Landed) -> None:
        second.start()
        second.join(0.2)
        assert second.is_alive(), "the second pull did not wait"

    raw.land(warehouse, "acme", "shopify", "orders", [batch(("1", '"A"'))], T0, meanwhile)
    second.join()
    assert latest(warehouse) == {"1": (2, '"B"')}


NO_TEXT = "a\0 \\\0 \\u0000"
"""The zero character, which JSON can tell and a text of PostgreSQL can't hold; and what only looks like it."""
JANUARY, MARCH = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)


def test_what_was_created_in_a_time_and_is_not_named_any_more_is_ended(warehouse: Warehouse) -> None:
    at = {"1": "2026-01-01T00:00:00Z", "2": "2026-02-01T01:00:00+02:00", "3": "2026-03-01T00:00:00Z", "4": None}
    at |= dict.fromkeys("67", "2026-02-01T00:00:00Z")
    for account, names in {"shop": "1234", None: "6", "elsewhere": "7"}.items():
        records = batch(*((name, json.dumps({"note": NO_TEXT, "createdAt": at[name]})) for name in names))
        raw.land(warehouse, "acme", "shopify", "orders", [records], T0, account=account)
    land(warehouse, ("5", '{"createdAt": "2026-01-05T00:00:00Z"}'), tenant="other")
    ended, alone = list[int](), iter((False, False, True))

    def seal(cursor: Cursor, landed: Landed) -> None:
        among = raw.created("shop", "createdAt", JANUARY, MARCH, alone=next(alone))
        ended.append(raw.bury(cursor, "shopify", "orders", among, ["2", "unknown"], T0 + HOUR))

    for hour in (1, 2, 3):
        raw.land(warehouse, "acme", "shopify", "orders", [], T0 + hour * HOUR, seal)
    assert ended == [1, 0, 1], "once is enough, and what nobody noted is of the shop if there is no other"
    assert latest(warehouse).keys() == {"2", "3", "4", "7"}
    assert latest(warehouse, as_of=T0).keys() == at.keys()
    assert latest(warehouse, tenant="other").keys() == {"5"}


def test_what_is_ended_is_not_held_against_every_other_record(warehouse: Warehouse) -> None:
    """Nothing is known of a table's rows when the first of them have just landed: done so, it takes seven seconds."""
    land(warehouse, *((str(record), "{}") for record in range(8_000)))
    ended: list[int] = []

    def seal(cursor: Cursor, _: Landed) -> None:
        execute(cursor, "SET LOCAL statement_timeout = '3s'")
        ended.append(raw.bury(cursor, "shopify", "orders", "true", map(str, range(4_000)), T0 + HOUR))

    raw.land(warehouse, "acme", "shopify", "orders", [batch(("4000", "{}"))], T0 + HOUR, seal)
    assert ended == [3_999]


def test_what_lands_and_what_others_brought_is_not_ended(warehouse: Warehouse) -> None:
    land(warehouse, *((f"a_{name}_2026-02-01", "{}") for name in "xyz"), ("b_x_2026-02-01", "{}"))

    def seal(cursor: Cursor, landed: Landed) -> None:
        among = raw.reported("a", r"_(\d{4}-\d{2}-\d{2})$", [date(2026, 2, 1)])
        assert raw.bury(cursor, "shopify", "orders", among, ["a_y_2026-02-01"], T0 + HOUR) == 1

    raw.land(warehouse, "acme", "shopify", "orders", [batch(("a_x_2026-02-01", "{}"))], T0 + HOUR, seal)
    assert latest(warehouse).keys() == {"a_x_2026-02-01", "a_y_2026-02-01", "b_x_2026-02-01"}
