"""Alerts in the graph: what fires is published, what was is kept, what there is to tell is told once."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import psycopg
import pytest
from graph_runs import Graph

from growthos_assets import load
from growthos_assets.alerts.evaluation import proven
from growthos_assets.cli.alerts import shop_now
from growthos_assets.loading import warehouse
from growthos_assets.reviews import known_now
from kpis import Window
from warehouse import alert_states, ledger, proofs, tenants

LAST = "2026-02-09"
CLOCK = datetime(2026, 2, 10, 5, tzinfo=UTC)


def stored(owner: psycopg.Connection[Any]) -> tuple[list[Any], list[Any]]:
    """The rows of the alert tables, with the transaction that wrote each."""
    states = owner.execute("SELECT xmin::text, t::text FROM ops.alert_states t ORDER BY 2").fetchall()
    return states, owner.execute("SELECT xmin::text, t::text FROM ops.alert_events t ORDER BY 2").fetchall()


def events(owner: psycopg.Connection[Any]) -> list[tuple[str, str, str]]:
    rows = owner.execute("SELECT window_end::text, alert_id, kind FROM ops.alert_events ORDER BY 1, 2, 3").fetchall()
    return [(day, alert, kind) for day, alert, kind in rows]


def test_the_demo_ends_with_its_clicks_grown_dear(demo_to_read: str) -> None:
    fires = load("alerts/alerts", "acme")
    assert fires["id"].to_list() == ["cac_increase", "channel_cac_google", "cost_per_click_google"]
    cac, *explained = fires.rows(named=True)
    assert (cac["severity"], cac["state"], cac["silenced_by"]) == ("warning", "firing", "")
    assert cac["why"].startswith("Because of cost per click +25.0% (92% of it)")
    assert "Where: Google Ads" in cac["why"]
    assert cac["p_value"] < 0.05
    assert 0 < cac["low"] < cac["metric_value"] < cac["high"]
    assert {alert["silenced_by"] for alert in explained} == {"explained by cac_increase"}


def test_the_same_evaluation_again_writes_no_row_and_tells_nothing(
    demo: str, graph: Graph, owner: psycopg.Connection[Any]
) -> None:
    before = stored(owner)
    assert events(owner) == [(LAST, "cac_increase", "fired")]
    assert graph.run("acme", "alerts/alerts", job="evaluate_alerts").success
    assert stored(owner) == before


def test_what_is_acknowledged_is_still_there_and_told_no_more(
    demo: str, graph: Graph, owner: psycopg.Connection[Any]
) -> None:
    alert_states.silence(warehouse(), "acme", "ack", "cac_increase", None, "on it", CLOCK)
    assert graph.run("acme", "alerts/alerts", job="evaluate_alerts").success
    fires = dict(load("alerts/alerts", "acme").select("id", "silenced_by").iter_rows())
    explained = dict.fromkeys(("channel_cac_google", "cost_per_click_google"), "explained by cac_increase")
    assert fires == {"cac_increase": "ack", **explained}
    assert events(owner) == [(LAST, "cac_increase", "fired")]


def test_a_run_of_the_past_writes_history_and_tells_nothing(
    demo: str, graph: Graph, owner: psycopg.Connection[Any]
) -> None:
    """As when somebody looks at an old day again: the tracking outage of October fires in it, nobody is woken."""
    past = {"clock": {"now": "2025-10-25T05:00:00+00:00"}}
    assert graph.run("acme", "alerts/alerts", job="evaluate_alerts", resources=past).success
    assert load("alerts/alerts", "acme")["id"].to_list() == ["tracking_outage"]
    assert events(owner) == [(LAST, "cac_increase", "fired")]
    days = owner.execute("SELECT window_end::text FROM ops.alert_states WHERE alert_id = 'tracking_outage'").fetchall()
    assert ("2025-10-24",) in days


def test_when_the_data_stops_the_alert_stays_and_the_silence_is_told(
    demo: str, graph: Graph, owner: psycopg.Connection[Any]
) -> None:
    """Four days later nothing has come: what fired is unknown now, not over."""
    later = {"clock": {"now": (CLOCK + timedelta(4)).isoformat()}}
    assert graph.run("acme", "alerts/alerts", job="evaluate_alerts", resources=later).success
    fires = load("alerts/alerts", "acme")
    states = dict(fires.select("id", "state").iter_rows())
    assert states["cac_increase"] == states["channel_cac_google"] == "no_data"
    silent = {f"no_data_{source}" for source in ("shop", "traffic", "ads:meta", "ads:google")}
    assert set(states) == {"cac_increase", "channel_cac_google", "cost_per_click_google", *silent}
    assert fires.filter(pl.col("id") == "no_data_shop")["severity"].item() == "critical"
    told = events(owner)
    assert (LAST, "cac_increase", "fired") in told
    assert {alert for _, alert, _ in told} == {"cac_increase", *silent}
    assert "resolved" not in {kind for *_, kind in told}


def pull(account: str, start: datetime, end: datetime, at: datetime, *, well: bool) -> None:
    with ledger.recording(warehouse(), "acme", ("shopify", "orders"), lambda: at, "v1") as book:
        (asked,) = book.plan([ledger.Planned("s", account, start, end, "r", {})])
        book.running(asked)
        if well:
            with warehouse().as_tenant("acme") as cursor:
                book.landed(cursor, asked, ledger.Counts(1, 1, 1, 0, 0, "1"), ledger.Effort(1, 1, 0.0))
            book.verified()
        else:
            book.failed(asked, "transient", "It broke.", ledger.Effort(1, 1, 0.0))


def test_what_the_shop_has_not_proven_is_not_taken_for_no_orders(demo: str) -> None:
    """Pulled orders are known as far as every slice is verified, imported ones up to the newest of them."""
    acme, last = tenants.get("acme"), date.fromisoformat(LAST)
    (account,) = proofs.read_to(warehouse(), "acme", "shopify", "orders")

    def known(now: datetime = CLOCK + timedelta(3)) -> tuple[date | None, list[Window]]:
        facts = shop_now(acme, now).facts
        return facts.orders_to, list(facts.unproven)

    def pulled(start: datetime, end: datetime, *, well: bool) -> None:
        pull(account, start, end, end, well=well)

    assert known(CLOCK) == known() == (last, [])
    pulled(CLOCK, CLOCK + timedelta(2, hours=3), well=True)  # at three o'clock of the third day
    assert known() == (last + timedelta(2), [])
    pulled(CLOCK + timedelta(1), CLOCK + timedelta(3), well=False)
    pulled(CLOCK + timedelta(2), CLOCK + timedelta(4), well=True)
    assert known() == (last + timedelta(4), [Window(last + timedelta(2), last + timedelta(3))])
    pulled(CLOCK + timedelta(1), CLOCK + timedelta(4), well=True)
    assert known() == (last + timedelta(4), [])
    assert ledger.forget(warehouse(), "acme", "shopify", account)
    assert known() == (last, [])


def test_what_was_proven_later_was_not_proven_then(demo: str) -> None:
    acme, last = tenants.get("acme"), date.fromisoformat(LAST)
    (account,) = proofs.read_to(warehouse(), "acme", "shopify", "orders")
    end = CLOCK + timedelta(2)
    for hours, well in ((0, False), (5, True)):
        pull(account, CLOCK, end, end + timedelta(hours=hours), well=well)
    shop = shop_now(acme, end)

    def known(known_at: datetime | None) -> tuple[date | None, list[Window]]:
        facts = proven(shop, acme, known_at).facts
        return facts.orders_to, list(facts.unproven)

    assert known(end + timedelta(hours=5)) == known(None) == (last + timedelta(2), [])
    failed = Window(last + timedelta(1), last + timedelta(2))
    assert known(end + timedelta(hours=4)) == (last, [failed])
    assert known(end - timedelta(hours=1)) == (last, [])


def test_the_review_tells_what_the_sync_of_its_own_run_could_not_pull(demo: str) -> None:
    """Such a sync ends after the instant that the run calls now."""
    acme, week = tenants.get("acme"), Window(date(2026, 2, 2), date(2026, 2, 8))
    start, end = (datetime(2026, 2, day, tzinfo=UTC) for day in (4, 6))
    pull("acme", start, end, CLOCK + timedelta(hours=1), well=False)
    assert "It broke." in known_now(acme, week, CLOCK).markdown


@pytest.mark.parametrize("table", ["alert_states", "alert_events", "alert_silences", "expected_events"])
def test_another_tenant_sees_none_of_it(demo: str, owner: psycopg.Connection[Any], table: str) -> None:
    alert_states.silence(warehouse(), "acme", "mute", "cac_*", None, "", CLOCK)
    alert_states.expect(warehouse(), "acme", "Sale", CLOCK.date(), CLOCK.date(), "*")
    assert warehouse().read(f"ops.{table}", "acme").height > 0
    assert warehouse().read(f"ops.{table}", "other").is_empty()
