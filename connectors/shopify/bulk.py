"""A bulk operation: started or taken over, waited for, downloaded, counted.

https://shopify.dev/docs/apps/build/apis/graphql-admin/bulk-operations/queries
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

import msgspec

from connectors.budget import COME_BACK, SLICE_LASTS, Budget
from connectors.errors import ApiError, RateLimited, Transient
from connectors.exchange import Reply, Request
from connectors.http import Http
from connectors.shopify.errors import failure
from connectors.shopify.graphql import GraphQL
from connectors.shopify.join import Node, joined
from connectors.shopify.queries import BULK_CANCEL, BULK_OWN, BULK_RUN, BULK_STATE, Listing

Job = dict[str, Any]

UNDERWAY = ("CREATED", "RUNNING")
FIRST_LOOK, LONGEST_LOOK = 2.0, 60.0
STALE = timedelta(days=1)
"""A job that nobody will take over any more."""
FRESH = SLICE_LASTS + COME_BACK
"""How long after its end a job's result is taken over: whoever began it comes back sooner."""
PIECE = 8 << 20
"""Bytes of a download asked for at once: what is lost at most when the connection drops."""


class Bulk:
    """The bulk operations of one shop. A job whose result was read once is not read again."""

    def __init__(self, graphql: GraphQL) -> None:
        self._graphql = graphql
        self._read: set[str] = set()

    def start(self, listing: Listing, search: str, matching: int, budget: Budget) -> None:
        """Let Shopify begin with what `nodes` will ask for."""
        self._started(self._graphql.allowed(listing.bulk(search)), matching, budget)

    def nodes(self, listing: Listing, search: str, matching: int, budget: Budget) -> Iterator[list[Node]]:
        """Every root of the listing that matches, with its children, some at a time; `matching` is how many there are.

        Raises Truncated, at the latest after the last of them, if they are not as many as Shopify counted.
        """
        job, reply = self._finished(self._graphql.allowed(listing.bulk(search)), matching, budget)
        counted = (int(job["objectCount"]), int(job["rootObjectCount"]))
        size = int(job["fileSize"]) if job["url"] else 0
        lines = _lines(_pieces(self._graphql.http, job, size, budget))
        try:
            with joined(lines, size, listing) as result:
                if (result.objects, result.roots) != counted:
                    raise failure("INCOMPLETE", f"{result.objects} objects came of {counted[0]}", reply)
                yield from result.nodes()
                if result.orphans:
                    raise failure("INCOMPLETE", f"{result.orphans} objects belong to none that came", reply)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise failure("INCOMPLETE", "a line of it is not JSON", reply) from None

    def _finished(self, query: str, matching: int, budget: Budget) -> tuple[Job, Reply]:
        """The job that has run the query, and the answer that told so.

        RateLimited if the slice's time is over before: then the job goes on alone, and the next pull takes it over.
        """
        http = self._graphql.http
        job, reply = self._started(query, matching, budget)
        pause = FIRST_LOOK
        while job["status"] in UNDERWAY:
            http.pause(pause, budget, f"Shopify is still at work on {job['id']}, whose result is fetched later.")
            pause = min(LONGEST_LOOK, pause * 1.5)
            data, reply = self._graphql.reply(BULK_STATE, budget, id=job["id"])
            job = data["bulkOperation"]
        self._read.add(job["id"])
        if job["status"] != "COMPLETED":
            raise failure(job["errorCode"] or job["status"], f"{job['id']} ended as {job['status']}", reply)
        if not job["url"] and int(job["objectCount"]):
            raise failure("INCOMPLETE", f"{job['id']} counted {job['objectCount']} objects and gives no result", reply)
        return job, reply

    def _started(self, query: str, matching: int, budget: Budget) -> tuple[Job, Reply]:
        """A job of this very query that an earlier pull has left, or a new one."""
        own, reply = self._graphql.reply(BULK_OWN, budget)
        jobs: list[Job] = own["bulkOperations"]["nodes"]
        stale = [job["id"] for job in jobs if job["status"] in UNDERWAY and not self._is_fresh(job)]
        for job in jobs:
            if job["query"] == query and self._is_fresh(job) and self._is_good(job, matching):
                return job, reply
        try:
            return self._run(query, budget)
        except RateLimited:
            if not stale:
                raise
            for job in stale:
                self._graphql.ask(BULK_CANCEL, budget, id=job)
            return self._run(query, budget)

    def _is_fresh(self, job: Job) -> bool:
        return self._age(job["createdAt"]) < STALE

    def _age(self, instant: str) -> timedelta:
        return self._graphql.http.clock.now() - datetime.fromisoformat(instant)

    def _is_good(self, job: Job, matching: int) -> bool:
        """Nothing enters a closed window: as long as as many match as then, they are the same.

        Unchanged they are but for what does not count as a change, such as where a visitor came from: so an old result
        is not taken for a new one.
        """
        if job["status"] in UNDERWAY:
            return True
        unread = job["id"] not in self._read and job["status"] == "COMPLETED"
        return unread and int(job["rootObjectCount"]) == matching and self._age(job["completedAt"]) < FRESH

    def _run(self, query: str, budget: Budget) -> tuple[Job, Reply]:
        data, reply = self._graphql.reply(BULK_RUN, budget, query=query)
        outcome = data["bulkOperationRunQuery"]
        if errors := outcome["userErrors"]:
            raise failure(errors[0]["code"] or "INVALID", errors[0]["message"], reply)
        return outcome["bulkOperation"], reply


def _pieces(http: Http, job: Job, size: int, budget: Budget) -> Iterator[bytes]:
    """The job's result, piece by piece; a piece whose connection dropped is asked for again."""
    at = 0
    while at < size:
        ranged = {"range": f"bytes={at}-{min(at + PIECE, size) - 1}"}
        request = Request("GET", job["url"], headers=ranged, cost=0, authorized=False)
        try:
            reply = http.send(request, budget)
        except (Transient, RateLimited):
            raise
        except ApiError as error:
            raise Transient(f"The result of {job['id']} cannot be fetched ({error.code}); it is run again.") from None
        piece = reply.body if reply.status == 206 else reply.body[at:]  # who knows of no ranges gives all of it
        if not piece:
            raise failure("INCOMPLETE", f"{job['id']} has {size} bytes, and only {at} came", reply)
        at += len(piece)
        yield piece


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a text that comes in pieces, each with its end."""
    begun = b""
    for piece in pieces:
        begun += piece
        end = begun.rfind(b"\n") + 1
        yield from BytesIO(begun[:end])
        begun = begun[end:]
    if begun:
        yield begun
