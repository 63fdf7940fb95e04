"""What each vendor's codes mean, told a second time: from the vendors' own lists, and not from the tables.

The tests of the error tables ask whether a code is what its row says. Here it is asked whether the row is right.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from connectors.errors import KINDS
from connectors.ga4 import errors as ga4
from connectors.google_ads import errors as google_ads
from connectors.meta import errors as meta
from connectors.oauth import errors as oauth
from connectors.shopify import errors as shopify

GOOGLE: Mapping[str, set[str]] = {
    "auth": {"UNAUTHENTICATED"},
    "permission": {"ACCESS_TOKEN_SCOPE_INSUFFICIENT", "PERMISSION_DENIED"},
    "config": {"SERVICE_DISABLED"},
    "rate_limited": {"RATE_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED"},
    "transient": {"ABORTED", "DEADLINE_EXCEEDED", "INTERNAL", "UNAVAILABLE"},
    "api_retired": {"NOT_FOUND"},
}


def of_google(kinds: Mapping[str, set[str]]) -> dict[str, set[str]]:
    return {kind: GOOGLE.get(kind, set()) | kinds.get(kind, set()) for kind in GOOGLE.keys() | kinds.keys()}


def family(name: str, *codes: str) -> set[str]:
    return {f"{name}.{code}" for code in codes}


TOLD: Mapping[str, tuple[Mapping[Any, Any], Mapping[str, set[Any]]]] = {
    "shopify": (
        shopify.TABLE,
        {
            "auth": {"401"},
            "permission": {"403", "ACCESS_DENIED", shopify.UNAPPROVED},
            "config": {"402", "404", "423", "SHOP_INACTIVE"},
            "rate_limited": {"429", "430", "THROTTLED", "LIMIT_REACHED", "OPERATION_IN_PROGRESS"},
            "transient": {
                "500", "502", "503", "504", "INTERNAL_SERVER_ERROR", "CANCELED", "CANCELING", "EXPIRED", "FAILED"
            },
            "too_big": {"MAX_COST_EXCEEDED", "TIMEOUT"},
            "truncated": {"INCOMPLETE"},
            "api_retired": {"undefinedField"},
            "bug": {"400", "406", "422", "501", "INVALID"},
        },
    ),
    "meta": (
        meta.TABLE,
        {
            "auth": {(102, None), (2500, None), *((190, sub) for sub in (None, 458, 460, 463, 467))},
            "permission": {(10, None), (100, 33), (368, None), *((code, None) for code in range(200, 300))},
            "config": {(100, None), (803, None), (3018, None), (2, 1504041), (2, 1504042), (None, 2446289)},
            "api_retired": {(2635, None)},
            "too_big": {(100, 1487534), (100, 1504018), (2, 1504038)},
            "rate_limited": {
                (17, 2446079),
                (613, 1487742),
                *((code, None) for code in (4, 17, 32, 613, *range(80000, 80007), 80008, 80014)),
            },
            "transient": {
                (-2, 2490547),
                (2, 1504043),
                *((code, None) for code in (1, 2, 99, 104, 341, 500, 503, 960)),
            },
        },
    ),
    "meta's words": (
        meta.MESSAGES,
        {"too_big": {"reduce the amount of data"}, "transient": {"in summary param"}, "auth": {"appsecret_proof"}},
    ),
    "google ads": (
        google_ads.TABLE,
        of_google(
            {
                "auth": {f"authenticationError.OAUTH_TOKEN_{how}" for how in (
                    "EXPIRED", "INVALID", "REVOKED", "DISABLED", "HEADER_INVALID"
                )},
                "permission": family(
                    "authorizationError", "USER_PERMISSION_DENIED", "CUSTOMER_NOT_ENABLED", "MISSING_TOS",
                    "INVALID_LOGIN_CUSTOMER_ID_SERVING_CUSTOMER_ID_COMBINATION", "DEVELOPER_TOKEN_NOT_APPROVED",
                    "CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION", "INCOMPLETE_SIGNUP", "*",
                ) | family(
                    "authenticationError", "NOT_ADS_USER", "TWO_STEP_VERIFICATION_NOT_ENROLLED",
                    "ADVANCED_PROTECTION_NOT_ENROLLED",
                ) | family("quotaError", "ACCESS_PROHIBITED"),
                "config": family("authenticationError", "CUSTOMER_NOT_FOUND", "CLIENT_CUSTOMER_ID_INVALID")
                | family("authorizationError", "DEVELOPER_TOKEN_PROHIBITED", "PROJECT_DISABLED")
                | family("headerError", "INVALID_LOGIN_CUSTOMER_ID")
                | family("requestError", "INVALID_CUSTOMER_ID")
                | family("queryError", "REQUESTED_METRICS_FOR_MANAGER")
                | family("dateRangeError", "REQUESTED_DATE_GRANULARITY_NOT_SUPPORTED"),
                "rate_limited": family(
                    "quotaError", "RESOURCE_EXHAUSTED", "RESOURCE_TEMPORARILY_EXHAUSTED",
                    "EXCESSIVE_SHORT_TERM_QUERY_RESOURCE_CONSUMPTION", "EXCESSIVE_LONG_TERM_QUERY_RESOURCE_CONSUMPTION",
                ),
                "transient": {"internalError.*"},
                "truncated": family("requestError", "EXPIRED_PAGE_TOKEN", "INVALID_PAGE_TOKEN"),
                "api_retired": {"requestError.UNSUPPORTED_VERSION"},
                "bug": {"dateRangeError.*", "requestError.*", "queryError.*", "INVALID_ARGUMENT"},
            }
        ),
    ),
    "ga4": (
        ga4.TABLE,
        of_google(
            {
                "config": {"INVALID_ARGUMENT"},
                "rate_limited": {
                    "tokensPerDay", "tokensPerHour", "tokensPerProjectPerHour", "concurrentRequests",
                    "serverErrorsPerProjectPerHour", "potentiallyThresholdedRequestsPerHour",
                },
            }
        ),
    ),
    "a token of Shopify's": (
        oauth.SHOPIFY,
        {
            "auth": {"invalid_client", "invalid_grant", "invalid_request"},
            "permission": {"app_not_installed", "shop_not_permitted", "unauthorized_client"},
            "config": {"application_cannot_be_found", "invalid_scope", "unsupported_grant_type"},
        },
    ),
    "a token of Meta's": (
        oauth.META,
        {
            "auth": {"1", "100", "100/36007", "100/36009", "190"},
            "permission": {"200"},
            "config": {"100/36008", "101", "191"},
            "transient": {"2", "4"},
        },
    ),
    "a token of Google's": (
        oauth.GOOGLE,
        {
            "auth": {"invalid_grant", "invalid_grant/invalid_rapt", "invalid_client"},
            "permission": {"unauthorized_client", "access_denied", "admin_policy_enforced", "org_internal"},
            "config": {
                "invalid_grant/iat and exp", "deleted_client", "disabled_client", "invalid_scope", "invalid_request",
                "redirect_uri_mismatch", "unsupported_grant_type",
            },
            "transient": {"internal_failure", "rate_limit_exceeded"},
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("of", TOLD)
def test_every_code_means_what_its_vendor_says(of: str) -> None:
    table, told = TOLD[of]
    found: dict[str, set[Any]] = {}
    for code, rule in table.items():
        found.setdefault(KINDS[rule.error], set()).add(code)
    assert found == told
