"""Ad sets and ads add up to their campaign, to the cent, whatever the day."""

import json
from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meta_pulling import SOURCE

from connectors.demo.twins.meta import Share
from connectors.fake.meta_insights import Insights

counts = st.integers(0, 10**6)


def sums(rows, kind):
    """Every metric that adds up, by campaign and day."""
    totals = Counter()
    for row in rows:
        key = (row[f"{kind}_id"], row["date_start"])
        for name in ("spend", "impressions", "clicks", "inline_link_clicks"):
            totals[*key, name] += Decimal(row[name])
        for name in ("actions", "action_values"):
            for action in row[name]:
                for window, value in action.items():
                    if window != "action_type":
                        totals[*key, name, action["action_type"], window] += Decimal(value)
    return {key: total for key, total in totals.items() if total}


@pytest.fixture(scope="module")
def payloads():
    """What the demo has of each level."""
    streams = [stream for stream in SOURCE.streams if stream.source == "meta"]
    return {
        stream.name: [r.payload for page in SOURCE.pages(stream, since=None, until=SOURCE.now) for r in page]
        for stream in streams
    }


@pytest.mark.parametrize("level", ["adsets", "ads"])
def test_parts_add_up_to_their_campaigns(payloads, level):
    assert sums(payloads[level], "campaign") == sums(payloads["insights"], "campaign")


def test_ads_add_up_to_their_ad_sets(payloads):
    assert sums(payloads["ads"], "adset") == sums(payloads["adsets"], "adset")


def test_two_ad_sets_of_two_ads_each(payloads):
    ads = {(row["campaign_id"], row["adset_id"], row["ad_id"]) for row in payloads["ads"]}
    assert len(ads) == len({ad for *_, ad in ads}) == 16
    assert Counter(campaign for campaign, *_ in ads) == dict.fromkeys({campaign for campaign, *_ in ads}, 4)


@given(st.builds(Share, counts, counts, counts, counts, counts, counts, counts, counts))
def test_halves_are_the_whole_and_the_value_goes_with_the_orders(share):
    share = share._replace(value=share.value if share.orders else 0, view_value=share.view_value if share.views else 0)
    halves = share.halves()
    assert Share(*map(sum, zip(*halves, strict=True))) == share
    for half in halves:
        assert min(half) >= 0
        assert half.orders or not half.value
        assert half.views or not half.view_value


@pytest.mark.parametrize("level", ["account", "campaign", "adset", "ad"])
def test_a_period_is_the_sum_of_its_days(level):
    insights = Insights(SOURCE.world)
    span = json.dumps({"since": "2026-01-10", "until": "2026-02-09"})
    asked = {"level": level, "time_range": span, "fields": "spend"}
    days, period = (insights.answer({**asked, **more}, SOURCE.now) for more in ({"time_increment": "1"}, {}))
    spent, total = (sum(found.share.spend for found in rows) for rows in (days, period))
    assert spent == total > 0
    things = {"account": 1, "campaign": 4, "adset": 8, "ad": 16}[level]
    assert len(period) == things
    assert 25 * things < len(days) <= 31 * things
    assert {insights.rendered("spend")(found)["date_start"] for found in period} == {"2026-01-10"}
