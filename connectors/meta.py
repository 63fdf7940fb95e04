"""Meta Marketing API, insights at campaign level by day: what is true of it whoever serves it.

https://developers.facebook.com/docs/marketing-api/insights
"""

from connectors.source import Body, RawRecord

API_VERSION = "v26.0"
PAGE_SIZE = 500


def records(body: Body) -> list[RawRecord]:
    """One record per campaign and day of the ad account; the row lands unchanged."""
    return [RawRecord(f"{row['account_id']}_{row['campaign_id']}_{row['date_start']}", row) for row in body["data"]]
