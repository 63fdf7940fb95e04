"""Google's tokens: of a person's refresh token, and of a service account that signs for itself."""

from dataclasses import replace

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from oauth_server import HERE, NOW, Server

from connectors.clock import VirtualClock
from connectors.connect import hosts_below
from connectors.credentials import GoogleLogin
from connectors.errors import AuthError, ConfigError
from connectors.fake.oauth import CLIENT_ID, CLIENT_SECRET
from connectors.fake.serving import serving
from connectors.http import in_process
from connectors.oauth.authorizers import for_google

SCOPE = "https://www.googleapis.com/auth/adwords"
PERSON = GoogleLogin(CLIENT_ID, CLIENT_SECRET, "fake-refresh-token-0001")


def test_a_google_refresh_token_over_a_socket(oauth: Server) -> None:
    assert oauth.fake.refresh_token() == PERSON.refresh_token
    with serving({"oauth": oauth}) as base:
        authorizer = for_google(PERSON, SCOPE, clock=oauth.clock, hosts=hosts_below(base))
        first = authorizer.headers()
        oauth.clock.sleep(3599 - 299)
        second = authorizer.headers()
    assert [request.path for request in oauth.asked] == ["/oauth2.googleapis.com/token"] * 2
    assert oauth.forms[0] == {
        "grant_type": "refresh_token",
        "refresh_token": PERSON.refresh_token,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    }
    assert [first, second] == [{"authorization": f"Bearer {token}"} for token in oauth.fake.issued]


@pytest.fixture(scope="session")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def key_file(key: rsa.RSAPrivateKey) -> str:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    account = {"type": "service_account", "client_email": "bot@acme.iam", "private_key": pem, "private_key_id": "k1"}
    return msgspec.json.encode(account).decode()


def test_a_service_account_signs_for_itself(oauth: Server, key: rsa.RSAPrivateKey, key_file: str) -> None:
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    oauth.fake.service_accounts = {"bot@acme.iam": public}
    login = GoogleLogin(service_account=key_file)
    authorizer = for_google(login, SCOPE, clock=oauth.clock, hosts=HERE, transport=in_process(oauth))
    assert authorizer.headers() == {"authorization": f"Bearer {next(iter(oauth.fake.issued))}"}
    oauth.clock.sleep(7200)
    assert authorizer.renew()  # signed anew: an old assertion would have ended
    assert {form["grant_type"] for form in oauth.forms} == {"urn:ietf:params:oauth:grant-type:jwt-bearer"}


def test_a_service_account_that_google_does_not_know_is_refused(oauth: Server, key_file: str) -> None:
    login = GoogleLogin(service_account=key_file)
    authorizer = for_google(login, SCOPE, clock=oauth.clock, hosts=HERE, transport=in_process(oauth))
    with pytest.raises(AuthError) as raised:
        authorizer.headers()
    assert oauth.forms[0]["assertion"] not in str(raised.value)


@pytest.mark.parametrize(
    ("login", "says"),
    [
        (GoogleLogin(), "key file, or client id, client secret and refresh token"),
        (replace(PERSON, client_secret=None), "growthos connect"),
        (GoogleLogin(service_account="not json, but secret"), "not a service account's key file"),
        (GoogleLogin(service_account='{"type": "authorized_user"}'), "not a service account's key file"),
        (GoogleLogin(service_account='{"type": "service_account", "private_key": 7}'), "not a service account's"),
    ],
)
def test_a_google_login_that_opens_nothing_says_what_to_do(login: GoogleLogin, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as raised:
        for_google(login, SCOPE, clock=VirtualClock(NOW), hosts={})
    assert "but secret" not in str(raised.value)


@pytest.mark.parametrize("kind", ["damaged", "elliptic"])
def test_a_private_key_that_does_not_sign_is_not_quoted(kind: str) -> None:
    curve = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    key = {"damaged": "damaged-secret-key", "elliptic": curve.decode()}[kind]
    account = {"type": "service_account", "client_email": "bot@acme.iam", "private_key": key}
    login = GoogleLogin(service_account=msgspec.json.encode(account).decode())
    authorizer = for_google(login, SCOPE, clock=VirtualClock(NOW), hosts=HERE)
    with pytest.raises(ConfigError, match="Make a new key") as raised:
        authorizer.headers()
    assert key not in str(raised.value)
