"""Every alert vector of the predecessor where evidence is plenty, and what changes where it is not.

Deliberate differences are marked as such: they are listed in docs/alerts.md.
"""

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from kpi_frames import begun

from kpis import Window
from kpis.alerts import RULES, SCHEMA, evaluate, resolve_thresholds
from kpis.alerts.evidence import Period, binomial

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
LONG_AGO = WEEK.start - timedelta(60)
PLENTY = 100
"""The vectors' weeks, so many times over: ratios stay, and chance is no explanation any more."""

CAC, CM, D30, MER = "cac_increase", "cm_decrease", "retention_drop", "mer_deterioration"
REVENUE, NEW = "revenue_decline", "new_customer_decline"
VECTOR_RULES = (CAC, CM, D30, MER, "channel_cac", REVENUE, NEW)


def cohorts_of(current=0.25, baseline=0.25, size=10_000):
    schema = {
        "cohort_month": pl.String,
        "cohort_size": pl.Int64,
        "d30_retention": pl.Float64,
        "observed_days": pl.Int64,
        "is_left_truncated": pl.Boolean,
    }
    rows = [
        ("2025-10", size, 0.9, 100, True),
        ("2025-11", size, baseline, 70, False),
        ("2025-12", size, current, 40, False),
    ]
    return pl.DataFrame(rows, schema=schema, orient="row")


def days_of(back, week):
    """The seven days of a week so many weeks ago, whose sums are the week's."""
    for day in range(7):
        share = {k: v * (day + 1) // 7 - v * day // 7 for k, v in week.items() if isinstance(v, int)}
        yield {**week, **share, "date": WEEK.start + timedelta(day - 7 * back)}


def squares(week):
    """As if each order were worth what the average one is: the least that they can be."""
    gross, margin, net = (week[name] for name in ("revenue_gross", "contribution_margin", "revenue_net"))
    pairs = {
        "gross_sq": (gross, gross),
        "net_sq": (net, net),
        "margin_sq": (margin, margin),
        "margin_net": (margin, net),
    }
    return {name: a * b // week["orders"] for name, (a, b) in pairs.items()}


@pytest.fixture(scope="session")
def fire(state_of):
    """Evaluates the week with overrides against four of `prev_` overrides; channels: (spend, new) of now and before."""

    def run(
        d30=0.25, thresholds=None, channel_names=None, channels=None, times=PLENTY, cohort_size=10_000, **overrides
    ):
        prev = {k.removeprefix("prev_"): v for k, v in overrides.items() if k.startswith("prev_")}
        now = {k: v for k, v in overrides.items() if not k.startswith("prev_")}
        rows = [begun(LONG_AGO)]
        for back in range(5):
            week = {COLUMNS[k]: v and v * times for k, v in {**BASE, **(prev if back else now)}.items()}
            rows += days_of(back, {"channel_id": "direct", **week, **squares(week)})
            for channel, columns in (channels or {}).items():
                spend, new = columns[min(back, 1)]
                rows += days_of(back, {"channel_id": channel, "spend": spend, "new_customers": new})
        alerts = evaluate(state_of(*rows), cohorts_of(d30, size=cohort_size), WEEK, thresholds, channel_names)
        return alerts.filter(pl.col("id").str.contains("|".join(VECTOR_RULES)))

    return run


def fired(alerts):
    rows = alerts.filter(~pl.col("id").str.starts_with("channel_cac"))
    return {row["id"]: (row["severity"], row["metric_value"]) for row in rows.iter_rows(named=True)}


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
def test_the_predecessors_vectors_where_evidence_is_plenty(fire, overrides, expected):
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


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        # The point estimate is beyond the critical line, its bound is not: there it was critical.
        ({"new": 150}, {CAC: "warning", NEW: "info"}),
        ({"new": 100}, {CAC: "critical", NEW: "info"}),
        # 500 orders can hardly tell 10 % less revenue from chance, and surely tell 25 %.
        ({"revenue": 89500}, {}),
        ({"revenue": 75000}, {REVENUE: "warning"}),
        # 10 customers a cohort say nothing at all.
        ({"d30": 0.12, "cohort_size": 10}, {}),
    ],
)
def test_at_the_vectors_own_size_evidence_decides(fire, overrides, expected):
    assert {rule: severity for rule, (severity, _) in fired(fire(times=1, **overrides)).items()} == expected


