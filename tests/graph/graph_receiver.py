"""Receivers of what alerts have to tell, and the outbox from which it is sent."""

import logging
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
from dagster._core.instance.ref import InstanceRef
from graph_runs import Graph, defs

from connectors.wire import WireRequest, WireResponse
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
