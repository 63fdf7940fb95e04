"""The tables that run the place: raw records, tenants, quarantine."""

import polars as pl

from warehouse.contract import Instant, Table, Texts, column


class RawEvents(Table, name="raw.raw_events", key=("source", "stream", "external_id", "version")):
    """One row per version of a record of a source: a changed payload appends one, the same payload adds nothing."""

    source: str = column("Who said it: shopify, meta, google_ads, ga4, file.")
    stream: str = column("What it is about: orders, customers, insights, …")
    external_id: str = column("The source's id of the record.")
    version: int = column("1 for the first payload seen, then counting up.", ge=1)
    account: str = column("Whose it is: a shop, an ad account, a property. Null if that was not noted.", nullable=True)
    payload: str = column("The record as JSON, kept byte for byte.", metadata={"json": True})
    payload_hash: pl.Binary = column("SHA-256 of the payload.")
    seen_at: Instant = column("When this version was landed.")
    import_id: int = column("The import of a file that said it, ops.imports; null for all else.", nullable=True)


class Imports(Table, name="ops.imports", key=("import_id",)):
    """One row per file that was imported, and what became of its rows."""

    import_id: int = column("Counts up from 1.", ge=1)
    kind: str = column("What the file is of: orders, spend, traffic.")
    file: str = column("The file's name.")
    read: int = column("Rows that it has: landed + unchanged + repeated.")
    landed: int = column("Rows that added a version of a record.")
    unchanged: int = column("Rows that were here already.")
    repeated: int = column("Rows that say again what another row of the file says.")
    vanished: int = column("Records of earlier files that it ended, as it has others in their place.")
    quarantined: int = column("Rows that break their contract, as the file alone tells.")
    imported_at: Instant = column("When, in real time.")
    undone_at: Instant = column("When it was taken back, in real time; null holds.", nullable=True)


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


class TenantSettings(Table, name="ops.tenant_settings", key=("changed_at",)):
    """One row per change of a tenant's settings: what they were from then on, for telling the past as it was known."""

    changed_at: Instant = column("When they came to be so, by the tenant's clock; 1970 for the first ones.")
    settings: str = column("All of them by name, but where its clock stands.", metadata={"json": True})


class Refreshes(Table, name="ops.refreshes"):
    """One row per tenant: which run wrote its tables last, and what it has made them all from."""

    run_id: str = column("The Dagster run.")
    state: str = column("Digest of records, settings, day and code; null unless it made all tables.", nullable=True)


class Quarantine(Table, name="ops.quarantine", key=("table_name", "fingerprint")):
    """One row per row that is kept out of a table today, with the reasons. It leaves when its source is mended."""

    table_name: str = column("The table that the row was meant for, schema included.")
    fingerprint: str = column("Hash of the row, counted up where rows are alike.")
    record_id: str = column("The raw record's external_id, or the row's key.", nullable=True)
    reasons: Texts = column("Why it may not go on, in words.")
    row: str = column("The row as it was turned away, as JSON.", metadata={"json": True})
    run_id: str = column("The Dagster run that turned it away first.", nullable=True)
    quarantined_at: Instant = column("When it was first turned away.")


class SyncSlices(Table, name="ops.sync_slices", key=("pull_id",), index=("source", "stream", "account", "planned_at")):
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
    part: str = column(
        'The entities or fields that it is narrowed to; {} is all, {"fields": "id"} a list of what was created then.',
        metadata={"json": True},
    )
    state: str = column(
        "planned, running, landed, verified, split or failed.",
        isin=["planned", "running", "landed", "verified", "split", "failed"],
    )
    rows_expected: int = column("Records that the source says there are (at least).", nullable=True)
    rows_received: int = column("Distinct records that came.", nullable=True)
    rows_landed: int = column("Versions that they added.", nullable=True)
    rows_restated: int = column("Of those, changes of records that were known.", nullable=True)
    rows_vanished: int = column("Records that were known, and that the source no longer has.", nullable=True)
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

    source: str = column("What it opens: shopify, meta, google_ads, ga4; for alerts webhook, slack.")
    name: str = column("What people call it: the shop, or default.")
    sealed: pl.Binary = column("The credential, sealed (warehouse/vault.py).")
    key_id: str = column("The key that sealed it, in hex.")
    status: str = column("What the last test said.", isin=["untested", "working", "failing"])
    created_at: Instant = column("When it was first connected.")
    updated_at: Instant = column("When its content changed last: connected again, or refreshed by itself.")
    verified_at: Instant = column("When it was last found to work.", nullable=True)


