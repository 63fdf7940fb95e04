"""A publish makes a table equal to a frame, in one transaction, and touches nothing that is so already."""

import json
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import adbc_driver_manager
import polars as pl
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from warehouse_thing import Thing, things

from warehouse import alert_states
from warehouse.contract import polars_schema
from warehouse.database import PIECE, Changes, Warehouse, as_json, query, without
from warehouse.errors import UnknownColumn, UnknownTable
from warehouse.ops import AlertEvents, AlertSilences, AlertStates, Quarantine

DAY, NEXT = date(2026, 2, 1), date(2026, 2, 2)
KEY = ["shop", "day"]

words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
money = st.integers(-(10**18) + 1, 10**18 - 1).map(lambda n: Decimal(n).scaleb(-4))
values = st.fixed_dictionaries(
    {
        "amount": st.none() | money,
        "ratio": st.none() | st.floats(allow_nan=False),
        "units": st.none() | st.integers(-(2**63), 2**63 - 1),
        "is_open": st.none() | st.booleans(),
        "at": st.none() | st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
        "tags": st.none() | st.lists(st.none() | words, max_size=3),
        "extra": st.none() | st.recursive(st.none() | words | st.integers(), st.lists).map(json.dumps),
        "seal": st.none() | st.binary(max_size=8),
    }
)
keys = st.tuples(st.sampled_from(["", "a", "a b", "ä'\"\\\n;--"]), st.dates(date(2026, 1, 1), date(2026, 1, 4)))
tables = st.dictionaries(keys, values, max_size=8)


def framed(table: dict[Any, dict[str, Any]]) -> pl.DataFrame:
    return things(*({"shop": shop, "day": day} | row for (shop, day), row in table.items()))


def stored(warehouse: Warehouse, tenant_id: str = "acme") -> pl.DataFrame:
    return warehouse.read("marts.thing", tenant_id).sort(KEY)


def versions(owner: psycopg.Connection) -> list[Any]:
    return owner.execute("SELECT ctid, xmin, shop, day FROM marts.thing ORDER BY ctid").fetchall()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=tables, after=tables)
def test_after_a_publish_the_table_is_the_frame(
    warehouse: Warehouse, owner: psycopg.Connection, before: dict[Any, Any], after: dict[Any, Any]
) -> None:
    warehouse.publish(Thing, things(), "acme")
    assert warehouse.publish(Thing, framed(before), "acme") == Changes(inserted=len(before))

    same = [key for key in after if key in before and after[key] == before[key]]
    both = before.keys() & after.keys()
    assert warehouse.publish(Thing, framed(after), "acme") == Changes(
        inserted=len(after.keys() - before.keys()),
        updated=len(both) - len(same),
        deleted=len(before.keys() - after.keys()),
        unchanged=len(same),
    )
    assert_frame_equal(stored(warehouse), framed(after).sort(KEY))

    rows = versions(owner)
    assert warehouse.publish(Thing, framed(after), "acme") == Changes(unchanged=len(after))
    assert versions(owner) == rows


def test_only_rows_that_differ_are_rewritten(warehouse: Warehouse, owner: psycopg.Connection) -> None:
    frame = things({"shop": "a", "day": DAY, "units": 1}, {"shop": "b", "day": DAY, "units": 1})
    warehouse.publish(Thing, frame, "acme")
    before = {row[2]: row for row in versions(owner)}
    changed = frame.with_columns(units=pl.when(shop="b").then(2).otherwise("units"))
    assert warehouse.publish(Thing, changed, "acme") == Changes(updated=1, unchanged=1)
    after = {row[2]: row for row in versions(owner)}
    assert after["a"] == before["a"]
    assert after["b"] != before["b"]


def test_a_value_that_becomes_null_and_back_is_a_change(warehouse: Warehouse) -> None:
    full = things({"shop": "a", "day": DAY, "amount": Decimal("1.5"), "extra": "{}", "tags": ["x"]})
    bare = things({"shop": "a", "day": DAY})
    for frame in (full, bare, full):
        assert warehouse.publish(Thing, frame, "acme").written == 1
        assert_frame_equal(stored(warehouse), frame)


