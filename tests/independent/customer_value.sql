-- Every buyer: where from, worth what, expected when; segments is segments.sql.
SELECT b.tenant_id, b.customer_id, s.segment, b.first_day AS first_order_date, last_day AS last_order_date,
    b.channel AS first_channel, last_channel, b.product AS first_product, b.discount AS first_discount,
    b.is_left_truncated, orders, gross AS revenue_gross, discounts, net AS revenue_net, margin AS contribution_margin,
    (gross - discounts) / orders AS aov,
    between_days AS days_between_orders, last_day + round(between_days)::int AS next_order_expected,
    p_alive, expected_revenue_365, p_alive < 0.5 AS is_at_risk
FROM buyer b
JOIN (
    SELECT tenant_id, customer_id, max(day) AS last_day, count(*) AS orders,
        sum(gross) AS gross, sum(discounts) AS discounts, sum(net) AS net, sum(margin) AS margin,
        (max(day) - min(day))::float8 / nullif(count(DISTINCT day) - 1, 0) AS between_days,
        (array_agg(channel_id ORDER BY nth DESC))[1] AS last_channel
    FROM bought GROUP BY tenant_id, customer_id
) summed USING (tenant_id, customer_id)
JOIN ({segments}) s USING (tenant_id, customer_id)
LEFT JOIN cohorts.ltv_forecast USING (tenant_id, customer_id)