class AlertStates(Table, name="ops.alert_states", key=("fingerprint", "window_end")):
    """One row per alert and evaluated window on which it was not at rest: its history. The newest is its state."""

    fingerprint: str = column("SHA-256 of rule, tenant and labels: the same alert tomorrow.")
    window_end: pl.Date = column("Last day of the window that was evaluated.")
    alert_id: str = column("The rule; for a member of many with the member's id behind it.")
    state: str = column(
        "What it was after that window.",
        isin=["pending", "firing", "recovering", "resolved", "no_data", "error"],
    )
    standing: str = column("What it was when it was last known: state, but for no_data and error.")
    severity: str = column("How bad it is.", isin=["critical", "warning", "info"])
    since: pl.Date = column("First day of the episode.")
    known_on: pl.Date = column("Last day on which its numbers were known.")
    breaches: int = column("Windows in the episode that were beyond the line.", ge=0)
    clears: int = column("Windows since the last breach that were clear of it.", ge=0)
    silenced_by: str = column("Why it is not told: ack, snooze, mute, an expected event, another alert; or empty.")
    version: str = column("Hash of the rule and its numbers: an alert of another version is forgotten.")
    finding: str = column("The numbers of the last window that knew them.", metadata={"json": True})


class AlertEvents(Table, name="ops.alert_events", key=("fingerprint", "window_end", "kind")):
    """One row per thing to tell of an alert, once, however often its window is evaluated."""

    fingerprint: str = column("ops.alert_states.")
    window_end: pl.Date = column("Last day of the window that it is about.")
    kind: str = column("What happened.", isin=["fired", "escalated", "repeated", "resolved", "error"])
    alert_id: str = column("ops.alert_states.")
    severity: str = column("How bad it was.", isin=["critical", "warning", "info"])
    at_stake: pl.Float64 = column("Money at stake; null where it has no size.", nullable=True)
    message: str = column("It in words: what, whom, the numbers, why, what to do.")
    created_at: Instant = column("When it was evaluated, by the tenant's clock.")
    sent_at: Instant = column("When it had been delivered everywhere; null waits.", nullable=True)


class AlertDeliveries(Table, name="ops.alert_deliveries", key=("digest_id", "channel", "destination")):
    """One row per digest of events and destination that it goes to: the outbox, written with the events themselves."""

    digest_id: str = column("SHA-256 of tenant, window and events; a webhook's idempotency key.")
    channel: str = column("How it is sent.", isin=["log", "webhook", "slack"])
    destination: str = column("The name of the destination, as ops.connector_credentials has it; of the log, log.")
    window_end: pl.Date = column("Last day of the window that it is about.")
    digest: str = column("What is sent: id, tenant, window and events.", metadata={"json": True})
    state: str = column("failed is for good.", isin=["pending", "sent", "failed"])
    attempts: int = column("Times that it was tried and that had an outcome.", ge=0)
    next_try_at: Instant = column("Not to be tried before.", nullable=True)
    error: str = column("What the last attempt failed with, and what to do.", nullable=True)
    created_at: Instant = column("When it was put here, in real time.")
    sent_at: Instant = column("When the destination took it.", nullable=True)


class AlertSilences(Table, name="ops.alert_silences", key=("kind", "matcher", "created_at")):
    """One row per wish not to be told of alerts, also of one that was taken back."""

    kind: str = column(
        "ack: of this episode; snooze: until an instant; mute: of whatever matches.", isin=["ack", "snooze", "mute"]
    )
    matcher: str = column("An alert's id, or a pattern of them such as channel_cac_*.")
    until: Instant = column("When it ends; null is never.", nullable=True)
    note: str = column("Why, in the words of whoever wished it.")
    created_at: Instant = column("When it was wished, by the tenant's clock.")
    ended_at: Instant = column("When it was taken back, or another took its place; null holds.", nullable=True)


class ExpectedEvents(Table, name="ops.expected_events", key=("name", "first_day")):
    """One row per time that numbers are unusual for a known reason: its alerts are not told, baselines skip it."""

    name: str = column("What it is: Black Friday, the price change, …")
    first_day: pl.Date = column("Its first local day.")
    last_day: pl.Date = column("Its last local day.")
    matcher: str = column("The alerts that it explains: an id or a pattern; * is all.")


OPS: tuple[type[Table], ...] = (
    RawEvents,
    Imports,
    Tenants,
    TenantSettings,
    Refreshes,
    Quarantine,
    SyncSlices,
    ConnectorCredentials,
    AlertStates,
    AlertEvents,
    AlertDeliveries,
    AlertSilences,
    ExpectedEvents,
)
