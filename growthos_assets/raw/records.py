"""What every table of the raw layer holds: what a source said, word for word, one row per version of a record.

All streams live in raw.raw_events; each is a view of its own, `raw.<source>_<stream>`.
"""

import polars as pl

from warehouse.contract import Instant, Table, column

KEY = ("external_id", "version")


class RawRecords(Table):
    """One row per version of a record; a changed payload appends a version."""

    external_id: str = column("The source's id of the record.")
    version: int = column("1 for the first payload seen, then counting up.", ge=1)
    payload: str = column("The record as JSON, kept byte for byte.")
    payload_hash: pl.Binary = column("SHA-256 of the payload.")
    seen_at: Instant = column("When this version was landed.")

    @classmethod
    def stream_key(cls) -> str:
        """`source/stream`: the table raw.google_ads_insights is the stream google_ads/insights."""
        return "/".join(cls.__spec__.name.rsplit("_", 1))
