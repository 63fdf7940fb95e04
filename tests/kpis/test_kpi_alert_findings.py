"""What the rules see: each fault, put into a shop's half year day by day, is found when it should be."""

import random
from dataclasses import replace
from datetime import date, timedelta

import polars as pl
import pytest
from broken_shop import DAYS, FAULT, FIRST, LAST, NO_COHORTS, STEPS, broken, half_year, poisson
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from kpis import Window
from kpis.alerts import (
    Facts,
    evaluate,
    findings,
    resolve_thresholds,
    survey,
    unjudged,
)
from kpis.alerts.panel import daily


def breaches(facts, last=None, thresholds=None):
    last = last or facts.as_of
    ((_, found),) = survey(facts, last, last, resolve_thresholds(thresholds))
    return {finding.id for finding in found if finding.outcome == "breach"}


def outcomes(facts, day):
    ((_, found),) = survey(facts, day, day, resolve_thresholds())
    return {finding.id: finding.outcome for finding in found}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (broken(), set()),
        (broken(**dict.fromkeys(STEPS, 0.2)), {"tracking_outage"}),
        (broken("a", spend=2, clicks=2, impressions=2), {"campaign_overspend_a"}),
        (broken("c", impressions=0), {"spend_without_impressions_c"}),
        (broken("c", impressions=None), set()),
        (broken("c", impressions=1e-4), set()),  # one was shown
        (broken(platform_conversions=2), {"claimed_ratio_jump"}),
        (broken(checkouts=0.5, purchases=0.5), {"funnel_leak_atc_to_checkout"}),
        (broken("meta", spend=None, clicks=None, impressions=None), {"no_data_ads:meta"}),
        (broken(**dict.fromkeys(STEPS)), {"no_data_traffic"}),
    ],
)
def test_a_fault_sets_off_its_own_alert(facts_of, change, expected):
    assert breaches(facts_of(change)) == expected


def test_a_collapse_of_orders_is_seen_the_next_day(facts_of):
    facts = facts_of(broken(orders=0.3, new_customers=0.3, revenue_gross=0.3))
    assert "orders_drop" not in breaches(facts, FIRST + timedelta(FAULT - 1))
    assert "orders_drop" in breaches(facts, FIRST + timedelta(FAULT))
    dead = facts_of(broken(orders=0, new_customers=0, revenue_gross=0))
    assert "orders_drop" in breaches(dead, FIRST + timedelta(FAULT))  # not one order is fewer than a few
    small = facts_of(broken(orders=0.3), orders=20)
    assert "orders_drop" not in breaches(small, FIRST + timedelta(FAULT))  # fewer than 50 a day: weekly rules only


@pytest.mark.parametrize("days", [1, 3, 10])
def test_a_window_of_any_length_says_why_against_four_as_long(facts_of, days):
    facts = facts_of(broken(orders=0.1, new_customers=0.1, revenue_gross=0.1))
    window = Window(LAST - timedelta(days - 1), LAST)
    before = Window(window.start - timedelta(4 * days), window.start - timedelta(1))
    ours, theirs = (facts.state.filter(span.filter())["sessions"].sum() / span.days for span in (window, before))
    found = evaluate(facts.state, NO_COHORTS, window).filter(id="revenue_decline")
    assert found["why"].item().startswith(f"Because of sessions {ours / theirs - 1:+.1%} (")


def test_a_planned_sale_is_in_no_baseline(facts_of, state_of):
    """After a week of thrice the orders, a usual week is no decline: the sale is in the calendar."""

    def sale(day, row):
        if DAYS - 21 <= day < DAYS - 7:
            for name in ("orders", "revenue_gross"):
                row[name] = row[name] * 3

    state = state_of(*half_year(sale))
    days = Window(FIRST + timedelta(DAYS - 21), FIRST + timedelta(DAYS - 8))
    told = Facts(state, NO_COHORTS, LAST, expected=[days])
    untold = Facts(state, NO_COHORTS, LAST)
    loose = {"revenue_decline": {"p_max": 0.5}}  # without the calendar, only the baseline's own noise speaks for it
    assert "revenue_decline" in breaches(untold, thresholds=loose)
    assert "revenue_decline" not in breaches(told, thresholds=loose)


