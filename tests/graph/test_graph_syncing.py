"""A sync over the real database: every row is proven, and what is not is said, planned again and never half landed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Literal

import polars as pl
import psycopg
import pytest
from graph_shop import open_shop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.client import Finding, Page, Proof
from connectors.clock import VirtualClock
from connectors.errors import ApiError, AuthError, Bug, RateLimited, TooBig, Transient
from connectors.exchange import Meter
from connectors.slices import Account, Policy, Slice
from connectors.source import STREAMS, RawRecord, Stream
from growthos_assets.loading import warehouse
from growthos_assets.raw.synced import Synced, together
from growthos_assets.raw.syncing import lost, sync
from warehouse import ledger, raw, tenants
from warehouse.contract import polars_schema
from warehouse.ops import SyncSlices

ORDERS, TRAFFIC = STREAMS["shopify/orders"], STREAMS["ga4/traffic"]
NOW = datetime(2026, 2, 10, tzinfo=UTC)
DAY = timedelta(days=1)
OPENED = NOW - 10 * DAY
COUNTED = {ORDERS.key: Policy(step=4 * DAY, lookback=DAY, census=3 * DAY)}
DAILY = Policy(step=4 * DAY, lookback=2 * DAY, by_day=True)
NUMBERS = count()
Trouble = Callable[[Slice, int], None]


@dataclass
class Shop:
    """A source of one record an hour and account, with whatever trouble a test makes. Pages hold ten records.

    Its parts are told apart by the hour: those of even hours, and those of odd ones.
    """

    clock: VirtualClock = field(default_factory=lambda: VirtualClock(NOW))
    names: tuple[str, ...] = ("one",)
    trouble: Trouble = lambda part, page: None
    lost: int = 0
    unsure: bool = False
    deleted: set[str] = field(default_factory=set[str])
    split_by: Literal["time", "hour"] = "time"
    restated: Callable[[datetime], str] = lambda at: ""
    source: str = "shopify"
    api_version: str = "2026-10"
    reads_all: bool = True
    sunset: date | None = None
    meter: Meter = field(default_factory=Meter)
    policies: Mapping[str, Policy] = field(
        default_factory=lambda: {ORDERS.key: Policy(step=4 * DAY, lookback=DAY), TRAFFIC.key: DAILY}
    )

    def accounts(self) -> list[Account]:
        return [Account(name, name, "UTC", "USD", opened=OPENED) for name in self.names]

    def request(self, stream: str, account: Account) -> str:
        return "r"

    def records(self, part: Slice) -> list[RawRecord]:
        hours = range(int((part.end - part.start) / timedelta(hours=1)))
        at = [part.start + timedelta(hours=hour) for hour in hours]
        told = [
            (f"{part.account}_{t:%Y%m%d}_{t:%H}", t)
            for t in at
            if part.part.get("hour", f"{t.hour % 2}") == f"{t.hour % 2}"
        ]
        return [
            RawRecord(name, {"createdAt": t.isoformat(), "note": self.restated(t)})
            for name, t in told
            if name not in self.deleted
        ]

    def pull(self, part: Slice, account: Account) -> Iterator[Page]:
        found = self.records(part)
        for start in range(0, len(found), 10):
            self.meter.requests += 1
            self.trouble(part, start // 10)
            yield Page(found[start : start + 10])
        missing = int(self.lost > 0)
        self.lost -= missing
        yield Page([], Proof(len(found) + missing, len(found) + missing + int(self.unsure), "the count"))

    def split(self, part: Slice, account: Account) -> list[Slice]:
        if self.split_by == "hour":
            return [] if part.part else [replace(part, part={"hour": str(parity)}) for parity in (0, 1)]
        return part.halves() if part.end - part.start > DAY else []

    def probe(self) -> list[Finding]:
        return []


@pytest.fixture
def pull(shop: str) -> Callable[..., Synced]:
    """Syncs the tenant `shop` from a client."""

    def run(client: Shop, tenant: str = "shop", stream: Stream = ORDERS, **asked: date) -> Synced:
        return sync(warehouse(), tenants.get(tenant), client, client.clock, stream, seen_at=client.clock.now, **asked)

    return run


def landed(tenant: str = "shop", table: str = "raw.shopify_orders") -> set[str]:
    return set(raw.read_latest(warehouse(), tenant, table)["external_id"])


def book(tenant: str = "shop") -> pl.DataFrame:
    return ledger.history(warehouse(), tenant).sort("start_at", "planned_at")


def truth(client: Shop) -> set[str]:
    whole = (Slice(ORDERS.key, name, OPENED, client.clock.now(), "r") for name in client.names)
    return {record.external_id for part in whole for record in client.records(part)}


def test_everything_lands_and_every_slice_says_how_it_is_known(pull: Callable[..., Synced]):
    client = Shop()
    done = pull(client)
    assert landed() == truth(client)
    assert (done.slices, done.verified, done.received, done.landed, done.problems) == (3, 3, 240, 240, [])
    assert done.proven_to == {"one (one)": NOW}
    rows = book()
    assert set(rows["state"]) == {"verified"}
    assert rows["rows_expected"].to_list() == rows["rows_received"].to_list() == [96, 96, 48]
    assert set(rows["proof"]) == {"the count"}
    assert rows["requests"].to_list() == [10, 10, 5]


def test_the_next_sync_asks_only_for_what_may_have_changed(pull: Callable[..., Synced]):
    client = Shop()
    pull(client)
    done = pull(client)
    assert (done.received, done.landed) == (24, 0)


def test_a_restated_record_is_another_version_and_is_counted_and_told(pull: Callable[..., Synced]):
    client = Shop()
    pull(client)
    client.restated = lambda at: "late" if at >= NOW - timedelta(hours=3) else ""
    done = pull(client)
    assert (done.landed, done.restated) == (3, 3)
    told = raw.restatements(warehouse(), "shop", "raw.shopify_orders", since=OPENED)
    assert told.select("field", "old", "new").unique().rows() == [("note", "", "late")]
    assert told.height == 3


def test_rows_that_the_source_counts_and_does_not_send_are_never_success(pull: Callable[..., Synced]):
    client = Shop(lost=3)  # the first slice, every time
    done = pull(client)
    assert [problem.kind for problem in done.problems] == ["truncated"]
    assert "says 97" in done.problems[0].message
    first, *others = book()["state"]
    assert (first, set(others)) == ("failed", {"verified"})
    assert len(landed()) == 240 - 96, "nothing of the slice that is not proven"
    assert done.proven_to["one (one)"] == OPENED, "a later slice does not hide the gap"

    done = pull(Shop())
    assert landed() == truth(client)
    assert done.problems == []
    assert done.proven_to["one (one)"] == NOW


def test_a_page_that_was_lost_once_is_only_a_second_try(pull: Callable[..., Synced]):
    done = pull(Shop(lost=1))
    assert done.problems == []
    assert book()["attempts"].to_list() == [2, 1, 1]


CONTRADICTIONS: Mapping[str, Callable[[list[Page]], list[Page]]] = {
    "no last page": lambda pages: pages[:-1],
    "a page after the last": lambda pages: [*pages, pages[0]],
    "fewer are counted than came": lambda pages: [*pages[:-1], Page([], Proof.exactly(1, "the count"))],
}


@pytest.mark.parametrize("spoil", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_pages_that_contradict_themselves_are_not_kept(
    pull: Callable[..., Synced], monkeypatch: pytest.MonkeyPatch, spoil: Callable[[list[Page]], list[Page]]
):
    client = Shop()
    pages = client.pull
    monkeypatch.setattr(client, "pull", lambda part, account: iter(spoil(list(pages(part, account)))))
    assert [problem.kind for problem in pull(client).problems] == ["truncated"] * 3
    assert landed() == set()
    assert set(book()["state"]) == {"failed"}


def once(error: ApiError, *, page: int = 5) -> Trouble:
    left = [error]

    def trouble(part: Slice, at: int) -> None:
        if at == page and left:
            raise left.pop()

    return trouble


def test_a_drop_in_the_middle_leaves_nothing_half(pull: Callable[..., Synced]):
    client = Shop(trouble=once(Transient("The line dropped.")))
    assert pull(client).problems == []
    assert landed() == truth(client)


def too_big_over(limit: timedelta) -> Trouble:
    def trouble(part: Slice, page: int) -> None:
        if part.end - part.start > limit:
            raise TooBig("Too much at once.")

    return trouble


def test_what_is_too_big_is_split_until_it_fits_and_the_whole_is_verified(pull: Callable[..., Synced]):
    client = Shop(trouble=too_big_over(DAY))
    done = pull(client)
    assert landed() == truth(client)
    assert done.problems == []
    rows = book()
    assert set(rows["state"]) == {"verified"}
    whole = rows.filter(pl.col("parent_id").is_null())
    assert whole["rows_received"].to_list() == [96, 96, 48]
    assert set(whole["proof"]) == {"the sum of its parts"}
    assert rows.filter(pl.col("parent_id").is_not_null()).height == 4 + 2 + 4 + 2 + 2


def test_what_cannot_be_split_any_more_is_said(pull: Callable[..., Synced]):
    done = pull(Shop(trouble=too_big_over(timedelta(hours=1))))
    assert {problem.kind for problem in done.problems} == {"too_big"}
    assert landed() == set()


def test_one_account_that_fails_leaves_the_others_alone(pull: Callable[..., Synced]):
    def trouble(part: Slice, page: int) -> None:
        if part.account == "two":
            raise AuthError("The token was revoked. Run `growthos connect shopify`.")

    client = Shop(names=("one", "two", "three"), trouble=trouble)
    done = pull(client)
    assert landed() == {name for name in truth(client) if not name.startswith("two")}
    assert [(problem.account, problem.kind) for problem in done.problems] == [("two", "auth")]
    assert done.proven_to == {"one (one)": NOW, "two (two)": OPENED, "three (three)": NOW}


def test_an_account_that_cannot_be_asked_is_named(pull: Callable[..., Synced], monkeypatch: pytest.MonkeyPatch):
    client = Shop()
    monkeypatch.setattr(client, "accounts", lambda: [Account("9", "Gone", "UTC", "USD", problem="It is disabled.")])
    assert [(p.account, p.message) for p in pull(client).problems] == [("Gone", "It is disabled.")]


def test_a_source_that_refuses_what_it_may_be_asked_is_named(
    pull: Callable[..., Synced], monkeypatch: pytest.MonkeyPatch
):
    def refused(stream: str, account: Account) -> str:
        raise AuthError("The token was revoked.")

    client = Shop()
    monkeypatch.setattr(client, "request", refused)
    assert [(p.account, p.kind) for p in pull(client).problems] == [("one", "auth")]


def test_an_answer_of_no_known_shape_fails_its_slice_alone(pull: Callable[..., Synced]):
    def trouble(part: Slice, page: int) -> None:
        if part.start == OPENED:
            raise ValueError("a planted secret is no date")

    done = pull(Shop(trouble=trouble))
    assert [problem.kind for problem in done.problems] == ["bug"]
    assert "ValueError in trouble (test_graph_syncing.py" in done.problems[0].message
    assert "planted" not in f"{done.problems} {book().to_dicts()}"
    assert len(landed()) == 240 - 96


def test_a_rate_limit_ends_the_account_and_says_when_to_go_on(pull: Callable[..., Synced]):
    later = NOW + timedelta(minutes=40)
    client = Shop(trouble=once(RateLimited("Come back.", retry_at=later)))
    done = pull(client)
    assert done.retry_at == later
    assert ledger.retries(warehouse(), "shop") == later
    assert landed() == set()
    asked = client.meter.requests
    assert [problem.kind for problem in pull(client).problems] == ["waiting"]
    assert client.meter.requests == asked, "who asked to wait is not asked before"
    client.clock.sleep(40 * 60)
    assert pull(client).problems == []
    assert landed() == truth(client)
    assert ledger.retries(warehouse(), "shop") is None


def test_a_killed_sync_goes_on_where_it_was(pull: Callable[..., Synced]):
    class Killed(BaseException):
        pass

    def trouble(part: Slice, page: int) -> None:
        if part.start > OPENED and page == 3:
            raise Killed

    with pytest.raises(Killed):
        pull(Shop(trouble=trouble))
    assert book()["state"].to_list() == ["verified", "running", "planned"]
    client = Shop()
    done = pull(client)
    assert done.received == 240 - 96, "what was verified is not asked for again"
    assert landed() == truth(client)
    assert sorted(book()["state"]) == ["failed", "verified", "verified", "verified"]
    assert book().filter(pl.col("state") == "failed")["error_kind"].to_list() == ["interrupted"]


def test_the_parts_that_a_killed_sync_has_landed_do_not_pass_for_the_whole(pull: Callable[..., Synced]):
    class Killed(BaseException):
        pass

    def too_big(part: Slice, page: int) -> None:
        if part.end - part.start > 2 * DAY:
            raise TooBig("Too much at once.")

    def killed(done: Synced) -> None:
        raise Killed  # a part is verified, and the next is not running yet

    def refused(part: Slice, page: int) -> None:
        too_big(part, page)
        if part.start.day % 4 != OPENED.day % 4:
            raise Bug("the later parts")

    with pytest.raises(Killed):
        pull(Shop(trouble=too_big), listener=killed)
    done = pull(Shop(trouble=refused))
    assert len(done.problems) > 0
    assert pull(Shop()).problems == []
    assert landed() == truth(Shop())


def a_week_later(client: Shop, weeks: int = 1) -> None:
    client.clock.sleep(weeks * 7 * 86_400)


def test_what_was_deleted_is_gone_once_the_source_has_listed_what_there_is(pull: Callable[..., Synced]):
    client = Shop(policies=COUNTED)
    assert pull(client).vanished == 0
    whole = landed()
    client.deleted = {"one_20260201_03", "one_20260209_20"}
    assert pull(client).vanished == 0, "nobody looks for it yet"
    a_week_later(client)
    done = pull(client)
    assert done.problems == []
    assert done.vanished == 2
    assert landed() == truth(client) > whole - client.deleted
    told = raw.restatements(warehouse(), "shop", "raw.shopify_orders", since=NOW)
    assert set(told["external_id"]) == client.deleted
    known = raw.read_latest(warehouse(), "shop", "raw.shopify_orders", NOW + DAY)
    assert whole == set(known["external_id"]), "it is known as it was"
    (row,) = book().filter(pl.col("part") == '{"fields": "id"}').rows(named=True)
    assert (row["state"], row["rows_vanished"], row["rows_received"]) == ("verified", 2, row["rows_expected"])
    again = pull(client)
    assert (again.vanished, again.slices) == (0, 1), "once a week"

    client.deleted.clear()
    pull(client, since=OPENED.date())
    assert landed() == truth(client) >= whole, "what is told of again is back"


@pytest.mark.parametrize("trouble", ["lost", "unsure", "drop"])
def test_a_list_that_is_not_proven_ends_nothing(pull: Callable[..., Synced], trouble: str):
    def in_the_way(part: Slice, page: int) -> None:
        if not part.is_census:
            return
        if trouble == "drop":
            raise Transient("dropped")
        client.lost = int(trouble == "lost")

    client = Shop(policies=COUNTED)
    pull(client)
    whole = landed()
    client.deleted, client.trouble, client.unsure = {"one_20260201_03"}, in_the_way, trouble == "unsure"
    a_week_later(client)
    done = pull(client)
    assert (done.vanished, len(done.problems)) == (0, 1)
    assert whole <= landed()
    client.trouble, client.lost, client.unsure = (lambda part, page: None), 0, False
    assert pull(client).vanished == 1, "it is asked for again"


def test_what_the_app_can_no_longer_see_is_not_deleted(pull: Callable[..., Synced]):
    client = Shop(policies=COUNTED)
    pull(client)
    whole = landed()
    a_week_later(client)
    short = Policy(step=4 * DAY, lookback=DAY, census=60 * DAY, history=9 * DAY)
    client.policies = {ORDERS.key: short}
    hidden = {name for name in whole if name < f"one_{client.clock.now() - 9 * DAY:%Y%m%d}_99"}
    client.deleted = hidden | {max(whole)}
    assert pull(client).vanished == 1
    assert whole - landed() == {max(whole)}


def test_each_of_several_shops_ends_what_was_deleted_there_and_nothing_else(pull: Callable[..., Synced]):
    client, other = Shop(policies=COUNTED), Shop(policies=COUNTED, names=("two",))
    pull(client)
    pull(other)
    whole = truth(other)
    client.deleted, other.deleted = {"one_20260201_03"}, {"two_20260201_03", "two_20260209_20"}
    a_week_later(client)
    done = pull(client)
    assert (done.vanished, done.problems, done.notes) == (1, [], [])
    assert landed() == truth(client) | whole
    a_week_later(other)
    assert pull(other).vanished == 2
    assert landed() == truth(client) | truth(other)


@pytest.mark.parametrize("shops", [1, 2])
def test_of_records_of_which_nobody_knows_whose_they_are_only_a_lone_shop_ends_any(
    pull: Callable[..., Synced], owner: psycopg.Connection, shops: int
):
    client = Shop(policies=COUNTED)
    pull(client)
    if shops == 2:
        pull(Shop(policies=COUNTED, names=("two",)))
    owner.execute("UPDATE raw.raw_events SET account = NULL")
    client.deleted = {"one_20260201_03"}
    a_week_later(client)
    done = pull(client)
    assert (done.vanished, done.problems) == (2 - shops, [])
    assert [note for note in done.notes if "goes unnoticed" in note] == done.notes
    assert len(done.notes) == shops - 1


def in_one_piece(part: Slice, page: int) -> None:
    if not part.part:
        raise TooBig("Too much at once.")


def test_what_none_of_a_days_parts_brings_is_gone_from_the_day(pull: Callable[..., Synced]):
    client = Shop(source="ga4", split_by="hour", trouble=in_one_piece)
    pull(client, stream=TRAFFIC)
    assert landed(table="raw.ga4_traffic") == truth(client)
    client.deleted = {"one_20260209_03", "one_20260209_20", "one_20260201_05"}
    client.clock.sleep(86_400)
    done = pull(client, stream=TRAFFIC)
    assert done.vanished == 2, "the third is in a day that was not reported anew"
    assert landed(table="raw.ga4_traffic") == truth(client) | {"one_20260201_05"}
    (whole,) = book().filter((pl.col("rows_vanished") > 0) & pl.col("parent_id").is_null()).rows(named=True)
    assert (whole["state"], whole["rows_vanished"]) == ("verified", 2)


def test_a_source_that_says_nothing_by_mistake_ends_nothing(pull: Callable[..., Synced]):
    client = Shop()
    pull(client, stream=TRAFFIC)
    here = landed(table="raw.ga4_traffic")
    client.clock.sleep(DAY.total_seconds())
    everything, empty = client.records, iter([True])
    client.records = lambda part: [] if next(empty, False) else everything(part)
    done = pull(client, stream=TRAFFIC)
    assert (done.vanished, done.problems) == (0, [])
    assert landed(table="raw.ga4_traffic") > here
    assert book()["attempts"].to_list()[-1] == 2


def test_a_part_that_failed_may_have_what_the_others_do_not(pull: Callable[..., Synced]):
    client = Shop(source="ga4", split_by="hour", trouble=in_one_piece)
    pull(client, stream=TRAFFIC)

    def odd_hours_fail(part: Slice, page: int) -> None:
        in_one_piece(part, page)
        if part.part["hour"] == "1":
            raise Bug("odd")

    client.deleted = {"one_20260209_03", "one_20260209_20"}
    client.clock.sleep(86_400)
    client.trouble = odd_hours_fail
    assert pull(client, stream=TRAFFIC).vanished == 0
    assert client.deleted <= landed(table="raw.ga4_traffic")
    client.trouble = in_one_piece
    assert pull(client, stream=TRAFFIC).vanished == 2
    assert landed(table="raw.ga4_traffic") == truth(client)


def test_while_a_source_is_asked_no_transaction_is_open(pull: Callable[..., Synced], owner: psycopg.Connection):
    open_ones = list[int]()

    def look(part: Slice, page: int) -> None:
        count = "SELECT count(*) FROM pg_stat_activity WHERE xact_start IS NOT NULL AND pid <> pg_backend_pid()"
        mine = " AND datname = current_database()"
        open_ones.extend(number for (number,) in owner.execute((count + mine).encode()))

    done = pull(Shop(trouble=look))
    assert done.landed == 240
    assert open_ones == [0] * 25, "one look a page"


def test_what_the_ledger_proves_stays_and_its_rows_do_not_add_up(pull: Callable[..., Synced]):
    """A slice a day for a year and a half, with a gap: half a year of them is kept, of older ones what they prove."""
    client = Shop(source="ga4")
    days = [day for day in range(540) if day not in (40, 41, 42, 43)]
    ends = [OPENED + (day + 1) * DAY for day in days]
    rows = [
        {
            "pull_id": f"{end}", "slice_id": f"{end}", "source": "ga4", "stream": "traffic", "account": "one",
            "start_at": max(OPENED, end - 3 * DAY), "end_at": end, "request_hash": "r", "part": "{}",
            "state": "verified", "attempts": 1, "api_version": "v1", "planned_at": end, "started_at": end,
        }
        for end in ends
    ]  # fmt: skip
    with warehouse().as_tenant("shop") as transaction:
        frame = pl.DataFrame(rows, schema=polars_schema(SyncSlices))
        warehouse().replace(transaction, SyncSlices, frame, keep_others=True)
    client.clock = VirtualClock(ends[-1])
    done = pull(client, stream=TRAFFIC)
    assert done.problems == []
    rows = ledger.history(warehouse(), "shop", 1000).sort("start_at")
    assert [row["start_at"] for row in rows.iter_rows(named=True) if "earlier" in (row["proof"] or "")] == [
        OPENED, OPENED + 42 * DAY
    ]  # fmt: skip
    assert 180 <= rows.height <= 185
    assert (done.slices, done.received) == (1, 24 * 4), "the gap, and nothing else that is old"
    assert done.proven_to["one (one)"] == ends[-1]


def test_what_failed_long_ago_is_forgotten(pull: Callable[..., Synced]):
    client = Shop(lost=3)
    pull(client)
    pull(client)
    assert "failed" in set(book()["state"])
    client.clock.sleep(181 * 86_400)
    pull(client)
    assert set(book()["state"]) == {"verified"}


@pytest.mark.parametrize("days", [61, 60, -1])
def test_a_version_that_ends_soon_is_noted_by_the_clock(pull: Callable[..., Synced], days: int):
    client = Shop(sunset=(NOW + days * DAY).date())
    notes = pull(client).notes
    assert [note for note in notes if "2026-10" in note and "upgrade GrowthOS" in note] == notes
    assert len(notes) == int(days <= 60)


@pytest.mark.parametrize("ahead", [timedelta(minutes=2), timedelta(hours=-5), timedelta(hours=20), timedelta(days=9)])
@pytest.mark.parametrize("stream", [ORDERS, TRAFFIC], ids=lambda stream: stream.name)
def test_what_is_over_the_source_decides_and_not_a_clock_that_is_wrong(
    pull: Callable[..., Synced], stream: Stream, ahead: timedelta
):
    wrong = Shop(clock=VirtualClock(NOW + ahead), source=stream.source)
    wrong.meter.ahead = ahead
    done = pull(wrong, stream=stream)
    told = [note for note in done.notes if "This machine's clock is" in note]
    assert len(told) == int(abs(ahead) > timedelta(minutes=5))
    assert done.problems == []
    assert done.proven_to == {"one (one)": NOW}
    table = f"raw.{stream.source}_{stream.name}"
    assert landed(table=table) == truth(Shop())

    right = Shop(clock=VirtualClock(NOW + 20 * DAY), source=stream.source)
    assert pull(right, stream=stream).problems == []
    assert landed(table=table) == truth(right)


def test_an_account_that_is_no_longer_named_is_missed_until_it_is_forgotten(pull: Callable[..., Synced]):
    both = Shop(names=("one", "two"))
    pull(both)
    few = pull(Shop(names=("one",)))
    (problem,) = lost(warehouse(), "shop", ORDERS, few)
    assert (problem.account, problem.kind) == ("two", "lost")
    assert "read up to 2026-02-10" in problem.message
    assert "growthos connections forget shopify --account two --tenant shop" in problem.message
    assert not replace(few, problems=[problem]).is_expected

    assert lost(warehouse(), "shop", ORDERS, pull(both)) == []
    elsewhere = pull(Shop(names=("two",)))
    assert lost(warehouse(), "shop", ORDERS, together([few, elsewhere])) == [], "another connection names it"
    named = pull(Shop(names=("one",), reads_all=False))
    assert lost(warehouse(), "shop", ORDERS, named) == [], "a person has decided what is read"
    unsaid = pull(Shop(names=("one",), trouble=once(AuthError("no"))), since=NOW.date())
    assert lost(warehouse(), "shop", ORDERS, together([few, replace(unsaid, named=None)])) == [], "who knows"

    assert ledger.forget(warehouse(), "shop", "shopify", "two") == 5, "3 slices, then one each time"
    assert lost(warehouse(), "shop", ORDERS, few) == []
    assert landed() == truth(both), "what was pulled stays"


def test_a_source_that_does_not_name_its_accounts_has_lost_none(
    pull: Callable[..., Synced], monkeypatch: pytest.MonkeyPatch
):
    client = Shop()
    pull(client)
    monkeypatch.setattr(client, "accounts", lambda: once(AuthError("The token was revoked."), page=0)(None, 0))
    done = pull(client)
    assert done.named is None
    assert lost(warehouse(), "shop", ORDERS, done) == []
    assert [problem.kind for problem in done.problems] == ["auth"]


def test_named_days_are_pulled_again(pull: Callable[..., Synced]):
    client = Shop()
    pull(client)
    done = pull(client, since=OPENED.date(), until=OPENED.date())
    assert (done.received, done.landed) == (24, 0)


@given(storm=st.lists(st.sampled_from(["drop", "limit", "big", "bug", "lose", "fine"]), max_size=25))
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_after_any_storm_the_ledger_tells_the_truth(pull: Callable[..., Synced], storm: list[str]):
    errors: dict[str, Callable[[], ApiError]] = {
        "drop": lambda: Transient("dropped"),
        "limit": lambda: RateLimited("later", retry_at=NOW + DAY),
        "big": lambda: TooBig("big"),
        "bug": lambda: Bug("odd"),
    }
    left = list(storm)

    def trouble(part: Slice, page: int) -> None:
        happens = left.pop(0) if left else "fine"
        if happens == "lose":
            client.lost += 1
        elif happens in errors:
            raise errors[happens]()

    tenant = open_shop(f"storm{next(NUMBERS)}").tenant_id  # every storm meets a shop of which nothing is known
    client = Shop(names=("one", "two"), trouble=trouble)
    done = pull(client, tenant)
    rows = book(tenant).filter((pl.col("state") == "verified") & pl.col("parent_id").is_null())
    proven = {
        record.external_id
        for account, start, end in rows.select("account", "start_at", "end_at").iter_rows()
        for record in client.records(Slice(ORDERS.key, account, start, end, "r"))
    }
    assert rows["rows_received"].sum() == len(proven)
    assert proven <= landed(tenant) <= truth(client)
    assert done.problems or landed(tenant) == truth(client)
    client.trouble, client.lost = (lambda part, page: None), 0
    client.clock.sleep(86_400)  # whoever asked to wait has waited enough
    assert pull(client, tenant).problems == []
    assert landed(tenant) == truth(client)
