"""Shopify's bulk operations, faked: jobs that take their time, and results as JSONL with children apart."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from tempfile import TemporaryFile
from typing import IO, Any
from weakref import finalize

import msgspec

from connectors.clock import Clock
from connectors.fake.graphql import Field, Selection, parse, selected
from connectors.fake.shopify_shapes import Node, child_type, in_bulk
from connectors.shopify.queries import LISTINGS
from connectors.wire import WireRequest, WireResponse

AT_ONCE = 5
"""Operations of an app and shop that run at the same time, since 2026-01."""
CONNECTIONS, DEPTH = 5, 2
ENDS = ("COMPLETED", "CANCELED", "CANCELING", "EXPIRED", "FAILED")
"""Statuses that a job ends with; any other outcome is the errorCode of a failed one.

But for those that pass for completed: INCOMPLETE lacks a line, NO_RESULT the address of its file, and EMPTY says that
there was nothing."""
NO_SEARCH = '""'
"""In place of what a query searches for: so the client's own queries are known, whatever that is."""
_OWN = {listing.bulk(""): listing for listing in LISTINGS.values()}
MIXED = 500
"""Lines among which children come before their parents: the order of an ungrouped result is nobody's promise."""


@dataclass
class Job:
    """`outcome` is what it is going to end as."""

    id: str
    query: str
    created: datetime
    done: datetime
    outcome: str
    result: IO[bytes]
    size: int
    objects: int
    roots: int
    cancelled: bool = False


class Jobs:
    """One app's operations in one shop. `objects_per_second` is how fast they go."""

    def __init__(self, clock: Clock, url: str, resolve: Callable[[Field], Iterable[Node]]) -> None:
        self._clock = clock
        self._resolve = resolve
        self._jobs: dict[str, Job] = {}
        self.url = url
        self.objects_per_second = 1_000.0
        self.outcomes: list[str] = []
        self.refusals: list[str] = []

    def run(self, query: str) -> dict[str, Any]:
        """The payload of bulkOperationRunQuery."""
        refusal = self.refusals.pop(0) if self.refusals else None
        underway = sum(self._status(job) == "RUNNING" for job in self._jobs.values())
        if underway >= AT_ONCE:
            refusal = "LIMIT_REACHED"
        if problem := _problem(query):
            refusal = "INVALID"
        if refusal:
            errors = [{"code": refusal, "message": problem or "Bulk operations limit reached."}]
            return {"bulkOperation": None, "userErrors": errors}
        result, objects, roots = self._result(query)
        now = self._clock.now()
        done = now + timedelta(seconds=1 + objects / self.objects_per_second)
        outcome = self.outcomes.pop(0) if self.outcomes else "COMPLETED"
        size = result.tell()
        if outcome == "INCOMPLETE":
            result.seek(0)
            size -= len(result.readline())
        id = f"gid://shopify/BulkOperation/{len(self._jobs) + 1}"
        job = Job(id, query, now, done, outcome, result, size, objects, roots)
        finalize(job, result.close)
        self._jobs[job.id] = job
        return {"bulkOperation": self.told(job.id), "userErrors": []}

    def cancel(self, id: str) -> dict[str, Any]:
        """The payload of bulkOperationCancel."""
        self._jobs[id].cancelled = True
        return {"bulkOperation": self.told(id), "userErrors": []}

    def told(self, id: str) -> Node | None:
        """The operation as the API tells of it."""
        job = self._jobs.get(id)
        if job is None:
            return None
        status = self._status(job)
        completed = status == "COMPLETED"
        size, objects, roots = (0, 0, 0) if job.outcome == "EMPTY" else (job.size, job.objects, job.roots)
        failure = job.outcome if status == "FAILED" and job.outcome != "FAILED" else None
        address = f"{self.url}/bulk/{job.id.rpartition('/')[2]}?signature=of-the-result"
        return {
            "id": job.id,
            "status": status,
            "errorCode": failure,
            "createdAt": _instant(job.created),
            "completedAt": None if status == "RUNNING" else _instant(job.done),
            "query": job.query,
            "objectCount": str(objects),
            "rootObjectCount": str(roots),
            "fileSize": str(size) if completed else None,
            "url": address if completed and size and job.outcome != "NO_RESULT" else None,
        }

    def newest_first(self) -> list[Node]:
        return [told for id in reversed(self._jobs) if (told := self.told(id))]

    def download(self, request: WireRequest) -> WireResponse:
        """The result, or the range of it that is asked for, as a storage service gives it."""
        job = self._jobs.get(f"gid://shopify/BulkOperation/{request.path.rpartition('/')[2]}")
        plain = {"content-type": "application/jsonl"}
        if job is None or request.method != "GET" or "x-shopify-access-token" in request.headers:
            return WireResponse(
                400, b"<Error><Code>InvalidArgument</Code></Error>", {"content-type": "application/xml"}
            )
        if request.query.get("signature") != "of-the-result":
            return WireResponse(403, b"<Error><Code>AccessDenied</Code></Error>", {"content-type": "application/xml"})
        ranged = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", ""))
        job.result.seek(0)
        if ranged is None:
            return WireResponse(200, job.result.read(job.size), plain)
        first, last = (int(part) for part in ranged.groups())
        job.result.seek(first)
        body = job.result.read(min(last + 1, job.size) - first)
        said = f"bytes {first}-{first + len(body) - 1}/{job.size}"
        return WireResponse(206, body, {**plain, "content-range": said})

    def _status(self, job: Job) -> str:
        if job.cancelled:
            return "CANCELED"
        if self._clock.now() < job.done:
            return "RUNNING"
        if job.outcome in ("INCOMPLETE", "NO_RESULT", "EMPTY"):
            return "COMPLETED"
        return job.outcome if job.outcome in ENDS else "FAILED"

    def _result(self, query: str) -> tuple[IO[bytes], int, int]:
        """The lines of the result, how many objects they are, and how many of them are roots."""
        (root,) = parse(query).selection
        lines = _lines(root, query)
        encoded = msgspec.json.Encoder().encode_lines
        result, held = TemporaryFile(prefix="growthos-fake-"), list[Node]()  # noqa: SIM115  (open as long as the job is)
        objects = roots = 0
        for node in self._resolve(root):
            parent, *children = lines(node)
            objects, roots = objects + 1 + len(children), roots + 1
            result.write(encoded(children))
            held.append(parent)
            if len(held) >= MIXED:
                result.write(encoded(held))
                held.clear()
        result.write(encoded(held))
        return result, objects, roots


