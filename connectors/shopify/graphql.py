"""Operations asked of one shop's GraphQL endpoint, each paced by what it cost the last time."""

from functools import cached_property
from typing import Any

from connectors.budget import Budget
from connectors.errors import PermissionDenied, TooBig
from connectors.exchange import Reply, Request
from connectors.http import Http
from connectors.shopify import API_VERSION, PAGE_SIZE
from connectors.shopify.envelope import cost
from connectors.shopify.errors import COSTS_TOO_MUCH, UNAPPROVED
from connectors.shopify.queries import APPROVALS, PROTECTED, SCOPES, Operation, granted

PATH = f"/admin/api/{API_VERSION}/graphql.json"
FIRST_GUESS = 10.0  # points, of an operation that was never asked


class GraphQL:
    """One shop's endpoint. What the app has no scope or approval for is left out of every query."""

    def __init__(self, http: Http) -> None:
        self.http = http
        self._costs: dict[tuple[str, int, int], float] = {}
        self._sizes: dict[str, int] = {}
        self._texts: dict[str, str] = {}

    @cached_property
    def scopes(self) -> frozenset[str]:
        """What the app may do in this shop."""
        return self.granted(self.http.budget())

    @cached_property
    def approvals(self) -> frozenset[str]:
        """What Shopify has approved the app for: it lists no approvals, and tells by refusing what needs one."""
        wanted = frozenset({PROTECTED})
        try:
            self._send(APPROVALS.name, granted(APPROVALS.text, self.scopes | wanted), self.http.budget(), {})
        except PermissionDenied as error:
            if error.code != UNAPPROVED:
                raise
            return frozenset()
        return wanted

    def granted(self, budget: Budget) -> frozenset[str]:
        """What the app may do at this moment, asked anew."""
        body, _ = self._send(SCOPES.name, SCOPES.text, budget, {})
        return frozenset(scope["handle"] for scope in body["currentAppInstallation"]["accessScopes"])

    def allowed(self, text: str) -> str:
        """The text without what the app has no scope or approval for."""
        return granted(text, self.scopes | self.approvals)

    def ask(self, operation: Operation, budget: Budget, **variables: Any) -> dict[str, Any]:
        """The data of the answer; ApiError if there is none within the budget."""
        return self.reply(operation, budget, **variables)[0]

    def page(self, operation: Operation, budget: Budget, most: int = PAGE_SIZE, **variables: Any) -> dict[str, Any]:
        """As many nodes as may be asked for at once, up to `most`; TooBig if a single one is too much.

        What a query may cost is known beforehand, and so learned once; that one took too long is no rule for the next.
        """
        first = self._sizes.get(operation.name, most)
        while True:
            try:
                return self.ask(operation, budget, first=first, **variables)
            except TooBig as error:
                if first == 1:
                    raise
                first //= 2
                if error.code == COSTS_TOO_MUCH:
                    self._sizes[operation.name] = first

    def reply(self, operation: Operation, budget: Budget, **variables: Any) -> tuple[dict[str, Any], Reply]:
        """The data, and the answer it came with."""
        if operation.name not in self._texts:
            self._texts[operation.name] = self.allowed(operation.text)
        return self._send(operation.name, self._texts[operation.name], budget, variables)

    def _send(self, name: str, text: str, budget: Budget, variables: dict[str, Any]) -> tuple[dict[str, Any], Reply]:
        body = {"operationName": name, "query": text, "variables": variables}
        key = (name, len(variables.get("ids", ())), variables.get("first", 0))  # a query costs by the piece
        reply = self.http.send(Request("POST", PATH, json=body, cost=self._costs.get(key, FIRST_GUESS)), budget)
        answer = reply.json()
        if told := cost(answer.get("extensions")):
            self._costs[key] = told.requested_query_cost
        return answer["data"], reply
