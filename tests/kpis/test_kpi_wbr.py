"""The weekly review: what each of its sections says."""

import re
from datetime import date, timedelta
from decimal import Decimal

import polars as pl
import pytest
from kpi_frames import begun
from wbr_shop import BEFORE, NOTHING, WEEK, Page, alert, alerts, section, written

from kpis import Window, wbr


def test_the_sections_stand_in_order(full):
    text = wbr.markdown(written(full))
    assert text.startswith(
        "# Weekly Business Review — Feb 2 – Feb 8, 2026\n\n"
        "**Acme**: Net revenue EUR 15,000 (+4.9%), contribution margin EUR 6,000 (+0.0%), new customers 25 (+0.0%), "
        "blended CAC EUR 200.00 (+100.0%); no alert fired.\n\n"
        "Complete days in Europe/Berlin; money in EUR. Refunds count on the day they were made (event basis).\n\n"
    )
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == [
        "What Happened", "Key Drivers", "Channels", "What Is Uncertain", "Risks", "Next Week Priorities", "Ask Why",
    ]  # fmt: skip


def test_both_years_where_they_differ_and_a_week_is_named_as_one(full):
    assert "Dec 29, 2025 – Jan 4, 2026" in written(full, Window(date(2025, 12, 29), date(2026, 1, 4))).title
    fortnight = written(full, Window(WEEK.start - timedelta(7), WEEK.end))
    assert fortnight.title.startswith("Business Review — Jan 26")
    assert "| 14 days | before |" in wbr.markdown(fortnight)


def test_figures_are_held_against_what_history_reaches(full, state_of):
    happened = section(wbr.markdown(written(full)), "What Happened").splitlines()
    assert happened[0] == "|  | this week | before | change |"
    assert "| Gross revenue [3] | EUR 18,000 | EUR 17,000 | +5.9% |" in happened
    assert "| Contribution margin % [10] | 40.0% | 42.0% | -2.0 pp |" in happened
    assert "- Not known: 30-day retention (no cohort is old enough yet)." in happened

    weeks = [{"date": WEEK.end - timedelta(7 * n), "orders": 10 + n, "revenue_net": 100} for n in range(6)]
    long = state_of(*weeks, {"date": WEEK.year_ago().start, "orders": 20, "revenue_net": 100, "spend": 50})
    happened = section(wbr.markdown(written(long)), "What Happened").splitlines()
    assert happened[0] == "|  | this week | before | change | vs mean of 4 before | vs a year ago |"
    assert "| Orders [4] | 10 | 11 | -9.1% | -20.0% | -50.0% |" in happened  # 11 … 14 are 12.5 a week
    assert "| Net revenue [2] | EUR 100.00 | EUR 100.00 | +0.0% | +0.0% | +0.0% |" in happened


def test_what_is_known_of_a_part_of_the_weeks_before_is_not_held_against_their_mean(state_of):
    """Sessions and spend are known of two weeks: their mean over four would be half of what they were."""
    weeks = [{"date": WEEK.end - timedelta(7 * n), "orders": 10, "revenue_net": 100} for n in range(6)]
    tracked = [week | {"sessions": 1000, "spend": 50} for week in weeks[:3]]
    happened = section(wbr.markdown(written(state_of(*tracked, *weeks[3:]))), "What Happened").splitlines()
    assert happened[0] == "|  | this week | before | change | vs mean of 4 before |"
    assert "| Sessions [11] | 1,000 | 1,000 | +0.0% | – |" in happened
    assert "| MER [7] | 2.00× | 2.00× | +0.0% | – |" in happened
    assert "| Orders [4] | 10 | 10 | +0.0% | +0.0% |" in happened


def test_a_week_before_that_begins_before_the_history_is_held_against_nothing(state_of):
    """A shop of 1,000 a day since Wednesday: seven days are no growth over five."""
    sold = {"orders": 10, "revenue_gross": 1000, "revenue_net": 1000}
    days = [WEEK.start + timedelta(n) for n in range(-5, 7)]
    state = state_of(*({"date": day, **sold} for day in days))
    review = written(state, products=state.select("date", "revenue_net", product_id=pl.lit("mug")))
    happened = section(wbr.markdown(review), "What Happened").splitlines()
    assert "| Net revenue [2] | EUR 7,000 | – | – |" in happened
    (told,) = [line for line in happened if line.startswith("- Not compared: ")]
    assert told.startswith("- Not compared: Contribution margin, Net revenue, Gross revenue, Orders, ")
    assert told.endswith(" (previous period: not known before 2026-01-28).")
    assert review.changes == ()
    assert review.unsplit.endswith("no factors: previous period: not known before 2026-01-28.")
    assert [day.revenue_before for day in review.days] == [None, None, *[1000] * 5]
    assert not any(one.members for one in review.explained)
    assert "5 of the 7 days held against are known, so no change is told." in " ".join(review.doubts)
    Page(wbr.html(review))