def test_money_is_exact_at_four_decimals(warehouse: Warehouse, owner: psycopg.Connection) -> None:
    amounts = ["0.0001", "-0.0001", "0.1", "99999999999999.9999", "-99999999999999.9999", "1234567890123.4567"]
    frame = things(*({"shop": text, "day": DAY, "amount": Decimal(text)} for text in amounts))
    warehouse.publish(Thing, frame, "acme")
    assert {row[0]: row[1] for row in owner.execute("SELECT shop, amount FROM marts.thing")} == {
        text: Decimal(text) for text in amounts
    }
    read = stored(warehouse)
    assert read.schema["amount"] == pl.Decimal(38, 4)
    assert read["amount"].sum() == sum(map(Decimal, amounts))


def test_nan_and_infinity_are_equal_to_themselves(warehouse: Warehouse) -> None:
    frame = things(*({"shop": str(x), "day": DAY, "ratio": x} for x in (float("nan"), float("inf"), float("-inf"))))
    warehouse.publish(Thing, frame, "acme")
    assert_frame_equal(stored(warehouse), frame.sort(KEY))
    assert warehouse.publish(Thing, frame, "acme").written == 0


def test_a_frame_that_the_table_refuses_changes_nothing(warehouse: Warehouse, subtests: pytest.Subtests) -> None:
    good = things({"shop": "old", "day": DAY, "units": 7})
    warehouse.publish(Thing, good, "acme")
    refused = {
        "a new key twice": things({"shop": "a", "day": DAY, "units": 1}, {"shop": "a", "day": DAY, "units": 2}),
        "an old key twice": things({"shop": "old", "day": DAY, "units": 7}, {"shop": "old", "day": DAY, "units": 8}),
        "too many digits": things({"shop": "a", "day": DAY, "amount": Decimal(10**14)}),
        "no JSON": things({"shop": "a", "day": DAY, "extra": "{not json"}),
        "no key": things({"shop": None, "day": DAY}),
    }
    for why, frame in refused.items():
        with subtests.test(why):
            with pytest.raises((adbc_driver_manager.Error, ValueError)):
                warehouse.publish(Thing, frame, "acme")
            assert_frame_equal(stored(warehouse), good)


def test_others_are_kept_when_asked(warehouse: Warehouse) -> None:
    old = things({"shop": "a", "day": DAY, "units": 1}, {"shop": "b", "day": DAY, "units": 1})
    new = things({"shop": "b", "day": DAY, "units": 2}, {"shop": "c", "day": DAY, "units": 2})
    warehouse.publish(Thing, old, "acme")
    with warehouse.as_tenant("acme") as cursor:
        assert warehouse.replace(cursor, Thing, new, keep_others=True) == Changes(inserted=1, updated=1)
        assert warehouse.replace(cursor, Thing, things(), keep_others=True) == Changes()
    assert stored(warehouse)["units"].to_list() == [1, 2, 2]


def test_first_seen_columns_stay_as_first_written(warehouse: Warehouse) -> None:
    first, later = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)

    def publish(*rows: dict[str, Any]) -> Changes:
        with warehouse.as_tenant("acme") as cursor:
            return warehouse.replace(cursor, Thing, things(*rows), first_seen=("at",))

    publish({"shop": "a", "day": DAY, "units": 1, "at": first}, {"shop": "b", "day": DAY, "units": 1, "at": first})
    assert publish(
        {"shop": "a", "day": DAY, "units": 1, "at": later},
        {"shop": "b", "day": DAY, "units": 2, "at": later},
        {"shop": "c", "day": DAY, "units": 1, "at": later},
    ) == Changes(inserted=1, updated=1, unchanged=1)
    assert stored(warehouse)["at"].to_list() == [first, first, later]


