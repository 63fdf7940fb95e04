"""which import said it"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.add_column(
        "raw_events",
        sa.Column(
            "import_id",
            sa.BigInteger(),
            nullable=True,
            comment="The import of a file that said it, ops.imports; null for all else.",
        ),
        schema="raw",
    )
    op.create_table(
        "imports",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column("import_id", sa.BigInteger(), nullable=False, comment="Counts up from 1."),
        sa.Column("kind", sa.Text(), nullable=False, comment="What the file is of: orders, spend, traffic."),
        sa.Column("file", sa.Text(), nullable=False, comment="The file's name."),
        sa.Column("read", sa.BigInteger(), nullable=False, comment="Rows that it has: landed + unchanged + repeated."),
        sa.Column("landed", sa.BigInteger(), nullable=False, comment="Rows that added a version of a record."),
        sa.Column("unchanged", sa.BigInteger(), nullable=False, comment="Rows that were here already."),
        sa.Column(
            "repeated",
            sa.BigInteger(),
            nullable=False,
            comment="Rows that say again what another row of the file says.",
        ),
        sa.Column(
            "vanished",
            sa.BigInteger(),
            nullable=False,
            comment="Records of earlier files that it ended, as it has others in their place.",
        ),
        sa.Column(
            "quarantined",
            sa.BigInteger(),
            nullable=False,
            comment="Rows that break their contract, as the file alone tells.",
        ),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False, comment="When, in real time."),
        sa.Column(
            "undone_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When it was taken back, in real time; null holds.",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "import_id"),
        schema="ops",
        comment="One row per file that was imported, and what became of its rows.",
    )
    op.execute("ALTER TABLE ops.imports ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE ops.imports FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON ops.imports USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE ON ops.imports TO growthos_app")


def downgrade() -> None:
    op.drop_table("imports", schema="ops")
    op.drop_column("raw_events", "import_id", schema="raw")
