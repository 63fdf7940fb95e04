"""Nodes made whole: every connection to its end, and of an order all that happened to it after it was placed.

An order that was sold once and never touched has one agreement, whose sales are its lines. Only the others
are asked for refunds and sales: a tenth of the orders, and that is what makes a page of 250 affordable.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from connectors.budget import Budget
from connectors.errors import TooBig, Truncated
from connectors.shopify import PAGE_SIZE
from connectors.shopify.graphql import GraphQL
from connectors.shopify.queries import (
    AGREEMENTS,
    ORDER_AGREEMENT,
    ORDER_DETAILS,
    ORDER_REFUNDS,
    REFUND_CONNECTIONS,
    SALES,
    Connection,
    Listing,
    Operation,
)
from connectors.source import decoded

Node = dict[str, Any]

NOT_ASKED: Node = {"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": None}}
"""In place of a connection that was left out of the query: all of it is yet to come."""

DETAILS = 10
"""Orders asked for their details at once, at up to 80 points each: one query may cost 1,000."""


def whole(graphql: GraphQL, listing: Listing, nodes: Iterable[Node], budget: Budget) -> list[Node]:
    """The nodes of a page, complete. One that Shopify says is gone by now is left out, and counts as not read."""
    complete = [_connected(graphql, listing.connections, node, budget) for node in nodes]
    return detailed(graphql, listing, complete, budget)


def detailed(graphql: GraphQL, listing: Listing, nodes: list[Node], budget: Budget) -> list[Node]:
    """The nodes with what is beyond a plain order; other things than orders have nothing of the kind."""
    if AGREEMENTS not in listing.connections:
        return nodes
    touched = [node["id"] for node in nodes if decoded(node["refunds"]) or len(node["agreements"]["nodes"]) > 1]
    details = {
        detail["id"]: detail
        for start in range(0, len(touched), DETAILS)
        for detail in _details(graphql, touched[start : start + DETAILS], budget)
    }
    gone = set(touched) - details.keys()
    for node in nodes:
        node.update(details.get(node["id"], {}))
    return [node for node in nodes if node["id"] not in gone]


def pages(fetch: Callable[[str | None], Node], after: str | None = None) -> Iterator[Node]:
    """A connection's pages from a cursor on, each fetched by the cursor before it; Truncated where none leads on."""
    while True:
        page = fetch(after)
        yield page
        info = page["pageInfo"]
        if not info["hasNextPage"]:
            return
        if info["endCursor"] in (None, after):
            raise Truncated("Shopify says that there is more, and no cursor leads on to it; it is read again.")
        after = info["endCursor"]


def _connected(graphql: GraphQL, connections: Iterable[Connection], node: Node, budget: Budget) -> Node:
    """The object with its connections complete, and without the pageInfo that led there."""
    for connection in connections:
        head = node.get(connection.name, NOT_ASKED)
        nodes = list(head["nodes"])
        if head["pageInfo"]["hasNextPage"]:

            def fetch(after: str | None, connection: Connection = connection) -> Node:
                return _owner(graphql, connection.rest, budget, id=node["id"], after=after)[connection.name]

            for page in pages(fetch, head["pageInfo"]["endCursor"]):
                nodes += page["nodes"]
        node[connection.name] = {"nodes": nodes}
    return node


def _owner(
    graphql: GraphQL, operation: Operation, budget: Budget, most: int = PAGE_SIZE, *, id: str, **variables: Any
) -> Node:
    node: Node | None = graphql.page(operation, budget, most, id=id, **variables)["node"]
    if node is None:
        raise Truncated(f"{id} was deleted while it was read; it is read again.")
    return node


def _details(graphql: GraphQL, ids: list[str], budget: Budget) -> list[Node]:
    try:
        found = graphql.ask(ORDER_DETAILS, budget, ids=ids)["nodes"]
    except TooBig:
        if len(ids) == 1:
            return [_detail_apart(graphql, ids[0], budget)]
        half = len(ids) // 2
        return [*_details(graphql, ids[:half], budget), *_details(graphql, ids[half:], budget)]
    return [_detail(graphql, detail, budget) for detail in found if detail]


def _detail(graphql: GraphQL, detail: Node, budget: Budget) -> Node:
    for refund in detail["refunds"]:
        _connected(graphql, REFUND_CONNECTIONS, refund, budget)
    first = detail["agreements"]
    agreements = first["nodes"]
    if first["pageInfo"]["hasNextPage"] or any(a["sales"]["pageInfo"]["hasNextPage"] for a in agreements):
        agreements = list(_agreements(graphql, detail["id"], budget))
    nodes = [{**agreement, "sales": {"nodes": agreement["sales"]["nodes"]}} for agreement in agreements]
    return {**detail, "agreements": {"nodes": nodes}}


def _detail_apart(graphql: GraphQL, order: str, budget: Budget) -> Node:
    """The details of an order of which they are too much at once: each connection by itself."""
    detail = graphql.ask(ORDER_REFUNDS, budget, id=order)["node"]
    if detail is None:
        raise Truncated(f"{order} was deleted while it was read; it is read again.")
    for refund in detail["refunds"]:
        _connected(graphql, REFUND_CONNECTIONS, refund, budget)
    return {**detail, "agreements": {"nodes": list(_agreements(graphql, order, budget))}}


def _agreements(graphql: GraphQL, order: str, budget: Budget) -> Iterator[Node]:
    """All agreements of an order, one at a time, each with all its sales."""

    def agreements(after: str | None, sale: str | None = None) -> Node:
        return _owner(graphql, ORDER_AGREEMENT, budget, SALES, id=order, after=after, sale=sale)["agreements"]

    before: str | None = None
    for page in pages(agreements):
        for agreement in page["nodes"]:

            def sales(after: str | None, before: str | None = before) -> Node:
                return agreements(before, after)["nodes"][0]["sales"]

            first, nodes = agreement["sales"]["pageInfo"], list(agreement["sales"]["nodes"])
            if first["hasNextPage"]:
                nodes += [sale for more in pages(sales, first["endCursor"]) for sale in more["nodes"]]
            yield {**agreement, "sales": {"nodes": nodes}}
        before = page["pageInfo"]["endCursor"]
