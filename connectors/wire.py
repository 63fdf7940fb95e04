"""A request and a response as they cross the wire: what a client's transport sends and a fake API answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class WireRequest:
    """`path` starts with a slash; header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class WireResponse:
    """`cut` is the byte of the body at which the connection drops; none drops nowhere."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    cut: int | None = None


App = Callable[[WireRequest], WireResponse]
"""One API: an answer to every request."""
