"""A source that is known later than the others is no growth, and a channel that is new is."""

from datetime import date, timedelta

import polars as pl
import pytest
from broken_shop import DAYS, LAST, NO_COHORTS, half_year

from kpis import Window, compare, rollup
from kpis.alerts import Facts, resolve_thresholds, survey
from kpis.explain import explain

NOW = Window(date(2026, 2, 3), date(2026, 2, 9))
BEFORE = NOW.previous()
BLENDED = ["spend", "blended_cac", "mer", "contribution_after_marketing"]
LATE = "spend of google is known from {} on"


@pytest.fixture(scope="module")
def shop(state_of):
    """Ten new customers and 100 spent on Meta a day for 60 days; and as much on Google from a day on."""

    def build(begin, google="file:google//a", meta="file:meta//a", **first):
        days = [NOW.end - timedelta(n) for n in range(60)]
        row = {"orders": 10, "new_customers": 10, "revenue_net": 1000, "contribution_margin": 400}
        spent = [{"date": day, "campaign_id": meta, "spend": 100, "impressions": 1000} for day in days]
        late = {"channel_id": "google", "campaign_id": google, "spend": 100, "impressions": 1000}
        spent += [late | {"date": day} for day in days if day >= begin]
        return state_of(*({"date": day, **row} for day in days), *spent, *([late | first] if first else []))

    return build


def told(state, window=NOW, by=()):
    rows = compare(state, window, window.previous(), BLENDED, by).collect()
    return {(*(row[key] for key in by), row["kpi"]): row for row in rows.iter_rows(named=True)}


@pytest.mark.parametrize("begin", [NOW.start, BEFORE.start + timedelta(1)])
def test_a_source_that_is_known_later_is_not_compared(shop, begin):
    rows = told(shop(begin))
    assert {row["change"] for row in rows.values()} == {None}
    assert {row["reason"] for row in rows.values()} == {f"previous period: {LATE.format(begin)}"}
    assert rows["blended_cac",]["value"] == 20
    taken = explain(shop(begin), "blended_cac", NOW, BEFORE)
    assert (taken.change, taken.reason) == (None, f"previous period: {LATE.format(begin)}")


def test_a_window_before_or_after_it_is(shop):
    assert told(shop(BEFORE.start))["spend",]["change"] == 0
    assert told(shop(NOW.end + timedelta(1)))["spend",]["change"] == 0
    assert told(shop(NOW.start), BEFORE)["blended_cac",]["change"] == 0


def test_a_window_in_which_it_begins_has_the_spend_that_is_known_and_no_cac(shop):
    begin = NOW.start + timedelta(1)
    rows = told(shop(begin))
    assert rows["spend",]["value"] == 1300
    assert (rows["blended_cac",]["value"], rows["blended_cac",]["reason"]) == (None, LATE.format(begin))
    assert rollup(shop(begin), ["mer", "cpm"], window=NOW).collect().row(0) == (None, 100)


@pytest.mark.parametrize("more", [{"google": "google_ads:1"}, {"date": BEFORE.start, "spend": 0}])
def test_a_channel_that_is_known_to_be_new_is(shop, more):
    """A platform that is synced tells all of its history, and a file may tell of a day on which nothing was spent."""
    assert told(shop(NOW.start, **more))["spend",]["change"] == 1


def test_channels_are_compared_each_by_its_own(shop):
    begin = BEFORE.start + timedelta(1)
    rows = told(shop(begin), by=["channel_id"])
    assert rows["meta", "spend"]["change"] == 0
    assert rows["meta", "blended_cac"]["value"] == 10
    assert rows["google", "spend"]["reason"].endswith(f"known from {begin} on")
    inside = rollup(shop(NOW.end), ["roas", "spend"], ["channel_id"], NOW).collect()
    assert inside.rows() == [("google", None, 100), ("meta", 10, 700)]
    found = explain(shop(begin), "spend", NOW, BEFORE, ["channel_id"])
    members = found.members.filter(pl.col("value") > 0).select("channel_id", "value", "previous", "contribution")
    assert members.rows() == [("google", 700, None, None), ("meta", 700, 700, None)]


LATE_BY = {"imported": "file:", "synced": ""}


@pytest.fixture(scope="module")
def facts(state_of):
    """Google's ads, and what they cost, are known of the last days alone; told by a file, or by the platform."""

    def build(how, days=12, dearer=1.0):
        def change(number, row):
            if row["channel_id"] == "google" and number < DAYS - days:
                row |= dict.fromkeys(("spend", "clicks", "impressions", "platform_conversions"))
            elif row["channel_id"] == "meta" and number >= DAYS - 7:
                row["spend"] = int(row["spend"] * dearer)
            if row["channel_id"] != "direct":
                row["campaign_id"] = f"{LATE_BY[how]}{row['channel_id']}/{row['campaign_id']}"

        state = state_of(*half_year(change))
        return Facts(state, NO_COHORTS, LAST)

    return build


def fired(facts):
    ((_, found),) = survey(facts, LAST, LAST, resolve_thresholds())
    return {finding.id for finding in found if finding.outcome == "breach"}, {f.id: f.reason for f in found if f.reason}


def test_a_source_that_is_known_later_sets_off_no_alert(facts):
    breaches, why = fired(facts("imported"))
    assert breaches == set()
    ready = LAST + timedelta(2)
    assert all(str(ready) in why[rule] for rule in ("cac_increase", "mer_deterioration", "channel_cac_google"))
    assert fired(facts("synced"))[0] > {"cac_increase"}


def test_alerts_on_the_other_channels_are_not_muted_by_it(facts):
    breaches, _ = fired(facts("imported", dearer=3.0))
    assert {"channel_cac_meta", "cost_per_click_meta"} <= breaches
    assert "cac_increase" not in breaches


def test_windows_before_it_are_judged_as_they_were(facts):
    day = LAST - timedelta(13)
    ((_, found),) = survey(facts("imported"), day, day, resolve_thresholds())
    assert next(finding for finding in found if finding.rule == "cac_increase").outcome == "clear"


def test_ads_of_which_nobody_tells_the_clicks_make_none_dearer(state_of):
    def change(number, row):
        if row["campaign_id"] == "b" and number >= DAYS - 7:
            row |= {"clicks": None}

    facts = Facts(state_of(*half_year(change)), NO_COHORTS, LAST)
    assert not {alert for alert in fired(facts)[0] if alert.startswith("cost_per_click")}
    week = Window(LAST - timedelta(6), LAST)
    taken = explain(facts.state, "cpc", week, week.previous(), ["campaign_id"])
    assert (taken.value, taken.previous, taken.change) == (1, 1, 0)
    assert taken.members.filter(campaign_id="b").select("numerator", "previous_numerator").row(0)[0] == 0
