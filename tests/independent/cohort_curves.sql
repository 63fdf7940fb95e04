-- What the customers of a cohort who have reached an age had done by it.
WITH done AS (
    SELECT tenant_id, customer_id, age_days, count(*) AS orders, bool_or(age > 0)::int AS returned,
        bool_or(nth > 1)::int AS repeated, sum(net) AS net, sum(margin) AS margin
    FROM buyer
    JOIN bought USING (tenant_id, customer_id)
    JOIN unnest(ARRAY[0, 7, 14, 30, 60, 90, 120, 150, 180, 270, 365, 540, 730, 1095]) AS ages (age_days)
        ON age <= age_days AND age_days <= customer_age
    GROUP BY tenant_id, customer_id, age_days
)
SELECT tenant_id, cohort_by, cohort, is_left_truncated, age_days, cohort_size, summed.mature_customers,
    returned_customers, repeat_customers, summed.orders, revenue_net, contribution_margin,
    mean_orders, mean_revenue_net, mean_contribution_margin,
    NOT is_of_days OR observed_days >= age_days AS is_readable, summed.mature_customers < 30 AS is_small
FROM (
    SELECT tenant_id, cohort_by, cohort, is_left_truncated, age_days, count(*) AS mature_customers,
        sum(returned) AS returned_customers, sum(repeated) AS repeat_customers, sum(orders) AS orders,
        sum(net) AS revenue_net, sum(margin) AS contribution_margin
    FROM member JOIN done USING (tenant_id, customer_id)
    GROUP BY tenant_id, cohort_by, cohort, is_left_truncated, age_days
) summed
JOIN cohort USING (tenant_id, cohort_by, cohort, is_left_truncated)
CROSS JOIN LATERAL (
    SELECT mean_orders, mean_revenue_net, mean_contribution_margin FROM mean m
    WHERE (m.tenant_id, m.cohort_by, m.cohort, m.is_left_truncated)
        = (summed.tenant_id, summed.cohort_by, summed.cohort, summed.is_left_truncated) AND m.age <= age_days
    ORDER BY m.age DESC LIMIT 1
) so_far
