"""The life of an alert, as a pure function: no flapping, no double telling, and no recovery by missing data."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpis import Window
from kpis.alerts import (
    RULES,
    Expected,
    Finding,
    Memory,
    Silence,
    Told,
    advance,
    event_rows,
    fingerprint,
    remembered,
    resolve_thresholds,
    state_rows,
)
from kpis.alerts.lifecycle import FORGOTTEN_AFTER
from kpis.alerts.rules import versions

START = date(2026, 1, 5)
VERSIONS = versions(resolve_thresholds())
OUTCOMES = ("breach", "hold", "clear", "no_data", "error")
outcomes = st.lists(st.sampled_from(OUTCOMES), max_size=25)


def noon(day):
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC) + timedelta(1)


def finding(outcome, day, rule="revenue_decline", labels=(), severity="warning", at_stake=100.0):
    window = Window(day - timedelta(RULES[rule].days - 1), day)
    return Finding(rule, labels, window, outcome, severity, -0.1, 80.0, 100.0, -0.2, 0.001, at_stake=at_stake)


def live(days, rule="revenue_decline", previous=(), silences=(), calendar=(), start=START, **more):
    """[(states, events)] of one alert's consecutive days."""
    told, states = [], list(previous)
    for number, outcome in enumerate(days):
        day = start + timedelta(number)
        found = [finding(outcome, day, rule, **more)]
        states, events = advance("acme", states, found, VERSIONS, silences, calendar, noon(day))
        told.append((states, events))
    return told


def path(days, **more):
    return [states[0].state if states else None for states, _ in live(days, **more)]


def kinds(days, **more):
    return [[event.kind for event in events] for _, events in live(days, **more)]


def test_from_breach_to_resolved():
    days = ["clear", "breach", "breach", "hold", "clear", "clear", "clear"]
    assert path(days) == [None, "firing", "firing", "firing", "recovering", "resolved", None]
    assert kinds(days) == [[], ["fired"], [], [], [], ["resolved"], []]


def test_a_rule_that_wants_confirmation_waits_for_it():
    days = ["breach", "hold", "breach", "breach"]
    assert path(days, rule="cac_increase") == ["pending", None, "pending", "firing"]
    assert kinds(days, rule="cac_increase") == [[], [], [], ["fired"]]


@given(outcomes)
def test_between_the_two_lines_nothing_changes(days):
    """However long a value stays in the band, what fires fires on, and what does not stays quiet."""
    before = path(["breach", *days])[-1]
    after = path(["breach", *days, *["hold"] * 5])[-1]
    known = {"no_data": None, "error": None, "resolved": None}
    standing = live(["breach", *days])[-1][0]
    settled = standing[0].standing if standing else None
    expected = settled if before in known else before
    assert after == (None if expected in ("resolved", "error", "pending") else expected)


@given(outcomes)
def test_the_same_window_twice_changes_nothing(days):
    states, first = [], True
    for number, outcome in enumerate(["breach", *days]):
        day = START + timedelta(number)
        found = [finding(outcome, day)]
        states, _ = advance("acme", states, found, VERSIONS, now=noon(day))
        again, events = advance("acme", states, found, VERSIONS, now=noon(day))
        if states or first:
            assert (again, events) == (states, [])
        first = False


@given(outcomes)
def test_every_alert_ends_when_all_is_clear(days):
    told = live([*days, *["clear"] * 3])
    assert told[-1][0] == []
    everything = [event.kind for _, events in told for event in events if event.kind in ("fired", "resolved")]
    assert everything.count("fired") == everything.count("resolved")


@given(outcomes)
def test_missing_data_never_reads_as_resolved(days):
    """Whatever is not known, the alert is where it was when data comes back."""
    gap = ["no_data", "error"] * 5
    told = live(["breach", *days])
    before = told[-1][0]
    after = live(["breach", *days, *gap])
    assert all(event.kind not in ("resolved", "fired") for _, events in after[len(told) :] for event in events)
    if before and before[0].fires:
        (state,) = after[-1][0]
        assert (state.state, state.standing) == ("error", before[0].standing)


