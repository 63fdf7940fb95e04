"""A shop as a client: its orders, customers, products by when they changed."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, Literal, NamedTuple

from connectors.budget import SLICE_LASTS, Budget
from connectors.client import Finding, Page, Proof
from connectors.clock import Clock
from connectors.errors import PermissionDenied, TooBig
from connectors.exchange import Meter
from connectors.http import Authorizer, Http, Transport
from connectors.shopify import API_VERSION, SUNSET
from connectors.shopify.bulk import Bulk
from connectors.shopify.errors import judge
from connectors.shopify.graphql import GraphQL
from connectors.shopify.pace import CostPace
from connectors.shopify.probe import probe
from connectors.shopify.queries import IDS, LISTINGS, ORDER_DETAILS, SHOP, Listing
from connectors.shopify.shop import domain
from connectors.shopify.whole import Node, detailed, pages, whole
from connectors.slices import Account, Policy, Slice, request_hash
from connectors.source import RawRecord

Mode = Literal["paged", "bulk", "auto"]

BULK_FROM = 5_000
"""Objects from which a bulk operation beats pages, its start-up time included."""
WALK_LIMIT = 20_000
"""Objects that are walked at most: a walk ends at 25,000, and the window may fill up to that."""
READING_LASTS = SLICE_LASTS / 2
"""How long a bulk operation's result may take to read, by what is known beforehand: the job takes its time before, and
no two slices have the same pace. Of what turns out to be too much, all that was downloaded would be thrown away."""
WALKS = 3
"""Walks of one window at most: if it is too busy to stand still for any of them, a range has to do."""
SHORTEST = timedelta(minutes=1)
QUARTER, YEAR = timedelta(days=90), timedelta(days=365)
SETTLE = timedelta(seconds=60)
RECENT = timedelta(days=60)
ALL_ORDERS = "read_all_orders"
REMEDY = "Give the app the scope read_all_orders and install it again to have them all."

POLICIES: Mapping[str, Policy] = {
    # Where a visitor came from is known up to three days after the order, and that does not count as an update
    # of it. As no order is updated before it is created, three days of updates hold all such orders.
    "shopify/orders": Policy(step=QUARTER, lookback=timedelta(days=3), settle=SETTLE, census=RECENT),
    "shopify/customers": Policy(step=YEAR, lookback=timedelta(days=2), settle=SETTLE),
    "shopify/products": Policy(step=YEAR, lookback=timedelta(days=2), settle=SETTLE),
}


class Read(NamedTuple):
    """What of bulk results has been read so far, and how long that took."""

    objects: int
    time: timedelta


NOTHING = Read(0, timedelta(0))
FIRST_GUESS = Read(100, timedelta(seconds=1))
"""The pace by which a job is begun before any result was read: of orders of which a tenth have details, on Shopify's
plans with few points."""


class ShopifyClient:
    """One shop. `mode` says how it is read: page by page, by bulk operations, or by which is faster."""

    source = "shopify"
    api_version = API_VERSION
    reads_all = False
    sunset: date | None = SUNSET

    def __init__(
        self,
        shop: str,
        *,
        authorizer: Authorizer,
        clock: Clock,
        base_url: str | None = None,
        transport: Transport | None = None,
        dice: random.Random | None = None,
        mode: Mode = "auto",
    ) -> None:
        self.shop = domain(shop)
        self._mode = mode
        self._http = Http(
            base_url or f"https://{self.shop}",
            judge=judge,
            clock=clock,
            authorizer=authorizer,
            pace=CostPace(),
            transport=transport,
            dice=dice,
        )
        self._graphql = GraphQL(self._http)
        self._bulk = Bulk(self._graphql)
        self._begun = set[str]()
        self._read = dict[Listing, Read]()

    @property
    def meter(self) -> Meter:
        return self._http.meter

    @property
    def policies(self) -> Mapping[str, Policy]:
        """Asks for the app's scopes: without read_all_orders, orders reach back 60 days only."""
        if ALL_ORDERS in self._graphql.scopes:
            return POLICIES
        return {**POLICIES, "shopify/orders": replace(POLICIES["shopify/orders"], history=RECENT, remedy=REMEDY)}

    def accounts(self) -> list[Account]:
        shop = self._graphql.ask(SHOP, self._http.budget())["shop"]
        opened = datetime.fromisoformat(shop["createdAt"])
        return [Account(shop["id"], shop["name"], shop["ianaTimezone"], shop["currencyCode"], opened)]

    def request(self, stream: str, account: Account) -> str:
        told = self._graphql.allowed(LISTINGS[stream].page.text)
        return request_hash(API_VERSION, told, ORDER_DETAILS.text if stream == "shopify/orders" else "")

    def prepare(self, part: Slice, account: Account) -> None:
        """Starts the slice's bulk operation, if it will be one and not have to be split: its pull takes it over."""
        listing, search, budget = self._asked(part)
        matching = self._count(listing, search, budget)
        if self._is_bulk(matching) and not self._is_too_big(listing, matching, FIRST_GUESS):
            self._bulk.start(listing, search, matching, budget)
            self._begun.add(search)

    def pull(self, part: Slice, account: Account) -> Iterator[Page]:
        """The records that changed in the slice, each whole; of a census, the ids of those that were created then.

        Raises TooBig for more than a walk can reach, or than can be read in a slice's time.
        """
        listing, search, budget = self._asked(part)
        before = self._count(listing, search, budget)
        if self._is_bulk(before):
            if search not in self._begun and self._is_too_big(listing, before) and self.split(part, account):
                raise TooBig(f"{before} {listing.root} would take too long, as the ones before did; it is split.")
            pages = self._in_bulk(listing, search, before, budget)
        elif before > WALK_LIMIT:
            raise TooBig(f"{before} {listing.root} in one slice, and pages reach {WALK_LIMIT}; it is split.")
        else:
            pages = self._in_pages(listing, search, before, budget)
        for page in self._in_time(pages, part, account, listing, before, budget):
            if page.proof and part.is_census:
                self._check_sight(part, budget)
            yield page

    def split(self, part: Slice, account: Account) -> list[Slice]:
        return part.halves() if part.end - part.start >= 2 * SHORTEST else []

    def probe(self) -> list[Finding]:
        return probe(self._graphql)

    def _asked(self, part: Slice) -> tuple[Listing, str, Budget]:
        listing = IDS[part.stream] if part.is_census else LISTINGS[part.stream]
        return listing, listing.searched(part.start, part.end), self._http.budget()

    def _is_bulk(self, matching: int) -> bool:
        return self._mode == "bulk" or (self._mode == "auto" and matching > BULK_FROM)

    def _is_too_big(self, listing: Listing, matching: int, before: Read = NOTHING) -> bool:
        """Whether a result would take longer to read, at the pace of those before, than may go by after its job."""
        read = self._read.get(listing, before)
        return read.time * matching > READING_LASTS * read.objects

    def _in_pages(self, listing: Listing, search: str, before: int, budget: Budget) -> Iterator[Page]:
        """Page after page. What is updated meanwhile leaves the closed window, and nothing can enter it.

        So a walk that finds as many as were counted before has them all. One that finds fewer has lost some if the
        count is still the same, and the proof tells; if the count fell, what is missing may have left or be lost, and
        the window is walked again.
        """

        def fetch(after: str | None) -> Node:
            return self._page(listing, budget, after=after, query=search)[listing.root]

        found, walks = set[str](), 0
        while True:
            seen = set[str]()
            for page in pages(fetch):
                nodes = whole(self._graphql, listing, page["nodes"], budget)
                seen.update(node["id"] for node in nodes)
                yield _page(nodes)
            found |= seen
            walks += 1
            after = self._count_after(listing, search, before, len(seen), budget)
            if after >= before or walks == WALKS:
                break
            before = after
        left = len(found - seen)  # read by an earlier walk, and no longer in the window
        yield Page([], _between(listing, after + left, before + left))

    def _in_bulk(self, listing: Listing, search: str, before: int, budget: Budget) -> Iterator[Page]:
        """One job. That its file is whole, it proves by itself; that it saw the window, the counts around it do."""
        found = set[str]()
        for nodes in self._bulk.nodes(listing, search, before, budget):
            kept = detailed(self._graphql, listing, nodes, budget)
            found.update(node["id"] for node in kept)
            yield _page(kept)
        after = self._count_after(listing, search, before, len(found), budget)
        yield Page([], _between(listing, after, before))

    def _page(self, listing: Listing, budget: Budget, **variables: Any) -> dict[str, Any]:
        """As many nodes as may be asked for at once, with the head of each connection, if a single one allows that."""
        try:
            return self._graphql.page(listing.page, budget, **variables)
        except TooBig:
            if not listing.connections:
                raise
            return self._graphql.page(listing.bare, budget, 1, **variables)

    def _in_time(
        self, pages: Iterator[Page], part: Slice, account: Account, listing: Listing, matching: int, budget: Budget
    ) -> Iterator[Page]:
        """The pages; TooBig as soon as they come too slowly for a slice that could be split.

        The bucket of points decides how many orders with refunds an hour allows. Waiting for it to the end of the
        slice's time, to ask for all of it again, would lead nowhere.
        """
        head = next(pages)
        yield head
        left, read, since = matching - len(head.records), 0, budget.clock.now()
        before = self._read.get(listing, NOTHING)
        for page in pages:
            read += len(page.records)
            yield page
            spent = budget.clock.now() - since
            if self._is_bulk(matching):
                self._read[listing] = Read(before.objects + read, before.time + spent)
            if budget.outlasted(read, left, since) and self.split(part, account):
                raise TooBig(f"{read} of {left} took {spent}; it is split, to be read in time.")

    def _check_sight(self, part: Slice, budget: Budget) -> None:
        """PermissionDenied if the app has lost the scope that shows what is older: hidden is not deleted."""
        if part.start < budget.clock.now() - RECENT and ALL_ORDERS not in self._graphql.granted(budget):
            raise PermissionDenied(f"Older orders are hidden, and not known to be deleted. {REMEDY}")

    def _count_after(self, listing: Listing, search: str, before: int, read: int, budget: Budget) -> int:
        """How many there are now; not asked if all were read, since no answer could say anything else."""
        return before if read == before else self._count(listing, search, budget)

    def _count(self, listing: Listing, search: str, budget: Budget) -> int:
        """How many match. TooBig if Shopify does not count to the end: then it would prove nothing."""
        told = self._graphql.ask(listing.count, budget, query=search)[f"{listing.root}Count"]
        if told["precision"] != "EXACT":
            raise TooBig(f"Shopify stopped counting {listing.root} at {told['count']}; the slice is split.")
        return told["count"]


def _between(listing: Listing, at_least: int, at_most: int) -> Proof:
    return Proof(at_least, at_most, f"{listing.root}Count before and after")


def _page(nodes: list[Node]) -> Page:
    return Page([RawRecord(node["id"], node) for node in nodes])
