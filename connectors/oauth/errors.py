"""What a token endpoint's refusals mean: a table for each of Shopify, Meta and Google."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from connectors.errors import ApiError, AuthError, Bug, ConfigError, PermissionDenied, Rule, Transient
from connectors.exchange import Reply, retry_after
from connectors.http import Judge

EXCERPT = 200

CLOCK = "invalid_grant/iat and exp"
"""A signed login that is of another time; only its words tell it from others of its code.
https://developers.google.com/identity/protocols/oauth2/service-account#jwt-error-codes"""

_AGAIN = "Connect again: `growthos connect {}`."

STATUSES: Mapping[str, Rule] = {
    "301": Rule(ConfigError, "the endpoint has moved. Check the shop's name: it may have been renamed."),
    "302": Rule(ConfigError, "the endpoint has moved. Check the shop's name: it may have been renamed."),
    "402": Rule(PermissionDenied, "the shop is frozen until its bill is paid."),
    "403": Rule(PermissionDenied, "the app may not ask here. Check that it is installed and not blocked."),
    "404": Rule(ConfigError, "there is no such shop or endpoint. Check the shop's name."),
    "423": Rule(PermissionDenied, "the shop is locked. Ask Shopify's support."),
}
"""What a bare status means where no code comes with it."""

SHOPIFY: Mapping[str, Rule] = {
    "invalid_client": Rule(
        AuthError, "client id and secret do not belong together. Copy both from Dev Dashboard > Apps > Settings."
    ),
    "application_cannot_be_found": Rule(
        ConfigError, "there is no app with this client id. Copy it from Dev Dashboard > Apps > Settings."
    ),
    "app_not_installed": Rule(PermissionDenied, "the app is not installed. Install it from Dev Dashboard > Home."),
    "shop_not_permitted": Rule(
        PermissionDenied,
        "the client-credentials grant is for an app and a shop of one organization. For other shops, log in: "
        "`growthos connect shopify --grant login`.",
    ),
    "unauthorized_client": Rule(
        PermissionDenied, "the app may not use this grant. Release its version, and install it."
    ),
    "invalid_grant": Rule(
        AuthError,
        "the refresh token or code is used up, older than 90 days or revoked. "
        + _AGAIN.format("shopify --grant login"),
    ),
    "invalid_request": Rule(AuthError, "the code, client id or secret is not accepted. " + _AGAIN.format("shopify")),
    "invalid_scope": Rule(ConfigError, "the app does not have these scopes. Add them to its version, and release it."),
    "unsupported_grant_type": Rule(ConfigError, "this shop does not know the grant. Upgrade GrowthOS."),
}

META: Mapping[str, Rule] = {
    "1": Rule(AuthError, "the app's secret is wrong. Copy it from App settings > Basic."),
    "2": Rule(Transient, "the service is down for a moment."),
    "4": Rule(Transient, "the app has asked too often; it may again soon."),
    "100": Rule(AuthError, "the code is not accepted. " + _AGAIN.format("meta --login")),
    "100/36007": Rule(AuthError, "the code has expired. " + _AGAIN.format("meta --login")),
    "100/36008": Rule(ConfigError, "the redirect is not the one of the consent page. Allow it in Facebook Login."),
    "100/36009": Rule(AuthError, "the code was used already. " + _AGAIN.format("meta --login")),
    "101": Rule(ConfigError, "there is no app with this id. Copy it from App settings > Basic."),
    "190": Rule(AuthError, "the token has expired or was revoked. " + _AGAIN.format("meta")),
    "191": Rule(ConfigError, "the redirect is not allowed. Add it to Facebook Login > Valid OAuth Redirect URIs."),
    "200": Rule(PermissionDenied, "the permission is not granted. Grant ads_read on the consent page."),
}

