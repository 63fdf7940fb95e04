"""What Meta's Insights answer: the demo brand's deliveries, filtered, split and added up as the parameters say."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from connectors.demo.ads import Delivery
from connectors.demo.twins import meta as twin
from connectors.demo.twins.meta import DEPTH, Row, Share
from connectors.demo.twins.rendering import decimal
from connectors.demo.world import World

MONTHS_KEPT = 37
RESTATED_DAYS = 28
SEEN_AT_ONCE = 72  # percent of a day's conversions that are told when it ends, while values are restated
DATES = ("date_start", "date_stop")
LEVELS = ("account", *DEPTH)


class GraphError(Exception):
    """An answer that is an error, in Meta's words."""

    def __init__(
        self, code: int, message: str, subcode: int | None = None, *, status: int = 400, transient: bool = False
    ) -> None:
        super().__init__(message)
        self.status = status
        self.told: dict[str, Any] = {"message": message, "type": "OAuthException", "code": code}
        if subcode is not None:
            self.told["error_subcode"] = subcode
        self.told |= {"is_transient": transient, "fbtrace_id": "AqTraceOfTheDemo"}


class Filter(msgspec.Struct, frozen=True):
    """One of the `filtering` parameter: campaign.id, adset.id or …effective_status, IN or NOT_IN some values."""

    field: str
    operator: str
    value: Sequence[str]

    def passes(self, told: str) -> bool:
        return (told in self.value) == (self.operator == "IN")


class Found(NamedTuple):
    """One row of an answer; without `row` it is the account's."""

    first: date
    last: date
    row: Row | None
    share: Share


