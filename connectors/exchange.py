"""What is asked of an API and what it answers, whole; what an exchange must not tell is masked here."""

import math
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import msgspec

from connectors.errors import Transient

SECRET_LENGTH = 12  # no token or secret of these APIs is shorter
LONGEST_ASKED = timedelta(days=365).total_seconds()


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked. `json` or `form` is the body; a `path` that is a whole URL is taken as it is.

    `cost` is what it is expected to take from the API's bucket, for the pace.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    json: Any = None
    form: Mapping[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    cost: float = 1.0
    authorized: bool = True


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, whole. Header names are in lower case; the URL is without its query.

    `secrets` are the words that were sent for it and that nobody else may read.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    at: datetime
    secrets: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def dated(self) -> datetime | None:
        """When the server says that it answered, by its own clock (RFC 9110, 6.6.1); None if it tells no time."""
        return _date(self.headers.get("date", ""))

    @property
    def ahead(self) -> timedelta | None:
        """By how much this machine's clock is ahead of the server's, the answer's way included."""
        dated = self.dated
        return self.at - dated if dated else None

    def json(self) -> Any:
        """The body, decoded; Transient if it is not JSON: a proxy's page, or half a body."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Transient(f"{self.url} answered {self.status} with something that is not JSON.") from None

    def masked(self, text: str) -> str:
        """The text without the secrets: whatever quotes an answer says it through this, before cutting it short."""
        words = sorted({word for secret in self.secrets for word in _spellings(secret)}, key=len, reverse=True)
        # the longest first, since one may begin with another
        return re.sub("|".join(map(_escaped, words)), "…", text, flags=re.IGNORECASE) if words else text


@dataclass(slots=True)
class Meter:
    """What the wire has seen: requests, seconds waited, bytes, and the API's own quota words.

    `ahead` is how far this machine's clock is ahead of the API's, by the last answer.
    """

    requests: int = 0
    waited: float = 0.0
    received: int = 0
    ahead: timedelta = timedelta(0)
    quota: dict[str, Any] = field(default_factory=dict[str, Any])


def secrets_among(values: Iterable[str]) -> frozenset[str]:
    """The words of what is sent that may be tokens, keys or passwords: short ones are none."""
    return frozenset(word for value in values for word in value.split() if len(word) >= SECRET_LENGTH)


def retry_after(reply: Reply) -> timedelta | None:
    """The wait that a Retry-After header asks for, in seconds or as a date (RFC 9110, 10.2.3); none if it is neither.

    A year at most, so that it can be added to any instant.
    """
    value = reply.headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        at = _date(value)
        if at is None:
            return None
        seconds = (at - (reply.dated or reply.at)).total_seconds()  # an instant by the server's clock, not by ours
    return timedelta(seconds=min(max(0.0, seconds), LONGEST_ASKED)) if math.isfinite(seconds) else None


def _date(value: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return at.replace(tzinfo=at.tzinfo or UTC)


def _spellings(secret: str) -> set[str]:
    """How an answer may quote it: as it is, as URLs and forms do, in base64."""
    return {secret, quote(secret, safe=""), b64encode(secret.encode()).decode()}


def _escaped(word: str) -> str:
    r"""The regular expression of a word in JSON, and in JSON within JSON: its signs escaped (\/, \u003d) or not."""
    return "".join(c if c.isalnum() else rf"(?:\\*{re.escape(c)}|\\+u{ord(c):04x})" for c in word)
