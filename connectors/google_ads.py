"""Google Ads API, campaign report by day: what is true of it whoever serves it.

https://developers.google.com/google-ads/api/rest/reference/rest/v26/customers.googleAds/search
"""

from connectors.source import Body, RawRecord

API_VERSION = "v26"
PAGE_SIZE = 10_000  # fixed by the API: a request that names a size is refused


def records(body: Body) -> list[RawRecord]:
    """One record per campaign and day of the customer account; the row lands unchanged.

    The API leaves `results` out when there are none.
    """
    return [
        RawRecord(f"{row['customer']['id']}_{row['campaign']['id']}_{row['segments']['date']}", row)
        for row in body.get("results", ())
    ]
