"""what a file's campaign is called"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.alter_column(
        "stg_spend",
        "campaign_id",
        existing_type=sa.TEXT(),
        comment="The platform's id behind the source's name: meta:123, google_ads:123; of a file's channel, account and campaign file:meta/act_1/Spring.",
        existing_comment="The platform's id behind the source's name: meta:123, google_ads:123, file:Spring.",
        existing_nullable=False,
        schema="staging",
    )


def downgrade() -> None:
    op.alter_column(
        "stg_spend",
        "campaign_id",
        existing_type=sa.TEXT(),
        comment="The platform's id behind the source's name: meta:123, google_ads:123, file:Spring.",
        existing_comment="The platform's id behind the source's name: meta:123, google_ads:123; of a file's channel, account and campaign file:meta/act_1/Spring.",
        existing_nullable=False,
        schema="staging",
    )
