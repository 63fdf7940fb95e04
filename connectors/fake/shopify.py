"""Shopify's Admin GraphQL API, faked over a demo world: its paging, points, bulk operations, errors."""

import random
import re
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from math import ceil
from typing import Any, cast

import msgspec

from connectors.clock import Clock
from connectors.demo.calendar import DAY, iso
from connectors.demo.twins.rendering import offset, token
from connectors.demo.twins.shopify import Change, Shop
from connectors.demo.twins.shopify_orders import FIRST_ORDER, FIRST_PRODUCT, Node
from connectors.demo.world import World
from connectors.fake import points
from connectors.fake.graphql import Field, Variables, page, parse, selected
from connectors.fake.shopify_bulk import Jobs
from connectors.fake.shopify_shapes import details, listed
from connectors.shopify import API_VERSION
from connectors.shopify.queries import LISTINGS, ORDER_DETAILS, Listing
from connectors.wire import WireRequest, WireResponse

PATH = f"/admin/api/{API_VERSION}/graphql.json"
SCOPES = ("read_orders", "read_all_orders", "read_customers", "read_products", "read_inventory")
BUCKET, RATE, MAX_COST = 2_000, 100, 1_000
RECENT = 60 * DAY
MOST = 250
DEEPEST = 25_000
_SEARCH = re.compile(r"(updated_at|created_at):>='([^']+Z)' AND \1:<'([^']+Z)'")
_FULL = {listing.page.text: listing for listing in LISTINGS.values()}
_BULK_REFUSALS = ("LIMIT_REACHED", "OPERATION_IN_PROGRESS", "INVALID")
_BULK_OUTCOMES = ("CANCELED", "CANCELING", "EXPIRED", "FAILED", "INCOMPLETE")
_ROOTS = [listing.root for listing in LISTINGS.values()]
_NEEDS = {
    "orders": "read_orders",
    "customers": "read_customers",
    "customer": "read_customers",
    "products": "read_products",
    "product": "read_products",
    "variant": "read_products",
    "inventoryItem": "read_inventory",
}
_PROTECTED = {"email", "emailAddress"}
UNAPPROVED = (
    "This app is not approved to access the Customer object. See https://partners.shopify.com for more details."
)
EPOCH = datetime.fromtimestamp(0, UTC)
_COUNTED = {f"{listing.root}Count": listing.root for listing in LISTINGS.values()}


class Refused(Exception):
    """A query that Shopify answers with an error of this code."""

    def __init__(self, code: str | None, message: str) -> None:
        super().__init__(message)
        self.code = code


