"""One stream of one source, brought up to date: planned, pulled slice by slice, landed whole, proven, or told why not.

Accounts are asked one after the other. What failed is planned again by the next sync, since planning starts from what
is proven.
"""

from collections.abc import Callable
from datetime import date, datetime

from connectors import skew, sunset
from connectors.client import Client
from connectors.clock import Clock
from connectors.errors import ApiError, RateLimited, reading
from connectors.slices import CENSUS, Account, Policy, Proven, Slice, beginning, census, cursor, folded, plan
from connectors.source import Stream
from growthos_assets.raw.landing import encoder
from growthos_assets.raw.pulling import Sync, entry, problem, pull_all
from growthos_assets.raw.synced import CLOSED, LOST, SCOPE, WAITING, Problem, Synced
from warehouse import ledger, proofs, raw
from warehouse.database import Warehouse
from warehouse.ledger import KEPT, Ledger
from warehouse.tenants import Tenant

FOLD_FROM = 100
"""Slices of which no more is needed than what they prove, from which on they are folded."""


class Waiting(RateLimited):
    """The source is not asked, since it said when to come back."""

    @property
    def kind(self) -> str:
        return WAITING


def sync(
    database: Warehouse,
    tenant: Tenant,
    client: Client,
    clock: Clock,
    stream: Stream,
    *,
    connection: str,
    seen_at: Callable[[], datetime],
    since: date | None = None,
    until: date | None = None,
    run_id: str | None = None,
    listener: Callable[[Synced], None] = lambda synced: None,
) -> Synced:
    """Bring the stream up to date in raw.raw_events, or pull the accounts' days `since` to `until` anew.

    `connection` is the name of the client's credential. `seen_at` is asked when a slice lands.

    Never raises for what an API does: what is missing is in `problems`, and in ops.sync_slices. One account's
    problem leaves the others alone.
    """
    report = Synced(api_version=client.api_version, reads_all=client.reads_all)
    is_first = not raw.holds(database, tenant.tenant_id, stream.source, stream.name)
    job = Sync(database, tenant, client, clock, stream, encoder(tenant, stream), seen_at, report, listener, is_first)
    before, waited = client.meter.requests, client.meter.waited
    address = (stream.source, stream.name)
    if notice := sunset.notice(client.source, client.api_version, client.sunset, clock.now().date()):
        report.notes.append(notice)
    with ledger.recording(database, tenant.tenant_id, address, job.now, client.api_version, run_id) as book:
        named = _accounts(job, book, connection)
        if wrong := skew.notice(client.meter.ahead):
            report.notes.append(wrong)
        for account in named:
            if account.problem:
                report.problems.append(Problem(account.name, CLOSED, account.problem))
                continue
            try:
                with reading():
                    _sync_account(job, book, account, since, until)
            except ApiError as error:
                report.problems.append(problem(account.name, error))
    report.requests = client.meter.requests - before
    report.waited = client.meter.waited - waited
    report.quota = dict(client.meter.quota)
    return report


def lost(database: Warehouse, tenant_id: str, stream: Stream, done: Synced) -> list[Problem]:
    """The accounts that were read before, and that none of the stream's connections names any more.

    Whoever names the accounts to read has decided on it. A list of all that a credential reaches may be short of one.
    """
    if done.named is None or not done.reads_all:
        return []
    known = proofs.read_to(database, tenant_id, stream.source, stream.name)
    closed = ", ".join(found.account for found in done.problems if found.kind == CLOSED)
    behind = f" It may be behind {closed}, which could not be read: mend that first." if closed else ""
    return [
        Problem(
            account,
            LOST,
            f"It was read up to {until:%Y-%m-%d}, and no login reaches it any more.{behind} Give it back to the login; "
            "or, if it has gone for good: "
            f"growthos connections forget {stream.source} --account {account} --tenant {tenant_id}",
        )
        for account, until in known.items()
        if account not in done.named
    ]


def _accounts(job: Sync, book: Ledger, connection: str) -> list[Account]:
    """The accounts that the credential reaches; none, and the reason in the ledger, if the source does not say."""
    try:
        _wait_over(book.names_at(connection), job)
        with reading():
            accounts = job.client.accounts()
            job.report.named = {account.id for account in accounts}
    except ApiError as error:
        found = problem(job.client.source, error)
        job.report.problems.append(found)
        if found.kind != WAITING:
            book.refused(connection, found.kind, found.message, found.retry_at)
        return []
    book.named(connection)
    return accounts


def _wait_over(again: datetime | None, job: Sync) -> None:
    """RateLimited while the source has said not to ask."""
    if again is not None and again > job.clock.now():
        raise Waiting(f"It asked to wait until {again:%Y-%m-%d %H:%M} UTC.", retry_at=again)


def _sync_account(job: Sync, book: Ledger, account: Account, since: date | None, until: date | None) -> None:
    """Pull what is wanted of an account, slice by slice. Raises what its next slice would meet as well."""
    key, report = job.stream.key, job.report
    _wait_over(book.retry_at(account.id), job)
    policy, request = job.client.policies[key], job.client.request(key, account)
    _fold(job, book, account, policy, request)
    planned = plan(policy, account, key, request, _proven(book, account, request), job.now(), since, until)
    report.notes += planned.notes
    report.problems += [Problem(account.name, SCOPE, words) for words in planned.missing]
    try:
        pull_all(job, book, account, planned.slices)
        if since is until is None:
            pull_all(job, book, account, _census(job, book, account, policy, request))
    finally:
        now = job.now()
        reached = cursor(_proven(book, account, request), beginning(policy, account, now), now)
        report.proven_to[f"{account.name} ({account.id})"] = reached


def _proven(book: Ledger, account: Account, request: str) -> list[Proven]:
    return [Proven(*row) for row in book.proven(account.id, request)]


def _fold(job: Sync, book: Ledger, account: Account, policy: Policy, request: str) -> None:
    """Leave of slices that nobody looks at any more what they prove, once there are many."""
    now = job.now()
    old = [proof for proof in _proven(book, account, request) if proof.at < now - KEPT]
    if len(old) >= FOLD_FROM:
        proofs = folded(policy, old, now, account.timezone)
        slices = [Slice(job.stream.key, account.id, proof.start, proof.end, request) for proof in proofs]
        book.fold(account.id, now - KEPT, zip(map(entry, slices), (proof.at for proof in proofs), strict=True))


def _census(job: Sync, book: Ledger, account: Account, policy: Policy, request: str) -> list[Slice]:
    """The slices that tell what was deleted of an account's own records."""
    listed = [Proven(*row) for row in book.proven(account.id, request, CENSUS)]
    pulled = _proven(book, account, request)
    slices = census(policy, account, job.stream.key, request, pulled, listed, job.now())
    if slices and book.accounts() > {account.id}:
        stream = (job.stream.source, job.stream.name)
        if raw.holds(job.database, job.tenant.tenant_id, *stream, of_nobody=True):
            words = "of records from before it was noted whose they are, what is deleted goes unnoticed."
            job.report.notes.append(f"{account.name}: {words}")
    return slices