@pytest.mark.parametrize(
    ("days", "left", "untold", "told"), [(14, 0.55, "hold", "breach"), (28, 1, "breach", "no_data")]
)
def test_a_sale_is_no_part_of_what_a_day_is_held_against(facts_of, days, left, untold, told):
    """After a short one a collapse is seen, after a long one a usual day is none."""
    sale = Window(LAST - timedelta(days), LAST - timedelta(1))

    def thrice(day, row):
        if sale.start <= row["date"] <= sale.end:
            row["orders"] *= 3
        if row["date"] == LAST:
            row["orders"] = int(row["orders"] * left)

    facts = facts_of(thrice)
    assert outcomes(facts, LAST)["orders_drop"] == untold
    assert outcomes(replace(facts, expected=[sale]), LAST)["orders_drop"] == told


def test_money_at_stake_where_a_margin_became_a_loss_is_all_the_way_down(facts_of):
    def loss(day, row):
        if day >= DAYS - 7:
            row["contribution_margin"] = -row["revenue_net"] / 10

    facts = facts_of(loss)
    ((_, found),) = survey(facts, LAST, LAST, resolve_thresholds())
    (margin,) = (finding for finding in found if finding.id == "cm_decrease")
    net = float(facts.state.filter(Window(LAST - timedelta(6), LAST).filter())["revenue_net"].sum())
    assert margin.value == pytest.approx(-0.1)
    assert margin.at_stake == pytest.approx(net * (25 / 70 + 0.1))


@pytest.mark.parametrize("sale", [None, Window(LAST - timedelta(20), LAST - timedelta(14))])
def test_where_nothing_is_left_what_a_usual_week_brings_is_at_stake(facts_of, sale):
    def closed(day, row):
        if day >= DAYS - 7:
            row.update(revenue_gross=0, gross_sq=0)
        elif sale and sale.start <= row["date"] <= sale.end:
            row["revenue_gross"] *= 9

    facts = replace(facts_of(closed), expected=[sale] if sale else [])
    ((_, found),) = survey(facts, LAST, LAST, resolve_thresholds())
    (decline,) = (finding for finding in found if finding.id == "revenue_decline")
    before = facts.state.filter(Window(LAST - timedelta(34), LAST - timedelta(7)).filter())
    usual = before.filter(~sale.filter()) if sale else before
    assert usual["date"].n_unique() == (21 if sale else 28)
    assert (decline.outcome, decline.value) == ("breach", 0)
    assert decline.at_stake == pytest.approx(float(usual["revenue_gross"].sum()) / usual["date"].n_unique() * 7)


def test_a_category_that_sells_out(facts_of, state_of):
    shop = facts_of()
    dice = random.Random(4)
    rows = [
        {"date": FIRST + timedelta(day), "category": name, "orders": poisson(dice, mean), "revenue_gross": mean * 80.0}
        for day in range(DAYS)
        for name, mean in (("shoes", 20 if day < DAYS - 7 else 8), ("hats", 15), ("belts", 12))
    ]
    facts = Facts(shop.state, NO_COHORTS, LAST, pl.DataFrame(rows))
    assert breaches(facts) == {"stock_out_shoes"}


@pytest.mark.parametrize(("others", "outcome"), [(1, "breach"), (20, "hold")])
def test_of_many_members_one_has_to_stand_out_more(facts_of, others, outcome):
    """The same fall is found among two categories, and is what chance brings to one of many."""
    rows = [
        {"date": FIRST + timedelta(day), "category": name, "orders": orders - fallen, "revenue_gross": 80.0 * orders}
        for day in range(DAYS)
        for name, orders, fallen in [
            ("shoes", 7, 3 * (day >= DAYS - 7)), *((f"hats {number}", 2, 0) for number in range(others)),
        ]
    ]  # fmt: skip
    facts = Facts(facts_of().state, NO_COHORTS, LAST, pl.DataFrame(rows))
    assert outcomes(facts, LAST)["stock_out_shoes"] == outcome


