"""What the rules read: sums over every window that ends on one of the days, beside those of the baseline before it.

All days at once, by running sums: a replay of half a year costs about as much as an evaluation of today.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, Final

import polars as pl

from kpis.alerts.rule import Counts, Daily, Grain, Money, Rule
from kpis.alerts.rules import kpi_of
from kpis.engine import together, totals
from kpis.known import Begins, known_from
from kpis.measures import MEASURES
from kpis.windows import Window

KEYS: Final[Mapping[Grain, tuple[str, ...]]] = {
    "shop": (),
    "channel": ("channel_id",),
    "campaign": ("channel_id", "campaign_id"),
    "category": ("category",),
}
NO_CAMPAIGN: Final = "(none)"
MEMORY: Final = 28
"""Days over which a source shows how steady it is."""

TURNED_OFF: Final = 14
"""Days of silence after which an ad platform is no longer one."""

Row = dict[str, Any]
Member = tuple[str, ...]


@dataclass(frozen=True)
class Facts:
    """What is known of a shop, up to `as_of`, its last complete day.

    `state` is kpi_daily, `cohorts` what kpis.cohorts gives on that day, `categories` one row per date and category
    with orders and revenue_gross (none: no rule looks at categories). Days of `expected` are left out of baselines.
    Of days of `unproven`, and of those after `orders_to`, it is not known whether all of the shop's orders are here:
    the first were asked for in vain, if only anew, the others never. `whole` is the state with the days that `since`
    has left out: what began then has not begun since.
    """

    state: pl.DataFrame
    cohorts: pl.DataFrame
    as_of: date
    categories: pl.DataFrame | None = None
    expected: Sequence[Window] = field(default=())
    unproven: Sequence[Window] = field(default=())
    orders_to: date | None = None
    whole: pl.DataFrame | None = None

    @property
    def first_day(self) -> date | None:
        day = self.state["date"].min()
        return day if isinstance(day, date) else None

    def since(self, day: date) -> Facts:
        """Without the days before that one, which nothing looks at."""
        recent = pl.col("date") >= day
        categories = None if self.categories is None else self.categories.filter(recent)
        whole = self.state if self.whole is None else self.whole
        return replace(self, state=self.state.filter(recent), categories=categories, whole=whole)

    def mature_cohorts(self, day: date) -> pl.DataFrame:
        """The cohorts that were 30 days old by that day, the oldest first; a left-truncated one is none."""
        known = self.cohorts.filter(pl.col("d30_retention").is_not_null() & ~pl.col("is_left_truncated"))
        age = pl.col("observed_days") - (self.as_of - day).days
        return known.filter(age >= 30).sort("cohort_month")

    def sources(self) -> dict[str, set[date]]:
        """The days on which each source said something: shop, traffic, and ads:<channel> of each ad platform.

        Of the shop only those that are whole: the orders of half a day are no number of orders.
        """
        seen: dict[str, set[date]] = {
            "shop": {day for day in self.state.filter(pl.col("orders") > 0)["date"] if self._is_reached(day)},
            "traffic": set(self.state.filter(pl.col("sessions").is_not_null())["date"]),
        }
        spent = self.state.filter(pl.col("spend").is_not_null())
        for channel, day in spent.select("channel_id", "date").unique().iter_rows():
            seen.setdefault(f"ads:{channel}", set()).add(day)
        return {source: days for source, days in seen.items() if days}

    def sold_days(self) -> set[date]:
        """The days of which it is known what was sold, if only nothing.

        No order is none sold where another source has arrived, and the shop's sync left nothing out.
        """
        days = self.sources()
        sold = days.pop("shop", set())
        arrived = {day for day in set[date]().union(*days.values()) if self._is_reached(day)}
        return sold | {day for day in arrived if not any(span.start <= day <= span.end for span in self.unproven)}

    def _is_reached(self, day: date) -> bool:
        return self.orders_to is None or day <= self.orders_to


def begins_of(rule: Rule, facts: Facts) -> Begins:
    """Since when each measure that the rule looks at is known, of each source."""
    state = facts.state if facts.whole is None else facts.whole
    held = [name for name in _measures([rule]) if name in state.columns]
    return known_from(state, held, together(kpi_of(rule.kpi)))


def daily(facts: Facts, grain: Grain, paired: Sequence[str] = ()) -> pl.DataFrame:
    """One row per member and day up to as_of, without gaps: every measure as a float, null where nothing is known.

    What is zero when nothing happens is so from the member's first day on, on days of which it is known what was sold.
    `paired` measures count where all of them are known.
    """
    keys = list(KEYS[grain])
    first = facts.first_day
    assert first is not None, "a shop without a day has no panel"
    if grain == "category":
        assert facts.categories is not None
        shop = facts.state.group_by("date").agg(shop_orders=pl.col("orders").sum())
        known = [MEASURES[name] for name in ("orders", "revenue_gross")]
        sums = facts.categories.group_by("date", *keys).agg(measure.total() for measure in known)
    else:
        state = facts.state.filter(pl.col("campaign_id") != NO_CAMPAIGN) if grain == "campaign" else facts.state
        shop = None
        known = [measure for measure in MEASURES.values() if measure.name in state.columns]
        sums = totals(state, [measure.name for measure in known], ["date", *keys], paired).collect()
    calendar = pl.DataFrame({"date": pl.date_range(first, facts.as_of, eager=True)})
    members = sums.group_by(keys).agg(began=pl.col("date").min()) if keys else pl.DataFrame({"began": [first]})
    dense = members.join(calendar, how="cross").join(sums, on=["date", *keys], how="left")
    none_sold = (pl.col("date") >= pl.col("began")) & pl.col("date").is_in(facts.sold_days())
    zeros = [measure.name for measure in known if measure.absent == "zero"]
    filled = (pl.when(pl.col(name).is_null() & none_sold).then(0).otherwise(name).alias(name) for name in zeros)
    dense = dense.with_columns(filled).drop("began")
    if shop is not None:
        dense = dense.join(shop, on="date", how="left")
    measures = [name for name in dense.columns if name not in ("date", *keys)]
    usual = pl.all_horizontal(~window.filter() for window in facts.expected) if facts.expected else pl.lit(True)
    dense = dense.with_columns(pl.col(measures).cast(pl.Float64), days=pl.lit(1.0), usual=usual)
    if "impressions" in measures:
        unseen = pl.when(pl.col("impressions") == 0).then(pl.col("spend"))
        dense = dense.with_columns(unseen_spend=unseen)
    return dense.sort(*keys, "date")


def panel(days: pl.DataFrame, grain: Grain, rules: Iterable[Rule], window: int, baseline: int) -> pl.DataFrame:
    """One row per member and window_end: `days` summed over the window, and over the baseline before it.

    A KPI is `kpi:<name>`, and `kpi:<name>_before` that of the baseline at the window's length. A measure m is m, and
    m_before the baseline's sum as it is; the products of `_products` are the baseline's too, as `<a>*<b>`.
    """
    keys = list(KEYS[grain])
    rules = list(rules)
    measures = [name for name in _measures(rules) if name in days.columns and name != "days"]
    products = [pair for rule in rules if (pair := _products(rule))]
    squares = {
        f"{a}*{b}": pl.col(a).fill_null(0) * pl.col(b).fill_null(0) for pair in products for a, b in _pairs(pair)
    }
    days = days.with_columns(**squares)

    def total(column: pl.Expr, upto: int, length: int) -> pl.Expr:
        run = column.cum_sum()
        sums = run.shift(upto, fill_value=0) - run.shift(upto + length, fill_value=0)
        return sums.over(keys) if keys else sums

    def sums(name: str, upto: int, length: int, counted: pl.Expr) -> pl.Expr:
        column = pl.when(counted).then(pl.col(name))
        known = total(column.is_not_null().cast(pl.Int64), upto, length)
        return pl.when(known > 0).then(total(column.fill_null(0), upto, length))

    usual = pl.col("usual")
    wide = days.select(
        *keys,
        pl.col("date").alias("window_end"),
        *(sums(name, 0, window, pl.lit(True)).alias(name) for name in measures),
        *(sums(name, window, baseline, usual).alias(f"{name}_before") for name in measures),
        total(usual.cast(pl.Float64), window, baseline).alias("days_before"),
        *(sums(name, window, baseline, usual).alias(name) for name in squares),
        days=pl.lit(float(window)),
    )
    before = wide.select(pl.col(f"{name}_before").alias(name) * (window / pl.col("days_before")) for name in measures)
    kpis = [kpi for kpi in map(kpi_of, _kpis(rules)) if set(kpi.measures) <= set(measures)]
    return wide.with_columns(
        *(wide.select(kpi.expr().cast(pl.Float64)).to_series().alias(f"kpi:{kpi.name}") for kpi in kpis),
        *(before.select(kpi.expr().cast(pl.Float64)).to_series().alias(f"kpi:{kpi.name}_before") for kpi in kpis),
    )


def series(days: pl.DataFrame, grain: Grain, measure: str) -> dict[Member, list[float | None]]:
    """A measure's days by member, the oldest first; None where a day is unusual, or nothing is known."""
    keys = list(KEYS[grain])
    days = days.with_columns(pl.when("usual").then(measure).alias(measure))
    if not keys:
        return {(): days[measure].to_list()}
    parts = days.partition_by(keys, as_dict=True)
    return {tuple(map(str, member)): part[measure].to_list() for member, part in parts.items()}