def test_what_can_never_be_known_again_is_let_go_without_a_word():
    told = live(["breach", *["no_data"] * (FORGOTTEN_AFTER + 1)])
    assert told[-1][0] == []
    assert [events for _, events in told[1:] if events] == []


def test_the_28th_day_without_data_is_remembered_and_the_29th_is_not():
    told = live(["breach", *["no_data"] * 28])
    assert [(state.state, state.standing, state.known_on) for state in told[-1][0]] == [("no_data", "firing", START)]
    after = START + timedelta(29)
    assert live(["no_data"], previous=told[-1][0], start=after) == [([], [])]
    assert path(["breach"], previous=told[-1][0], start=after) == ["firing"]
    assert kinds(["breach", *["no_data"] * 28, "clear", "clear"])[-1] == ["resolved"]


def test_a_breach_while_recovering_is_the_same_episode():
    days = ["breach", "clear", "breach", "clear", "clear"]
    assert path(days) == ["firing", "recovering", "firing", "recovering", "resolved"]
    assert kinds(days) == [["fired"], [], [], [], ["resolved"]]


def test_it_is_repeated_after_a_week_and_told_at_once_when_it_gets_worse():
    assert [day for day, found in enumerate(kinds(["breach"] * 15)) if found] == [0, 7, 14]
    calm = live(["breach"] * 2)[-1][0]
    day = START + timedelta(2)
    states, events = advance("acme", calm, [finding("breach", day, severity="critical")], VERSIONS, now=noon(day))
    assert [event.kind for event in events] == ["escalated"]
    states, events = advance("acme", states, [finding("breach", day + timedelta(1))], VERSIONS, now=noon(day))
    assert events == []


def test_an_ack_holds_for_the_episode_and_not_if_it_gets_worse():
    ack = Silence("ack", "revenue_decline", noon(START))
    assert kinds(["breach"] * 10, previous=live(["breach"])[-1][0], silences=[ack], start=START + timedelta(1)) == [
        [] for _ in range(10)
    ]
    firing = live(["breach"])[-1][0]
    worse = kinds(["breach"], previous=firing, silences=[ack], start=START + timedelta(1), severity="critical")
    assert worse == [["escalated"]]
    over = live(["clear", "clear", "clear"], previous=firing, silences=[ack], start=START + timedelta(1))
    assert [[event.kind for event in events] for _, events in over] == [[], ["resolved"], []]
    assert kinds(["breach"], silences=[ack], start=START + timedelta(30)) == [["fired"]]


def test_an_ack_of_the_first_hour_holds_east_of_utc():
    """The day is over there while it is still that day by UTC."""
    firing = live(["breach"])[-1][0]
    late = datetime(START.year, START.month, START.day, 15, 30, tzinfo=UTC)  # half past midnight in Tokyo
    for at, repeated in ((late, []), (late - timedelta(1), ["repeated"])):
        ack = Silence("ack", "revenue_decline", at)
        week = kinds(["breach"] * 7, previous=firing, silences=[ack], start=START + timedelta(1))
        assert week == [*[[]] * 6, repeated]


SILENCED = {
    "mute": {"silences": [Silence("mute", "revenue_*", noon(START))]},
    "snooze": {"silences": [Silence("snooze", "revenue_decline", noon(START), until=noon(START + timedelta(9)))]},
    "expected: Sale": {"calendar": [Expected("Sale", Window(START + timedelta(1), START + timedelta(9)))]},
}


@pytest.mark.parametrize("why", SILENCED)
def test_what_is_muted_snoozed_or_expected_is_told_neither_when_it_gets_worse_nor_when_it_is_over(why):
    firing = live(["breach"])[-1][0]
    worse = live(["breach"], previous=firing, start=START + timedelta(1), severity="critical", **SILENCED[why])
    assert [(states[0].severity, states[0].silenced_by, events) for states, events in worse] == [("critical", why, [])]
    over = live(["clear"] * 2, previous=firing, start=START + timedelta(1), **SILENCED[why])
    assert [(states[0].state, states[0].silenced_by, events) for states, events in over] == [
        ("recovering", why, []), ("resolved", why, []),
    ]  # fmt: skip


