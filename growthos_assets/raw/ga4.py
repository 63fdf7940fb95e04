"""Google Analytics 4: what its Data API reports."""

from growthos_assets.raw.records import KEY, RawRecords


class Ga4Traffic(RawRecords, name="raw.ga4_traffic", key=KEY):
    """One row per version of a channel group's day, as GA4's runReport reports it."""
