"""whose a record is"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column(
        "raw_events",
        sa.Column(
            "account",
            sa.Text(),
            nullable=True,
            comment="Whose it is: a shop, an ad account, a property. Null if that was not noted.",
        ),
        schema="raw",
    )


def downgrade() -> None:
    op.drop_column("raw_events", "account", schema="raw")
