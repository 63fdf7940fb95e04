"""what vanished, and finding it"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column(
        "sync_slices",
        sa.Column(
            "rows_vanished",
            sa.BigInteger(),
            nullable=True,
            comment="Records that were known, and that the source no longer has.",
        ),
        schema="ops",
    )
    op.alter_column(
        "sync_slices",
        "part",
        existing_type=postgresql.JSON(astext_type=sa.Text()),
        comment='The entities or fields that it is narrowed to; {} is all, {"fields": "id"} a list of what was created then.',
        existing_comment="The entities or fields that it is narrowed to; {} is all.",
        existing_nullable=False,
        schema="ops",
    )
    op.create_index(
        "sync_slices_found_by",
        "sync_slices",
        ["tenant_id", "source", "stream", "account", "planned_at"],
        unique=False,
        schema="ops",
    )


def downgrade() -> None:
    op.drop_index("sync_slices_found_by", table_name="sync_slices", schema="ops")
    op.alter_column(
        "sync_slices",
        "part",
        existing_type=postgresql.JSON(astext_type=sa.Text()),
        comment="The entities or fields that it is narrowed to; {} is all.",
        existing_comment='The entities or fields that it is narrowed to; {} is all, {"fields": "id"} a list of what was created then.',
        existing_nullable=False,
        schema="ops",
    )
    op.drop_column("sync_slices", "rows_vanished", schema="ops")
