"""One stream of one source, brought up to date: planned, pulled slice by slice, landed whole, proven, or told why not.

A slice is taken in whole, and only if the source's own count of it was met it lands, in one short transaction. What
failed is planned again by the next sync, since planning starts from what is proven.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime

from connectors import sunset
from connectors.client import Client, Proof
from connectors.clock import Clock
from connectors.errors import (
    ApiError,
    ApiRetired,
    AuthError,
    Bug,
    ConfigError,
    PermissionDenied,
    RateLimited,
    TooBig,
    Transient,
    Truncated,
)
from connectors.slices import CENSUS, Account, Policy, Proven, Slice, beginning, census, cursor, folded, plan
from connectors.source import RawRecord, Stream
from growthos_assets.raw.landing import Encode, batches, encoder, spooled
from warehouse import ledger, raw
from warehouse.database import Cursor, Warehouse
from warehouse.ledger import EVERY_ACCOUNT, KEPT, Counts, Effort, Ledger, Planned
from warehouse.tenants import Tenant

PULLS = 3
"""Times that a slice is pulled whole before it counts as failed; single requests are retried on their own."""
FOLD_FROM = 100
"""Slices of which no more is needed than what they prove, from which on they are folded."""

WAITING, SCOPE, CLOSED = "waiting", "scope", "account"
"""Kinds of problem besides those of errors: the source's wait is not over; the app may not see all; it is closed."""

EXPECTED = ("rate_limited", WAITING, SCOPE, CLOSED)
"""Problems that pass by themselves or that somebody decided on: a warning, where anything else is an error."""


class Waiting(RateLimited):
    """The source is not asked, since it said when to come back."""

    @property
    def kind(self) -> str:
        return WAITING


ENDS_ACCOUNT = (AuthError, PermissionDenied, ConfigError, ApiRetired, RateLimited)
"""What the account's next slice would meet as well."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why some of an account is missing. `retry_at` is when the source may be asked again, if it said so."""

    account: str
    kind: str
    message: str
    retry_at: datetime | None = None


@dataclass(slots=True)
class Synced:
    """What became of a stream's sync, over all of its accounts."""

    slices: int = 0
    verified: int = 0
    pages: int = 0
    expected: int = 0
    received: int = 0
    landed: int = 0
    restated: int = 0
    vanished: int = 0
    requests: int = 0
    waited: float = 0.0
    api_version: str = ""
    quota: dict[str, object] = field(default_factory=dict[str, object])
    proven_to: dict[str, datetime] = field(default_factory=dict[str, datetime])
    notes: list[str] = field(default_factory=list[str])
    problems: list[Problem] = field(default_factory=list[Problem])

    @property
    def unchanged(self) -> int:
        """Records that added no version."""
        return self.received - self.landed

    @property
    def is_expected(self) -> bool:
        """What is missing passes by itself, or somebody decided on it."""
        return all(problem.kind in EXPECTED for problem in self.problems)

    @property
    def retry_at(self) -> datetime | None:
        """When to go on, if a source said so."""
        return min((p.retry_at for p in self.problems if p.retry_at), default=None)


SUMS = (
    "slices", "verified", "pages", "expected", "received", "landed", "restated", "vanished", "requests", "waited",
    "notes", "problems",
)  # fmt: skip


@dataclass(frozen=True)
class Sync:
    """What every slice of a stream's sync needs."""

    database: Warehouse
    tenant: Tenant
    client: Client
    clock: Clock
    stream: Stream
    encode: Encode
    seen_at: Callable[[], datetime]
    report: Synced
    listener: Callable[[Synced], None]


