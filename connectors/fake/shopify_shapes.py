"""A twin's whole nodes in the shape of the client's own queries: a short cut past reading and obeying their text.

A test holds every answer against the text of its query.
"""

from collections.abc import Iterable
from functools import lru_cache

from connectors.demo.twins.rendering import token
from connectors.demo.twins.shopify_orders import Node
from connectors.shopify.queries import AGREEMENTS, REFUND_CONNECTIONS, SALES_OF_DETAILS, Connection

CHILD_TYPES = {"lineItems": "LineItem", "variants": "ProductVariant"}
AGREEMENT_TYPES = {"ORDER": "OrderAgreement", "ORDER_EDIT": "OrderEditAgreement", "REFUND": "RefundAgreement"}

_cursor = lru_cache(maxsize=256)(token)


def child_type(connection: str, child: Node) -> str:
    """The __typename of a connection's node."""
    return CHILD_TYPES.get(connection) or AGREEMENT_TYPES[child["reason"]]


def in_bulk(connections: Iterable[Connection], node: Node) -> list[Node]:
    """A whole node as a bulk result tells of it: itself without its connections, then their nodes."""
    _cut(node)
    told = [node]
    for connection in connections:
        for child in node.pop(connection.name)["nodes"]:
            kind = child_type(connection.name, child)
            told.append({"__typename": kind, **child, "__parentId": node["id"]})
    return told


def listed(node: Node, connections: Iterable[Connection]) -> Node:
    """A whole node as a page tells of it: so many nodes of each connection, and of refunds and agreements the head."""
    _cut(node)
    for connection in connections:
        node[connection.name] = _first(node[connection.name]["nodes"], connection.first)
    return node


def details(order: Node) -> Node:
    """A whole order as the query for its details tells of it."""
    for agreement in order["agreements"]["nodes"]:
        agreement["sales"] = _first(agreement["sales"]["nodes"], SALES_OF_DETAILS)
    return {
        "id": order["id"],
        "refunds": [listed(refund, REFUND_CONNECTIONS) for refund in order["refunds"]],
        "agreements": _first(order["agreements"]["nodes"], AGREEMENTS.first),
    }


def _cut(node: Node) -> None:
    """Of refunds and agreements leave the head."""
    if node.get("refunds"):
        node["refunds"] = [{"id": refund["id"], "createdAt": refund["createdAt"]} for refund in node["refunds"]]
        for agreement in node["agreements"]["nodes"]:
            del agreement["sales"]


def _first(nodes: list[Node], most: int) -> Node:
    """The first page of a connection."""
    end = min(len(nodes), most)
    return {
        "nodes": nodes[:end],
        "pageInfo": {"hasNextPage": len(nodes) > most, "endCursor": _cursor(end) if end else None},
    }
