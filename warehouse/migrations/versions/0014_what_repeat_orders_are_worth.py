"""what repeat orders are worth"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.alter_column(
        "ltv_forecast",
        "expected_order_value",
        existing_type=sa.DOUBLE_PRECISION(precision=53),
        comment="Expected net revenue of each of them, what is sent back taken off.",
        existing_comment="Expected net revenue of each of them.",
        existing_nullable=True,
        schema="cohorts",
    )
    op.add_column(
        "ltv_models",
        sa.Column(
            "value_scale",
            sa.Double(),
            nullable=True,
            comment="gamma_gamma: net revenue of all repeat orders ÷ what it, fitted to those who kept something, expects of them.",
        ),
        schema="cohorts",
    )
    op.alter_column(
        "ltv_models",
        "margin_rate",
        existing_type=sa.DOUBLE_PRECISION(precision=53),
        comment="gamma_gamma: contribution margin ÷ net revenue of all repeat orders.",
        existing_comment="gamma_gamma: contribution margin ÷ net revenue of the repeat orders.",
        existing_nullable=True,
        schema="cohorts",
    )
    op.alter_column(
        "stg_customers",
        "customer_id",
        existing_type=sa.TEXT(),
        comment="Shopify's gid, the file's id, or email:<hash>; of ids with the same e-mail the one that ordered first.",
        existing_comment="Shopify's gid, the file's id, or email:<hash>.",
        existing_nullable=False,
        schema="staging",
    )
    op.alter_column(
        "stg_orders",
        "customer_id",
        existing_type=sa.TEXT(),
        comment="The shop's customer, of ids with the same e-mail the one that ordered first; else who is known by the same e-mail, else email:<hash>; null for a guest.",
        existing_comment="The shop's customer, else who is known by the same e-mail, else email:<hash>; null for a guest.",
        existing_nullable=True,
        schema="staging",
    )


def downgrade() -> None:
    op.alter_column(
        "stg_orders",
        "customer_id",
        existing_type=sa.TEXT(),
        comment="The shop's customer, else who is known by the same e-mail, else email:<hash>; null for a guest.",
        existing_comment="The shop's customer, of ids with the same e-mail the one that ordered first; else who is known by the same e-mail, else email:<hash>; null for a guest.",
        existing_nullable=True,
        schema="staging",
    )
    op.alter_column(
        "stg_customers",
        "customer_id",
        existing_type=sa.TEXT(),
        comment="Shopify's gid, the file's id, or email:<hash>.",
        existing_comment="Shopify's gid, the file's id, or email:<hash>; of ids with the same e-mail the one that ordered first.",
        existing_nullable=False,
        schema="staging",
    )
    op.alter_column(
        "ltv_models",
        "margin_rate",
        existing_type=sa.DOUBLE_PRECISION(precision=53),
        comment="gamma_gamma: contribution margin ÷ net revenue of the repeat orders.",
        existing_comment="gamma_gamma: contribution margin ÷ net revenue of all repeat orders.",
        existing_nullable=True,
        schema="cohorts",
    )
    op.drop_column("ltv_models", "value_scale", schema="cohorts")
    op.alter_column(
        "ltv_forecast",
        "expected_order_value",
        existing_type=sa.DOUBLE_PRECISION(precision=53),
        comment="Expected net revenue of each of them.",
        existing_comment="Expected net revenue of each of them, what is sent back taken off.",
        existing_nullable=True,
        schema="cohorts",
    )
