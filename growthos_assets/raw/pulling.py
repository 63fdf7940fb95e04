"""Slices pulled one by one: each taken in whole, landed in one short transaction if it is proven, or told why not.

With a slice ends what the source no longer has: of a day that is reported anew, and of what a census lists. A source
that leaves out what it had is asked twice, since an answer may be empty by mistake, and its count with it.
"""

import gc
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from connectors import skew
from connectors.client import Client, Proof
from connectors.clock import Clock
from connectors.errors import (
    KINDS,
    ApiError,
    ApiRetired,
    AuthError,
    ConfigError,
    PermissionDenied,
    RateLimited,
    TooBig,
    Transient,
    Truncated,
    reading,
)
from connectors.slices import Account, Slice
from connectors.source import RawRecord, Stream
from growthos_assets.raw.landing import Encode, batches
from growthos_assets.raw.synced import Problem, Synced
from warehouse import raw
from warehouse.database import Cursor, Warehouse
from warehouse.ledger import Counts, Effort, Ledger, Planned
from warehouse.tenants import Tenant

PULLS = 3
"""Times that a slice is pulled whole before it counts as failed; single requests are retried on their own."""

ENDS_ACCOUNT = (AuthError, PermissionDenied, ConfigError, ApiRetired, RateLimited)
"""What the account's next slice would meet as well."""


class LeftOut(Truncated):
    """Records that were here did not come, and nothing says yet that it is so."""

    @property
    def kind(self) -> str:
        return KINDS[Truncated]


@dataclass(frozen=True)
class Sync:
    """What every slice of a stream's sync needs. `is_first` if nothing of the stream was here: then nothing can end."""

    database: Warehouse
    tenant: Tenant
    client: Client
    clock: Clock
    stream: Stream
    encode: Encode
    seen_at: Callable[[], datetime]
    report: Synced
    listener: Callable[[Synced], None]
    is_first: bool

    def now(self) -> datetime:
        """The time by the source's clock: that decides what is over, and when it was proven."""
        return skew.now(self.clock, self.client.meter)


@dataclass(slots=True)
class Whole:
    """A slice of all that is in its interval, and how many of the parts that it was split into have yet to land.

    `ids` are those of the records that have come; what has not when the last part lands is gone from the source, if
    that is so for the second time.
    """

    slice: Slice
    left: int = 1
    ids: set[str] = field(default_factory=set[str])
    asked_twice: bool = False


@dataclass(frozen=True, slots=True)
class Pull:
    """A slice to pull, under its id in the ledger, and the whole that it is part of."""

    part: Slice
    pull_id: str
    whole: Whole


@dataclass(slots=True)
class Brought:
    """What has come of a slice; with the proof, it is all."""

    ids: set[str] = field(default_factory=set[str])
    pages: int = 0
    proof: Proof | None = None


def pull_all(job: Sync, book: Ledger, account: Account, slices: Sequence[Slice]) -> None:
    """Pull the slices in order, and what each is split into before the next."""
    job.report.slices += len(slices)
    ids = book.plan(map(entry, slices))
    queue = deque(Pull(part, pull_id, Whole(part)) for part, pull_id in zip(slices, ids, strict=True))
    later: datetime | None = None
    with _rarely_collected():
        while queue:
            asked = queue.popleft()
            if queue and (later is None or later <= job.clock.now()):
                later = _prepare(job, account, queue[0].part)
            queue.extendleft(reversed(_settle(job, book, account, asked)))