def sync(
    database: Warehouse,
    tenant: Tenant,
    client: Client,
    clock: Clock,
    stream: Stream,
    *,
    seen_at: Callable[[], datetime],
    since: date | None = None,
    until: date | None = None,
    run_id: str | None = None,
    listener: Callable[[Synced], None] = lambda synced: None,
) -> Synced:
    """Bring the stream up to date in raw.raw_events, or pull the accounts' days `since` to `until` anew.

    `seen_at` is asked when a slice lands.

    Never raises for what an API does: what is missing is in `problems`, and in ops.sync_slices. One account's
    problem leaves the others alone.
    """
    report = Synced(api_version=client.api_version)
    job = Sync(database, tenant, client, clock, stream, encoder(tenant, stream), seen_at, report, listener)
    before, waited = client.meter.requests, client.meter.waited
    address = (stream.source, stream.name)
    if notice := sunset.notice(client.source, client.api_version, client.sunset, clock.now().date()):
        report.notes.append(notice)
    with ledger.recording(database, tenant.tenant_id, address, clock.now, client.api_version, run_id) as book:
        for account in _accounts(job, book):
            if account.problem:
                report.problems.append(Problem(account.name, CLOSED, account.problem))
                continue
            try:
                with _read():
                    _sync_account(job, book, account, since, until)
            except ApiError as error:
                report.problems.append(_problem(account.name, error))
    report.requests = client.meter.requests - before
    report.waited = client.meter.waited - waited
    report.quota = dict(client.meter.quota)
    return report


def together(parts: Sequence[Synced]) -> Synced:
    """What became of a stream over several connections."""
    whole = Synced(api_version=", ".join(dict.fromkeys(part.api_version for part in parts)))
    for part in parts:
        for name in SUMS:
            setattr(whole, name, getattr(whole, name) + getattr(part, name))
        whole.quota |= part.quota
        whole.proven_to |= part.proven_to
    return whole


def _accounts(job: Sync, book: Ledger) -> list[Account]:
    """The accounts that the credential reaches; none, and the reason in the ledger, if the source does not say."""
    try:
        _wait_over(book, EVERY_ACCOUNT, job)
        with _read():
            return job.client.accounts()
    except ApiError as error:
        problem = _problem(job.client.source, error)
    job.report.problems.append(problem)
    if problem.kind != WAITING:
        book.refused(problem.kind, problem.message, problem.retry_at)
    return []


def _wait_over(book: Ledger, account: str, job: Sync) -> None:
    """RateLimited while the source has said not to ask."""
    again = book.retry_at(account)
    if again is not None and again > job.clock.now():
        raise Waiting(f"It asked to wait until {again:%Y-%m-%d %H:%M} UTC.", retry_at=again)


@dataclass(slots=True)
class Whole:
    """A slice of all that is in its interval, and how many of the parts that it was split into have yet to land.

    `ids` are those of the records that have come; what has not when the last part lands is gone from the source.
    """

    slice: Slice
    left: int = 1
    ids: set[str] = field(default_factory=set[str])


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


def _sync_account(job: Sync, book: Ledger, account: Account, since: date | None, until: date | None) -> None:
    """Pull what is wanted of an account, slice by slice. Raises what its next slice would meet as well."""
    key, report = job.stream.key, job.report
    _wait_over(book, account.id, job)
    policy, request = job.client.policies[key], job.client.request(key, account)
    _fold(job, book, account, policy, request)
    planned = plan(policy, account, key, request, _proven(book, account, request), job.clock.now(), since, until)
    report.notes += planned.notes
    report.problems += [Problem(account.name, SCOPE, words) for words in planned.missing]
    try:
        _pull_all(job, book, account, planned.slices)
        if since is until is None:
            _pull_all(job, book, account, _census(job, book, account, policy, request))
    finally:
        now = job.clock.now()
        reached = cursor(_proven(book, account, request), beginning(policy, account, now), now)
        report.proven_to[f"{account.name} ({account.id})"] = reached


def _proven(book: Ledger, account: Account, request: str) -> list[Proven]:
    return [Proven(*row) for row in book.proven(account.id, request)]


def _fold(job: Sync, book: Ledger, account: Account, policy: Policy, request: str) -> None:
    """Leave of slices that nobody looks at any more what they prove, once there are many."""
    now = job.clock.now()
    old = [proof for proof in _proven(book, account, request) if proof.at < now - KEPT]
    if len(old) >= FOLD_FROM:
        proofs = folded(policy, old, now, account.timezone)
        slices = [Slice(job.stream.key, account.id, proof.start, proof.end, request) for proof in proofs]
        book.fold(
            account.id, request, now - KEPT, zip(map(_entry, slices), (proof.at for proof in proofs), strict=True)
        )


