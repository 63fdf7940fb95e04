"""Meta's buckets, as its headers tell of them: how full each is in percent, and when it lets one in again.

https://developers.facebook.com/docs/graph-api/overview/rate-limiting
https://developers.facebook.com/docs/marketing-api/overview/rate-limiting
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from connectors.budget import bearable
from connectors.exchange import Meter, Reply, Request

SLOW, STOP = 75.0, 90.0  # percent
PAUSE = timedelta(seconds=60)
PATIENCE = timedelta(minutes=15)
"""For how long a bucket may stay nearly full, paused for all the time, before it is left alone as long."""

APP = "app"
SHARES = ("call_count", "total_cputime", "total_time", "acc_id_util_pct", "app_id_util_pct")


class Reading(NamedTuple):
    """One bucket: the app's, or an ad account's by its number."""

    bucket: str
    percent: float
    regain: timedelta = timedelta(0)
    tier: str | None = None


def readings(headers: Mapping[str, str], account: str | None) -> Iterator[Reading]:
    """Everything that the headers of an answer say; they are there with errors too.

    An account regains access after so many minutes by one header, and after so many seconds by another.
    """
    if app := _told(headers, "x-app-usage"):
        yield Reading(APP, _percent(app))
    for owner, entries in _told(headers, "x-business-use-case-usage").items():
        for entry in entries:
            minutes = timedelta(minutes=entry.get("estimated_time_to_regain_access", 0))
            yield Reading(account or owner, _percent(entry), minutes, entry.get("ads_api_access_tier"))
    if usage := _told(headers, "x-ad-account-usage"):
        percent = _percent(usage)
        # told of any bucket, full or not
        seconds = timedelta(seconds=usage.get("reset_time_duration", 0) if percent >= STOP else 0)
        yield Reading(account or APP, percent, seconds, usage.get("ads_api_access_tier"))
    if throttle := _told(headers, "x-fb-ads-insights-throttle"):
        yield Reading(APP, throttle.get("app_id_util_pct", 0.0))
        yield Reading(account or APP, throttle.get("acc_id_util_pct", 0.0), tier=throttle.get("ads_api_access_tier"))


def account_of(path: str) -> str | None:
    """The number of the ad account that a path is about."""
    found = re.search(r"/act_(\d+)", path)
    return found and found[1]


class Pace:
    """Slower from three quarters full on, a pause from nine tenths on, and nothing before access is regained.

    Each ad account has a bucket of its own, so that one that is blocked holds up no other; the app's is everybody's.
    """

    def __init__(self) -> None:
        self._until: dict[str, datetime] = {}
        self._full_since: dict[str, datetime] = {}

    def delay(self, request: Request, now: datetime) -> float:
        account = account_of(request.path)
        until = max(self._until.get(bucket, now) for bucket in (APP, account or APP))
        who = f"the ad account {account}" if account else "this app"
        return bearable(until, now, f"Meta lets {who} in again at {until:%Y-%m-%d %H:%M} UTC.")

    def learn(self, reply: Reply, meter: Meter) -> None:
        fullest: dict[str, Reading] = {}
        for reading in readings(reply.headers, account_of(reply.url)):
            worst = fullest.get(reading.bucket, reading)
            fullest[reading.bucket] = Reading(
                reading.bucket, max(worst.percent, reading.percent), max(worst.regain, reading.regain)
            )
            if reading.tier:
                meter.quota["tier"] = reading.tier
        for bucket, reading in fullest.items():
            meter.quota[bucket] = reading.percent
            self._until[bucket] = reply.at + self._wait(reading, reply.at)

    def _wait(self, reading: Reading, at: datetime) -> timedelta:
        if reading.percent < STOP and not reading.regain:
            self._full_since.pop(reading.bucket, None)
            return timedelta(seconds=max(0.0, reading.percent - SLOW))
        since = self._full_since.setdefault(reading.bucket, at)
        return max(reading.regain, PATIENCE if at - since > PATIENCE else PAUSE)


def _told(headers: Mapping[str, str], name: str) -> dict[str, Any]:
    """The header's JSON; nothing if there is none, or none that can be read."""
    try:
        return msgspec.json.decode(headers.get(name, "{}"), type=dict[str, Any])
    except msgspec.DecodeError:
        return {}


def _percent(usage: Mapping[str, Any]) -> float:
    return max((float(usage[share]) for share in SHARES if share in usage), default=0.0)
