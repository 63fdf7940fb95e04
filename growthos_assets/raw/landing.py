"""From a source's pages into raw.raw_events: personal data hashed, payloads as canonical JSON, in batches."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import polars as pl

from connectors.source import RawRecord, Source, Stream
from warehouse import raw, tenants, vault
from warehouse.database import Warehouse
from warehouse.tenants import Tenant

BATCH = 20_000
"""Records a COPY: enough that the database sets the pace, few enough that a big shop's history fits in memory."""


@dataclass(frozen=True)
class Pulled:
    """What became of a pull of one stream."""

    pages: int = 0
    received: int = 0
    landed: int = 0

    @property
    def unchanged(self) -> int:
        """Records that added no version."""
        return self.received - self.landed


def pull(database: Warehouse, tenant: Tenant, source: Source, stream: Stream, until: datetime) -> Pulled:
    """Land everything that the stream has up to `until`, all or nothing; what is known already is not written again."""
    key = None if tenant.keep_pii or not stream.pii else tenants.pii_key(tenant.tenant_id)
    pages = 0

    def batches() -> Iterator[pl.DataFrame]:
        nonlocal pages
        ids, payloads = list[str](), list[str]()
        for page in source.pages(stream, since=None, until=until):
            pages += 1
            # encoded page by page: a batch of texts is lean, a batch of nested dicts is not
            ids += [record.external_id for record in page]
            payloads += [_encoded(record, stream, key) for record in page]
            if len(ids) >= BATCH:
                yield pl.DataFrame({"external_id": ids, "payload": payloads})
                ids, payloads = [], []
        if ids:
            yield pl.DataFrame({"external_id": ids, "payload": payloads})

    landed = raw.land(database, tenant.tenant_id, stream.source, stream.name, batches(), until)
    return Pulled(pages, landed.received, landed.landed)


_encode = msgspec.json.Encoder(order="sorted").encode


def _encoded(record: RawRecord, stream: Stream, pii_key: bytes | None) -> str:
    """The payload as canonical JSON; its personal data hashed if there is a key for it."""
    if pii_key is not None:
        for path in stream.pii:
            _hash_at(record.payload, path.split("."), pii_key)
    return _encode(record.payload).decode()


def _hash_at(node: Any, path: list[str], key: bytes) -> None:
    """Replace the e-mail address at a path by its hash, in place; an absent path is left absent."""
    for step in path[:-1]:
        node = node.get(step) if isinstance(node, dict) else None
    if isinstance(node, dict) and node.get(path[-1]):
        node[path[-1]] = vault.hash_email(node[path[-1]], key)
