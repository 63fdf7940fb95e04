"""How often the rules cry wolf, and how often they see the wolf, by the size of the shop: simulated.

python -m bench.alert_characteristics [trials]

Shops of steady demand, whose orders come by chance; a week against the week before (what a raw threshold does), and
against the four before with the rules' own evidence. One evaluation a trial: a rule that wants two days' confirmation
is quieter still. Every number is a share of trials; the seed is fixed.
"""

import math
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import polars as pl

from kpis import MEASURES
from kpis.alerts import RULES, Facts, Shop, backtest, resolve_thresholds
from kpis.alerts.evidence import HISTORY, Period, binomial, compound_poisson, robust_z, usual
from kpis.alerts.finding import beyond

SIZES = ((30, 40), (93, 117), (300, 400), (1000, 1500))
"""New and returning customers' orders a week; the second is the demo's size."""
EFFECTS = (1.0, 1.15, 1.3, 1.5)
SPEND = 5000.0
WORTH = (math.log(80), 0.6)
"""An order's gross revenue: the logarithm's mean and standard deviation."""
DAILY_NOISE = 0.15
FIRST, DAYS, SHOPS = date(2025, 8, 1), 180, 5
LIMITS = resolve_thresholds()


def main(trials: int) -> None:
    """Print a table of false alarms, and one of recall."""
    print(f"False alarms, nothing having changed ({trials} trials)\n")
    _table(
        ["orders a week", "rule", "raw, week on week", "with evidence, four weeks"],
        (
            [f"{new} + {back}", rule, _percent(raw), _percent(gated)]
            for new, back in SIZES
            for rule, (raw, gated) in _false_alarms(new, back, trials).items()
        ),
    )
    print("\nCAC rule: alarms by true rise of CAC\n")
    heads = [f"{effect - 1:+.0%}" if effect > 1 else "no change" for effect in EFFECTS]
    _table(
        ["new customers a week", "rule", *heads],
        (
            [str(new), kind, *(_percent(_share(trials, _cac(new, effect, gated))) for effect in EFFECTS)]
            for new, _ in SIZES
            for kind, gated in (("raw", False), ("with evidence", True))
        ),
    )
    print("\nThe rule orders_drop: one day's orders against eight weeks (robust z)\n")
    falls = (1.0, 0.7, 0.5)
    _table(
        ["orders a day", "no change", "-30%", "-50%"],
        ([str(size), *(_percent(_share(trials, _drop(size, left))) for left in falls)] for size in (30, 50, 150)),
    )
    print(f"\nEvery rule, every morning, remembered from day to day: {SHOPS} shops of {DAYS} days, nothing changing\n")
    _table(
        ["orders a day", "alerts told in 30 days", "which"],
        ([str(orders), f"{told:.2f}", which] for orders in (10, 30, 150) for told, which in [_mornings(orders)]),
    )


def _false_alarms(new: int, back: int, trials: int) -> dict[str, tuple[float, float]]:
    """(raw, gated) by rule."""
    makers: dict[str, Callable[[bool], Callable[[random.Random], bool]]] = {
        "cac_increase": lambda gated: _cac(new, 1.0, gated),
        "revenue_decline": lambda gated: _revenue(new + back, 1.0, gated),
        "new_customer_decline": lambda gated: _new_share(new, back, gated),
        "demand_spike": lambda gated: _spike(new + back, gated),
    }
    return {rule: (_share(trials, make(False)), _share(trials, make(True))) for rule, make in makers.items()}


def _share(trials: int, alarms: Callable[[random.Random], bool]) -> float:
    dice = random.Random(42)
    return sum(alarms(dice) for _ in range(trials)) / trials


def _cac(new: int, effect: float, gated: bool) -> Callable[[random.Random], bool]:
    """The same spend brings customers at `effect` times the cost."""

    def alarms(dice: random.Random) -> bool:
        now, weeks = _count(dice, new / effect), 4 if gated else 1
        before = sum(_count(dice, new) for _ in range(weeks))
        if not now or not before:
            return False
        change = before / weeks / now - 1
        test = binomial(Period(now, SPEND, now), Period(before, weeks * SPEND, before), 1.0, "below")
        return _fires("cac_increase", change, test.p if gated else 0.0)

    return alarms


def _new_share(new: int, back: int, gated: bool) -> Callable[[random.Random], bool]:
    def alarms(dice: random.Random) -> bool:
        weeks = 4 if gated else 1
        now, all_now = _part(dice, new, back)
        before, all_before = map(sum, zip(*(_part(dice, new, back) for _ in range(weeks)), strict=True))
        if not before:
            return False
        noise = 1 - before / all_before
        test = binomial(Period(now, all_now, now), Period(before, all_before, before), noise, "below")
        return _fires("new_customer_decline", now / all_now - before / all_before, test.p if gated else 0.0)

    return alarms


