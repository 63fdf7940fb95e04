"""Every alert vector of the predecessor, with the deliberate differences marked as such."""

from datetime import date

import polars as pl
import pytest

from kpis import Window
from kpis.alerts import RULES, SCHEMA, evaluate, resolve_thresholds

WEEK = Window(date(2026, 2, 3), date(2026, 2, 9))
BASE = {"revenue": 100000, "spend": 20000, "new": 200, "orders": 500, "cm": 30000, "net": 90000}
COLUMNS = {
    "revenue": "revenue_gross",
    "spend": "spend",
    "new": "new_customers",
    "orders": "orders",
    "cm": "contribution_margin",
    "net": "revenue_net",
}


def cohorts_of(current=0.25, baseline=0.25):
    schema = {
        "cohort_month": pl.String,
        "cohort_size": pl.Int64,
        "d30_retention": pl.Float64,
        "is_left_truncated": pl.Boolean,
    }
    rows = [("2025-10", 10, 0.9, True), ("2025-11", 10, baseline, False), ("2025-12", 10, current, False)]
    return pl.DataFrame(rows, schema=schema, orient="row")


@pytest.fixture(scope="session")
def fire(state_of):
    """Evaluates the base week with overrides; a channel name as key gives (current, previous) columns."""

    def run(d30=0.25, thresholds=None, channel_names=None, channels=None, **overrides):
        prev = {k.removeprefix("prev_"): v for k, v in overrides.items() if k.startswith("prev_")}
        now = {k: v for k, v in overrides.items() if not k.startswith("prev_")}
        weeks = ((WEEK.end, {**BASE, **now}), (WEEK.previous().end, {**BASE, **prev}))
        rows = [
            {"date": day, "channel_id": "direct", **{COLUMNS[k]: v for k, v in week.items()}} for day, week in weeks
        ]
        for channel, (current, previous) in (channels or {}).items():
            for day, (spend, new) in ((WEEK.end, current), (WEEK.previous().end, previous)):
                rows.append({"date": day, "channel_id": channel, "spend": spend, "new_customers": new})
        return evaluate(state_of(*rows), cohorts_of(d30), WEEK, thresholds, channel_names)

    return run


def fired(alerts):
    rows = alerts.filter(~pl.col("id").str.starts_with("channel_cac"))
    return {row["id"]: (row["severity"], row["metric_value"]) for row in rows.iter_rows(named=True)}


CAC, CM, D30, MER = "cac_increase", "cm_decrease", "retention_drop", "mer_deterioration"
REVENUE, NEW = "revenue_decline", "new_customer_decline"

VECTORS = [
    ({}, {}),
    ({"new": 171}, {CAC: ("warning", 0.169591)}),
    ({"new": 150}, {CAC: ("critical", 0.333333), NEW: ("info", -0.10)}),
    ({"cm": 25000}, {CM: ("warning", -0.055556)}),
    ({"cm": 20000}, {CM: ("critical", -0.111111)}),
    ({"d30": 0.18}, {D30: ("warning", -0.07)}),
    ({"d30": 0.12}, {D30: ("critical", -0.13)}),
    ({"revenue": 85000}, {REVENUE: ("warning", -0.15)}),
    ({"revenue": 75000}, {REVENUE: ("critical", -0.25)}),
    ({"new": 100}, {CAC: ("critical", 1.0), NEW: ("info", -0.20)}),
    ({"spend": 24000, "revenue": 101000}, {CAC: ("warning", 0.20), MER: ("warning", -0.158333)}),
    (
        {"revenue": 85000, "new": 150, "cm": 25000},
        {
            CAC: ("critical", 0.333333),
            CM: ("warning", -0.055556),
            REVENUE: ("warning", -0.15),
            NEW: ("info", -0.10),
        },
    ),
    ({"spend": 24000, "revenue": 130000, "new": 240}, {}),
    ({"spend": 23000, "revenue": 115000}, {}),
    ({"spend": 23100, "revenue": 115500}, {CAC: ("warning", 0.155)}),
    ({"revenue": 90000}, {}),
    ({"revenue": 89999}, {REVENUE: ("warning", -0.10001)}),
    ({"revenue": 80000}, {REVENUE: ("warning", -0.20)}),
    ({"cm": 27300}, {}),
    ({"d30": 0.20}, {}),
    ({"d30": 0.15}, {D30: ("warning", -0.10)}),
    ({"spend": 0}, {}),
]


