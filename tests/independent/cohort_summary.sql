-- A cohort's figures at a few ages; curves is cohort_curves.sql.
WITH figure AS (
    SELECT tenant_id, cohort_by, cohort, is_left_truncated, age_days, mature_customers,
        CASE WHEN is_readable THEN returned_customers::float8 / mature_customers END AS retention,
        CASE WHEN is_readable THEN revenue_net / mature_customers END AS ltv,
        CASE WHEN is_readable THEN contribution_margin / mature_customers END AS margin
    FROM ({curves}) curves
),
of_ages AS (
    SELECT tenant_id, cohort_by, cohort, is_left_truncated,
        max(retention) FILTER (WHERE age_days = 7) AS d7_retention,
        max(retention) FILTER (WHERE age_days = 30) AS d30_retention,
        max(retention) FILTER (WHERE age_days = 60) AS d60_retention,
        max(retention) FILTER (WHERE age_days = 90) AS d90_retention,
        max(ltv) FILTER (WHERE age_days = 30) AS ltv30,
        max(ltv) FILTER (WHERE age_days = 90) AS ltv90,
        max(ltv) FILTER (WHERE age_days = 180) AS ltv180,
        max(margin) FILTER (WHERE age_days = 30) AS margin30,
        max(margin) FILTER (WHERE age_days = 90) AS margin90,
        max(margin) FILTER (WHERE age_days = 180) AS margin180,
        coalesce(max(mature_customers) FILTER (WHERE age_days = 7), 0) AS mature_7,
        coalesce(max(mature_customers) FILTER (WHERE age_days = 30), 0) AS mature_30,
        coalesce(max(mature_customers) FILTER (WHERE age_days = 60), 0) AS mature_60,
        coalesce(max(mature_customers) FILTER (WHERE age_days = 90), 0) AS mature_90,
        coalesce(max(mature_customers) FILTER (WHERE age_days = 180), 0) AS mature_180
    FROM figure GROUP BY tenant_id, cohort_by, cohort, is_left_truncated
),
-- What was spent in the history's first month acquired those who are cohorts of their own for it. Of a cohort whose
-- first customer came before any spend is known, nobody knows all that was spent.
paid AS (
    SELECT p.tenant_id, kinds.cohort_by, kinds.cohort, m.is_left_truncated, sum(spend) AS spend
    FROM staging.stg_spend p
    JOIN shop USING (tenant_id)
    JOIN (SELECT tenant_id, date_trunc('month', min(first_day)) AS begun FROM buyer GROUP BY tenant_id) began
        USING (tenant_id)
    CROSS JOIN LATERAL (VALUES
        ('month', to_char(date, 'YYYY-MM')), ('week', date_trunc('week', date)::date::text),
        ('channel', channel_id), ('all', 'all')
    ) kinds (cohort_by, cohort)
    JOIN (SELECT tenant_id, min(date) AS known_from FROM staging.stg_spend GROUP BY tenant_id) known USING (tenant_id)
    JOIN (
        SELECT tenant_id, cohort_by, cohort, is_left_truncated, min(first_day) AS acquired_from
        FROM member GROUP BY tenant_id, cohort_by, cohort, is_left_truncated
    ) m ON (m.tenant_id, m.cohort_by, m.cohort, m.is_left_truncated)
        = (p.tenant_id, kinds.cohort_by, kinds.cohort, date_trunc('month', date) <= begun)
    WHERE date <= last_day AND known_from <= acquired_from
    GROUP BY 1, 2, 3, 4
),
-- Read as far as the whole month or week, or 30 customers of another cohort, have reached.
paid_back AS (
    SELECT tenant_id, cohort_by, cohort, is_left_truncated, min(age) AS payback_days
    FROM mean
    JOIN cohort USING (tenant_id, cohort_by, cohort, is_left_truncated)
    JOIN paid USING (tenant_id, cohort_by, cohort, is_left_truncated)
    WHERE spend > 0 AND round(mean_contribution_margin, 9) >= round(spend / cohort_size, 9)
        AND CASE WHEN is_of_days THEN age <= observed_days ELSE mature_customers >= 30 END
    GROUP BY tenant_id, cohort_by, cohort, is_left_truncated
)
SELECT c.tenant_id, cohort_by, cohort, is_left_truncated,
    CASE WHEN cohort_by = 'product' AND title IS NOT NULL THEN concat_ws(' · ', title, sku) ELSE cohort END AS label,
    cohort_size, observed_days, spend, spend / cohort_size AS avg_cac, payback_days,
    d7_retention, d30_retention, d60_retention, d90_retention,
    ltv30, ltv90, ltv180, margin30, margin90, margin180, mature_7, mature_30, mature_60, mature_90, mature_180
FROM cohort c
JOIN of_ages USING (tenant_id, cohort_by, cohort, is_left_truncated)
LEFT JOIN paid USING (tenant_id, cohort_by, cohort, is_left_truncated)
LEFT JOIN paid_back USING (tenant_id, cohort_by, cohort, is_left_truncated)
LEFT JOIN staging.stg_products p ON (p.tenant_id, p.product_id) = (c.tenant_id, cohort)
