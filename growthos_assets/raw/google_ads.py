"""Google Ads: what its API reports."""

from growthos_assets.raw.records import KEY, RawRecords


class GoogleAdsInsights(RawRecords, name="raw.google_ads_insights", key=KEY):
    """One row per version of a campaign's day, as the Google Ads API reports it."""
