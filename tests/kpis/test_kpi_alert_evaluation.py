"""What is made of findings: alerts with their words, of the past, after gaps, and over a history known to be broken."""

import re
from dataclasses import replace
from datetime import date, datetime, timedelta

import polars as pl
from broken_shop import DAYS, FAULT, FIRST, LAST, STEPS, broken

from kpis import Window
from kpis.alerts import (
    RESTATED,
    AlertState,
    Expected,
    Finding,
    Known,
    Memory,
    Shop,
    Silence,
    Told,
    assess,
    backtest,
    during,
    event_rows,
    fingerprint,
    remembered,
    resolve_thresholds,
    state_rows,
)
from kpis.alerts.rules import versions


def test_an_alert_says_which_campaign_and_which_factor(facts_of):
    facts = facts_of(broken("a", spend=2.5))
    shop = Shop("acme", facts, {}, {"a": "Broad", "meta": "Meta Ads"}, "EUR")
    now = datetime.fromisoformat(f"{LAST + timedelta(1)}T12:00:00+00:00")
    evaluation = assess(shop, Memory([], [], [], {}), now)
    row = evaluation.firing.row(by_predicate=pl.col("id") == "campaign_overspend_a", named=True)
    assert row["segment"] == "Broad"
    assert row["why"].startswith("Because of cost per click +")
    assert [event.kind for event in evaluation.events] == ["fired"] * len(evaluation.events)
    assert any("Broad" in message and "Check the campaign's budget" in message for message in evaluation.messages)


def told_every_morning(facts_on):
    """(window_end, kind, alert) of what is told by an evaluation every morning, of the facts that are known on it."""
    silences = pl.DataFrame(schema=["kind", "matcher", "created_at", "until"])
    calendar = pl.DataFrame(schema=["name", "first_day", "last_day", "matcher"])
    kept, told = {}, event_rows([], [], datetime.min)
    for number in range(FAULT, DAYS):
        day = FIRST + timedelta(number)
        before = max((known for known in kept if known <= day - timedelta(RESTATED)), default=None)
        facts = facts_on(day)
        shop = Shop("acme", replace(facts, state=facts.state.filter(pl.col("date") <= day), as_of=day))
        now = datetime.fromisoformat(f"{day + timedelta(1)}T05:00:00+00:00")
        last = told.unique("fingerprint", keep="last", maintain_order=True)
        memory = remembered(state_rows(kept.get(before, [])), last, silences, calendar)
        evaluation = assess(shop, memory, now)
        kept |= evaluation.windows
        told.extend(event_rows(evaluation.events, evaluation.messages, now))
    return told.select("window_end", "kind", "alert_id").rows()


def test_every_morning_goes_over_three_days_again_and_tells_what_began_on_them_once(facts_of):
    facts = facts_of(broken(**dict.fromkeys(STEPS, 0.2)))
    fired = (FIRST + timedelta(FAULT), "fired", "tracking_outage")
    assert told_every_morning(lambda day: facts) == [fired]


def test_what_late_numbers_undo_is_told_to_be_over_once(facts_of):
    """The visits of a day came in parts: on the next morning nothing is left of its alert."""
    late, whole = facts_of(broken(**dict.fromkeys(STEPS, 0.2))), facts_of()
    day = FIRST + timedelta(FAULT)
    told = told_every_morning(lambda today: late if today <= day else whole)
    assert told == [(day, "fired", "tracking_outage"), (day + timedelta(1), "resolved", "tracking_outage")]


def test_an_evaluation_of_the_past_tells_nothing(facts_of):
    facts = facts_of(broken(**dict.fromkeys(STEPS, 0.2)))
    shop, now = Shop("acme", facts), datetime.fromisoformat("2026-01-01T12:00:00+00:00")
    assert assess(shop, Memory([], [], [], {}), now).events
    assert assess(shop, Memory([], [], [], {}), now, last_window=LAST).events
    assert assess(shop, Memory([], [], [], {}), now, last_window=LAST + timedelta(1)).events == []


