"""Secrets at rest: AES-256-GCM with the tenant, the purpose and the key's id as associated data.

Keys come from GROWTHOS_ENCRYPTION_KEY: one or more 32-byte keys in base64 or hex, separated by commas. The first
seals; all open, so that a key is rotated by putting a new one in front. Without one, and unless DEMO_MODE is off, a
key file is made beside the database: enough to try things out, and no protection against who has the folder.
"""

import base64
import binascii
import contextlib
import hashlib
import hmac
import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path

import polars as pl
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from warehouse.environment import demo_mode, home
from warehouse.errors import InvalidSetting

KEY_BYTES = 32
NONCE_BYTES = 12
KEY_ID_BYTES = 8
NEW_KEY = "python -c 'import base64, os; print(base64.b64encode(os.urandom(32)).decode())'"


def seal(plaintext: bytes, tenant_id: str, purpose: str) -> bytes:
    """Encrypt for one tenant and one purpose; gives key id (8 bytes), nonce (12), ciphertext with tag."""
    key_id, key = next(iter(keyring().items()))
    nonce = secrets.token_bytes(NONCE_BYTES)
    return key_id + nonce + AESGCM(key).encrypt(nonce, plaintext, _associated(tenant_id, purpose, key_id))


def unseal(sealed: bytes, tenant_id: str, purpose: str) -> bytes:
    """Decrypt what `seal` gave; InvalidSetting if the key is not at hand or anything was changed."""
    key_id, nonce = sealed[:KEY_ID_BYTES], sealed[KEY_ID_BYTES : KEY_ID_BYTES + NONCE_BYTES]
    key = keyring().get(key_id)
    if key is None:
        raise InvalidSetting(
            f"A secret of tenant {tenant_id} was sealed with key {key_id.hex()}, which is not in "
            "GROWTHOS_ENCRYPTION_KEY. Add that key behind the current one; the demo's own is in its key file, which is "
            "read only while the variable is not set: docs/connections.md."
        )
    try:
        return AESGCM(key).decrypt(nonce, sealed[KEY_ID_BYTES + NONCE_BYTES :], _associated(tenant_id, purpose, key_id))
    except (InvalidTag, ValueError):  # ValueError: too short to be one
        raise InvalidSetting(f"A secret of tenant {tenant_id} is damaged or belongs to another tenant.") from None


def reseal(sealed: bytes, tenant_id: str, purpose: str) -> bytes:
    """The same secret under the sealing key; the very same bytes if it is under that key already and opens."""
    plaintext = unseal(sealed, tenant_id, purpose)
    return sealed if key_id(sealed) == sealing_key_id() else seal(plaintext, tenant_id, purpose)


def key_id(sealed: bytes) -> str:
    """The id of the key that sealed it, in hex: no secret, and not enough to find the key by."""
    return sealed[:KEY_ID_BYTES].hex()


def sealing_key_id() -> str:
    """The id of the key that seals now, in hex."""
    return next(iter(keyring())).hex()


def keyring() -> Mapping[bytes, bytes]:
    """Key id → key, the sealing key first."""
    configured = os.environ.get("GROWTHOS_ENCRYPTION_KEY")
    keys = [_decoded(part) for part in configured.split(",")] if configured else [_demo_key()]
    return {hashlib.sha256(key).digest()[:KEY_ID_BYTES]: key for key in keys}


def new_pii_key() -> bytes:
    """A key for hashing one tenant's e-mail addresses."""
    return secrets.token_bytes(32)


def hash_email(email: str, key: bytes) -> str:
    """The address as "hmac:" and the HMAC-SHA-256 of its trimmed lower-case form; hashes are left as they are."""
    if email.startswith("hmac:"):
        return email
    return "hmac:" + hmac.new(key, email.strip().lower().encode(), hashlib.sha256).hexdigest()


def hash_emails(emails: pl.Series, key: bytes) -> pl.Series:
    """`hash_email` of each; null stays null, empty text becomes null."""
    distinct = emails.drop_nulls().unique().to_list()
    hashed = {email: hash_email(email, key) if email.strip() else None for email in distinct}
    return emails.replace_strict(hashed, default=None, return_dtype=pl.String)


def _associated(tenant_id: str, purpose: str, key_id: bytes) -> bytes:
    return f"{tenant_id}|{purpose}|{key_id.hex()}".encode()


def _decoded(part: str) -> bytes:
    part = part.strip()
    try:
        key = bytes.fromhex(part) if len(part) == 64 else base64.b64decode(part, validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != KEY_BYTES:
        raise InvalidSetting(
            f"GROWTHOS_ENCRYPTION_KEY must hold 32-byte keys in base64 or hex, separated by commas. Make one: {NEW_KEY}"
        )
    return key


def _demo_key() -> bytes:
    if not demo_mode():
        raise InvalidSetting(f"GROWTHOS_ENCRYPTION_KEY is not set, and DEMO_MODE is off. Make a key: {NEW_KEY}")
    path = home() / "demo.key"
    try:
        if not path.exists():
            _make_once(path, secrets.token_bytes(KEY_BYTES))
        key = path.read_bytes()
    except OSError as error:
        raise InvalidSetting(
            f"The key file {path} can't be made or read: {error.strerror}. See to it that it can, or set "
            f"GROWTHOS_ENCRYPTION_KEY to a key of your own. Make one: {NEW_KEY}"
        ) from error
    if len(key) != KEY_BYTES:
        raise InvalidSetting(
            f"The key file {path} has {len(key)} bytes, so it is damaged: a key has {KEY_BYTES}. Put it back from a "
            "backup, since nothing else opens what it has sealed: logins, and the keys that e-mail addresses are "
            "hashed with. If no tenant was made yet, delete the file: the next command makes a new one."
        )
    return key


def _make_once(path: Path, content: bytes) -> None:
    """Make the file, whole and on the disk or not at all. Where another process was faster, its file stays."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        os.unlink(draft)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # its name too: a key that is gone after a crash would be followed by another one
    finally:
        os.close(folder)
