"""Whether an app can do in a shop what is needed: reach it, read it, all of its orders, on time."""

from datetime import timedelta
from email.utils import parsedate_to_datetime

from connectors import sunset
from connectors.client import Finding
from connectors.errors import ApiError
from connectors.exchange import Reply
from connectors.shopify import API_VERSION, SUNSET
from connectors.shopify.graphql import GraphQL
from connectors.shopify.queries import SHOP

NEEDED = {
    "read_orders": "Without it no order can be read",
    "read_all_orders": "Without it Shopify shows the orders of the last 60 days, and says nothing of the others",
    "read_customers": "Without it orders name no customer, and nobody can be told to have come back",
    "read_products": "Without it there are no product types and no variants",
    "read_inventory": "Without it no product tells what it costs",
}
"""What the lack of a scope does."""
SKEW = timedelta(seconds=60)


def probe(graphql: GraphQL) -> list[Finding]:
    """The shop, one finding per scope, the clock, the API's version."""
    try:
        data, reply = graphql.reply(SHOP, graphql.http.budget())
    except ApiError as error:
        return [Finding("shop", False, str(error))]
    shop = data["shop"]
    reached = f"{shop['name']} ({shop['myshopifyDomain']}), {shop['ianaTimezone']}, {shop['currencyCode']}"
    version = sunset.finding("shopify", API_VERSION, SUNSET, graphql.http.clock.now().date())
    return [Finding("shop", True, reached), *_scopes(graphql), _clock(reply), version]


def _scopes(graphql: GraphQL) -> list[Finding]:
    held = {scope.replace("write_", "read_") for scope in graphql.scopes}
    return [
        Finding(
            scope, scope in held, "granted" if scope in held else f"{lack}: give the app {scope}, install it again."
        )
        for scope, lack in NEEDED.items()
    ]


def _clock(reply: Reply) -> Finding:
    """What changed a minute ago is taken for settled: the clocks may differ by less."""
    try:
        ahead = reply.at - parsedate_to_datetime(reply.headers["date"])
    except (KeyError, ValueError):
        return Finding("clock", None, "Shopify's answer tells no time.")
    told = f"this machine's clock is {ahead.total_seconds():.0f} s ahead of Shopify's"
    if abs(ahead) <= SKEW:
        return Finding("clock", True, told)
    return Finding("clock", False, f"{told}: set it right, or orders are missed.")