def test_what_was_snoozed_is_told_when_the_snooze_is_over():
    snooze = Silence("snooze", "revenue_decline", noon(START), until=noon(START + timedelta(3)))
    assert kinds(["breach"] * 5, silences=[snooze]) == [[], [], [], ["fired"], []]


def test_a_mute_matches_a_pattern():
    mute = Silence("mute", "channel_cac_*", noon(START))
    labels = (("channel", "meta"),)
    assert kinds(["breach"], rule="channel_cac", labels=labels, silences=[mute]) == [[]]
    assert kinds(["breach"], silences=[mute]) == [["fired"]]


def test_an_id_matches_itself_whatever_is_in_it():
    labels = (("category", "Shoes [men]"),)
    ack = Silence("ack", "stock_out_Shoes [men]", noon(START))
    assert kinds(["breach"], rule="stock_out", labels=labels, silences=[ack]) == [[]]


def test_on_an_expected_day_nothing_is_told():
    sale = Expected("BFCM", Window(START + timedelta(1), START + timedelta(2)), "revenue_*")
    told = live(["breach"] * 3, calendar=[sale], start=START + timedelta(1))
    assert [states[0].silenced_by for states, _ in told] == ["expected: BFCM"] * 3
    assert kinds(["breach"], calendar=[sale], start=START + timedelta(9)) == [["fired"]]
    assert kinds(["breach"], rule="orders_drop", calendar=[sale], start=START + timedelta(1)) == [["fired"]]


def test_a_parent_that_fires_explains_its_children():
    day = START
    child = finding("breach", day, "channel_cac", (("channel", "meta"),), at_stake=900.0)
    cac = live(["breach", "breach"], rule="cac_increase", start=day - timedelta(2))[-1][0]
    states, events = advance("acme", cac, [finding("breach", day, "cac_increase"), child], VERSIONS, now=noon(day))
    assert events == []
    assert {state.finding.id: state.silenced_by for state in states} == {
        "cac_increase": "", "channel_cac_meta": "explained by cac_increase",
    }  # fmt: skip
    _, alone = advance("acme", [], [finding("clear", day, "cac_increase"), child], VERSIONS, now=noon(day))
    assert [event.alert.finding.id for event in alone] == ["channel_cac_meta"]


def test_what_its_parent_explains_is_not_told_when_it_gets_worse():
    parent, labels = "cac_increase", (("channel", "meta"),)
    first = [finding("breach", START, parent), finding("breach", START, "channel_cac", labels)]
    states, events = advance("acme", [], first, VERSIONS, now=noon(START))
    assert [event.alert.finding.rule for event in events] == ["channel_cac"]  # the parent is not confirmed yet
    day = START + timedelta(1)
    then = [finding("breach", day, parent), finding("breach", day, "channel_cac", labels, severity="critical")]
    states, events = advance("acme", states, then, VERSIONS, now=noon(day))
    assert [(event.kind, event.alert.finding.rule) for event in events] == [("fired", parent)]
    assert [(state.severity, state.silenced_by) for state in states if state.finding.labels] == [
        ("critical", "explained by cac_increase")
    ]


def test_a_digest_tells_the_most_money_first():
    rules = {"revenue_decline": 50.0, "demand_spike": 900.0, "stock_out": None, "cm_decrease": 300.0}
    found = [finding("breach", START, rule, at_stake=money) for rule, money in rules.items()]
    _, events = advance("acme", [], found, VERSIONS, now=noon(START))
    assert [event.alert.finding.rule for event in events] == [
        "demand_spike", "cm_decrease", "revenue_decline", "stock_out",
    ]  # fmt: skip


@given(
    st.permutations([("revenue_decline", ()), ("stock_out", (("category", "a"),)), ("stock_out", (("category", "b"),))])
)
def test_the_order_of_findings_does_not_matter(order):
    found = [finding("breach", START, rule, labels) for rule, labels in order]
    states, events = advance("acme", [], found, VERSIONS, now=noon(START))
    assert {state.fingerprint for state in states} == {fingerprint(rule, "acme", labels) for rule, labels in order}
    assert [event.alert.finding.id for event in events] == ["revenue_decline", "stock_out_a", "stock_out_b"]