def test_a_scope_leaves_what_is_outside_alone(warehouse: Warehouse) -> None:
    warehouse.publish(Thing, things(*({"shop": s, "day": d} for s in ("a", "it's") for d in (DAY, NEXT))), "acme")
    with warehouse.as_tenant("acme") as cursor:
        changes = warehouse.replace(cursor, Thing, things({"shop": "it's", "day": DAY}), scope={"shop": "it's"})
    assert changes == Changes(deleted=1, unchanged=1)
    assert stored(warehouse).select(KEY).rows() == [("a", DAY), ("a", NEXT), ("it's", DAY)]
    with warehouse.as_tenant("acme") as cursor:
        assert warehouse.replace(cursor, Thing, things(), scope={"shop": "it's"}) == Changes(deleted=1)
    assert stored(warehouse).select(KEY).rows() == [("a", DAY), ("a", NEXT)]


def test_two_replaces_of_one_table_in_a_transaction(warehouse: Warehouse) -> None:
    with warehouse.as_tenant("acme") as cursor:
        warehouse.replace(cursor, Thing, things({"shop": "a", "day": DAY}))
        warehouse.replace(cursor, Thing, things({"shop": "b", "day": DAY}))
    assert stored(warehouse)["shop"].to_list() == ["b"]


def test_a_table_that_was_vacuumed_while_it_was_empty_is_not_searched_for_every_row(
    warehouse: Warehouse, owner: psycopg.Connection
) -> None:
    """The planner takes it for one of no rows, and none is what it then holds by the second."""
    owner.execute("VACUUM marts.thing")
    with warehouse.as_tenant("acme") as cursor:
        rows = things(*({"shop": str(shop), "day": DAY} for shop in range(200)))
        assert warehouse.replace(cursor, Thing, rows) == Changes(inserted=200)
        searched = query(cursor, "SELECT seq_scan FROM pg_stat_xact_all_tables WHERE relid = 'marts.thing'::regclass")
    assert searched["seq_scan"].item() <= 3


def test_a_statement_whose_plan_cannot_be_helped_is_not_compiled(
    warehouse: Warehouse, owner: psycopg.Connection
) -> None:
    owner.execute(f"ALTER DATABASE {owner.info.dbname} SET jit = on".encode())
    with warehouse.as_tenant("acme") as cursor:
        compiled = "SELECT current_setting('jit') AS jit"
        assert query(cursor, compiled).item() == "on"
        without(cursor, "seqscan")
        assert query(cursor, compiled).item() == "off"


