"""Whether an app can do in a shop what is needed: reach it, read it, all of its orders, on time."""

from connectors import skew, sunset
from connectors.client import Finding
from connectors.errors import ApiError
from connectors.shopify import API_VERSION, SUNSET
from connectors.shopify.errors import TABLE, UNAPPROVED
from connectors.shopify.graphql import GraphQL
from connectors.shopify.queries import PROTECTED, SHOP

NEEDED = {
    "read_orders": "Without it no order can be read",
    "read_all_orders": "Without it Shopify shows the orders of the last 60 days, and says nothing of the others",
    "read_customers": "Without it orders name no customer, and nobody can be told to have come back",
    "read_products": "Without it there are no product types and no variants",
    "read_inventory": "Without it no product tells what it costs",
}
"""What the lack of a scope does."""


def probe(graphql: GraphQL) -> list[Finding]:
    """The shop, one finding per scope, the approval, the clock, the API's version."""
    try:
        data, reply = graphql.reply(SHOP, graphql.http.budget())
    except ApiError as error:
        return [Finding("shop", False, str(error))]
    shop = data["shop"]
    reached = f"{shop['name']} ({shop['myshopifyDomain']}), {shop['ianaTimezone']}, {shop['currencyCode']}"
    version = sunset.finding("shopify", API_VERSION, SUNSET, graphql.http.clock.now().date())
    return [Finding("shop", True, reached), *_scopes(graphql), _approval(graphql), skew.finding(reply), version]


def _scopes(graphql: GraphQL) -> list[Finding]:
    held = {scope.replace("write_", "read_") for scope in graphql.scopes}
    return [
        Finding(
            scope, scope in held, "granted" if scope in held else f"{lack}: give the app {scope}, install it again."
        )
        for scope, lack in NEEDED.items()
    ]


def _approval(graphql: GraphQL) -> Finding:
    if PROTECTED in graphql.approvals:
        return Finding(PROTECTED, True, "e-mail addresses are not refused")
    lack = "Without it no order and no customer tells an e-mail address"
    return Finding(PROTECTED, False, f"{lack}: {TABLE[UNAPPROVED].advice}.")
