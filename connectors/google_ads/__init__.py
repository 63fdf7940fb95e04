"""Google Ads API, campaign report by day: what is true of it whoever serves it.

https://developers.google.com/google-ads/api/rest/reference/rest/v26/customers.googleAds/search
"""

from datetime import date

from connectors.source import Body, RawRecord

API_VERSION = "v26"
SUNSET = date(2027, 11, 1)
"""The month of Google's projected end of v26, announced in September 2025:
https://developers.google.com/ads/blog/posts/2025/09/more-frequent-releases-coming-for"""

PAGE_SIZE = 10_000  # fixed by the API: a request that names a size is refused

FIELDS = (
    "customer.id",
    "customer.currency_code",
    "customer.time_zone",
    "campaign.id",
    "campaign.name",
    "campaign.status",
    "campaign.advertising_channel_type",
    "segments.date",
    "metrics.cost_micros",
    "metrics.impressions",
    "metrics.clicks",
    "metrics.conversions",
    "metrics.conversions_value",
    "metrics.all_conversions",
    "metrics.conversions_by_conversion_date",
    "metrics.conversions_value_by_conversion_date",
)
"""What is asked of a campaign's day. Campaigns of every status: removed ones have spent too. Performance Max has
neither ad groups nor ads, so the campaign is where all spend can be seen."""


def records(body: Body) -> list[RawRecord]:
    """One record per campaign and day of the customer account; the row lands unchanged.

    The API leaves `results` out when there are none.
    """
    return [
        RawRecord(f"{row['customer']['id']}_{row['campaign']['id']}_{row['segments']['date']}", row)
        for row in body.get("results", ())
    ]
