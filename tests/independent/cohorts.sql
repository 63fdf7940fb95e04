-- Customers by the month of their first counted order, up to the last complete day, on the order basis:
-- an order is worth what is left of it today, on the day on which it was placed.
WITH worth AS (
    SELECT tenant_id, order_id, sum(gross - discounts - refunds) AS net,
        sum(gross - discounts - refunds - cogs - shipping_cost - ops_cost) AS margin
    FROM event WHERE order_id IS NOT NULL GROUP BY tenant_id, order_id
),
bought AS (
    SELECT tenant_id, customer_id, to_char(f.day, 'YYYY-MM') AS cohort_month, f.day AS first_day,
        o.day - f.day AS age, w.net, w.margin, s.last_day - f.day AS customer_age
    FROM shop s
    JOIN placed o USING (tenant_id)
    JOIN worth w USING (tenant_id, order_id)
    JOIN first_order f USING (tenant_id, customer_id)
    WHERE o.is_counted AND o.day <= s.last_day
),
cohort AS (
    SELECT tenant_id, cohort_month, count(DISTINCT customer_id) AS cohort_size, min(customer_age) AS observed_days,
        count(DISTINCT customer_id) FILTER (WHERE age BETWEEN 1 AND 7)::float8 AS back7,
        count(DISTINCT customer_id) FILTER (WHERE age BETWEEN 1 AND 30)::float8 AS back30,
        count(DISTINCT customer_id) FILTER (WHERE age BETWEEN 1 AND 60)::float8 AS back60,
        count(DISTINCT customer_id) FILTER (WHERE age BETWEEN 1 AND 90)::float8 AS back90,
        sum(net) FILTER (WHERE age <= 30) AS net30,
        sum(net) FILTER (WHERE age <= 90) AS net90,
        sum(net) FILTER (WHERE age <= 180) AS net180
    FROM bought GROUP BY tenant_id, cohort_month
),
-- of a month whose first customer came before any spend is known, nobody knows all that was spent
month_spend AS (
    SELECT tenant_id, cohort_month, spend
    FROM (
        SELECT tenant_id, to_char(date, 'YYYY-MM') AS cohort_month, sum(spend) AS spend,
            min(min(date)) OVER (PARTITION BY tenant_id) AS known_from
        FROM staging.stg_spend JOIN shop USING (tenant_id) WHERE date <= last_day GROUP BY 1, 2
    ) spent
    JOIN (SELECT tenant_id, cohort_month, min(first_day) AS began FROM bought GROUP BY 1, 2) begun
        USING (tenant_id, cohort_month)
    WHERE known_from <= began
),
-- what a cohort has earned by each age at which somebody bought
earned AS (
    SELECT tenant_id, cohort_month, age, sum(sum(margin)) OVER (PARTITION BY tenant_id, cohort_month ORDER BY age) AS margin
    FROM bought GROUP BY tenant_id, cohort_month, age
),
paid_back AS (
    SELECT tenant_id, cohort_month, min(age) AS payback_days
    FROM earned JOIN cohort USING (tenant_id, cohort_month) JOIN month_spend USING (tenant_id, cohort_month)
    WHERE spend > 0 AND margin >= spend AND age <= observed_days GROUP BY tenant_id, cohort_month
)
SELECT tenant_id, cohort_month, cohort_size,
    CASE WHEN observed_days >= 7 THEN back7 / cohort_size END AS d7_retention,
    CASE WHEN observed_days >= 30 THEN back30 / cohort_size END AS d30_retention,
    CASE WHEN observed_days >= 60 THEN back60 / cohort_size END AS d60_retention,
    CASE WHEN observed_days >= 90 THEN back90 / cohort_size END AS d90_retention,
    CASE WHEN observed_days >= 30 THEN net30 / cohort_size END AS ltv30,
    CASE WHEN observed_days >= 90 THEN net90 / cohort_size END AS ltv90,
    CASE WHEN observed_days >= 180 THEN net180 / cohort_size END AS ltv180,
    spend / cohort_size AS avg_cac, payback_days, observed_days,
    cohort_month = min(cohort_month) OVER (PARTITION BY tenant_id) AS is_left_truncated
FROM cohort LEFT JOIN month_spend USING (tenant_id, cohort_month) LEFT JOIN paid_back USING (tenant_id, cohort_month)
