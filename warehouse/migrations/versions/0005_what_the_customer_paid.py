"""what the customer paid"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"

DOUBTS = {
    "is_sampled": "Some of it is estimated from a sample.",
    "is_thresholded": "Some of it may be withheld to protect privacy.",
    "has_other": 'Some of it may be summed up as "(other)".',
    "is_settled": "The day's figures no longer change.",
}


def upgrade() -> None:
    for name, comment in DOUBTS.items():
        column = sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false(), comment=comment)
        op.add_column("fact_traffic", column, schema="marts")
        op.alter_column("fact_traffic", name, server_default=None, schema="marts")
    op.alter_column(
        "fact_order_lines",
        "order_date",
        existing_type=sa.DATE(),
        comment="Business day in the tenant's time zone on which the line was ordered: with its order, or by the edit or exchange that added it.",
        existing_comment="The order's business day in the tenant's time zone.",
        existing_nullable=False,
        schema="marts",
    )
    op.add_column(
        "fact_orders",
        sa.Column(
            "presentment_currency", sa.Text(), nullable=True, comment="The currency that the customer was charged in."
        ),
        schema="marts",
    )
    op.add_column(
        "fact_orders",
        sa.Column(
            "presentment_total",
            sa.Numeric(precision=18, scale=4),
            nullable=True,
            comment="The order's total as the customer was charged, in that currency: for audit, never summed.",
        ),
        schema="marts",
    )
    op.alter_column(
        "fact_orders",
        "currency",
        existing_type=sa.TEXT(),
        comment="Currency of every amount but presentment_total.",
        existing_comment="Currency of every amount.",
        existing_nullable=False,
        schema="marts",
    )
    op.alter_column(
        "fact_refunds",
        "refund_id",
        existing_type=sa.TEXT(),
        comment="The agreement or refund that it is part of.",
        existing_comment="The refund it is part of.",
        existing_nullable=False,
        schema="marts",
    )
    op.alter_column(
        "stg_order_lines",
        "line_id",
        existing_type=sa.TEXT(),
        comment="Shopify's gid, or the line id of the file; of units that were added to a line later gid/sale's gid.",
        existing_comment="Shopify's gid, or the line id of the file.",
        existing_nullable=False,
        schema="staging",
    )
    op.alter_column(
        "stg_order_lines",
        "processed_at",
        existing_type=postgresql.TIMESTAMP(timezone=True),
        comment="When it was ordered: with its order, or by the edit or exchange that added it.",
        existing_comment="When its order was placed.",
        existing_nullable=False,
        schema="staging",
    )
    op.alter_column(
        "stg_order_lines",
        "order_date",
        existing_type=sa.DATE(),
        comment="That day in the tenant's time zone.",
        existing_comment="Its order's day in the tenant's time zone.",
        existing_nullable=False,
        schema="staging",
    )
    op.add_column(
        "stg_orders",
        sa.Column(
            "presentment_currency", sa.Text(), nullable=True, comment="The currency that the customer was charged in."
        ),
        schema="staging",
    )
    op.add_column(
        "stg_orders",
        sa.Column(
            "presentment_total",
            sa.Numeric(precision=18, scale=4),
            nullable=True,
            comment="The order's total as the customer was charged, in that currency: for audit, never summed.",
        ),
        schema="staging",
    )
    op.alter_column(
        "stg_orders",
        "source_gross",
        existing_type=sa.NUMERIC(precision=18, scale=4),
        comment="Lines before discounts by the source's own header: subtotal + discounts; of a file Σ its sale rows; null once the order was edited, since its header is then of no one moment.",
        existing_comment="Lines before discounts by the source's own header: subtotal + discounts; of a file Σ its sale rows.",
        existing_nullable=True,
        schema="staging",
    )
    op.alter_column(
        "stg_orders",
        "source_discounts",
        existing_type=sa.NUMERIC(precision=18, scale=4),
        comment="Discounts by the source's own header; null with source_gross.",
        existing_comment="Discounts by the source's own header.",
        existing_nullable=True,
        schema="staging",
    )
    op.alter_column(
        "stg_refunds",
        "refund_line_id",
        existing_type=sa.TEXT(),
        comment="Shopify's gid of the sale that took it back, else of the refund's line; a file's row.",
        existing_comment="Shopify's gid, or the id of the file's row.",
        existing_nullable=False,
        schema="staging",
    )
    op.alter_column(
        "stg_refunds",
        "refund_id",
        existing_type=sa.TEXT(),
        comment="The agreement, else the refund, that it is part of; of a file the order id of its row.",
        existing_comment="The refund that it is part of; of a file the order id of its row.",
        existing_nullable=False,
        schema="staging",
    )


def downgrade() -> None:
    for name in DOUBTS:
        op.drop_column("fact_traffic", name, schema="marts")
    op.alter_column(
        "stg_refunds",
        "refund_id",
        existing_type=sa.TEXT(),
        comment="The refund that it is part of; of a file the order id of its row.",
        existing_comment="The agreement, else the refund, that it is part of; of a file the order id of its row.",
        existing_nullable=False,
        schema="staging",
    )
    op.alter_column(
        "stg_refunds",
        "refund_line_id",
        existing_type=sa.TEXT(),
        comment="Shopify's gid, or the id of the file's row.",
        existing_comment="Shopify's gid of the sale that took it back, else of the refund's line; a file's row.",
        existing_nullable=False,
        schema="staging",
    )
    op.alter_column(
        "stg_orders",
        "source_discounts",
        existing_type=sa.NUMERIC(precision=18, scale=4),
        comment="Discounts by the source's own header.",
        existing_comment="Discounts by the source's own header; null with source_gross.",
        existing_nullable=True,
        schema="staging",
    )
    op.alter_column(
        "stg_orders",
        "source_gross",
        existing_type=sa.NUMERIC(precision=18, scale=4),
        comment="Lines before discounts by the source's own header: subtotal + discounts; of a file Σ its sale rows.",
        existing_comment="Lines before discounts by the source's own header: subtotal + discounts; of a file Σ its sale rows; null once the order was edited, since its header is then of no one moment.",
        existing_nullable=True,
        schema="staging",
    )
    op.drop_column("stg_orders", "presentment_total", schema="staging")
    op.drop_column("stg_orders", "presentment_currency", schema="staging")
    op.alter_column(
        "stg_order_lines",
        "order_date",
        existing_type=sa.DATE(),
        comment="Its order's day in the tenant's time zone.",
        existing_comment="That day in the tenant's time zone.",
        existing_nullable=False,
        schema="staging",
    )
    op.alter_column(
        "stg_order_lines",
        "processed_at",
        existing_type=postgresql.TIMESTAMP(timezone=True),
        comment="When its order was placed.",
        existing_comment="When it was ordered: with its order, or by the edit or exchange that added it.",
        existing_nullable=False,
        schema="staging",
    )
    op.alter_column(
        "stg_order_lines",
        "line_id",
        existing_type=sa.TEXT(),
        comment="Shopify's gid, or the line id of the file.",
        existing_comment="Shopify's gid, or the line id of the file; of units that were added to a line later gid/sale's gid.",
        existing_nullable=False,
        schema="staging",
    )
    op.alter_column(
        "fact_refunds",
        "refund_id",
        existing_type=sa.TEXT(),
        comment="The refund it is part of.",
        existing_comment="The agreement or refund that it is part of.",
        existing_nullable=False,
        schema="marts",
    )
    op.alter_column(
        "fact_orders",
        "currency",
        existing_type=sa.TEXT(),
        comment="Currency of every amount.",
        existing_comment="Currency of every amount but presentment_total.",
        existing_nullable=False,
        schema="marts",
    )
    op.drop_column("fact_orders", "presentment_total", schema="marts")
    op.drop_column("fact_orders", "presentment_currency", schema="marts")
    op.alter_column(
        "fact_order_lines",
        "order_date",
        existing_type=sa.DATE(),
        comment="The order's business day in the tenant's time zone.",
        existing_comment="Business day in the tenant's time zone on which the line was ordered: with its order, or by the edit or exchange that added it.",
        existing_nullable=False,
        schema="marts",
    )
