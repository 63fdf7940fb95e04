"""From a source's records to what is landed: personal data hashed, payloads as JSON, in batches."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
import polars as pl

from connectors.source import RawRecord, Stream, decoded
from warehouse import tenants, vault
from warehouse.tenants import Tenant

BATCH = 4_000
"""Records a COPY: enough that its round trips cost little, few enough that it begins while most are yet to come."""

Encode = Callable[[RawRecord], str]


def encoder(tenant: Tenant, stream: Stream) -> Encode:
    """What makes a record's payload JSON; its personal data hashed, unless the tenant keeps it in clear."""
    to_json = msgspec.json.Encoder().encode
    if tenant.keep_pii or not stream.pii:
        return lambda record: to_json(record.payload).decode()
    key = tenants.pii_key(tenant.tenant_id)
    paths = [path.split(".") for path in stream.pii]

    def encode(record: RawRecord) -> str:
        for path in paths:
            _hash_at(record.payload, path, key)
        return to_json(record.payload).decode()

    return encode


def batches(pages: Iterable[tuple[list[str], list[str]]]) -> Iterator[pl.DataFrame]:
    """Pages of (external ids, payloads) as frames of at least `BATCH` rows, but for the last: external_id, payload.

    Texts, not decoded payloads, are what is kept until a batch is full: they are lean.
    """
    ids, payloads = list[str](), list[str]()
    for some_ids, some_payloads in pages:
        ids += some_ids
        payloads += some_payloads
        if len(ids) >= BATCH:
            yield pl.DataFrame({"external_id": ids, "payload": payloads})
            ids, payloads = [], []
    if ids:
        yield pl.DataFrame({"external_id": ids, "payload": payloads})


def _hash_at(node: Any, path: list[str], key: bytes) -> None:
    """Replace the e-mail address at a path by its hash, in place; an absent path is left absent."""
    step, *rest = path
    if not isinstance(node, dict) or not (value := decoded(node.get(step))):
        return
    if rest:
        _hash_at(value, rest, key)
        node[step] = value
    else:
        node[step] = vault.hash_email(value, key)
