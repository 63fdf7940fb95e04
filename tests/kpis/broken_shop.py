"""A shop's half year, made up day by day, and faults to put into it."""

import math
import random
from datetime import date, timedelta

import polars as pl

FIRST = date(2025, 8, 1)
DAYS = 100
LAST = FIRST + timedelta(DAYS - 1)
FAULT = DAYS - 3
"""The day, from the first on, on which what a test breaks begins."""

NO_COHORTS = pl.DataFrame(
    schema={
        "cohort_month": pl.String, "cohort_size": pl.Int64, "d30_retention": pl.Float64, "observed_days": pl.Int64,
        "is_left_truncated": pl.Boolean,
    }
)  # fmt: skip


def poisson(dice, mean):
    """As many as chance brings of that mean."""
    limit, product, count = math.exp(-mean), dice.random(), 0
    while product > limit:
        product *= dice.random()
        count += 1
    return count


def half_year(change=lambda day, row: None, days=DAYS, orders=60, seed=11):
    """Rows of a shop with two ad channels of two campaigns each, its own site, and traffic; `change` breaks a row."""
    dice = random.Random(seed)
    for number in range(days):
        day = FIRST + timedelta(number)
        for channel, campaign in (("meta", "a"), ("meta", "b"), ("google", "c"), ("google", "d"), ("direct", "(none)")):
            count = poisson(dice, orders / 5)
            row = {
                "date": day, "channel_id": channel, "campaign_id": campaign, "orders": count,
                "new_customers": sum(dice.random() < 0.5 for _ in range(count)),
                "revenue_gross": count * 80, "revenue_net": count * 70, "contribution_margin": count * 25,
                "cogs": count * 35, "gross_sq": count * 6400, "net_sq": count * 4900, "margin_sq": count * 625,
                "margin_net": count * 1750,
            }  # fmt: skip
            if channel != "direct":
                clicks = 200 + dice.randrange(20)
                row |= {"spend": clicks, "clicks": clicks, "impressions": 50 * clicks, "platform_conversions": count}
            else:
                steps = {"sessions": 3000, "pdp_views": 2000, "add_to_cart": 500, "checkouts": 250, "purchases": 60}
                row |= {name: seen + dice.randrange(-seen // 20, seen // 20) for name, seen in steps.items()}
            change(number, row)
            yield row


def broken(*channels, **changes):
    """Multiplies measures, or sets them to None, from the day of the fault on."""

    def change(day, row):
        if day >= FAULT and (not channels or row["channel_id"] in channels or row["campaign_id"] in channels):
            for name, factor in changes.items():
                if row.get(name) is not None:
                    row[name] = None if factor is None else int(row[name] * factor)

    return change


STEPS = ("sessions", "pdp_views", "add_to_cart", "checkouts", "purchases")