def _spike(orders: int, gated: bool) -> Callable[[random.Random], bool]:
    def alarms(dice: random.Random) -> bool:
        weeks = 4 if gated else 1
        now, before = _count(dice, orders), sum(_count(dice, orders) for _ in range(weeks))
        test = binomial(Period(now, 7, now), Period(before, 7 * weeks, before), 1.0, "above")
        return _fires("demand_spike", now / (before / weeks) - 1, test.p if gated else 0.0)

    return alarms


def _revenue(orders: int, effect: float, gated: bool) -> Callable[[random.Random], bool]:
    def alarms(dice: random.Random) -> bool:
        weeks = 4 if gated else 1
        now, before = _sum(dice, orders * effect, 7), _sum(dice, orders * weeks, 7 * weeks)
        test = compound_poisson(now, before, 1.0, "below")
        return _fires("revenue_decline", now.amount / (before.amount / weeks) - 1, test.p if gated else 0.0)

    return alarms


def _drop(orders: int, left: float) -> Callable[[random.Random], bool]:
    """A day of `left` of its orders, after eight weeks of a weekday's season and a day's own noise."""

    def alarms(dice: random.Random) -> bool:
        means = [orders * (1.2 if day % 7 > 4 else 0.92) for day in range(HISTORY + 1)]
        days = [_count(dice, mean * dice.lognormvariate(0, DAILY_NOISE)) for mean in means]
        expected = usual([float(day) for day in days[:HISTORY]])
        if expected is None:
            return False
        today = _count(dice, means[-1] * left * dice.lognormvariate(0, DAILY_NOISE))
        return _fires("orders_drop", today / expected.expected - 1, robust_z(today, expected, "below").p)

    return alarms


def _mornings(orders: int) -> tuple[float, str]:
    """(alerts in 30 days, the rules that gave them)."""
    found = [episode for seed in range(SHOPS) for episode in backtest(_shop(orders, seed), DAYS).episodes]
    rules = Counter(episode.title for episode in found)
    return 30 * len(found) / (SHOPS * DAYS), ", ".join(f"{title} × {count}" for title, count in rules.most_common())


def _shop(orders: int, seed: int) -> Shop:
    """A shop whose every day is like the last, but for the weekday, the day's own noise and chance."""
    dice = random.Random(seed)
    rows: list[dict[str, Any]] = []
    for number in range(DAYS):
        day = FIRST + timedelta(number)
        busy = (1.2 if day.weekday() > 4 else 0.92) * dice.lognormvariate(0, DAILY_NOISE / 2)
        for channel, share, cost in (("meta", 0.25, 20.0), ("google", 0.25, 20.0), ("direct", 0.5, None)):
            placed = _sum(dice, orders * share * busy, 1)
            count = _count(dice, orders * share * busy)
            rows.append(
                {
                    "date": day, "channel_id": channel, "campaign_id": "(none)", "orders": count,
                    "new_customers": sum(dice.random() < 0.45 for _ in range(count)),
                    "revenue_gross": placed.amount, "revenue_net": placed.amount, "gross_sq": round(placed.variance),
                    "spend": cost and cost * orders * share * dice.lognormvariate(0, 0.1),
                    "sessions": None if cost else int(orders * 40 * busy * dice.lognormvariate(0, 0.1)),
                }
            )  # fmt: skip
    absent = {m.name: 0 if m.absent == "zero" else None for m in MEASURES.values()}
    columns = {
        name: [{**absent, **row}[name] for row in rows] for name in ("date", "channel_id", "campaign_id", *absent)
    }
    cohorts = {"cohort_month": pl.String, "cohort_size": pl.Int64, "d30_retention": pl.Float64}
    cohorts |= {"observed_days": pl.Int64, "is_left_truncated": pl.Boolean}
    state = pl.DataFrame(columns, schema_overrides=dict.fromkeys(absent, pl.Float64))
    return Shop("shop", Facts(state, pl.DataFrame(schema=cohorts), FIRST + timedelta(DAYS - 1)))


def _fires(rule: str, change: float, p: float) -> bool:
    limits = LIMITS[rule]
    return beyond(change, limits["threshold"], RULES[rule].side) and p < limits["p_max"]


def _count(dice: random.Random, mean: float) -> int:
    """As many as chance brings of that mean; from 50 on, by the normal distribution."""
    if mean > 50:
        return max(0, round(dice.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), dice.random(), 0
    while product > limit:
        product *= dice.random()
        count += 1
    return count


def _part(dice: random.Random, new: int, back: int) -> tuple[int, int]:
    first = _count(dice, new)
    return first, first + _count(dice, back)


def _sum(dice: random.Random, orders: float, days: int) -> Period:
    worth = [dice.lognormvariate(*WORTH) for _ in range(_count(dice, orders))]
    return Period(sum(worth), days, sum(each * each for each in worth))


def _percent(share: float) -> str:
    return f"{share:.1%}"


def _table(heads: list[str], rows: Iterator[list[Any]]) -> None:
    print(f"| {' | '.join(heads)} |")
    print(f"|{'---|' * len(heads)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
