"""What every source of raw records shares: the record, the stream it belongs to, and how it is asked for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import msgspec

Body = dict[str, Any]
"""One response body of an API, decoded from JSON."""


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One thing as its source describes it: an order, a product, a campaign's day.

    `external_id` identifies it within its stream for good; a later state of the same thing comes with the
    same id and another payload. What of the payload is only passed on may be undecoded JSON (msgspec.Raw).
    """

    external_id: str
    payload: dict[str, Any]


def decoded(value: Any) -> Any:
    """A payload's value, decoded if it was left as JSON."""
    return msgspec.json.decode(value) if isinstance(value, msgspec.Raw) else value


@dataclass(frozen=True, slots=True)
class Stream:
    """One kind of record of one source. `pii` are the dotted paths of personal data inside its payloads.

    A report's records belong to an account and one of its days: their ids begin with the account's id and an
    underscore, and `day` is the regular expression that finds the day in them. A day that is reported anew replaces
    the day. Of things that can be deleted, `created` is the payload's field of when they came to be.
    """

    source: str
    name: str
    pii: tuple[str, ...] = ()
    day: str | None = None
    created: str | None = None

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


LAST_PART, SECOND_PART = r"_(\d{4}-\d{2}-\d{2})$", r"^[^_]+_(\d{8})(?:_|$)"

STREAMS: Mapping[str, Stream] = {
    stream.key: stream
    for stream in (
        Stream("shopify", "orders", pii=("email",), created="createdAt"),
        Stream("shopify", "customers", pii=("defaultEmailAddress.emailAddress",)),
        Stream("shopify", "products"),
        Stream("meta", "insights", day=LAST_PART),
        Stream("meta", "adsets", day=LAST_PART),
        Stream("meta", "ads", day=LAST_PART),
        Stream("google_ads", "insights", day=LAST_PART),
        Stream("ga4", "traffic", day=SECOND_PART),
        Stream("ga4", "funnel", day=SECOND_PART),
    )
}
"""Every stream the project knows, by key."""