def test_key_drivers_start_with_the_largest_and_have_their_number(full):
    lines = section(wbr.markdown(written(full)), "Key Drivers").splitlines()
    assert lines[0] == (
        "- Net revenue, gross − discounts − refunds: +EUR 700.00, +4.9% (EUR 14,300 → EUR 15,000). "
        "**Conversion (orders ÷ sessions)** +EUR 1,000 (5.7% → 6.0%); "
        "**Refunds** -EUR 300.00 (EUR 1,200 → EUR 1,500); "
        "**Sessions** +EUR 0.00 (3,000 → 3,000); "
        "**Order value (gross ÷ orders)** +EUR 0.00 (EUR 100.00 → EUR 100.00); "
        "**Discounts** +EUR 0.00 (EUR 1,500 → EUR 1,500). [2]"
    )
    assert lines[1].startswith("- Net revenue by channel: +EUR 700.00, +4.9% (EUR 14,300 → EUR 15,000). **organic** ")
    assert (
        "- New customers, ad spend ÷ CAC: +0.0, +0.0% (25 → 25). **Ad spend** +17.3 (EUR 2,500 → EUR 5,000)"
        in "\n".join(lines)
    )
    assert "**Rate: the channels' own** +EUR 100.00 (most: Google Ads +EUR 60.00); **Mix" in lines[-1]


def test_channels_are_sorted_named_and_say_what_is_unknown(full):
    table = section(wbr.markdown(written(full)), "Channels").splitlines()
    assert table[0] == "| Channel | Net revenue | Change | Orders | New customers | Ad spend | ROAS | Channel CAC |"
    assert "| Meta Ads | EUR 5,000 | +0.0% | 60 | 20 | EUR 2,000 | 2.50× | EUR 100.00 |" in table
    assert table[-1] == "- –: no spend recorded (organic)."
    assert {line.count("|") for line in table if line.startswith("|")} == {9}


def test_each_doubt_is_told_with_its_size(full, state_of):
    told = section(wbr.markdown(written(full)), "What Is Uncertain")
    assert (
        "fewer than 30 new customers, which chance alone moves: Google Ads 5 (±44.7%) and Meta Ads 20 (±22.4%)." in told
    )
    assert "Ad platforms claim 0.50× of the shop's orders, 0.35× before: never add" in told

    settled = {"is_sampled": False, "is_thresholded": False, "has_other": False, "is_settled": True}
    traffic = pl.DataFrame(
        [
            {"date": WEEK.start, "sessions": 600, **settled},
            {"date": WEEK.start, "sessions": 100, **settled, "is_sampled": True},
            {"date": WEEK.end, "sessions": 300, **settled, "is_settled": False, "has_other": True},
            {"date": BEFORE.end, "sessions": 900, **settled, "is_thresholded": True},
        ]
    )
    goods = pl.DataFrame(
        {"date": [WEEK.end] * 2, "cogs_source": ["unit_cost", "category_margin"], "cogs": [Decimal(75), Decimal(25)]},
        schema=NOTHING["goods"].schema,
    )
    troubles = pl.DataFrame(
        [{"stream": f"meta/insights{n}", "account": "act_1", "first_day": WEEK.start, "last_day": WEEK.end,
          "error": "Ask again."} for n in range(4)]
    )  # fmt: skip
    days = [{"date": WEEK.end - timedelta(n), "orders": 1, "spend": 5} for n in range(2, 40)]
    doubts = written(state_of(*days), traffic=traffic, goods=goods, troubles=troubles).doubts
    assert doubts[0].startswith(
        "Web analytics is not settled for 1 of 7 days (Feb 8), which hold 30.0% of the sessions"
    )
    assert doubts[1] == "GA4 estimated 10.0% of the sessions from a sample, on 1 of 7 days (Feb 2)."
    assert doubts[2].startswith(
        'GA4 may have summed small rows up as "(other)" on 1 of 7 days (Feb 8), which hold 30.0%'
    )
    assert doubts[3] == "The shop has no order on 2 of 7 days (Feb 7 and Feb 8): its numbers may be partial."
    assert doubts[4] == "Meta Ads has no spend on 2 of 7 days (Feb 7 and Feb 8): its numbers may be partial."
    assert doubts[5] == "meta/insights0 (act_1) was not pulled whole for Feb 2 – Feb 8: Ask again."
    assert doubts[8] == "1 more accounts were not pulled whole: growthos slices --tenant acme --failed."
    assert doubts[9].startswith(
        "A channel's CAC rests on fewer than 30 new customers, which chance alone moves: Meta Ads none"
    )
    assert doubts[10].startswith("25.0% of the cost of goods is estimated")
    assert len(doubts) == 11


