"""`growthos alerts` and its commands, on the demo."""

from typing import Any

import polars as pl
import pytest
from cli_command import Command

from growthos_assets import load

TOLD = [
    "id", "severity", "title", "segment", "metric_value", "threshold", "recommendation",
    "state", "since", "silenced_by", "description", "why", "at_stake", "p_value", "low", "high", "runbook",
]  # fmt: skip


def fires(growthos: Command, *more: str) -> list[dict[str, Any]]:
    return growthos("alerts", "--tenant", "acme", "--format", "json", *more).document["alerts"]


def test_what_fires_is_what_the_table_says(demo_to_read: str, growthos: Command) -> None:
    document = growthos("alerts", "--tenant", "acme", "--format", "json").document
    assert list(document) == ["tenant", "evaluated_at", "alerts"]
    stored = load("alerts/alerts", "acme").select(TOLD).with_columns(pl.col("since").cast(pl.String))
    assert document["alerts"] == stored.to_dicts()
    assert document["alerts"][1]["silenced_by"] == "explained by cac_increase"
    shown = growthos("alerts", "-t", "acme").out
    assert "Alerts on 2026-02-03 to 2026-02-09, against the 28 days before" in shown
    assert "Chance alone: 1 in 66; with 95% confidence at least +5.7%." in shown
    assert "Because of cost per click +25.0%" in shown
    assert "not told: explained by cac_increase" in shown


def test_another_window_is_judged_by_itself(demo_to_read: str, growthos: Command) -> None:
    outage = fires(growthos, "--until", "2025-10-24")
    assert [alert["id"] for alert in outage] == ["tracking_outage"]
    assert (outage[0]["state"], outage[0]["since"], list(outage[0])) == (None, None, TOLD)
    spike = fires(growthos, "--until", "2025-12-31")
    assert [(alert["id"], alert["severity"]) for alert in spike] == [("demand_spike", "info")]
    assert "against the 112 days before" in growthos("alerts", "-t", "acme", "--days", "28").out


def test_what_cannot_be_judged_is_not_passed_for_quiet(demo_to_read: str, growthos: Command) -> None:
    early = growthos("alerts", "-t", "acme", "--until", "2025-08-30")
    assert early.out == "No alert fires on 2025-08-24 to 2025-08-30, by the rules that could be judged.\n"
    waits = "tracking_outage, orders_drop, campaign_overspend (too little history; from 2025-10-09 on at the earliest)"
    assert f"Not judged: {waits}\n" in early.err
    assert "cac_increase" not in early.err
    assert growthos("alerts", "-t", "acme", "--until", "2025-12-20").err == ""


def test_silences_come_and_go(demo: str, growthos: Command) -> None:
    def why_not_told() -> dict[str, str]:
        shown = growthos("alerts", "-t", "acme").out
        heads = [line for line in shown.splitlines() if "(cac_increase)" in line]
        return {"cac_increase": heads[0].partition("not told: ")[2]}

    assert why_not_told() == {"cac_increase": ""}
    assert growthos("alerts", "ack", "cac_increase", "-t", "acme", "--note", "Ana is on it").code == 0
    assert why_not_told() == {"cac_increase": "ack"}
    assert growthos("alerts", "unmute", "cac_increase", "-t", "acme").code == 0
    assert growthos("alerts", "snooze", "cac_increase", "-t", "acme", "--until", "2026-02-20").code == 0
    assert why_not_told() == {"cac_increase": "snooze"}
    assert growthos("alerts", "unmute", "cac_increase", "-t", "acme").code == 0
    assert growthos("alerts", "mute", "cac_*", "-t", "acme").code == 0
    assert why_not_told() == {"cac_increase": "mute"}
    assert growthos("alerts", "unmute", "cac_*", "-t", "acme").code == 0
    assert why_not_told() == {"cac_increase": ""}
    again = growthos("alerts", "unmute", "cac_*", "-t", "acme")
    assert again.code == 2
    assert "Nothing called 'cac_*' is silenced" in again.err


