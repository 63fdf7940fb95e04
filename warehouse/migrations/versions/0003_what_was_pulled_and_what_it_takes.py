"""what was pulled, and what it takes"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"

STREAMS = (("meta", "adsets"), ("meta", "ads"), ("ga4", "funnel"))


def upgrade() -> None:
    for source, stream in STREAMS:
        op.execute(
            f"CREATE VIEW raw.{source}_{stream} WITH (security_invoker = true) AS "
            "SELECT tenant_id, external_id, version, payload, payload_hash, seen_at FROM raw.raw_events "
            f"WHERE source = '{source}' AND stream = '{stream}'"
        )
        op.execute(f"GRANT SELECT ON raw.{source}_{stream} TO growthos_app")
    op.create_table(
        "ltv_forecast",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column("customer_id", sa.Text(), nullable=False, comment="The customer."),
        sa.Column("model", sa.Text(), nullable=True, comment="The model of their purchases."),
        sa.Column(
            "repeat_orders", sa.BigInteger(), nullable=False, comment="Days with an order after the first such day."
        ),
        sa.Column(
            "last_order_age_days",
            sa.BigInteger(),
            nullable=False,
            comment="Days from the first of them to the newest; the models' recency. 0 without a repeat order.",
        ),
        sa.Column(
            "age_days", sa.BigInteger(), nullable=False, comment="Days from the first order to the last complete day."
        ),
        sa.Column("repeat_order_value", sa.Double(), nullable=True, comment="Net revenue per repeat order, if any."),
        sa.Column(
            "is_left_truncated",
            sa.Boolean(),
            nullable=False,
            comment="First seen in the history's first month, so perhaps older than age_days: the forecast is worth less.",
        ),
        sa.Column(
            "p_alive",
            sa.Double(),
            nullable=True,
            comment="Probability that the customer has not stopped buying; null where no customer is seen to stop.",
        ),
        sa.Column("expected_orders_90", sa.Double(), nullable=True, comment="Expected orders in the next 90 days."),
        sa.Column("expected_orders_180", sa.Double(), nullable=True, comment="The same in 180 days."),
        sa.Column("expected_orders_365", sa.Double(), nullable=True, comment="The same in 365 days."),
        sa.Column("expected_order_value", sa.Double(), nullable=True, comment="Expected net revenue of each of them."),
        sa.Column(
            "expected_revenue_90", sa.Double(), nullable=True, comment="Expected net revenue in the next 90 days."
        ),
        sa.Column("expected_revenue_180", sa.Double(), nullable=True, comment="The same in 180 days."),
        sa.Column("expected_revenue_365", sa.Double(), nullable=True, comment="The same in 365 days."),
        sa.Column(
            "expected_margin_90",
            sa.Double(),
            nullable=True,
            comment="Its contribution margin, at the rate of all repeat orders.",
        ),
        sa.Column("expected_margin_180", sa.Double(), nullable=True, comment="The same in 180 days."),
        sa.Column("expected_margin_365", sa.Double(), nullable=True, comment="The same in 365 days."),
        sa.Column("reason", sa.Text(), nullable=True, comment="Why something is null; null where nothing is missing."),
        sa.PrimaryKeyConstraint("tenant_id", "customer_id"),
        schema="cohorts",
        comment="One row per customer who has bought up to the last complete day: what they will still buy after it.",
    )
    op.execute("ALTER TABLE cohorts.ltv_forecast ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE cohorts.ltv_forecast FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON cohorts.ltv_forecast USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON cohorts.ltv_forecast TO growthos_app")
    op.create_table(
        "ltv_holdout",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column(
            "predictor",
            sa.Text(),
            nullable=False,
            comment="A model, or as_before: everyone buys again what they bought in as many days before.",
        ),
        sa.Column("reason", sa.Text(), nullable=True, comment="Why something is null; null where nothing is missing."),
        sa.Column("fitted_to", sa.Date(), nullable=False, comment="Last day that the predictor knows."),
        sa.Column(
            "days",
            sa.BigInteger(),
            nullable=False,
            comment="Days after it that are predicted: a third of the history, at most 90.",
        ),
        sa.Column(
            "customers",
            sa.BigInteger(),
            nullable=False,
            comment="Customers whose first order was until then, but not in the first month.",
        ),
        sa.Column("orders", sa.BigInteger(), nullable=False, comment="Their days with an order among those predicted."),
        sa.Column("orders_predicted", sa.Double(), nullable=True, comment="What the predictor said."),
        sa.Column(
            "error_per_customer",
            sa.Double(),
            nullable=True,
            comment="Mean absolute difference between a customer's orders and those predicted.",
        ),
        sa.Column("revenue", sa.Double(), nullable=False, comment="Net revenue of those orders."),
        sa.Column("revenue_predicted", sa.Double(), nullable=True, comment="What the predictor said."),
        sa.PrimaryKeyConstraint("tenant_id", "predictor"),
        schema="cohorts",
        comment="One row per predictor: what it says of the newest days, knowing only the days before, beside what happened.",
    )
    op.execute("ALTER TABLE cohorts.ltv_holdout ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE cohorts.ltv_holdout FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON cohorts.ltv_holdout USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON cohorts.ltv_holdout TO growthos_app")
    op.create_table(
        "ltv_models",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column(
            "model",
            sa.Text(),
            nullable=False,
            comment="bg_nbd, pareto_nbd and nbd say when customers buy, gamma_gamma for how much.",
        ),
        sa.Column(
            "is_used",
            sa.Boolean(),
            nullable=False,
            comment="Used by ltv_forecast: gamma_gamma, and the likeliest of the others, if not refused.",
        ),
        sa.Column("reason", sa.Text(), nullable=True, comment="Why the model was refused; null where it was fitted."),
        sa.Column("customers", sa.BigInteger(), nullable=False, comment="Customers it was fitted to."),
        sa.Column(
            "repeat_customers",
            sa.BigInteger(),
            nullable=False,
            comment="Those with a repeat order worth more than nothing.",
        ),
        sa.Column("acquired_from", sa.Date(), nullable=True, comment="First order of the oldest of them."),
        sa.Column("acquired_to", sa.Date(), nullable=True, comment="First order of the youngest."),
        sa.Column("r", sa.Double(), nullable=True, comment="Shape of the purchase rates' gamma distribution."),
        sa.Column("alpha", sa.Double(), nullable=True, comment="Its rate parameter, in days."),
        sa.Column("a", sa.Double(), nullable=True, comment="bg_nbd: first parameter of the stopping chances' beta."),
        sa.Column("b", sa.Double(), nullable=True, comment="bg_nbd: the second."),
        sa.Column(
            "s", sa.Double(), nullable=True, comment="pareto_nbd: shape of the stopping rates' gamma distribution."
        ),
        sa.Column("beta", sa.Double(), nullable=True, comment="pareto_nbd: its rate parameter, in days."),
        sa.Column("p", sa.Double(), nullable=True, comment="gamma_gamma: shape of a customer's order values."),
        sa.Column("q", sa.Double(), nullable=True, comment="gamma_gamma: shape of their rates' distribution."),
        sa.Column("gamma", sa.Double(), nullable=True, comment="gamma_gamma: its rate parameter, in money."),
        sa.Column(
            "log_likelihood",
            sa.Double(),
            nullable=True,
            comment="Of the days with an order, or of the average order values, in days and money.",
        ),
        sa.Column(
            "value_correlation",
            sa.Double(),
            nullable=True,
            comment="gamma_gamma: rank correlation of order value with frequency; it takes them to be independent.",
        ),
        sa.Column(
            "margin_rate",
            sa.Double(),
            nullable=True,
            comment="gamma_gamma: contribution margin ÷ net revenue of the repeat orders.",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "model"),
        schema="cohorts",
        comment="One row per model of LTV: its most likely parameters up to the last complete day, or why it was refused.",
    )
    op.execute("ALTER TABLE cohorts.ltv_models ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE cohorts.ltv_models FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON cohorts.ltv_models USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON cohorts.ltv_models TO growthos_app")
    op.create_table(
        "connector_credentials",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column("source", sa.Text(), nullable=False, comment="What it opens: shopify, meta, google_ads, ga4."),
        sa.Column("name", sa.Text(), nullable=False, comment="What people call it: the shop, or default."),
        sa.Column("sealed", sa.LargeBinary(), nullable=False, comment="The credential, sealed (warehouse/vault.py)."),
        sa.Column("key_id", sa.Text(), nullable=False, comment="The key that sealed it, in hex."),
        sa.Column("status", sa.Text(), nullable=False, comment="What the last test said."),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, comment="When it was first connected."),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When its content changed last: connected again, or refreshed by itself.",
        ),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True, comment="When it was last found to work."),
        sa.PrimaryKeyConstraint("tenant_id", "source", "name"),
        schema="ops",
        comment="One row per credential of a source: what opens one login's accounts, sealed for its tenant.",
    )
    op.execute("ALTER TABLE ops.connector_credentials ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE ops.connector_credentials FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON ops.connector_credentials USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ops.connector_credentials TO growthos_app")
    op.create_table(
        "sync_slices",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column(
            "pull_id",
            sa.Text(),
            nullable=False,
            comment="One attempt to pull the slice: a slice that is pulled again gets another row.",
        ),
        sa.Column(
            "slice_id",
            sa.Text(),
            nullable=False,
            comment="The same for the same source, stream, account, interval, request and part.",
        ),
        sa.Column(
            "parent_id", sa.Text(), nullable=True, comment="The pull that was too big and of which this is a part."
        ),
        sa.Column("source", sa.Text(), nullable=False, comment="Who is asked: shopify, meta, google_ads, ga4."),
        sa.Column("stream", sa.Text(), nullable=False, comment="For what: orders, insights, …"),
        sa.Column("account", sa.Text(), nullable=False, comment="Which shop, ad account or property."),
        sa.Column("start_at", sa.DateTime(timezone=True), nullable=False, comment="Start of the interval."),
        sa.Column(
            "end_at", sa.DateTime(timezone=True), nullable=False, comment="End of the interval, itself not in it."
        ),
        sa.Column(
            "request_hash", sa.Text(), nullable=False, comment="Hash of what is asked for: API version, query, fields."
        ),
        sa.Column(
            "part",
            postgresql.JSON(astext_type=sa.Text()),
            nullable=False,
            comment="The entities or fields that it is narrowed to; {} is all.",
        ),
        sa.Column("state", sa.Text(), nullable=False, comment="planned, running, landed, verified, split or failed."),
        sa.Column(
            "rows_expected",
            sa.BigInteger(),
            nullable=True,
            comment="Records that the source says there are (at least).",
        ),
        sa.Column("rows_received", sa.BigInteger(), nullable=True, comment="Distinct records that came."),
        sa.Column("rows_landed", sa.BigInteger(), nullable=True, comment="Versions that they added."),
        sa.Column(
            "rows_restated", sa.BigInteger(), nullable=True, comment="Of those, changes of records that were known."
        ),
        sa.Column("proof", sa.Text(), nullable=True, comment="The source's word for how many there are."),
        sa.Column("requests", sa.BigInteger(), nullable=True, comment="Requests that it took."),
        sa.Column("waited_seconds", sa.Double(), nullable=True, comment="Seconds spent waiting for the source."),
        sa.Column("attempts", sa.BigInteger(), nullable=False, comment="Times that it was pulled."),
        sa.Column("api_version", sa.Text(), nullable=False, comment="The version of the API that was asked."),
        sa.Column(
            "error_kind", sa.Text(), nullable=True, comment="auth, permission, config, rate_limited, transient, …"
        ),
        sa.Column("error", sa.Text(), nullable=True, comment="What went wrong and what to do."),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True, comment="When the source may be asked again."),
        sa.Column("run_id", sa.Text(), nullable=True, comment="The Dagster run that asked."),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=False, comment="When it was planned."),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True, comment="When it was first asked for."),
        sa.Column(
            "finished_at", sa.DateTime(timezone=True), nullable=True, comment="When it was verified, split or given up."
        ),
        sa.PrimaryKeyConstraint("tenant_id", "pull_id"),
        schema="ops",
        comment="One row per slice of a stream that was to be pulled: what was asked, what came, and how that is known.",
    )
    op.execute("ALTER TABLE ops.sync_slices ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE ops.sync_slices FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON ops.sync_slices USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ops.sync_slices TO growthos_app")
    op.add_column(
        "stg_traffic",
        sa.Column(
            "has_other",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment='GA4 may have summed small rows up as "(other)".',
        ),
        schema="staging",
    )
    op.add_column(
        "stg_traffic",
        sa.Column(
            "is_settled",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment="The day's figures no longer change: GA4's are three days old or older.",
        ),
        schema="staging",
    )
    for column in ("has_other", "is_settled"):
        op.alter_column("stg_traffic", column, server_default=None, schema="staging")


def downgrade() -> None:
    for source, stream in STREAMS:
        op.execute(f"DROP VIEW raw.{source}_{stream}")
    op.drop_column("stg_traffic", "is_settled", schema="staging")
    op.drop_column("stg_traffic", "has_other", schema="staging")
    op.drop_table("sync_slices", schema="ops")
    op.drop_table("connector_credentials", schema="ops")
    op.drop_table("ltv_models", schema="cohorts")
    op.drop_table("ltv_holdout", schema="cohorts")
    op.drop_table("ltv_forecast", schema="cohorts")
