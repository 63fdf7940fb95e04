-- Every counted order of an identified customer up to the last complete day, told from base.sql, and what each customer
-- began with. Written from docs/cohorts.md and docs/tables.md, not from the code that it is held against.

-- On the order basis: an order is worth what is left of it today, on the day on which it was placed.
CREATE TEMP TABLE bought AS
SELECT o.tenant_id, o.customer_id, o.order_id, o.channel_id, o.day, o.day - f.day AS age,
    (extract(year FROM age(date_trunc('month', o.day), date_trunc('month', f.day))) * 12
        + extract(month FROM age(date_trunc('month', o.day), date_trunc('month', f.day))))::int AS month,
    row_number() OVER (PARTITION BY o.tenant_id, o.customer_id ORDER BY o.processed_at, o.order_id COLLATE "C") AS nth,
    gross, discounts, net, margin
FROM shop s
JOIN placed o USING (tenant_id)
JOIN (
    SELECT tenant_id, order_id, sum(gross) AS gross, sum(discounts) AS discounts,
        sum(gross - discounts - refunds) AS net,
        sum(gross - discounts - refunds - cogs - shipping_cost - ops_cost) AS margin
    FROM event GROUP BY tenant_id, order_id
) worth USING (tenant_id, order_id)
JOIN (SELECT tenant_id, customer_id, day FROM first_order) f USING (tenant_id, customer_id)
WHERE o.is_counted AND o.day <= s.last_day;

-- The product of an order is that of its largest line after discounts, of equal lines the one with the lowest id.
CREATE TEMP TABLE largest AS
SELECT DISTINCT ON (tenant_id, order_id) tenant_id, order_id, coalesce(product_id, sku) AS product
FROM sold WHERE NOT is_gift_card
ORDER BY tenant_id, order_id, gross - discounts DESC, line_id COLLATE "C";

CREATE TEMP TABLE buyer AS
SELECT b.tenant_id, b.customer_id, b.day AS first_day, s.last_day - b.day AS customer_age,
    date_trunc('month', b.day) = min(date_trunc('month', b.day)) OVER (PARTITION BY b.tenant_id) AS is_left_truncated,
    b.channel_id AS channel, coalesce(l.product, '(none)') AS product,
    CASE WHEN percent <= 0 THEN '0%' WHEN percent <= 10 THEN '0-10%' WHEN percent <= 20 THEN '10-20%'
        WHEN percent <= 30 THEN '20-30%' ELSE '30%+' END AS discount,
    -- how many calendar months of the customer's life are over, that of the first order being one
    (SELECT count(*) FROM generate_series(date_trunc('month', b.day), s.last_day, '1 month') begun (month)
        WHERE begun.month + interval '1 month' <= s.last_day + 1) AS months_over
FROM bought b
JOIN shop s USING (tenant_id)
LEFT JOIN largest l USING (tenant_id, order_id)
CROSS JOIN LATERAL (SELECT CASE WHEN b.gross > 0 THEN round((100 * b.discounts / b.gross)::float8) ELSE 0 END AS percent) given
WHERE b.nth = 1;

-- Each customer is in one cohort of each kind. Those of the history's first month are cohorts of their own.
CREATE TEMP TABLE member AS
SELECT tenant_id, customer_id, customer_age, months_over, first_day, cohort_by, cohort, is_left_truncated
FROM buyer, LATERAL (VALUES
    ('month', to_char(first_day, 'YYYY-MM')), ('week', date_trunc('week', first_day)::date::text),
    ('channel', channel), ('product', product), ('discount', discount), ('all', 'all')
) kinds (cohort_by, cohort);

CREATE TEMP TABLE cohort AS
SELECT tenant_id, cohort_by, cohort, is_left_truncated, count(*) AS cohort_size, min(customer_age) AS observed_days,
    cohort_by IN ('month', 'week') AS is_of_days
FROM member GROUP BY tenant_id, cohort_by, cohort, is_left_truncated;

-- How many have reached each age up to the oldest one's, and what was added at that age.
CREATE TEMP TABLE age AS
SELECT tenant_id, cohort_by, cohort, is_left_truncated, age,
    sum(customers) OVER older AS mature_customers, sum(orders) AS orders, sum(net) AS net, sum(margin) AS margin
FROM (
    SELECT tenant_id, cohort_by, cohort, is_left_truncated, age, sum(customers) AS customers,
        sum(orders) AS orders, sum(net) AS net, sum(margin) AS margin
    FROM (
        SELECT tenant_id, cohort_by, cohort, is_left_truncated, customer_age AS age, 1 AS customers,
            0 AS orders, 0 AS net, 0 AS margin FROM member
        UNION ALL
        SELECT tenant_id, cohort_by, cohort, is_left_truncated, age, 0, 1, net, margin
        FROM member JOIN bought USING (tenant_id, customer_id)
    ) told GROUP BY tenant_id, cohort_by, cohort, is_left_truncated, age
) of_age
GROUP BY tenant_id, cohort_by, cohort, is_left_truncated, age, customers
WINDOW older AS (PARTITION BY tenant_id, cohort_by, cohort, is_left_truncated ORDER BY age DESC);

-- The mean cumulative function: what was added at each age ÷ the customers then observed, summed up.
CREATE TEMP TABLE mean AS
SELECT tenant_id, cohort_by, cohort, is_left_truncated, age, mature_customers,
    sum(orders / mature_customers) OVER younger AS mean_orders,
    sum(net / mature_customers) OVER younger AS mean_revenue_net,
    sum(margin / mature_customers) OVER younger AS mean_contribution_margin
FROM age
WINDOW younger AS (PARTITION BY tenant_id, cohort_by, cohort, is_left_truncated ORDER BY age);
-- A basket is what a customer bought on one day; a day of orders without a counted line is none.
CREATE TEMP TABLE held AS
SELECT DISTINCT b.tenant_id, b.customer_id, b.day, coalesce(l.product_id, l.sku) AS product
FROM bought b JOIN sold l USING (tenant_id, order_id) WHERE NOT l.is_gift_card;

CREATE TEMP TABLE basket AS
SELECT tenant_id, customer_id, day, lead(day) OVER (PARTITION BY tenant_id, customer_id ORDER BY day) AS next_day
FROM held GROUP BY tenant_id, customer_id, day;

CREATE INDEX ON mean (tenant_id, cohort_by, cohort, is_left_truncated, age);
ANALYZE bought;
ANALYZE member;
ANALYZE mean;
ANALYZE basket;
ANALYZE held;