def test_an_expected_event_keeps_alerts_quiet(demo: str, growthos: Command) -> None:
    event = ("--add", "Price test", "--from", "2026-02-05", "--to", "2026-02-06", "--alerts", "cac_*")
    assert growthos("alerts", "events", "-t", "acme", *event).code == 0
    (listed,) = growthos("alerts", "events", "-t", "acme", "--format", "json").document["events"]
    assert listed == {"name": "Price test", "first_day": "2026-02-05", "last_day": "2026-02-06", "matcher": "cac_*"}
    assert "not told: expected: Price test" in growthos("alerts", "-t", "acme").out
    remove = ("alerts", "events", "-t", "acme", "--remove", "Price test")
    assert "Nothing is expected" in growthos(*remove).out
    again = growthos(*remove)
    assert again.code == 2
    assert "No event is called 'Price test'" in again.err


def test_history_has_the_days_and_what_is_to_be_told(demo_to_read: str, growthos: Command) -> None:
    document = growthos("alerts", "history", "-t", "acme", "--days", "14", "--format", "json").document
    of_cac = {row["window_end"]: row["state"] for row in document["states"] if row["alert_id"] == "cac_increase"}
    assert (of_cac["2026-02-07"], of_cac["2026-02-08"], of_cac["2026-02-09"]) == ("pending", "firing", "firing")
    (event,) = document["events"]
    assert (event["kind"], event["alert_id"], event["sent_at"]) == ("fired", "cac_increase", None)
    assert "Review CAC by channel" in event["message"]
    assert "docs/alerts.md#cac_increase" in event["message"]
    shown = growthos("alerts", "history", "-t", "acme").out
    assert "explained by cac_increase" in shown
    assert "not yet" in shown


def test_the_backtest_finds_what_goes_wrong_in_the_demo(demo_to_read: str, growthos: Command) -> None:
    """Every anomaly in its time: daily rules within two days, weekly ones within their week; hardly a false alarm."""
    document = growthos("alerts", "backtest", "-t", "acme", "--days", "180", "--format", "json").document
    assert document["window"]["days"] == 180
    assert document["noticed"] == {
        "stock_out": "2025-10-15",  # weekly; from 10-09 to 10-15
        "tracking_outage": "2025-10-23",  # its first day
        "spend_surge": "2025-11-21",  # its second day
        "demand_spike": "2025-12-26",  # its second day
        "cost_per_click_rise": "2026-02-06",  # weekly; from 02-03 to 02-09
    }
    assert document["unexplained_per_30_days"] <= 1
    assert document["unexplained"] == len([e for e in document["episodes"] if e["cause"] is None])
    shown = growthos("alerts", "backtest", "-t", "acme").out
    assert "tracking_outage: noticed on 2025-10-23" in shown
    assert "in 30 days" in shown


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("", "Missing option '--tenant'"),
        (
            "ack cac_rise -t acme",
            "No alert 'cac_rise' has been seen. Seen were: cac_increase, channel_cac_google, cost_per_click_google.",
        ),
        ("snooze cac_increase -t acme", "Missing option '--until'"),
        ("snooze cac_increase -t acme --until 2026-02-09", "2026-02-09 is not a day to come"),
        ("events -t acme --add Sale", "An event needs its first day"),
        ("events -t acme --add Sale --from 2026-02-02 --to 2026-02-01", "cannot end before it starts"),
        (f"events -t acme --add {'s' * 3_000} --from 2026-02-02", "name is too long to be a key."),
        ("history -t nosuch", "There is no tenant 'nosuch'"),
    ],
)
def test_wrong_use_says_what_is_wrong(demo_to_read: str, growthos: Command, arguments: str, says: str) -> None:
    done = growthos("alerts", *arguments.split())
    assert done.code == 2
    assert says in " ".join((done.err + done.out).replace("│", " ").split())
