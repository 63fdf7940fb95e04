"""A bulk result joined: parents and children come as lines, in any order.

A hash join on disk: as they come, the lines are dealt out to files, each parent to the same one as its children, and
then each file is joined in memory. So memory does not grow with the result. What is only passed on stays as Shopify
wrote it, undecoded.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from tempfile import TemporaryFile
from typing import IO, Any, NamedTuple
from zlib import crc32

import msgspec

from connectors.errors import Bug
from connectors.shopify.queries import Connection, Listing

Node = dict[str, Any]

IN_MEMORY = 8 << 20
"""Bytes of a result that are joined at once, as long as they make no more than so many files."""
MOST_FILES = 128
TOGETHER = 250
"""Nodes given at once."""
BUFFER = 1 << 17

KIND, PARENT, END = b'{"__typename":"', b',"__parentId":"', b'"}\n'
"""How a child's line begins and ends as a rule."""


class _Address(msgspec.Struct, gc=False):
    """Where a line belongs: only a child has a parent, and only of a child is its kind asked for."""

    id: str = ""
    parent: str | None = msgspec.field(name="__parentId", default=None)
    kind: str = msgspec.field(name="__typename", default="")


class _Part(NamedTuple):
    """Two files: some of the parents, and all of their children."""

    roots: IO[bytes]
    children: IO[bytes]


_address = msgspec.json.Decoder(_Address).decode
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_text = msgspec.json.Decoder(str).decode
_json = msgspec.json.Encoder().encode


@contextmanager
def joined(lines: Iterable[bytes], size: int, listing: Listing) -> Generator["Joined"]:
    """The result of a bulk operation, of some `size` in bytes, joined.

    Raises msgspec.DecodeError or UnicodeDecodeError for a line that is no JSON object.
    """
    with ExitStack() as files:

        def file() -> IO[bytes]:
            return files.enter_context(TemporaryFile(prefix="growthos-shopify-", buffering=BUFFER))

        parts = [_Part(file(), file()) for _ in range(min(MOST_FILES // 2, size // IN_MEMORY + 1))]
        objects = roots = 0
        for line in lines:
            address = _address(line.decode())
            objects += 1
            if address.parent is None:
                roots += 1
                parts[crc32(address.id.encode()) % len(parts)].roots.write(line)
            else:
                parts[crc32(address.parent.encode()) % len(parts)].children.write(line)
        yield Joined(listing, parts, objects, roots)


class Joined:
    """How many `objects` and `roots` a result holds, and the roots with their children."""

    def __init__(self, listing: Listing, parts: Sequence[_Part], objects: int, roots: int) -> None:
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
            nodes = iter(self._of(part))
            while batch := list(islice(nodes, TOGETHER)):
                yield batch

    def _of(self, part: _Part) -> list[Node]:
        """The roots of one part. All but their ids and connections is undecoded (msgspec.Raw)."""
        roots, by_id = list[Node](), dict[str, Node]()
        for line in _read(part.roots):
            root: Node = _fields(line)
            root["id"] = _text(root["id"])
            root.update({connection.name: {"nodes": []} for connection in self._listing.connections})
            roots.append(root)
            by_id[root["id"]] = root
        for line in _read(part.children):
            address = _address(line)
            parent = by_id.get(str(address.parent))
            if parent is not None:
                parent[self._connection(address.kind).name]["nodes"].append(_alone(line, address))
                self._adopted += 1
        return roots

    def _connection(self, kind: str) -> Connection:
        for connection in self._listing.connections:
            if kind in connection.types or not connection.types:
                return connection
        raise Bug(f"Shopify's bulk result holds a {kind}, which nothing here asks for; report it.")


def _read(file: IO[bytes]) -> IO[bytes]:
    file.seek(0)
    return file


def _alone(line: bytes, address: _Address) -> msgspec.Raw:
    """A child as it is in a page: without the fields that say where it belongs, which are its first and its last."""
    begin, end = len(KIND) + len(address.kind), len(line) - len(PARENT) - len(str(address.parent)) - len(END)
    if line.startswith(KIND) and line.startswith(b'",', begin) and line.startswith(PARENT, end) and line.endswith(END):
        return msgspec.Raw(b"{%b}" % line[begin + 2 : end])
    child = _fields(line)
    return msgspec.Raw(_json({name: told for name, told in child.items() if name not in ("__typename", "__parentId")}))