@pytest.mark.parametrize("size", [1, PIECE // 4, 3 * PIECE])
def test_rows_of_any_size_arrive(warehouse: Warehouse, size: int) -> None:
    rows = things(*({"shop": f"{shop}", "day": DAY, "tags": ["x" * size, None]} for shop in range(9)))
    assert warehouse.publish(Thing, rows, "acme") == Changes(inserted=9)
    assert_frame_equal(stored(warehouse), rows.sort(KEY))


def test_readers_see_the_old_rows_until_the_new_ones_are_all_there(warehouse: Warehouse) -> None:
    old, new = things({"shop": "a", "day": DAY}), things({"shop": "b", "day": DAY}, {"shop": "c", "day": DAY})
    warehouse.publish(Thing, old, "acme")
    with warehouse.as_tenant("acme") as cursor:
        warehouse.replace(cursor, Thing, new)
        assert_frame_equal(stored(warehouse), old)
    assert_frame_equal(stored(warehouse), new)


def until_somebody_waits(owner: psycopg.Connection) -> None:
    waiting = (
        "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = "
        "(SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    deadline = time.monotonic() + 10
    while owner.execute(waiting).fetchone() is None:
        assert time.monotonic() < deadline, "the second does not wait for the first"
        time.sleep(0.01)


def test_two_publishes_of_one_table_take_turns(warehouse: Warehouse, owner: psycopg.Connection) -> None:
    first = things({"shop": "a", "day": DAY, "units": 1})
    second = things({"shop": "a", "day": DAY, "units": 2}, {"shop": "b", "day": DAY, "units": 2})
    done: list[Changes] = []
    late = threading.Thread(target=lambda: done.append(warehouse.publish(Thing, second, "acme")))
    with warehouse.as_tenant("acme") as cursor:
        warehouse.replace(cursor, Thing, first)
        late.start()
        until_somebody_waits(owner)
        warehouse.publish(Thing, first, "other")  # another tenant's publish does not wait
    late.join()
    assert done == [Changes(inserted=1, updated=1)]
    assert_frame_equal(stored(warehouse), second)


def test_of_two_wishes_at_once_the_later_holds_alone(warehouse: Warehouse, owner: psycopg.Connection) -> None:
    at = [datetime(2026, 2, day, tzinfo=UTC) for day in range(1, 5)]

    def wish(until: datetime, now: datetime) -> None:
        alert_states.silence(warehouse, "acme", "snooze", "cac_increase", until, "", now)

    late = threading.Thread(target=wish, args=(at[2], at[1]))
    with warehouse.as_tenant("acme") as cursor:
        row = {"kind": "snooze", "matcher": "cac_increase", "until": at[3], "note": "", "created_at": at[0]}
        first = pl.DataFrame([row], schema=polars_schema(AlertSilences))
        warehouse.replace(cursor, AlertSilences, first, keep_others=True)
        late.start()
        until_somebody_waits(owner)
    late.join()
    assert alert_states.silences(warehouse, "acme")["until"].to_list() == [at[2]]


def test_a_silence_that_was_taken_back_since_is_remembered_of_when_it_held(warehouse: Warehouse) -> None:
    at = [datetime(2026, 2, day, tzinfo=UTC) for day in range(1, 6)]
    alert_states.silence(warehouse, "acme", "mute", "cac_*", None, "", at[1])
    assert alert_states.unsilence(warehouse, "acme", "cac_*", at[3]) == 1
    held = [alert_states.remembered(warehouse, "acme", DAY, instant).silences["matcher"].to_list() for instant in at]
    assert held == [[], ["cac_*"], ["cac_*"], [], []]
    alert_states.silence(warehouse, "acme", "mute", "cac_*", None, "again", at[4])
    notes = [alert_states.remembered(warehouse, "acme", DAY, at[n]).silences["note"].to_list() for n in (2, 4)]
    assert notes == [[""], ["again"]]


def test_what_is_remembered_is_of_the_newest_window_before_the_day(warehouse: Warehouse) -> None:
    days = [date(2026, 2, day) for day in (1, 3, 6)]
    known = {"alert_id": "cac_increase", "state": "firing", "standing": "firing", "severity": "warning"}
    blank = {"breaches": 1, "clears": 0, "silenced_by": "", "version": "v", "finding": "{}"}
    rows = [
        {"fingerprint": f"{name}{day.day}", "window_end": day, "since": day, "known_on": day} | known | blank
        for day in days
        for name in "ab"
    ]
    states = pl.DataFrame(rows, schema=polars_schema(AlertStates)).partition_by("window_end", as_dict=True)
    no_events = pl.DataFrame(schema=polars_schema(AlertEvents))
    alert_states.record(warehouse, "acme", {day: rows for (day,), rows in states.items()}, no_events)
    for before, newest in ((1, []), (2, ["a1", "b1"]), (3, ["a1", "b1"]), (4, ["a3", "b3"]), (7, ["a6", "b6"])):
        found = alert_states.remembered(warehouse, "acme", date(2026, 2, before), datetime(2026, 2, 9, tzinfo=UTC))
        assert sorted(found.states["fingerprint"]) == newest
        assert found.latest == days[-1]


def test_of_what_was_told_of_one_window_the_last_is_remembered(warehouse: Warehouse) -> None:
    at = datetime(2026, 2, 2, 5, tzinfo=UTC)
    about = {"window_end": DAY, "alert_id": "cac_increase", "message": "", "at_stake": None, "sent_at": None}
    rows = [
        about | {"fingerprint": name, "kind": kind, "severity": "warning", "created_at": at + timedelta(hours=hour)}
        for name, kinds in {"a": ("fired", "escalated"), "b": ("escalated", "fired")}.items()
        for hour, kind in enumerate(kinds)
    ]
    alert_states.record(warehouse, "acme", {}, pl.DataFrame(rows, schema=polars_schema(AlertEvents)))
    found = alert_states.remembered(warehouse, "acme", DAY, at).events
    assert dict(found.select("fingerprint", "kind").iter_rows()) == {"a": "escalated", "b": "fired"}


HALF_WAY = """
import sys, time
from datetime import date
import warehouse.database as database
from warehouse.server import app_url, text
from warehouse_thing import Thing, things

execute = database.execute
def stop_before_the_insert(cursor, sql):
    if sql.startswith("INSERT"):
        print("half way", flush=True)
        time.sleep(60)
    return execute(cursor, sql)

database.execute = stop_before_the_insert
frame = things({"shop": "a", "day": date(2026, 2, 1), "units": 2}, {"shop": "c", "day": date(2026, 2, 1)})
database.Warehouse(text(app_url())).publish(Thing, frame, "acme")
"""


def test_a_process_killed_half_way_leaves_the_old_rows_and_a_second_run_heals(warehouse: Warehouse) -> None:
    old = things({"shop": "a", "day": DAY, "units": 1}, {"shop": "b", "day": DAY, "units": 1})
    warehouse.publish(Thing, old, "acme")
    child = subprocess.Popen(
        [sys.executable, "-c", HALF_WAY], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "half way\n"  # rows are deleted and updated, none is inserted yet
    child.send_signal(signal.SIGKILL)
    child.communicate()

    assert_frame_equal(stored(warehouse), old)
    new = things({"shop": "a", "day": DAY, "units": 2}, {"shop": "c", "day": DAY})
    assert warehouse.publish(Thing, new, "acme") == Changes(inserted=1, updated=1, deleted=1)
    assert_frame_equal(stored(warehouse), new)


def test_reading_some_columns_in_the_order_asked(warehouse: Warehouse) -> None:
    warehouse.publish(Thing, things({"shop": "a", "day": DAY, "units": 1}), "acme")
    assert warehouse.read("marts.thing", "acme", columns=["units", "shop"]).rows() == [(1, "a")]
    assert warehouse.read("marts.thing", "acme", columns=["shop"], where="units > $1", parameters=[1]).is_empty()


def test_an_empty_table_is_read_with_its_types(warehouse: Warehouse) -> None:
    assert warehouse.read("marts.thing", "acme").schema == polars_schema(Thing)


def test_what_is_not_there_is_named(warehouse: Warehouse) -> None:
    with pytest.raises(UnknownTable, match=r"no table marts\.nothing"):
        warehouse.read("marts.nothing", "acme")
    with pytest.raises(UnknownTable, match="no table nothing"):
        warehouse.read("nothing", "acme")
    with pytest.raises(UnknownColumn, match=r"no column unit; it has shop, day, amount"):
        warehouse.read("marts.thing", "acme", columns=["shop", "unit"])


def test_any_row_can_be_quarantined_as_json(warehouse: Warehouse) -> None:
    odd = things(
        {"shop": "a\0b", "day": DAY, "ratio": float("nan"), "amount": Decimal("1.10"), "tags": ["ü", None]},
        {"shop": '"', "ratio": float("-inf"), "at": datetime(2026, 2, 1, tzinfo=UTC), "seal": b"\xff"},
    )
    rows = as_json(odd)
    assert json.loads(rows[0]) | {
        "shop": "a\0b",
        "ratio": "nan",
        "amount": "1.1000",
        "day": "2026-02-01",
    } == json.loads(rows[0])
    quarantined = pl.DataFrame(
        {
            "table_name": ["marts.thing"] * 2,
            "fingerprint": ["1", "2"],
            "record_id": [None, "x"],
            "reasons": [["a is missing", "ü"], []],
            "row": rows,
            "run_id": [None, "r"],
            "quarantined_at": [datetime(2026, 2, 1, tzinfo=UTC)] * 2,
        },
        schema=polars_schema(Quarantine),
    )
    assert warehouse.publish(Quarantine, quarantined, "acme") == Changes(inserted=2)
    assert_frame_equal(warehouse.read("ops.quarantine", "acme").sort("fingerprint"), quarantined)
