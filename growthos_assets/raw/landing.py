"""From a source's records to what is landed: personal data hashed, payloads as canonical JSON, in batches, spooled."""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from tempfile import TemporaryFile
from typing import IO, Any

import msgspec
import polars as pl

from connectors.source import RawRecord, Stream
from warehouse import tenants, vault
from warehouse.tenants import Tenant

BATCH = 20_000
"""Records a COPY: enough that the database sets the pace, few enough that a big shop's history fits in memory."""
IN_MEMORY = 64 << 20
"""Bytes of a slice that are kept in memory; the rest of it waits in a temporary file."""

Encode = Callable[[RawRecord], str]


def encoder(tenant: Tenant, stream: Stream) -> Encode:
    """What makes a record's payload canonical JSON; its personal data hashed, unless the tenant keeps it in clear."""
    to_json = msgspec.json.Encoder(order="sorted").encode
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


@contextmanager
def spooled(frames: Iterable[pl.DataFrame]) -> Generator[Iterator[pl.DataFrame]]:
    """All of the frames, taken in at once and given back one by one, in order.

    However long a source takes to tell them, the database is not kept waiting with an open transaction.
    """
    with TemporaryFile(prefix="growthos-slice-") as file:
        held, kept = 0, list[pl.DataFrame | int]()
        for frame in frames:
            held += frame.estimated_size()
            kept.append(frame if held <= IN_MEMORY else _write(file, frame))
        file.seek(0)
        yield (each if isinstance(each, pl.DataFrame) else pl.read_ipc_stream(file.read(each)) for each in kept)


def _write(file: IO[bytes], frame: pl.DataFrame) -> int:
    """The bytes that the frame took in the file."""
    written = BytesIO()
    frame.write_ipc_stream(written, compression="lz4")
    return file.write(written.getbuffer())


def _hash_at(node: Any, path: list[str], key: bytes) -> None:
    """Replace the e-mail address at a path by its hash, in place; an absent path is left absent."""
    for step in path[:-1]:
        node = node.get(step) if isinstance(node, dict) else None
    if isinstance(node, dict) and node.get(path[-1]):
        node[path[-1]] = vault.hash_email(node[path[-1]], key)
