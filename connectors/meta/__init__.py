"""Meta Marketing API, insights by day of campaigns, ad sets and ads: what is true of it whoever serves it.

https://developers.facebook.com/documentation/ads-commerce/marketing-api/insights
"""

from datetime import date

from connectors.source import Body, RawRecord

API_VERSION = "v26.0"
SUNSET = date(2028, 7, 29)  # at the earliest: a version lives for two years at least
PAGE_SIZE = 500


def records(body: Body) -> list[RawRecord]:
    """One record per day of the ad account's campaigns, ad sets or ads; the row lands unchanged.

    It is known by the account, the smallest thing that the row names, and the day.
    """
    return [RawRecord(f"{row['account_id']}_{_entity(row)}_{row['date_start']}", row) for row in body["data"]]


def _entity(row: Body) -> str:
    return row.get("ad_id") or row.get("adset_id") or row["campaign_id"]
