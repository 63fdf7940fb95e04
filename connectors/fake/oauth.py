"""Token endpoints and consent pages of Shopify, Meta and Google, faked: at /<real host>/<real path>.

Consent is given at once to whoever asks rightly; what is refused is refused in the real one's shape.
"""

import base64
import hashlib
import hmac
import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlencode

import msgspec

from connectors.clock import Clock
from connectors.wire import WireRequest, WireResponse

CLIENT_ID = "fake-client-id"
CLIENT_SECRET = "fake-client-secret"
REFRESH_TOKEN = "1//demo"  # of a person who consented to Google once
REUSE = timedelta(days=30)
"""How long a used refresh token of Shopify still works if its replacement was not used (shopify.dev, 2026-08-28)."""

Form = Mapping[str, str]


class Refused(Exception):
    """A refusal, by the code that the provider's error table has for it."""


@dataclass(frozen=True, slots=True)
class Code:
    """What the code of a consent page is bound to."""

    redirect: str
    challenge: str | None


@dataclass(slots=True)
class Refresh:
    """A refresh token: which one it replaced, and when it was used first, where that matters: at Shopify."""

    replaces: str | None = None
    used_at: datetime | None = None


class FakeOAuth:
    """The three providers, with one app each, of the same client id and secret.

    `service_accounts` are Google's public keys by e-mail address. `consents` false is a person who says no. The next
    requests for a token are refused with the codes in `fail`; of the next `lose` answers the connection drops after
    the provider has done its part. `issued` are the access tokens given, with their ends.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        client_id: str = CLIENT_ID,
        client_secret: str = CLIENT_SECRET,
        service_accounts: Mapping[str, str] | None = None,
    ) -> None:
        self.clock = clock
        self.client_id = client_id
        self.client_secret = client_secret
        self.service_accounts = service_accounts or {}
        self.consents = True
        self.fail: list[str] = []
        self.lose = 0
        self.issued: dict[str, datetime | None] = {}
        self.refreshes = {REFRESH_TOKEN: Refresh()}
        self._codes: dict[str, Code] = {}
        self._numbers = itertools.count(1)

    def __call__(self, request: WireRequest) -> WireResponse:
        for address, answer in ROUTES.items():
            if re.fullmatch(address, f"{request.method} {request.path}"):
                return answer(self, request)
        return WireResponse(404, b"Not Found", {"content-type": "text/html"})

    def refresh_token(self, replaces: str | None = None) -> str:
        """A new refresh token."""
        token = self._new("refresh")
        self.refreshes[token] = Refresh(replaces)
        return token

    def access_token(self, seconds: int | None) -> str:
        """A new access token, for so many seconds."""
        token = self._new("access")
        self.issued[token] = self.clock.now() + timedelta(seconds=seconds) if seconds else None
        return token

    def page(self, request: WireRequest, *, pkce: bool = False, **extra: str) -> WireResponse:
        """A consent page: the redirect to whoever asked, or a page that says what is wrong."""
        asked = request.query
        right = asked.get("client_id") == self.client_id and asked.get("response_type") == "code"
        if not (right and asked.get("redirect_uri") and asked.get("scope") and asked.get("state")):
            return WireResponse(400, b"Error 400: invalid_request", {"content-type": "text/html"})
        if pkce and asked.get("code_challenge_method") != "S256":
            return WireResponse(400, b"Error 400: invalid_request", {"content-type": "text/html"})
        answer = {"state": asked["state"], **extra}
        if self.consents:
            answer["code"] = self._new("code")
            self._codes[answer["code"]] = Code(asked["redirect_uri"], asked.get("code_challenge"))
        else:
            answer["error"] = "access_denied"
        if "shop" in extra:
            answer["hmac"] = self._signature(answer)
        return WireResponse(302, b"", {"location": f"{asked['redirect_uri']}?{urlencode(answer)}"})

    def token(
        self,
        request: WireRequest,
        grants: "Mapping[str, Callable[[FakeOAuth, Form], dict[str, object]]]",
        refusal: Callable[[str], WireResponse],
    ) -> WireResponse:
        """A token endpoint: the grant's answer, or the refusal in the provider's shape."""
        form = dict(parse_qsl(request.body.decode()))
        try:
            if self.fail:
                raise Refused(self.fail.pop(0))
            if request.headers.get("content-type") != "application/x-www-form-urlencoded" or request.query:
                raise Refused("invalid_request")
            grant = grants.get(form.get("grant_type", "authorization_code"))
            if grant is None:
                raise Refused("unsupported_grant_type")
            response = WireResponse(200, msgspec.json.encode(grant(self, form)))
        except Refused as refused:
            response = refusal(str(refused))
        if self.lose:
            self.lose -= 1
            return replace(response, cut=0)
        return response

    def client(self, form: Form, code: str = "invalid_client") -> None:
        """Refuse another app than ours."""
        if (form.get("client_id"), form.get("client_secret")) != (self.client_id, self.client_secret):
            raise Refused(code)

    def spend(self, form: Form, code: str) -> Code:
        """Take a consent page's code, which is good for one use."""
        spent = self._codes.pop(form.get("code", ""), None)
        if spent is None:
            raise Refused(code)
        return spent

    def _new(self, kind: str) -> str:
        return f"fake-{kind}-token-{next(self._numbers):04}"

    def _signature(self, answer: Form) -> str:
        message = "&".join(f"{name}={answer[name]}" for name in sorted(answer))
        return hmac.new(self.client_secret.encode(), message.encode(), hashlib.sha256).hexdigest()


