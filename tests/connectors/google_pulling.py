"""What the tests of Google's APIs share: logins, recorded requests, and slices settled as a sync settles them."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from connectors.client import Client
from connectors.clock import VirtualClock
from connectors.errors import RateLimited, TooBig, Transient, Truncated
from connectors.fake.serving import serving
from connectors.slices import Account, Slice, plan
from connectors.source import RawRecord
from connectors.wire import App, WireRequest, WireResponse

PULLS = 30  # a sync gives up sooner; here it must come to its end


class Login:
    """An authorizer with so many tokens, one after the other."""

    def __init__(self, *tokens: str) -> None:
        self._tokens = deque(tokens or ("secret-token-1",))

    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._tokens[0]}"}

    def renew(self) -> bool:
        if len(self._tokens) == 1:
            return False
        self._tokens.popleft()
        return True


@dataclass
class Recorder:
    """An app, and what it was asked."""

    app: App
    requests: list[WireRequest] = field(default_factory=list)

    def __call__(self, request: WireRequest) -> WireResponse:
        self.requests.append(request)
        return self.app(request)


@contextmanager
def at(app: App) -> Iterator[str]:
    """The base URL of the app on a socket."""
    with serving({"api": app}) as base:
        yield f"{base}/api"


def cutting(app: App, times: int, when: Callable[[WireRequest], bool]) -> App:
    """The app, the first answers of the kind breaking off in their middle."""
    left = times

    def answer(request: WireRequest) -> WireResponse:
        nonlocal left
        response = app(request)
        if left and when(request):
            left -= 1
            return WireResponse(response.status, response.body, response.headers, cut=len(response.body) // 2)
        return response

    return answer


def slices(client: Client, stream: str, account: Account, clock: VirtualClock) -> list[Slice]:
    return plan(client.policies[stream], account, stream, client.request(stream, account), [], clock.now()).slices


def pulled(client: Client, part: Slice, account: Account) -> tuple[dict[str, RawRecord], list[int]]:
    """The records of one pull by their ids, and the proof: no page may come after the one that carries it."""
    found: dict[str, RawRecord] = {}
    proof: list[int] = []
    for page in client.pull(part, account):
        assert not proof
        found |= {record.external_id: record for record in page.records}
        proof = [page.proof.at_least, page.proof.at_most] if page.proof else []
    assert proof
    return found, proof


def settled(client: Client, part: Slice, account: Account, clock: VirtualClock) -> dict[str, RawRecord]:
    """The slice's records, pulled again, waited for or split until what came is what the source says there is."""
    for _ in range(PULLS):
        try:
            found, (least, most) = pulled(client, part, account)
        except RateLimited as error:
            clock.sleep((error.retry_at - clock.now()).total_seconds() + 1)
        except TooBig:
            parts = client.split(part, account)
            assert parts
            halves = [settled(client, half, account, clock) for half in parts]
            return {key: record for half in halves for key, record in half.items()}
        except (Transient, Truncated):
            pass
        else:
            if least <= len(found) <= most:
                return found
    raise AssertionError(f"not settled after {PULLS} pulls")


def everything(client: Client, stream: str, account: Account, clock: VirtualClock) -> dict[str, RawRecord]:
    """All that the account has of the stream."""
    found: dict[str, RawRecord] = {}
    for part in slices(client, stream, account, clock):
        found |= settled(client, part, account, clock)
    return found
