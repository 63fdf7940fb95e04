"""Imported files: orders, spend and traffic as people export them."""

from growthos_assets.raw.records import KEY, RawRecords


class FileOrders(RawRecords, name="raw.file_orders", key=KEY):
    """One row per version of an order line of an imported file; the payload's values are text, as in the file."""


class FileSpend(RawRecords, name="raw.file_spend", key=KEY):
    """One row per version of a campaign's day of an imported file; the payload's values are text, as in the file."""


class FileTraffic(RawRecords, name="raw.file_traffic", key=KEY):
    """One row per version of a channel's day of an imported file; the payload's values are text, as in the file."""
