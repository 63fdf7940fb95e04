"""What was deleted at a source is found by its lists of what there is, and by nothing less."""

from collections.abc import Callable

import polars as pl
import psycopg
import pytest
from graph_source import DAY, NOW, OPENED, ORDERS, Shop, book, landed, truth

from connectors.errors import Transient
from connectors.slices import Policy, Slice
from growthos_assets.loading import warehouse
from growthos_assets.raw.synced import Synced
from warehouse import versions

COUNTED = {ORDERS.key: Policy(step=4 * DAY, lookback=DAY, census=3 * DAY)}


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
    told = versions.restatements(warehouse(), "shop", "raw.shopify_orders", since=NOW)
    assert set(told["external_id"]) == client.deleted
    known = versions.read_latest(warehouse(), "shop", "raw.shopify_orders", NOW + DAY)
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
