"""reviews keep their page and their data"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column(
        "wbr",
        sa.Column(
            "html",
            sa.Text(),
            nullable=False,
            server_default="",
            comment="The review as a page that stands alone; empty before pages were kept.",
        ),
        schema="alerts",
    )
    op.add_column(
        "wbr",
        sa.Column(
            "content",
            postgresql.JSON(astext_type=sa.Text()),
            nullable=False,
            server_default="{}",
            comment="The review as data: figures, changes and their effects, doubts, alerts, steps.",
        ),
        schema="alerts",
    )
    for column in ("html", "content"):
        op.alter_column("wbr", column, schema="alerts", server_default=None)


def downgrade() -> None:
    op.drop_column("wbr", "content", schema="alerts")
    op.drop_column("wbr", "html", schema="alerts")