@pytest.mark.parametrize(("overrides", "expected"), VECTORS)
def test_the_predecessors_vectors(fire, overrides, expected):
    alerts = fired(fire(**overrides))
    assert list(alerts) == list(expected)  # in rule order
    for rule, (severity, metric) in expected.items():
        assert alerts[rule] == (severity, pytest.approx(metric, abs=1e-6))


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        # There CAC became 0 without new customers, and 100 % worse than a 0 the week before.
        ({"new": 0}, {NEW: ("info", -0.40)}),
        ({"prev_new": 0}, {}),
        ({"prev_spend": 0}, {}),
        ({"spend": None}, {}),
        # There -8.0 points fired as -0.08000000000000002.
        ({"new": 160, "spend": 16000}, {}),
        # There a baseline of 0.15 was made up when no cohort was mature.
        ({"d30": None}, {}),
    ],
)
def test_deliberate_differences(fire, overrides, expected):
    alerts = fired(fire(**overrides))
    assert alerts == {rule: (severity, pytest.approx(metric)) for rule, (severity, metric) in expected.items()}


def channel_alerts(fire, channels, **more):
    alerts = fire(channels=channels, **more)
    rows = alerts.filter(pl.col("id").str.starts_with("channel_cac_"))
    return rows.select("id", "severity", "segment", "metric_value").rows()


def test_a_channel_alert_is_named_by_the_channels_id(fire):
    steady = {"prev_spend": 20000, "spend": 20000}
    channels = {"meta": ((8000, 40), (5000, 50)), "google": ((900, 5), (600, 5))}
    assert channel_alerts(fire, channels, channel_names={"meta": "Meta Ads"}, **steady) == [
        ("channel_cac_google", "warning", "google", pytest.approx(0.5)),
        ("channel_cac_meta", "warning", "Meta Ads", pytest.approx(1.0)),
    ]


@pytest.mark.parametrize("week", [((500, 1), (500, 10)), ((100, 1), (50, 10)), ((8000, 0), (5000, 50))])
def test_small_or_unknown_channels_stay_quiet(fire, week):
    assert channel_alerts(fire, {"organic": week}) == []


def test_exactly_the_channel_threshold_stays_quiet(fire):
    assert channel_alerts(fire, {"meta": ((6250, 50), (5000, 50))}) == []


def test_an_alert_says_the_numbers_and_what_to_do(fire):
    row = fire(spend=24000, revenue=101000).row(1, named=True)
    assert row["description"] == (
        "MER (gross) -15.8% (5.00× → 4.21×); Ad spend +20.0% (20,000 → 24,000); "
        "Gross revenue +1.0% (100,000 → 101,000). The warning line is -10.0%."
    )
    assert (row["threshold"], row["segment"]) == (-0.10, "Marketing Efficiency")
    assert row["recommendation"].startswith("Audit")
    retention = fire(d30=0.12).row(0, named=True)
    assert retention["description"] == (
        "D30 retention of the 2025-12 cohort -13.0 pp (25.0% → 12.0%). The critical line is -10.0 pp."
    )


def test_no_data_gives_no_alerts_of_the_right_shape(state_of):
    alerts = evaluate(state_of(), cohorts_of().clear(), WEEK)
    assert alerts.is_empty()
    assert dict(alerts.schema) == SCHEMA


def test_a_tenants_thresholds_replace_the_defaults(fire):
    mild = {"cac_increase": {"threshold": 0.2, "critical": 0.4}}
    assert fired(fire(new=171, thresholds=mild)) == {}
    assert fired(fire(new=150, thresholds=mild))[CAC][0] == "warning"
    assert resolve_thresholds(mild)["cac_increase"] == {"threshold": 0.2, "critical": 0.4}
    assert resolve_thresholds() == {rule.id: dict(rule.thresholds) for rule in RULES}


@pytest.mark.parametrize(
    ("thresholds", "message"),
    [
        ({"cac": {"threshold": 0.2}}, "the rules are cac_increase"),
        ({"cac_increase": {"thresold": 0.2}}, "it has threshold, critical"),
        ({"cac_increase": {"threshold": "20%"}}, "must be a number such as 0.15"),
        ({"cac_increase": {"threshold": True}}, "must be a number"),
        ({"cac_increase": {"threshold": float("nan")}}, "must be a number"),
        ({"revenue_decline": {"threshold": 0.1}}, "sign of its default -0.1"),
        ({"cac_increase": {"threshold": 0.5}}, r"critical \(0.3\) must be at least as far"),
    ],
)
def test_wrong_thresholds_are_clear_errors(thresholds, message):
    with pytest.raises(ValueError, match=message):
        resolve_thresholds(thresholds)
