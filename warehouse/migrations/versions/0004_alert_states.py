"""What is remembered of alerts, and what their evidence needs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"


ADDED = (
    (
        "alerts",
        "alerts",
        "state",
        sa.Text,
        "'firing'",
        "firing; recovering while it has not been clear for long enough; no_data or error while nothing can be said.",
    ),
    ("alerts", "alerts", "since", sa.Date, "'1970-01-01'", "First day of the episode."),
    (
        "alerts",
        "alerts",
        "p_value",
        sa.Double,
        "0",
        "The chance of as much by chance alone; for one of many, adjusted for their number.",
    ),
    ("alerts", "alerts", "low", sa.Double, None, "At least this, with 95 % confidence; null where it is unbounded."),
    ("alerts", "alerts", "high", sa.Double, None, "At most this, with 95 % confidence; null where it is unbounded."),
    ("alerts", "alerts", "at_stake", sa.Double, None, "Money: what the change costs or brings in the window."),
    ("alerts", "alerts", "why", sa.Text, "''", "Which factor, cost, channel or campaign moved it."),
    ("alerts", "alerts", "runbook", sa.Text, "''", "Where to read on."),
    ("alerts", "alerts", "silenced_by", sa.Text, "''", "Why nobody is told of it; empty when somebody is."),
    (
        "kpis",
        "kpi_daily",
        "gross_sq",
        sa.BigInteger,
        "0",
        "Σ revenue_gross² of the day's orders: how far chance moves the sum.",
    ),
    (
        "kpis",
        "kpi_daily",
        "net_sq",
        sa.BigInteger,
        "0",
        "Σ revenue_net² of the day's orders, refunds to date taken off.",
    ),
    (
        "kpis",
        "kpi_daily",
        "margin_sq",
        sa.BigInteger,
        "0",
        "Σ contribution_margin² of the day's orders, refunds to date taken off.",
    ),
    ("kpis", "kpi_daily", "margin_net", sa.BigInteger, "0", "Σ contribution_margin × revenue_net of the day's orders."),
)
"""schema, table, column, type, what rows of before get until their next run (None: null), comment."""


def upgrade() -> None:
    op.create_table(
        "alert_deliveries",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column(
            "digest_id",
            sa.Text(),
            nullable=False,
            comment="SHA-256 of tenant, window and events; a webhook's idempotency key.",
        ),
        sa.Column("channel", sa.Text(), nullable=False, comment="How it is sent."),
        sa.Column(
            "destination",
            sa.Text(),
            nullable=False,
            comment="The name of the destination, as ops.connector_credentials has it; of the log, log.",
        ),
        sa.Column("window_end", sa.Date(), nullable=False, comment="Last day of the window that it is about."),
        sa.Column(
            "digest",
            postgresql.JSON(astext_type=sa.Text()),
            nullable=False,
            comment="What is sent: id, tenant, window and events.",
        ),
        sa.Column("state", sa.Text(), nullable=False, comment="failed is for good."),
        sa.Column(
            "attempts", sa.BigInteger(), nullable=False, comment="Times that it was tried and that had an outcome."
        ),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True, comment="Not to be tried before."),
        sa.Column("error", sa.Text(), nullable=True, comment="What the last attempt failed with, and what to do."),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), nullable=False, comment="When it was put here, in real time."
        ),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True, comment="When the destination took it."),
        sa.PrimaryKeyConstraint("tenant_id", "digest_id", "channel", "destination"),
        schema="ops",
        comment="One row per digest of events and destination that it goes to: the outbox, written with the events themselves.",
    )
    op.execute("ALTER TABLE ops.alert_deliveries ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE ops.alert_deliveries FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON ops.alert_deliveries USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ops.alert_deliveries TO growthos_app")
    op.create_table(
        "alert_events",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column("fingerprint", sa.Text(), nullable=False, comment="ops.alert_states."),
        sa.Column("window_end", sa.Date(), nullable=False, comment="Last day of the window that it is about."),
        sa.Column("kind", sa.Text(), nullable=False, comment="What happened."),
        sa.Column("alert_id", sa.Text(), nullable=False, comment="ops.alert_states."),
        sa.Column("severity", sa.Text(), nullable=False, comment="How bad it was."),
        sa.Column("at_stake", sa.Double(), nullable=True, comment="Money at stake; null where it has no size."),
        sa.Column(
            "message", sa.Text(), nullable=False, comment="It in words: what, whom, the numbers, why, what to do."
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When it was evaluated, by the tenant's clock.",
        ),
        sa.Column(
            "sent_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When it had been delivered everywhere; null waits.",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "fingerprint", "window_end", "kind"),
        schema="ops",
        comment="One row per thing to tell of an alert, once, however often its window is evaluated.",
    )
    op.execute("ALTER TABLE ops.alert_events ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE ops.alert_events FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON ops.alert_events USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ops.alert_events TO growthos_app")
    op.create_table(
        "alert_silences",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column(
            "kind",
            sa.Text(),
            nullable=False,
            comment="ack: of this episode; snooze: until an instant; mute: of whatever matches.",
        ),
        sa.Column(
            "matcher", sa.Text(), nullable=False, comment="An alert's id, or a pattern of them such as channel_cac_*."
        ),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True, comment="When it ends; null is never."),
        sa.Column("note", sa.Text(), nullable=False, comment="Why, in the words of whoever wished it."),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When it was wished, by the tenant's clock.",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "kind", "matcher"),
        schema="ops",
        comment="One row per wish not to be told of alerts.",
    )
    op.execute("ALTER TABLE ops.alert_silences ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE ops.alert_silences FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON ops.alert_silences USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ops.alert_silences TO growthos_app")
    op.create_table(
        "alert_states",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column(
            "fingerprint",
            sa.Text(),
            nullable=False,
            comment="SHA-256 of rule, tenant and labels: the same alert tomorrow.",
        ),
        sa.Column("window_end", sa.Date(), nullable=False, comment="Last day of the window that was evaluated."),
        sa.Column(
            "alert_id",
            sa.Text(),
            nullable=False,
            comment="The rule; for a member of many with the member's id behind it.",
        ),
        sa.Column("state", sa.Text(), nullable=False, comment="What it was after that window."),
        sa.Column(
            "standing",
            sa.Text(),
            nullable=False,
            comment="What it was when it was last known: state, but for no_data and error.",
        ),
        sa.Column("severity", sa.Text(), nullable=False, comment="How bad it is."),
        sa.Column("since", sa.Date(), nullable=False, comment="First day of the episode."),
        sa.Column("known_on", sa.Date(), nullable=False, comment="Last day on which its numbers were known."),
        sa.Column(
            "breaches", sa.BigInteger(), nullable=False, comment="Windows in the episode that were beyond the line."
        ),
        sa.Column(
            "clears", sa.BigInteger(), nullable=False, comment="Windows since the last breach that were clear of it."
        ),
        sa.Column(
            "silenced_by",
            sa.Text(),
            nullable=False,
            comment="Why it is not told: ack, snooze, mute, an expected event, another alert; or empty.",
        ),
        sa.Column(
            "version",
            sa.Text(),
            nullable=False,
            comment="Hash of the rule and its numbers: an alert of another version is forgotten.",
        ),
        sa.Column(
            "finding",
            postgresql.JSON(astext_type=sa.Text()),
            nullable=False,
            comment="The numbers of the last window that knew them.",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "fingerprint", "window_end"),
        schema="ops",
        comment="One row per alert and evaluated window on which it was not at rest: its history. The newest is its state.",
    )
    op.execute("ALTER TABLE ops.alert_states ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE ops.alert_states FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON ops.alert_states USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ops.alert_states TO growthos_app")
    op.create_table(
        "expected_events",
        sa.Column("tenant_id", sa.Text(), nullable=False, comment="The tenant that owns the row."),
        sa.Column("name", sa.Text(), nullable=False, comment="What it is: Black Friday, the price change, …"),
        sa.Column("first_day", sa.Date(), nullable=False, comment="Its first local day."),
        sa.Column("last_day", sa.Date(), nullable=False, comment="Its last local day."),
        sa.Column(
            "matcher", sa.Text(), nullable=False, comment="The alerts that it explains: an id or a pattern; * is all."
        ),
        sa.PrimaryKeyConstraint("tenant_id", "name", "first_day"),
        schema="ops",
        comment="One row per time that numbers are unusual for a known reason: its alerts are not told, baselines skip it.",
    )
    op.execute("ALTER TABLE ops.expected_events ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE ops.expected_events FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON ops.expected_events USING (tenant_id = current_setting('app.tenant_id', true)) WITH CHECK (tenant_id = current_setting('app.tenant_id', true))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ops.expected_events TO growthos_app")
    for schema, table, name, kind, before, comment in ADDED:
        column = sa.Column(
            name, kind(), nullable=before is None, server_default=before and sa.text(before), comment=comment
        )
        op.add_column(table, column, schema=schema)
        if before is not None:
            op.alter_column(table, name, server_default=None, schema=schema)
    op.alter_column(
        "alerts",
        "id",
        existing_type=sa.TEXT(),
        comment="The rule; for a channel's rule with the channel's id behind it, and likewise.",
        existing_comment="The rule; for a channel's rule with the channel's id behind it.",
        existing_nullable=False,
        schema="alerts",
    )
    op.alter_column(
        "alerts",
        "severity",
        existing_type=sa.TEXT(),
        comment="How bad it is, by the cautious end of what is likely.",
        existing_comment="How bad it is.",
        existing_nullable=False,
        schema="alerts",
    )
    op.alter_column(
        "alerts",
        "metric_value",
        existing_type=sa.DOUBLE_PRECISION(precision=53),
        comment="The change that fired: a fraction, or points for percentages; or an amount.",
        existing_comment="The change that fired: a fraction, or points for percentages.",
        existing_nullable=False,
        schema="alerts",
    )
    op.create_table_comment(
        "alerts",
        "One row per alert that fires now, by the rules of kpis/alerts: effect and evidence, remembered from day to day.",
        existing_comment="One row per alert that fires now: a week against the week before, by the rules of kpis/alerts.py.",
        schema="alerts",
    )
    op.alter_column(
        "connector_credentials",
        "source",
        existing_type=sa.TEXT(),
        comment="What it opens: shopify, meta, google_ads, ga4; for alerts webhook, slack.",
        existing_comment="What it opens: shopify, meta, google_ads, ga4.",
        existing_nullable=False,
        schema="ops",
    )


def downgrade() -> None:
    op.alter_column(
        "connector_credentials",
        "source",
        existing_type=sa.TEXT(),
        comment="What it opens: shopify, meta, google_ads, ga4.",
        existing_comment="What it opens: shopify, meta, google_ads, ga4; for alerts webhook, slack.",
        existing_nullable=False,
        schema="ops",
    )
    for schema, table, name, *_ in reversed(ADDED):
        op.drop_column(table, name, schema=schema)
    op.create_table_comment(
        "alerts",
        "One row per alert that fires now: a week against the week before, by the rules of kpis/alerts.py.",
        existing_comment="One row per alert that fires now, by the rules of kpis/alerts: effect and evidence, remembered from day to day.",
        schema="alerts",
    )
    op.alter_column(
        "alerts",
        "metric_value",
        existing_type=sa.DOUBLE_PRECISION(precision=53),
        comment="The change that fired: a fraction, or points for percentages.",
        existing_comment="The change that fired: a fraction, or points for percentages; or an amount.",
        existing_nullable=False,
        schema="alerts",
    )
    op.alter_column(
        "alerts",
        "severity",
        existing_type=sa.TEXT(),
        comment="How bad it is.",
        existing_comment="How bad it is, by the cautious end of what is likely.",
        existing_nullable=False,
        schema="alerts",
    )
    op.alter_column(
        "alerts",
        "id",
        existing_type=sa.TEXT(),
        comment="The rule; for a channel's rule with the channel's id behind it.",
        existing_comment="The rule; for a channel's rule with the channel's id behind it, and likewise.",
        existing_nullable=False,
        schema="alerts",
    )
    op.drop_table("expected_events", schema="ops")
    op.drop_table("alert_states", schema="ops")
    op.drop_table("alert_silences", schema="ops")
    op.drop_table("alert_events", schema="ops")
    op.drop_table("alert_deliveries", schema="ops")
