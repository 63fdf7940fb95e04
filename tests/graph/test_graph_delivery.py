"""What alerts have to tell arrives: every digest at every destination, none lost, none twice."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import psycopg
import pytest
from dagster._core.instance.ref import InstanceRef
from graph_runs import BY_HAND, Graph, defs
from graph_shop import open_shop
from hypothesis import given
from hypothesis import strategies as st

from connectors import destinations
from connectors.fake.serving import serving
from connectors.wire import WireRequest, WireResponse
from growthos_assets import automation
from growthos_assets.alerts import delivery
from growthos_assets.loading import warehouse
from kpis.alerts.records import EVENTS
from warehouse import alert_states

DAY = date(2026, 2, 9)
LOGGER = logging.getLogger("tests.delivery")
OK = WireResponse(200, b"ok")
STORED = InstanceRef.from_dir(str(Path(__file__).parent))
"""A tick looks partitions up only where it is told of a stored instance; it then asks the one that it is given."""


class Receiver:
    """Two receivers on one socket; each answers what is next in its list, and OK when there is nothing left."""

    def __init__(self) -> None:
        self.base = ""
        self.got: dict[str, list[WireRequest]] = {"webhook": [], "slack": []}
        self.answers: dict[str, list[WireResponse | Callable[[], WireResponse]]] = {"webhook": [], "slack": []}

    def app(self, channel: str) -> Callable[[WireRequest], WireResponse]:
        def answer(request: WireRequest) -> WireResponse:
            self.got[channel].append(request)
            following = self.answers[channel].pop(0) if self.answers[channel] else OK
            return following() if callable(following) else following

        return answer

    def keys(self) -> list[str]:
        return [request.headers["idempotency-key"] for request in self.got["webhook"]]

    def connect(self, tenant: str, *channels: str) -> dict[str, str | None]:
        """Add the destinations; their signing secrets."""
        return {
            channel: delivery.add(tenant, channel, "default", f"{self.base}/{channel}/planted-path?planted-query")
            for channel in channels
        }


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    with serving({channel: made.app(channel) for channel in made.got}) as made.base:
        yield made


def evaluate(tenant: str, *alerts: str, day: date = DAY) -> None:
    """As an evaluation of that window, which has this to tell."""
    rows = [
        {
            "fingerprint": f"print-of-{alert}",
            "window_end": day,
            "kind": "fired",
            "alert_id": alert,
            "severity": "warning",
            "at_stake": None,
            "message": f"{alert}: it's high",
            "created_at": datetime(2026, 2, 10, 5, tzinfo=UTC),
            "sent_at": None,
        }
        for alert in alerts
    ]
    alert_states.record(warehouse(), tenant, {}, pl.DataFrame(rows, schema=EVENTS))


def deliver(tenant: str = "shop", after: timedelta = timedelta(0)) -> Counter[str]:
    return delivery.deliver(tenant, datetime.now(UTC) + after, LOGGER)


def outbox(tenant: str = "shop") -> dict[str, dict[str, Any]]:
    """{channel: its only delivery}"""
    rows = alert_states.deliveries(warehouse(), tenant, DAY).rows(named=True)
    found = {row["channel"]: row for row in rows}
    assert len(found) == len(rows)
    return found


def unsent(tenant: str = "shop") -> list[str]:
    _, events = alert_states.history(warehouse(), tenant, DAY)
    return events.filter(pl.col("sent_at").is_null())["alert_id"].to_list()


def sense(graph: Graph, sensor: dg.SensorDefinition) -> Any:
    context = dg.build_sensor_context(graph.instance, definitions=defs(), sensor_name=sensor.name, instance_ref=STORED)
    return sensor.evaluate_tick(context)


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


def test_an_error_is_tried_again_later_and_others_do_not_wait(shop: str, receiver: Receiver) -> None:
    receiver.connect("shop", "webhook", "slack")
    receiver.answers["webhook"] = [WireResponse(500, b"")]
    evaluate("shop", "cac_increase")
    assert deliver() == {"sent": 2, "pending": 1}
    assert outbox()["webhook"]["error"] == f"{receiver.base}/… answered 500. It passes by itself."
    assert unsent() == ["cac_increase"]
    assert deliver() == {}
    assert deliver(after=timedelta(seconds=61)) == {"sent": 1}
    row = outbox()["webhook"]
    assert (row["state"], row["attempts"], row["error"], row["next_try_at"]) == ("sent", 2, None, None)
    assert len(set(receiver.keys())) == 1
    assert len(receiver.keys()) == 2
    assert len(receiver.got["slack"]) == 1
    assert unsent() == []


def test_a_drop_after_receipt_and_a_late_answer_come_again_with_the_same_key(
    shop: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()

    def late() -> WireResponse:
        time.sleep(0.4)
        answered.set()
        return OK

    monkeypatch.setattr(destinations, "TIMEOUT", 0.2)
    receiver.connect("shop", "webhook")
    receiver.answers["webhook"] = [WireResponse(200, b"taken", cut=0), late]
    evaluate("shop", "cac_increase")
    assert deliver() == {"sent": 1, "pending": 1}
    assert deliver(after=timedelta(minutes=2)) == {"pending": 1}
    assert outbox()["webhook"]["error"] == f"{receiver.base}/… did not answer in time."
    assert answered.wait(5)
    assert deliver(after=timedelta(minutes=10)) == {"sent": 1}
    assert len(receiver.keys()) == 3
    assert len(set(receiver.keys())) == 1
    assert len({request.body for request in receiver.got["webhook"]}) == 1


def test_a_receiver_that_asks_for_time_gets_it(shop: str, receiver: Receiver) -> None:
    receiver.connect("shop", "slack")
    receiver.answers["slack"] = [WireResponse(429, b"", {"retry-after": "600"})]
    evaluate("shop", "cac_increase")
    assert deliver() == {"sent": 1, "pending": 1}
    assert deliver(after=timedelta(minutes=9)) == {}
    assert deliver(after=timedelta(minutes=11)) == {"sent": 1}


def test_what_is_gone_fails_for_good_and_says_so(
    shop: str, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.connect("shop", "webhook")
    receiver.answers["webhook"] = [WireResponse(410, b"")]
    evaluate("shop", "cac_increase")
    assert deliver() == {"sent": 1, "failed": 1}
    assert outbox()["webhook"]["error"].endswith("it is gone for good. Remove it, or add its new address.")
    assert "webhook/default of shop: http://127.0.0.1" in caplog.text
    assert "(given up)" in caplog.text
    assert deliver(after=timedelta(days=9)) == {}
    assert unsent() == ["cac_increase"]


def test_who_is_down_for_days_is_given_up(shop: str, receiver: Receiver) -> None:
    receiver.connect("shop", "webhook")
    receiver.answers["webhook"] = [WireResponse(503, b"")] * 30
    evaluate("shop", "cac_increase")
    came_to = [deliver(after=timedelta(hours=7 * attempt)) for attempt in range(25)]
    assert [counted["pending"] for counted in came_to] == [1] * 19 + [0] * 6
    assert [counted["failed"] for counted in came_to] == [0] * 19 + [1] + [0] * 5
    assert outbox()["webhook"]["error"].startswith("Given up after 20 attempts; the last: ")
    assert len(receiver.keys()) == 20


@given(st.integers(1, delivery.ATTEMPTS))
def test_waits_double_up_to_their_bound(attempt: int) -> None:
    assert timedelta(minutes=1) <= delivery.wait(attempt) <= timedelta(hours=6)
    assert delivery.wait(attempt + 1) in (2 * delivery.wait(attempt), timedelta(hours=6))
    assert sum(map(delivery.wait, range(1, delivery.ATTEMPTS)), timedelta(0)) > timedelta(hours=68)


def test_what_waits_for_a_removed_destination_is_given_up(shop: str, receiver: Receiver) -> None:
    receiver.connect("shop", "webhook")
    evaluate("shop", "cac_increase")
    delivery.remove("shop", "webhook", "default")
    assert deliver() == {"sent": 1, "failed": 1}
    assert outbox()["webhook"]["error"] == "The destination was removed before this could be sent."
    assert receiver.keys() == []


def test_a_secret_that_cannot_be_opened_now_loses_nothing(
    shop: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.connect("shop", "webhook")
    evaluate("shop", "cac_increase")
    with monkeypatch.context() as patch:
        patch.setenv("GROWTHOS_ENCRYPTION_KEY", "ab" * 32)
        assert deliver() == {"sent": 1, "pending": 1}
    assert deliver(after=timedelta(minutes=2)) == {"sent": 1}


def test_two_sensors_at_once_deliver_once(shop: str, receiver: Receiver, graph: Graph) -> None:
    receiver.connect("shop", "webhook")
    both = threading.Barrier(2)
    entered = threading.Event()

    def hold() -> WireResponse:
        entered.set()
        time.sleep(0.3)
        return OK

    receiver.answers["webhook"] = [hold]
    evaluate("shop", "cac_increase")

    def tick(_: int) -> str:
        both.wait()
        return sense(graph, automation.deliver_alerts).skip_message

    with ThreadPoolExecutor(2) as pool:
        said = sorted(pool.map(tick, range(2)))
    assert entered.is_set()
    assert len(receiver.keys()) == 1
    assert {row["state"] for row in outbox().values()} == {"sent"}
    assert unsent() == []
    counts = [int(word) for message in said for word in message.split() if word.isdigit()]
    assert sum(counts) == 2


def test_a_process_killed_between_send_and_mark_sends_again_under_the_same_key(shop: str, receiver: Receiver) -> None:
    receiver.connect("shop", "webhook")
    evaluate("shop", "cac_increase")
    program = (
        "import logging; from datetime import UTC, datetime; from growthos_assets.alerts.delivery import deliver; "
        "deliver('shop', datetime.now(UTC), logging.getLogger())"
    )
    child: list[subprocess.Popen[bytes]] = []

    def kill() -> WireResponse:
        os.kill(child[0].pid, signal.SIGKILL)
        return OK

    receiver.answers["webhook"] = [kill]
    root = os.path.dirname(os.path.dirname(automation.__file__))
    child.append(subprocess.Popen([sys.executable, "-c", program], cwd=root))
    assert child[0].wait(60) == -signal.SIGKILL
    assert len(receiver.keys()) == 1
    assert outbox()["webhook"]["state"] == "pending"

    deadline = time.monotonic() + 10  # the server takes a moment to notice that the lock's holder is gone
    while outbox()["webhook"]["state"] == "pending" and time.monotonic() < deadline:
        deliver()
    assert outbox()["webhook"]["state"] == "sent"
    first, second = receiver.got["webhook"]
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.body == second.body


def test_a_tick_sends_no_more_once_its_time_is_over(shop: str, receiver: Receiver) -> None:
    receiver.connect("shop", "webhook")
    evaluate("shop", "cac_increase")
    assert delivery.deliver("shop", datetime.now(UTC), LOGGER, until=time.monotonic() - 1) == {}
    assert receiver.keys() == []
    assert deliver() == {"sent": 2}


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


def test_one_tenants_trouble_is_not_the_others(
    shop: str, receiver: Receiver, graph: Graph, owner: psycopg.Connection[Any]
) -> None:
    open_shop("other")
    receiver.connect("other", "webhook")
    for tenant in ("shop", "other"):
        evaluate(tenant, "cac_increase")
    intact = owner.execute("SELECT digest::text FROM ops.alert_deliveries WHERE tenant_id = 'shop'").fetchone()
    owner.execute("UPDATE ops.alert_deliveries SET digest = '{}' WHERE tenant_id = 'shop'")
    assert sense(graph, automation.deliver_alerts).skip_message == "Deliveries: 1 broken off, 2 sent."
    assert len(receiver.keys()) == 1
    owner.execute("UPDATE ops.alert_deliveries SET digest = %s WHERE tenant_id = 'shop'", intact)
    assert sense(graph, automation.deliver_alerts).skip_message == "Deliveries: 1 sent."


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
