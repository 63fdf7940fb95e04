"""The tables that run the place: raw records, tenants, quarantine."""

import polars as pl

from warehouse.contract import Instant, Table, Texts, column


class RawEvents(Table, name="raw.raw_events", key=("source", "stream", "external_id", "version")):
    """One row per version of a record of a source: a changed payload appends one, the same payload adds nothing."""

    source: str = column("Who said it: shopify, meta, google_ads, ga4, file.")
    stream: str = column("What it is about: orders, customers, insights, …")
    external_id: str = column("The source's id of the record.")
    version: int = column("1 for the first payload seen, then counting up.", ge=1)
    payload: str = column("The record as JSON, kept byte for byte.", metadata={"json": True})
    payload_hash: pl.Binary = column("SHA-256 of the payload.")
    seen_at: Instant = column("When this version was landed.")


class Tenants(Table, name="ops.tenants"):
    """One row per tenant: a brand and its settings."""

    name: str = column("What people call the brand.")
    timezone: str = column("IANA name; business days are this zone's days.")
    currency: str = column("ISO 4217 code of all of its money.")
    category_margins: str = column("Gross margin by category, where no unit cost is known.", metadata={"json": True})
    shipping_rate: pl.Float64 = column("Shipping cost as a share of net revenue.")
    ops_rate: pl.Float64 = column("Fulfilment and packaging cost as a share of net revenue.")
    alert_thresholds: str = column("Overrides of the alert rules.", metadata={"json": True})
    keep_pii: bool = column("Land e-mail addresses in clear instead of hashed.")
    is_demo: bool = column("Its sources are the seeded demo twins.")
    clock_at: Instant = column("Where its clock stands; null is real time.", nullable=True)
    pii_key: pl.Binary = column("The sealed key with which its e-mail addresses are hashed.")
    created_at: Instant = column("When the tenant was created.")


class Quarantine(Table, name="ops.quarantine", key=("table_name", "fingerprint")):
    """One row per row that is kept out of a table today, with the reasons. It leaves when its source is mended."""

    table_name: str = column("The table that the row was meant for, schema included.")
    fingerprint: str = column("Hash of the row, counted up where rows are alike.")
    record_id: str = column("The raw record's external_id, or the row's key.", nullable=True)
    reasons: Texts = column("Why it may not go on, in words.")
    row: str = column("The row as it was turned away, as JSON.", metadata={"json": True})
    run_id: str = column("The Dagster run that turned it away first.", nullable=True)
    quarantined_at: Instant = column("When it was first turned away.")


OPS: tuple[type[Table], ...] = (RawEvents, Tenants, Quarantine)
