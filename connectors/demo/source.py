"""The demo brand as a source of raw records, usable alone in a notebook."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial

from connectors import ga4, google_ads, meta, shopify
from connectors.demo import world
from connectors.demo.calendar import window
from connectors.demo.twins import TWINS
from connectors.demo.twins.ga4 import PROPERTY
from connectors.demo.world import World
from connectors.source import STREAMS, Body, RawRecord, Stream

RECORDS: Mapping[str, Callable[[Body], list[RawRecord]]] = {
    "shopify": shopify.records,
    "meta": meta.records,
    "google_ads": google_ads.records,
    "ga4": partial(ga4.records, property_name=PROPERTY),
}


@dataclass(frozen=True)
class DemoSource:
    """A brand's `days` up to and with `last_day`: the same records for the same arguments, on every machine.

    `scale` multiplies customers, orders, products and campaigns; rates stay. All streams are in the one
    `timezone` and `currency`. The clock stands at the end of `last_day`: a record shows the state it has
    then, and a report's day counts as changed in its last second.

    >>> source = DemoSource()
    >>> pages = source.pages(STREAMS["shopify/orders"], since=None, until=source.now)
    >>> next(pages)[0].external_id
    'gid://shopify/Order/5800000000000'
    """

    seed: int = 42
    scale: int = 1
    days: int = 180
    last_day: date = date(2026, 2, 9)
    timezone: str = "America/New_York"
    currency: str = "USD"

    def __post_init__(self) -> None:
        if self.scale < 1 or self.days < 1:
            raise ValueError(f"scale and days start at 1, got scale={self.scale} and days={self.days}")

    @property
    def streams(self) -> tuple[Stream, ...]:
        return tuple(STREAMS.values())

    @property
    def world(self) -> World:
        """What the records tell of, kept between calls."""
        return world.build(self.seed, self.scale, self.days, self.last_day, self.timezone, self.currency)

    @property
    def now(self) -> datetime:
        """The instant at which the demo's clock stands: the end of its last day."""
        return datetime.fromtimestamp(self.world.calendar.end, UTC)

    def pages(self, stream: Stream, *, since: datetime | None, until: datetime) -> Iterator[list[RawRecord]]:
        """The records of `stream` that changed in [since, until), in the API's pages.

        Raises ValueError for a stream it does not have, or an instant without a time zone.
        """
        if stream.key not in TWINS:
            raise ValueError(f"the demo has no stream {stream.key}; it has {', '.join(TWINS)}")
        for body in TWINS[stream.key](self.world, window(since, until), 0):
            if page := RECORDS[stream.source](body):
                yield page
