"""What alerts have to tell arrives: every digest at every destination, and nothing where it does not belong."""

import json
import logging
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from graph_receiver import DAY, LOGGER, Receiver, deliver, evaluate, outbox, sense, unsent
from graph_runs import BY_HAND, Graph
from graph_shop import open_shop

from connectors import destinations
from connectors.wire import WireResponse
from growthos_assets import automation
from growthos_assets.alerts import delivery
from growthos_assets.loading import warehouse
from warehouse import alert_states


def test_from_kpi_daily_to_slack_and_webhook(
    demo: str, graph: Graph, receiver: Receiver, owner: psycopg.Connection[Any]
) -> None:
    owner.execute("TRUNCATE ops.alert_events, ops.alert_states, ops.alert_deliveries")
    secrets = receiver.connect("acme", "webhook", "slack")
    assert graph.run("acme", "kpis/kpi_daily", job=BY_HAND).success
    (asked,) = sense(graph, automation.alerts_on_kpis).run_requests
    assert graph.run(asked.partition_key, job="evaluate_alerts").success
    assert unsent("acme") == ["cac_increase"]

    tick = sense(graph, automation.deliver_alerts)
    assert (tick.run_requests, tick.skip_message) == ([], "Deliveries: 3 sent.")
    (signed,) = receiver.got["webhook"]
    (event,) = json.loads(signed.body)["events"]
    assert (event["kind"], event["alert_id"]) == ("fired", "cac_increase")
    assert "Because of cost per click +25.0%" in event["message"]
    timestamp = int(signed.headers["growthos-signature"].partition(",")[0].removeprefix("t="))
    expected = destinations.signature(str(secrets["webhook"]), timestamp, signed.body)
    assert signed.headers["growthos-signature"] == expected
    (posted,) = receiver.got["slack"]
    assert "Because of cost per click +25.0%" in json.loads(posted.body)["blocks"][1]["text"]["text"]
    assert {row["state"] for row in outbox("acme").values()} == {"sent"}
    assert unsent("acme") == []

    assert graph.run("acme", "alerts/alerts", job="evaluate_alerts").success
    assert sense(graph, automation.deliver_alerts).skip_message == "No delivery is due."
    assert {channel: len(got) for channel, got in receiver.got.items()} == {"webhook": 1, "slack": 1}


@pytest.mark.parametrize(
    "resources",
    [
        {"warehouse": {"known_at": "2026-02-10T04:00:00+00:00"}},
        {"clock": {"now": "2025-10-25T05:00:00+00:00"}},
    ],
    ids=["known-at", "a past day"],
)
def test_who_looks_at_the_past_wakes_nobody(
    demo: str, graph: Graph, owner: psycopg.Connection[Any], resources: dict[str, dict[str, str]]
) -> None:
    owner.execute("TRUNCATE ops.alert_events, ops.alert_deliveries")
    assert graph.run("acme", "alerts/alerts", job="evaluate_alerts", resources=resources).success
    assert owner.execute("SELECT FROM ops.alert_deliveries").fetchall() == []


def test_the_log_is_always_told(shop: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER.name)
    evaluate("shop", "cac_increase", "stock_out")
    assert deliver() == {"sent": 1}
    assert "2 alerts of shop after 2026-02-09\nfired (warning): cac_increase: it's high\n" in caplog.text
    assert unsent() == []


def test_what_was_told_is_not_put_into_the_outbox_again(shop: str, receiver: Receiver) -> None:
    receiver.connect("shop", "webhook")
    evaluate("shop", "cac_increase")
    evaluate("shop", "cac_increase")
    assert deliver() == {"sent": 2}
    evaluate("shop", "cac_increase", "stock_out")
    assert deliver() == {"sent": 2}
    told = [[event["alert_id"] for event in json.loads(request.body)["events"]] for request in receiver.got["webhook"]]
    assert told == [["cac_increase"], ["stock_out"]]
    assert len(set(receiver.keys())) == 2


def test_the_outbox_is_written_with_the_events_or_not_at_all(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(alert_states, "_deliveries", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            evaluate("shop", "cac_increase")
    assert unsent() == []
    evaluate("shop", "cac_increase")
    assert unsent() == ["cac_increase"]
    assert list(outbox()) == ["log"]


def test_a_tenant_is_told_its_own_alone(shop: str, receiver: Receiver, graph: Graph) -> None:
    open_shop("other")
    receiver.connect("other", "webhook")
    evaluate("shop", "cac_increase")
    evaluate("other", "stock_out")
    assert sense(graph, automation.deliver_alerts).skip_message == "Deliveries: 3 sent."
    (request,) = receiver.got["webhook"]
    assert json.loads(request.body)["tenant"] == "other"
    assert [row["channel"] for row in outbox("shop").values()] == ["log"]
    assert warehouse().read("ops.alert_deliveries", "nobody").is_empty()


def test_destinations_are_no_sources(shop: str, receiver: Receiver) -> None:
    from growthos_assets import connections

    receiver.connect("shop", "webhook", "slack")
    assert connections.everything("shop") == []
    assert [(one.channel, one.address) for one in delivery.everything("shop")] == [
        ("slack", f"{receiver.base}/…"),
        ("webhook", f"{receiver.base}/…"),
    ]


def test_no_log_and_no_table_holds_a_secret(
    shop: str, receiver: Receiver, owner: psycopg.Connection[Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = receiver.connect("shop", "webhook", "slack")["webhook"]
    receiver.answers = {"webhook": [WireResponse(500, b"planted-body")], "slack": [WireResponse(410, b"planted-body")]}
    evaluate("shop", "cac_increase")
    assert deliver() == {"sent": 1, "pending": 1, "failed": 1}
    tables = owner.execute("SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'ops'")
    held = repr([owner.execute(f"SELECT t::text FROM {name} t".encode()).fetchall() for (name,) in tables.fetchall()])
    assert "cac_increase" in held
    for word in ("planted", str(secret)):
        assert word not in held + caplog.text
        assert word.encode().hex() not in held


def test_the_outbox_forgets_what_was_sent_90_days_ago_and_keeps_what_failed(shop: str, receiver: Receiver) -> None:
    receiver.connect("shop", "webhook")
    receiver.answers["webhook"] = [WireResponse(410, b"")]
    evaluate("shop", "cac_increase")
    assert deliver() == {"sent": 1, "failed": 1}
    evaluate("shop", "stock_out", day=DAY + timedelta(1))
    assert deliver(after=timedelta(days=89)) == {"sent": 2}
    assert len(alert_states.deliveries(warehouse(), "shop", DAY)) == 4
    assert deliver(after=timedelta(days=500)) == {}  # nothing was sent, nothing is looked through
    evaluate("shop", "orders_drop", day=DAY + timedelta(2))
    assert deliver(after=timedelta(days=91)) == {"sent": 2}
    kept = alert_states.deliveries(warehouse(), "shop", DAY).select("window_end", "channel", "state").rows()
    later = [(DAY + timedelta(days), channel, "sent") for days in (2, 1) for channel in ("log", "webhook")]
    assert sorted(kept) == sorted([*later, (DAY, "webhook", "failed")])
    evaluate("shop", "cac_increase")  # what was told is remembered by its event, not by the outbox
    assert deliver(after=timedelta(days=92)) == {}
