"""Syncs of one stream take turns: one that has lost its turn lands nothing over what the next one has landed."""

from collections.abc import Callable

import adbc_driver_manager
import msgspec
import psycopg
import pytest
from graph_source import Shop, book, truth

from connectors.errors import ApiError, Bug, TooBig
from connectors.slices import Account, Slice
from growthos_assets.loading import warehouse
from growthos_assets.raw.synced import Synced
from warehouse import raw

BREAK = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory' "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


@pytest.mark.parametrize("error", [None, TooBig("Too much at once."), Bug("odd")], ids=["lands", "splits", "fails"])
def test_a_sync_whose_turn_was_lost_with_its_connection_lands_nothing_over_the_next_one(
    pull: Callable[..., Synced], owner: psycopg.Connection, error: ApiError | None
):
    turns = iter([True])

    def lost(part: Slice, page: int) -> None:
        if page == 5 and next(turns, False):
            assert owner.execute(BREAK).fetchall() == [(True,)]
            assert pull(Shop(restated=lambda at: "new")).problems == []
            if error:
                raise error

    with pytest.raises(adbc_driver_manager.OperationalError):  # which the step is run again for
        pull(Shop(trouble=lost, restated=lambda at: "old"))
    latest = raw.read_latest(warehouse(), "shop", "raw.shopify_orders")
    assert set(latest["external_id"]) == truth(Shop())
    assert {msgspec.json.decode(payload)["note"] for payload in latest["payload"]} == {"new"}
    assert sorted(book()["state"]) == ["failed", "verified", "verified", "verified"]


def test_a_sync_whose_turn_was_lost_before_it_has_planned_asks_for_nothing_beside_the_next_one(
    pull: Callable[..., Synced], owner: psycopg.Connection
):
    class Slow(Shop):
        def accounts(self) -> list[Account]:
            assert owner.execute(BREAK).fetchall() == [(True,)]
            assert pull(Shop(restated=lambda at: "new")).problems == []
            return super().accounts()

    asked = list[Slice]()
    with pytest.raises(adbc_driver_manager.OperationalError):
        pull(Slow(restated=lambda at: "old", trouble=lambda part, page: asked.append(part)))
    assert asked == []
    assert set(book()["state"]) == {"verified"}
