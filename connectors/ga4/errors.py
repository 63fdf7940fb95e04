"""What the Google Analytics Data API says no with, and what to do about it.

https://developers.google.com/analytics/devguides/reporting/data/v1/errors
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from connectors.errors import ApiError, ApiRetired, ConfigError, PermissionDenied, RateLimited, Rule
from connectors.exchange import Reply
from connectors.google_errors import SERVICES, Failure, failure, next_day, next_hour, verdict

PAUSE = 30.0
"""Seconds before a server in trouble is asked again: ten of its errors in an hour lock the property."""

TABLE: Mapping[str, Rule] = {
    **SERVICES,
    "PERMISSION_DENIED": Rule(
        PermissionDenied,
        "The login may not read this property. Add it as a Viewer: Analytics > Admin > Property access management.",
    ),
    "INVALID_ARGUMENT": Rule(
        ConfigError,
        "GA4 does not take this request. Check the property id, a number: Analytics > Admin > Property details.",
    ),
    "NOT_FOUND": Rule(ApiRetired, "The Google Analytics Data API has no such address any more. Upgrade GrowthOS."),
    "tokensPerDay": Rule(RateLimited, "The property's tokens of the day are used up."),
    "tokensPerHour": Rule(RateLimited, "The property's tokens of the hour are used up."),
    "tokensPerProjectPerHour": Rule(
        RateLimited, "The tokens of the hour that the property has for our Cloud project are used up."
    ),
    "concurrentRequests": Rule(RateLimited, "The property is asked by too many at once."),
    "serverErrorsPerProjectPerHour": Rule(RateLimited, "GA4 had so many errors of its own that it locks the property."),
    "potentiallyThresholdedRequestsPerHour": Rule(
        RateLimited, "The property's hourly requests for data that may be withheld are used up."
    ),
    "RESOURCE_EXHAUSTED": Rule(RateLimited, "A quota of the property is used up."),
}
"""By Google's code, or by the name of the quota that is used up, as PropertyQuota has it."""

QUOTAS: Mapping[str, str] = {
    "concurrent": "concurrentRequests",
    "server error": "serverErrorsPerProjectPerHour",
    "thresholded": "potentiallyThresholdedRequestsPerHour",
    "per day": "tokensPerDay",
    "project per hour": "tokensPerProjectPerHour",
    "per hour": "tokensPerHour",
}
"""The words by which a refusal names the quota; the first that it has."""

FULL_AGAIN: Mapping[str, Callable[[datetime], datetime]] = {
    "concurrentRequests": lambda now: now + timedelta(seconds=30),
    "RATE_LIMIT_EXCEEDED": lambda now: now + timedelta(minutes=1),
    "tokensPerDay": next_day,
}
"""When a quota is there again; all others are with the next hour."""


def judge(reply: Reply) -> ApiError | None:
    """Reads an answer by the table."""
    failed = failure(reply)
    if failed is None:
        return None
    if reply.status == 429:
        message = failed.message.lower()
        named = next((name for words, name in QUOTAS.items() if words in message), None)
        failed = replace(failed, codes=(*([named] if named else ()), *failed.codes))
    return verdict(failed, TABLE, _retry_at, PAUSE)


def _retry_at(failed: Failure, code: str) -> datetime:
    return failed.at + failed.wait if failed.wait else FULL_AGAIN.get(code, next_hour)(failed.at)