def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _lines(root: Field, query: str) -> Callable[[Node], Iterable[Node]]:
    """What tells a node as a bulk result does: itself, then the nodes of its connections."""
    known = _OWN.get(query.replace(root.arguments.get("query", NO_SEARCH), NO_SEARCH, 1))
    if known:
        return partial(in_bulk, known.connections)
    own = Selection(field for field in root.of_node if not field.is_connection)
    connections = {field.name: field.of_node.apart("__typename") for field in root.of_node if field.is_connection}

    def lines(node: Node) -> Iterator[Node]:
        yield selected(own, node, {})
        for name, of_node in connections.items():
            for child in node[name]["nodes"]:
                yield {"__typename": child_type(name, child), **selected(of_node, child, {}), "__parentId": node["id"]}

    return lines


def _problem(query: str) -> str | None:
    """Why the query cannot run in bulk."""
    try:
        document = parse(query)
    except ValueError as error:
        return str(error)
    if len(document.selection) != 1 or not document.selection[0].is_connection:
        return "A bulk query has one root field, and that is a connection."
    count, depth, inside_list = _shape(document.selection[0], False)
    if count > CONNECTIONS or depth > DEPTH:
        return f"At most {CONNECTIONS} connections, {DEPTH} deep."
    return "Connections are not supported inside lists." if inside_list else None


def _shape(field: Field, inside_list: bool) -> tuple[int, int, bool]:
    """Connections in a field, how deep they are nested, and whether one is inside a list."""
    of_node = field.of_node if field.is_connection else field.selection
    listed = inside_list or field.name in ("refunds", "transactions")
    inner = [_shape(each, listed) for each in of_node]
    own = 1 if field.is_connection else 0
    return (
        own + sum(count for count, _, _ in inner),
        own + max((depth for _, depth, _ in inner), default=0),
        bool(own and inside_list) or any(inside for _, _, inside in inner),
    )