def test_a_category_that_sells_nothing_any_more(facts_of):
    """It has no row then. Before a category's first day nothing was expected of it."""
    shop = facts_of()
    dice = random.Random(4)
    rows = [
        {"date": FIRST + timedelta(day), "category": name, "orders": poisson(dice, mean), "revenue_gross": mean * 80.0}
        for name, mean, days in (
            ("shoes", 13, range(DAYS - 7)), ("hats", 15, range(DAYS)), ("belts", 12, range(DAYS - 3, DAYS)),
        )
        for day in days
    ]  # fmt: skip
    facts = Facts(shop.state, NO_COHORTS, LAST, pl.DataFrame(rows))
    assert breaches(facts) == {"stock_out_shoes"}
    ((_, found),) = survey(facts, LAST, LAST, resolve_thresholds())
    shoes = next(finding for finding in found if finding.id == "stock_out_shoes")
    assert (shoes.value, shoes.metric_value) == (0, -1)
    assert shoes.at_stake == pytest.approx(7 * 13 * 80)
    days = daily(facts, "category").filter(category="belts")["orders"].to_list()
    assert days[: DAYS - 3] == [None] * (DAYS - 3)


def test_a_shop_of_which_nothing_came_has_not_sold_nothing(facts_of):
    """Its sync has failed: there is nothing of any source, or the others came and its own orders are unproven."""
    day = FIRST + timedelta(FAULT)
    nothing = facts_of(broken(orders=0, new_customers=0, revenue_gross=0))
    unproven = replace(nothing, unproven=[Window(day, LAST)])
    gone = replace(nothing, state=nothing.state.filter(pl.col("date") < day))
    told = ("orders_drop", "revenue_decline")
    assert [outcomes(nothing, LAST)[rule] for rule in told] == ["breach", "breach"]
    for facts in (unproven, replace(nothing, orders_to=day - timedelta(1)), gone):
        assert [outcomes(facts, LAST)[rule] for rule in told] == ["no_data", "no_data"]
        assert "no_data_shop" in breaches(facts, LAST)
        assert daily(facts, "shop")["orders"].to_list()[FAULT:] == [None if facts is gone else 0] * 3


def test_a_small_shop_that_died_is_told_of_by_the_week(facts_of):
    """Of too few orders a day for a daily rule: a week of none is a fall of all of its revenue."""

    def dead(day, row):
        if day >= DAYS - 7:
            row.update(orders=0, new_customers=0, revenue_gross=0, gross_sq=0)

    ((_, found),) = survey(facts_of(dead, orders=5), LAST, LAST, resolve_thresholds())
    said = {finding.id: finding for finding in found}
    assert (said["revenue_decline"].outcome, said["revenue_decline"].metric_value) == ("breach", -1)
    assert said["revenue_decline"].severity == "critical"
    assert said["orders_drop"].outcome != "breach"


def test_half_a_day_of_orders_is_no_collapse(facts_of):
    """The shop's sync broke at noon: what it brought before is no day's number, and two days later it is silent."""
    day = FIRST + timedelta(FAULT)
    facts = facts_of(broken(orders=0.4, new_customers=0.4, revenue_gross=0.4))
    assert outcomes(facts, day)["orders_drop"] == "breach"
    behind = replace(facts, orders_to=day - timedelta(1))
    assert {outcomes(behind, day)[rule] for rule in ("orders_drop", "revenue_decline", "cac_increase")} == {"no_data"}
    assert outcomes(behind, day + timedelta(1))["no_data_shop"] == "breach"


def test_what_a_silent_source_feeds_is_not_judged(facts_of):
    facts = facts_of(broken("meta", spend=None, clicks=None, impressions=None))
    said = outcomes(facts, LAST)
    blind = {"cac_increase", "mer_deterioration", "channel_cac_meta", "claimed_ratio_jump", "campaign_overspend_a"}
    assert {said[alert] for alert in blind} == {"no_data"}
    assert said["channel_cac_google"] != "no_data"
    assert said["revenue_decline"] != "no_data"