def test_alerts_are_told_with_their_state_and_those_explained_stand_under_their_cause(full):
    fired = alerts(
        alert("channel_cac_meta", silenced_by="explained by cac_increase"),
        alert("cac_increase", severity="critical", silenced_by="ack", why="Because of bids.", at_stake=-900.0),
        alert("stock_out_beauty", over_on=WEEK.end),
        alert("demand_spike", severity="info", silenced_by="expected: Sale", at_stake=5000.0),
        alert("funnel_leak_x", silenced_by="explained by tracking_outage", at_stake=None),
    )
    review = written(full, alerts=fired)
    assert section(wbr.markdown(review), "Risks").splitlines() == [
        "- **Critical** since Feb 2, acknowledged · It moved (All): A +10%. Because of bids.",
        "  - **Warning** since Feb 2, explained by cac_increase · It moved (All): A +10%.",
        "- **Warning** since Feb 2, over since Feb 8 · It moved (All): A +10%.",
        "- **Warning** since Feb 2, explained by tracking_outage · It moved (All): A +10%.",
        "- **Info** since Feb 2, expected: Sale · It moved (All): A +10%.",
    ]
    assert wbr.alert_ids(review.document())[:2] == ["cac_increase", "channel_cac_meta"]
    assert "4 alerts fired" in review.headline


def test_steps_come_by_the_money_at_stake(full):
    fired = alerts(
        alert("cac_increase", at_stake=-900.0),
        alert("a", at_stake=200.0, recommendation="Both.", segment="X"),
        alert("b", at_stake=-250.0, recommendation="Both.", segment="Y"),
        alert("orders_drop", at_stake=None),
        alert("over", at_stake=9999.0, over_on=WEEK.end),
        alert("muted", at_stake=9999.0, silenced_by="mute"),
    )
    lines = section(wbr.markdown(written(full, alerts=fired)), "Next Week Priorities").splitlines()
    assert lines == [
        "1. **EUR 1,000** · Google Ads: its ads cost EUR 3,000, and its orders left EUR 2,000 before marketing. "
        "Cut what repeat orders do not earn back.",
        "2. **EUR 900.00** · All: Mend cac_increase.",
        "3. **EUR 450.00** · X, Y: Both.",
        "4. **EUR 300.00** · More was refunded: look at the products that came back, and at why.",
        "5. All: Mend orders_drop.",
    ]


def test_what_conversion_lost_names_the_step_that_fell_most(state_of):
    traffic = {"sessions": 1000, "pdp_views": 500, "add_to_cart": 100, "checkouts": 50, "purchases": 40}
    sold = {"revenue_gross": 4000, "revenue_net": 4000, "orders": 40}
    review = written(
        state_of(
            {"date": WEEK.end, **traffic, **sold, "checkouts": 30, "orders": 20, "revenue_gross": 2000},
            {"date": BEFORE.end, **traffic, **sold},
            begun(BEFORE.start - timedelta(1)),
        )
    )
    assert review.steps[0].text.startswith("Conversion fell, most at Cart → checkout (-20.0 pp)")
    assert review.steps[0].money == pytest.approx(2000)


def test_a_shop_with_orders_only_gets_a_sensible_review(state_of):
    week = {"channel_id": "direct", "revenue_net": 500, "new_customers": 2}
    text = wbr.markdown(
        written(
            state_of(
                {"date": WEEK.end, **week, "revenue_gross": 600, "orders": 6},
                {"date": BEFORE.start, **week, "revenue_gross": 500, "orders": 5},
            )
        )
    )
    happened = section(text, "What Happened")
    assert "- Not known: Ad spend, MER, Blended CAC (no spend recorded)." in happened
    assert "- Not known: Sessions, Session → purchase (no sessions recorded)." not in happened  # each has its reason
    assert "**Orders** +EUR 100.00 (5 → 6)" in section(text, "Key Drivers")
    assert section(text, "What Is Uncertain") == "Nothing is known that speaks against these numbers."
    assert section(text, "Risks") == "No alert fired."
    priorities = section(text, "Next Week Priorities")
    assert priorities.startswith("1. Connect the ad accounts")
    assert "ROAS" not in priorities


def test_a_shop_with_nothing_says_so(state_of):
    review = written(state_of())
    text = wbr.markdown(review)
    assert "| Orders [4] | 0 | 0 | – |" in text
    assert "has no factors" in section(text, "Key Drivers")
    assert section(text, "Channels").startswith("No channel had orders")
    assert section(text, "What Is Uncertain") == "Nothing is known that speaks against these numbers."
    assert review.headline == "Net revenue EUR 0.00, contribution margin EUR 0.00, new customers 0; no alert fired."
    Page(wbr.html(review))


def test_retention_is_told_with_what_it_is_held_against_and_shown_by_cohort(full):
    frame = pl.DataFrame(
        {
            "cohort_month": ["2025-10", "2025-11", "2025-12"],
            "cohort_size": [9, 10, 10],
            "d7_retention": [0.9, 0.2, 0.1],
            "d30_retention": [0.9, 0.25, 0.125],
            "d60_retention": [0.9, 0.3, None],
            "d90_retention": [0.9, None, None],
            "is_left_truncated": [True, False, False],
        }
    )
    review = written(full, cohorts=frame)
    assert review.notes[0] == "30-day retention is 12.5% of the 2025-12 cohort (25.0% in older ones)."
    assert [row.month for row in review.cohorts] == ["2025-11", "2025-12"]
    assert review.cohorts[0].retention == (0.2, 0.25, 0.3, None)
    assert "(no older cohort to hold it against)" in written(full, cohorts=frame.tail(1)).notes[0]
