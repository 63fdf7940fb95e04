"""Each injected anomaly is in the records, as large as its row of the table says."""

from collections import Counter
from datetime import date
from decimal import Decimal
from statistics import mean

import pytest

from connectors.demo import ANOMALIES

BY_KIND = {anomaly.kind: anomaly for anomaly in ANOMALIES}


def lift(by_day, anomaly):
    """What the measure is on the anomaly's days, over what it is on as many days before and after."""
    first, last = anomaly.first_day, anomaly.last_day
    length = last - first + 1
    around = [*range(first - length, first), *range(last + 1, min(last + 1 + length, 180))]
    during = mean(float(by_day[day]) for day in range(first, last + 1))
    return during / mean(float(by_day[day]) for day in around)


@pytest.fixture(scope="module")
def google(payloads, local_day):
    """Google's cost and clicks by day."""
    cost, clicks = Counter(), Counter()
    for row in payloads["google_ads/insights"]:
        day = local_day(row["segments"]["date"])
        cost[day] += int(row["metrics"]["costMicros"])
        clicks[day] += int(row["metrics"]["clicks"])
    return cost, clicks


@pytest.fixture(scope="module")
def sessions(payloads, local_day):
    by_day = Counter()
    for row in payloads["ga4/traffic"]:
        text = row["dimensions"]["date"]
        by_day[local_day(f"{text[:4]}-{text[4:6]}-{text[6:]}")] += int(row["metrics"]["sessions"])
    return by_day


def test_demand_spike_in_orders_and_sessions(payloads, local_day, sessions):
    orders = Counter(local_day(order["createdAt"]) for order in payloads["shopify/orders"])
    assert lift(orders, BY_KIND["demand_spike"]) == pytest.approx(1.6, abs=0.25)
    assert lift(sessions, BY_KIND["demand_spike"]) == pytest.approx(1.6, abs=0.3)


def test_stock_out_halves_the_lines_of_one_product_type(payloads, local_day):
    anomaly = BY_KIND["stock_out"]
    out, others = Counter(), Counter()
    for order in payloads["shopify/orders"]:
        for line in order["lineItems"]["nodes"]:
            gone = line["product"]["productType"] == anomaly.target
            (out if gone else others)[local_day(order["createdAt"])] += 1
    assert lift(out, anomaly) == pytest.approx(anomaly.factor, abs=0.15)
    assert lift(others, anomaly) == pytest.approx(1, abs=0.2)


def test_spend_of_one_campaign_doubles(payloads, local_day):
    anomaly = BY_KIND["spend_surge"]
    spend, others = Counter(), Counter()
    for row in payloads["meta/insights"]:
        surging = row["campaign_name"] == anomaly.target
        (spend if surging else others)[local_day(row["date_start"])] += Decimal(row["spend"])
    assert lift(spend, anomaly) == pytest.approx(anomaly.factor, abs=0.2)
    assert lift(others, anomaly) == pytest.approx(1, abs=0.1)


def test_the_same_google_clicks_cost_more(google):
    cost, clicks = google
    anomaly = BY_KIND["cost_per_click_rise"]
    assert lift(cost, anomaly) / lift(clicks, anomaly) == pytest.approx(anomaly.factor, abs=0.1)
    assert lift(clicks, anomaly) == pytest.approx(1, abs=0.15)


def test_blended_cac_of_the_last_week_is_up_by_more_than_15_percent(payloads, local_day, google):
    spend = Counter({day: Decimal(micros) / 1_000_000 for day, micros in google[0].items()})
    for row in payloads["meta/insights"]:
        spend[local_day(row["date_start"])] += Decimal(row["spend"])
    new = Counter(local_day(c["createdAt"]) for c in payloads["shopify/customers"] if c["numberOfOrders"] != "0")
    last, before = (
        sum(spend[day] for day in week) / sum(new[day] for day in week) for week in (range(173, 180), range(166, 173))
    )
    assert last / before > Decimal("1.18")


def test_tracking_outage(sessions):
    anomaly = BY_KIND["tracking_outage"]
    assert lift(sessions, anomaly) == pytest.approx(anomaly.factor, abs=0.05)


def test_an_anomaly_knows_its_dates():
    assert BY_KIND["cost_per_click_rise"].dates(date(2025, 8, 14)) == (date(2026, 2, 3), date(2026, 2, 9))