class Insights:
    """The brand's insights. `statuses` are of campaigns by number, which are active else.

    With `restating`, a day's conversions grow for 28 days.
    """

    def __init__(self, world: World, *, restating: bool = False, statuses: Mapping[int, str] | None = None) -> None:
        self._world = world
        self._restating = restating
        self._statuses = dict(statuses or {})

    def answer(self, asked: Mapping[str, str], now: datetime) -> list[Found]:
        """The rows for some parameters, as of an instant: what of them has happened. GraphError for wrong ones."""
        level = asked.get("level", "account")
        if level not in LEVELS:
            raise GraphError(100, f"(#100) level must be one of the following values: {', '.join(LEVELS)}")
        self._check_fields(asked, level)
        since, until = self._span(asked, now)
        days = self._days(since, until, now)
        filters = _filters(asked)
        daily = asked.get("time_increment") == "1"
        sums: dict[tuple[int | None, int | None, tuple[int, ...] | None], Found] = {}
        for row in self._told(level, days, filters, now):
            first, last = (self._date(row.day),) * 2 if daily else (since, until)
            path = None if level == "account" else row.path[: DEPTH[level]]
            key = (row.day if daily else None, None if path is None else row.campaign.number, path)
            if key in sums:
                row = row._replace(share=_sum(sums[key].share, row.share))
            shown = None if path is None else row if path == row.path else row._replace(path=path)
            sums[key] = Found(first, last, shown, row.share)
        return list(sums.values())

    def rendered(self, fields: str) -> Callable[[Found], dict[str, Any]]:
        """What tells of a row: with the fields asked for and the dates, which always come."""
        wanted = {*fields.split(","), *DATES}

        def render(found: Found) -> dict[str, Any]:
            told = twin.render(self._world, found.row) if found.row else _totals(found.share)
            told["date_start"], told["date_stop"] = found.first.isoformat(), found.last.isoformat()
            return told if told.keys() == wanted else {name: told[name] for name in told if name in wanted}

        return render

    @cached_property
    def _by_day(self) -> dict[int, list[Delivery]]:
        by_day: dict[int, list[Delivery]] = {}
        for delivery in self._world.deliveries:
            if delivery.campaign.plan.source == "meta":
                by_day.setdefault(delivery.day, []).append(delivery)
        return by_day

    @cached_property
    def _fields(self) -> set[str]:
        """Every field there is."""
        (delivery, *_), *_ = self._by_day.values()
        ad = next(iter(twin.parts(Row(delivery.campaign, 0, (), twin.share(delivery)), DEPTH["ad"])))
        return set(twin.render(self._world, ad))

    def _check_fields(self, asked: Mapping[str, str], level: str) -> None:
        for name in asked.get("fields", "spend,impressions").split(","):
            below = any(name.startswith(f"{kind}_") for kind in LEVELS[LEVELS.index(level) + 1 :])
            if name not in self._fields or below:
                raise GraphError(100, f"(#100) {name} is not valid for fields param. Please check the documentation.")

    def _span(self, asked: Mapping[str, str], now: datetime) -> tuple[date, date]:
        try:
            told = msgspec.json.decode(asked["time_range"], type=dict[str, date])
            since, until = told["since"], told["until"]
        except (KeyError, msgspec.MsgspecError):
            raise GraphError(100, "(#100) param time_range must be an object with since and until.") from None
        if until < since:
            raise GraphError(100, "(#100) The since date must be before the until date in the time_range param.")
        today = now.astimezone(ZoneInfo(self._world.calendar.timezone)).date()
        if since < _months_before(today, MONTHS_KEPT):
            words = "(#3018) The start date of the time range cannot be beyond 37 months from the current date"
            raise GraphError(3018, words, 1504033)
        return since, until

    def _days(self, since: date, until: date, now: datetime) -> Iterable[int]:
        calendar = self._world.calendar
        over = calendar.closing_in(range(int(now.timestamp())))
        first, last = ((day - calendar.first_day).days for day in (since, until))
        return range(max(first, over.start), min(last + 1, over.stop))

    def _told(self, level: str, days: Iterable[int], filters: list[Filter], now: datetime) -> list[Row]:
        """The rows by day and thing that pass the filters; the account's are told by its campaigns."""
        of_campaigns = [f for f in filters if f.field == "campaign.id"]
        of_adsets = [f for f in filters if f.field == "adset.id"]
        allowed = self._allowed(level, filters)
        depth = max(DEPTH.get(level, 0), DEPTH["adset"] if of_adsets else 0)
        rows: list[Row] = []
        for day in days:
            for delivery in self._by_day.get(day, ()):
                number = delivery.campaign.number
                if self._statuses.get(number, "ACTIVE") not in allowed:
                    continue
                if not all(f.passes(str(twin.FIRST_CAMPAIGN + number)) for f in of_campaigns):
                    continue
                whole = Row(delivery.campaign, day, (), self._seen(delivery, now))
                for row in twin.parts(whole, depth):
                    if all(f.passes(twin.identity(row)["adset_id"]) for f in of_adsets):
                        rows.append(row)
        return rows

    def _allowed(self, level: str, filters: list[Filter]) -> set[str]:
        """The statuses that are told of: what is deleted counts for its account, but is shown only when named.

        With any filter, what is archived isn't either.
        """
        named = [set(f.value) for f in filters if f.field.endswith("effective_status")]
        if named:
            return set[str]().union(*named)
        hidden = {"ARCHIVED", "DELETED"} if filters else set[str]() if level == "account" else {"DELETED"}
        return {"ACTIVE", "PAUSED", "ARCHIVED", "DELETED"} - hidden

    def _seen(self, delivery: Delivery, now: datetime) -> Share:
        share = twin.share(delivery)
        if not self._restating:
            return share
        age = (int(now.timestamp()) - self._world.calendar.starts[delivery.day + 1]) // 86_400
        percent = 100 if age >= RESTATED_DAYS else SEEN_AT_ONCE + age
        orders, views = share.orders * percent // 100, share.views * percent // 100
        return share._replace(
            orders=orders,
            value=share.value * orders // share.orders if share.orders else 0,
            views=views,
            view_value=share.view_value * views // share.views if share.views else 0,
        )

    def _date(self, day: int) -> date:
        return self._world.calendar.date(day)


def _sum(one: Share, other: Share) -> Share:
    return Share(*(a + b for a, b in zip(one, other, strict=True)))


def _totals(share: Share) -> dict[str, Any]:
    return {
        "account_id": twin.ACCOUNT,
        "spend": decimal(share.spend),
        "impressions": str(share.impressions),
        "clicks": str(share.clicks),
    }


def _filters(asked: Mapping[str, str]) -> list[Filter]:
    try:
        filters = msgspec.json.decode(asked.get("filtering", "[]"), type=list[Filter])
    except msgspec.MsgspecError:
        raise GraphError(100, "(#100) param filtering must be an array of filter objects.") from None
    for told in filters:
        if told.operator not in ("IN", "NOT_IN"):
            raise GraphError(100, f"(#100) The operator {told.operator} is not supported.")
    return filters


def _months_before(day: date, months: int) -> date:
    count = day.year * 12 + day.month - 1 - months
    year, month = divmod(count, 12)
    last = (date(year + (month == 11), (month + 1) % 12 + 1, 1) - date(year, month + 1, 1)).days
    return date(year, month + 1, min(day.day, last))
