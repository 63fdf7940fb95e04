"""what nobody counts is unknown"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.alter_column(
        "funnel",
        "pdp_views",
        existing_type=sa.BIGINT(),
        nullable=True,
        existing_comment="Product pages seen; a visit may see several.",
        schema="kpis",
    )
    op.alter_column(
        "funnel",
        "add_to_cart",
        existing_type=sa.BIGINT(),
        nullable=True,
        existing_comment="Additions to the cart, as the web analytics counts them.",
        schema="kpis",
    )
    op.alter_column(
        "funnel",
        "checkouts",
        existing_type=sa.BIGINT(),
        nullable=True,
        existing_comment="Checkouts begun, as the web analytics counts them.",
        schema="kpis",
    )
    op.alter_column(
        "funnel",
        "purchases",
        existing_type=sa.BIGINT(),
        nullable=True,
        existing_comment="Purchases, as the web analytics saw them.",
        schema="kpis",
    )
    op.alter_column(
        "fact_spend",
        "impressions",
        existing_type=sa.BIGINT(),
        nullable=True,
        comment="Times an ad was shown; null where nobody says.",
        existing_comment="Times an ad was shown.",
        schema="marts",
    )
    op.alter_column(
        "fact_spend",
        "clicks",
        existing_type=sa.BIGINT(),
        nullable=True,
        comment="Clicks that led to the shop; null where nobody says.",
        existing_comment="Clicks that led to the shop.",
        schema="marts",
    )
    op.alter_column(
        "fact_traffic",
        "pdp_views",
        existing_type=sa.BIGINT(),
        nullable=True,
        comment="Views of a product page; null where a file does not say.",
        existing_comment="Views of a product page.",
        schema="marts",
    )
    op.alter_column(
        "fact_traffic",
        "add_to_cart",
        existing_type=sa.BIGINT(),
        nullable=True,
        comment="Products put into a cart; null where a file does not say.",
        existing_comment="Products put into a cart.",
        schema="marts",
    )
    op.alter_column(
        "fact_traffic",
        "checkouts",
        existing_type=sa.BIGINT(),
        nullable=True,
        comment="Checkouts begun; null where a file does not say.",
        existing_comment="Checkouts begun.",
        schema="marts",
    )
    op.alter_column(
        "fact_traffic",
        "purchases",
        existing_type=sa.BIGINT(),
        nullable=True,
        comment="Purchases that the analytics saw; null where a file does not say.",
        existing_comment="Purchases that the analytics saw.",
        schema="marts",
    )
    op.alter_column(
        "stg_spend",
        "impressions",
        existing_type=sa.BIGINT(),
        nullable=True,
        comment="Times shown; null where a file does not say.",
        existing_comment="Times shown.",
        schema="staging",
    )
    op.alter_column(
        "stg_spend",
        "clicks",
        existing_type=sa.BIGINT(),
        nullable=True,
        comment="Clicks that lead to the shop; of Meta its inline link clicks; null where a file does not say.",
        existing_comment="Clicks that lead to the shop; of Meta its inline link clicks.",
        schema="staging",
    )
    op.alter_column(
        "stg_traffic",
        "pdp_views",
        existing_type=sa.BIGINT(),
        nullable=True,
        comment="Views of a product page; null where a file does not say.",
        existing_comment="Views of a product page.",
        schema="staging",
    )
    op.alter_column(
        "stg_traffic",
        "add_to_cart",
        existing_type=sa.BIGINT(),
        nullable=True,
        comment="Products put into a cart; null where a file does not say.",
        existing_comment="Products put into a cart.",
        schema="staging",
    )
    op.alter_column(
        "stg_traffic",
        "checkouts",
        existing_type=sa.BIGINT(),
        nullable=True,
        comment="Checkouts begun; null where a file does not say.",
        existing_comment="Checkouts begun.",
        schema="staging",
    )
    op.alter_column(
        "stg_traffic",
        "purchases",
        existing_type=sa.BIGINT(),
        nullable=True,
        comment="Purchases that the analytics saw; null where a file does not say.",
        existing_comment="Purchases that the analytics saw.",
        schema="staging",
    )


def downgrade() -> None:
    op.alter_column(
        "stg_traffic",
        "purchases",
        existing_type=sa.BIGINT(),
        nullable=False,
        comment="Purchases that the analytics saw.",
        existing_comment="Purchases that the analytics saw; null where a file does not say.",
        schema="staging",
    )
    op.alter_column(
        "stg_traffic",
        "checkouts",
        existing_type=sa.BIGINT(),
        nullable=False,
        comment="Checkouts begun.",
        existing_comment="Checkouts begun; null where a file does not say.",
        schema="staging",
    )
    op.alter_column(
        "stg_traffic",
        "add_to_cart",
        existing_type=sa.BIGINT(),
        nullable=False,
        comment="Products put into a cart.",
        existing_comment="Products put into a cart; null where a file does not say.",
        schema="staging",
    )
    op.alter_column(
        "stg_traffic",
        "pdp_views",
        existing_type=sa.BIGINT(),
        nullable=False,
        comment="Views of a product page.",
        existing_comment="Views of a product page; null where a file does not say.",
        schema="staging",
    )
    op.alter_column(
        "stg_spend",
        "clicks",
        existing_type=sa.BIGINT(),
        nullable=False,
        comment="Clicks that lead to the shop; of Meta its inline link clicks.",
        existing_comment="Clicks that lead to the shop; of Meta its inline link clicks; null where a file does not say.",
        schema="staging",
    )
    op.alter_column(
        "stg_spend",
        "impressions",
        existing_type=sa.BIGINT(),
        nullable=False,
        comment="Times shown.",
        existing_comment="Times shown; null where a file does not say.",
        schema="staging",
    )
    op.alter_column(
        "fact_traffic",
        "purchases",
        existing_type=sa.BIGINT(),
        nullable=False,
        comment="Purchases that the analytics saw.",
        existing_comment="Purchases that the analytics saw; null where a file does not say.",
        schema="marts",
    )
    op.alter_column(
        "fact_traffic",
        "checkouts",
        existing_type=sa.BIGINT(),
        nullable=False,
        comment="Checkouts begun.",
        existing_comment="Checkouts begun; null where a file does not say.",
        schema="marts",
    )
    op.alter_column(
        "fact_traffic",
        "add_to_cart",
        existing_type=sa.BIGINT(),
        nullable=False,
        comment="Products put into a cart.",
        existing_comment="Products put into a cart; null where a file does not say.",
        schema="marts",
    )
    op.alter_column(
        "fact_traffic",
        "pdp_views",
        existing_type=sa.BIGINT(),
        nullable=False,
        comment="Views of a product page.",
        existing_comment="Views of a product page; null where a file does not say.",
        schema="marts",
    )
    op.alter_column(
        "fact_spend",
        "clicks",
        existing_type=sa.BIGINT(),
        nullable=False,
        comment="Clicks that led to the shop.",
        existing_comment="Clicks that led to the shop; null where nobody says.",
        schema="marts",
    )
    op.alter_column(
        "fact_spend",
        "impressions",
        existing_type=sa.BIGINT(),
        nullable=False,
        comment="Times an ad was shown.",
        existing_comment="Times an ad was shown; null where nobody says.",
        schema="marts",
    )
    op.alter_column(
        "funnel",
        "purchases",
        existing_type=sa.BIGINT(),
        nullable=False,
        existing_comment="Purchases, as the web analytics saw them.",
        schema="kpis",
    )
    op.alter_column(
        "funnel",
        "checkouts",
        existing_type=sa.BIGINT(),
        nullable=False,
        existing_comment="Checkouts begun, as the web analytics counts them.",
        schema="kpis",
    )
    op.alter_column(
        "funnel",
        "add_to_cart",
        existing_type=sa.BIGINT(),
        nullable=False,
        existing_comment="Additions to the cart, as the web analytics counts them.",
        schema="kpis",
    )
    op.alter_column(
        "funnel",
        "pdp_views",
        existing_type=sa.BIGINT(),
        nullable=False,
        existing_comment="Product pages seen; a visit may see several.",
        schema="kpis",
    )
