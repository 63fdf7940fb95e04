"""What is pulled, landed and proven as one: a slice of a stream's time. Planning is interval arithmetic.

What is wanted, less what is proven already, less nothing that the source may still restate: so a gap that a
failure left is asked for again by itself, and no cursor can skip it.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

WEEK = SWEEP_EVERY = timedelta(days=7)
CENSUS_EVERY = 4 * WEEK
CENSUS: Mapping[str, str] = {"fields": "id"}
"""The part of a slice that lists the ids of what was created in its interval, and nothing else of it."""
AHEAD = timedelta(hours=1)
"""By how much two clocks may differ. What was proven later than now was proven by a clock that is wrong."""
DAY = timedelta(days=1)


class Interval(NamedTuple):
    """Instants [start, end), time-zone aware."""

    start: datetime
    end: datetime


class Proven(NamedTuple):
    """An interval whose rows were proven to be complete, and when."""

    start: datetime
    end: datetime
    at: datetime


@dataclass(frozen=True, slots=True)
class Account:
    """One shop, ad account or property behind a credential.

    `opened` is when it can have begun to hold data. `problem` says why it cannot be asked at all, if so.
    """

    id: str
    name: str
    timezone: str
    currency: str
    opened: datetime | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """How a stream is asked for over time.

    `step` is the longest slice. What is younger than `lookback` is pulled every time (of reports once a day), what is
    younger than `sweep` once a week: the source still restates it. `history` is how far back the API answers (none:
    all the way), `settle` how old a change must be to be asked for. Reports `by_day` are cut at the account's
    midnights and end with its last complete day. `remedy` is for a history that need not be so short: what a person
    can do. `census` is for records that can be deleted without a word: the ids of those created within it are listed
    every week, those of all of them every four weeks.
    """

    step: timedelta
    lookback: timedelta
    sweep: timedelta = timedelta(0)
    history: timedelta | None = None
    settle: timedelta = timedelta(0)
    by_day: bool = False
    remedy: str | None = None
    census: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Slice:
    """One stream of one account over [start, end). `part` narrows it to some entities or fields; empty is all.

    `request` is the hash of what the stream asks for (version, query, fields), so that asking for more
    makes new slices of old time.
    """

    stream: str
    account: str
    start: datetime
    end: datetime
    request: str
    part: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def id(self) -> str:
        """The same for the same slice, on every machine."""
        told = [self.stream, self.account, _iso(self.start), _iso(self.end), self.request, sorted(self.part.items())]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]

    @property
    def is_census(self) -> bool:
        return self.part == CENSUS

    @property
    def is_whole(self) -> bool:
        """Whether it tells of everything in its interval, so that what it does not tell of is gone."""
        return not self.part or self.is_census

    def halves(self, zone: str | None = None) -> "list[Slice]":
        """Its two halves in time, cut at a midnight of the zone if there is one to cut at; none if it is too short."""
        middle = self.start + (self.end - self.start) / 2
        # an hour later, since the middle of a day of 25 hours and one of 24 lies before the midnight between them
        cut = midnight(middle + timedelta(hours=1), zone) if zone else middle.replace(microsecond=0)
        return [self.during(self.start, cut), self.during(cut, self.end)] if self.start < cut < self.end else []

    def dates(self, zone: str) -> list[date]:
        """The zone's days that it covers, if it was cut at that zone's midnights."""
        first, last = (at.astimezone(ZoneInfo(zone)).date() for at in (self.start, self.end - timedelta.resolution))
        return [first + timedelta(days=day) for day in range((last - first).days + 1)]

    def during(self, start: datetime, end: datetime) -> "Slice":
        return Slice(self.stream, self.account, start, end, self.request, self.part)


class Plan(NamedTuple):
    """The slices to pull, oldest first, and what a person must know of what is not among them.

    `notes` are facts of the API; `missing` is what a person could have, and how.
    """

    slices: list[Slice]
    notes: list[str]
    missing: list[str]


def request_hash(*told: object) -> str:
    """The hash of what a stream asks for: its API version, query, fields."""
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:16]


def plan(
    policy: Policy,
    account: Account,
    stream: str,
    request: str,
    proven: Iterable[Proven],
    now: datetime,
    since: date | None = None,
    until: date | None = None,
) -> Plan:
    """What of the days `since` to `until`, both included, has to be pulled now; without them, all that there is.

    They are the account's own days. An explicit `since` asks again for what is proven already: whoever names days
    wants them fresh.
    """
    zone = account.timezone
    end = now - policy.settle
    end = min(end, day_begins(until + DAY, zone)) if until else end
    end = midnight(end, zone) if policy.by_day else end
    begins = beginning(policy, account, now)
    notes, missing = list[str](), list[str]()
    asked_from = day_begins(since, zone) if since else account.opened if policy.remedy else None
    if policy.history and asked_from and asked_from < begins == _kept(policy, account, now):
        words = f"nothing before {begins:%Y-%m-%d} can be had, since the API keeps {policy.history / DAY:.0f} days."
        if policy.remedy:
            missing.append(f"{words} {policy.remedy}")
        else:
            notes.append(f"{account.name}: {words}")
    if since is not None:
        begins = max(begins, day_begins(since, zone))
    wanted = [Interval(begins, end)] if begins < end else []
    if since is None:
        wanted = subtract(wanted, still_good(policy, proven, now, zone))
    if wanted and wanted[-1].end == now - policy.settle:
        wanted[-1:] = _held(wanted[-1])
    cut = (piece for interval in wanted for piece in _cut(interval, policy, account.timezone))
    return Plan([Slice(stream, account.id, piece.start, piece.end, request) for piece in cut], notes, missing)


def census(
    policy: Policy,
    account: Account,
    stream: str,
    request: str,
    pulled: Iterable[Proven],
    listed: Iterable[Proven],
    now: datetime,
) -> list[Slice]:
    """The slices whose ids have to be listed now: once a week those of what is young, every four weeks those of all.

    `pulled` is what is proven of the records themselves, `listed` of their ids. What was only pulled this week cannot
    have been deleted since. The last day is left out, whose search results may lag, and so is the first one of a
    history that moves on with the clock: it must not be taken for deleted.
    """
    week = _week(now)
    if policy.census is None or all(proven.at >= week for proven in pulled):
        return []
    begins = beginning(policy, account, now) + (DAY if policy.history else timedelta(0))
    wanted = [Interval(begins, week - DAY)] if begins < week - DAY else []
    ends = ((p, p.end if p.at >= week else min(p.end, p.at - policy.census)) for p in listed)
    good = [Interval(p.start, end) for p, end in ends if p.start < end and week - CENSUS_EVERY < p.at <= now + AHEAD]
    left = subtract(wanted, merge(good))
    return [Slice(stream, account.id, start, end, request, CENSUS) for start, end in left]


def folded(policy: Policy, proven: Iterable[Proven], now: datetime, zone: str) -> list[Proven]:
    """What the proofs are good for, in as few as can be: planning gives the same by either."""
    good = [(proof.at, still_good(policy, [proof], now, zone)) for proof in proven]
    return [
        Proven(start, end, max(at for at, spans in good for span in spans if start <= span.start < end))
        for start, end in merge(span for _, spans in good for span in spans)
    ]


def beginning(policy: Policy, account: Account, now: datetime) -> datetime:
    """Where everything that the account has begins: when it was opened, or as far back as the API answers."""
    opened = account.opened or EPOCH
    opened = midnight(opened, account.timezone) if policy.by_day else opened
    return max(opened, _kept(policy, account, now))


def _kept(policy: Policy, account: Account, now: datetime) -> datetime:
    oldest = now - policy.history if policy.history else EPOCH
    return midnight(oldest, account.timezone) if policy.by_day else oldest


def still_good(policy: Policy, proven: Iterable[Proven], now: datetime, zone: str) -> list[Interval]:
    """The intervals that need not be pulled again: old ones once and for all, those to be swept for a week."""
    good: list[Interval] = []
    today = midnight(now, zone)
    for start, end, at in proven:
        if at > now + AHEAD:
            continue
        # what was proven while it could still change is good only as far as it could not
        reach = policy.lookback if now - at < SWEEP_EVERY else max(policy.lookback, policy.sweep)
        if policy.by_day:
            settled = end if at >= today else min(end, midnight(at - reach, zone))
        else:
            settled = min(end, at - reach)
        if start < settled:
            good.append(Interval(start, settled))
    return merge(good)


def merge(intervals: Iterable[Interval]) -> list[Interval]:
    """The same instants in as few intervals as can be, in order."""
    merged: list[Interval] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1].end:
            merged[-1] = Interval(merged[-1].start, max(end, merged[-1].end))
        else:
            merged.append(Interval(start, end))
    return merged


def subtract(wanted: Sequence[Interval], given: Sequence[Interval]) -> list[Interval]:
    """The instants of `wanted` that are in none of `given`, in order."""
    left = list(wanted)
    for start, end in given:
        parts = ((Interval(w.start, min(w.end, start)), Interval(max(w.start, end), w.end)) for w in left)
        left = [part for pair in parts for part in pair if part.start < part.end]
    return left


def cursor(proven: Iterable[Proven], begins: datetime, now: datetime) -> datetime:
    """Up to where everything since `begins` is proven, without a gap."""
    for start, end in merge(Interval(p.start, p.end) for p in proven if p.at <= now + AHEAD):
        if start > begins:
            break
        begins = max(begins, end)
    return begins


def midnight(at: datetime, zone: str) -> datetime:
    """The latest midnight of the zone up to the instant, in UTC."""
    local = at.astimezone(ZoneInfo(zone))
    return local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).astimezone(UTC)


def day_begins(day: date, zone: str) -> datetime:
    """The instant at which a day of the zone begins, in UTC."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def _cut(interval: Interval, policy: Policy, zone: str) -> list[Interval]:
    pieces: list[Interval] = []
    start = interval.start
    while start < interval.end:
        # an hour more than whole days, so that a day of 25 hours does not lose its midnight
        end = midnight(start + policy.step + timedelta(hours=1), zone) if policy.by_day else start + policy.step
        pieces.append(Interval(start, min(end, interval.end)))
        start = pieces[-1].end
    return pieces


def _held(interval: Interval) -> list[Interval]:
    """An interval up to now, which ends elsewhere by the next sync: what is long in it is held to the last full week.

    It may take its source longer than a sync; the next one takes up what was begun if it asks for the very same.
    """
    week = _week(interval.end)
    if interval.end - interval.start <= WEEK or interval.end == week:
        return [interval]
    return [Interval(interval.start, week), Interval(week, interval.end)]


def _week(at: datetime) -> datetime:
    """When the week of an instant began."""
    return EPOCH + (at - EPOCH) // WEEK * WEEK


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


EPOCH = datetime(2006, 1, 1, tzinfo=UTC)
"""Before the first of these services was there."""
