"""How fast a GA4 property may be asked: every answer says what is left of its quotas, and some of it stays for others.

https://developers.google.com/analytics/devguides/reporting/data/v1/quotas
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from connectors.budget import bearable
from connectors.exchange import Meter, Reply, Request
from connectors.google_errors import next_day, next_hour

SERVER_ERRORS = "serverErrorsPerProjectPerHour"
_PROPERTY = re.compile(r"/properties/(\d+)")


@dataclass(frozen=True, slots=True)
class Quota:
    """What a standard property has of it, the share of that which we leave alone, and when it is full again."""

    size: int
    left_alone: float
    full_again: Callable[[datetime], datetime]

    @property
    def reserve(self) -> int:
        return int(self.size * self.left_alone)


QUOTAS: Mapping[str, Quota] = {
    "tokensPerDay": Quota(200_000, 0.02, next_day),
    "tokensPerHour": Quota(40_000, 0.1, next_hour),
    "tokensPerProjectPerHour": Quota(14_000, 0.1, next_hour),
    SERVER_ERRORS: Quota(10, 0.5, next_hour),
    "potentiallyThresholdedRequestsPerHour": Quota(120, 0.1, next_hour),
}


class _Status(msgspec.Struct):
    remaining: int = 0


class _Report(msgspec.Struct):
    quota: dict[str, _Status] = msgspec.field(default_factory=dict[str, _Status], name="propertyQuota")


class _Answer(_Report):
    """Of an answer, only this is decoded here; its rows are not."""

    reports: list[_Report] = msgspec.field(default_factory=list[_Report])


@dataclass(slots=True)
class _Left:
    remaining: int
    until: datetime


class Pace:
    """What is left of each property's quotas. Near its end nobody asks before it is full again."""

    def __init__(self) -> None:
        self._left: dict[tuple[str, str], _Left] = {}

    def delay(self, request: Request, now: datetime) -> float:
        who = _property(request.path)
        told = {name: left for name in QUOTAS if (left := self._left.get((who, name)))}
        low = {name: left for name, left in told.items() if left.remaining < QUOTAS[name].reserve}
        if not low:
            return 0.0
        name, left = max(low.items(), key=lambda item: item[1].until)
        why = (
            f"GA4 has {left.remaining} left of the property's {name}, and GrowthOS leaves {QUOTAS[name].reserve} "
            f"to others. It goes on at {left.until:%Y-%m-%d %H:%M} UTC."
        )
        return bearable(left.until, now, why, name)

    def learn(self, reply: Reply, meter: Meter) -> None:
        who = _property(reply.url)
        if reply.status >= 500:
            known = self._left.get((who, SERVER_ERRORS))
            left = known.remaining if known and reply.at < known.until else QUOTAS[SERVER_ERRORS].size
            self._set(who, SERVER_ERRORS, left - 1, reply.at)
            return
        for report in self._reports(reply):
            for name, status in report.quota.items():
                meter.quota[name] = status.remaining
                self._set(who, name, status.remaining, reply.at)

    def _reports(self, reply: Reply) -> list[_Report]:
        if reply.status != 200:
            return []
        try:
            answer = msgspec.json.decode(reply.body, type=_Answer)
        except msgspec.DecodeError:  # whoever reads the rows says what is wrong with it
            return []
        return [answer, *answer.reports]

    def _set(self, who: str, name: str, remaining: int, now: datetime) -> None:
        if name in QUOTAS:
            self._left[who, name] = _Left(remaining, QUOTAS[name].full_again(now))


def _property(address: str) -> str:
    found = _PROPERTY.search(address)
    return found[1] if found else ""