@contextmanager
def _rarely_collected() -> Generator[None]:
    """Answers are millions of small objects and not one cycle: looking for cycles takes as long as reading them."""
    usual = gc.get_threshold()
    gc.set_threshold(100_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _prepare(job: Sync, account: Account, following: Slice) -> datetime | None:
    """Let the source begin with the following slice; when it may be asked to again, if it says "later" to that.

    Whatever fails now fails again when it counts: a limit on what is begun says nothing of the slice at hand.
    """
    try:
        with reading():
            job.client.prepare(following, account)
    except RateLimited as error:
        return error.retry_at
    except ApiError:
        pass
    return None


def _settle(job: Sync, book: Ledger, account: Account, asked: Pull) -> list[Pull]:
    """Pull a slice until it is verified, or say why it is not.

    Gives what to pull instead: its parts, if it was too big; its whole, if the parts of that left records out. Raises
    what ends the account.
    """
    meter, part = job.client.meter, asked.part
    requests, waited = meter.requests, meter.waited
    attempts = 0
    failure: ApiError | None = None

    def effort() -> Effort:
        return Effort(attempts, meter.requests - requests, meter.waited - waited)

    book.running(asked.pull_id)
    while attempts < PULLS and (failure is None or isinstance(failure, (Transient, Truncated))):
        attempts += 1
        try:
            _pull(job, book, account, asked, effort)
        except LeftOut as error:
            if part != asked.whole.slice:
                return _ask_all_again(book, asked, error, effort())
            failure, asked.whole.asked_twice = error, True
        except ApiError as error:
            failure = error
        else:
            book.verified()
            job.report.verified += 1
            job.listener(job.report)
            return []
    assert failure is not None
    if isinstance(failure, TooBig):
        try:
            parts = job.client.split(part, account)
        except ApiError as error:
            parts, failure = [], error
        if parts:
            ids = book.split(asked.pull_id, map(entry, parts), str(failure), effort())
            job.report.slices += len(parts) - 1
            asked.whole.left += len(parts) - 1
            return [
                Pull(smaller, pull_id, Whole(smaller) if smaller.is_whole else asked.whole)
                for smaller, pull_id in zip(parts, ids, strict=True)
            ]
    found = problem(f"{account.name}, {part.start:%Y-%m-%d} to {part.end:%Y-%m-%d}", failure)
    book.failed(asked.pull_id, found.kind, found.message, effort(), found.retry_at)
    if isinstance(failure, ENDS_ACCOUNT):
        raise failure
    job.report.problems.append(found)
    return []


def _ask_all_again(book: Ledger, asked: Pull, error: LeftOut, effort: Effort) -> list[Pull]:
    """The whole instead of its last part: what did not come can have been left out by any part, or be in none of them.

    So it is split anew as well.
    """
    book.failed(asked.pull_id, error.kind, str(error), effort)
    whole = asked.whole.slice
    (pull_id,) = book.plan([entry(whole)])
    return [Pull(whole, pull_id, Whole(whole, asked_twice=True))]


def _pull(job: Sync, book: Ledger, account: Account, asked: Pull, effort: Callable[[], Effort]) -> None:
    """Take a slice in and land it in one transaction; with it ends what the source was asked for twice and has not."""
    stream, report, whole = job.stream, job.report, asked.whole
    brought, vanished = Brought(), 0

    def texts() -> Iterator[tuple[list[str], list[str]]]:
        with reading():
            for records in _records(job, account, asked.part, brought):
                if not asked.part.is_census:
                    yield [record.external_id for record in records], [job.encode(record) for record in records]

    with raw.staged(job.database, job.tenant.tenant_id, batches(texts())) as stage:
        seen_at, proof = job.seen_at(), _proof(stream, asked.part, brought)

        def seal(transaction: Cursor, landed: raw.Landed) -> None:
            nonlocal vanished
            among = _told_of(stream, book, account, whole.slice)
            if among and whole.left == 1 and not job.is_first:
                others = brought.ids if asked.part.is_census else whole.ids
                vanished = raw.bury(transaction, stream.source, stream.name, among, others, seen_at)
            if vanished and not whole.asked_twice:
                raise LeftOut(
                    f"{stream.key}: {vanished} records that were here did not come. They are asked for again."
                )
            counts = Counts(proof.at_least, len(brought.ids), landed.landed, landed.restated, vanished, proof.how)
            book.landed(transaction, asked.pull_id, counts, effort())

        landed = stage.land(stream.source, stream.name, seen_at, seal, account=account.id)
    whole.left -= 1
    if whole.left:
        whole.ids |= brought.ids
    report.pages += brought.pages
    report.vanished += vanished
    if not asked.part.is_census:
        report.expected += proof.at_least
        report.received += len(brought.ids)
        report.landed += landed.landed
        report.restated += landed.restated


def _records(job: Sync, account: Account, part: Slice, brought: Brought) -> Iterator[list[RawRecord]]:
    """The slice's records as they come, page by page."""
    for page in job.client.pull(part, account):
        if brought.proof is not None:
            raise Truncated(f"{job.stream.key}: a page came after the last one.")
        brought.pages += 1
        brought.proof = page.proof
        brought.ids.update(record.external_id for record in page.records)
        yield page.records


def _proof(stream: Stream, part: Slice, brought: Brought) -> Proof:
    """What proves that all has come; Truncated if it has not.

    A census has to be exact: by a list that is one short, one would be ended that is there.
    """
    proof = brought.proof
    if proof is None:
        raise Truncated(f"{stream.key}: the pages ended without the last one.")
    if not proof.at_least <= len(brought.ids) <= proof.at_most:
        expected = proof.at_least if proof.at_least == proof.at_most else f"{proof.at_least} to {proof.at_most}"
        raise Truncated(f"{stream.key}: {len(brought.ids)} records came, and {proof.how} says {expected}.")
    if part.is_census and proof.at_least < proof.at_most:
        raise Truncated(f"{stream.key}: records were deleted while they were counted; they are counted again.")
    return proof


def _told_of(stream: Stream, book: Ledger, account: Account, part: Slice) -> str | None:
    """The records of which the slice tells all (for raw.bury): a report's days, or what was created; else none."""
    if part.is_census and stream.created:
        alone = book.accounts() <= {account.id}
        return raw.created(account.id, stream.created, part.start, part.end, alone=alone)
    if stream.day:
        return raw.reported(account.id, stream.day, part.dates(account.timezone))
    return None


def entry(part: Slice) -> Planned:
    """The slice as the ledger is told of it."""
    return Planned(part.id, part.account, part.start, part.end, part.request, part.part)


def problem(account: str, error: ApiError) -> Problem:
    """The error as a person is told of it."""
    return Problem(account, error.kind, str(error), error.retry_at if isinstance(error, RateLimited) else None)
