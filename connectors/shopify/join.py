"""A bulk result joined: parents and children come as lines, in any order.

A hash join on disk: as they come, the lines are dealt out to files, each parent to the same one as its children, and
then each file is joined in memory. So memory does not grow with the result. What is only passed on stays as Shopify
wrote it, undecoded.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from tempfile import TemporaryFile
from typing import IO, Any
from zlib import crc32

import msgspec

from connectors.errors import Bug
from connectors.shopify.queries import Connection, Listing

Node = dict[str, Any]

IN_MEMORY = 8 << 20
"""Bytes of a result that are joined at once, as long as they make no more than so many files."""
MOST_FILES = 64
TOGETHER = 250
"""Nodes given at once."""
BUFFER = 1 << 18


class _Address(msgspec.Struct):
    id: str = ""
    parent: str | None = msgspec.field(name="__parentId", default=None)


_address = msgspec.json.Decoder(_Address).decode
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_text = msgspec.json.Decoder(str).decode


@contextmanager
def joined(lines: Iterable[bytes], size: int, listing: Listing) -> Generator["Joined"]:
    """The result of a bulk operation, of some `size` in bytes, joined.

    Raises msgspec.DecodeError or UnicodeDecodeError for a line that is no JSON object.
    """
    with ExitStack() as parts:
        files = [
            parts.enter_context(TemporaryFile(prefix="growthos-shopify-", buffering=BUFFER))
            for _ in range(min(MOST_FILES, size // IN_MEMORY + 1))
        ]
        objects = roots = 0
        for line in lines:
            address = _address(line.decode())
            objects += 1
            roots += address.parent is None
            owner = address.id if address.parent is None else address.parent
            files[crc32(owner.encode()) % len(files)].write(line)
        yield Joined(listing, files, objects, roots)


class Joined:
    """How many `objects` and `roots` a result holds, and the roots with their children."""

    def __init__(self, listing: Listing, parts: Sequence[IO[bytes]], objects: int, roots: int) -> None:
        self._listing, self._parts = listing, parts
        self.objects, self.roots = objects, roots
        self._adopted = 0

    @property
    def orphans(self) -> int:
        """Children whose parent is not there; known once the nodes have been read."""
        return self.objects - self.roots - self._adopted

    def nodes(self) -> Iterator[list[Node]]:
        """The roots, some at a time, each with all of its children in the file's order."""
        for part in self._parts:
            part.seek(0)
            nodes = iter(self._of(part))
            while batch := list(islice(nodes, TOGETHER)):
                yield batch

    def _of(self, part: IO[bytes]) -> list[Node]:
        """The roots of one file. All but their ids and connections is undecoded (msgspec.Raw)."""
        roots, children = list[Node](), list[Node]()
        for line in part:
            node: Node = _fields(line)
            (children if "__parentId" in node else roots).append(node)
        by_id = dict[str, Node]()
        for root in roots:
            root["id"] = _text(root["id"])
            root.update({connection.name: {"nodes": []} for connection in self._listing.connections})
            by_id[root["id"]] = root
        for child in children:
            parent = by_id.get(_text(child.pop("__parentId")))
            if parent is not None:
                parent[self._connection(_text(child.pop("__typename"))).name]["nodes"].append(child)
                self._adopted += 1
        return roots

    def _connection(self, kind: str) -> Connection:
        for connection in self._listing.connections:
            if kind in connection.types or not connection.types:
                return connection
        raise Bug(f"Shopify's bulk result holds a {kind}, which nothing here asks for; report it.")
