"""Imported files: orders, spend and traffic as people export them."""

from growthos_assets.raw.records import KEY, RawRecords
from warehouse.contract import column

SAID_BY = "The import that said it, ops.imports."


class FileOrders(RawRecords, name="raw.file_orders", key=KEY):
    """One row per version of an order line of an imported file; the payload's values are text, as in the file."""

    import_id: int = column(SAID_BY, nullable=True)


class FileSpend(RawRecords, name="raw.file_spend", key=KEY):
    """One row per version of a campaign's day of an imported file; the payload's values are text, as in the file."""

    import_id: int = column(SAID_BY, nullable=True)


class FileTraffic(RawRecords, name="raw.file_traffic", key=KEY):
    """One row per version of a channel's day of an imported file; the payload's values are text, as in the file."""

    import_id: int = column(SAID_BY, nullable=True)