class FakeShopify:
    """One shop behind the API, as it is at the clock's present. Call it with a request.

    Its knobs, for tests: `tokens` it knows, each until an instant (none: takes any); `scopes` of the app, and whether
    it is `approved` for e-mail addresses, without which they are null and errors beside the data; `failing`,
    codes of the error table for the next answers; the number of a page that it `loses`, or `repeats` by half;
    `shuffled` rows; ids that it `forgets` when they are asked for by themselves, and those of what is `deleted` for
    good; ids of what is `heavy`, so that a query for it with connections inside runs out of time; whether it `counts`
    exactly; `journey_after`, from when on it tells where an order's visitor came from.
    """

    def __init__(
        self,
        world: World,
        clock: Clock,
        *,
        url: str = "https://storage.example.com",
        bucket: float = BUCKET,
        rate: float = RATE,
        seed: int = 42,
    ) -> None:
        self._clock = clock
        self._shop = Shop(world)
        self._seed = seed
        self._index: dict[str, tuple[int, list[Change]]] = {}
        self._listed = 0
        self.bucket = points.Bucket(clock, bucket, rate)
        self.jobs = Jobs(clock, url, self._everything)
        self.spent = 0.0
        self.max_cost = MAX_COST
        self.tokens: Mapping[str, datetime] | None = None
        self.scopes: tuple[str, ...] = SCOPES
        self.approved = True
        self.version = API_VERSION
        self.moved_to: str | None = None
        self.failing: deque[str] = deque()
        self.loses: int | None = None
        self.repeats: int | None = None
        self.shuffled = False
        self.forgets: set[str] = set()
        self.deleted: set[str] = set()
        self.heavy: set[str] = set()
        self.counts = "EXACT"
        self.journey_after = timedelta(0)

    def __call__(self, request: WireRequest) -> WireResponse:
        if request.path.startswith("/bulk/"):
            return self.jobs.download(request)
        refused = self._refused(request)
        if refused:
            return refused
        try:
            asked = msgspec.json.decode(request.body)
            document = parse(asked["query"])
        except (msgspec.DecodeError, ValueError, KeyError) as error:
            return self._errors(None, f"syntax error: {error}")
        variables: Variables = asked.get("variables") or {}
        most = points.requested(document, variables)
        if most > self.max_cost:
            message = f"Query cost is {most}, which exceeds the single query max cost limit ({self.max_cost})."
            return self._errors("MAX_COST_EXCEEDED", message)
        if not self.bucket.take(most):
            return self._errors("THROTTLED", "Throttled", self._cost(most, None))
        try:
            data = {field.name: self._resolved(field, variables, asked["query"]) for field in document.selection}
        except Refused as error:
            self.bucket.level += most
            return self._errors(error.code, str(error), self._cost(most, 0))
        used = min(most, points.actual(document, data))
        self.bucket.level += most - used
        self.spent += used
        answer: dict[str, Any] = {"data": data, "extensions": {"cost": self._cost(most, used)}}
        if not self.approved and (withheld := list(_withheld(data))):
            answer["errors"] = [{"message": UNAPPROVED, "path": path} for path in withheld]
        return self._answer(answer)

    def fail(self, code: str, times: int = 1) -> None:
        """Answer the next requests with an error of the table; a bulk operation's codes are for the next one run."""
        if code in _BULK_REFUSALS:
            self.jobs.refusals += [code] * times
        elif code in _BULK_OUTCOMES:
            self.jobs.outcomes += [code] * times
        else:
            self.failing += [code] * times

    def truth(self, root: str, since: datetime, until: datetime) -> set[str]:
        """The ids of what changed last in [since, until)."""
        return {self._node(root, place)["id"] for place in self._visible(root, self._changed(root, since, until))}

    def _refused(self, request: WireRequest) -> WireResponse | None:
        """What a request gets that does not come as far as GraphQL."""
        if self.moved_to:
            return self._answer({}, 301, {"location": f"https://{self.moved_to}{request.path}"})
        if request.path != PATH or request.method != "POST":
            return self._answer({"errors": "Not Found"}, 404)
        known = self.tokens is None or self._clock.now() < self.tokens.get(
            request.headers.get("x-shopify-access-token", ""), self._clock.now()
        )
        if not known:
            message = "[API] Invalid API key or access token (unrecognized login or wrong password)"
            return self._answer({"errors": message}, 401)
        if request.headers.get("content-type") != "application/json":
            return self._answer({"errors": {"query": "Required parameter missing or invalid"}}, 400)
        if not self.failing:
            return None
        code = self.failing.popleft()
        if code.isdigit():
            return self._answer({"errors": f"what Shopify says with {code}"}, int(code))
        return self._errors(code, f"what Shopify says with {code}", self._cost(1, None))

    def _resolved(self, field: Field, variables: Variables, text: str) -> Any:
        """The value of a field of the root."""
        try:
            return self._value(field, variables, text)
        except KeyError as error:
            raise Refused("undefinedField", f"Field {error} doesn't exist") from None

    def _value(self, field: Field, variables: Variables, text: str) -> Any:
        self._permit(field)
        if field.name in _COUNTED:
            found = len(self._searched(_COUNTED[field.name], field, variables))
            return selected(field.selection, {"count": found, "precision": self.counts}, variables)
        if field.name in _ROOTS:
            is_walk = "query" in field.arguments
            return self._page(field, variables, _FULL.get(text)) if is_walk else self._some(field, variables)
        if field.name == "nodes":
            self._strain(field.value("ids", variables))
            nodes = [self._by_id(id) for id in field.value("ids", variables)]
            if text == ORDER_DETAILS.text:
                return [node and details(node) for node in nodes]
            return [selected(field.selection, node, variables) for node in nodes]
        id, query = field.value("id", variables), field.value("query", variables)
        value: Any = {
            "node": lambda: self._by_id(id),
            "shop": self._told,
            "currentAppInstallation": lambda: {"accessScopes": [{"handle": scope} for scope in self.scopes]},
            "bulkOperation": lambda: self.jobs.told(id),
            "bulkOperations": lambda: {"nodes": self.jobs.newest_first()},
            "bulkOperationRunQuery": lambda: self.jobs.run(query),
            "bulkOperationCancel": lambda: self.jobs.cancel(id),
        }[field.name]()
        return (
            page(field, value["nodes"], variables)
            if field.is_connection
            else selected(field.selection, value, variables)
        )

    def _told(self) -> Node:
        calendar = self._shop.world.calendar
        return {
            "id": "gid://shopify/Shop/42",
            "name": "Example Goods",
            "myshopifyDomain": "example-goods.myshopify.com",
            "ianaTimezone": calendar.timezone,
            "currencyCode": self._shop.world.currency,
            "createdAt": iso(min(product.created for product in self._shop.world.products)),
        }

    def _page(self, field: Field, variables: Variables, known: Listing | None) -> dict[str, Any]:
        """A page of a walk, with the faults that are set for it."""
        places = self._searched(field.name, field, variables)
        if self.shuffled:
            places = random.Random(self._seed).sample(places, len(places))
        after, first = field.value("after", variables), field.value("first", variables)
        start, first = offset(after) if after else 0, min(first, MOST)
        if start >= DEEPEST:
            raise Refused(None, f"A walk ends at {DEEPEST} objects.")
        self._listed += 1
        if self._listed == self.loses:
            start += first
        end = min(start + first, len(places))
        nodes = [self._node(field.name, place) for place in places[start:end]]
        if any(inner.is_connection for inner in field.of_node):
            self._strain(node["id"] for node in nodes)
        if self._listed == self.repeats and end - start > 1:
            end = start + (end - start) // 2
        info = {"hasNextPage": end < len(places), "endCursor": token(end) if nodes else None}
        if known:  # a twin's nodes have the very fields, so that only connections are cut
            return {"nodes": [listed(node, known.connections) for node in nodes], "pageInfo": info}
        return {"nodes": selected(field.of_node, nodes, variables), "pageInfo": info}

    def _some(self, field: Field, variables: Variables) -> dict[str, Any]:
        """A page that nothing is searched for."""
        places = self._visible(field.name, self._changed(field.name, EPOCH, self._clock.now()))
        nodes = [self._node(field.name, place) for place in places[: field.value("first", variables)]]
        return {"nodes": selected(field.of_node, nodes, variables)}

    def _strain(self, ids: Iterable[str]) -> None:
        if not self.heavy.isdisjoint(ids):
            raise Refused("TIMEOUT", "Timeout")

    def _everything(self, field: Field) -> Iterator[Node]:
        """All nodes that a bulk operation's root selects."""
        self._permit(field)
        if not (self.approved or _names(field).isdisjoint(_PROTECTED)):
            raise Refused("ACCESS_DENIED", UNAPPROVED)
        return (self._node(field.name, place) for place in self._searched(field.name, field, {}))

    def _searched(self, root: str, field: Field, variables: Variables) -> list[int]:
        search = field.value("query", variables) or ""
        window = _SEARCH.fullmatch(search)
        if window is None:
            raise Refused(None, f"Invalid search: {search}")
        by, *instants = window.groups()
        since, until = (datetime.fromisoformat(at) for at in instants)
        places = self._changed(root, since, until) if by == "updated_at" else self._created(root, since, until)
        return self._visible(root, places)

    def _changed(self, root: str, since: datetime, until: datetime) -> list[int]:
        """The places of what changed last in the window, in the order of change."""
        now = min(self._now, self._shop.world.calendar.end)
        if self._index.get(root, (None,))[0] != now:
            self._index[root] = now, self._shop.changes(root, now)
        index = self._index[root][1]
        first, end = (bisect_left(index, (ceil(at.timestamp()), -1)) for at in (since, until))
        return [place for _, place in index[first:end]]

    def _created(self, root: str, since: datetime, until: datetime) -> list[int]:
        """The places of what came to be in the window."""
        window = range(ceil(since.timestamp()), min(ceil(until.timestamp()), self._now))
        return [place for place, thing in enumerate(getattr(self._shop.world, root)) if thing.created in window]

    def _visible(self, root: str, places: list[int]) -> list[int]:
        """The places of what is there and what the app may see."""
        if self.deleted:
            places = [place for place in places if self._node(root, place)["id"] not in self.deleted]
        if root != "orders" or "read_all_orders" in self.scopes:
            return places
        oldest = self._now - RECENT
        return [place for place in places if self._shop.world.orders[place].created >= oldest]

    @property
    def _now(self) -> int:
        return ceil(self._clock.now().timestamp())

    def _node(self, root: str, place: int, *, sales: bool = False) -> Node:
        node = self._shop.node(root, place, self._now, sales=sales)
        if self.journey_after and root == "orders" and node["customerJourneySummary"]:
            known = datetime.fromisoformat(node["createdAt"]) + self.journey_after
            if known > self._clock.now():
                node["customerJourneySummary"] = dict.fromkeys(node["customerJourneySummary"]) | {"ready": False}
        return node

    def _by_id(self, id: str) -> Node | None:
        if id in self.forgets | self.deleted:
            return None
        kind, number = id.rsplit("/", 2)[1:]
        root, first = {"Product": ("products", FIRST_PRODUCT)}.get(kind, ("orders", FIRST_ORDER))
        place = int(number) - first
        if not 0 <= place < len(getattr(self._shop.world, root)):
            return None
        node = self._node(root, place, sales=True)
        return next(iter(node["refunds"]), None) if kind == "Refund" else node

    def _permit(self, field: Field) -> None:
        scope = _NEEDS.get(field.name)
        if scope and scope not in self.scopes:
            raise Refused(
                "ACCESS_DENIED", f"Access denied for {field.name} field. Required access: `{scope}` access scope."
            )
        for inner in field.selection:
            self._permit(inner)

    def _cost(self, most: float, used: float | None) -> dict[str, Any]:
        return {"requestedQueryCost": most, "actualQueryCost": used, "throttleStatus": self.bucket.status}

    def _errors(self, code: str | None, message: str, cost: dict[str, Any] | None = None) -> WireResponse:
        error: dict[str, Any] = {"message": message}
        if code:
            error["extensions"] = {"code": code}
        return self._answer({"errors": [error], **({"extensions": {"cost": cost}} if cost else {})})

    def _answer(self, body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> WireResponse:
        told = {
            "content-type": "application/json",
            "date": format_datetime(self._clock.now(), usegmt=True),
            "x-shopify-api-version": self.version,
            **(headers or {}),
        }
        return WireResponse(status, msgspec.json.encode(body), told)


def _names(field: Field) -> set[str]:
    """The names of the field and of all that is selected in it."""
    return {field.name}.union(*map(_names, field.selection))


def _withheld(value: Any, *path: str | int) -> Iterator[list[str | int]]:
    """Where a protected value was, which is null from then on."""
    if isinstance(value, list):
        for place, each in enumerate(cast("list[Any]", value)):
            yield from _withheld(each, *path, place)
    elif isinstance(value, dict):
        held = cast("dict[str, Any]", value)
        for name, inner in held.items():
            if name in _PROTECTED:
                held[name] = None
                yield [*path, name]
            else:
                yield from _withheld(inner, *path, name)
