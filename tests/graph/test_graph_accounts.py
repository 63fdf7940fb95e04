"""Each account by itself: one that fails leaves the others alone, one that is gone is missed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import polars as pl
import psycopg
import pytest
from graph_source import DAY, NOW, OPENED, ORDERS, TRAFFIC, Shop, book, landed, once, truth

from connectors.errors import (
    ApiError,
    ApiRetired,
    AuthError,
    Bug,
    ConfigError,
    PermissionDenied,
    RateLimited,
    TooBig,
    Transient,
    Truncated,
)
from connectors.slices import Account, Slice
from growthos_assets.loading import warehouse
from growthos_assets.raw.pulling import PULLS
from growthos_assets.raw.synced import CLOSED, Problem, Synced, together
from growthos_assets.raw.syncing import lost
from warehouse import ledger, proofs


def test_one_account_that_fails_leaves_the_others_alone(pull: Callable[..., Synced]):
    def trouble(part: Slice, page: int) -> None:
        if part.account == "two":
            raise AuthError("The token was revoked. Run `growthos connect shopify`.")

    client = Shop(names=("one", "two", "three"), trouble=trouble)
    done = pull(client)
    assert landed() == {name for name in truth(client) if not name.startswith("two")}
    assert [(problem.account, problem.kind) for problem in done.problems] == [("two", "auth")]
    assert done.proven_to == {"one (one)": NOW, "two (two)": OPENED, "three (three)": NOW}


@pytest.mark.parametrize(
    "error",
    [
        AuthError("The token was revoked."),
        PermissionDenied("The scope read_orders is missing."),
        ConfigError("There is no such shop."),
        ApiRetired("The version is gone."),
        RateLimited("Come back.", retry_at=NOW + timedelta(minutes=40)),
    ],
    ids=lambda error: error.kind,
)
def test_what_every_slice_of_an_account_would_meet_is_met_once(pull: Callable[..., Synced], error: ApiError):
    def trouble(part: Slice, page: int) -> None:
        if part.account == "two":
            asked.append(part)
            raise error

    asked = list[Slice]()
    client = Shop(names=("one", "two", "three"), trouble=trouble)
    done = pull(client)
    assert [(problem.account, problem.kind) for problem in done.problems] == [("two", error.kind)]
    assert len(asked) == 1
    rows = book().filter(account="two", state="failed")
    assert rows.select("error_kind", "attempts", "requests").rows() == [(error.kind, 1, 1)]
    assert landed() == {name for name in truth(client) if not name.startswith("two")}


@pytest.mark.parametrize(
    ("error", "attempts"),
    [(Transient("It is busy."), PULLS), (Truncated("Rows are missing."), PULLS), (Bug("What is this?"), 1)],
    ids=lambda of: of.kind if isinstance(of, ApiError) else None,
)
def test_what_one_slice_met_the_next_may_not(pull: Callable[..., Synced], error: ApiError, attempts: int):
    def trouble(part: Slice, page: int) -> None:
        if part.start == OPENED:
            raise error

    client = Shop(trouble=trouble)
    done = pull(client)
    assert [problem.kind for problem in done.problems] == [error.kind]
    assert book().select("state", "error_kind", "attempts").rows() == [
        ("failed", error.kind, attempts),
        ("verified", None, 1),
        ("verified", None, 1),
    ]
    assert len(landed()) == len(truth(client)) - 96


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


def test_an_account_that_is_no_longer_named_is_missed_until_it_is_forgotten(pull: Callable[..., Synced]):
    both = Shop(names=("one", "two"))
    pull(both)
    few = pull(Shop(names=("one",)))
    (problem,) = lost(warehouse(), "shop", ORDERS, few)
    assert (problem.account, problem.kind) == ("two", "lost")
    assert "read up to 2026-02-10" in problem.message
    assert "growthos connections forget shopify --account two --tenant shop" in problem.message
    assert not replace(few, problems=[problem]).is_expected
    closed = replace(few, problems=[Problem("Agency", CLOSED, "refused")])
    assert "It may be behind Agency, which could not be read" in lost(warehouse(), "shop", ORDERS, closed)[0].message

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


def test_an_account_is_forgotten_of_its_own_source_and_of_no_other(pull: Callable[..., Synced]):
    pull(Shop(names=("one", "two")))
    pull(Shop(names=("one",), source="ga4"), stream=TRAFFIC)
    before = book()["source", "account"]
    assert ledger.forget(warehouse(), "shop", "shopify", "one") == before.filter(source="shopify", account="one").height
    after = book()["source", "account"]
    assert set(after.rows()) == {("shopify", "two"), ("ga4", "one")}
    assert after.filter(source="ga4").height == before.filter(source="ga4").height


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


def test_a_limit_of_one_account_is_not_lifted_by_another_one(pull: Callable[..., Synced]):
    later = NOW + timedelta(minutes=40)

    def trouble(part: Slice, page: int) -> None:
        if part.account == "one":
            raise RateLimited("Come back.", retry_at=later)

    client = Shop(names=("one", "two"), trouble=trouble)
    pull(client)
    assert proofs.retries(warehouse(), "shop") == [later]
    client.clock.sleep(60)
    again = pull(client)
    assert [(problem.account, problem.kind) for problem in again.problems] == [("one", "waiting")]
    assert proofs.retries(warehouse(), "shop") == [later]


def test_what_was_only_planned_since_lifts_no_limit(pull: Callable[..., Synced]):
    later, half = NOW + timedelta(hours=6), timedelta(days=2)

    def trouble(part: Slice, page: int) -> None:
        client.clock.sleep(30)
        if part.start == OPENED and part.end > OPENED + half:
            raise TooBig("Too much at once.")  # so that its halves are planned later than the slice that is limited
        if part.start > OPENED + half:
            raise RateLimited("Come back.", retry_at=later)

    client = Shop(trouble=trouble)
    assert [problem.kind for problem in pull(client).problems] == ["rate_limited"]
    assert proofs.retries(warehouse(), "shop") == [later]
    asked = client.meter.requests
    assert [problem.kind for problem in pull(client).problems] == ["waiting"]
    assert client.meter.requests == asked
    client.clock.sleep(6 * 3600)
    client.trouble = lambda part, page: None
    assert pull(client).problems == []
    assert proofs.retries(warehouse(), "shop") == []


def test_a_source_that_asks_to_wait_is_not_asked_for_its_accounts_either(
    pull: Callable[..., Synced], monkeypatch: pytest.MonkeyPatch
):
    later, asked = NOW + timedelta(minutes=40), list[int]()

    def accounts() -> list[Account]:
        asked.append(1)
        raise RateLimited("Come back.", retry_at=later)

    client = Shop()
    with monkeypatch.context() as patch:
        patch.setattr(client, "accounts", accounts)
        assert [problem.kind for problem in pull(client).problems] == ["rate_limited"]
        assert [problem.kind for problem in pull(client).problems] == ["waiting"]
    assert (len(asked), proofs.retries(warehouse(), "shop"), book().height) == (1, [later], 1)
    client.clock.sleep(40 * 60)
    assert pull(client).problems == []
    assert proofs.retries(warehouse(), "shop") == []


def refusing(pull: Callable[..., Synced], connection: str, error: ApiError) -> list[str]:
    """The kinds of problem of a connection that may not name its accounts."""
    client = Shop()
    client.accounts = lambda: once(error, page=0)(None, 0)
    return [problem.kind for problem in pull(client, connection=connection).problems]


def test_a_login_that_has_to_wait_keeps_no_other_from_being_asked(pull: Callable[..., Synced]):
    later, other = NOW + timedelta(minutes=40), Shop(names=("two",))
    limit = RateLimited("Come back.", retry_at=later)
    assert refusing(pull, "first", limit) == ["rate_limited"]
    other.clock.sleep(60)
    assert pull(other, connection="second").problems == []
    assert landed() == truth(other)
    assert proofs.retries(warehouse(), "shop") == [later], "what another login was asked does not end the wait"
    assert refusing(pull, "first", limit) == ["waiting"]
    assert book().filter(pl.col("state") == "failed")["account"].to_list() == ["first"]


def test_what_a_login_says_is_not_taken_for_the_account_of_its_name(pull: Callable[..., Synced]):
    later = NOW + timedelta(minutes=40)
    client = Shop(trouble=once(RateLimited("Come back.", retry_at=later)))
    pull(client, connection="one")
    client.clock.sleep(60)
    accounts, client.accounts = client.accounts, lambda: once(Transient("dropped"), page=0)(None, 0)
    assert [problem.kind for problem in pull(client, connection="one").problems] == ["transient"]
    client.accounts = accounts
    assert [problem.kind for problem in pull(client, connection="one").problems] == ["waiting"]

    days = (OPENED.date(), NOW.date(), client.clock.now())
    assert [row["error"] for row in proofs.unproven(warehouse(), "shop", *days).to_dicts()] == ["Come back."]
    assert ledger.forget(warehouse(), "shop", "shopify", "one") == 1, "its slice"
    assert book()["error_kind"].to_list() == ["transient"]


def test_a_refusal_of_which_no_connection_was_noted_keeps_nobody_waiting(
    pull: Callable[..., Synced], owner: psycopg.Connection
):
    refusing(pull, "default", RateLimited("Come back.", retry_at=NOW + DAY))
    owner.execute("UPDATE ops.sync_slices SET account = ''")
    assert proofs.retries(warehouse(), "shop") == []
    client = Shop()
    assert pull(client).problems == []
    assert landed() == truth(client)
    assert proofs.unproven(warehouse(), "shop", OPENED.date(), NOW.date(), NOW + DAY).is_empty()
