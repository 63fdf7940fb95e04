"""A bulk result joined: parents and children come as lines of one file, in any order.

Read twice: the first pass notes where the parents are and where each one's children are, the second walks the parents
and fetches their children. What is noted of children is in a temporary SQLite file, of a parent it is eight bytes: so
memory hardly grows with the result.
"""

import sqlite3
from array import array
from collections.abc import Iterator
from itertools import islice
from typing import IO, Any

import msgspec

from connectors.errors import Bug
from connectors.shopify.queries import Connection, Listing

Node = dict[str, Any]

TOGETHER = 250  # parents whose children are looked up at once
CHILD = b'"__parentId"'
"""Only in a line that has such a key, or such a text: what tells of a parent need not be decoded to see that."""


class _Line(msgspec.Struct):
    parent: str | None = msgspec.field(name="__parentId", default=None)


_peek = msgspec.json.Decoder(_Line).decode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Joined:
    """The result of a bulk operation: how many `objects` and `roots` it holds, and the roots with their children.

    Raises msgspec.DecodeError for a line that is no JSON object, at the latest when it is read as a node.
    """

    def __init__(self, file: IO[bytes], listing: Listing) -> None:
        self._file = file
        self._listing = listing
        self._notes = sqlite3.connect("")  # a file of its own that goes away by itself
        self._notes.execute("CREATE TABLE child (parent TEXT NOT NULL, at INTEGER NOT NULL)")
        self._parents_at = array("Q")
        self.objects = self._adopted = 0
        self._notes.executemany("INSERT INTO child VALUES (?, ?)", self._children())
        self._notes.execute("CREATE INDEX child_parent ON child (parent, at)")

    def close(self) -> None:
        self._notes.close()

    @property
    def roots(self) -> int:
        return len(self._parents_at)

    @property
    def orphans(self) -> int:
        """Children whose parent is not there; known once the nodes have been read."""
        return self.objects - self.roots - self._adopted

    def nodes(self) -> Iterator[list[Node]]:
        """The roots in the file's order, some at a time, each with all of its children."""
        parents = self._parents()
        while batch := list(islice(parents, TOGETHER)):
            nodes = {node["id"]: node for node in batch}
            for node in batch:
                node.update({connection.name: {"nodes": []} for connection in self._listing.connections})
            marks = ", ".join("?" * len(nodes))
            where = f"SELECT at FROM child WHERE parent IN ({marks}) ORDER BY at"
            for (at,) in self._notes.execute(where, list(nodes)).fetchall():
                self._file.seek(at)
                child = _decode(self._file.readline())
                parent = nodes[child.pop("__parentId")]
                parent[self._connection(child.pop("__typename")).name]["nodes"].append(child)
                self._adopted += 1
            yield batch

    def _children(self) -> Iterator[tuple[str, int]]:
        self._file.seek(0)
        at = 0
        for line in self._file:
            parent = _peek(line).parent if CHILD in line else None
            self.objects += 1
            if parent is None:
                self._parents_at.append(at)
            else:
                yield parent, at
            at += len(line)

    def _parents(self) -> Iterator[Node]:
        for at in self._parents_at:
            self._file.seek(at)  # the children were read in between
            yield _decode(self._file.readline())

    def _connection(self, kind: str) -> Connection:
        for connection in self._listing.connections:
            if kind in connection.types or not connection.types:
                return connection
        raise Bug(f"Shopify's bulk result holds a {kind}, which nothing here asks for; report it.")