def _shopify_credentials(fake: FakeOAuth, form: Form) -> dict[str, object]:
    fake.client(form)
    return {"access_token": fake.access_token(86_399), "scope": "read_orders", "expires_in": 86_399}


def _shopify_code(fake: FakeOAuth, form: Form) -> dict[str, object]:
    fake.client(form)
    fake.spend(form, "invalid_request")
    if form.get("expiring") != "1":
        return {"access_token": fake.access_token(None), "scope": "read_orders"}
    return _shopify_pair(fake, None)


def _shopify_refresh(fake: FakeOAuth, form: Form) -> dict[str, object]:
    fake.client(form)
    given = form.get("refresh_token", "")
    refresh = fake.refreshes.get(given)
    now = fake.clock.now()
    if refresh is None or (refresh.used_at and now - refresh.used_at > REUSE):
        raise Refused("invalid_grant")
    refresh.used_at = refresh.used_at or now
    fake.refreshes.pop(refresh.replaces or "", None)  # its replacement is in use: it is retired
    return _shopify_pair(fake, given)


def _shopify_pair(fake: FakeOAuth, replaces: str | None) -> dict[str, object]:
    return {
        "access_token": fake.access_token(3600),
        "scope": "read_orders",
        "expires_in": 3600,
        "refresh_token": fake.refresh_token(replaces),
        "refresh_token_expires_in": 7_776_000,
    }


def _meta_code(fake: FakeOAuth, form: Form) -> dict[str, object]:
    fake.client(form, "1")
    if fake.spend(form, "100/36009").redirect != form.get("redirect_uri"):
        raise Refused("100/36008")
    return {"access_token": fake.access_token(5_400), "token_type": "bearer", "expires_in": 5_400}


def _meta_long_lived(fake: FakeOAuth, form: Form) -> dict[str, object]:
    fake.client(form, "1")
    if form.get("fb_exchange_token") not in fake.issued:
        raise Refused("190")
    return {"access_token": fake.access_token(5_183_944), "token_type": "bearer", "expires_in": 5_183_944}


def _google_code(fake: FakeOAuth, form: Form) -> dict[str, object]:
    fake.client(form)
    code = fake.spend(form, "invalid_grant")
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    if code.challenge != base64.urlsafe_b64encode(digest).rstrip(b"=").decode():
        raise Refused("invalid_grant")
    if code.redirect != form.get("redirect_uri"):
        raise Refused("redirect_uri_mismatch")
    return _google_token(fake) | {"refresh_token": fake.refresh_token()}


def _google_refresh(fake: FakeOAuth, form: Form) -> dict[str, object]:
    fake.client(form)
    if form.get("refresh_token") not in fake.refreshes:
        raise Refused("invalid_grant")
    return _google_token(fake)


