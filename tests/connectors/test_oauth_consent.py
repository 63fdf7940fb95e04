"""Consent: the page's address, the redirect that is waited for, the code's exchange, for all three providers."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import httpx2 as httpx
import pytest

from connectors.clock import VirtualClock
from connectors.connect import hosts_below
from connectors.errors import AuthError, ConfigError
from connectors.fake.oauth import CLIENT_ID, CLIENT_SECRET, FakeOAuth
from connectors.fake.serving import serving
from connectors.oauth.callback import listening
from connectors.oauth.consent import SCOPES, Consent, meta_long_lived, shopify_signed
from connectors.oauth.providers import Hosts, Provider, google, meta, shopify
from connectors.oauth.token import Token, TokenEndpoint

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PROVIDERS: dict[str, Callable[[Hosts], Provider]] = {
    "shopify": lambda hosts: shopify("acme", hosts),
    "meta": meta,
    "google_ads": google,
    "ga4": google,
}


@pytest.fixture
def fake() -> FakeOAuth:
    return FakeOAuth(VirtualClock(NOW))


def browse(url: str) -> None:
    """Open the page and follow it back, as a browser does."""
    httpx.get(url, follow_redirects=True, trust_env=False).raise_for_status()


def test_the_real_pages_and_endpoints() -> None:
    assert [(p.authorize_url, p.token_url) for p in (shopify("acme", {}), meta({}), google({}))] == [
        ("https://acme.myshopify.com/admin/oauth/authorize", "https://acme.myshopify.com/admin/oauth/access_token"),
        ("https://www.facebook.com/v26.0/dialog/oauth", "https://graph.facebook.com/v26.0/oauth/access_token"),
        ("https://accounts.google.com/o/oauth2/v2/auth", "https://oauth2.googleapis.com/token"),
    ]


def test_what_the_page_is_asked() -> None:
    """RFC 6749, 4.1.1; RFC 7636, appendix B for the challenge."""
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    consent = Consent(google({}), CLIENT_ID, SCOPES["ga4"], "http://127.0.0.1:7/callback", "s", verifier)
    assert dict(parse_qsl(urlsplit(consent.url).query)) == {
        "client_id": CLIENT_ID,
        "redirect_uri": "http://127.0.0.1:7/callback",
        "response_type": "code",
        "scope": "https://www.googleapis.com/auth/analytics.readonly",
        "state": "s",
        "access_type": "offline",
        "prompt": "consent",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
    }
    asked = parse_qsl(urlsplit(replace(consent, provider=shopify("acme", {}), scopes=SCOPES["shopify"]).url).query)
    assert dict(asked)["scope"] == "read_orders,read_all_orders,read_customers,read_products,read_inventory"
    assert "code_challenge" not in dict(asked)


@pytest.mark.parametrize("api", PROVIDERS)
def test_consent_in_a_browser_becomes_a_token(fake: FakeOAuth, api: str) -> None:
    with serving({"oauth": fake}) as base, listening() as callback:
        provider = PROVIDERS[api](hosts_below(base))
        redirect = f"http://{provider.redirect_host}:{callback.port}/callback"
        consent = Consent(provider, CLIENT_ID, SCOPES[api], redirect)
        endpoint = TokenEndpoint(provider, clock=fake.clock)
        browse(consent.url)
        answer = callback.wait(consent.is_ours, 5)
        token = consent.exchange(answer, CLIENT_SECRET, endpoint)
        assert token.access in fake.issued
        with pytest.raises(AuthError):  # a code is good for once
            consent.exchange(answer, CLIENT_SECRET, endpoint)
        if api == "meta":
            assert token.expires_at == NOW + timedelta(seconds=5_400)
            token = meta_long_lived(token, CLIENT_ID, CLIENT_SECRET, endpoint)
            assert token.expires_at == NOW + timedelta(seconds=5_183_944)
        else:
            assert token.refresh in fake.refreshes
        assert shopify_signed(answer, CLIENT_SECRET) == (api == "shopify")


def test_another_verifier_gets_no_token(fake: FakeOAuth) -> None:
    with serving({"oauth": fake}) as base, listening() as callback:
        provider = google(hosts_below(base))
        consent = Consent(provider, CLIENT_ID, SCOPES["ga4"], f"http://127.0.0.1:{callback.port}/callback")
        browse(consent.url)
        answer = callback.wait(consent.is_ours, 5)
        with pytest.raises(AuthError, match="connect again"):
            replace(consent, verifier="w" * 43).exchange(
                answer, CLIENT_SECRET, TokenEndpoint(provider, clock=fake.clock)
            )


def test_redirects_of_others_are_passed_over(fake: FakeOAuth) -> None:
    with listening() as callback:
        here = f"http://127.0.0.1:{callback.port}"
        assert httpx.get(f"{here}/favicon.ico", trust_env=False).status_code == 404
        for state in ("theirs", "", "ours"):
            browse(f"{here}/callback?code=c-{state}&state={state}")
        consent = Consent(google({}), CLIENT_ID, SCOPES["ga4"], f"{here}/callback", state="ours")
        assert callback.wait(consent.is_ours, 5) == {"code": "c-ours", "state": "ours"}


def test_a_person_who_says_no_is_told_what_to_do(fake: FakeOAuth) -> None:
    fake.consents = False
    with serving({"oauth": fake}) as base, listening() as callback:
        provider = google(hosts_below(base))
        consent = Consent(provider, CLIENT_ID, SCOPES["ga4"], f"http://127.0.0.1:{callback.port}/callback")
        browse(consent.url)
        answer = callback.wait(consent.is_ours, 5)
    with pytest.raises(AuthError, match="Google gave no consent: access_denied"):
        consent.exchange(answer, CLIENT_SECRET, TokenEndpoint(provider, clock=fake.clock))


def test_a_page_that_nobody_answers_ends_the_wait() -> None:
    with listening() as callback, pytest.raises(AuthError, match=rf"ssh -L {callback.port}:127.0.0.1"):
        callback.wait(lambda answer: True, 0.01)


def test_a_port_that_is_taken_is_said() -> None:
    with listening() as callback, pytest.raises(ConfigError, match="--port"), listening(callback.port):
        pass


def test_nothing_is_left_behind() -> None:
    before = threading.active_count()
    with listening():
        assert threading.active_count() == before + 1
    assert threading.active_count() == before


def test_a_forged_signature_is_seen() -> None:
    answer = {"code": "c", "shop": "acme.myshopify.com", "state": "s", "timestamp": "1"}
    assert not shopify_signed(answer, CLIENT_SECRET)
    assert not shopify_signed({**answer, "hmac": "0" * 64}, CLIENT_SECRET)


def test_no_secret_is_in_a_repr() -> None:
    consent = Consent(google({}), CLIENT_ID, SCOPES["ga4"], "http://127.0.0.1/callback")
    assert consent.state not in repr(consent)
    assert consent.verifier not in repr(consent)
    assert "planted" not in repr(Token("planted-access", NOW, "planted-refresh"))
