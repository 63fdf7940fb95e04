"""what settings and silences were"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "tenant_settings",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When they came to be so, by the tenant's clock; 1970 for the first ones.",
        ),
        sa.Column(
            "settings",
            postgresql.JSON(astext_type=sa.Text()),
            nullable=False,
            comment="All of them by name, but where its clock stands.",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "changed_at"),
        schema="ops",
        comment="One row per change of a tenant's settings: what they were from then on, for telling the past as it was known.",
    )
    op.execute("ALTER TABLE ops.tenant_settings ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE ops.tenant_settings FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON ops.tenant_settings USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT ON ops.tenant_settings TO growthos_app")
    op.add_column(
        "alert_silences",
        sa.Column(
            "ended_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When it was taken back, or another took its place; null holds.",
        ),
        schema="ops",
    )
    op.drop_constraint("alert_silences_pkey", "alert_silences", schema="ops")
    op.create_primary_key(
        "alert_silences_pkey", "alert_silences", ["tenant_id", "kind", "matcher", "created_at"], schema="ops"
    )
    op.create_table_comment(
        "alert_silences",
        "One row per wish not to be told of alerts, also of one that was taken back.",
        existing_comment="One row per wish not to be told of alerts.",
        schema="ops",
    )


def downgrade() -> None:
    op.create_table_comment(
        "alert_silences",
        "One row per wish not to be told of alerts.",
        existing_comment="One row per wish not to be told of alerts, also of one that was taken back.",
        schema="ops",
    )
    op.execute("ALTER TABLE ops.alert_silences NO FORCE ROW LEVEL SECURITY")
    op.execute("DELETE FROM ops.alert_silences WHERE ended_at IS NOT NULL")
    op.execute("ALTER TABLE ops.alert_silences FORCE ROW LEVEL SECURITY")
    op.drop_constraint("alert_silences_pkey", "alert_silences", schema="ops")
    op.create_primary_key("alert_silences_pkey", "alert_silences", ["tenant_id", "kind", "matcher"], schema="ops")
    op.drop_column("alert_silences", "ended_at", schema="ops")
    op.drop_table("tenant_settings", schema="ops")
