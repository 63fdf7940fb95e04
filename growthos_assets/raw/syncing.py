"""One stream of one source, brought up to date: planned, pulled slice by slice, landed whole, proven, or told why not.

Every slice is one transaction, and commits only if the source's own count of it was met. What failed is planned
again by the next sync, since planning starts from what is proven.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from connectors.client import Client, Proof
from connectors.clock import Clock
from connectors.errors import (
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
from connectors.slices import Account, Proven, Slice, beginning, cursor, plan
from connectors.source import Stream
from growthos_assets.raw.landing import Encode, batches, encoder
from warehouse import ledger, raw
from warehouse.database import Cursor, Warehouse
from warehouse.ledger import EVERY_ACCOUNT, Counts, Effort, Ledger, Planned
from warehouse.tenants import Tenant

PULLS = 3
"""Times that a slice is pulled whole before it counts as failed; single requests are retried on their own."""

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
    with ledger.recording(database, tenant.tenant_id, address, clock.now, client.api_version, run_id) as book:
        for account in _accounts(job, book):
            if account.problem:
                report.problems.append(Problem(account.name, CLOSED, account.problem))
                continue
            try:
                with reading():
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
        with reading():
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


def _sync_account(job: Sync, book: Ledger, account: Account, since: date | None, until: date | None) -> None:
    """Pull what is wanted of an account, slice by slice. Raises what its next slice would meet as well."""
    key, report = job.stream.key, job.report
    _wait_over(book, account.id, job)
    policy, request = job.client.policies[key], job.client.request(key)
    proven = [Proven(*row) for row in book.proven(account.id, request)]
    planned = plan(policy, account, key, request, proven, job.clock.now(), since, until)
    report.notes += planned.notes
    report.problems += [Problem(account.name, SCOPE, words) for words in planned.missing]
    report.slices += len(planned.slices)
    queue = deque(zip(planned.slices, book.plan(map(_entry, planned.slices)), strict=True))
    try:
        while queue:
            part, pull_id = queue.popleft()
            queue.extendleft(reversed(_settle(job, book, account, part, pull_id)))
    finally:
        proven = [Proven(*row) for row in book.proven(account.id, request)]
        now = job.clock.now()
        report.proven_to[f"{account.name} ({account.id})"] = cursor(proven, beginning(policy, account, now), now)


def _settle(job: Sync, book: Ledger, account: Account, part: Slice, pull_id: str) -> list[tuple[Slice, str]]:
    """Pull a slice until it is verified, or say why it is not; the parts to pull instead, if it was too big.

    Raises what ends the account.
    """
    meter = job.client.meter
    requests, waited = meter.requests, meter.waited
    attempts = 0
    failure: ApiError | None = None

    def effort() -> Effort:
        return Effort(attempts, meter.requests - requests, meter.waited - waited)

    book.running(pull_id)
    while attempts < PULLS and (failure is None or isinstance(failure, (Transient, Truncated))):
        attempts += 1
        try:
            _pull(job, book, account, part, pull_id, effort)
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
            job.report.slices += len(parts) - 1
            return list(zip(parts, book.split(pull_id, map(_entry, parts), str(failure), effort()), strict=True))
    problem = _problem(f"{account.name}, {part.start:%Y-%m-%d} to {part.end:%Y-%m-%d}", failure)
    book.failed(pull_id, problem.kind, problem.message, effort(), problem.retry_at)
    if isinstance(failure, ENDS_ACCOUNT):
        raise failure
    job.report.problems.append(problem)
    return []


def _pull(job: Sync, book: Ledger, account: Account, part: Slice, pull_id: str, effort: Callable[[], Effort]) -> None:
    """Land a slice in one transaction, which commits only if everything came."""
    stream, seen_at = job.stream, job.seen_at()
    ids: set[str] = set()
    proof: Proof | None = None
    pages = 0

    def texts() -> Iterator[tuple[list[str], list[str]]]:
        nonlocal proof, pages
        with reading():
            for page in job.client.pull(part, account):
                pages += 1
                if proof is not None:
                    raise Truncated(f"{job.stream.key}: a page came after the last one.")
                proof = page.proof
                names = [record.external_id for record in page.records]
                ids.update(names)
                yield names, [job.encode(record) for record in page.records]

    def seal(transaction: Cursor, landed: raw.Landed) -> None:
        if proof is None:
            raise Truncated(f"{job.stream.key}: the pages ended without the last one.")
        if not proof.at_least <= len(ids) <= proof.at_most:
            expected = proof.at_least if proof.at_least == proof.at_most else f"{proof.at_least} to {proof.at_most}"
            raise Truncated(f"{job.stream.key}: {len(ids)} records came, and {proof.how} says {expected}.")
        if stream.day is not None and not part.part:
            days = part.dates(account.timezone)
            job.report.vanished += raw.bury(
                transaction, stream.source, stream.name, account.id, stream.day, days, seen_at
            )
        counts = Counts(proof.at_least, len(ids), landed.landed, landed.restated, proof.how)
        book.landed(transaction, pull_id, counts, effort())

    landed = raw.land(job.database, job.tenant.tenant_id, stream.source, stream.name, batches(texts()), seen_at, seal)
    report = job.report
    report.pages += pages
    report.expected += proof.at_least if proof else 0
    report.received += len(ids)
    report.landed += landed.landed
    report.restated += landed.restated


def _entry(part: Slice) -> Planned:
    return Planned(part.id, part.account, part.start, part.end, part.request, part.part)


def _problem(account: str, error: ApiError) -> Problem:
    return Problem(account, error.kind, str(error), error.retry_at if isinstance(error, RateLimited) else None)