def _census(job: Sync, book: Ledger, account: Account, policy: Policy, request: str) -> list[Slice]:
    """The slices that tell what was deleted. None where an order could be another account's: no id says whose it is."""
    listed = [Proven(*row) for row in book.proven(account.id, request, CENSUS)]
    pulled = _proven(book, account, request)
    slices = census(policy, account, job.stream.key, request, pulled, listed, job.clock.now())
    if slices and (others := book.accounts() - {account.id}):
        words = f"what is deleted goes unnoticed, since records of {', '.join(sorted(others))} are here too."
        job.report.notes.append(f"{account.name}: {words}")
        return []
    return slices


def _pull_all(job: Sync, book: Ledger, account: Account, slices: Sequence[Slice]) -> None:
    """Pull the slices in order, and what each is split into before the next."""
    job.report.slices += len(slices)
    ids = book.plan(map(_entry, slices))
    queue = deque(Pull(part, pull_id, Whole(part)) for part, pull_id in zip(slices, ids, strict=True))
    while queue:
        queue.extendleft(reversed(_settle(job, book, account, queue.popleft())))


def _settle(job: Sync, book: Ledger, account: Account, asked: Pull) -> list[Pull]:
    """Pull a slice until it is verified, or say why it is not; the parts to pull instead, if it was too big.

    Raises what ends the account.
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
            ids = book.split(asked.pull_id, map(_entry, parts), str(failure), effort())
            job.report.slices += len(parts) - 1
            asked.whole.left += len(parts) - 1
            return [
                Pull(smaller, pull_id, Whole(smaller) if smaller.is_whole else asked.whole)
                for smaller, pull_id in zip(parts, ids, strict=True)
            ]
    problem = _problem(f"{account.name}, {part.start:%Y-%m-%d} to {part.end:%Y-%m-%d}", failure)
    book.failed(asked.pull_id, problem.kind, problem.message, effort(), problem.retry_at)
    if isinstance(failure, ENDS_ACCOUNT):
        raise failure
    job.report.problems.append(problem)
    return []


def _pull(job: Sync, book: Ledger, account: Account, asked: Pull, effort: Callable[[], Effort]) -> None:
    """Take a slice in, then land it in one transaction; with it ends what the source no longer has."""
    stream, report, whole = job.stream, job.report, asked.whole
    brought, vanished = Brought(), 0

    def texts() -> Iterator[tuple[list[str], list[str]]]:
        with _read():
            for records in _records(job, account, asked.part, brought):
                if not asked.part.is_census:
                    yield [record.external_id for record in records], [job.encode(record) for record in records]

    with spooled(batches(texts())) as frames:
        seen_at, proof = job.seen_at(), _proof(stream, asked.part, brought)

        def seal(transaction: Cursor, landed: raw.Landed) -> None:
            nonlocal vanished
            among = _told_of(stream, account, whole.slice)
            if among and whole.left == 1:
                others = brought.ids if asked.part.is_census else whole.ids
                vanished = raw.bury(transaction, stream.source, stream.name, among, others, seen_at)
            counts = Counts(proof.at_least, len(brought.ids), landed.landed, landed.restated, vanished, proof.how)
            book.landed(transaction, asked.pull_id, counts, effort())

        landed = raw.land(job.database, job.tenant.tenant_id, stream.source, stream.name, frames, seen_at, seal)
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


def _told_of(stream: Stream, account: Account, part: Slice) -> str | None:
    """The records of which the slice tells all (for raw.bury): a report's days, or what was created; else none."""
    if part.is_census and stream.created:
        return raw.created(stream.created, part.start, part.end)
    if stream.day and not part.is_census:
        return raw.reported(account.id, stream.day, part.dates(account.timezone))
    return None


@contextmanager
def _read() -> Generator[None]:
    """An answer of a shape that nothing expects is this slice's failure, not everyone's."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise Bug(f"An answer could not be read: {type(error).__name__}: {error}. Please report it.") from error


def _entry(part: Slice) -> Planned:
    return Planned(part.id, part.account, part.start, part.end, part.request, part.part)


def _problem(account: str, error: ApiError) -> Problem:
    return Problem(account, error.kind, str(error), error.retry_at if isinstance(error, RateLimited) else None)
