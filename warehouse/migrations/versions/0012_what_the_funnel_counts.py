"""what the funnel counts"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.alter_column(
        "funnel",
        "pdp_views",
        existing_type=sa.BIGINT(),
        comment="Product pages seen; a visit may see several.",
        existing_comment="Sessions that saw a product page.",
        existing_nullable=False,
        schema="kpis",
    )
    op.alter_column(
        "funnel",
        "add_to_cart",
        existing_type=sa.BIGINT(),
        comment="Additions to the cart, as the web analytics counts them.",
        existing_comment="Sessions that put something into the cart.",
        existing_nullable=False,
        schema="kpis",
    )
    op.alter_column(
        "funnel",
        "checkouts",
        existing_type=sa.BIGINT(),
        comment="Checkouts begun, as the web analytics counts them.",
        existing_comment="Sessions that began a checkout.",
        existing_nullable=False,
        schema="kpis",
    )
    op.alter_column(
        "funnel",
        "purchases",
        existing_type=sa.BIGINT(),
        comment="Purchases, as the web analytics saw them.",
        existing_comment="Sessions that bought, as the web analytics saw it.",
        existing_nullable=False,
        schema="kpis",
    )
    op.create_table_comment(
        "funnel",
        "One row per window and channel with known traffic, and one for all of them: how often each step was taken.",
        existing_comment="One row per window and channel with known traffic, and one for all of them: sessions reaching each step.",
        schema="kpis",
    )
    op.alter_column(
        "kpi_daily",
        "pdp_views",
        existing_type=sa.BIGINT(),
        comment="Product pages seen; a visit may see several.",
        existing_comment="Sessions that saw a product page.",
        existing_nullable=True,
        schema="kpis",
    )
    op.alter_column(
        "kpi_daily",
        "add_to_cart",
        existing_type=sa.BIGINT(),
        comment="Additions to the cart, as the web analytics counts them.",
        existing_comment="Sessions that put something into the cart.",
        existing_nullable=True,
        schema="kpis",
    )
    op.alter_column(
        "kpi_daily",
        "checkouts",
        existing_type=sa.BIGINT(),
        comment="Checkouts begun, as the web analytics counts them.",
        existing_comment="Sessions that began a checkout.",
        existing_nullable=True,
        schema="kpis",
    )
    op.alter_column(
        "kpi_daily",
        "purchases",
        existing_type=sa.BIGINT(),
        comment="Purchases, as the web analytics saw them.",
        existing_comment="Sessions that bought, as the web analytics saw it.",
        existing_nullable=True,
        schema="kpis",
    )
    op.alter_column(
        "fact_traffic",
        "pdp_views",
        existing_type=sa.BIGINT(),
        comment="Views of a product page.",
        existing_comment="Visits that saw a product page.",
        existing_nullable=False,
        schema="marts",
    )
    op.alter_column(
        "fact_traffic",
        "add_to_cart",
        existing_type=sa.BIGINT(),
        comment="Products put into a cart.",
        existing_comment="Visits that put something into the cart.",
        existing_nullable=False,
        schema="marts",
    )
    op.alter_column(
        "fact_traffic",
        "checkouts",
        existing_type=sa.BIGINT(),
        comment="Checkouts begun.",
        existing_comment="Visits that began to check out.",
        existing_nullable=False,
        schema="marts",
    )
    op.alter_column(
        "fact_traffic",
        "purchases",
        existing_type=sa.BIGINT(),
        comment="Purchases that the analytics saw.",
        existing_comment="Visits that bought.",
        existing_nullable=False,
        schema="marts",
    )


def downgrade() -> None:
    op.alter_column(
        "fact_traffic",
        "purchases",
        existing_type=sa.BIGINT(),
        comment="Visits that bought.",
        existing_comment="Purchases that the analytics saw.",
        existing_nullable=False,
        schema="marts",
    )
    op.alter_column(
        "fact_traffic",
        "checkouts",
        existing_type=sa.BIGINT(),
        comment="Visits that began to check out.",
        existing_comment="Checkouts begun.",
        existing_nullable=False,
        schema="marts",
    )
    op.alter_column(
        "fact_traffic",
        "add_to_cart",
        existing_type=sa.BIGINT(),
        comment="Visits that put something into the cart.",
        existing_comment="Products put into a cart.",
        existing_nullable=False,
        schema="marts",
    )
    op.alter_column(
        "fact_traffic",
        "pdp_views",
        existing_type=sa.BIGINT(),
        comment="Visits that saw a product page.",
        existing_comment="Views of a product page.",
        existing_nullable=False,
        schema="marts",
    )
    op.alter_column(
        "kpi_daily",
        "purchases",
        existing_type=sa.BIGINT(),
        comment="Sessions that bought, as the web analytics saw it.",
        existing_comment="Purchases, as the web analytics saw them.",
        existing_nullable=True,
        schema="kpis",
    )
    op.alter_column(
        "kpi_daily",
        "checkouts",
        existing_type=sa.BIGINT(),
        comment="Sessions that began a checkout.",
        existing_comment="Checkouts begun, as the web analytics counts them.",
        existing_nullable=True,
        schema="kpis",
    )
    op.alter_column(
        "kpi_daily",
        "add_to_cart",
        existing_type=sa.BIGINT(),
        comment="Sessions that put something into the cart.",
        existing_comment="Additions to the cart, as the web analytics counts them.",
        existing_nullable=True,
        schema="kpis",
    )
    op.alter_column(
        "kpi_daily",
        "pdp_views",
        existing_type=sa.BIGINT(),
        comment="Sessions that saw a product page.",
        existing_comment="Product pages seen; a visit may see several.",
        existing_nullable=True,
        schema="kpis",
    )
    op.create_table_comment(
        "funnel",
        "One row per window and channel with known traffic, and one for all of them: sessions reaching each step.",
        existing_comment="One row per window and channel with known traffic, and one for all of them: how often each step was taken.",
        schema="kpis",
    )
    op.alter_column(
        "funnel",
        "purchases",
        existing_type=sa.BIGINT(),
        comment="Sessions that bought, as the web analytics saw it.",
        existing_comment="Purchases, as the web analytics saw them.",
        existing_nullable=False,
        schema="kpis",
    )
    op.alter_column(
        "funnel",
        "checkouts",
        existing_type=sa.BIGINT(),
        comment="Sessions that began a checkout.",
        existing_comment="Checkouts begun, as the web analytics counts them.",
        existing_nullable=False,
        schema="kpis",
    )
    op.alter_column(
        "funnel",
        "add_to_cart",
        existing_type=sa.BIGINT(),
        comment="Sessions that put something into the cart.",
        existing_comment="Additions to the cart, as the web analytics counts them.",
        existing_nullable=False,
        schema="kpis",
    )
    op.alter_column(
        "funnel",
        "pdp_views",
        existing_type=sa.BIGINT(),
        comment="Sessions that saw a product page.",
        existing_comment="Product pages seen; a visit may see several.",
        existing_nullable=False,
        schema="kpis",
    )
