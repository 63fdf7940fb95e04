"""The schemas, raw records, tenants and the quarantine."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

SCHEMAS = ("ops", "raw", "staging", "marts", "cohorts", "kpis", "alerts")
OWN = "tenant_id = current_setting('app.tenant_id', true)"
STREAMS = (
    ("shopify", "orders"),
    ("shopify", "customers"),
    ("shopify", "products"),
    ("meta", "insights"),
    ("google_ads", "insights"),
    ("ga4", "traffic"),
    ("file", "orders"),
    ("file", "spend"),
    ("file", "traffic"),
)


def isolate(table: str, privileges: str) -> None:
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY tenant ON {table} USING ({OWN}) WITH CHECK ({OWN})")
    op.execute(f"GRANT {privileges} ON {table} TO growthos_app")


def upgrade() -> None:
    for schema in SCHEMAS:
        op.execute(f"CREATE SCHEMA {schema}")
        op.execute(f"GRANT USAGE ON SCHEMA {schema} TO growthos_app")

    op.create_table(
        "raw_events",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column("source", sa.Text(), nullable=False, comment="Who said it: shopify, meta, google_ads, ga4, file."),
        sa.Column("stream", sa.Text(), nullable=False, comment="What it is about: orders, customers, insights, …"),
        sa.Column("external_id", sa.Text(), nullable=False, comment="The source's id of the record."),
        sa.Column(
            "version",
            sa.BigInteger(),
            nullable=False,
            comment="1 for the first payload seen, then counting up.",
        ),
        sa.Column("payload", postgresql.JSON(), nullable=False, comment="The record as JSON, kept byte for byte."),
        sa.Column("payload_hash", sa.LargeBinary(), nullable=False, comment="SHA-256 of the payload."),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False, comment="When this version was landed."),
        sa.PrimaryKeyConstraint("tenant_id", "source", "stream", "external_id", "version"),
        schema="raw",
        comment="One row per version of a record of a source: a changed payload appends one, the same payload adds nothing.",
    )
    isolate("raw.raw_events", "SELECT, INSERT")
    for source, stream in STREAMS:
        op.execute(
            f"CREATE VIEW raw.{source}_{stream} WITH (security_invoker = true) AS "
            "SELECT tenant_id, external_id, version, payload, payload_hash, seen_at FROM raw.raw_events "
            f"WHERE source = '{source}' AND stream = '{stream}'"
        )
        op.execute(f"GRANT SELECT ON raw.{source}_{stream} TO growthos_app")

    op.create_table(
        "tenants",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column("name", sa.Text(), nullable=False, comment="What people call the brand."),
        sa.Column("timezone", sa.Text(), nullable=False, comment="IANA name; business days are this zone's days."),
        sa.Column("currency", sa.Text(), nullable=False, comment="ISO 4217 code of all of its money."),
        sa.Column(
            "category_margins",
            postgresql.JSON(),
            nullable=False,
            comment="Gross margin by category, where no unit cost is known.",
        ),
        sa.Column("shipping_rate", sa.Double(), nullable=False, comment="Shipping cost as a share of net revenue."),
        sa.Column(
            "ops_rate",
            sa.Double(),
            nullable=False,
            comment="Fulfilment and packaging cost as a share of net revenue.",
        ),
        sa.Column("alert_thresholds", postgresql.JSON(), nullable=False, comment="Overrides of the alert rules."),
        sa.Column(
            "keep_pii",
            sa.Boolean(),
            nullable=False,
            comment="Land e-mail addresses in clear instead of hashed.",
        ),
        sa.Column("is_demo", sa.Boolean(), nullable=False, comment="Its sources are the seeded demo twins."),
        sa.Column(
            "clock_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Where its clock stands; null is real time.",
        ),
        sa.Column(
            "pii_key",
            sa.LargeBinary(),
            nullable=False,
            comment="The sealed key with which its e-mail addresses are hashed.",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, comment="When the tenant was created."),
        sa.PrimaryKeyConstraint("tenant_id"),
        schema="ops",
        comment="One row per tenant: a brand and its settings.",
    )
    isolate("ops.tenants", "SELECT")
    # the owner keeps the list of tenants; forced policies bind it too, so it gets one of its own here
    op.execute("CREATE POLICY registry ON ops.tenants TO CURRENT_USER USING (true) WITH CHECK (true)")

    op.create_table(
        "quarantine",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column(
            "table_name",
            sa.Text(),
            nullable=False,
            comment="The table that the row was meant for, schema included.",
        ),
        sa.Column(
            "fingerprint",
            sa.Text(),
            nullable=False,
            comment="Hash of the row, counted up where rows are alike.",
        ),
        sa.Column(
            "record_id",
            sa.Text(),
            nullable=True,
            comment="The raw record's external_id, or the row's key.",
        ),
        sa.Column(
            "reasons",
            postgresql.ARRAY(sa.Text()),
            nullable=False,
            comment="Why it may not go on, in words.",
        ),
        sa.Column("row", postgresql.JSON(), nullable=False, comment="The row as it was turned away, as JSON."),
        sa.Column("run_id", sa.Text(), nullable=True, comment="The Dagster run that turned it away first."),
        sa.Column(
            "quarantined_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When it was first turned away.",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "table_name", "fingerprint"),
        schema="ops",
        comment="One row per row that is kept out of a table today, with the reasons. It leaves when its source is mended.",
    )
    isolate("ops.quarantine", "SELECT, INSERT, UPDATE, DELETE")


def downgrade() -> None:
    for schema in reversed(SCHEMAS):
        op.execute(f"DROP SCHEMA {schema} CASCADE")
