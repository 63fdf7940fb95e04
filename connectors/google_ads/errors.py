"""What the Google Ads API says no with, and what to do about it.

https://developers.google.com/google-ads/api/docs/common-errors
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from connectors.errors import (
    ApiError,
    ApiRetired,
    AuthError,
    Bug,
    ConfigError,
    PermissionDenied,
    RateLimited,
    Rule,
    Transient,
    Truncated,
)
from connectors.exchange import Reply
from connectors.google_errors import SERVICES, Failure, failure, next_day, verdict

EXPIRED_PAGE_TOKEN = "requestError.EXPIRED_PAGE_TOKEN"
INVALID_PAGE_TOKEN = "requestError.INVALID_PAGE_TOKEN"

_LOGIN = Rule(AuthError, "Google Ads does not accept this login any more. Connect again.")
_MANAGER = Rule(
    PermissionDenied,
    "The login does not reach this account. Mostly the manager is wrong: set login_customer_id to the manager account "
    "through which the login has access, or leave it empty for an account that it reaches itself.",
)
_ACCESS_LEVEL = Rule(
    PermissionDenied,
    "The Google Cloud project of the login has Test access, which reads test accounts only. Apply for Explorer access "
    "on the project's Google Ads API page in the Cloud console.",
)
_TWO_STEP = Rule(
    PermissionDenied,
    "Google asks this account for 2-step verification. Turn it on, then run `growthos connect google-ads`.",
)
_DAILY = Rule(RateLimited, "The day's quota of the Google Ads API is used up.")
_PAGES = Rule(Truncated, "The page token is no longer good: the rows are asked for again from the first page.")
_OURS = Rule(Bug, "Google Ads does not understand what GrowthOS asks for. Please report it.")

TABLE: Mapping[str, Rule] = {
    **SERVICES,
    # who asks
    "authenticationError.OAUTH_TOKEN_EXPIRED": _LOGIN,
    "authenticationError.OAUTH_TOKEN_INVALID": _LOGIN,
    "authenticationError.OAUTH_TOKEN_REVOKED": _LOGIN,
    "authenticationError.OAUTH_TOKEN_DISABLED": _LOGIN,
    "authenticationError.OAUTH_TOKEN_HEADER_INVALID": _LOGIN,
    "authenticationError.NOT_ADS_USER": Rule(
        PermissionDenied, "The Google account behind the login has no Google Ads account. Connect with one that has."
    ),
    "authenticationError.CUSTOMER_NOT_FOUND": Rule(
        ConfigError, "There is no such Google Ads account. Check the customer id: ten digits."
    ),
    "authenticationError.CLIENT_CUSTOMER_ID_INVALID": Rule(
        ConfigError, "This is no Google Ads customer id. It has ten digits."
    ),
    "authenticationError.TWO_STEP_VERIFICATION_NOT_ENROLLED": _TWO_STEP,
    "authenticationError.ADVANCED_PROTECTION_NOT_ENROLLED": _TWO_STEP,
    # what they may
    "authorizationError.USER_PERMISSION_DENIED": _MANAGER,
    "authorizationError.INVALID_LOGIN_CUSTOMER_ID_SERVING_CUSTOMER_ID_COMBINATION": _MANAGER,
    "authorizationError.CUSTOMER_NOT_ENABLED": Rule(
        PermissionDenied, "The account is not enabled: cancelled, or never set up to its end. The others go on."
    ),
    "authorizationError.CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION": _ACCESS_LEVEL,
    "authorizationError.DEVELOPER_TOKEN_NOT_APPROVED": _ACCESS_LEVEL,
    "authorizationError.DEVELOPER_TOKEN_PROHIBITED": Rule(
        ConfigError, "The developer token belongs to another project. Leave it out: it is no longer needed."
    ),
    "authorizationError.PROJECT_DISABLED": SERVICES["SERVICE_DISABLED"],
    "authorizationError.MISSING_TOS": Rule(
        PermissionDenied, "The account's terms of service are not accepted. Sign in to ads.google.com and accept them."
    ),
    "authorizationError.INCOMPLETE_SIGNUP": Rule(
        PermissionDenied, "The account's sign-up was never finished. Finish it at ads.google.com."
    ),
    "authorizationError.*": Rule(PermissionDenied, "Google Ads does not let this login read the account."),
    "PERMISSION_DENIED": Rule(PermissionDenied, "Google Ads does not let this login read the account."),
    "headerError.INVALID_LOGIN_CUSTOMER_ID": Rule(
        ConfigError, "login_customer_id is no account. It is the manager account's ten digits."
    ),
    # how much
    "quotaError.RESOURCE_EXHAUSTED": _DAILY,
    "quotaError.RESOURCE_TEMPORARILY_EXHAUSTED": Rule(RateLimited, "Google Ads is asked too often at the moment."),
    "quotaError.EXCESSIVE_SHORT_TERM_QUERY_RESOURCE_CONSUMPTION": Rule(
        RateLimited, "The queries of the last minutes were too expensive for Google Ads."
    ),
    "quotaError.EXCESSIVE_LONG_TERM_QUERY_RESOURCE_CONSUMPTION": Rule(
        RateLimited, "The queries of the last hours were too expensive for Google Ads."
    ),
    "quotaError.ACCESS_PROHIBITED": Rule(PermissionDenied, "Google Ads has barred this Cloud project from its API."),
    "RESOURCE_EXHAUSTED": Rule(RateLimited, "Google Ads is asked too often at the moment."),
    # what passes by itself
    "internalError.*": Rule(Transient, "Google Ads has an internal error."),
    # pages
    EXPIRED_PAGE_TOKEN: _PAGES,
    INVALID_PAGE_TOKEN: _PAGES,
    # what is asked
    "requestError.UNSUPPORTED_VERSION": Rule(
        ApiRetired, "This version of the Google Ads API has ended. Upgrade GrowthOS."
    ),
    "NOT_FOUND": Rule(ApiRetired, "The Google Ads API has no such address: this version has ended. Upgrade GrowthOS."),
    "requestError.INVALID_CUSTOMER_ID": Rule(ConfigError, "This is no Google Ads customer id. It has ten digits."),
    "queryError.REQUESTED_METRICS_FOR_MANAGER": Rule(
        ConfigError, "This is a manager account, which has no figures of its own. Name the accounts below it."
    ),
    "dateRangeError.REQUESTED_DATE_GRANULARITY_NOT_SUPPORTED": Rule(
        ConfigError, "Google Ads keeps daily figures for 37 months. Ask for a later start."
    ),
    "dateRangeError.*": _OURS,
    "requestError.*": _OURS,
    "queryError.*": _OURS,
    "INVALID_ARGUMENT": _OURS,
}

WAITS = {
    "quotaError.RESOURCE_TEMPORARILY_EXHAUSTED": timedelta(seconds=30),
    "quotaError.EXCESSIVE_SHORT_TERM_QUERY_RESOURCE_CONSUMPTION": timedelta(minutes=5),
    "RATE_LIMIT_EXCEEDED": timedelta(minutes=1),
    "RESOURCE_EXHAUSTED": timedelta(minutes=1),
}
"""How long a quota takes to fill that does not say so itself; all others are there again tomorrow."""


def judge(reply: Reply) -> ApiError | None:
    """Reads an answer by the table."""
    failed = failure(reply)
    return failed and verdict(failed, TABLE, retry_at)


def retry_at(failed: Failure, code: str) -> datetime:
    """When the quota is there again: as the answer says, else as such quotas are."""
    wait = failed.wait or WAITS.get(code)
    return failed.at + wait if wait else next_day(failed.at)
