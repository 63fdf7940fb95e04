"""the import of a record"""

from alembic import op

revision = "0018"
down_revision = "0017"

KINDS = ("orders", "spend", "traffic")
COLUMNS = "tenant_id, external_id, version, payload, payload_hash, seen_at"


def upgrade() -> None:
    for kind in KINDS:
        op.execute(
            f"CREATE OR REPLACE VIEW raw.file_{kind} WITH (security_invoker = true) AS "
            f"SELECT {COLUMNS}, import_id FROM raw.raw_events WHERE source = 'file' AND stream = '{kind}'"
        )


def downgrade() -> None:
    for kind in KINDS:
        op.execute(f"DROP VIEW raw.file_{kind}")
        op.execute(
            f"CREATE VIEW raw.file_{kind} WITH (security_invoker = true) AS "
            f"SELECT {COLUMNS} FROM raw.raw_events WHERE source = 'file' AND stream = '{kind}'"
        )
        op.execute(f"GRANT SELECT ON raw.file_{kind} TO growthos_app")
