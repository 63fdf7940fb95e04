"""Meta: what its Insights API reports."""

from growthos_assets.raw.records import KEY, RawRecords


class MetaInsights(RawRecords, name="raw.meta_insights", key=KEY):
    """One row per version of a campaign's day, as Meta's Insights API reports it."""
