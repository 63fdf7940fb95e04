"""What is too big comes in parts: the whole is proven when all of them are, and ends what none of them brings."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import polars as pl
import pytest
from graph_source import DAY, NOW, OPENED, TRAFFIC, Shop, Trouble, book, landed, truth

from connectors.errors import Bug, TooBig
from connectors.slices import Account, Slice
from connectors.source import RawRecord
from growthos_assets.raw.synced import Synced


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
    asked = [at for kind, at in client.events if kind == "pull"]
    assert asked == sorted(asked), "the oldest first, and the parts of one before the next"


def test_what_cannot_be_split_any_more_is_said(pull: Callable[..., Synced]):
    done = pull(Shop(trouble=too_big_over(timedelta(hours=1))))
    assert {problem.kind for problem in done.problems} == {"too_big"}
    assert landed() == set()


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


def test_a_half_that_is_verified_ends_what_is_gone_from_its_days_whatever_becomes_of_the_other(
    pull: Callable[..., Synced],
):
    client = Shop(source="ga4")
    pull(client, stream=TRAFFIC)
    whole = landed(table="raw.ga4_traffic")
    client.deleted = {"one_20260209_03"}
    client.clock.sleep(86_400)

    def trouble(part: Slice, page: int) -> None:
        too_big_over(DAY)(part, page)
        if part.start == NOW:
            raise Bug("the other half")

    client.trouble = trouble
    done = pull(client, stream=TRAFFIC)
    assert (done.vanished, [problem.kind for problem in done.problems]) == (1, ["bug"])
    assert landed(table="raw.ga4_traffic") == whole - client.deleted


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


class Deep(Shop):
    """A day comes by its even and its odd hours, and the odd ones by thirds."""

    def records(self, part: Slice) -> list[RawRecord]:
        hours = ((record, datetime.fromisoformat(record.payload["createdAt"]).hour) for record in super().records(part))
        return [record for record, hour in hours if part.part.get("third", f"{hour % 3}") == f"{hour % 3}"]

    def split(self, part: Slice, account: Account) -> list[Slice]:
        if part.part == ODD:
            return [replace(part, part={**ODD, "third": str(third)}) for third in range(3)]
        return super().split(part, account)


ODD = {"hour": "1"}


def too_big_but_for_leaves(part: Slice, page: int) -> None:
    if part.part in ({}, ODD):
        raise TooBig("Too much at once.")


@pytest.mark.parametrize("left_out", ["one_20260208_04", "one_20260208_07", "one_20260208_05"])
def test_what_any_part_leaves_out_once_ends_nothing(pull: Callable[..., Synced], left_out: str):
    client = Deep(source="ga4", split_by="hour", trouble=too_big_but_for_leaves)
    pull(client, stream=TRAFFIC)
    client.clock.sleep(86_400)
    everything, mistakes = client.records, {left_out}

    def records(part: Slice) -> list[RawRecord]:
        found = everything(part)
        told = [record for record in found if record.external_id not in mistakes]
        if part.part not in ({}, ODD) and len(told) < len(found):
            mistakes.clear()
        return told

    client.records = records
    done = pull(client, stream=TRAFFIC)
    assert mistakes == set(), "it was left out"
    assert (done.vanished, done.problems) == (0, [])
    assert landed(table="raw.ga4_traffic") == truth(Shop(clock=client.clock))
    whole = book().filter(pl.col("parent_id").is_null() & (pl.col("state") == "verified"))
    assert whole["rows_received"].to_list()[-1] == 3 * 24, "what came at first is not counted again"


def test_what_all_parts_leave_out_twice_is_ended(pull: Callable[..., Synced]):
    client = Deep(source="ga4", split_by="hour", trouble=too_big_but_for_leaves)
    pull(client, stream=TRAFFIC)
    client.clock.sleep(86_400)
    client.deleted, client.events = {"one_20260208_04", "one_20260208_07"}, []
    done = pull(client, stream=TRAFFIC)
    assert (done.vanished, done.problems) == (2, [])
    assert (done.slices, done.verified) == (7, 7), "three parts of the first time, and all four of the second"
    assert [kind for kind, _ in client.events].count("pull") == 12, "the whole, a half of it and four leaves, twice"
    assert landed(table="raw.ga4_traffic") == truth(client)
