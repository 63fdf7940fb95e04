"""Shopify Admin GraphQL: what is true of it whoever serves it.

https://shopify.dev/docs/api/admin-graphql/2026-10
"""

from datetime import date

from connectors.source import Body, RawRecord

API_VERSION = "2026-10"
SUNSET = date(2027, 10, 1)
PAGE_SIZE = 250  # the most a connection returns at once


def records(body: Body) -> list[RawRecord]:
    """One record per node of the response's one connection, by gid; the node lands unchanged."""
    (connection,) = body["data"].values()
    return [RawRecord(node["id"], node) for node in connection["nodes"]]
