"""Tenants and their settings."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from warehouse import tenants
from warehouse.errors import InvalidSetting, UnknownTenant
from warehouse.tenants import CATEGORY_MARGINS, Tenant

ACME = Tenant(
    "acme",
    "Acme & Söhne",
    timezone="Europe/Berlin",
    currency="EUR",
    category_margins={"shoes": Decimal("0.3333"), "default": Decimal("0.45")},
    shipping_rate=Decimal("0.0825"),
    ops_rate=Decimal(0),
    alert_thresholds={"cac_increase": {"threshold": 0.2}},
    keep_pii=True,
    is_demo=True,
    clock_at=datetime(2026, 2, 9, 23, 59, tzinfo=UTC),
)


def test_a_tenant_is_kept_as_it_was_made(database: str) -> None:
    tenants.create(ACME)
    assert tenants.get("acme") == tenants.find("acme") == ACME
    changed = Tenant("acme", "Acme", category_margins=CATEGORY_MARGINS)
    tenants.update("acme", lambda _: changed)
    assert tenants.get("acme") == changed


def test_two_changes_at_once_are_both_kept(database: str) -> None:
    tenants.create(ACME)
    reading = threading.Barrier(2)
    asked = ({"shipping_rate": Decimal("0.2")}, {"name": "Acme Ltd"})

    def ask(changes: dict[str, Any]) -> None:
        reading.wait()
        for _ in range(10):
            tenants.update("acme", lambda tenant: replace(tenant, **changes))

    with ThreadPoolExecutor(2) as people:
        list(people.map(ask, asked))
    found = tenants.get("acme")
    assert (found.shipping_rate, found.name) == (Decimal("0.2"), "Acme Ltd")


@pytest.mark.parametrize("year", [1969, 9999])
def test_a_clock_that_stands_where_no_days_can_be_counted_is_refused(database: str, year: int) -> None:
    with pytest.raises(InvalidSetting, match="Its clock can stand between 1971 and 2199"):
        tenants.create(replace(ACME, clock_at=datetime(year, 12, 31, 23, tzinfo=UTC)))


def test_a_tenant_that_is_there_stays_as_it_is(database: str) -> None:
    assert tenants.ensure(ACME) == ACME
    assert tenants.ensure(replace(ACME, currency="GBP")) == ACME
    with pytest.raises(InvalidSetting, match="There is a tenant acme already"):
        tenants.create(ACME)


def test_a_tenants_settings_are_known_as_they_were(database: str) -> None:
    """By the tenant's clock; its clock itself is always today's. Where that goes back, what came after is undone."""

    def on(day: int, **changed: Any) -> Tenant:
        tenants.update("acme", lambda acme: replace(acme, clock_at=datetime(2026, 2, day, tzinfo=UTC), **changed))
        return tenants.get("acme")

    def then(day: int, hour: int = 12) -> Tenant:
        return tenants.known_at(tenants.get("acme"), datetime(2026, 2, day, hour, tzinfo=UTC))

    tenants.create(ACME)
    on(12, shipping_rate=Decimal("0.1"))
    now = on(14, timezone="Asia/Tokyo", alert_thresholds={})
    assert then(20) == now
    assert then(14, 0) == now
    assert then(13) == replace(ACME, shipping_rate=Decimal("0.1"), clock_at=now.clock_at)
    assert then(11) == then(1) == replace(ACME, clock_at=now.clock_at)
    back = on(13, name="Acme anew")
    assert then(20) == then(13) == back
    assert then(12).name == ACME.name
    assert on(1, name="Long ago").name == then(20).name == "Long ago"
    assert tenants.known_at(back, tenants.BEGINNING).name == ACME.name


def test_settings_from_before_they_were_kept_are_those_before_the_first_change(database: str) -> None:
    tenants.create(ACME)
    with psycopg.connect(database) as db:  # as a tenant of an older GrowthOS
        db.execute("DELETE FROM ops.tenant_settings")
    assert tenants.known_at(ACME, datetime(2026, 1, 5, tzinfo=UTC)) == ACME
    changed = replace(ACME, currency="GBP", clock_at=datetime(2026, 2, 1, tzinfo=UTC))
    tenants.update("acme", lambda _: changed)
    assert tenants.known_at(changed, datetime(2026, 1, 5, tzinfo=UTC)).currency == "EUR"
    assert tenants.known_at(changed, datetime(2026, 2, 5, tzinfo=UTC)) == changed


def test_a_setting_that_is_newer_than_what_was_kept_is_as_it_is(database: str) -> None:
    tenants.create(ACME)
    tenants.update("acme", lambda acme: replace(acme, currency="GBP", clock_at=datetime(2026, 2, 1, tzinfo=UTC)))
    with psycopg.connect(database) as db:  # as kept by a GrowthOS that did not know of them
        db.execute("SELECT set_config('app.tenant_id', 'acme', true)")
        lacking = "(settings::jsonb - 'ops_rate' - 'category_margins')::json"
        db.execute(f"UPDATE ops.tenant_settings SET settings = {lacking}".encode())
    found = tenants.known_at(replace(ACME, ops_rate=Decimal("0.2")), datetime(2026, 1, 5, tzinfo=UTC))
    assert (found.currency, found.ops_rate, found.category_margins) == ("EUR", Decimal("0.2"), ACME.category_margins)


def test_everyone_is_listed_oldest_first(database: str) -> None:
    assert tenants.everyone() == []
    for tenant_id in ("zeta", "alpha", "beta"):
        tenants.create(Tenant(tenant_id, tenant_id))
    assert [tenant.tenant_id for tenant in tenants.everyone()] == ["zeta", "alpha", "beta"]


def test_a_second_tenant_of_one_id_is_refused(database: str) -> None:
    tenants.create(ACME)
    with pytest.raises(InvalidSetting, match="There is a tenant acme already"):
        tenants.create(Tenant("acme", "Impostor"))
    assert tenants.get("acme") == ACME


def test_an_unknown_tenant_is_told_who_is_known(database: str) -> None:
    assert tenants.find("acm") is None
    with pytest.raises(
        UnknownTenant,
        match=r"There is no tenant 'acm'\. There is no tenant yet in the database of DATABASE_URL: `make demo` makes",
    ):
        tenants.get("acm")
    tenants.create(ACME)
    tenants.create(Tenant("zeta", "Zeta"))
    for ask in (tenants.get, tenants.pii_key):
        with pytest.raises(UnknownTenant, match=r"There is no tenant 'acm'. Known tenants: acme, zeta\."):
            ask("acm")
    with pytest.raises(UnknownTenant, match="'nobody'"):
        tenants.update("nobody", lambda tenant: tenant)


def test_every_tenant_has_a_sealed_key_of_its_own(database: str) -> None:
    for tenant_id in ("acme", "zeta"):
        tenants.create(Tenant(tenant_id, tenant_id))
    key = tenants.pii_key("acme")
    assert len(key) == 32
    assert key == tenants.pii_key("acme") != tenants.pii_key("zeta")
    with psycopg.connect(database) as db:
        stored = [row[0] for row in db.execute("SELECT pii_key FROM ops.tenants")]
        assert all(key not in sealed for sealed in stored)
        db.execute("UPDATE ops.tenants a SET pii_key = b.pii_key FROM ops.tenants b WHERE a.tenant_id <> b.tenant_id")
    with pytest.raises(InvalidSetting, match="belongs to another tenant"):
        tenants.pii_key("acme")


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"tenant_id": ""}, "slug"),
        ({"tenant_id": "Acme"}, "slug"),
        ({"tenant_id": "acme\n"}, "slug"),
        ({"tenant_id": "-acme"}, "slug"),
        ({"tenant_id": "a/b"}, "slug"),
        ({"tenant_id": "a" * 64}, "at most 63"),
        ({"name": " "}, "needs a name"),
        ({"timezone": "Berlin"}, "'Berlin' is not an IANA time zone. Write e.g. Europe/London"),
        ({"timezone": "../etc/passwd"}, "IANA"),
        ({"timezone": ""}, "IANA"),
        ({"currency": "eur"}, "'eur' is not an ISO 4217 currency code. Write e.g. USD"),
        ({"currency": "EURO"}, "ISO 4217"),
        ({"category_margins": {"food": Decimal("0.4")}}, "needs a margin named default"),
        ({"category_margins": {"food": Decimal("1"), "default": Decimal("0.4")}}, "the margin of food is a share"),
        ({"shipping_rate": Decimal("-0.01")}, "shipping_rate is a share .* it is -0.01"),
        ({"shipping_rate": Decimal("8")}, "shipping_rate is a share"),
        ({"ops_rate": Decimal("1")}, "ops_rate is a share"),
        ({"ops_rate": Decimal("NaN")}, "ops_rate is a share"),
        (
            {"clock_at": datetime(2026, 2, 9)},
            r"clock_at is an instant and needs a time zone, e.g. 2026-02-09T00:00:00\+00:00",
        ),
    ],
)
def test_a_setting_that_cannot_be_is_refused_with_what_to_write(setting: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidSetting, match=said):
        Tenant(**{"tenant_id": "acme", "name": "Acme", **setting})


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(InvalidSetting, match=r"(?s)slug.*IANA.*ISO 4217"):
        Tenant("A", "A", timezone="x", currency="x")


@pytest.mark.parametrize("tenant_id", ["a", "0", "my-shop_2", "a" * 63])
def test_ids_that_are_fine(tenant_id: str) -> None:
    assert Tenant(tenant_id, "Fine").tenant_id == tenant_id
