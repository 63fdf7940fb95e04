"""the most frequent pairs"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.alter_column(
        "product_pairs",
        "kind",
        existing_type=sa.TEXT(),
        comment="together: in one basket; next: the other in the customer's next basket.",
        existing_comment="together: in one basket, where each pair is there twice; next: the other in the customer's next basket.",
        existing_nullable=False,
        schema="cohorts",
    )


def downgrade() -> None:
    op.alter_column(
        "product_pairs",
        "kind",
        existing_type=sa.TEXT(),
        comment="together: in one basket, where each pair is there twice; next: the other in the customer's next basket.",
        existing_comment="together: in one basket; next: the other in the customer's next basket.",
        existing_nullable=False,
        schema="cohorts",
    )
