"""Meta's Insights as a client: slices of a stream, each proven by the account's own totals."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from connectors.budget import Budget
from connectors.client import Finding, Page, Proof
from connectors.clock import Clock
from connectors.exchange import Meter
from connectors.http import Http, Transport
from connectors.meta import API_VERSION, SUNSET, records
from connectors.meta.accounts import accounts, number
from connectors.meta.errors import judge
from connectors.meta.pace import Pace
from connectors.meta.probe import probe
from connectors.meta.query import APART, LEVELS, Query, fingerprint, local_day, narrower
from connectors.meta.reports import Bearer, Graph
from connectors.meta.tally import PROVEN_BY, Tally
from connectors.slices import DAY, Account, Policy, Slice, request_hash
from connectors.source import Body, RawRecord

HOST = "https://graph.facebook.com"
RESTATED = 28 * DAY  # then Meta freezes a day
HISTORY = (3 * 365 + 28) * DAY  # 37 months, of which February may be one
AT_ONCE = 7  # days of campaigns that need no report made
CHUNK = 50  # things that one slice names


class MetaClient:
    """Insights of the ad accounts that a system user's token reaches, or of those that are named.

    Raises ConfigError for an account that is no number.
    """

    source = "meta"
    api_version = API_VERSION
    sunset = SUNSET
    policies: Mapping[str, Policy] = {
        stream: Policy(step=level.step, lookback=RESTATED, history=HISTORY, by_day=True)
        for stream, level in LEVELS.items()
    }

    def __init__(
        self,
        *,
        access_token: str,
        app_secret: str | None = None,
        account_ids: Sequence[str] = (),
        clock: Clock,
        base_url: str | None = None,
        transport: Transport | None = None,
        dice: random.Random | None = None,
    ) -> None:
        self._token = access_token
        self._account_ids = [number(name) for name in account_ids]
        self.reads_all = not account_ids
        self._http = Http(
            base_url or HOST,
            judge=judge,
            clock=clock,
            authorizer=Bearer(access_token),
            pace=Pace(),
            transport=transport,
            dice=dice,
        )
        self._graph = Graph(self._http, access_token, app_secret)

    @property
    def meter(self) -> Meter:
        return self._http.meter

    def accounts(self) -> list[Account]:
        return accounts(self._graph, self._account_ids, self._http.budget())

    def request(self, stream: str, account: Account) -> str:
        return request_hash(API_VERSION, fingerprint(stream), account.timezone, account.currency)

    def prepare(self, part: Slice, account: Account) -> None:
        """Nothing: an answer does not take it long."""

    def pull(self, part: Slice, account: Account) -> Iterator[Page]:
        budget, query = self._http.budget(), Query.of(part, account.timezone)
        if query.is_apart:
            return self._joined(query, account, budget)
        return self._proven(query, next(query.rows()), account, budget)

    def split(self, part: Slice, account: Account) -> list[Slice]:
        """By days, then by campaigns, then by ad sets; at last the same rows with their fields asked for apart."""
        if halves := part.halves(account.timezone):
            return halves
        query = Query.of(part, account.timezone)
        for kind in query.level.splits:
            named = query.named(kind)
            if len(named) == 1:
                continue
            if found := named or self._entities(kind, query, account):
                return [replace(part, part=smaller) for smaller in narrower(part.part, kind, found, CHUNK)]
        return [] if query.is_apart else [replace(part, part={**part.part, **APART})]

    def probe(self) -> list[Finding]:
        return probe(self._graph, self._token, self.accounts, self._http.budget(), self.meter)

    def _proven(self, query: Query, asked: Mapping[str, str], account: Account, budget: Budget) -> Iterator[Page]:
        """The rows that were asked for, and the proof that they are all."""
        tally = Tally()
        at_once = query.level.name == "campaign" and query.days <= AT_ONCE and not query.part
        for body in self._read(asked, account, budget, at_once=at_once):
            found = records(body)
            tally.add(found)
            yield Page(found)
        totals = self._read(query.totals(), account, budget, at_once=not query.is_narrowed)
        yield Page([], tally.proof(row for body in totals for row in body["data"]))

    def _joined(self, query: Query, account: Account, budget: Budget) -> Iterator[Page]:
        """The rows whose fields are asked for apart, each whole again."""
        rows: dict[str, Body] = {}
        for asked in query.rows():
            for page in self._proven(query, asked, account, budget):
                for record in page.records:
                    rows.setdefault(record.external_id, {}).update(record.payload)
        yield Page([RawRecord(key, row) for key, row in rows.items()], Proof.exactly(len(rows), PROVEN_BY))

    def _entities(self, kind: str, query: Query, account: Account) -> list[str]:
        """The campaigns or ad sets of a slice; conversions are told for as long after the last delivery as any are."""
        oldest = local_day(self._http.clock.now() - HISTORY, account.timezone)
        since = min(query.since, max(query.since - RESTATED, oldest))
        bodies = self._read(query.entities(kind, since), account, self._http.budget(), at_once=False)
        return sorted({row[f"{kind}_id"] for body in bodies for row in body["data"]})

    def _read(self, asked: Mapping[str, str], account: Account, budget: Budget, *, at_once: bool) -> Iterator[Body]:
        """The pages of what was asked, in answer to the request itself or as a report."""
        if at_once:
            return self._graph.pages(f"act_{account.id}/insights", asked, budget)
        return self._graph.report(account.id, asked, budget)
