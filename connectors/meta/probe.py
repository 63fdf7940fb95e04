"""Whether a token can do what is needed: what Meta says of it, and of us.

https://developers.facebook.com/docs/graph-api/reference/debug_token
https://developers.facebook.com/docs/graph-api/batch-requests
"""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec

from connectors import skew, sunset
from connectors.budget import Budget
from connectors.client import Finding
from connectors.errors import ApiError, AuthError
from connectors.exchange import Meter, Reply
from connectors.meta import API_VERSION, SUNSET
from connectors.meta.errors import GRANT, RECONNECT, fault
from connectors.meta.reports import Graph
from connectors.slices import Account

WARN_BEFORE = timedelta(days=7)
READING = {"ads_read", "ads_management"}
TIERS = {
    "development_access": "Limited access: 600 points an hour, and 400 for each active ad",
    "standard_access": "Full access",
}


def probe(
    graph: Graph, access_token: str, accounts: Callable[[], list[Account]], budget: Budget, meter: Meter
) -> list[Finding]:
    """The token, what it may read, its accounts, how much it may ask, the clock, the version."""
    now = budget.clock.now()
    try:
        token, reply = _debugged(graph, access_token, budget)
        findings = [_token(token, now), _scopes(token), skew.finding(reply)]
    except AuthError as error:
        findings = [Finding("token", False, str(error))]
    except ApiError as error:  # not every token may be looked at with itself
        findings = [Finding("token", None, str(error))]
    return [*findings, *_accounts(accounts), _tier(meter), sunset.finding("meta", API_VERSION, SUNSET, now.date())]


def _debugged(graph: Graph, access_token: str, budget: Budget) -> tuple[dict[str, Any], Reply]:
    """What Meta knows of the token. Asked for in a batch, since by itself the token would have to be in the URL."""
    asked = {"method": "GET", "relative_url": f"{API_VERSION}/debug_token?{urlencode({'input_token': access_token})}"}
    reply = graph.post("", {"batch": json.dumps([asked]), "include_headers": "false"}, budget)
    told = msgspec.json.decode(reply.json()[0]["body"])
    if "error" in told:
        raise fault(told["error"], reply)
    return told["data"], reply


def _token(token: dict[str, Any], now: datetime) -> Finding:
    if not token.get("is_valid"):
        return Finding("token", False, f"The token is no longer valid. {RECONNECT}")
    told = (token.get("expires_at"), token.get("data_access_expires_at"))
    ends = [datetime.fromtimestamp(at, UTC) for at in told if at]  # 0 never ends
    if not ends:
        return Finding("token", True, "The token never expires.")
    words = f"The token reads until {min(ends):%Y-%m-%d}."
    return (
        Finding("token", True, words)
        if min(ends) - now > WARN_BEFORE
        else Finding("token", False, f"{words} {RECONNECT}")
    )


def _scopes(token: dict[str, Any]) -> Finding:
    scopes = token.get("scopes", [])
    if READING.intersection(scopes):
        return Finding("scopes", True, f"The token may read ads ({', '.join(scopes)}).")
    return Finding("scopes", False, f"The token lacks the scope ads_read. {GRANT}")


def _accounts(accounts: Callable[[], list[Account]]) -> Iterable[Finding]:
    try:
        found = accounts()
    except ApiError as error:
        return [Finding("accounts", False, str(error))]
    if not found:
        return [Finding("accounts", False, f"The token reaches no ad account. {GRANT}")]
    return [Finding(f"account {a.id}", a.problem is None, a.problem or f"{a.name} can be read.") for a in found]


def _tier(meter: Meter) -> Finding:
    tier = meter.quota.get("tier")
    if tier is None:
        return Finding("access tier", None, "Meta did not say how much may be asked.")
    return Finding("access tier", True, f"{TIERS.get(tier, tier)}.")
