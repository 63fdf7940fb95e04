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


class SyncSlices(Table, name="ops.sync_slices", key=("pull_id",)):
    """One row per slice of a stream that was to be pulled: what was asked, what came, and how that is known."""

    pull_id: str = column("One attempt to pull the slice: a slice that is pulled again gets another row.")
    slice_id: str = column("The same for the same source, stream, account, interval, request and part.")
    parent_id: str = column("The pull that was too big and of which this is a part.", nullable=True)
    source: str = column("Who is asked: shopify, meta, google_ads, ga4.")
    stream: str = column("For what: orders, insights, …")
    account: str = column("Which shop, ad account or property.")
    start_at: Instant = column("Start of the interval.")
    end_at: Instant = column("End of the interval, itself not in it.")
    request_hash: str = column("Hash of what is asked for: API version, query, fields.")
    part: str = column("The entities or fields that it is narrowed to; {} is all.", metadata={"json": True})
    state: str = column(
        "planned, running, landed, verified, split or failed.",
        isin=["planned", "running", "landed", "verified", "split", "failed"],
    )
    rows_expected: int = column("Records that the source says there are (at least).", nullable=True)
    rows_received: int = column("Distinct records that came.", nullable=True)
    rows_landed: int = column("Versions that they added.", nullable=True)
    rows_restated: int = column("Of those, changes of records that were known.", nullable=True)
    proof: str = column("The source's word for how many there are.", nullable=True)
    requests: int = column("Requests that it took.", nullable=True)
    waited_seconds: pl.Float64 = column("Seconds spent waiting for the source.", nullable=True)
    attempts: int = column("Times that it was pulled.", ge=0)
    api_version: str = column("The version of the API that was asked.")
    error_kind: str = column("auth, permission, config, rate_limited, transient, …", nullable=True)
    error: str = column("What went wrong and what to do.", nullable=True)
    retry_at: Instant = column("When the source may be asked again.", nullable=True)
    run_id: str = column("The Dagster run that asked.", nullable=True)
    planned_at: Instant = column("When it was planned.")
    started_at: Instant = column("When it was first asked for.", nullable=True)
    finished_at: Instant = column("When it was verified, split or given up.", nullable=True)


class ConnectorCredentials(Table, name="ops.connector_credentials", key=("source", "name")):
    """One row per credential of a source: what opens one login's accounts, sealed for its tenant."""

    source: str = column("What it opens: shopify, meta, google_ads, ga4.")
    name: str = column("What people call it: the shop, or default.")
    sealed: pl.Binary = column("The credential, sealed (warehouse/vault.py).")
    key_id: str = column("The key that sealed it, in hex.")
    status: str = column("What the last test said.", isin=["untested", "working", "failing"])
    created_at: Instant = column("When it was first connected.")
    updated_at: Instant = column("When its content changed last: connected again, or refreshed by itself.")
    verified_at: Instant = column("When it was last found to work.", nullable=True)


OPS: tuple[type[Table], ...] = (RawEvents, Tenants, Quarantine, SyncSlices, ConnectorCredentials)
