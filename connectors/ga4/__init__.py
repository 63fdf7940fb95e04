"""Google Analytics Data API: what is true of it whoever serves it.

https://developers.google.com/analytics/devguides/reporting/data/v1/rest/v1beta/properties/runReport
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from connectors.source import Body, RawRecord

API_VERSION = "v1beta"
PAGE_SIZE = 10_000
DIMENSIONS = ("date", "sessionDefaultChannelGroup", "sessionSource", "sessionMedium", "sessionCampaignName")
METRICS = ("sessions", "itemViewEvents", "addToCarts", "checkouts", "ecommercePurchases", "purchaseRevenue")


@dataclass(frozen=True, slots=True)
class Report:
    """One of our reports: a row per combination of the dimensions."""

    dimensions: tuple[str, ...]
    metrics: tuple[str, ...]


REPORTS: Mapping[str, Report] = {
    "ga4/traffic": Report(DIMENSIONS, METRICS),
    "ga4/funnel": Report(("date",), (*METRICS, "totalUsers")),
}
"""Each stream's report. A funnel's day counts all that GA4 knows of: what the traffic's rows lack of it is withheld."""


OTHER = "(other)"

LONGEST = 2_000
"""Bytes of an id. What visits are tagged with is anybody's text, and of any length."""


def records(body: Body, property_name: str, day: str | None = None) -> list[RawRecord]:
    """One record per row of the property ("properties/<number>"), known by the property and the row's dimensions.

    The API's rows are positional and name neither property nor time zone nor what is wrong with the report, so each
    is zipped with the headers and given the property and the report's metadata: a raw payload describes itself.
    Values stay text. A date may be "(other)": then `day` (YYYYMMDD), the one that was asked for, is told beside it,
    as `requestedDate`. The API leaves `rows` out when there are none.
    """
    rows = body.get("rows")
    if not rows:
        return []
    dimensions = [header["name"] for header in body["dimensionHeaders"]]
    metrics = [header["name"] for header in body["metricHeaders"]]
    about = {"property": property_name, **body["metadata"]}
    prefix = property_name.removeprefix("properties/")
    found: list[RawRecord] = []
    for row in rows:
        values = [cell["value"] for cell in row["dimensionValues"]]
        told = {
            **about,
            "dimensions": dict(zip(dimensions, values, strict=True)),
            "metrics": dict(zip(metrics, (cell["value"] for cell in row["metricValues"]), strict=True)),
        }
        if day and values[0] == OTHER:
            values[0] = told["requestedDate"] = day
        found.append(RawRecord(_id(prefix, *map(_unmistakable, values)), told))
    return found


def _id(prefix: str, day: str, *others: str) -> str:
    """The parts of an id joined; instead of others that are too long for one, their hash."""
    joined = "_".join([prefix, day, *others])
    if len(joined.encode()) <= LONGEST:
        return joined
    return f"{prefix}_{day}_#{sha256(joined.encode()).hexdigest()}"


def _unmistakable(value: str) -> str:
    """The value as a part of an id: an underscore of its own is not taken for the one between the parts."""
    return value.replace("\\", "\\\\").replace("_", "\\_") if "_" in value or "\\" in value else value
