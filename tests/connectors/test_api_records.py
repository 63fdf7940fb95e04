"""From one response body to raw records, on bodies as the APIs document them."""

import pytest

from connectors import ga4, google_ads, meta, shopify
from connectors.source import STREAMS, RawRecord


def test_a_shopify_node_lands_unchanged_by_its_gid():
    node = {"id": "gid://shopify/Order/1", "email": None}
    body = {"data": {"orders": {"nodes": [node], "pageInfo": {"hasNextPage": False}}}, "extensions": {}}
    assert shopify.records(body) == [RawRecord("gid://shopify/Order/1", node)]


def test_a_meta_row_is_known_by_account_campaign_and_day():
    row = {"account_id": "10", "campaign_id": "20", "date_start": "2026-02-09", "spend": "1.00"}
    assert meta.records({"data": [row], "paging": {}}) == [RawRecord("10_20_2026-02-09", row)]


def test_a_google_ads_row_is_known_by_customer_campaign_and_day():
    row = {"customer": {"id": "10"}, "campaign": {"id": "20"}, "segments": {"date": "2026-02-09"}}
    assert google_ads.records({"results": [row]}) == [RawRecord("10_20_2026-02-09", row)]


def test_a_ga4_row_is_named_by_its_headers_and_told_its_property():
    body = {
        "dimensionHeaders": [{"name": "date"}, {"name": "sessionDefaultChannelGroup"}],
        "metricHeaders": [{"name": "sessions"}, {"name": "checkouts"}],
        "rows": [
            {
                "dimensionValues": [{"value": "20260209"}, {"value": "Paid Social"}],
                "metricValues": [{"value": "7"}, {"value": "2"}],
            }
        ],
        "metadata": {"currencyCode": "USD", "timeZone": "America/New_York"},
    }
    assert ga4.records(body, "properties/5") == [
        RawRecord(
            "5_20260209_Paid Social",
            {
                "property": "properties/5",
                "timeZone": "America/New_York",
                "currencyCode": "USD",
                "dimensions": {"date": "20260209", "sessionDefaultChannelGroup": "Paid Social"},
                "metrics": {"sessions": "7", "checkouts": "2"},
            },
        )
    ]


def test_a_ga4_row_of_long_texts_is_known_by_its_property_its_day_and_their_hash():
    def ids(*campaigns):
        return [
            record.external_id for record in ga4.records({**body, "rows": list(map(row, campaigns))}, "properties/5")
        ]

    def row(campaign):
        return {"dimensionValues": [{"value": "20260209"}, {"value": campaign}], "metricValues": []}

    headers = [{"name": "date"}, {"name": "sessionCampaignName"}]
    body = {"dimensionHeaders": headers, "metricHeaders": [], "metadata": {}}
    room = ga4.LONGEST - len("5_20260209_")
    fits = "é" * (room // 2) + "e" * (room % 2)
    assert ids(fits) == [f"5_20260209_{fits}"]
    one, other, again = ids(f"{fits}e", f"{fits}f", f"{fits}e")
    assert one == again != other
    assert one.startswith("5_20260209_#")
    assert len(one) < 100


def test_ga4_rows_say_what_is_wrong_with_their_report():
    metadata = {"currencyCode": "USD", "timeZone": "UTC", "samplingMetadatas": [{"samplesReadCount": "5"}]}
    body = {
        "dimensionHeaders": [{"name": "date"}],
        "metricHeaders": [],
        "rows": [{"dimensionValues": [{"value": "(other)"}], "metricValues": []}],
        "metadata": {**metadata, "dataLossFromOtherRow": True},
    }
    (record,) = ga4.records(body, "properties/5")
    assert record.payload.items() >= {**metadata, "dataLossFromOtherRow": True}.items()


def test_a_ga4_row_of_others_is_of_the_day_that_was_asked_for():
    headers = [{"name": name} for name in ("date", "sessionSource")]
    rows = [{"dimensionValues": [{"value": "(other)"}, {"value": "(other)"}], "metricValues": []}]
    body = {"dimensionHeaders": headers, "metricHeaders": [], "rows": rows, "metadata": {}}
    (record,) = ga4.records(body, "properties/5", "20260209")
    assert record.external_id == "5_20260209_(other)"
    assert record.payload["requestedDate"] == "20260209"
    assert record.payload["dimensions"]["date"] == "(other)"


def test_ga4_rows_whose_values_hold_underscores_are_told_apart():
    headers = [{"name": name} for name in ("sessionSource", "sessionMedium")]
    rows = [
        {"dimensionValues": [{"value": a}, {"value": b}], "metricValues": []}
        for a, b in (("x_y", "z"), ("x", "y_z"), ("x\\", "_"), ("x", "\\_"))
    ]
    body = {"dimensionHeaders": headers, "metricHeaders": [], "rows": rows, "metadata": {}}
    assert len({record.external_id for record in ga4.records(body, "properties/5")}) == len(rows)


def test_a_ga4_row_that_does_not_fit_its_headers_is_refused():
    body = {
        "dimensionHeaders": [{"name": "date"}],
        "metricHeaders": [{"name": "sessions"}],
        "rows": [{"dimensionValues": [{"value": "20260209"}], "metricValues": []}],
        "metadata": {"currencyCode": "USD", "timeZone": "UTC"},
    }
    with pytest.raises(ValueError, match="shorter"):
        ga4.records(body, "properties/5")


@pytest.mark.parametrize(
    "records",
    [
        shopify.records({"data": {"orders": {"nodes": []}}}),
        meta.records({"data": []}),
        google_ads.records({"fieldMask": "customer.id"}),
        ga4.records({"dimensionHeaders": [], "metricHeaders": [], "metadata": {}}, "properties/5"),
    ],
)
def test_an_empty_response_has_no_records(records):
    assert records == []


def test_streams_are_known_by_key():
    assert list(STREAMS) == [
        "shopify/orders",
        "shopify/customers",
        "shopify/products",
        "meta/insights",
        "meta/adsets",
        "meta/ads",
        "google_ads/insights",
        "ga4/traffic",
        "ga4/funnel",
    ]
    assert all(key == stream.key for key, stream in STREAMS.items())