def silences(facts: Facts, days: Sequence[date]) -> list[tuple[str, date, int, int]]:
    """(source, day, days without data up to it, how many of the MEMORY days before those had data).

    Of steady sources only: those with data on half of these days at least.
    """
    found: list[tuple[str, date, int, int]] = []
    for source, seen in sorted(facts.sources().items()):
        for day in days:
            last = max((other for other in seen if other <= day), default=None)
            if last is None or (source.startswith("ads:") and (day - last).days > TURNED_OFF):
                continue
            known = sum(last - timedelta(back) in seen for back in range(MEMORY))
            if 2 * known >= MEMORY:
                found.append((source, day, (day - last).days, known))
    return found


def _kpis(rules: Iterable[Rule]) -> list[str]:
    named = [name for rule in rules for name in (rule.kpi, *(condition.kpi for condition in rule.also))]
    return list(dict.fromkeys(named))


def _measures(rules: Sequence[Rule]) -> list[str]:
    read = [name for kpi in _kpis(rules) for name in kpi_of(kpi).measures]
    for rule in rules:
        match rule.evidence:
            case Counts(events, exposure, _, _):
                read += [events, exposure]
            case Money(amount, exposure, squares):
                read += [amount, exposure, *squares]
            case Daily(measure):
                read.append(measure)
            case _:
                pass
        read += [rule.stake.measure] if rule.stake else []
    return list(dict.fromkeys([*read, "orders", "days"]))


def _products(rule: Rule) -> tuple[str, str] | None:
    """(amount, exposure) whose days' products say how much the baseline varies."""
    match rule.evidence:
        case Counts(amount, exposure, _, _) | Money(amount, exposure, _):
            return amount, exposure
        case _:
            return None


def _pairs(pair: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    amount, exposure = pair
    return (amount, amount), (amount, exposure), (exposure, exposure)
