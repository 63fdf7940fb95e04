"""which run wrote the tables last"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "refreshes",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column("run_id", sa.Text(), nullable=False, comment="The Dagster run."),
        sa.Column(
            "state",
            sa.Text(),
            nullable=True,
            comment="Digest of records, settings, day and code; null unless it made all tables.",
        ),
        sa.PrimaryKeyConstraint("tenant_id"),
        schema="ops",
        comment="One row per tenant: which run wrote its tables last, and what it has made them all from.",
    )
    op.execute("ALTER TABLE ops.refreshes ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE ops.refreshes FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON ops.refreshes USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ops.refreshes TO growthos_app")


def downgrade() -> None:
    op.drop_table("refreshes", schema="ops")