GOOGLE: Mapping[str, Rule] = {
    "invalid_grant": Rule(
        AuthError,
        "the refresh token is revoked, unused for six months, or of an app in testing mode, where it ends after 7 "
        "days. Publish the app on its OAuth consent screen, then connect again.",
    ),
    CLOCK: Rule(
        ConfigError,
        "a service account's login is good only by the right time. Set this machine's clock, by NTP for one.",
    ),
    "invalid_grant/invalid_rapt": Rule(
        AuthError, "your organization asks for a new login from time to time. Use a service account, or connect again."
    ),
    "invalid_client": Rule(
        AuthError, "client id and secret do not belong together. Copy both from Google Auth Platform > Clients."
    ),
    "deleted_client": Rule(ConfigError, "the OAuth client was deleted. Make one in Google Auth Platform > Clients."),
    "disabled_client": Rule(ConfigError, "the OAuth client is disabled. Enable it in Google Auth Platform > Clients."),
    "unauthorized_client": Rule(
        PermissionDenied,
        "the client may not use this grant. Make a client of the type Desktop app, or a service account.",
    ),
    "access_denied": Rule(PermissionDenied, "consent was refused. Connect again, and tick every box."),
    "admin_policy_enforced": Rule(
        PermissionDenied, "your Workspace's administrator blocks these scopes. Ask for the app to be trusted."
    ),
    "org_internal": Rule(PermissionDenied, "the app is for its own organization alone. Log in with an account of it."),
    "invalid_scope": Rule(ConfigError, "the scope is unknown. Enable the API in the Cloud project."),
    "invalid_request": Rule(ConfigError, "the request is incomplete. Upgrade GrowthOS."),
    "redirect_uri_mismatch": Rule(ConfigError, "the redirect is not allowed. Make a client of the type Desktop app."),
    "unsupported_grant_type": Rule(ConfigError, "the grant is not known. Upgrade GrowthOS."),
    "internal_failure": Rule(Transient, "the service is down for a moment."),
    "rate_limit_exceeded": Rule(Transient, "too many tokens were asked for; it may be asked again soon."),
}


def judge_by(title: str, rules: Mapping[str, Rule]) -> Judge:
    """Reads a token endpoint's answers by the table: the narrowest code that it has."""

    def read(reply: Reply) -> ApiError | None:
        if 200 <= reply.status < 300:
            return None
        codes, said = ([], _leads_to(reply)) if reply.status < 400 else _refusal(reply)
        said = reply.masked(said)[:EXCERPT]  # in this order: of a secret that was cut, half would be left
        for code in (*codes, str(reply.status)):
            if rule := rules.get(code) or STATUSES.get(code):
                return rule.error(f"{title}: {rule.advice} ({code}: {said})", code=code)
        if reply.status == 429 or reply.status >= 500:
            wait = retry_after(reply)
            after = wait.total_seconds() if wait else None
            return Transient(f"{title}'s token endpoint is busy ({reply.status}).", after=after)
        return Bug(f"{title} refused a token with {reply.status} {codes[0] if codes else ''}: {said}")

    return read


def _leads_to(reply: Reply) -> str:
    """Where a redirect leads; what follows the path is nobody's business."""
    return reply.headers.get("location", "").partition("?")[0]


def _refusal(reply: Reply) -> tuple[list[str], str]:
    """The codes of an error answer, the narrowest first, and what it says in words."""
    try:
        body: Any = msgspec.json.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        page = reply.body.decode(errors="replace")
        if found := SHOPIFYS_PAGE.search(page):
            return [found[1]], found[2].strip()
        return [], "not JSON"
    match body:
        case {"error": {"code": code, **rest}}:  # Graph API
            codes = [f"{code}/{rest['error_subcode']}"] if "error_subcode" in rest else []
            return [*codes, str(code)], str(rest.get("message", ""))
        case {"error": str(code), **rest}:  # RFC 6749, 5.2
            said = str(rest.get("error_description", ""))
            codes = [f"{code}/{rest['error_subtype']}"] if "error_subtype" in rest else []
            return [*([CLOCK] if "iat and exp" in said else []), *codes, code], said
        case _:
            return [], reply.body.decode(errors="replace")


SHOPIFYS_PAGE = re.compile(r"Oauth error (\w+):([^<]*)")
"""Shopify refuses some grants with a page for people."""
