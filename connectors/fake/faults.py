"""What can happen to any API on the way: dropped connections and busy servers, on a fixed random seed."""

import random
from collections.abc import Callable
from dataclasses import replace

from connectors.wire import App, WireRequest, WireResponse


def flaky(
    app: App, seed: int, *, drops: float = 0.0, failures: float = 0.0, burst: int = 3
) -> tuple[App, Callable[[], int]]:
    """The app behind a bad line, and how many faults it has shown so far.

    A share `drops` of the answers breaks off at any byte; a share `failures` starts a burst of up to `burst`
    answers 500, 502 or 503.
    """
    dice = random.Random(seed)
    left = injected = 0

    def answer(request: WireRequest) -> WireResponse:
        nonlocal left, injected
        if not left and dice.random() < failures:
            left = dice.randint(1, burst)
        if left:
            left -= 1
            injected += 1
            body = b"<html>upstream is busy</html>"
            return WireResponse(dice.choice([500, 502, 503]), body, {"content-type": "text/html"})
        response = app(request)
        if dice.random() < drops:
            injected += 1
            return replace(response, cut=dice.randrange(len(response.body) + 1))
        return response

    return answer, lambda: injected