def test_a_platform_that_was_turned_off_is_no_source_any_more(facts_of):
    def off(day, row):
        if day >= DAYS - 20 and row["channel_id"] == "meta":
            row.update(spend=None, clicks=None, impressions=None)

    said = outcomes(facts_of(off), LAST)
    assert "no_data_ads:meta" not in said
    assert said["mer_deterioration"] != "no_data"


def test_a_young_shop_is_not_compared_with_its_first_day(facts_of):
    facts = facts_of(days=10)
    for _, found in survey(facts, FIRST, facts.as_of, resolve_thresholds()):
        assert [finding.id for finding in found if finding.outcome == "breach"] == []


@pytest.mark.parametrize(
    ("rule", "ready"),
    [
        ("revenue_decline", FIRST + timedelta(13)),  # a week, and one to hold it against
        ("new_customer_decline", FIRST + timedelta(55)),
        ("orders_drop", FIRST + timedelta(56)),
        ("retention_drop", date(2025, 11, 30)),  # the cohorts of September and October
    ],
)
def test_a_rule_that_waits_for_history_says_until_when_and_is_right(facts_of, rule, ready):
    facts = facts_of(days=130)
    size = {"cohort_size": 500, "d30_retention": 0.2}
    months = [
        {"cohort_month": f"2025-{month:02}", "observed_days": (facts.as_of - last).days, **size}
        for month, last in ((8, date(2025, 8, 31)), (9, date(2025, 9, 30)), (10, date(2025, 10, 31)))
    ]
    cohorts = pl.DataFrame(months).with_columns(is_left_truncated=pl.col("cohort_month") == "2025-08")
    facts = replace(facts, cohorts=cohorts)

    def reasons(day):
        found = unjudged(facts, Window(day - timedelta(6), day))
        return {name: reason for reason, rules in found.items() for name in rules}

    assert reasons(ready - timedelta(1))[rule] == f"too little history; from {ready} on at the earliest"
    assert rule not in reasons(ready)


ADS = ("spend", "clicks", "impressions", "platform_conversions")
OF_ADS = {"cac_increase", "mer_deterioration", "channel_cac", "cost_per_click", "claimed_ratio_jump"}
OF_TRAFFIC = {f"funnel_leak_{step}" for step in ("session_to_pdp", "pdp_to_atc", "atc_to_checkout")}


def connected(measures, days):
    """A source of which only the last days are known."""

    def change(day, row):
        if day < DAYS - days:
            row.update(dict.fromkeys(measures))

    return change


@pytest.mark.parametrize(("measures", "rules"), [(ADS, OF_ADS), (STEPS, OF_TRAFFIC)])
@pytest.mark.parametrize("days", [8, 10, 13, 14, 20])
def test_a_source_that_was_connected_lately_is_held_against_its_own_days(facts_of, measures, rules, days):
    """Nothing changes in the shop: what was not known before is no rise, and no fall."""
    facts = facts_of(connected(measures, days))
    assert breaches(facts) == set()
    waits = {
        rule
        for reason, waiting in unjudged(facts, Window(LAST - timedelta(6), LAST)).items()
        if reason == f"too little history; from {LAST + timedelta(14 - days)} on at the earliest"
        for rule in waiting
    }
    assert waits & rules == (rules if days < 14 else set())


def test_a_fault_after_a_source_was_connected_is_found_and_its_factors_are_of_known_days(facts_of):
    def change(day, row):
        connected(ADS, 20)(day, row)
        connected(STEPS, 20)(day, row)
        broken("meta", "google", spend=2.5, orders=0.3, revenue_gross=0.3)(day, row)

    found = evaluate(facts_of(change).state, NO_COHORTS, Window(LAST - timedelta(6), LAST)).rows_by_key(
        "id", named=True
    )
    assert {"cac_increase", "revenue_decline"} <= found.keys()
    (cac,), (revenue,) = found["cac_increase"], found["revenue_decline"]
    assert cac["why"].startswith("Because of cost per click +")
    assert "Because of" not in revenue["why"], "sessions are known of a part of the weeks before alone"


