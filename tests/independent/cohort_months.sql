-- What the customers of a cohort did in a calendar month of their life, of those for whom it is over.
SELECT m.tenant_id, cohort_by, cohort, is_left_truncated, n AS month, cohort_size,
    count(DISTINCT m.customer_id) AS mature_customers, count(DISTINCT b.customer_id) AS active_customers,
    count(b.order_id) AS orders, coalesce(sum(b.net), 0) AS revenue_net,
    coalesce(sum(b.margin), 0) AS contribution_margin,
    NOT is_of_days OR count(DISTINCT m.customer_id) = cohort_size AS is_readable,
    count(DISTINCT m.customer_id) < 30 AS is_small
FROM member m
JOIN cohort USING (tenant_id, cohort_by, cohort, is_left_truncated)
CROSS JOIN LATERAL generate_series(0, months_over - 1) AS lived (n)
LEFT JOIN bought b ON (b.tenant_id, b.customer_id, b.month) = (m.tenant_id, m.customer_id, n)
GROUP BY m.tenant_id, cohort_by, cohort, is_left_truncated, n, cohort_size, is_of_days
