"""What is asked of Meta's Insights, as data: the levels, their fields, and a slice in the API's parameters.

https://developers.facebook.com/documentation/ads-commerce/marketing-api/insights
https://developers.facebook.com/documentation/ads-commerce/marketing-api/best-practices/manage-your-ad-object-status
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connectors.slices import Slice

DELIVERY = ("spend", "impressions", "clicks")
"""What adds up over campaigns, ad sets and ads (spend, which comes first, but for rounding), and so proves that none is
missing."""

FIELD_GROUPS = (
    (*DELIVERY, "inline_link_clicks", "reach", "frequency", "objective", "attribution_setting"),
    (*DELIVERY, "actions", "action_values", "purchase_roas"),
)
"""The metrics, in groups that are asked for one by one where all at once are too much; each proves itself."""

METRICS = tuple(dict.fromkeys(field for group in FIELD_GROUPS for field in group))

WINDOWS = ("1d_click", "7d_click", "28d_click", "1d_view")
"""Attribution windows shown beside the account's own; 7d_view and 28d_view ended in January 2026."""

ATTRIBUTION: Mapping[str, str] = {
    "use_unified_attribution_setting": "true",
    "action_attribution_windows": json.dumps(WINDOWS),
    "action_breakdowns": json.dumps(["action_type"]),
}
"""How conversions are attributed. By action type alone: any other breakdown of actions leaves out purchases."""

_LIVE_OR_NOT = ("ACTIVE", "PAUSED", "ARCHIVED", "DELETED", "IN_PROCESS", "WITH_ISSUES")

STATUSES: Mapping[str, Sequence[str]] = {
    "campaign": _LIVE_OR_NOT,
    "adset": (*_LIVE_OR_NOT, "CAMPAIGN_PAUSED"),
    "ad": (
        *(*_LIVE_OR_NOT, "CAMPAIGN_PAUSED", "ADSET_PAUSED"),
        *("DISAPPROVED", "PENDING_BILLING_INFO", "PENDING_REVIEW", "PREAPPROVED"),
    ),
}
"""Every state of a thing: unless they are named, the API leaves out what has been deleted, with all that it spent."""

IDS = ("campaign.id", "adset.id")
"""What a slice's part may name: as "campaign.id" these ones, as "not campaign.id" all others."""

APART = {"fields": "apart"}
"""The part of a slice whose field groups are asked for one by one."""


@dataclass(frozen=True, slots=True)
class Level:
    """One stream: what its rows are of, the longest slice, and the things by which a slice of one day is split."""

    name: str
    identity: tuple[str, ...]
    step: timedelta
    splits: tuple[str, ...]

    def fields(self, metrics: Sequence[str]) -> str:
        return ",".join((*self.identity, *metrics))


_CAMPAIGN = ("account_id", "account_currency", "campaign_id", "campaign_name")
_ADSET = (*_CAMPAIGN, "adset_id", "adset_name")

LEVELS: Mapping[str, Level] = {
    "meta/insights": Level("campaign", _CAMPAIGN, timedelta(days=30), ("campaign",)),
    "meta/adsets": Level("adset", _ADSET, timedelta(days=14), ("campaign", "adset")),
    "meta/ads": Level("ad", (*_ADSET, "ad_id", "ad_name"), timedelta(days=7), ("campaign", "adset")),
}


@dataclass(frozen=True, slots=True)
class Query:
    """A slice in Meta's words: whole local days, and which things (a slice's part) of the account."""

    level: Level
    since: date
    until: date
    part: Mapping[str, str]

    @classmethod
    def of(cls, asked: Slice, zone: str) -> "Query":
        """The local days of the slice, the last one included."""
        last_instant = asked.end - timedelta(microseconds=1)
        return cls(LEVELS[asked.stream], local_day(asked.start, zone), local_day(last_instant, zone), asked.part)

    @property
    def days(self) -> int:
        return (self.until - self.since).days + 1

    @property
    def is_narrowed(self) -> bool:
        """Whether it names things, which take more room than a URL has."""
        return any(key in self.part or f"not {key}" in self.part for key in IDS)

    @property
    def is_apart(self) -> bool:
        """Whether its fields are asked for in groups."""
        return APART.items() <= self.part.items()

    def named(self, kind: str) -> list[str]:
        """The campaigns or ad sets that it names, if any."""
        return _ids(self.part.get(f"{kind}.id", ""))

    def rows(self) -> Iterator[dict[str, str]]:
        """The parameters of its rows by day: one request, or one for each group of fields."""
        for metrics in FIELD_GROUPS if self.is_apart else [METRICS]:
            yield {
                **ATTRIBUTION,
                "level": self.level.name,
                "time_increment": "1",
                "time_range": _span(self.since, self.until),
                "fields": self.level.fields(metrics),
                "filtering": self._filtering(self.level.name),
            }

    def totals(self) -> dict[str, str]:
        """The parameters of what the account itself says of the same days, deleted things and all."""
        told = {
            "level": "account",
            "time_increment": "1",
            "time_range": _span(self.since, self.until),
            "fields": ",".join(DELIVERY),
        }
        return told | {"filtering": self._filtering("campaign")} if self.is_narrowed else told

    def entities(self, kind: str, since: date) -> dict[str, str]:
        """The parameters of which campaigns or ad sets there are: those that delivered between then and its end."""
        return {
            "level": kind,
            "time_range": _span(since, self.until),
            "fields": f"{kind}_id",
            "filtering": self._filtering(kind),
        }

    def _filtering(self, kind: str) -> str:
        filters = [_filter(f"{kind}.effective_status", "IN", STATUSES[kind])]
        for name, ids in self.part.items():
            if name.removeprefix("not ") in IDS:
                operator = "NOT_IN" if name.startswith("not ") else "IN"
                filters.append(_filter(name.removeprefix("not "), operator, _ids(ids)))
        return json.dumps(filters)


def fingerprint(stream: str) -> list[object]:
    """All that a stream asks for, whatever the slice."""
    level = LEVELS[stream]
    return [level.name, level.fields(METRICS), dict(ATTRIBUTION), STATUSES[level.name]]


def narrower(part: Mapping[str, str], kind: str, found: Sequence[str], most: int) -> Iterator[dict[str, str]]:
    """The part in smaller ones: the things found, in chunks of at most half of them, and all others.

    The others are asked for too, so that whatever was not found is in one of the parts all the same.
    """
    key, others = f"{kind}.id", f"not {kind}.id"
    size = min(most, -(-len(found) // 2))
    known = {name: value for name, value in part.items() if name != others}
    for start in range(0, len(found), size):
        yield known | {key: ",".join(found[start : start + size])}
    if key not in part:
        yield known | {others: ",".join([*_ids(part.get(others, "")), *found])}


def local_day(at: datetime, zone: str) -> date:
    return at.astimezone(ZoneInfo(zone)).date()


def _filter(field: str, operator: str, value: Sequence[str]) -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value}


def _ids(text: str) -> list[str]:
    return text.split(",") if text else []


def _span(since: date, until: date) -> str:
    return json.dumps({"since": since.isoformat(), "until": until.isoformat()})
