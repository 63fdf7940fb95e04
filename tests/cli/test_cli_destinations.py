"""`growthos alerts destination`: add, test, list and remove, with a receiver on a socket; secrets are shown once."""

from collections.abc import Iterator

import pytest
from cli_command import Command

from connectors.fake.serving import serving
from connectors.wire import WireRequest, WireResponse


class Receiver:
    """Keeps what it got, and answers a status."""

    def __init__(self) -> None:
        self.base = ""
        self.status = 200
        self.got: list[WireRequest] = []

    def __call__(self, request: WireRequest) -> WireResponse:
        self.got.append(request)
        return WireResponse(self.status, b"planted-body")

    @property
    def url(self) -> str:
        return f"{self.base}/hook/planted-path"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    with serving({"hook": made}) as made.base:
        yield made


def test_the_signing_secret_is_shown_once_and_the_address_never(
    growthos: Command, shop: str, receiver: Receiver
) -> None:
    added = growthos("alerts", "destination", "add", "-t", shop, "webhook", receiver.url)
    assert added.code == 0, added.err
    secret = added.out.splitlines()[-1]
    assert secret.startswith("whsec_")
    assert "not shown again" in added.out
    said = added.out.replace(secret, "") + added.err
    for command in ("test", "list"):
        done = growthos("alerts", "destination", command, "-t", shop)
        assert done.code == 0
        said += done.out + done.err
    (listed,) = growthos("alerts", "destination", "list", "-t", shop, "--format", "json").document["destinations"]
    assert listed["address"] == f"{receiver.base}/…"
    assert (listed["channel"], listed["name"], listed["status"]) == ("webhook", "default", "working")
    assert "planted" not in said + repr(listed)
    assert secret not in said + repr(listed)


def test_a_new_secret_takes_the_place_of_the_old_one(growthos: Command, shop: str, receiver: Receiver) -> None:
    secrets = [
        growthos("alerts", "destination", "add", "webhook", receiver.url, "-t", shop).out.splitlines()[-1]
        for _ in range(2)
    ]
    assert len(set(secrets)) == 2
    assert len(growthos("alerts", "destination", "list", "-t", shop, "--format", "json").document["destinations"]) == 1


def test_an_address_need_not_stand_on_the_command_line(
    growthos: Command, shop: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = growthos("alerts", "destination", "add", "slack", "-t", shop)
    assert asked.code == 2
    assert "GROWTHOS_ALERT_URL" in asked.err
    monkeypatch.setenv("GROWTHOS_ALERT_URL", receiver.url)
    assert growthos("alerts", "destination", "add", "slack", "-t", shop, "--name", "team").code == 0
    tested = growthos("alerts", "destination", "test", "-t", shop)
    assert (tested.code, tested.out) == (0, "slack/team: delivered.\n")
    (got,) = receiver.got
    assert b"GrowthOS delivers alerts here." in got.body


def test_a_test_that_fails_says_what_to_do(growthos: Command, shop: str, receiver: Receiver) -> None:
    growthos("alerts", "destination", "add", "webhook", receiver.url, "-t", shop)
    receiver.status = 410
    done = growthos("alerts", "destination", "test", "-t", shop)
    assert done.code == 1
    assert "webhook/default:" in done.err
    assert "gone for good. Remove it, or add its new address." in done.err
    assert "planted" not in done.err
    assert "failing" in growthos("alerts", "destination", "list", "-t", shop).out


def test_what_is_removed_is_gone_and_sources_are_out_of_reach(growthos: Command, shop: str, receiver: Receiver) -> None:
    growthos("alerts", "destination", "add", "webhook", receiver.url, "-t", shop)
    assert growthos("connections", "list", "-t", shop, "--format", "json").document["connections"] == []
    assert growthos("alerts", "destination", "remove", "webhook", "-t", shop).code == 0
    assert "Alerts go to the log alone." in growthos("alerts", "destination", "list", "-t", shop).out
    assert "no destination to test" in growthos("alerts", "destination", "test", "-t", shop).out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("remove slack -t {shop}", "has no destination slack/default. There are: none."),
        ("add mail https://planted -t {shop}", "'mail' is not one of 'webhook', 'slack'"),
        ("add webhook http://example.com/planted -t {shop}", "Alerts go to https:// addresses only"),
        ("add slack https://example.com/planted -t {shop}", "starts with https://hooks.slack.com/"),
        ("list -t nosuch", "There is no tenant 'nosuch'"),
    ],
)
def test_wrong_use_says_what_is_wrong(growthos: Command, shop: str, arguments: str, says: str) -> None:
    done = growthos("alerts", "destination", *arguments.format(shop=shop).split())
    assert done.code == 2
    assert says in " ".join((done.err + done.out).replace("│", " ").split())
    assert "planted" not in done.err