def test_what_else_keeps_a_rule_from_judging(facts_of):
    sale = Window(LAST - timedelta(34), LAST - timedelta(10))
    facts = replace(facts_of(broken("meta", spend=None, clicks=None, impressions=None)), expected=[sale])
    found = unjudged(facts, Window(LAST - timedelta(6), LAST))
    assert "revenue_decline" in found["most of the days before it are expected events"]
    assert "mer_deterioration" in found["no data from ads:meta"]
    assert "orders_drop" in found["too few of the 56 days before it are known, and no expected events"]
    found = unjudged(replace(facts, expected=[]), Window(LAST - timedelta(6), LAST))
    assert not any("campaign_overspend" in rules for rules in found.values()), "of some members it can be said"


@limits(max_examples=3)
@given(st.randoms(use_true_random=False))
def test_neither_the_order_of_rows_nor_their_split_matters(state_of, dice):
    state = state_of(*half_year(broken(platform_conversions=2, orders=0.5)))
    shuffled = state.sample(fraction=1, shuffle=True, seed=dice.randrange(1000))
    window = Window(LAST - timedelta(6), LAST)
    assert evaluate(shuffled, NO_COHORTS, window).equals(evaluate(state, NO_COHORTS, window))
    halves = state.with_columns(pl.col(pl.Int64) // 2)
    rest = state.with_columns(pl.col(pl.Int64) - pl.col(pl.Int64) // 2, pl.col(pl.Decimal) * 0, pl.col(pl.Float64) * 0)
    split = pl.concat([halves, rest.with_columns(pl.col(name).cast(state.schema[name]) for name in state.columns)])
    whole, parts = (breaches(Facts(frame, NO_COHORTS, LAST)) for frame in (state, split))
    assert parts == whole


def test_counting_everything_several_times_is_no_evidence(state_of):
    """The days' own scatter shows that the counts are not as many as they seem."""
    state = state_of(*half_year(broken(new_customers=0.7)))

    def found(times):
        facts = Facts(state.with_columns(pl.col(pl.Int64) * times), NO_COHORTS, LAST)
        ((_, said),) = survey(facts, LAST, LAST, resolve_thresholds())
        return next(finding for finding in said if finding.rule == "new_customer_decline")

    assert found(10).metric_value == pytest.approx(found(2).metric_value)
    assert found(10).p_value == pytest.approx(found(2).p_value)
    assert 0 < found(2).p_value < 0.05


def test_rules_that_cannot_be_evaluated_do_not_hide_the_others(facts_of, monkeypatch):
    facts = facts_of(broken(**dict.fromkeys(STEPS, 0.2)))
    judge = findings.judge

    def fails(rule, *rest):
        if rule.id == "channel_cac":
            raise ZeroDivisionError("boom")
        return judge(rule, *rest)

    monkeypatch.setattr(findings, "judge", fails)
    said = {finding.id: finding for _, found in survey(facts, LAST, LAST, resolve_thresholds()) for finding in found}
    assert (said["channel_cac"].outcome, said["channel_cac"].reason) == ("error", "ZeroDivisionError('boom')")
    assert said["tracking_outage"].outcome == "breach"


def test_who_has_no_campaign_and_no_category_is_not_told_of_rules_that_broke(facts_of):
    def organic(day, row):
        for name in ("spend", "clicks", "impressions", "platform_conversions"):
            row.pop(name, None)

    state = facts_of(organic).state.with_columns(campaign_id=pl.lit("(none)"))
    schema = {"date": pl.Date, "category": pl.String, "orders": pl.Int64, "revenue_gross": pl.Float64}
    facts = Facts(state, NO_COHORTS, LAST, pl.DataFrame(schema=schema))
    said = [finding for _, found in survey(facts, LAST, LAST, resolve_thresholds()) for finding in found]
    assert said
    assert [finding.id for finding in said if finding.outcome == "error"] == []
