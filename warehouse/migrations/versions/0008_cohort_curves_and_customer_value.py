"""cohort curves, customers' values, product pairs"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "cohort_curves",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column(
            "cohort_by",
            sa.Text(),
            nullable=False,
            comment="What divides customers into cohorts; each is in exactly one cohort of each: month, week, channel, product, discount, all.",
        ),
        sa.Column(
            "cohort",
            sa.Text(),
            nullable=False,
            comment="Month (YYYY-MM), or week (its Monday), of the first order; its channel, product or discount band; or `all`.",
        ),
        sa.Column(
            "is_left_truncated",
            sa.Boolean(),
            nullable=False,
            comment="Of customers first seen in the history's first month, who may have bought before it.",
        ),
        sa.Column("age_days", sa.BigInteger(), nullable=False, comment="Local days since each customer's first order."),
        sa.Column("cohort_size", sa.BigInteger(), nullable=False, comment="All customers of the cohort."),
        sa.Column(
            "mature_customers",
            sa.BigInteger(),
            nullable=False,
            comment="Those who have reached that age; the sums are theirs.",
        ),
        sa.Column(
            "returned_customers",
            sa.BigInteger(),
            nullable=False,
            comment="Those with an order on a later day than the first.",
        ),
        sa.Column(
            "repeat_customers",
            sa.BigInteger(),
            nullable=False,
            comment="Those with a second order, be it on the first day.",
        ),
        sa.Column("orders", sa.BigInteger(), nullable=False, comment="Their orders, the first one too."),
        sa.Column("revenue_net", sa.Numeric(precision=18, scale=4), nullable=False, comment="Their net revenue."),
        sa.Column(
            "contribution_margin",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="Their contribution margin.",
        ),
        sa.Column(
            "mean_orders",
            sa.Double(),
            nullable=False,
            comment="Mean cumulative function of orders: per customer, from all who were observed for a part of the time too. It does not add up over rows.",
        ),
        sa.Column("mean_revenue_net", sa.Double(), nullable=False, comment="The same of net revenue."),
        sa.Column("mean_contribution_margin", sa.Double(), nullable=False, comment="The same of contribution margin."),
        sa.Column(
            "is_readable",
            sa.Boolean(),
            nullable=False,
            comment="The whole cohort has reached that age; of a cohort that is no month or week, always.",
        ),
        sa.Column(
            "is_small",
            sa.Boolean(),
            nullable=False,
            comment="Fewer than 30 customers have reached that age: mostly chance.",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "cohort_by", "cohort", "is_left_truncated", "age_days"),
        schema="cohorts",
        comment="One row per cohort and age: the sums of those of its customers who have reached that age, until that age.",
    )
    op.execute("ALTER TABLE cohorts.cohort_curves ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE cohorts.cohort_curves FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON cohorts.cohort_curves USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON cohorts.cohort_curves TO growthos_app")
    op.create_table(
        "cohort_months",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column("cohort_by", sa.Text(), nullable=False, comment="What divides customers into cohorts."),
        sa.Column("cohort", sa.Text(), nullable=False, comment="The cohort, as in cohort_curves."),
        sa.Column(
            "is_left_truncated",
            sa.Boolean(),
            nullable=False,
            comment="Of customers first seen in the history's first month, who may have bought before it.",
        ),
        sa.Column(
            "month",
            sa.BigInteger(),
            nullable=False,
            comment="Calendar months since that of each customer's first order.",
        ),
        sa.Column("cohort_size", sa.BigInteger(), nullable=False, comment="All customers of the cohort."),
        sa.Column(
            "mature_customers",
            sa.BigInteger(),
            nullable=False,
            comment="Those for whom that month is over; the sums are theirs.",
        ),
        sa.Column("active_customers", sa.BigInteger(), nullable=False, comment="Those with an order in that month."),
        sa.Column("orders", sa.BigInteger(), nullable=False, comment="Their orders in that month."),
        sa.Column(
            "revenue_net",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="Net revenue of these orders, refunds to date taken off.",
        ),
        sa.Column(
            "contribution_margin",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="Their contribution margin.",
        ),
        sa.Column(
            "is_readable",
            sa.Boolean(),
            nullable=False,
            comment="The month is over for the whole cohort; of a cohort that is no month or week, always.",
        ),
        sa.Column(
            "is_small", sa.Boolean(), nullable=False, comment="It is over for fewer than 30 customers: mostly chance."
        ),
        sa.PrimaryKeyConstraint("tenant_id", "cohort_by", "cohort", "is_left_truncated", "month"),
        schema="cohorts",
        comment="One row per cohort and calendar month of life: the sums in that month of those for whom it is over.",
    )
    op.execute("ALTER TABLE cohorts.cohort_months ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE cohorts.cohort_months FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON cohorts.cohort_months USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON cohorts.cohort_months TO growthos_app")
    op.create_table(
        "cohort_summary",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column("cohort_by", sa.Text(), nullable=False, comment="What divides customers into cohorts."),
        sa.Column("cohort", sa.Text(), nullable=False, comment="The cohort, as in cohort_curves."),
        sa.Column(
            "is_left_truncated",
            sa.Boolean(),
            nullable=False,
            comment="Of customers first seen in the history's first month, who may have bought before it.",
        ),
        sa.Column(
            "label", sa.Text(), nullable=False, comment="What people call the cohort: of a product its title and SKU."
        ),
        sa.Column("cohort_size", sa.BigInteger(), nullable=False, comment="Customers."),
        sa.Column(
            "observed_days", sa.BigInteger(), nullable=False, comment="Age in days that all of them have reached."
        ),
        sa.Column(
            "spend",
            sa.Numeric(precision=18, scale=4),
            nullable=True,
            comment="Ad spend that acquired it: of its month or week, of its channel, or all; null where nobody can say.",
        ),
        sa.Column("avg_cac", sa.Double(), nullable=True, comment="Spend per customer; null without spend."),
        sa.Column(
            "payback_days",
            sa.BigInteger(),
            nullable=True,
            comment="First age at which the mean contribution margin per customer has reached avg_cac; null while it has not.",
        ),
        sa.Column(
            "d7_retention", sa.Double(), nullable=True, comment="Share with another order on a later day, within 7."
        ),
        sa.Column("d30_retention", sa.Double(), nullable=True, comment="The same within 30 days."),
        sa.Column("d60_retention", sa.Double(), nullable=True, comment="The same within 60 days."),
        sa.Column("d90_retention", sa.Double(), nullable=True, comment="The same within 90 days."),
        sa.Column(
            "ltv30", sa.Double(), nullable=True, comment="Net revenue within 30 days of the first order, per customer."
        ),
        sa.Column("ltv90", sa.Double(), nullable=True, comment="The same within 90 days."),
        sa.Column("ltv180", sa.Double(), nullable=True, comment="The same within 180 days."),
        sa.Column(
            "margin30",
            sa.Double(),
            nullable=True,
            comment="Contribution margin within 30 days of the first order, per customer.",
        ),
        sa.Column("margin90", sa.Double(), nullable=True, comment="The same within 90 days."),
        sa.Column("margin180", sa.Double(), nullable=True, comment="The same within 180 days."),
        sa.Column("mature_7", sa.BigInteger(), nullable=False, comment="Customers of at least 7 days of age."),
        sa.Column("mature_30", sa.BigInteger(), nullable=False, comment="The same of 30 days."),
        sa.Column("mature_60", sa.BigInteger(), nullable=False, comment="The same of 60 days."),
        sa.Column("mature_90", sa.BigInteger(), nullable=False, comment="The same of 90 days."),
        sa.Column("mature_180", sa.BigInteger(), nullable=False, comment="The same of 180 days."),
        sa.PrimaryKeyConstraint("tenant_id", "cohort_by", "cohort", "is_left_truncated"),
        schema="cohorts",
        comment="One row per cohort of every kind: the columns of cohorts, with contribution margin, and of how many each is.",
    )
    op.execute("ALTER TABLE cohorts.cohort_summary ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE cohorts.cohort_summary FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON cohorts.cohort_summary USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON cohorts.cohort_summary TO growthos_app")
    op.create_table(
        "customer_value",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column("customer_id", sa.Text(), nullable=False, comment="The customer."),
        sa.Column("segment", sa.Text(), nullable=False, comment="RFM segment."),
        sa.Column("first_order_date", sa.Date(), nullable=False, comment="Day of the first order."),
        sa.Column("last_order_date", sa.Date(), nullable=False, comment="Day of the newest order."),
        sa.Column("first_channel", sa.Text(), nullable=False, comment="Channel of the first order."),
        sa.Column("last_channel", sa.Text(), nullable=False, comment="Channel of the newest order."),
        sa.Column(
            "first_product",
            sa.Text(),
            nullable=False,
            comment='Product of the first order\'s largest line after discounts: its product_id, else its sku, else "(none)".',
        ),
        sa.Column(
            "first_discount",
            sa.Text(),
            nullable=False,
            comment="Discount on the first order, as a band of percents of its gross revenue.",
        ),
        sa.Column(
            "is_left_truncated",
            sa.Boolean(),
            nullable=False,
            comment="First seen in the history's first month: what seems the first order may be a later one.",
        ),
        sa.Column("orders", sa.BigInteger(), nullable=False, comment="Counted orders."),
        sa.Column(
            "revenue_gross", sa.Numeric(precision=18, scale=4), nullable=False, comment="Before discounts and refunds."
        ),
        sa.Column("discounts", sa.Numeric(precision=18, scale=4), nullable=False, comment="Discounts given."),
        sa.Column(
            "revenue_net", sa.Numeric(precision=18, scale=4), nullable=False, comment="Gross − discounts − refunds."
        ),
        sa.Column(
            "contribution_margin",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="Net − COGS − shipping − ops, before marketing.",
        ),
        sa.Column("aov", sa.Double(), nullable=False, comment="(Gross − discounts) ÷ orders."),
        sa.Column(
            "days_between_orders",
            sa.Double(),
            nullable=True,
            comment="Mean days from one day with orders to the next; null with only one such day.",
        ),
        sa.Column(
            "next_order_expected",
            sa.Date(),
            nullable=True,
            comment="The newest order's day and as many days more; null with only one day with orders.",
        ),
        sa.Column(
            "p_alive",
            sa.Double(),
            nullable=True,
            comment="Probability that the customer has not stopped buying; null where there is no forecast.",
        ),
        sa.Column(
            "expected_revenue_365",
            sa.Double(),
            nullable=True,
            comment="Expected net revenue in the next 365 days; null where there is no forecast.",
        ),
        sa.Column(
            "is_at_risk", sa.Boolean(), nullable=True, comment="p_alive is below 0.5; null where there is no forecast."
        ),
        sa.PrimaryKeyConstraint("tenant_id", "customer_id"),
        schema="cohorts",
        comment="One row per customer who has bought up to the last complete day. Guests, whom nobody knows again, are left out.",
    )
    op.execute("ALTER TABLE cohorts.customer_value ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE cohorts.customer_value FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON cohorts.customer_value USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON cohorts.customer_value TO growthos_app")
    op.create_table(
        "product_pairs",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column(
            "kind",
            sa.Text(),
            nullable=False,
            comment="together: in one basket, where each pair is there twice; next: the other in the customer's next basket.",
        ),
        sa.Column("product", sa.Text(), nullable=False, comment="The product: product_id, else sku."),
        sa.Column("other", sa.Text(), nullable=False, comment="The other one; of kind next it may be the same."),
        sa.Column("label", sa.Text(), nullable=False, comment="The product's title and SKU."),
        sa.Column("other_label", sa.Text(), nullable=False, comment="The other's."),
        sa.Column(
            "baskets",
            sa.BigInteger(),
            nullable=False,
            comment="All baskets; of kind next, those which another has followed.",
        ),
        sa.Column("product_baskets", sa.BigInteger(), nullable=False, comment="Those with the product."),
        sa.Column(
            "other_baskets",
            sa.BigInteger(),
            nullable=False,
            comment="Those with the other; of kind next, followed by it.",
        ),
        sa.Column("pair_baskets", sa.BigInteger(), nullable=False, comment="Those with both."),
        sa.Column("support", sa.Double(), nullable=False, comment="pair_baskets ÷ baskets."),
        sa.Column(
            "confidence",
            sa.Double(),
            nullable=False,
            comment="pair_baskets ÷ product_baskets: of those who buy the product, how many buy the other.",
        ),
        sa.Column(
            "lift",
            sa.Double(),
            nullable=False,
            comment="confidence ÷ (other_baskets ÷ baskets): how many times likelier the other is with the product; 1 is chance.",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "kind", "product", "other"),
        schema="cohorts",
        comment="One row per product and other product that were often bought together, or the other next.",
    )
    op.execute("ALTER TABLE cohorts.product_pairs ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE cohorts.product_pairs FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON cohorts.product_pairs USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON cohorts.product_pairs TO growthos_app")
    op.create_table(
        "segment_channels",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column("segment", sa.Text(), nullable=False, comment="RFM segment."),
        sa.Column("first_channel", sa.Text(), nullable=False, comment="Channel of the first order."),
        sa.Column("customers", sa.BigInteger(), nullable=False, comment="Customers."),
        sa.Column("orders", sa.BigInteger(), nullable=False, comment="Their counted orders, by whichever channel."),
        sa.Column("revenue_net", sa.Numeric(precision=18, scale=4), nullable=False, comment="Net revenue of these."),
        sa.Column(
            "contribution_margin",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="Their contribution margin.",
        ),
        sa.Column("customer_share", sa.Double(), nullable=False, comment="Share of all customers."),
        sa.Column(
            "revenue_share",
            sa.Double(),
            nullable=True,
            comment="Share of all customers' net revenue; null where that is not positive.",
        ),
        sa.Column(
            "margin_share",
            sa.Double(),
            nullable=True,
            comment="Share of all customers' contribution margin; null where that is not positive.",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "segment", "first_channel"),
        schema="cohorts",
        comment="One row per RFM segment and channel of the first order that have a customer: how many, and what they brought.",
    )
    op.execute("ALTER TABLE cohorts.segment_channels ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE cohorts.segment_channels FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON cohorts.segment_channels USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON cohorts.segment_channels TO growthos_app")


def downgrade() -> None:
    op.drop_table("segment_channels", schema="cohorts")
    op.drop_table("product_pairs", schema="cohorts")
    op.drop_table("customer_value", schema="cohorts")
    op.drop_table("cohort_summary", schema="cohorts")
    op.drop_table("cohort_months", schema="cohorts")
    op.drop_table("cohort_curves", schema="cohorts")
