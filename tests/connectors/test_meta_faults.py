"""Storms on fixed seeds: whatever happens on the way, the rows are all there, or an error says that they are not."""

from datetime import timedelta

import pytest
from meta_pulling import SOURCE, shop, truth

from connectors.errors import ApiError, AuthError
from connectors.fake.faults import flaky
from connectors.fake.meta_insights import GraphError
from connectors.slices import Slice

STREAMS = ("meta/insights", "meta/adsets", "meta/ads")


@pytest.fixture(autouse=True)
def small_pages(monkeypatch):
    monkeypatch.setattr("connectors.meta.reports.PAGE_SIZE", 25)


@pytest.mark.parametrize("seed", range(1, 7))
def test_a_bad_line_costs_time_and_no_row(seed):
    faults = []

    def behind(app):
        answer, count = flaky(app, seed, drops=0.25, failures=0.1)
        faults.append(count)
        return answer

    meta = shop(behind=behind)
    asked = meta.slice(20, STREAMS[seed % 3])
    assert meta.land(asked)[0] == truth(asked)
    assert faults[0]() > 0


@pytest.mark.parametrize("seed", range(6))
def test_rows_in_no_order_and_pages_twice_are_the_same_rows(seed):
    meta = shop(seed=seed)
    meta.fake.shuffled, meta.fake.repeated = True, seed % 4
    asked = meta.slice(20, STREAMS[seed % 3])
    assert meta.pull(asked) == truth(asked)


@pytest.mark.parametrize("seed", range(6))
def test_pages_that_get_lost_are_pulled_again(seed):
    meta = shop(seed=seed)
    meta.fake.shuffled, meta.fake.skipped = True, 1 + seed
    asked = meta.slice(20, STREAMS[seed % 3])
    assert meta.land(asked)[0] == truth(asked)
    assert meta.fake.skipped == 0


@pytest.mark.parametrize("after", range(6))
def test_a_token_that_dies_in_the_middle_ends_in_an_error(after):
    meta = shop()
    meta.fake.dies_after = after
    with pytest.raises(AuthError, match="has expired"):
        meta.pull(meta.slice(20))


def test_a_storm_of_throttling_is_waited_out():
    meta = shop()
    meta.fake.failing = [GraphError(17, "User request limit reached"), *[GraphError(1, "busy", transient=True)] * 5]
    asked = meta.slice(20)
    assert meta.pull(asked) == truth(asked)
    assert meta.clock.now() - SOURCE.now > timedelta(minutes=4)


@pytest.mark.parametrize("seed", range(4))
def test_every_fault_at_once(seed):
    meta = shop(behind=lambda app: flaky(app, seed, drops=0.05, failures=0.05)[0], seed=seed)
    meta.fake.shuffled, meta.fake.most_cells, meta.fake.largest_page = True, 400, 20
    meta.fake.skipped, meta.fake.repeated, meta.fake.points_an_hour = 1 + seed % 2, seed % 3, 100
    asked = meta.slice(7, STREAMS[seed % 3])
    landed, parts = meta.land(asked)
    assert landed == truth(asked)
    assert len(parts) > 1


def test_restated_values_are_told_as_they_are_and_add_up_at_any_time():
    meta = shop(restating=True)
    asked: Slice = meta.slice(7)
    first = meta.pull(asked)
    assert first.keys() == truth(asked).keys()
    assert first != truth(asked)
    meta.clock.sleep(timedelta(days=14).total_seconds())
    later = meta.pull(asked)
    meta.clock.sleep(timedelta(days=15).total_seconds())
    assert purchases(first) < purchases(later) < purchases(truth(asked))
    assert meta.pull(asked) == truth(asked)


def purchases(rows):
    return sum(int(a["value"]) for row in rows.values() for a in row["actions"] if a["action_type"] == "omni_purchase")


def test_an_error_that_lasts_is_raised_when_the_budget_is_spent():
    meta = shop()
    meta.fake.failing = [GraphError(2, "Service temporarily unavailable")] * 100
    with pytest.raises(ApiError, match="passes by itself"):
        meta.pull(meta.slice(7))
    assert meta.client.meter.requests == 31
