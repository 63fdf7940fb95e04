"""A sync over the real database: every row is proven, and what is not is said, planned again and never half landed."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from itertools import count

import polars as pl
import psycopg
import pytest
from graph_shop import open_shop
from graph_source import DAY, NOW, OPENED, ORDERS, TRAFFIC, Shop, book, landed, once, truth
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.client import Page, Proof
from connectors.clock import VirtualClock
from connectors.errors import ApiError, Bug, RateLimited, TooBig, Transient
from connectors.slices import Slice
from connectors.source import RawRecord, Stream
from growthos_assets.loading import warehouse
from growthos_assets.raw.synced import Synced
from warehouse import ledger, proofs, versions
from warehouse.contract import polars_schema
from warehouse.ops import SyncSlices

NUMBERS = count()


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
    told = versions.restatements(warehouse(), "shop", "raw.shopify_orders", since=OPENED)
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
    "two last pages": lambda pages: [*pages, pages[-1]],
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


def test_a_drop_in_the_middle_leaves_nothing_half(pull: Callable[..., Synced]):
    client = Shop(trouble=once(Transient("The line dropped.")))
    assert pull(client).problems == []
    assert landed() == truth(client)


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
    assert [(problem.kind, problem.message) for problem in pull(client).problems] == [("rate_limited", "Come back.")]
    assert proofs.retries(warehouse(), "shop") == [later]
    assert landed() == set()
    asked = client.meter.requests
    assert [problem.kind for problem in pull(client).problems] == ["waiting"]
    assert client.meter.requests == asked, "who asked to wait is not asked before"
    client.clock.sleep(40 * 60)
    assert pull(client).problems == []
    assert landed() == truth(client)
    assert proofs.retries(warehouse(), "shop") == []


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


def test_a_failure_before_an_empty_answer_is_no_asking(pull: Callable[..., Synced]):
    client = Shop()
    pull(client, stream=TRAFFIC)
    here = landed(table="raw.ga4_traffic")
    client.clock.sleep(DAY.total_seconds())
    everything, attempts = client.records, count()

    def records(part: Slice) -> list[RawRecord]:
        match next(attempts):
            case 0:
                raise Transient("dropped")
            case 1:
                return []
            case _:
                return everything(part)

    client.records = records
    done = pull(client, stream=TRAFFIC)
    assert (done.vanished, done.problems) == (0, [])
    assert landed(table="raw.ga4_traffic") > here


def test_records_that_the_last_try_left_out_are_missed_and_here(pull: Callable[..., Synced]):
    client = Shop(source="ga4")
    pull(client, stream=TRAFFIC)
    client.deleted = {"one_20260209_03"}
    client.clock.sleep(DAY.total_seconds())
    drops = [Transient("dropped"), Transient("dropped again")]

    def trouble(part: Slice, page: int) -> None:
        if drops:
            raise drops.pop()

    client.trouble = trouble
    done = pull(client, stream=TRAFFIC)
    assert (done.vanished, [problem.kind for problem in done.problems]) == (0, ["truncated"])
    assert client.deleted <= landed(table="raw.ga4_traffic")
    assert book().filter(pl.col("state") == "failed")["error_kind"].to_list() == ["truncated"]
    assert pull(client, stream=TRAFFIC).vanished == 1


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
    rows = proofs.history(warehouse(), "shop", 1000).sort("start_at")
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


def test_what_was_proven_of_another_request_proves_nothing_of_this_one(
    pull: Callable[..., Synced], monkeypatch: pytest.MonkeyPatch
):
    client = Shop()
    pull(client)
    monkeypatch.setattr(client, "request", lambda stream, account: "more fields")
    client.restated = lambda at: "a field more"
    assert pull(client).restated == 240


def test_what_is_proven_is_as_old_as_the_beginning_of_its_pull(pull: Callable[..., Synced]):
    client = Shop()
    client.trouble = lambda part, page: client.clock.sleep(3600 if part.start == NOW - 2 * DAY else 0)
    pull(client)
    assert client.clock.now() == NOW + timedelta(hours=5)
    client.trouble = lambda part, page: None
    assert pull(client).received == 24 + 5, "a day before it began, not before it ended"


def test_what_had_landed_when_a_sync_was_killed_is_verified(
    pull: Callable[..., Synced], monkeypatch: pytest.MonkeyPatch
):
    class Killed(BaseException):
        pass

    def killed(book: ledger.Ledger) -> None:
        if not book.accounts() and "landed" in states():
            raise Killed

    def states() -> list[str]:
        return book()["state"].to_list()

    with monkeypatch.context() as patch:
        patch.setattr(ledger.Ledger, "verified", killed)
        with pytest.raises(Killed):
            pull(Shop())
    assert states() == ["landed", "planned", "planned"]
    assert pull(Shop()).received == 240 - 96, "what has landed is not asked for again"


def test_named_days_are_pulled_again(pull: Callable[..., Synced]):
    client = Shop()
    pull(client)
    done = pull(client, since=OPENED.date(), until=OPENED.date())
    assert (done.received, done.landed) == (24, 0)


@given(storm=st.lists(st.sampled_from(["drop", "limit", "big", "bug", "lose", "fine"]), max_size=25))
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
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
