"""`growthos alerts deliveries`: what failed can be seen, and sent again."""

import logging
from datetime import UTC, date, datetime

import polars as pl
import pytest
from cli_command import Command

from connectors.fake.serving import serving
from connectors.wire import WireRequest, WireResponse
from growthos_assets.alerts import delivery
from growthos_assets.loading import warehouse
from kpis.alerts.records import EVENTS
from warehouse import alert_states


def something_to_tell(tenant: str) -> None:
    row = {
        "fingerprint": "print", "window_end": date(2026, 2, 9), "kind": "fired", "alert_id": "cac_increase",
        "severity": "warning", "message": "It is high.", "created_at": datetime(2026, 2, 10, tzinfo=UTC),
    }  # fmt: skip
    alert_states.record(warehouse(), tenant, {}, pl.DataFrame([row], schema=EVENTS))


def test_a_failed_delivery_is_seen_and_sent_again(growthos: Command, shop: str) -> None:
    answers = [410, 500, 410, 200]
    got: list[bytes] = []

    def receive(request: WireRequest) -> WireResponse:
        got.append(request.body)
        return WireResponse(answers.pop(0), b"")

    ask = ("alerts", "deliveries", "--tenant", shop)
    assert growthos(*ask).out == "Nothing was to be delivered yet.\n"
    with serving({"hook": receive}) as base:
        growthos("alerts", "destination", "add", "webhook", f"{base}/hook/planted", "-t", shop)
        something_to_tell(shop)
        delivery.deliver(shop, datetime.now(UTC), logging.getLogger(__name__))
        assert growthos(*ask, "--failed").code == 0
        (failed,) = growthos(*ask, "--failed", "--format", "json").document["deliveries"]
        assert (failed["channel"], failed["state"], failed["attempts"]) == ("webhook", "failed", 1)
        assert len(growthos(*ask, "--format", "json").document["deliveries"]) == 2
        shown = growthos(*ask, "--failed").out
        digest = failed["digest_id"][:12]
        assert digest in shown
        assert "gone for good" in shown
        assert "planted" not in shown

        resend = ("alerts", "deliveries", "resend", digest, "--tenant", shop)
        still = growthos(*resend)
        assert still.code == 1
        assert "webhook/default:" in still.err
        assert "answered 500" in still.err
        assert growthos(*resend).code == 2  # it is due again by itself: nothing is given up
        alert_states.deliver_next(
            warehouse(), shop, datetime(2100, 1, 1, tzinfo=UTC), lambda due: alert_states.Outcome("Given up.")
        )
        assert growthos(*resend).code == 1
        done = growthos(*resend)
        assert (done.code, done.out) == (0, "webhook/default: delivered.\n")
    assert len(got) == 4
    assert len(set(got)) == 1
    assert growthos(*ask, "--failed").out == "No delivery was given up.\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("resend 9f2c -t {shop}", "No delivery of a digest '9f2c' was given up. No delivery was given up."),
        ("", "Missing option '--tenant'"),
        ("-t nosuch", "There is no tenant 'nosuch'"),
    ],
)
def test_wrong_use_says_what_is_wrong(growthos: Command, shop: str, arguments: str, says: str) -> None:
    done = growthos("alerts", "deliveries", *arguments.format(shop=shop).split())
    assert done.code == 2
    assert says in " ".join((done.err + done.out).replace("│", " ").split())
