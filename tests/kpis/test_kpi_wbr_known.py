"""What was known of a week: what was restated since, and the alerts of its own days."""

from datetime import datetime, timedelta

import polars as pl
from kpi_frames import MONEY
from wbr_shop import NO_COHORTS, WEEK, written

from kpis import Window, wbr
from kpis.alerts import Facts, Memory, Shop, Silence, during


def test_what_was_restated_is_one_line(full):
    then = written(full).document()
    assert wbr.restated(then, then, "2026-02-09") is None
    assert wbr.restated({}, then, "2026-02-09") is None
    late = pl.when(pl.col("date") == WEEK.end, pl.col("channel_id") == "meta").then(45).otherwise(0).cast(MONEY)
    more = full.with_columns(pl.col("refunds") + late, pl.col("revenue_net") - late)
    line = wbr.restated(then, written(more).document(), "2026-02-09")
    assert line == (
        "Restated since 2026-02-09: Net revenue was EUR 15,000, and is EUR 14,955 as known now (refunds +EUR 45.00); "
        "MER was 3.00×, and is 2.99× as known now (refunds +EUR 45.00); "
        "Contribution margin % was 40.0%, and is 40.1% as known now (refunds +EUR 45.00)."
    )
    assert f"**{line}**" in wbr.markdown(written(more), line)


def test_alerts_of_a_week_are_those_of_its_days(state_of):
    """A day's outage that was over by Sunday is told, with the day on which it was; nothing after Sunday counts."""
    first = WEEK.start - timedelta(70)
    outage = WEEK.start + timedelta(1)

    def day(at):
        visits = 40 if at == outage else 1000 + 10 * (at.toordinal() % 7)
        lost = 40 if at > WEEK.end else visits
        return {"date": at, "sessions": lost, "orders": 60, "revenue_gross": 6000, "purchases": 50}

    state = state_of(*(day(first + timedelta(n)) for n in range(80)))
    brand = Shop("acme", Facts(state, NO_COHORTS, WEEK.end + timedelta(3)), currency="EUR")
    now = datetime.fromisoformat("2026-02-12T00:00:00+00:00")
    muted = Memory([], [Silence("mute", "tracking_*", now)], [], {})
    told = during(brand, muted, WEEK, now)
    row = told.row(by_predicate=pl.col("id") == "tracking_outage", named=True)
    assert row["since"] == outage
    assert outage < row["over_on"] <= WEEK.end
    assert row["silenced_by"] == "mute"
    assert during(
        brand, Memory([], [], [], {}), Window(WEEK.start - timedelta(28), WEEK.end - timedelta(28)), now
    ).is_empty()
