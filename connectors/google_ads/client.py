"""Google Ads: campaigns by day of every account that the login reaches."""

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

from connectors import skew, sunset
from connectors.budget import Budget
from connectors.client import Finding, Page, Proof
from connectors.clock import Clock
from connectors.errors import ApiError, AuthError, ConfigError, PermissionDenied, TooBig, Transient, Truncated
from connectors.google_ads import API_VERSION, FIELDS, SUNSET, records
from connectors.google_ads.api import Api
from connectors.google_ads.errors import EXPIRED_PAGE_TOKEN, INVALID_PAGE_TOKEN
from connectors.google_ads.hierarchy import CLIENTS, NOT_REACHED, Reached, reached, refused
from connectors.http import Authorizer, Transport
from connectors.slices import DAY, Account, Policy, Slice, request_hash
from connectors.source import Body

STREAM = "google_ads/insights"
QUERY = f"SELECT {', '.join(FIELDS)} FROM campaign WHERE segments.date BETWEEN '{{first}}' AND '{{last}}'"
FIGURES = "SELECT customer.id, metrics.impressions FROM customer WHERE segments.date DURING YESTERDAY"
SUMMED = ("costMicros", "impressions", "clicks")
"""What a stream's summary row must equal to the last digit: whole numbers, which add up."""

PAGED = 50_000
"""Rows up to which pages are asked for; more come in one stream, which is faster and begins anew when it breaks."""

RESTARTS = 3
BROKEN_STREAM = "BROKEN_STREAM"
BEGINS_ANEW = {EXPIRED_PAGE_TOKEN, INVALID_PAGE_TOKEN, BROKEN_STREAM}


