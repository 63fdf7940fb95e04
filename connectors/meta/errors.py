"""Meta's errors: what each code, and each subcode under it, means here.

https://developers.facebook.com/documentation/ads-commerce/marketing-api/insights/error-codes
https://developers.facebook.com/documentation/ads-commerce/marketing-api/error-reference
https://developers.facebook.com/docs/marketing-api/overview/rate-limiting
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec

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
)
from connectors.exchange import Reply, retry_after
from connectors.meta import API_VERSION
from connectors.meta.pace import account_of, readings

EXCERPT = 300

RECONNECT = "Make a new token of the system user in Business settings, then run `growthos connect meta`."
GRANT = "Give the system user the ad account, with View performance, and the token the scope ads_read."
PASSES = "It passes by itself."
SMALLER = "Ask for fewer days, or fewer campaigns."
WAIT = "Wait until Meta lets the app or the ad account in again."
SETTINGS = "Look at the ad account ids that are connected."
REPORT = "Report this with the message."

PAGE_TOO_BIG = "reduce the amount of data"
"""The code of an answer that asks for smaller pages. Meta has no code for it, only these words."""

Key = tuple[int | None, int | None]

TABLE: Mapping[Key, Rule] = {
    # the token
    (102, None): Rule(AuthError, f"The session is over. {RECONNECT}"),
    (190, None): Rule(AuthError, f"The token is dead. {RECONNECT}"),
    (190, 458): Rule(AuthError, f"The app was removed. {RECONNECT}"),
    (190, 460): Rule(AuthError, f"The password has been changed. {RECONNECT}"),
    (190, 463): Rule(AuthError, f"The token has expired. {RECONNECT}"),
    (190, 467): Rule(AuthError, f"The token was revoked. {RECONNECT}"),
    (2500, None): Rule(AuthError, f"No token arrived. {RECONNECT}"),
    # what it may do
    (10, None): Rule(PermissionDenied, GRANT),
    (100, 33): Rule(PermissionDenied, f"It is not there, or not for this token. {GRANT}"),
    (368, None): Rule(PermissionDenied, "Meta has blocked the user for breaking its policies; see Account Quality."),
    **{(code, None): Rule(PermissionDenied, GRANT) for code in range(200, 300)},
    # what was asked for
    (100, None): Rule(ConfigError, f"A parameter is refused. {REPORT}"),
    (803, None): Rule(ConfigError, f"There is no such thing. {SETTINGS}"),
    (2, 1504041): Rule(ConfigError, f"There are no such breakdowns. {REPORT}"),
    (2, 1504042): Rule(ConfigError, f"There is no such metric. {REPORT}"),
    (3018, None): Rule(ConfigError, "Meta keeps 37 months; start later."),
    (None, 2446289): Rule(ConfigError, "Meta refuses this for the ad account; open it in Ads Manager."),
    (2635, None): Rule(ApiRetired, f"Meta no longer serves {API_VERSION}. Upgrade GrowthOS."),
    # how much, how often
    (100, 1487534): Rule(TooBig, SMALLER),
    (100, 1504018): Rule(TooBig, SMALLER),
    (2, 1504038): Rule(TooBig, SMALLER),
    (4, None): Rule(RateLimited, WAIT),
    (17, None): Rule(RateLimited, WAIT),
    (17, 2446079): Rule(RateLimited, "The ad account is blocked for up to an hour."),
    (32, None): Rule(RateLimited, WAIT),
    (613, None): Rule(RateLimited, WAIT),
    (613, 1487742): Rule(RateLimited, WAIT),
    **{(code, None): Rule(RateLimited, WAIT) for code in (*range(80000, 80007), 80008, 80014)},
    # what passes
    **{(code, None): Rule(Transient, PASSES) for code in (1, 2, 99, 104, 341, 500, 503, 960)},
    (-2, 2490547): Rule(Transient, f"The report failed. {PASSES}"),
    (2, 1504043): Rule(Transient, PASSES),
}
"""By (code, subcode); no subcode is any other one, no code is any code."""

MESSAGES: Mapping[str, Rule] = {
    PAGE_TOO_BIG: Rule(TooBig, SMALLER),
    "in summary param": Rule(Transient, PASSES),
    "appsecret_proof": Rule(
        AuthError, "The app's secret is missing or wrong. Run `growthos connect meta` with the right one."
    ),
}
"""By words of the message, in lower case, for what shares its code with something else."""

BLOCKED_FOR: Mapping[Key, timedelta] = {(17, 2446079): timedelta(hours=1)}
"""How long a limit lasts that says no time of its own; the others five minutes."""


class Told(msgspec.Struct):
    """The body of an answer that is an error."""

    error: dict[str, Any]


def judge(reply: Reply) -> ApiError | None:
    """The error that an answer tells of; none if it tells of none."""
    answered_by = reply.headers.get("facebook-api-version", API_VERSION)
    if answered_by != API_VERSION:
        # a version that is gone is answered by another one, in its own way
        return ApiRetired(f"Meta answered with {answered_by} instead of {API_VERSION}. Upgrade GrowthOS.")
    if reply.status < 400 and not reply.body.startswith(b'{"error"'):
        return None
    try:
        told = msgspec.json.decode(reply.body, type=Told).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _unexplained(reply)
    return fault(told, reply)


def fault(told: Mapping[str, Any], reply: Reply) -> ApiError:
    """An error as Meta tells it (message, code, error_subcode, is_transient, fbtrace_id) in an answer, as ours."""
    message, code, subcode = reply.masked(str(told.get("message", ""))), told.get("code"), told.get("error_subcode")
    by_message = next((words for words in MESSAGES if words in message.lower()), None)
    rule = MESSAGES[by_message] if by_message else _rule(code, subcode, bool(told.get("is_transient")))
    name = PAGE_TOO_BIG if by_message == PAGE_TOO_BIG else "/".join(str(n) for n in (code, subcode) if n is not None)
    text = f"Meta says: {message[:EXCERPT]} (code {name}, trace {told.get('fbtrace_id', 'none')}). {rule.advice}"
    if rule.error is RateLimited:
        told_of = readings(reply.headers, account_of(reply.url))
        regain = max((reading.regain for reading in told_of), default=timedelta(0))
        wait = regain or BLOCKED_FOR.get((code, subcode), timedelta(minutes=5))
        return RateLimited(text, retry_at=reply.at + wait, code=name)
    if rule.error is Transient:
        return _transient(text, reply, name)
    return rule.error(text, code=name)


def _rule(code: int | None, subcode: int | None, transient: bool) -> Rule:
    keys: tuple[Key, ...] = ((code, subcode), (None, subcode), (code, None))
    rule = next((TABLE[key] for key in keys if key in TABLE), Rule(Bug, f"GrowthOS knows no such code. {REPORT}"))
    return Rule(Transient, PASSES) if transient and rule.error in (ConfigError, Bug) else rule


def _unexplained(reply: Reply) -> ApiError:
    """An error without Meta's words: of something on the way."""
    if reply.status == 429:
        wait = retry_after(reply) or timedelta(minutes=5)
        return RateLimited(f"Meta answered 429. {WAIT}", retry_at=reply.at + wait, code="429")
    if reply.status >= 500:
        return _transient(f"Meta answered {reply.status} without a word. {PASSES}", reply, str(reply.status))
    excerpt = reply.masked(reply.body.decode(errors="replace"))[:EXCERPT]
    return Bug(f"Meta answered {reply.status}: {excerpt}. {REPORT}", code=str(reply.status))


def _transient(text: str, reply: Reply, code: str) -> Transient:
    asked = retry_after(reply)
    return Transient(text, after=asked.total_seconds() if asked else None, code=code)
