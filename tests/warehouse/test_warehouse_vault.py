"""Secrets at rest: only the tenant, purpose and key that they were sealed for open them."""

import base64
import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse import vault
from warehouse.errors import InvalidSetting

OLD, NEW = b"o" * 32, b"n" * 32


def encoded(*keys: bytes) -> str:
    return ",".join(base64.b64encode(key).decode() for key in keys)


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GROWTHOS_ENCRYPTION_KEY", encoded(OLD))
    monkeypatch.setenv("GROWTHOS_HOME", str(tmp_path))
    monkeypatch.delenv("DEMO_MODE", raising=False)


@pytest.mark.parametrize("plaintext", [b"", b"token", bytes(range(256)) * 40])
def test_what_is_sealed_is_unsealed(plaintext: bytes) -> None:
    sealed = vault.seal(plaintext, "acme", "shopify")
    assert vault.unseal(sealed, "acme", "shopify") == plaintext
    assert len(sealed) == 8 + 12 + len(plaintext) + 16


def test_sealing_twice_gives_different_bytes_that_do_not_show_the_secret() -> None:
    once, twice = (vault.seal(b"token", "acme", "shopify") for _ in range(2))
    assert once != twice
    assert b"token" not in once


def test_another_tenant_or_purpose_cannot_unseal() -> None:
    sealed = vault.seal(b"token", "acme", "shopify")
    for tenant_id, purpose in (("other", "shopify"), ("acme", "meta"), ("acme|shopify", ""), ("", "acme|shopify")):
        with pytest.raises(InvalidSetting, match="damaged or belongs to another tenant"):
            vault.unseal(sealed, tenant_id, purpose)


def test_any_changed_byte_is_noticed() -> None:
    sealed = vault.seal(b"token", "acme", "shopify")
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(InvalidSetting):
            vault.unseal(bytes(changed), "acme", "shopify")


@pytest.mark.parametrize("length", [0, 7, 8, 19, 20, 35])
def test_a_secret_cut_short_is_damaged(length: int) -> None:
    with pytest.raises(InvalidSetting):
        vault.unseal(vault.seal(b"token", "acme", "shopify")[:length], "acme", "shopify")


def test_keys_are_rotated_by_putting_the_new_one_in_front(monkeypatch: pytest.MonkeyPatch) -> None:
    old = vault.seal(b"token", "acme", "shopify")
    monkeypatch.setenv("GROWTHOS_ENCRYPTION_KEY", f"{NEW.hex()} , {encoded(OLD)}")
    assert vault.unseal(old, "acme", "shopify") == b"token"
    new = vault.seal(b"token", "acme", "shopify")

    monkeypatch.setenv("GROWTHOS_ENCRYPTION_KEY", encoded(NEW))
    assert vault.unseal(new, "acme", "shopify") == b"token"
    with pytest.raises(InvalidSetting, match="Add that key behind the current one"):
        vault.unseal(old, "acme", "shopify")


@pytest.mark.parametrize(
    "malformed",
    ["x", "secret", "ä" * 32, encoded(b"k" * 31), encoded(b"k" * 33), OLD.hex()[:-2], encoded(OLD) + ",", "z" * 64],
)
def test_a_malformed_key_is_refused_without_showing_it(monkeypatch: pytest.MonkeyPatch, malformed: str) -> None:
    monkeypatch.setenv("GROWTHOS_ENCRYPTION_KEY", malformed)
    with pytest.raises(InvalidSetting, match="32-byte keys in base64 or hex") as raised:
        vault.seal(b"token", "acme", "shopify")
    assert len(malformed) < 10 or malformed not in str(raised.value)


@pytest.mark.parametrize("off", ["false", "False", "0", "no", " off "])
def test_without_a_key_only_the_demo_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, off: str) -> None:
    monkeypatch.delenv("GROWTHOS_ENCRYPTION_KEY")
    monkeypatch.setenv("DEMO_MODE", off)
    with pytest.raises(InvalidSetting, match=r"GROWTHOS_ENCRYPTION_KEY is not set.*Make a key: python -c") as raised:
        vault.seal(b"token", "acme", "shopify")
    assert list(tmp_path.iterdir()) == []

    make = str(raised.value).partition("python -c '")[2].rstrip("'")
    made = subprocess.run([sys.executable, "-c", make], capture_output=True, text=True, check=True).stdout
    monkeypatch.setenv("GROWTHOS_ENCRYPTION_KEY", made)
    assert vault.unseal(vault.seal(b"token", "acme", "shopify"), "acme", "shopify") == b"token"


def test_the_demo_makes_one_private_key_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GROWTHOS_ENCRYPTION_KEY")
    sealed = vault.seal(b"token", "acme", "shopify")
    assert vault.unseal(sealed, "acme", "shopify") == b"token"
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(file.read_bytes()) == 32


@pytest.mark.parametrize("left", [0, 31, 33])
def test_a_damaged_key_file_is_told_and_left_as_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, left: int
) -> None:
    monkeypatch.delenv("GROWTHOS_ENCRYPTION_KEY")
    (tmp_path / "demo.key").write_bytes(b"k" * left)
    for use in (vault.sealing_key_id, lambda: vault.unseal(b"k" * 40, "acme", "shopify")):
        with pytest.raises(InvalidSetting, match=rf"demo\.key has {left} bytes.* Put it back .* delete the file"):
            use()
    assert (tmp_path / "demo.key").read_bytes() == b"k" * left


def test_a_key_file_that_cannot_be_written_or_read_is_told_and_leaves_nothing_half_done(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.delenv("GROWTHOS_ENCRYPTION_KEY")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(InvalidSetting, match=r"demo\.key can't be made or read: No space left on device\. See"):
            vault.sealing_key_id()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "demo.key").mkdir()
    with pytest.raises(InvalidSetting, match=r"demo\.key can't be made or read: Is a directory"):
        vault.sealing_key_id()


def test_processes_that_come_at_once_make_one_demo_key(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "GROWTHOS_ENCRYPTION_KEY"}
    code = (
        "import sys; from warehouse import vault; sys.stdin.readline(); "
        "print(next(iter(vault.keyring().values())).hex())"
    )
    children = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            env=environment | {"GROWTHOS_HOME": str(tmp_path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    keys = {child.communicate("go\n")[0].strip() for child in children}
    assert keys == {(tmp_path / "demo.key").read_bytes().hex()}
    assert [file.name for file in tmp_path.iterdir()] == ["demo.key"]


def test_e_mail_addresses_are_hashed_as_people_mean_them() -> None:
    key = vault.new_pii_key()
    emails = pl.Series("email", ["Ann@Example.com", " ann@example.com\n", "bob@example.com", None, "", " "])
    ann, same, bob, *none = vault.hash_emails(emails, key).to_list()
    assert ann == same == vault.hash_email("ann@example.com", key)
    assert ann.startswith("hmac:")
    assert len(ann) == 5 + 64
    assert bob != ann
    assert none == [None, None, None]
    assert vault.hash_email("ann@example.com", vault.new_pii_key()) != ann


@given(st.lists(st.none() | st.from_regex(r"\A[ A-Za-z.+]{1,8}@[A-Za-z]{1,5}\.com\Z"), max_size=5))
def test_hashing_twice_changes_nothing_more(emails: list[str | None]) -> None:
    once = vault.hash_emails(pl.Series("email", emails, dtype=pl.String), OLD)
    assert once.dtype == pl.String
    assert vault.hash_emails(once, OLD).to_list() == once.to_list()
    assert once.is_null().to_list() == [email is None for email in emails]
