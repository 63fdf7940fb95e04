"""Google Analytics 4: what its Data API reports."""

from growthos_assets.raw.records import KEY, RawRecords


class Ga4Traffic(RawRecords, name="raw.ga4_traffic", key=KEY):
    """One row per version of a day of a channel group, source, medium and campaign, as GA4's runReport reports it."""


class Ga4Funnel(RawRecords, name="raw.ga4_funnel", key=KEY):
    """One row per version of a day's totals, as GA4's runReport reports them: what is withheld by channel included."""