def _google_assertion(fake: FakeOAuth, form: Form) -> dict[str, object]:
    from joserfc import jwt  # the demo serves this, and signs nothing
    from joserfc.errors import JoseError
    from joserfc.jwk import RSAKey

    now = fake.clock.now().timestamp()
    for email, public_key in fake.service_accounts.items():
        try:
            claims = jwt.decode(form.get("assertion", ""), RSAKey.import_key(public_key), algorithms=["RS256"]).claims
        except (JoseError, ValueError):
            continue
        right = claims["iss"] == email and claims["aud"] == "https://oauth2.googleapis.com/token" and claims["scope"]
        if right and claims["iat"] - 300 <= now < claims["exp"] <= claims["iat"] + 3600:
            return _google_token(fake)
    raise Refused("invalid_grant")


def _google_token(fake: FakeOAuth) -> dict[str, object]:
    return {"access_token": fake.access_token(3599), "expires_in": 3599, "token_type": "Bearer", "scope": ""}


def _shopify_refusal(code: str) -> WireResponse:
    if code.isdecimal():
        return WireResponse(int(code), b'{"errors": "Not Found"}')
    if code in ("shop_not_permitted", "app_not_installed"):  # for people
        page = f"<html><body><p>Oauth error {code}: it cannot be performed on this shop.</p></body></html>"
        return WireResponse(400, page.encode(), {"content-type": "text/html"})
    body = {"error": code, "error_description": "The request was refused."}
    return WireResponse(401 if code == "invalid_client" else 400, msgspec.json.encode(body))


def _meta_refusal(code: str) -> WireResponse:
    number, _, subcode = code.partition("/")
    error: dict[str, object] = {"message": "The request was refused.", "type": "OAuthException"}
    error["code"] = int(number) if number.isdecimal() else 100
    if subcode:
        error["error_subcode"] = int(subcode)
    return WireResponse(400, msgspec.json.encode({"error": {**error, "fbtrace_id": "AbCdEf"}}))


def _google_refusal(code: str) -> WireResponse:
    if code.isdecimal():
        return WireResponse(int(code), b"<html>Error</html>", {"content-type": "text/html"})
    error, _, subtype = code.partition("/")
    body = {"error": error, "error_description": "Bad Request"} | ({"error_subtype": subtype} if subtype else {})
    return WireResponse(401 if error == "invalid_client" else 400, msgspec.json.encode(body))


_SHOPIFY = {
    "authorization_code": _shopify_code,
    "client_credentials": _shopify_credentials,
    "refresh_token": _shopify_refresh,
}
_META = {"authorization_code": _meta_code, "fb_exchange_token": _meta_long_lived}
_GOOGLE = {
    "authorization_code": _google_code,
    "refresh_token": _google_refresh,
    "urn:ietf:params:oauth:grant-type:jwt-bearer": _google_assertion,
}


def _shopify_page(fake: FakeOAuth, request: WireRequest) -> WireResponse:
    shop = request.path.split("/")[1]
    return fake.page(request, shop=shop, timestamp=f"{fake.clock.now().timestamp():.0f}")


Answer = Callable[[FakeOAuth, WireRequest], WireResponse]

ROUTES: Mapping[str, Answer] = {
    r"GET /[a-z0-9-]+\.myshopify\.com/admin/oauth/authorize": _shopify_page,
    r"POST /[a-z0-9-]+\.myshopify\.com/admin/oauth/access_token": (
        lambda fake, request: fake.token(request, _SHOPIFY, _shopify_refusal)
    ),
    r"GET /www\.facebook\.com/v26\.0/dialog/oauth": lambda fake, request: fake.page(request),
    r"POST /graph\.facebook\.com/v26\.0/oauth/access_token": (
        lambda fake, request: fake.token(request, _META, _meta_refusal)
    ),
    r"GET /accounts\.google\.com/o/oauth2/v2/auth": lambda fake, request: fake.page(request, pkce=True),
    r"POST /oauth2\.googleapis\.com/token": lambda fake, request: fake.token(request, _GOOGLE, _google_refusal),
}
"""What answers where."""
