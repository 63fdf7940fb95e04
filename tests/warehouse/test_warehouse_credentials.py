"""Credentials at rest: sealed, a tenant's own, changed by one at a time, and moved to a new key."""

import base64
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from warehouse import credentials, rotation, tenants, vault
from warehouse.contract import schema_of
from warehouse.database import Warehouse
from warehouse.errors import InvalidSetting, UnknownCredential
from warehouse.ops import OPS
from warehouse.server import app_url, text
from warehouse.tenants import Tenant

OLD, NEW = (base64.b64encode(bytes([letter]) * 32).decode() for letter in b"on")
SECRET = b'{"token": "planted-secret-0001"}'


@pytest.fixture
def warehouse(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warehouse]:
    monkeypatch.setenv("GROWTHOS_ENCRYPTION_KEY", OLD)
    for tenant_id in ("acme", "other"):
        tenants.create(Tenant(tenant_id, tenant_id))
    opened = Warehouse(text(app_url()))
    yield opened
    opened.close()


def test_what_is_stored_is_loaded_and_shown_without_its_content(warehouse: Warehouse) -> None:
    credentials.store(warehouse, "acme", "shopify", "my-store", SECRET, "working")
    credentials.store(warehouse, "acme", "meta", "default", b"other", "untested")
    assert credentials.load(warehouse, "acme", "shopify", "my-store") == SECRET
    meta, shopify = credentials.everything(warehouse, "acme")
    assert (meta.source, meta.name, meta.status, meta.verified_at) == ("meta", "default", "untested", None)
    assert (shopify.source, shopify.name, shopify.status) == ("shopify", "my-store", "working")
    assert shopify.verified_at == shopify.created_at == shopify.updated_at
    assert shopify.key_id == vault.sealing_key_id()
    assert "planted" not in repr(shopify)


def test_connecting_again_replaces_the_content_and_remembers_when_it_began(warehouse: Warehouse) -> None:
    credentials.store(warehouse, "acme", "shopify", "my-store", b"first", "working")
    (before,) = credentials.everything(warehouse, "acme")
    credentials.store(warehouse, "acme", "shopify", "my-store", b"second", "failing")
    (after,) = credentials.everything(warehouse, "acme")
    assert credentials.load(warehouse, "acme", "shopify", "my-store") == b"second"
    assert (after.status, after.created_at, after.verified_at) == ("failing", before.created_at, before.verified_at)
    assert after.updated_at > before.updated_at