def test_who_comes_back_is_a_part_of_a_cohort(fire):
    """Of a quarter, less by chance than of events without an end: by its binomial variance."""
    retention = fire(d30=0.18, cohort_size=400, times=1).row(0, named=True)
    now, before = Period(72, 400, 72), Period(100, 400, 100)
    assert retention["id"] == D30
    assert retention["p_value"] == pytest.approx(binomial(now, before, 0.75, "below").p)


def test_a_margin_scatters_by_what_its_orders_are_off_the_usual_rate(fire):
    """Each of 500 orders earns 6 less than a third of its net revenue: Σ (margin − rate × net)² of them."""
    margin = fire(cm=27000, times=1).row(0, named=True)
    off = 1.645 * (500 * 6**2) ** 0.5 / 90000
    assert margin["id"] == CM
    assert margin["high"] - margin["metric_value"] == pytest.approx(off, rel=1e-3)


def test_a_small_shops_week_is_chance(fire):
    """20 new customers a week: 40 % dearer ones are what chance brings every few weeks. There it was critical."""
    tenth = {name: value // 10 for name, value in BASE.items()} | {f"prev_{k}": v // 10 for k, v in BASE.items()}
    assert fired(fire(times=1, **{**tenth, "new": 14})) == {}


def test_a_nan_fires_nothing(state_of):
    """NaN > 5 is true in polars: what no number is must not pass for a large one."""
    week = {"spend": 2000, "orders": 500, "sessions": 5000, "revenue_gross": 50000, "clicks": 900, "new_customers": 70}

    def fired_by(claims):
        days = range(63)
        state = state_of(
            *({"date": WEEK.end - timedelta(n), **week, "platform_conversions": 400.0 if n else claims} for n in days)
        )
        return evaluate(state, cohorts_of(), WEEK)["id"].to_list()

    assert fired_by(4000.0) == ["claimed_ratio_jump"]
    assert fired_by(float("nan")) == fired_by(float("inf")) == []


def channel_alerts(fire, channels, **more):
    alerts = fire(channels=channels, **more)
    rows = alerts.filter(pl.col("id").str.starts_with("channel_cac_"))
    return rows.select("id", "severity", "segment", "metric_value").rows()


def test_a_channel_alert_is_named_by_the_channels_id(fire):
    channels = {"meta": ((80000, 400), (50000, 500)), "google": ((90000, 500), (60000, 500))}
    assert channel_alerts(fire, channels, channel_names={"meta": "Meta Ads"}) == [
        ("channel_cac_google", "warning", "google", pytest.approx(0.5)),
        ("channel_cac_meta", "warning", "Meta Ads", pytest.approx(1.0)),
    ]


@pytest.mark.parametrize("week", [((500, 20), (500, 200)), ((100, 20), (50, 200)), ((8000, 0), (5000, 50))])
def test_small_or_unknown_channels_stay_quiet(fire, week):
    assert channel_alerts(fire, {"organic": week}) == []


def test_exactly_the_channel_threshold_stays_quiet(fire):
    assert channel_alerts(fire, {"meta": ((62500, 500), (50000, 500))}) == []


def test_an_alert_says_the_numbers_how_sure_they_are_and_what_to_do(fire):
    row = fire(spend=24000, revenue=101000).row(1, named=True)
    assert row["description"] == (
        "MER (gross) -15.8% (5.00× → 4.21×); Ad spend +20.0% (2,000,000 → 2,400,000); "
        "Gross revenue +1.0% (10,000,000 → 10,100,000). The warning line is -10.0%. "
        "Chance alone: less than 1 in 10,000; with 95% confidence at least -15.1%."
    )
    assert (row["threshold"], row["segment"]) == (-0.10, "Marketing Efficiency")
    assert row["recommendation"].startswith("Audit")
    assert row["runbook"] == "docs/alerts.md#mer_deterioration"
    retention = fire(d30=0.12).row(0, named=True)
    assert retention["description"].startswith(
        "D30 retention of the 2025-12 cohort -13.0 pp (25.0% → 12.0%). The critical line is -10.0 pp."
    )


def test_money_at_stake_is_actual_less_expected(fire):
    row = fire(spend=24000, revenue=100000).row(0, named=True)
    customers, was, now = 200 * PLENTY, 20000 / 200, 24000 / 200
    assert row["at_stake"] == pytest.approx((now - was) * customers)
    decline = fire(revenue=85000).row(0, named=True)
    assert decline["at_stake"] == pytest.approx(15000 * PLENTY)


def test_no_data_gives_no_alerts_of_the_right_shape(state_of):
    alerts = evaluate(state_of(), cohorts_of().clear(), WEEK)
    assert alerts.is_empty()
    assert dict(alerts.schema) == SCHEMA


def test_a_tenants_thresholds_replace_the_defaults(fire):
    mild = {"cac_increase": {"threshold": 0.2, "critical": 0.4}}
    assert fired(fire(new=171, thresholds=mild)) == {}
    assert fired(fire(new=150, thresholds=mild))[CAC][0] == "warning"
    sceptical = {"cac_increase": {"p_max": 1e-9}}
    assert CAC not in fired(fire(new=150, times=1, thresholds=sceptical))
    resolved = resolve_thresholds(mild)
    assert resolved["cac_increase"] == {**resolve_thresholds()["cac_increase"], "threshold": 0.2, "critical": 0.4}
    assert all(rule.thresholds.items() <= resolve_thresholds()[rule.id].items() for rule in RULES.values())


@pytest.mark.parametrize(
    ("rule", "overrides", "volume"),
    [
        (REVENUE, {"revenue": 75000}, 5 * 500 * PLENTY),  # the orders of the week and of the four before it
        (CAC, {"new": 150}, (150 + 4 * 200) * PLENTY),  # the new customers
        (D30, {"d30": 0.125}, (0.125 + 0.25) * 10_000),  # those who came back
    ],
)
def test_exactly_the_least_volume_is_enough(fire, rule, overrides, volume):
    for least, fires in ((volume, True), (volume + 1, False)):
        assert (rule in fired(fire(thresholds={rule: {"min_volume": least}}, **overrides))) is fires


@pytest.mark.parametrize(
    ("thresholds", "message"),
    [
        ({"cac": {"threshold": 0.2}}, "the rules are cac_increase"),
        ({"cac_increase": {"thresold": 0.2}}, "it has clear, p_max, min_volume, min_history, threshold, critical"),
        ({"cac_increase": {"threshold": "20%"}}, "must be a number such as 0.15"),
        ({"cac_increase": {"threshold": True}}, "must be a number"),
        ({"cac_increase": {"threshold": float("nan")}}, "must be a number"),
        ({"revenue_decline": {"threshold": 0.1}}, "sign of its default -0.1"),
        ({"cac_increase": {"threshold": 0.5}}, r"critical \(0.3\) must be at least as far"),
        ({"cac_increase": {"p_max": 1.5}}, "must lie between 0 and 1"),
        ({"cac_increase": {"clear": 0}}, "must lie between 0 and 1"),
    ],
)
def test_wrong_thresholds_are_clear_errors(thresholds, message):
    with pytest.raises(ValueError, match=message):
        resolve_thresholds(thresholds)


def test_every_rule_has_its_runbook():
    page = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text()
    for rule in RULES.values():
        name = rule.runbook.removeprefix("docs/alerts.md#")
        assert f"### {name}\n" in page or f'<a id="{name}"></a>' in page, rule.id