def test_what_fired_in_a_past_window_is_told_of_its_own_cohort_and_baseline(facts_of):
    """The cohorts are those of the window's last day, and a sale is in no baseline."""

    def change(day, row):
        if DAYS - 35 <= day < DAYS - 21:
            row["sessions"] = row.get("sessions") and row["sessions"] * 9
        if day >= DAYS - 14:
            row.update(revenue_gross=row["revenue_gross"] // 2)

    week = Window(LAST - timedelta(13), LAST - timedelta(7))
    months = [("2025-08", date(2025, 8, 31), 0.4), ("2025-09", date(2025, 9, 30), 0.1)]
    cohorts = pl.DataFrame(
        {"cohort_month": month, "cohort_size": 2000, "d30_retention": rate, "observed_days": (week.end - last).days}
        for month, last, rate in months
    ).with_columns(is_left_truncated=False)
    shop = Shop("acme", replace(facts_of(change), cohorts=cohorts))
    now = datetime.fromisoformat(f"{LAST + timedelta(1)}T12:00:00+00:00")
    sale = Expected("Sale", Window(LAST - timedelta(34), LAST - timedelta(21)))
    found = during(shop, Memory([], [], [sale], {}), week, now).rows_by_key("id", named=True, unique=True)
    assert found["retention_drop"]["description"].startswith("D30 retention of the 2025-09 cohort")
    (sessions,) = re.findall(r"Because of sessions ([+-][\d.]+)%", found["revenue_decline"]["why"])
    assert abs(float(sessions)) < 5


def test_after_a_gap_only_what_fired_is_of_interest(facts_of):
    """What was over before the gap and not told is told after a short one; what still fired then is told after any."""
    shop, now = Shop("acme", facts_of()), datetime.fromisoformat(f"{LAST + timedelta(1)}T12:00:00+00:00")
    version = versions(resolve_thresholds())["tracking_outage"]

    def told(standing, gap):
        day = LAST - timedelta(gap)
        seen = Finding("tracking_outage", (), Window(day, day), "clear", "critical", -0.5)
        fired = Told("fired", day, "critical")
        identity = fingerprint("tracking_outage", "acme", ())
        state = AlertState(identity, standing, standing, "critical", day, day, day, 1, 2, version, seen, told=fired)
        return [(event.kind, event.alert.finding.id) for event in assess(shop, Memory([state], [], [], {}), now).events]

    over = [("resolved", "tracking_outage")]
    assert {gap: told("resolved", gap) for gap in (3, 14, 15, 30)} == {3: over, 14: over, 15: [], 30: []}
    assert {gap: told("firing", gap) for gap in (3, 14, 15, 30)} == dict.fromkeys((3, 14, 15, 30), over)


def test_of_each_day_made_up_for_a_snooze_is_asked_as_long_after_it(facts_of):
    shop = Shop("acme", facts_of(broken(**dict.fromkeys(STEPS, 0.2))))
    now = datetime.fromisoformat(f"{LAST + timedelta(1)}T12:00:00+00:00")
    snooze = Silence("snooze", "tracking_outage", now - timedelta(9), until=now - timedelta(hours=36))

    def silenced(**asked):
        windows = assess(shop, Memory([], [snooze], [], {}), now, **asked).windows
        days = (windows[FIRST + timedelta(day)] for day in range(FAULT, DAYS))
        return [state.silenced_by for states in days for state in states if state.finding.id == "tracking_outage"]

    assert silenced() == ["snooze", "", ""]
    assert silenced(at=now - timedelta(1)) == ["snooze", "snooze", ""]
    assert silenced(at=now - timedelta(2)) == ["snooze"] * 3


def test_a_backtest_finds_what_is_known_and_counts_the_rest(facts_of):
    shop = Shop("acme", facts_of(broken(**dict.fromkeys(STEPS, 0.2))))
    fault = Known("outage", Window(FIRST + timedelta(FAULT), LAST), ("tracking_outage",))
    found = backtest(shop, DAYS, [fault])
    assert found.noticed == {"outage": FIRST + timedelta(FAULT)}
    assert [episode.id for episode in found.episodes if episode.cause] == ["tracking_outage"]
    beside = [Known(f"day {day}", Window(day, day), ("*",)) for day in (FIRST - timedelta(30), LAST + timedelta(1))]
    assert backtest(shop, DAYS, [fault, *beside]).noticed == found.noticed
    unknown = backtest(shop, 30)
    assert "tracking_outage" in [episode.id for episode in unknown.unexplained]
    assert unknown.unexplained_per_month == len(unknown.unexplained)
    assert (
        replace(unknown, days=Window(LAST - timedelta(59), LAST)).unexplained_per_month == len(unknown.unexplained) / 2
    )
