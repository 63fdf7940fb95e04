-- What happened in every shop, told from staging alone: each event with the amounts that it adds.
-- Written from docs/kpis.md and docs/tables.md, not from the code that it is held against.

-- Amounts are rounded on the line and on the refund, to four decimals, half to even.
CREATE FUNCTION pg_temp.money(amount numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN abs(amount * 10000 - trunc(amount * 10000)) = 0.5
        THEN round(amount * 10000 / 2) * 2 / 10000 ELSE round(amount, 4) END
$$;

CREATE TEMP TABLE shop AS
SELECT tenant_id, timezone, category_margins::jsonb AS margins,
    shipping_rate::numeric AS shipping_rate, ops_rate::numeric AS ops_rate,
    (clock_at AT TIME ZONE timezone)::date - 1 AS last_day
FROM ops.tenants;

-- A campaign is called what it was called on the last day on which it spent.
-- An order's utm_campaign names a campaign if exactly one of the order's channel is called so.
CREATE TEMP TABLE campaign AS
SELECT tenant_id, channel_id, campaign_name, min(campaign_id) AS campaign_id
FROM (
    SELECT DISTINCT ON (tenant_id, campaign_id) tenant_id, campaign_id, channel_id, campaign_name
    FROM staging.stg_spend ORDER BY tenant_id, campaign_id, date DESC
) latest
GROUP BY tenant_id, channel_id, campaign_name HAVING count(*) = 1;

CREATE TEMP TABLE placed AS
SELECT o.tenant_id, o.order_id, o.customer_id, o.channel_id, o.processed_at,
    coalesce(c.campaign_id, '(none)') AS campaign_id,
    (o.processed_at AT TIME ZONE s.timezone)::date AS day,
    NOT o.is_test AND NOT o.is_voided AS is_counted
FROM staging.stg_orders o
JOIN shop s USING (tenant_id)
LEFT JOIN campaign c ON (c.tenant_id, c.channel_id, c.campaign_name) = (o.tenant_id, o.channel_id, o.utm_campaign);

-- A customer's first counted order ever; ties go to the smaller order id. A guest has none.
CREATE TEMP TABLE first_order AS
SELECT DISTINCT ON (tenant_id, customer_id) tenant_id, customer_id, order_id, day
FROM placed WHERE is_counted AND customer_id IS NOT NULL
ORDER BY tenant_id, customer_id, processed_at, order_id COLLATE "C";

CREATE TEMP TABLE sold AS
SELECT l.tenant_id, l.order_id, l.line_id, l.product_id, l.sku, l.quantity, l.is_gift_card, named.category,
    (l.processed_at AT TIME ZONE s.timezone)::date AS day,
    l.revenue_gross AS gross, l.discounts,
    CASE WHEN p.unit_cost IS NOT NULL THEN pg_temp.money(p.unit_cost * l.quantity)
        ELSE pg_temp.money((l.revenue_gross - l.discounts) * (1 - margin)) END AS cogs,
    pg_temp.money((l.revenue_gross - l.discounts) * s.shipping_rate) AS shipping_cost,
    pg_temp.money((l.revenue_gross - l.discounts) * s.ops_rate) AS ops_cost
FROM staging.stg_order_lines l
JOIN shop s USING (tenant_id)
LEFT JOIN staging.stg_products p USING (tenant_id, product_id)
CROSS JOIN LATERAL (SELECT coalesce(l.category, p.category) AS category) named
CROSS JOIN LATERAL (SELECT coalesce(s.margins->>named.category, s.margins->>'default')::numeric AS margin) assumed;

-- Goods that can be sold again cost nothing after all: what was booked per unit when the line was sold.
CREATE TEMP TABLE returned AS
SELECT r.tenant_id, r.order_id, r.line_id, r.customer_id, r.product_id, r.sku, r.is_counted, named.category,
    l.is_gift_card IS TRUE AS is_gift_card,
    (r.refunded_at AT TIME ZONE s.timezone)::date AS day,
    r.amount AS refunds,
    CASE WHEN NOT r.is_restocked THEN 0
        WHEN l.quantity > 0 THEN pg_temp.money(l.cogs * r.quantity / l.quantity)
        WHEN p.unit_cost IS NOT NULL THEN pg_temp.money(p.unit_cost * r.quantity)
        ELSE pg_temp.money(r.amount * (1 - margin)) END AS cogs,
    pg_temp.money(r.amount * s.shipping_rate) AS shipping_cost,
    pg_temp.money(r.amount * s.ops_rate) AS ops_cost
FROM staging.stg_refunds r
JOIN shop s USING (tenant_id)
LEFT JOIN sold l USING (tenant_id, order_id, line_id)
LEFT JOIN staging.stg_products p ON (p.tenant_id, p.product_id) = (r.tenant_id, r.product_id)
CROSS JOIN LATERAL (SELECT coalesce(r.category, l.category, p.category) AS category) named
CROSS JOIN LATERAL (SELECT coalesce(s.margins->>named.category, s.margins->>'default')::numeric AS margin) assumed;

-- One row per thing that happened. `day` is its own; `order_day` that of the order that it belongs to, if any.
CREATE TEMP TABLE event AS
SELECT o.tenant_id, o.day, o.day AS order_day, o.channel_id, o.campaign_id, o.order_id, o.customer_id,
    NULL AS product_id, NULL AS sku, NULL AS category,
    1 AS orders, (f.order_id IS NOT NULL)::int AS new_customers,
    0::numeric AS gross, 0::numeric AS discounts, 0::numeric AS refunds, false AS is_of_first_order,
    0::numeric AS cogs, 0::numeric AS shipping_cost, 0::numeric AS ops_cost,
    NULL::numeric AS spend, NULL::bigint AS impressions, NULL::bigint AS clicks,
    NULL::float8 AS platform_conversions, NULL::numeric AS platform_value,
    NULL::bigint AS sessions, NULL::bigint AS pdp_views, NULL::bigint AS add_to_cart,
    NULL::bigint AS checkouts, NULL::bigint AS purchases
FROM placed o LEFT JOIN first_order f USING (tenant_id, order_id) WHERE o.is_counted
UNION ALL
SELECT l.tenant_id, l.day, o.day, o.channel_id, o.campaign_id, o.order_id, o.customer_id,
    l.product_id, l.sku, l.category, 0, 0,
    l.gross, l.discounts, 0, f.order_id IS NOT NULL, l.cogs, l.shipping_cost, l.ops_cost,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM sold l JOIN placed o USING (tenant_id, order_id) LEFT JOIN first_order f USING (tenant_id, order_id)
WHERE o.is_counted AND NOT l.is_gift_card
UNION ALL  -- a return without an order lowers the channel "other"
SELECT r.tenant_id, r.day, coalesce(o.day, r.day), coalesce(o.channel_id, 'other'), coalesce(o.campaign_id, '(none)'),
    r.order_id, r.customer_id, r.product_id, r.sku, r.category, 0, 0,
    0, 0, r.refunds, f.order_id IS NOT NULL, -r.cogs, -r.shipping_cost, -r.ops_cost,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM returned r LEFT JOIN placed o USING (tenant_id, order_id) LEFT JOIN first_order f USING (tenant_id, order_id)
WHERE coalesce(o.is_counted, r.is_counted) AND NOT r.is_gift_card
UNION ALL
SELECT tenant_id, date, date, channel_id, campaign_id, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, false, 0, 0, 0,
    spend, impressions, clicks, platform_conversions, platform_value, NULL, NULL, NULL, NULL, NULL
FROM staging.stg_spend
UNION ALL
SELECT tenant_id, date, date, channel_id, '(none)', NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, false, 0, 0, 0,
    NULL, NULL, NULL, NULL, NULL, sessions, pdp_views, add_to_cart, checkouts, purchases
FROM staging.stg_traffic;

-- Each on its own day: the event basis. A refund on the day of its order: the order basis.
CREATE TEMP VIEW event_of_day AS
SELECT e.*, e.day AS date, date_trunc('week', e.day)::date AS week, date_trunc('month', e.day)::date AS month FROM event e;
CREATE TEMP VIEW event_of_order AS
SELECT e.*, e.order_day AS date, date_trunc('week', e.order_day)::date AS week,
    date_trunc('month', e.order_day)::date AS month FROM event e;

-- N complete local days up to the last complete one, the N days before, and the same N days 52 weeks earlier.
CREATE TEMP TABLE span AS
SELECT tenant_id, days, span,
    last_day - back * days - weeks * 7 - days + 1 AS first, last_day - back * days - weeks * 7 AS last
FROM shop, unnest(ARRAY[1, 7, 28, 90]) AS lengths (days),
    (VALUES ('value', 0, 0), ('previous', 1, 0), ('year_ago', 0, 52)) AS spans (span, back, weeks);

-- A window in which nothing happened has a row as well, of nothing.
CREATE TEMP VIEW event_of_span AS
SELECT s.tenant_id, days, span, channel_id, orders, new_customers, gross, discounts, refunds, is_of_first_order,
    cogs, shipping_cost, ops_cost, spend, impressions, clicks, platform_conversions, platform_value,
    sessions, pdp_views, add_to_cart, checkouts, purchases
FROM span s LEFT JOIN event_of_day e ON e.tenant_id = s.tenant_id AND e.date BETWEEN s.first AND s.last;
