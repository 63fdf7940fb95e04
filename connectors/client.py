"""What every API's client is: it names its accounts, and yields a slice's records page by page, with the proof."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from connectors.exchange import Meter
from connectors.slices import Account, Policy, Slice
from connectors.source import RawRecord


@dataclass(frozen=True, slots=True)
class Proof:
    """What the source itself says that a slice holds, asked for apart from the rows: so many distinct records.

    A number that may rightly change while rows are read is told as a range. `how` names the source's word for it.
    """

    at_least: int
    at_most: int
    how: str

    @classmethod
    def exactly(cls, records: int, how: str) -> "Proof":
        return cls(records, records, how)


@dataclass(frozen=True, slots=True)
class Page:
    """Some records of a slice. The last page, and only that one, carries the proof; its records may be none."""

    records: list[RawRecord]
    proof: Proof | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a probe looked at, and, if it is not as it should be, the fix in words.

    `passed` is None for what could not be looked at.
    """

    name: str
    passed: bool | None
    message: str


class Client(Protocol):
    """One API, with one credential. Raises ApiError, whose kind says what to do."""

    @property
    def source(self) -> str:
        """shopify, meta, google_ads or ga4."""
        ...

    @property
    def api_version(self) -> str: ...

    @property
    def sunset(self) -> date | None:
        """The day after which the API's version may be gone; none where versions do not end."""
        ...

    @property
    def reads_all(self) -> bool:
        """Whether it reads every account that the credential reaches, and not those that a person has named."""
        ...

    @property
    def policies(self) -> Mapping[str, Policy]:
        """How each of its streams is asked for over time, by the stream's key."""
        ...

    @property
    def meter(self) -> Meter:
        """What the wire has seen so far."""
        ...

    def accounts(self) -> list[Account]:
        """The accounts that the credential reaches, or those that a person named; one that cannot be asked says why.

        A list that came short of the source's own count of it has a problem in place of what is missing.
        """
        ...

    def request(self, stream: str, account: Account) -> str:
        """The hash of what the stream asks of the account (slices.request_hash).

        Of a report the account's time zone and currency are part of that: what was cut at other midnights, or told
        in other money, has to be asked for again.
        """
        ...

    def prepare(self, part: Slice, account: Account) -> None:
        """Let the source begin with what will take it its time, while another slice is pulled; nothing hangs on it."""
        ...

    def pull(self, part: Slice, account: Account) -> Iterator[Page]:
        """The slice's records, unchanged, page by page; the last page carries the proof.

        Of a census (slices.CENSUS) the records' ids are enough.
        """
        ...

    def split(self, part: Slice, account: Account) -> list[Slice]:
        """Smaller slices that together are this one: by time, then by entity, then by field; none if it is smallest."""
        ...

    def probe(self) -> list[Finding]:
        """Whether the credential can do what is needed: scopes, access, accounts, clock, version."""
        ...