def test_a_backfill_tells_nothing_and_what_it_found_is_told_later():
    states, events = advance("acme", [], [finding("breach", START)], VERSIONS)
    assert ([state.state for state in states], events) == (["firing"], [])
    day = START + timedelta(1)
    _, events = advance("acme", states, [finding("hold", day)], VERSIONS, now=noon(day))
    assert [event.kind for event in events] == ["fired"]


def test_a_changed_rule_starts_anew():
    firing = live(["breach"] * 3)[-1][0]
    day = START + timedelta(3)
    edited = VERSIONS | {"revenue_decline": "another"}
    assert advance("acme", firing, [finding("hold", day)], edited, now=noon(day))[0] == []
    removed = {rule: version for rule, version in VERSIONS.items() if rule != "revenue_decline"}
    assert advance("acme", firing, [finding("clear", day, "stock_out")], removed, now=noon(day))[0] == []


def test_what_was_over_on_a_missed_day_is_told_later():
    firing = live(["breach"])[-1][0]
    for number in (1, 2):
        day = START + timedelta(number)
        firing, events = advance("acme", firing, [finding("clear", day)], VERSIONS)
        assert events == []
    for outcome in ("clear", "no_data"):
        day = START + timedelta(3)
        _, events = advance("acme", firing, [finding(outcome, day)], VERSIONS, now=noon(day))
        assert [event.kind for event in events] == ["resolved"]


def test_a_rule_that_cannot_be_evaluated_says_so_once():
    assert kinds(["error", "error", "clear"]) == [["error"], [], []]
    members = [finding("breach", START, "stock_out", (("category", name),)) for name in "ab"]
    states, _ = advance("acme", [], members, VERSIONS, now=noon(START))
    day = START + timedelta(1)
    broken = replace(finding("error", day, "stock_out"), reason="boom")
    states, events = advance("acme", states, [broken], VERSIONS, now=noon(day))
    assert sorted((state.finding.id, state.state, state.standing) for state in states) == [
        ("stock_out", "error", "error"), ("stock_out_a", "error", "firing"), ("stock_out_b", "error", "firing"),
    ]  # fmt: skip
    assert [event.alert.finding.id for event in events] == ["stock_out"]


def test_what_fires_when_a_broken_rule_is_evaluated_again_on_the_same_day_is_told():
    identity = fingerprint("revenue_decline", "acme", ())
    told = {identity: Told("error", START, "warning")}
    _, events = advance("acme", [], [finding("breach", START)], VERSIONS, now=noon(START), told=told)
    assert [event.kind for event in events] == ["fired"]


@pytest.mark.parametrize("labels", [(("a", "1"), ("b", "2")), (("b", "2"), ("a", "1"))])
def test_a_fingerprint_is_of_rule_tenant_and_labels_alone(labels):
    assert fingerprint("r", "acme", labels) == fingerprint("r", "acme", (("a", "1"), ("b", "2")))
    others = [("q", "acme", labels), ("r", "other", labels), ("r", "acme", (("a", "1"),))]
    assert len({fingerprint(*other) for other in [*others, ("r", "acme", labels)]}) == 4


def test_states_survive_their_rows():
    told = live(["breach", "clear"], rule="stock_out", labels=(("category", "food"),))
    states = told[-1][0]
    events = told[0][1]
    rows = event_rows(events, ["words"], noon(START))
    silences = pl.DataFrame(
        [("mute", "x", noon(START), None)], ["kind", "matcher", "created_at", "until"], orient="row"
    )
    days = ["name", "first_day", "last_day", "matcher"]
    calendar = pl.DataFrame([("Sale", START, START, "*")], days, orient="row")
    assert remembered(state_rows(states), rows, silences, calendar) == Memory(
        states,
        [Silence("mute", "x", noon(START))],
        [Expected("Sale", Window(START, START))],
        {events[0].alert.fingerprint: Told("fired", START, "warning")},
    )