def test_a_name_that_no_key_can_hold_is_refused(warehouse: Warehouse) -> None:
    name = "é" * (credentials.NAME_BYTES // 2)
    credentials.store(warehouse, "acme", "webhook", name, SECRET, "working")
    with pytest.raises(InvalidSetting, match="at most 200 bytes; this one has 201"):
        credentials.store(warehouse, "acme", "webhook", f"{name}e", SECRET, "working")
    assert [one.name for one in credentials.destinations(warehouse, "acme")] == [name]


def test_a_test_of_it_leaves_its_mark(warehouse: Warehouse) -> None:
    credentials.store(warehouse, "acme", "ga4", "default", SECRET, "untested")
    credentials.mark(warehouse, "acme", "ga4", "default", "working")
    (working,) = credentials.everything(warehouse, "acme")
    credentials.mark(warehouse, "acme", "ga4", "default", "failing")
    (failing,) = credentials.everything(warehouse, "acme")
    assert (working.status, failing.status) == ("working", "failing")
    assert working.verified_at is not None
    assert working.verified_at == failing.verified_at
    assert working.updated_at == failing.updated_at == working.created_at


def test_a_tenant_has_only_its_own(warehouse: Warehouse) -> None:
    credentials.store(warehouse, "acme", "shopify", "my-store", SECRET, "working")
    assert credentials.everything(warehouse, "other") == []
    for ask in (
        lambda: credentials.load(warehouse, "other", "shopify", "my-store"),
        lambda: credentials.forget(warehouse, "other", "shopify", "my-store"),
        lambda: credentials.mark(warehouse, "other", "shopify", "my-store", "failing"),
        lambda: credentials.change(warehouse, "other", "shopify", "my-store", lambda content: b""),
    ):
        with pytest.raises(UnknownCredential, match=r"other has no credential shopify/my-store.*--tenant other"):
            ask()
    assert credentials.load(warehouse, "acme", "shopify", "my-store") == SECRET


def test_what_is_forgotten_is_gone(warehouse: Warehouse) -> None:
    credentials.store(warehouse, "acme", "shopify", "my-store", SECRET, "working")
    credentials.store(warehouse, "acme", "shopify", "second", SECRET, "working")
    credentials.forget(warehouse, "acme", "shopify", "my-store")
    assert [stored.name for stored in credentials.everything(warehouse, "acme")] == ["second"]


@pytest.mark.parametrize(
    "move",
    ["tenant_id = 'other'", "source = 'meta'", "name = 'another'"],
)
def test_a_credential_opens_nowhere_but_in_its_row(warehouse: Warehouse, database: str, move: str) -> None:
    credentials.store(warehouse, "acme", "shopify", "my-store", SECRET, "working")
    with psycopg.connect(database) as owner:
        owner.execute(f"UPDATE ops.connector_credentials SET {move}".encode())
        tenant_id, source, name = owner.execute(
            "SELECT tenant_id, source, name FROM ops.connector_credentials"
        ).fetchone() or ("", "", "")
    with pytest.raises(InvalidSetting, match="damaged or belongs to another tenant"):
        credentials.load(warehouse, tenant_id, source, name)


def test_those_who_change_it_take_turns_and_none_is_lost(warehouse: Warehouse) -> None:
    credentials.store(warehouse, "acme", "shopify", "my-store", b"0", "working")
    inside = threading.Semaphore(1)

    def increment(content: bytes) -> bytes:
        assert inside.acquire(blocking=False)
        inside.release()
        return str(int(content) + 1).encode()

    def change(_: int) -> bytes:
        return credentials.change(warehouse, "acme", "shopify", "my-store", increment)

    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(change, range(8)))
    assert sorted(int(content) for content in seen) == list(range(1, 9))
    assert credentials.load(warehouse, "acme", "shopify", "my-store") == b"8"


def test_another_credential_need_not_wait(warehouse: Warehouse) -> None:
    for name in ("one", "two"):
        credentials.store(warehouse, "acme", "shopify", name, b"0", "working")

    def nested(content: bytes) -> bytes:
        credentials.change(warehouse, "acme", "shopify", "two", lambda other: b"changed meanwhile")
        return b"changed"

    credentials.change(warehouse, "acme", "shopify", "one", nested)
    assert credentials.load(warehouse, "acme", "shopify", "two") == b"changed meanwhile"


def test_a_change_that_fails_leaves_it_as_it_was_and_free(warehouse: Warehouse) -> None:
    credentials.store(warehouse, "acme", "shopify", "my-store", SECRET, "working")

    def fail(content: bytes) -> bytes:
        raise ConnectionError("the API is away")

    for _ in range(2):
        with pytest.raises(ConnectionError):
            credentials.change(warehouse, "acme", "shopify", "my-store", fail)
    assert credentials.load(warehouse, "acme", "shopify", "my-store") == SECRET


def test_what_is_left_as_it_was_is_not_written(warehouse: Warehouse) -> None:
    credentials.store(warehouse, "acme", "shopify", "my-store", SECRET, "working")
    before = credentials.everything(warehouse, "acme")
    assert credentials.change(warehouse, "acme", "shopify", "my-store", lambda content: content) == SECRET
    assert credentials.everything(warehouse, "acme") == before


def everything(database: str) -> bytes:
    """All that the database holds in the schema ops, as a dump would have it."""
    with psycopg.connect(database) as owner:
        tables = owner.execute("SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'ops'")
        rows = [
            owner.execute(f"SELECT t::text FROM {name} t".encode()).fetchall() + raw(owner, name)
            for (name,) in tables.fetchall()
        ]
    return repr(rows).encode()


def raw(owner: psycopg.Connection, table: str) -> list[tuple[object, ...]]:
    return owner.execute(f"SELECT * FROM {table}".encode()).fetchall()


