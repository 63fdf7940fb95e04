"""Operations asked of one shop's GraphQL endpoint, each paced by what it cost the last time."""

from functools import cached_property
from typing import Any

from connectors.http import Budget, Http, Reply, Request
from connectors.shopify import API_VERSION
from connectors.shopify.queries import SCOPES, Operation, granted

PATH = f"/admin/api/{API_VERSION}/graphql.json"
FIRST_GUESS = 10.0  # points, of an operation that was never asked


class GraphQL:
    """One shop's endpoint. What the app has no scope for is left out of every query."""

    def __init__(self, http: Http) -> None:
        self.http = http
        self._costs: dict[tuple[str, int], float] = {}
        self._texts: dict[str, str] = {}

    @cached_property
    def scopes(self) -> frozenset[str]:
        """What the app may do in this shop."""
        body, _ = self._send(SCOPES.name, SCOPES.text, self.http.budget(), {})
        return frozenset(scope["handle"] for scope in body["currentAppInstallation"]["accessScopes"])

    def allowed(self, text: str) -> str:
        """The text without what the app has no scope for."""
        return granted(text, self.scopes)

    def ask(self, operation: Operation, budget: Budget, **variables: Any) -> dict[str, Any]:
        """The data of the answer; ApiError if there is none within the budget."""
        return self.reply(operation, budget, **variables)[0]

    def reply(self, operation: Operation, budget: Budget, **variables: Any) -> tuple[dict[str, Any], Reply]:
        """The data, and the answer it came with."""
        if operation.name not in self._texts:
            self._texts[operation.name] = self.allowed(operation.text)
        return self._send(operation.name, self._texts[operation.name], budget, variables)

    def _send(self, name: str, text: str, budget: Budget, variables: dict[str, Any]) -> tuple[dict[str, Any], Reply]:
        body = {"operationName": name, "query": text, "variables": variables}
        key = (name, len(variables.get("ids", ())))  # what is asked for by id costs by the piece
        reply = self.http.send(Request("POST", PATH, json=body, cost=self._costs.get(key, FIRST_GUESS)), budget)
        answer = reply.json()
        if cost := answer.get("extensions", {}).get("cost"):
            self._costs[key] = cost["requestedQueryCost"]
        return answer["data"], reply