class GoogleAdsClient:
    """One login to Google Ads.

    `customer_ids` are the accounts to read, none for all that it reaches; `login_customer_id` is the manager through
    which it reaches them, found out if left empty. A developer token is no longer needed (since 2026-09-09 access
    belongs to the Cloud project of the login), and is sent if there is one. ConfigError for what is no customer id.
    """

    source = "google_ads"
    api_version = API_VERSION
    sunset: date | None = SUNSET
    policies: Mapping[str, Policy] = {
        # A conversion is credited to the day of the click, up to 90 days later; most come within 30. Daily figures
        # are kept for 37 months: https://developers.google.com/google-ads/api/docs/deprecations
        STREAM: Policy(step=90 * DAY, lookback=30 * DAY, sweep=90 * DAY, history=1120 * DAY, by_day=True)
    }

    def __init__(
        self,
        *,
        authorizer: Authorizer,
        customer_ids: Sequence[str] = (),
        login_customer_id: str | None = None,
        developer_token: str | None = None,
        clock: Clock,
        base_url: str | None = None,
        transport: Transport | None = None,
        dice: random.Random | None = None,
    ) -> None:
        self._clock = clock
        self._wanted = [_digits(customer) for customer in customer_ids]
        self.reads_all = not customer_ids
        self._manager = _digits(login_customer_id) if login_customer_id else None
        self._reached: dict[str, Reached] = {}
        self._api = Api(authorizer, developer_token, clock, base_url, transport, dice)
        self.meter = self._api.meter

    def accounts(self) -> list[Account]:
        """The accounts with figures of their own below every manager, once each; managers have none."""
        budget = self._api.budget()
        found: dict[str, Reached] = {}
        for root in [self._manager] if self._manager else self._roots(budget):
            try:
                below = self._below(root, budget)
            except (PermissionDenied, ConfigError) as error:
                below = []
                found.setdefault(root, refused(root, str(error)))
            for each in reached(below, root):
                known = found.get(each.account.id)
                if known is None or known.account.problem:
                    found[each.account.id] = each
        for customer in self._wanted:
            found.setdefault(customer, refused(customer, NOT_REACHED))
        self._reached = {key: found[key] for key in self._wanted or found}
        return [each.account for each in self._reached.values()]

    def request(self, stream: str, account: Account) -> str:
        return request_hash(API_VERSION, stream, QUERY, account.timezone, account.currency)

    def prepare(self, part: Slice, account: Account) -> None:
        """Nothing: an answer does not take it long."""

    def pull(self, part: Slice, account: Account) -> Iterator[Page]:
        """The campaigns' days in the slice.

        A page token that ends, or a stream that breaks off, begins anew: rows may come twice. A stream that breaks
        off every time is TooBig, if it can be asked for in smaller pieces.
        """
        budget = self._api.budget()
        for restarts in range(RESTARTS + 1):
            try:
                yield from self._rows(part, account, budget)
                return
            except Truncated as error:
                if error.code not in BEGINS_ANEW:
                    raise
                if restarts == RESTARTS:
                    if error.code == BROKEN_STREAM and self.split(part, account):
                        raise TooBig(str(error), code=error.code) from None
                    raise
            self._clock.sleep(2.0**restarts)

    def split(self, part: Slice, account: Account) -> list[Slice]:
        """Its halves in time; none of a single day."""
        return part.halves(account.timezone)

    def probe(self) -> list[Finding]:
        """Login and scope, accounts, access to figures, clock, version."""
        try:
            reply = self._api.accessible(self._api.budget())
            accounts = self.accounts()
        except ApiError as error:
            return [Finding("login", False, str(error))]
        usable = [account for account in accounts if not account.problem]
        problems = [f"{account.name}: {account.problem}" for account in accounts if account.problem]
        return [
            Finding("login", True, "Google accepts the login."),
            Finding("accounts", bool(usable), "; ".join([f"{len(usable)} can be read", *problems])),
            self._figures(usable),
            skew.finding(reply),
            sunset.finding(self.source, API_VERSION, SUNSET, self._clock.now().date()),
        ]

    def _figures(self, usable: Sequence[Account]) -> Finding:
        """Whether figures, not only the list of accounts, can be read: the project's access level decides."""
        if not usable:
            return Finding("figures", None, "There is no account to ask for figures.")
        first = usable[0].id
        try:
            self._api.search(first, self._login(first), FIGURES, self._api.budget())
        except ApiError as error:
            return Finding("figures", False, str(error))
        tests = [account.name for account in usable if self._reached[account.id].is_test]
        if tests:
            return Finding("figures", False, f"Test accounts have no figures: {', '.join(tests)}.")
        return Finding("figures", True, "Figures can be read.")

    def _roots(self, budget: Budget) -> list[str]:
        """The accounts that the login reaches itself. Nothing counts them: what one list has lost, another one has."""
        names = [name for _ in range(2) for name in self._api.accessible(budget).json().get("resourceNames", ())]
        return [name.removeprefix("customers/") for name in dict.fromkeys(names)]

    def _below(self, root: str, budget: Budget) -> list[Body]:
        """The rows of the accounts below one, all of them: one that is not named is never asked, and never missed."""
        bodies = list(self._api.pages(root, root, CLIENTS, budget))
        rows = [row for body in bodies for row in body.get("results", ())]
        told = int(bodies[0].get("totalResultsCount", 0))
        if len(rows) < told:
            raise Truncated(f"Google Ads names {len(rows)} of the {told} accounts below {root}. Sync again.")
        return rows

    def _login(self, customer: str) -> str:
        """The account through which a customer is reached."""
        if self._manager:
            return self._manager
        if customer not in self._reached:
            self.accounts()
        return self._reached[customer].through if customer in self._reached else customer

    def _rows(self, part: Slice, account: Account, budget: Budget) -> Iterator[Page]:
        days = part.dates(account.timezone)
        query = QUERY.format(first=days[0], last=days[-1])
        login = self._login(account.id)
        proof: Proof | None = None
        for body in self._api.pages(account.id, login, query, budget):
            if proof is None:
                proof = Proof.exactly(int(body.get("totalResultsCount", 0)), "totalResultsCount")
                if proof.at_least > PAGED:
                    yield from self._streamed(account.id, login, query)
                    yield Page([], proof)
                    return
            yield Page(records(body), None if body.get("nextPageToken") else proof)

    def _streamed(self, customer: str, login: str, query: str) -> Iterator[Page]:
        """All rows in one stream; at its end Google's own sums of them, which they must make."""
        sums: Counter[str] = Counter()
        seen: set[str] = set()
        summary: Body | None = None
        try:
            for body in self._api.stream(customer, login, query):
                new = [record for record in records(body) if record.external_id not in seen]
                seen.update(record.external_id for record in new)
                sums.update(_sums(record.payload for record in new))
                summary = body.get("summaryRow", summary)
                yield Page(new)
        except (Transient, AuthError) as error:  # to begin anew renews the login as well
            raise Truncated(f"The stream broke off after {len(seen)} rows: {error}", code=BROKEN_STREAM) from None
        if summary is None:
            raise Truncated(f"The stream ended after {len(seen)} rows without its summary.", code=BROKEN_STREAM)
        if sums != (told := _sums([summary])):
            raise Truncated(f"The rows make {dict(sums)}, and Google's summary says {dict(told)}.", code="SUMMARY_ROW")


def _sums(rows: Iterable[Body]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for row in rows:
        metrics = row.get("metrics", {})
        for name in SUMMED:
            sums[name] += int(metrics.get(name, 0))
    return sums


def _digits(customer: str) -> str:
    """123-456-7890 as 1234567890."""
    digits = re.sub(r"[\s-]", "", customer)
    if not re.fullmatch(r"\d{10}", digits):
        raise ConfigError(f"{customer!r} is no Google Ads customer id. It has ten digits, as 123-456-7890.")
    return digits
