"""The tables of the graph: staging, marts, cohorts, KPIs and alerts."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column(
            "id", sa.Text(), nullable=False, comment="The rule; for a channel's rule with the channel's id behind it."
        ),
        sa.Column("severity", sa.Text(), nullable=False, comment="How bad it is."),
        sa.Column("title", sa.Text(), nullable=False, comment="What happened, in a few words."),
        sa.Column("segment", sa.Text(), nullable=False, comment="Whom it concerns."),
        sa.Column(
            "metric_value",
            sa.Double(),
            nullable=False,
            comment="The change that fired: a fraction, or points for percentages.",
        ),
        sa.Column("threshold", sa.Double(), nullable=False, comment="The line that it crossed."),
        sa.Column("recommendation", sa.Text(), nullable=False, comment="What to do."),
        sa.Column("description", sa.Text(), nullable=False, comment="The numbers behind it."),
        sa.Column("window_start", sa.Date(), nullable=False, comment="First day of the week that was looked at."),
        sa.Column("window_end", sa.Date(), nullable=False, comment="Last day of the week that was looked at."),
        sa.Column(
            "evaluated_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When the rules were evaluated, by the tenant's clock.",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id"),
        schema="alerts",
        comment="One row per alert that fires now: a week against the week before, by the rules of kpis/alerts.py.",
    )
    op.execute("ALTER TABLE alerts.alerts ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE alerts.alerts FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON alerts.alerts USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON alerts.alerts TO growthos_app")
    op.create_table(
        "wbr",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column("week_start", sa.Date(), nullable=False, comment="The Monday."),
        sa.Column("week_end", sa.Date(), nullable=False, comment="The Sunday."),
        sa.Column("markdown", sa.Text(), nullable=False, comment="The review."),
        sa.Column("alerts", sa.BigInteger(), nullable=False, comment="How many alerts it names."),
        sa.Column(
            "written_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When it was written, by the tenant's clock.",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "week_start"),
        schema="alerts",
        comment="One row per week, Monday to Sunday: the review that was written of it. Past weeks stay as they were written.",
    )
    op.execute("ALTER TABLE alerts.wbr ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE alerts.wbr FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON alerts.wbr USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON alerts.wbr TO growthos_app")
    op.create_table(
        "cohorts",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column("cohort_month", sa.Text(), nullable=False, comment="Month of the first counted order, YYYY-MM."),
        sa.Column("cohort_size", sa.BigInteger(), nullable=False, comment="Customers."),
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
            "avg_cac", sa.Double(), nullable=True, comment="Ad spend of the month per customer; null without spend."
        ),
        sa.Column(
            "payback_days",
            sa.BigInteger(),
            nullable=True,
            comment="Age at which its contribution margin had earned the month's ad spend; null while it has not.",
        ),
        sa.Column(
            "observed_days",
            sa.BigInteger(),
            nullable=False,
            comment="Age in days that every customer of the cohort has reached.",
        ),
        sa.Column(
            "is_left_truncated",
            sa.Boolean(),
            nullable=False,
            comment="The first month of the history, whose customers may have bought before it.",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "cohort_month"),
        schema="cohorts",
        comment="One row per month in which customers placed their first order, up to the last complete day.",
    )
    op.execute("ALTER TABLE cohorts.cohorts ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE cohorts.cohorts FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON cohorts.cohorts USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON cohorts.cohorts TO growthos_app")
    op.create_table(
        "segments",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column("customer_id", sa.Text(), nullable=False, comment="The customer."),
        sa.Column("recency_days", sa.BigInteger(), nullable=False, comment="Days since the newest counted order."),
        sa.Column("frequency", sa.BigInteger(), nullable=False, comment="Counted orders."),
        sa.Column("monetary", sa.Numeric(precision=18, scale=4), nullable=False, comment="Their net revenue."),
        sa.Column("r_score", sa.BigInteger(), nullable=False, comment="Fifth of the customers by recency."),
        sa.Column("f_score", sa.BigInteger(), nullable=False, comment="Fifth of the customers by frequency."),
        sa.Column("m_score", sa.BigInteger(), nullable=False, comment="Fifth of the customers by monetary."),
        sa.Column("segment", sa.Text(), nullable=False, comment="The first segment whose rule the scores meet."),
        sa.PrimaryKeyConstraint("tenant_id", "customer_id"),
        schema="cohorts",
        comment="One row per customer who has bought up to the last complete day: RFM scores (5 is best) and segment.",
    )
    op.execute("ALTER TABLE cohorts.segments ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE cohorts.segments FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON cohorts.segments USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON cohorts.segments TO growthos_app")
    op.create_table(
        "channel_performance",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column(
            "days",
            sa.BigInteger(),
            nullable=False,
            comment="Complete local days in the window, ending on the last complete day.",
        ),
        sa.Column("channel_id", sa.Text(), nullable=False, comment="dim_channel."),
        sa.Column("name", sa.Text(), nullable=False, comment="What people call the channel."),
        sa.Column(
            "revenue_gross", sa.Numeric(precision=18, scale=4), nullable=False, comment="Before discounts and refunds."
        ),
        sa.Column(
            "revenue_net", sa.Numeric(precision=18, scale=4), nullable=False, comment="After discounts and refunds."
        ),
        sa.Column("orders", sa.BigInteger(), nullable=False, comment="Counted orders."),
        sa.Column(
            "new_customers",
            sa.BigInteger(),
            nullable=False,
            comment="Customers whose first order came through the channel.",
        ),
        sa.Column(
            "contribution_margin_total",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="Net revenue − COGS − shipping − ops, before marketing.",
        ),
        sa.Column("contribution_margin_pct", sa.Double(), nullable=True, comment="Contribution margin ÷ net revenue."),
        sa.Column(
            "spend", sa.Numeric(precision=18, scale=4), nullable=True, comment="Ad spend; null where there are no ads."
        ),
        sa.Column("aov", sa.Double(), nullable=True, comment="(Gross − discounts) ÷ orders."),
        sa.Column("channel_cac", sa.Double(), nullable=True, comment="Spend ÷ new customers."),
        sa.Column("roas", sa.Double(), nullable=True, comment="First-party net revenue ÷ spend."),
        sa.Column("roas_platform", sa.Double(), nullable=True, comment="What the platform claims ÷ spend."),
        sa.Column("cpm", sa.Double(), nullable=True, comment="Spend per 1,000 impressions."),
        sa.Column("cpc", sa.Double(), nullable=True, comment="Spend per click."),
        sa.Column("ctr", sa.Double(), nullable=True, comment="Clicks ÷ impressions."),
        sa.PrimaryKeyConstraint("tenant_id", "days", "channel_id"),
        schema="kpis",
        comment="One row per window and channel: revenue, customers, spend and the ratios between them.",
    )
    op.execute("ALTER TABLE kpis.channel_performance ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE kpis.channel_performance FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON kpis.channel_performance USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON kpis.channel_performance TO growthos_app")
    op.create_table(
        "funnel",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column(
            "days",
            sa.BigInteger(),
            nullable=False,
            comment="Complete local days in the window, ending on the last complete day.",
        ),
        sa.Column("channel_id", sa.Text(), nullable=False, comment="dim_channel, or (all)."),
        sa.Column("sessions", sa.BigInteger(), nullable=False, comment="Visits."),
        sa.Column("pdp_views", sa.BigInteger(), nullable=False, comment="Sessions that saw a product page."),
        sa.Column("add_to_cart", sa.BigInteger(), nullable=False, comment="Sessions that put something into the cart."),
        sa.Column("checkouts", sa.BigInteger(), nullable=False, comment="Sessions that began a checkout."),
        sa.Column(
            "purchases", sa.BigInteger(), nullable=False, comment="Sessions that bought, as the web analytics saw it."
        ),
        sa.Column("session_to_pdp", sa.Double(), nullable=True, comment="pdp_views ÷ sessions."),
        sa.Column("pdp_to_atc", sa.Double(), nullable=True, comment="add_to_cart ÷ pdp_views."),
        sa.Column("atc_to_checkout", sa.Double(), nullable=True, comment="checkouts ÷ add_to_cart."),
        sa.Column("checkout_to_purchase", sa.Double(), nullable=True, comment="purchases ÷ checkouts."),
        sa.Column("session_to_purchase", sa.Double(), nullable=True, comment="purchases ÷ sessions."),
        sa.PrimaryKeyConstraint("tenant_id", "days", "channel_id"),
        schema="kpis",
        comment="One row per window and channel with known traffic, and one for all of them: sessions reaching each step.",
    )
    op.execute("ALTER TABLE kpis.funnel ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE kpis.funnel FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON kpis.funnel USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON kpis.funnel TO growthos_app")
    op.create_table(
        "kpi_daily",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column("date", sa.Date(), nullable=False, comment="The tenant's local day; for spend, the ad account's."),
        sa.Column("channel_id", sa.Text(), nullable=False, comment="dim_channel."),
        sa.Column("campaign_id", sa.Text(), nullable=False, comment="dim_campaign; (none) when no campaign is known."),
        sa.Column(
            "orders", sa.BigInteger(), nullable=False, comment="Counted orders: not test, not voided, not draft."
        ),
        sa.Column(
            "new_customers",
            sa.BigInteger(),
            nullable=False,
            comment="Customers whose first counted order ever this is.",
        ),
        sa.Column(
            "revenue_gross",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="Quantity × unit price before discounts, tax and shipping.",
        ),
        sa.Column(
            "discounts",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="Discounts given, on the order's day.",
        ),
        sa.Column(
            "refunds",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="Money given back, on the day of the refund.",
        ),
        sa.Column(
            "revenue_net",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="revenue_gross − discounts − refunds.",
        ),
        sa.Column(
            "new_customer_revenue",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="Net revenue of the orders that brought new customers.",
        ),
        sa.Column(
            "cogs",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="Cost of goods sold, less restocked units on the refund's day.",
        ),
        sa.Column(
            "shipping_cost", sa.Numeric(precision=18, scale=4), nullable=False, comment="What shipping cost the brand."
        ),
        sa.Column(
            "ops_cost", sa.Numeric(precision=18, scale=4), nullable=False, comment="Fulfilment and packaging cost."
        ),
        sa.Column(
            "contribution_margin",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="revenue_net − cogs − shipping_cost − ops_cost.",
        ),
        sa.Column(
            "spend", sa.Numeric(precision=18, scale=4), nullable=True, comment="Ad spend; null where no ads exist."
        ),
        sa.Column("impressions", sa.BigInteger(), nullable=True, comment="Ad impressions."),
        sa.Column("clicks", sa.BigInteger(), nullable=True, comment="Ad clicks."),
        sa.Column(
            "platform_conversions",
            sa.Double(),
            nullable=True,
            comment="Purchases the ad platforms claim; may be fractional.",
        ),
        sa.Column(
            "platform_value",
            sa.Numeric(precision=18, scale=4),
            nullable=True,
            comment="Purchase value the ad platforms claim.",
        ),
        sa.Column("sessions", sa.BigInteger(), nullable=True, comment="Visits; null where no traffic is known."),
        sa.Column("pdp_views", sa.BigInteger(), nullable=True, comment="Sessions that saw a product page."),
        sa.Column("add_to_cart", sa.BigInteger(), nullable=True, comment="Sessions that put something into the cart."),
        sa.Column("checkouts", sa.BigInteger(), nullable=True, comment="Sessions that began a checkout."),
        sa.Column(
            "purchases", sa.BigInteger(), nullable=True, comment="Sessions that bought, as the web analytics saw it."
        ),
        sa.PrimaryKeyConstraint("tenant_id", "date", "channel_id", "campaign_id"),
        schema="kpis",
        comment="One row per local day, channel and campaign on which something happened: additive measures, nothing else.",
    )
    op.execute("ALTER TABLE kpis.kpi_daily ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE kpis.kpi_daily FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON kpis.kpi_daily USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON kpis.kpi_daily TO growthos_app")
    op.create_table(
        "kpi_summary",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column("days", sa.BigInteger(), nullable=False, comment="Complete local days in the window."),
        sa.Column(
            "baseline",
            sa.Text(),
            nullable=False,
            comment="What it is compared with: the days before, or the same days 52 weeks ago.",
        ),
        sa.Column("kpi", sa.Text(), nullable=False, comment="Name in the KPI registry."),
        sa.Column("window_start", sa.Date(), nullable=False, comment="First day of the window."),
        sa.Column("window_end", sa.Date(), nullable=False, comment="Last day of the window: the last complete day."),
        sa.Column("value", sa.Double(), nullable=True, comment="The KPI in the window; null where it has no meaning."),
        sa.Column("previous", sa.Double(), nullable=True, comment="The KPI in the baseline."),
        sa.Column(
            "change",
            sa.Double(),
            nullable=True,
            comment="Relative change; for percentages the difference in fractions of 1.",
        ),
        sa.Column("unit", sa.Text(), nullable=False, comment="money, count, ratio, percent or days."),
        sa.Column("reason", sa.Text(), nullable=True, comment="Why value, or else change, is null."),
        sa.PrimaryKeyConstraint("tenant_id", "days", "baseline", "kpi"),
        schema="kpis",
        comment="One row per window, baseline and KPI: the value, what it was, and the reason where there is none.",
    )
    op.execute("ALTER TABLE kpis.kpi_summary ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE kpis.kpi_summary FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON kpis.kpi_summary USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON kpis.kpi_summary TO growthos_app")
    op.create_table(
        "unit_economics",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column(
            "days",
            sa.BigInteger(),
            nullable=False,
            comment="Complete local days in the window, ending on the last complete day.",
        ),
        sa.Column("orders", sa.BigInteger(), nullable=False, comment="Counted orders."),
        sa.Column("new_customers", sa.BigInteger(), nullable=False, comment="Customers whose first order it is."),
        sa.Column(
            "revenue_gross", sa.Numeric(precision=18, scale=4), nullable=False, comment="Before discounts and refunds."
        ),
        sa.Column("discounts", sa.Numeric(precision=18, scale=4), nullable=False, comment="Discounts given."),
        sa.Column(
            "refunds", sa.Numeric(precision=18, scale=4), nullable=False, comment="Refunds of the window's days."
        ),
        sa.Column(
            "revenue_net", sa.Numeric(precision=18, scale=4), nullable=False, comment="Gross − discounts − refunds."
        ),
        sa.Column(
            "cogs",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="Cost of the goods sold, restocked ones taken back.",
        ),
        sa.Column("cogs_pct", sa.Double(), nullable=True, comment="COGS ÷ net revenue."),
        sa.Column(
            "shipping_cost", sa.Numeric(precision=18, scale=4), nullable=False, comment="What shipping cost the brand."
        ),
        sa.Column("shipping_pct", sa.Double(), nullable=True, comment="Shipping cost ÷ net revenue."),
        sa.Column("ops_cost", sa.Numeric(precision=18, scale=4), nullable=False, comment="Fulfilment and packaging."),
        sa.Column("ops_pct", sa.Double(), nullable=True, comment="Ops cost ÷ net revenue."),
        sa.Column(
            "contribution_margin",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="Net − COGS − shipping − ops, before marketing.",
        ),
        sa.Column("contribution_margin_pct", sa.Double(), nullable=True, comment="Contribution margin ÷ net revenue."),
        sa.Column(
            "spend",
            sa.Numeric(precision=18, scale=4),
            nullable=True,
            comment="Ad spend; null when no ad source is known.",
        ),
        sa.Column(
            "contribution_after_marketing",
            sa.Numeric(precision=18, scale=4),
            nullable=True,
            comment="Contribution margin − spend.",
        ),
        sa.Column("aov", sa.Double(), nullable=True, comment="(Gross − discounts) ÷ orders."),
        sa.Column("blended_cac", sa.Double(), nullable=True, comment="Spend ÷ new customers."),
        sa.PrimaryKeyConstraint("tenant_id", "days"),
        schema="kpis",
        comment="One row per window: the money from gross revenue down to what is left after marketing.",
    )
    op.execute("ALTER TABLE kpis.unit_economics ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE kpis.unit_economics FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON kpis.unit_economics USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON kpis.unit_economics TO growthos_app")
    op.create_table(
        "dim_campaign",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column(
            "campaign_id",
            sa.Text(),
            nullable=False,
            comment='The platform and its id, as in "meta:123"; "(none)" for no campaign.',
        ),
        sa.Column("campaign_name", sa.Text(), nullable=False, comment="The name on the last day it spent."),
        sa.Column(
            "source", sa.Text(), nullable=False, comment='Where the spend was read from; "none" for no campaign.'
        ),
        sa.Column("channel_id", sa.Text(), nullable=False, comment="The channel its spend belongs to."),
        sa.PrimaryKeyConstraint("tenant_id", "campaign_id"),
        schema="marts",
        comment='One row per campaign that ever spent, under its latest name, and one row "(none)".',
    )
    op.execute("ALTER TABLE marts.dim_campaign ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE marts.dim_campaign FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON marts.dim_campaign USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON marts.dim_campaign TO growthos_app")
    op.create_table(
        "dim_channel",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column(
            "channel_id", sa.Text(), nullable=False, comment="Short name, as the channel rules of staging give it."
        ),
        sa.Column("name", sa.Text(), nullable=False, comment="Name for people."),
        sa.Column(
            "is_paid",
            sa.Boolean(),
            nullable=False,
            comment="Traffic is bought from an ad platform, so that spend can be expected.",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "channel_id"),
        schema="marts",
        comment="One row per acquisition channel; the same list for every tenant, so that a channel means one thing.",
    )
    op.execute("ALTER TABLE marts.dim_channel ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE marts.dim_channel FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON marts.dim_channel USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON marts.dim_channel TO growthos_app")
    op.create_table(
        "dim_customer",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column(
            "customer_id",
            sa.Text(),
            nullable=False,
            comment="The shop's id, or one made from the hashed e-mail address.",
        ),
        sa.Column("first_order_id", sa.Text(), nullable=True, comment="The first counted order."),
        sa.Column("first_order_date", sa.Date(), nullable=True, comment="Business day of the first counted order."),
        sa.Column("acquisition_channel", sa.Text(), nullable=True, comment="Channel of the first counted order."),
        sa.Column("region", sa.Text(), nullable=True, comment="Where the customer lives, as far as the shop knows."),
        sa.Column("email_hash", sa.Text(), nullable=True, comment="The e-mail address, hashed with the tenant's key."),
        sa.Column("cohort_month", sa.Text(), nullable=True, comment="Month of the first counted order, YYYY-MM."),
        sa.Column("total_orders", sa.BigInteger(), nullable=False, comment="Counted orders."),
        sa.Column(
            "total_revenue",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="Net revenue of the counted orders, refunds taken off.",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "customer_id"),
        schema="marts",
        comment="One row per customer; one without a counted order has no first order and belongs to no cohort.",
    )
    op.execute("ALTER TABLE marts.dim_customer ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE marts.dim_customer FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON marts.dim_customer USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON marts.dim_customer TO growthos_app")
    op.create_table(
        "dim_date",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column("date", sa.Date(), nullable=False, comment="The day."),
        sa.Column("day_of_week", sa.BigInteger(), nullable=False, comment="0 = Sunday … 6 = Saturday."),
        sa.Column("day_name", sa.Text(), nullable=False, comment="Sunday … Saturday."),
        sa.Column("iso_week", sa.BigInteger(), nullable=False, comment="ISO 8601 week, beginning on Monday."),
        sa.Column(
            "iso_year",
            sa.BigInteger(),
            nullable=False,
            comment="The year that the ISO week belongs to; not always the calendar year.",
        ),
        sa.Column("month", sa.BigInteger(), nullable=False, comment="1 … 12."),
        sa.Column("month_name", sa.Text(), nullable=False, comment="January … December."),
        sa.Column("quarter", sa.BigInteger(), nullable=False, comment="1 … 4."),
        sa.Column("year", sa.BigInteger(), nullable=False, comment="Calendar year."),
        sa.Column("is_weekend", sa.Boolean(), nullable=False, comment="Saturday or Sunday."),
        sa.PrimaryKeyConstraint("tenant_id", "date"),
        schema="marts",
        comment="One row per day of every calendar year from the first to the last date in staging, and of this year.",
    )
    op.execute("ALTER TABLE marts.dim_date ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE marts.dim_date FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON marts.dim_date USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON marts.dim_date TO growthos_app")
    op.create_table(
        "dim_product",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column("product_id", sa.Text(), nullable=False, comment="Shopify's variant id, or the SKU."),
        sa.Column("sku", sa.Text(), nullable=True, comment="The brand's own code."),
        sa.Column("title", sa.Text(), nullable=True, comment="What the shop calls it."),
        sa.Column("category", sa.Text(), nullable=True, comment="Lower-cased product type."),
        sa.Column(
            "unit_cost",
            sa.Numeric(precision=18, scale=4),
            nullable=True,
            comment="What one unit costs the brand; null when the shop does not say.",
        ),
        sa.Column(
            "margin_rate",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="Gross margin assumed for the category, which gives the cost where unit_cost is null.",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "product_id"),
        schema="marts",
        comment="One row per product that can be ordered: a Shopify variant, or a SKU of imported files.",
    )
    op.execute("ALTER TABLE marts.dim_product ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE marts.dim_product FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON marts.dim_product USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON marts.dim_product TO growthos_app")
    op.create_table(
        "fact_order_lines",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column("order_id", sa.Text(), nullable=False, comment="The order."),
        sa.Column("line_id", sa.Text(), nullable=False, comment="The line within the order."),
        sa.Column(
            "order_date", sa.Date(), nullable=False, comment="The order's business day in the tenant's time zone."
        ),
        sa.Column("customer_id", sa.Text(), nullable=True, comment="Who bought; null for a guest."),
        sa.Column("channel_id", sa.Text(), nullable=False, comment="The order's channel."),
        sa.Column("campaign_id", sa.Text(), nullable=False, comment="The order's campaign."),
        sa.Column("is_new_customer_order", sa.Boolean(), nullable=False, comment="The order is its customer's first."),
        sa.Column("product_id", sa.Text(), nullable=True, comment="The product, where the source names one."),
        sa.Column("sku", sa.Text(), nullable=True, comment="The brand's own code."),
        sa.Column("title", sa.Text(), nullable=True, comment="What the shop called it when it was sold."),
        sa.Column(
            "category",
            sa.Text(),
            nullable=True,
            comment="Lower-cased product type, of the line or else of its product.",
        ),
        sa.Column("quantity", sa.BigInteger(), nullable=False, comment="Units."),
        sa.Column(
            "unit_price",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="Price of one unit before discounts, without tax.",
        ),
        sa.Column("revenue_gross", sa.Numeric(precision=18, scale=4), nullable=False, comment="quantity × unit_price."),
        sa.Column(
            "discounts",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="The line's share of every discount.",
        ),
        sa.Column(
            "cogs",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="Cost of the goods: unit cost × quantity, or (gross − discounts) × (1 − the category's margin).",
        ),
        sa.Column("cogs_source", sa.Text(), nullable=False, comment="Which of the two it was."),
        sa.Column(
            "shipping_cost",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="Cost of shipping: the tenant's rate × (gross − discounts).",
        ),
        sa.Column(
            "ops_cost",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="Cost of fulfilment: the tenant's rate × (gross − discounts).",
        ),
        sa.Column("is_gift_card", sa.Boolean(), nullable=False, comment="A gift card was sold."),
        sa.Column(
            "is_counted",
            sa.Boolean(),
            nullable=False,
            comment="Counts in measures: the order does, and it is no gift card.",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "order_id", "line_id"),
        schema="marts",
        comment="One row per line of an order, as it was sold; what came back is in fact_refunds.",
    )
    op.execute("ALTER TABLE marts.fact_order_lines ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE marts.fact_order_lines FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON marts.fact_order_lines USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON marts.fact_order_lines TO growthos_app")
    op.create_table(
        "fact_orders",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column("order_id", sa.Text(), nullable=False, comment="The order."),
        sa.Column("order_date", sa.Date(), nullable=False, comment="Business day in the tenant's time zone."),
        sa.Column("processed_at", sa.DateTime(timezone=True), nullable=False, comment="When it was placed."),
        sa.Column("source", sa.Text(), nullable=False, comment="Where it was read from."),
        sa.Column("customer_id", sa.Text(), nullable=True, comment="Who bought; null for a guest."),
        sa.Column("channel_id", sa.Text(), nullable=False, comment="The channel that brought the order."),
        sa.Column("channel_rule", sa.Text(), nullable=False, comment="The rule that decided the channel."),
        sa.Column(
            "campaign_id",
            sa.Text(),
            nullable=False,
            comment='The one campaign of that channel named exactly as the order\'s utm_campaign; else "(none)".',
        ),
        sa.Column("category", sa.Text(), nullable=True, comment="Category of its largest line after discounts."),
        sa.Column("region", sa.Text(), nullable=True, comment="Where it was shipped to."),
        sa.Column("currency", sa.Text(), nullable=False, comment="Currency of every amount."),
        sa.Column(
            "revenue_gross",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="Σ quantity × unit price before discounts, without tax and shipping.",
        ),
        sa.Column("discounts", sa.Numeric(precision=18, scale=4), nullable=False, comment="Discounts."),
        sa.Column(
            "refunds",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="Refunded revenue of this order, to date.",
        ),
        sa.Column(
            "revenue_net",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="revenue_gross − discounts − refunds.",
        ),
        sa.Column(
            "cogs", sa.Numeric(precision=18, scale=4), nullable=False, comment="Cost of the goods that stayed sold."
        ),
        sa.Column(
            "shipping_cost",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="The tenant's shipping rate × revenue_net, summed over lines and refunds.",
        ),
        sa.Column(
            "ops_cost",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="The tenant's ops rate × revenue_net, summed over lines and refunds.",
        ),
        sa.Column(
            "contribution_margin",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="revenue_net − cogs − shipping_cost − ops_cost, before marketing.",
        ),
        sa.Column(
            "shipping_charged",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="What the customer paid for shipping; never revenue.",
        ),
        sa.Column("tax", sa.Numeric(precision=18, scale=4), nullable=False, comment="Tax; never revenue."),
        sa.Column("units", sa.BigInteger(), nullable=False, comment="Units sold."),
        sa.Column(
            "is_new_customer",
            sa.Boolean(),
            nullable=False,
            comment="The customer's first counted order ever; never true for a guest.",
        ),
        sa.Column("is_test", sa.Boolean(), nullable=False, comment="A test of the shop."),
        sa.Column(
            "is_cancelled", sa.Boolean(), nullable=False, comment="Cancelled; what was given back is in refunds."
        ),
        sa.Column("is_voided", sa.Boolean(), nullable=False, comment="The payment was voided."),
        sa.Column("is_counted", sa.Boolean(), nullable=False, comment="Counts in measures: neither a test nor voided."),
        sa.PrimaryKeyConstraint("tenant_id", "order_id"),
        schema="marts",
        comment="One row per order, test, cancelled and voided ones too; measures use those with `is_counted`.",
    )
    op.execute("ALTER TABLE marts.fact_orders ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE marts.fact_orders FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON marts.fact_orders USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON marts.fact_orders TO growthos_app")
    op.create_table(
        "fact_refunds",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column("refund_line_id", sa.Text(), nullable=False, comment="The refunded line."),
        sa.Column("refund_id", sa.Text(), nullable=False, comment="The refund it is part of."),
        sa.Column(
            "refund_date", sa.Date(), nullable=False, comment="Business day of the refund in the tenant's time zone."
        ),
        sa.Column("order_id", sa.Text(), nullable=True, comment="The order that it refunds; null when it names none."),
        sa.Column("line_id", sa.Text(), nullable=True, comment="The order's line that it refunds."),
        sa.Column("customer_id", sa.Text(), nullable=True, comment="Whose order it was; null for a guest."),
        sa.Column("channel_id", sa.Text(), nullable=False, comment="The order's channel; `other` without an order."),
        sa.Column(
            "campaign_id", sa.Text(), nullable=False, comment='The order\'s campaign; "(none)" without an order.'
        ),
        sa.Column("product_id", sa.Text(), nullable=True, comment="The product that came back."),
        sa.Column("sku", sa.Text(), nullable=True, comment="The brand's own code."),
        sa.Column("title", sa.Text(), nullable=True, comment="What the shop called it."),
        sa.Column(
            "category",
            sa.Text(),
            nullable=True,
            comment="Lower-cased product type, of the refund or else of the line or the product.",
        ),
        sa.Column("kind", sa.Text(), nullable=False, comment="Goods that came back, or a correction of the amount."),
        sa.Column("quantity", sa.BigInteger(), nullable=False, comment="Units that came back."),
        sa.Column(
            "refunds",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="Revenue given back, without tax and shipping; negative when a correction is in the shop's favour.",
        ),
        sa.Column(
            "cogs",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="Cost of restocked goods: the same per unit as on the order's line; without a line the product's unit cost, or else refunds × (1 − the category's margin).",
        ),
        sa.Column(
            "shipping_cost", sa.Numeric(precision=18, scale=4), nullable=False, comment="The tenant's rate × refunds."
        ),
        sa.Column(
            "ops_cost", sa.Numeric(precision=18, scale=4), nullable=False, comment="The tenant's rate × refunds."
        ),
        sa.Column("is_restocked", sa.Boolean(), nullable=False, comment="The units can be sold again."),
        sa.Column("is_gift_card", sa.Boolean(), nullable=False, comment="The line refunded was a gift card."),
        sa.Column("is_new_customer_order", sa.Boolean(), nullable=False, comment="The order was its customer's first."),
        sa.Column(
            "is_counted",
            sa.Boolean(),
            nullable=False,
            comment="Counts in measures: its order does, and it is no gift card.",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "refund_line_id"),
        schema="marts",
        comment="One row per refunded line or refund adjustment, dated when it happened.",
    )
    op.execute("ALTER TABLE marts.fact_refunds ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE marts.fact_refunds FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON marts.fact_refunds USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON marts.fact_refunds TO growthos_app")
    op.create_table(
        "fact_spend",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column("date", sa.Date(), nullable=False, comment="The ad account's local day."),
        sa.Column("channel_id", sa.Text(), nullable=False, comment="The campaign's channel."),
        sa.Column("campaign_id", sa.Text(), nullable=False, comment='The platform and its id, as in "meta:123".'),
        sa.Column("source", sa.Text(), nullable=False, comment="Where it was read from."),
        sa.Column("spend", sa.Numeric(precision=18, scale=4), nullable=False, comment="What the platform charged."),
        sa.Column("impressions", sa.BigInteger(), nullable=False, comment="Times an ad was shown."),
        sa.Column("clicks", sa.BigInteger(), nullable=False, comment="Clicks that led to the shop."),
        sa.Column("platform_conversions", sa.Double(), nullable=True, comment="Purchases the platform claims."),
        sa.Column(
            "platform_value",
            sa.Numeric(precision=18, scale=4),
            nullable=True,
            comment="Value of the purchases the platform claims.",
        ),
        sa.Column("currency", sa.Text(), nullable=False, comment="Currency of both amounts."),
        sa.PrimaryKeyConstraint("tenant_id", "date", "campaign_id"),
        schema="marts",
        comment="One row per day and campaign that spent.",
    )
    op.execute("ALTER TABLE marts.fact_spend ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE marts.fact_spend FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON marts.fact_spend USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON marts.fact_spend TO growthos_app")
    op.create_table(
        "fact_traffic",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column("date", sa.Date(), nullable=False, comment="The analytics property's local day."),
        sa.Column("channel_id", sa.Text(), nullable=False, comment="The channel."),
        sa.Column("sessions", sa.BigInteger(), nullable=False, comment="Visits."),
        sa.Column("pdp_views", sa.BigInteger(), nullable=False, comment="Visits that saw a product page."),
        sa.Column("add_to_cart", sa.BigInteger(), nullable=False, comment="Visits that put something into the cart."),
        sa.Column("checkouts", sa.BigInteger(), nullable=False, comment="Visits that began to check out."),
        sa.Column("purchases", sa.BigInteger(), nullable=False, comment="Visits that bought."),
        sa.PrimaryKeyConstraint("tenant_id", "date", "channel_id"),
        schema="marts",
        comment="One row per day and channel with traffic: the sum of the analytics tool's channel groups in it.",
    )
    op.execute("ALTER TABLE marts.fact_traffic ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE marts.fact_traffic FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON marts.fact_traffic USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON marts.fact_traffic TO growthos_app")
    op.create_table(
        "stg_customers",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column("customer_id", sa.Text(), nullable=False, comment="Shopify's gid, the file's id, or email:<hash>."),
        sa.Column("source", sa.Text(), nullable=False, comment="Who told of the customer first."),
        sa.Column(
            "email_hash", sa.Text(), nullable=True, comment="The e-mail as landed: hashed unless the tenant keeps PII."
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When the shop's record was made; null where only orders name the customer.",
        ),
        sa.Column("region", sa.Text(), nullable=True, comment="Country, or country-province: DE, US-NY."),
        sa.PrimaryKeyConstraint("tenant_id", "customer_id"),
        schema="staging",
        comment="One row per customer: those that Shopify lists, and those that only orders or returns name.",
    )
    op.execute("ALTER TABLE staging.stg_customers ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE staging.stg_customers FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON staging.stg_customers USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON staging.stg_customers TO growthos_app")
    op.create_table(
        "stg_order_lines",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column("order_id", sa.Text(), nullable=False, comment="The order that it is part of."),
        sa.Column("line_id", sa.Text(), nullable=False, comment="Shopify's gid, or the line id of the file."),
        sa.Column("source", sa.Text(), nullable=False, comment="Who told of it."),
        sa.Column("processed_at", sa.DateTime(timezone=True), nullable=False, comment="When its order was placed."),
        sa.Column("order_date", sa.Date(), nullable=False, comment="Its order's day in the tenant's time zone."),
        sa.Column("product_id", sa.Text(), nullable=True, comment="Shopify variant gid, or the file's SKU."),
        sa.Column("sku", sa.Text(), nullable=True, comment="The shop's own article number."),
        sa.Column("title", sa.Text(), nullable=True, comment="What was sold."),
        sa.Column(
            "category", sa.Text(), nullable=True, comment="Shopify's product type, or the file's category; lower-cased."
        ),
        sa.Column("quantity", sa.BigInteger(), nullable=False, comment="Units sold."),
        sa.Column(
            "unit_price", sa.Numeric(precision=18, scale=4), nullable=False, comment="Price of one before discounts."
        ),
        sa.Column(
            "revenue_gross",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="quantity × unit_price, before discounts.",
        ),
        sa.Column(
            "discounts",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="The line's share of every discount.",
        ),
        sa.Column("tax", sa.Numeric(precision=18, scale=4), nullable=False, comment="Tax of the line."),
        sa.Column("is_gift_card", sa.Boolean(), nullable=False, comment="A gift card: money owed, never revenue."),
        sa.Column("currency", sa.Text(), nullable=False, comment="ISO 4217 code; always the tenant's."),
        sa.PrimaryKeyConstraint("tenant_id", "order_id", "line_id"),
        schema="staging",
        comment="One row per line of an order, as it was sold; what came back later is in stg_refunds.",
    )
    op.execute("ALTER TABLE staging.stg_order_lines ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE staging.stg_order_lines FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON staging.stg_order_lines USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON staging.stg_order_lines TO growthos_app")
    op.create_table(
        "stg_orders",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column("order_id", sa.Text(), nullable=False, comment="Shopify's gid, or the order id of the file."),
        sa.Column("source", sa.Text(), nullable=False, comment="Who told of it."),
        sa.Column("order_name", sa.Text(), nullable=True, comment="The number that people know it by, such as #1001."),
        sa.Column(
            "processed_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When it was placed; of a file's order its earliest sale row.",
        ),
        sa.Column("order_date", sa.Date(), nullable=False, comment="Its day in the tenant's time zone."),
        sa.Column(
            "customer_id",
            sa.Text(),
            nullable=True,
            comment="The shop's customer, else who is known by the same e-mail, else email:<hash>; null for a guest.",
        ),
        sa.Column(
            "email_hash", sa.Text(), nullable=True, comment="The e-mail as landed: hashed unless the tenant keeps PII."
        ),
        sa.Column("currency", sa.Text(), nullable=False, comment="ISO 4217 code; always the tenant's."),
        sa.Column(
            "shipping_charged",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="Shipping that the customer paid; of a file the largest row's.",
        ),
        sa.Column("tax", sa.Numeric(precision=18, scale=4), nullable=False, comment="All tax of the order."),
        sa.Column(
            "source_gross",
            sa.Numeric(precision=18, scale=4),
            nullable=True,
            comment="Lines before discounts by the source's own header: subtotal + discounts; of a file Σ its sale rows.",
        ),
        sa.Column(
            "source_discounts",
            sa.Numeric(precision=18, scale=4),
            nullable=True,
            comment="Discounts by the source's own header.",
        ),
        sa.Column(
            "taxes_included",
            sa.Boolean(),
            nullable=False,
            comment="True if the header's prices, and so source_gross, hold the tax.",
        ),
        sa.Column(
            "landing_url", sa.Text(), nullable=True, comment="The first page of the last visit before the order."
        ),
        sa.Column("referrer", sa.Text(), nullable=True, comment="The page that led to that visit."),
        sa.Column(
            "source_name", sa.Text(), nullable=True, comment="Where in the shop it was placed, such as web or pos."
        ),
        sa.Column(
            "utm_source", sa.Text(), nullable=True, comment="As the visit was tagged, else from the landing URL."
        ),
        sa.Column(
            "utm_medium", sa.Text(), nullable=True, comment="As the visit was tagged, else from the landing URL."
        ),
        sa.Column(
            "utm_campaign", sa.Text(), nullable=True, comment="As the visit was tagged, else from the landing URL."
        ),
        sa.Column(
            "click_id",
            sa.Text(),
            nullable=True,
            comment="Name of the ad platform's parameter in the landing URL, such as gclid.",
        ),
        sa.Column("channel_id", sa.Text(), nullable=False, comment="The channel that gets the order."),
        sa.Column("channel_rule", sa.Text(), nullable=False, comment="The rule of staging/channels.py that decided."),
        sa.Column("region", sa.Text(), nullable=True, comment="Shipping country, or country-province: DE, US-NY."),
        sa.Column("is_test", sa.Boolean(), nullable=False, comment="A trial of the checkout."),
        sa.Column("is_cancelled", sa.Boolean(), nullable=False, comment="Cancelled; paid back or not."),
        sa.Column(
            "is_voided",
            sa.Boolean(),
            nullable=False,
            comment="Cancelled before anything was paid; of a file every cancelled order.",
        ),
        sa.Column(
            "is_counted", sa.Boolean(), nullable=False, comment="Neither test nor voided: counts in the numbers."
        ),
        sa.Column(
            "seen_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When the version that it was made from was landed.",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "order_id"),
        schema="staging",
        comment="One row per order.",
    )
    op.execute("ALTER TABLE staging.stg_orders ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE staging.stg_orders FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON staging.stg_orders USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON staging.stg_orders TO growthos_app")
    op.create_table(
        "stg_products",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column("product_id", sa.Text(), nullable=False, comment="Shopify variant gid, or the file's SKU."),
        sa.Column("source", sa.Text(), nullable=False, comment="Who told of it."),
        sa.Column("sku", sa.Text(), nullable=True, comment="The shop's own article number."),
        sa.Column(
            "title",
            sa.Text(),
            nullable=True,
            comment="The product's name, of a product that only lines name the latest.",
        ),
        sa.Column("category", sa.Text(), nullable=True, comment="Shopify's product type; lower-cased."),
        sa.Column(
            "unit_cost",
            sa.Numeric(precision=18, scale=4),
            nullable=True,
            comment="What one unit costs the shop, where it says so.",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "product_id"),
        schema="staging",
        comment="One row per thing sold: Shopify's variants, and those that only order lines or returns name.",
    )
    op.execute("ALTER TABLE staging.stg_products ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE staging.stg_products FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON staging.stg_products USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON staging.stg_products TO growthos_app")
    op.create_table(
        "stg_refunds",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column("refund_line_id", sa.Text(), nullable=False, comment="Shopify's gid, or the id of the file's row."),
        sa.Column(
            "refund_id",
            sa.Text(),
            nullable=False,
            comment="The refund that it is part of; of a file the order id of its row.",
        ),
        sa.Column("source", sa.Text(), nullable=False, comment="Who told of it."),
        sa.Column(
            "order_id",
            sa.Text(),
            nullable=True,
            comment="The order that it gives back; null when it names none that exists.",
        ),
        sa.Column(
            "line_id", sa.Text(), nullable=True, comment="The order line that it gives back, where it names one."
        ),
        sa.Column("customer_id", sa.Text(), nullable=True, comment="The order's customer, else who the row names."),
        sa.Column("refunded_at", sa.DateTime(timezone=True), nullable=False, comment="When it happened."),
        sa.Column("refund_date", sa.Date(), nullable=False, comment="Its day in the tenant's time zone."),
        sa.Column("product_id", sa.Text(), nullable=True, comment="Shopify variant gid, or the file's SKU."),
        sa.Column("sku", sa.Text(), nullable=True, comment="The shop's own article number."),
        sa.Column("title", sa.Text(), nullable=True, comment="What came back."),
        sa.Column("category", sa.Text(), nullable=True, comment="Its lower-cased category."),
        sa.Column("quantity", sa.BigInteger(), nullable=False, comment="Units that came back; 0 for an adjustment."),
        sa.Column(
            "amount",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="Takes away from revenue, without tax; below 0 where the shop kept something back.",
        ),
        sa.Column("tax", sa.Numeric(precision=18, scale=4), nullable=False, comment="Tax that went back with it."),
        sa.Column("is_restocked", sa.Boolean(), nullable=False, comment="The units can be sold again."),
        sa.Column("kind", sa.Text(), nullable=False, comment="Units that came back, or a difference settled in money."),
        sa.Column(
            "is_counted",
            sa.Boolean(),
            nullable=False,
            comment="Its order is neither test nor voided, and it is no gift card.",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "refund_line_id"),
        schema="staging",
        comment="One row per line of a refund, and per adjustment of one.",
    )
    op.execute("ALTER TABLE staging.stg_refunds ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE staging.stg_refunds FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON staging.stg_refunds USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON staging.stg_refunds TO growthos_app")
    op.create_table(
        "stg_spend",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column("source", sa.Text(), nullable=False, comment="Who reports it."),
        sa.Column("account_id", sa.Text(), nullable=True, comment="The ad account."),
        sa.Column(
            "campaign_id",
            sa.Text(),
            nullable=False,
            comment="The platform's id behind the source's name: meta:123, google_ads:123, file:Spring.",
        ),
        sa.Column(
            "campaign_name", sa.Text(), nullable=False, comment="The name in the ads manager; without one, the id."
        ),
        sa.Column("date", sa.Date(), nullable=False, comment="The ad account's local day."),
        sa.Column("channel_id", sa.Text(), nullable=False, comment="The channel that the money was spent on."),
        sa.Column("spend", sa.Numeric(precision=18, scale=4), nullable=False, comment="What it cost."),
        sa.Column("impressions", sa.BigInteger(), nullable=False, comment="Times shown."),
        sa.Column(
            "clicks",
            sa.BigInteger(),
            nullable=False,
            comment="Clicks that lead to the shop; of Meta its inline link clicks.",
        ),
        sa.Column(
            "platform_conversions",
            sa.Double(),
            nullable=True,
            comment="Purchases that the platform claims; null where a file says none.",
        ),
        sa.Column(
            "platform_value", sa.Numeric(precision=18, scale=4), nullable=True, comment="The value it claims for them."
        ),
        sa.Column("currency", sa.Text(), nullable=False, comment="ISO 4217 code; always the tenant's."),
        sa.PrimaryKeyConstraint("tenant_id", "source", "campaign_id", "date"),
        schema="staging",
        comment="One row per campaign and day, as the platform reports it or a file says.",
    )
    op.execute("ALTER TABLE staging.stg_spend ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE staging.stg_spend FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON staging.stg_spend USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON staging.stg_spend TO growthos_app")
    op.create_table(
        "stg_traffic",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column("source", sa.Text(), nullable=False, comment="Who counted."),
        sa.Column("date", sa.Date(), nullable=False, comment="The property's local day."),
        sa.Column(
            "channel_group",
            sa.Text(),
            nullable=False,
            comment="GA4's default channel group, or the file's word for the channel.",
        ),
        sa.Column("channel_id", sa.Text(), nullable=False, comment="Our channel for that group."),
        sa.Column("sessions", sa.BigInteger(), nullable=False, comment="Visits."),
        sa.Column("pdp_views", sa.BigInteger(), nullable=False, comment="Views of a product page."),
        sa.Column("add_to_cart", sa.BigInteger(), nullable=False, comment="Products put into a cart."),
        sa.Column("checkouts", sa.BigInteger(), nullable=False, comment="Checkouts begun."),
        sa.Column("purchases", sa.BigInteger(), nullable=False, comment="Purchases that the analytics saw."),
        sa.Column("is_sampled", sa.Boolean(), nullable=False, comment="GA4 estimated the row from a sample."),
        sa.Column(
            "is_thresholded", sa.Boolean(), nullable=False, comment="GA4 may have withheld rows to protect privacy."
        ),
        sa.PrimaryKeyConstraint("tenant_id", "source", "date", "channel_group"),
        schema="staging",
        comment="One row per day and channel group of web analytics.",
    )
    op.execute("ALTER TABLE staging.stg_traffic ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE staging.stg_traffic FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON staging.stg_traffic USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON staging.stg_traffic TO growthos_app")


def downgrade() -> None:
    op.drop_table("stg_traffic", schema="staging")
    op.drop_table("stg_spend", schema="staging")
    op.drop_table("stg_refunds", schema="staging")
    op.drop_table("stg_products", schema="staging")
    op.drop_table("stg_orders", schema="staging")
    op.drop_table("stg_order_lines", schema="staging")
    op.drop_table("stg_customers", schema="staging")
    op.drop_table("fact_traffic", schema="marts")
    op.drop_table("fact_spend", schema="marts")
    op.drop_table("fact_refunds", schema="marts")
    op.drop_table("fact_orders", schema="marts")
    op.drop_table("fact_order_lines", schema="marts")
    op.drop_table("dim_product", schema="marts")
    op.drop_table("dim_date", schema="marts")
    op.drop_table("dim_customer", schema="marts")
    op.drop_table("dim_channel", schema="marts")
    op.drop_table("dim_campaign", schema="marts")
    op.drop_table("unit_economics", schema="kpis")
    op.drop_table("kpi_summary", schema="kpis")
    op.drop_table("kpi_daily", schema="kpis")
    op.drop_table("funnel", schema="kpis")
    op.drop_table("channel_performance", schema="kpis")
    op.drop_table("segments", schema="cohorts")
    op.drop_table("cohorts", schema="cohorts")
    op.drop_table("wbr", schema="alerts")
    op.drop_table("alerts", schema="alerts")
