"""The response bodies have the shape of each API's, page by page, and any page can be asked for alone."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import google_ads, meta, shopify
from connectors.demo.twins import TWINS
from connectors.demo.twins.rendering import decimal, offset, pages, token

ALWAYS = range(0, int(datetime(2030, 1, 1, tzinfo=UTC).timestamp()))
NEVER = range(0)


def bodies(source, key, window=ALWAYS, start=0):
    return list(TWINS[key](source.world, window, start))


def test_shopify_pages_have_250_nodes_and_lead_on_by_cursor(source):
    found = bodies(source, "shopify/customers")
    *full, last = [body["data"]["customers"] for body in found]
    assert {len(page["nodes"]) for page in full} == {shopify.PAGE_SIZE}
    assert all(page["pageInfo"]["hasNextPage"] for page in full)
    assert not last["pageInfo"]["hasNextPage"]
    after = full[1]["pageInfo"]["endCursor"]
    assert bodies(source, "shopify/customers", start=offset(after)) == found[2:]


def test_meta_pages_name_the_next_until_there_is_none(source):
    first, last = bodies(source, "meta/insights")
    assert len(first["data"]) == meta.PAGE_SIZE
    assert first["paging"]["next"].endswith(f"&after={first['paging']['cursors']['after']}")
    assert set(last["paging"]) == {"cursors"}
    assert bodies(source, "meta/insights", start=offset(first["paging"]["cursors"]["after"])) == [last]


def test_google_ads_leaves_out_what_there_is_not(source):
    (body,) = bodies(source, "google_ads/insights")
    assert set(body) == {"fieldMask", "results"}
    assert bodies(source, "google_ads/insights", NEVER) == [{"fieldMask": body["fieldMask"]}]


def test_google_ads_names_the_next_page(source):
    found = list(TWINS["google_ads/insights"](source.world, ALWAYS, 0, 300))
    assert [len(google_ads.records(body)) for body in found[:-1]] == [300, 300]
    assert offset(found[0]["nextPageToken"]) == 300
    assert "nextPageToken" not in found[-1]


def test_ga4_is_positional_and_counts_its_rows(source):
    first, last = TWINS["ga4/traffic"](source.world, ALWAYS, 0, 2000)
    assert first["rowCount"] == last["rowCount"] == len(first["rows"]) + len(last["rows"])
    assert {len(row["dimensionValues"]) for row in first["rows"]} == {len(first["dimensionHeaders"])}
    assert {len(row["metricValues"]) for row in first["rows"]} == {len(first["metricHeaders"])}
    assert set(first["metadata"]) == {
        "currencyCode", "timeZone", "dataLossFromOtherRow", "subjectToThresholding"
    }  # fmt: skip
    assert "propertyQuota" in first
    (empty,) = bodies(source, "ga4/traffic", NEVER)
    assert "rows" not in empty
    assert "rowCount" not in empty


@pytest.mark.parametrize("key", TWINS)
def test_an_empty_window_still_gets_an_answer(source, key):
    assert len(bodies(source, key, NEVER)) == 1


@given(st.lists(st.integers()), st.integers(1, 5), st.integers(0, 30))
def test_pages_hold_every_row_from_the_start_once(rows, size, start):
    found = list(pages(rows, size, start))
    assert [row for page in found for row in page.rows] == rows[start:]
    assert all(len(page.rows) == size for page in found[:-1])
    assert [page.more for page in found] == [True] * (len(found) - 1) + [False]


@given(st.integers(0))
def test_a_cursor_leads_back_to_its_offset(position):
    assert offset(token(position)) == position


@pytest.mark.parametrize(("cents", "text"), [(0, "0.00"), (5, "0.05"), (123456, "1234.56"), (-595, "-5.95")])
def test_decimal(cents, text):
    assert decimal(cents) == text
