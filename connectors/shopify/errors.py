"""What Shopify's codes mean here. https://shopify.dev/docs/api/usage/response-codes"""

from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlsplit

from connectors.errors import (
    ApiError,
    ApiRetired,
    AuthError,
    Bug,
    ConfigError,
    PermissionDenied,
    RateLimited,
    Rule,
    TooBig,
    Transient,
    Truncated,
)
from connectors.exchange import Reply, retry_after
from connectors.shopify import API_VERSION
from connectors.shopify.envelope import Envelope, envelope

COSTS_TOO_MUCH = "MAX_COST_EXCEEDED"
UNAPPROVED = "UNAPPROVED"
"""The code of what the app lacks an approval for. Shopify has none for it, or that of a missing scope."""
UNAPPROVED_SAYS = "app is not approved to"

TABLE: Mapping[str, Rule] = {
    # HTTP statuses
    "400": Rule(Bug, "the request is malformed; report it"),
    "401": Rule(AuthError, "the access token is not valid (any more); run `growthos connect shopify`"),
    "402": Rule(ConfigError, "the shop is frozen; its owner has to settle its bill with Shopify"),
    "403": Rule(PermissionDenied, "the app may not do this; give it the missing scopes and install it again"),
    "404": Rule(ConfigError, "there is no such shop; check its name, my-store.myshopify.com"),
    "406": Rule(Bug, "the request asks for a form that there is not; report it"),
    "422": Rule(Bug, "the request makes no sense to Shopify; report it"),
    "423": Rule(ConfigError, "the shop is locked; its owner has to talk to Shopify"),
    "429": Rule(RateLimited, "too many requests; it goes on by itself"),
    "430": Rule(RateLimited, "Shopify takes the requests for an attack; it goes on by itself, more slowly"),
    "500": Rule(Transient, "Shopify had an error of its own; it is asked again"),
    "501": Rule(Bug, "Shopify does not have this endpoint; report it"),
    "502": Rule(Transient, "Shopify is busy; it is asked again"),
    "503": Rule(Transient, "Shopify is busy; it is asked again"),
    "504": Rule(Transient, "Shopify took too long; it is asked again"),
    # errors of a query, which come with status 200
    "THROTTLED": Rule(RateLimited, "the app's points are used up; it goes on by itself"),
    COSTS_TOO_MUCH: Rule(TooBig, "one query may not cost as much; fewer objects are asked for at once"),
    "ACCESS_DENIED": Rule(PermissionDenied, "give the app the scope that the message names, and install it again"),
    UNAPPROVED: Rule(
        PermissionDenied,
        "ask for protected customer data under the app's API access requests, "
        "https://shopify.dev/docs/apps/launch/protected-customer-data",
    ),
    "SHOP_INACTIVE": Rule(ConfigError, "the shop is closed; remove it, or reopen it"),
    "INTERNAL_SERVER_ERROR": Rule(Transient, "Shopify had an error of its own; it is asked again"),
    "TIMEOUT": Rule(TooBig, "the query took Shopify too long; less is asked for at once"),
    "undefinedField": Rule(ApiRetired, "the API has no such field any more; upgrade GrowthOS"),
    # states and user errors of a bulk operation
    "LIMIT_REACHED": Rule(RateLimited, "the app's other bulk operations have to finish first; it goes on by itself"),
    "OPERATION_IN_PROGRESS": Rule(RateLimited, "another bulk operation has to finish first; it goes on by itself"),
    "INVALID": Rule(Bug, "Shopify does not take the bulk query; report it"),
    "CANCELED": Rule(Transient, "somebody cancelled the bulk operation; it is run again"),
    "CANCELING": Rule(Transient, "somebody is cancelling the bulk operation; it is run again"),
    "EXPIRED": Rule(Transient, "the bulk operation's result is gone; it is run again"),
    "FAILED": Rule(Transient, "the bulk operation failed; it is run again"),
    "INCOMPLETE": Rule(Truncated, "the bulk operation's result is not whole; it is run again"),
}
"""By Shopify's own code, or UNAPPROVED; an HTTP status is one too."""

STATUS_AFTER = timedelta(seconds=2)  # where an answer says nothing of the wait
JOBS_AFTER = timedelta(minutes=5)
RETRY_AFTER: Mapping[str, timedelta] = {
    "430": timedelta(minutes=1),
    "LIMIT_REACHED": JOBS_AFTER,
    "OPERATION_IN_PROGRESS": JOBS_AFTER,
}
EXCERPT = 300


def judge(reply: Reply) -> ApiError | None:
    """The answer as an error, by the table; None if it is what was asked for."""
    if 300 <= reply.status < 400:
        return _moved(reply)
    told = envelope(reply)
    version = reply.headers.get("x-shopify-api-version", API_VERSION)
    if reply.status < 400 and version != API_VERSION:
        advice = f"Shopify answered with API version {version} instead of {API_VERSION}: upgrade GrowthOS."
        return ApiRetired(advice, code=version)
    if reply.status >= 400:
        said = told.errors[0].message if told.errors else reply.body.decode(errors="replace")
        return failure(str(reply.status), said, reply, told)
    if told.errors:  # an answer with some data and some errors is no answer: what is missing would pass for empty
        first = told.errors[0]
        return failure(UNAPPROVED if UNAPPROVED_SAYS in first.message else first.code, first.message, reply, told)
    return None


def failure(code: str, said: str, reply: Reply, told: Envelope | None = None) -> ApiError:
    """The error that a code stands for. An unknown one is a bug: it must not pass for anything milder."""
    rule = TABLE.get(code, Rule(Bug, "nothing here expects this; report it"))
    message = f"Shopify says {code}: {rule.advice}. ({' '.join(reply.masked(said).split())[:EXCERPT]})"
    cost, asked = told and told.cost, retry_after(reply)
    if rule.error is Transient:
        return Transient(message, after=asked.total_seconds() if asked else None, code=code)
    if rule.error is not RateLimited:
        return rule.error(message, code=code)
    if cost and not cost.fits:
        return TooBig(f"The query costs {cost.requested_query_cost:.0f} points, more than the bucket holds.", code=code)
    wait = cost.wait if cost and asked is None else asked or RETRY_AFTER.get(code, STATUS_AFTER)
    return RateLimited(message, retry_at=reply.at + wait, code=code)


def _moved(reply: Reply) -> ApiError:
    shop = urlsplit(reply.headers.get("location", "")).hostname or "another address"
    return ConfigError(f"The shop has moved to {shop}: set that as its name.", code=str(reply.status))