def test_the_database_never_holds_it_in_clear(warehouse: Warehouse, database: str) -> None:
    credentials.store(warehouse, "acme", "shopify", "my-store", SECRET, "working")
    credentials.change(warehouse, "acme", "shopify", "my-store", lambda content: content + b" planted-again")
    held = everything(database)
    assert b"my-store" in held
    assert b"planted" not in held
    assert b"planted".hex().encode() not in held


def test_rotation_moves_every_secret_and_the_old_key_can_go(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    for tenant_id in ("acme", "other"):
        credentials.store(warehouse, tenant_id, "shopify", "my-store", tenant_id.encode(), "working")
    credentials.store(warehouse, "acme", "meta", "default", SECRET, "working")
    pii_keys = [tenants.pii_key(tenant_id) for tenant_id in ("acme", "other")]
    before = credentials.everything(warehouse, "acme")

    monkeypatch.setenv("GROWTHOS_ENCRYPTION_KEY", f"{NEW},{OLD}")
    credentials.store(warehouse, "other", "ga4", "default", b"under the new key already", "working")
    rotated = rotation.rotate()
    assert (rotated.secrets, rotated.resealed, rotated.key_id) == (6, 5, vault.sealing_key_id())
    again = rotation.rotate()
    assert (again.secrets, again.resealed) == (6, 0)

    monkeypatch.setenv("GROWTHOS_ENCRYPTION_KEY", NEW)
    assert [tenants.pii_key(tenant_id) for tenant_id in ("acme", "other")] == pii_keys
    assert credentials.load(warehouse, "acme", "meta", "default") == SECRET
    assert credentials.load(warehouse, "other", "shopify", "my-store") == b"other"
    assert {stored.key_id for stored in credentials.everything(warehouse, "acme")} == {rotated.key_id}
    assert [stored.updated_at for stored in credentials.everything(warehouse, "acme")] == [
        stored.updated_at for stored in before
    ]
    monkeypatch.setenv("GROWTHOS_ENCRYPTION_KEY", OLD)
    with pytest.raises(InvalidSetting, match="Add that key behind the current one"):
        credentials.load(warehouse, "acme", "meta", "default")


def test_rotation_stops_at_a_secret_that_it_cannot_open_and_leaves_that_tenant_alone(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROWTHOS_ENCRYPTION_KEY", NEW)
    credentials.store(warehouse, "other", "shopify", "my-store", SECRET, "working")
    third = base64.b64encode(b"t" * 32).decode()
    monkeypatch.setenv("GROWTHOS_ENCRYPTION_KEY", f"{third},{OLD}")
    with pytest.raises(InvalidSetting, match="tenant other was sealed with key"):
        rotation.rotate()
    monkeypatch.setenv("GROWTHOS_ENCRYPTION_KEY", f"{NEW},{OLD}")
    assert len(tenants.pii_key("other")) == 32
    assert credentials.load(warehouse, "other", "shopify", "my-store") == SECRET


def test_rotation_waits_for_a_change_and_keeps_it(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials.store(warehouse, "acme", "shopify", "my-store", b"before", "working")
    monkeypatch.setenv("GROWTHOS_ENCRYPTION_KEY", f"{NEW},{OLD}")
    with ThreadPoolExecutor(1) as pool:

        def meanwhile(content: bytes) -> bytes:
            running.append(pool.submit(rotation.rotate))
            with pytest.raises(TimeoutError):
                running[0].result(timeout=0.3)
            return b"after"

        running = list[object]()
        credentials.change(warehouse, "acme", "shopify", "my-store", meanwhile)
    assert credentials.load(warehouse, "acme", "shopify", "my-store") == b"after"


def test_every_sealed_column_is_rotated() -> None:
    """A new one has to be added to rotation.SEALED: else its secrets are lost with the old key."""
    binary = {
        (contract.__spec__.qualified, name)
        for contract in OPS
        for name, column in schema_of(contract).columns.items()
        if str(column.dtype) == "Binary" and name != "payload_hash"
    }
    assert len(binary) == len(rotation.SEALED)
    for table, column in binary:
        assert any(table in sealed.select and column in sealed.update for sealed in rotation.SEALED)
