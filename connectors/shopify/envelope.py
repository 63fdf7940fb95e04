"""What surrounds the data of an answer: errors and cost, read without decoding the data itself."""

from datetime import timedelta

import msgspec

from connectors.exchange import Reply


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


class Details(msgspec.Struct, frozen=True):
    code: str | None = None


class Error(msgspec.Struct, frozen=True):
    message: str = ""
    extensions: Details | None = None


class Extensions(msgspec.Struct, frozen=True):
    cost: Cost | None = None


class Envelope(msgspec.Struct, frozen=True):
    """`errors` is a list for a query, a text where the request did not get that far."""

    errors: list[Error] | str | None = None
    extensions: Extensions | None = None

    @property
    def cost(self) -> Cost | None:
        return self.extensions and self.extensions.cost


_decode = msgspec.json.Decoder(Envelope).decode


def envelope(reply: Reply) -> Envelope:
    """The answer's errors and cost; an empty one for an answer that is of another form."""
    try:
        return _decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Envelope()
