"""How Google's APIs say no: one error body for all of them, read into codes that an error table knows.

https://google.aip.dev/193, and for Google Ads https://developers.google.com/google-ads/api/docs/best-practices/errors
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from connectors.errors import (
    ApiError,
    AuthError,
    Bug,
    ConfigError,
    PermissionDenied,
    RateLimited,
    Rule,
    Transient,
)
from connectors.exchange import Reply, retry_after
from connectors.slices import midnight

EXCERPT = 300
PACIFIC = "America/Los_Angeles"  # where Google's days begin
CANONICAL = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""What a status means when a proxy, and not Google, wrote the body."""

SERVICES: Mapping[str, Rule] = {
    "UNAUTHENTICATED": Rule(AuthError, "Google does not accept this login any more. Connect again."),
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT": Rule(
        PermissionDenied,
        "The login was not given the scope. Connect again and tick every box on Google's consent page.",
    ),
    "SERVICE_DISABLED": Rule(
        ConfigError, "The API is off in the Google Cloud project of the login. Turn it on under APIs & Services."
    ),
    "RATE_LIMIT_EXCEEDED": Rule(RateLimited, "The Google Cloud project sends too many requests a minute."),
    "ABORTED": Rule(Transient, "Google gave up on the request."),
    "DEADLINE_EXCEEDED": Rule(Transient, "Google took too long."),
    "INTERNAL": Rule(Transient, "Google has an internal error."),
    "UNAVAILABLE": Rule(Transient, "Google is not available."),
}
"""What every Google API may say. Each API's own table goes on top."""

UNKNOWN = Rule(Bug, "GrowthOS does not know this answer. Please report it.")


class _Quota(msgspec.Struct, rename="camel"):
    retry_delay: str = ""
    rate_scope: str = ""


class _ErrorDetails(msgspec.Struct, rename="camel"):
    quota_error_details: _Quota | None = None


class _Error(msgspec.Struct, rename="camel"):
    error_code: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    message: str = ""
    details: _ErrorDetails | None = None


class _Detail(msgspec.Struct, rename="camel"):
    reason: str = ""
    retry_delay: str = ""
    errors: list[_Error] = msgspec.field(default_factory=list[_Error])


class _Status(msgspec.Struct):
    message: str = ""
    status: str = ""
    details: list[_Detail] = msgspec.field(default_factory=list[_Detail])


class _Body(msgspec.Struct):
    error: _Status


@dataclass(frozen=True, slots=True)
class Failure:
    """An error answer. `codes` go from the most specific to the most general: quotaError.RESOURCE_EXHAUSTED, then
    RESOURCE_EXHAUSTED. `wait` is how long it asks for; `scope` is whose quota is used up, if it says so."""

    codes: tuple[str, ...]
    message: str
    at: datetime
    wait: timedelta | None = None
    scope: str = ""


def failure(reply: Reply) -> Failure | None:
    """What an answer says went wrong; None if nothing did."""
    if 200 <= reply.status < 300:
        return None
    general = CANONICAL.get(reply.status, f"HTTP_{reply.status}")
    try:
        said = _status(reply.body.lstrip())
    except (msgspec.DecodeError, UnicodeDecodeError, IndexError):
        return Failure((general,), reply.masked(reply.body.decode(errors="replace")), reply.at, retry_after(reply))
    errors = [error for detail in said.details for error in detail.errors]
    quotas = [e.details.quota_error_details for e in errors if e.details and e.details.quota_error_details]
    delays = [quota.retry_delay for quota in quotas] + [detail.retry_delay for detail in said.details]
    return Failure(
        (
            *(f"{family}.{code}" for error in errors for family, code in error.error_code.items()),
            *(detail.reason for detail in said.details if detail.reason),
            said.status or general,
        ),
        reply.masked(" ".join(error.message for error in errors) or said.message),
        reply.at,
        next((timedelta(seconds=float(delay.rstrip("s"))) for delay in delays if delay), None) or retry_after(reply),
        next((quota.rate_scope for quota in quotas), ""),
    )


def _status(body: bytes) -> _Status:
    """The error of a body; what streams puts it into an array."""
    if body.startswith(b"["):
        return msgspec.json.decode(body, type=list[_Body])[0].error
    return msgspec.json.decode(body, type=_Body).error


def verdict(
    failed: Failure,
    table: Mapping[str, Rule],
    retry_at: Callable[[Failure, str], datetime],
    pause: float | None = None,
) -> ApiError:
    """The error that the table has for a failure: by its most specific code that is in there, or by `family.*`.

    `retry_at` says when a used-up quota is there again, `pause` how many seconds to leave a server in trouble alone.
    """
    known = ((code, table.get(code) or table.get(f"{code.partition('.')[0]}.*")) for code in failed.codes)
    code, rule = next(((code, rule) for code, rule in known if rule), (failed.codes[0], UNKNOWN))
    text = f"{rule.advice} ({code}: {' '.join(failed.message.split())[:EXCERPT]})"
    if rule.error is RateLimited:
        return RateLimited(text, retry_at=retry_at(failed, code), code=code)
    if rule.error is Transient:
        return Transient(text, after=failed.wait.total_seconds() if failed.wait else pause, code=code)
    return rule.error(text, code=code)


def next_hour(now: datetime) -> datetime:
    """The next full hour, at which hourly quotas are full again."""
    return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def next_day(now: datetime) -> datetime:
    """The next midnight in California, at which daily quotas are full again."""
    return midnight(midnight(now, PACIFIC) + timedelta(hours=36), PACIFIC)
