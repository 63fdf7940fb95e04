"""What every source of raw records shares: the record, the stream it belongs to, and how it is asked for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

Body = dict[str, Any]
"""One response body of an API, decoded from JSON."""


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One thing as its source describes it: an order, a product, a campaign's day.

    `external_id` identifies it within its stream for good; a later state of the same thing comes with the
    same id and another payload.
    """

    external_id: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stream:
    """One kind of record of one source. `pii` are the dotted paths of personal data inside its payloads."""

    source: str
    name: str
    pii: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"{self.source}/{self.name}"


class Source(Protocol):
    """Whatever yields raw records: an API's client, its demo twin, a file."""

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The streams this source has."""
        ...

    def pages(self, stream: Stream, *, since: datetime | None, until: datetime) -> Iterator[list[RawRecord]]:
        """The records of `stream` that changed in [since, until), page by page, no page empty.

        Both instants are time-zone aware; no `since` means from the beginning.
        """
        ...


STREAMS: Mapping[str, Stream] = {
    stream.key: stream
    for stream in (
        Stream("shopify", "orders", pii=("email",)),
        Stream("shopify", "customers", pii=("defaultEmailAddress.emailAddress",)),
        Stream("shopify", "products"),
        Stream("meta", "insights"),
        Stream("meta", "adsets"),
        Stream("meta", "ads"),
        Stream("google_ads", "insights"),
        Stream("ga4", "traffic"),
        Stream("ga4", "funnel"),
    )
}
"""Every stream the project knows, by key."""
