"""Meta: what its Insights API reports, at each of its levels."""

from growthos_assets.raw.records import KEY, RawRecords


class MetaInsights(RawRecords, name="raw.meta_insights", key=KEY):
    """One row per version of a campaign's day, as Meta's Insights API reports it."""


class MetaAdsets(RawRecords, name="raw.meta_adsets", key=KEY):
    """One row per version of an ad set's day, as Meta's Insights API reports it."""


class MetaAds(RawRecords, name="raw.meta_ads", key=KEY):
    """One row per version of an ad's day, as Meta's Insights API reports it."""
