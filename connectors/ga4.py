"""Google Analytics Data API, runReport by date and channel group: what is true of it whoever serves it.

https://developers.google.com/analytics/devguides/reporting/data/v1/rest/v1beta/properties/runReport
"""

from typing import Any

from connectors.source import Body, RawRecord

API_VERSION = "v1beta"
PAGE_SIZE = 10_000
DIMENSIONS = ("date", "sessionDefaultChannelGroup")
METRICS = ("sessions", "itemViewEvents", "addToCarts", "checkouts", "ecommercePurchases")


def records(body: Body, property_name: str) -> list[RawRecord]:
    """One record per day and channel group of the property ("properties/<number>").

    The API's rows are positional and name neither property nor time zone, so each is zipped with the headers
    and given both: a raw payload describes itself. The API leaves `rows` out when there are none.
    """
    dimensions = [header["name"] for header in body["dimensionHeaders"]]
    metrics = [header["name"] for header in body["metricHeaders"]]
    return [
        _record(
            property_name,
            body["metadata"],
            dict(zip(dimensions, (cell["value"] for cell in row["dimensionValues"]), strict=True)),
            dict(zip(metrics, (cell["value"] for cell in row["metricValues"]), strict=True)),
        )
        for row in body.get("rows", ())
    ]


def _record(
    property_name: str, metadata: dict[str, Any], dimensions: dict[str, str], metrics: dict[str, str]
) -> RawRecord:
    number = property_name.removeprefix("properties/")
    return RawRecord(
        f"{number}_{dimensions['date']}_{dimensions['sessionDefaultChannelGroup']}",
        {
            "property": property_name,
            "timeZone": metadata["timeZone"],
            "currencyCode": metadata["currencyCode"],
            "dimensions": dimensions,
            "metrics": metrics,
        },
    )
