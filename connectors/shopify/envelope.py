"""What surrounds the data of an answer: errors and cost, read without decoding the data itself."""

from datetime import timedelta
from typing import Any, NamedTuple, TypeVar

import msgspec

from connectors.exchange import Reply

T = TypeVar("T")


class ThrottleStatus(msgspec.Struct, rename="camel", frozen=True):
    """The bucket after the answer: its size, what is in it, points restored a second."""

    maximum_available: float
    currently_available: float
    restore_rate: float


class Cost(msgspec.Struct, rename="camel", frozen=True):
    """Points: `requested_query_cost` must be in the bucket beforehand; what was not used flows back at once."""

    requested_query_cost: float
    throttle_status: ThrottleStatus
    actual_query_cost: float | None = None

    @property
    def wait(self) -> timedelta:
        """How long until the bucket holds what the query asks for."""
        bucket = self.throttle_status
        missing = max(0.0, self.requested_query_cost - bucket.currently_available)
        return timedelta(seconds=missing / bucket.restore_rate)

    @property
    def fits(self) -> bool:
        """Whether the bucket can ever hold as much."""
        return self.requested_query_cost <= self.throttle_status.maximum_available


class Error(NamedTuple):
    """One thing that went wrong: what Shopify says of it, and its code if there is one."""

    message: str
    code: str = "errors"


class Envelope(NamedTuple):
    """What went wrong, and what it cost: of an answer that tells neither, nothing."""

    errors: tuple[Error, ...] = ()
    cost: Cost | None = None


class _Body(msgspec.Struct):
    errors: Any = None
    extensions: Any = None


class _Said(msgspec.Struct):
    message: Any = None
    extensions: Any = None


class _Details(msgspec.Struct):
    code: str | int | None = None


class _Extensions(msgspec.Struct):
    cost: Cost


_decode = msgspec.json.Decoder(_Body).decode


def envelope(reply: Reply) -> Envelope:
    """The answer's errors and cost; an empty one for an answer that is no JSON object."""
    try:
        body = _decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Envelope()
    return Envelope(_errors(body.errors), cost(body.extensions))


def cost(extensions: Any) -> Cost | None:
    """What the extensions say of the cost; nothing if that cannot be read, since an answer is good without it."""
    told = _fitting(extensions, _Extensions)
    return told and told.cost


def _errors(told: Any) -> tuple[Error, ...]:
    """A list for a query, a text where the request did not get that far; of any other form it is an error too."""
    listed = _fitting(told, list[Any])
    return tuple(_error(each) for each in ([told] if listed is None and told else listed or ()))


def _error(told: Any) -> Error:
    """The error by its code and message as far as they can be read, else quoted as it is."""
    said = _fitting(told, _Said) or _Said(told)
    details = _fitting(said.extensions, _Details) or _Details()
    message = _fitting(said.message, str) or msgspec.json.encode(told).decode()
    return Error(message, str(details.code)) if details.code else Error(message)


def _fitting(told: Any, form: type[T]) -> T | None:
    """What was told, if it has the form."""
    try:
        return msgspec.convert(told, form)
    except msgspec.ValidationError:
        return None
