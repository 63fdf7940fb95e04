"""Whatever goes wrong on the way, no digest is lost and none comes twice under another key."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from graph_receiver import LOGGER, OK, Receiver, deliver, evaluate, outbox, sense, unsent
from graph_runs import Graph
from graph_shop import open_shop
from hypothesis import given
from hypothesis import strategies as st

from connectors import destinations
from connectors.wire import WireResponse
from growthos_assets import automation
from growthos_assets.alerts import delivery


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
