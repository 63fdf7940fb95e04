-- Recency, frequency and value of every buyer up to the last complete day, each in fifths of all buyers.
WITH worth AS (
    SELECT tenant_id, order_id, sum(gross - discounts - refunds) AS net
    FROM event WHERE order_id IS NOT NULL GROUP BY tenant_id, order_id
),
buyer AS (
    SELECT tenant_id, customer_id, min(s.last_day - o.day) AS recency_days, count(*) AS frequency, sum(net) AS monetary
    FROM placed o JOIN worth USING (tenant_id, order_id) JOIN shop s USING (tenant_id)
    WHERE o.is_counted AND o.customer_id IS NOT NULL AND o.day <= s.last_day
    GROUP BY tenant_id, customer_id
),
-- percent_rank: the share of the other customers with less of it. Few days are good: recency counts from 5 down.
ranked AS (
    SELECT *, count(*) OVER shop AS buyers,
        percent_rank() OVER (PARTITION BY tenant_id ORDER BY recency_days) AS r,
        percent_rank() OVER (PARTITION BY tenant_id ORDER BY frequency) AS f,
        percent_rank() OVER (PARTITION BY tenant_id ORDER BY monetary) AS m
    FROM buyer WINDOW shop AS (PARTITION BY tenant_id)
),
scored AS (
    SELECT tenant_id, customer_id, recency_days, frequency, monetary,
        CASE WHEN buyers = 1 THEN 3 ELSE 6 - width_bucket(r::numeric, ARRAY[0, 0.2, 0.4, 0.6, 0.8]::numeric[]) END AS r_score,
        CASE WHEN buyers = 1 THEN 3 ELSE width_bucket(f::numeric, ARRAY[0, 0.2, 0.4, 0.6, 0.8]::numeric[]) END AS f_score,
        CASE WHEN buyers = 1 THEN 3 ELSE width_bucket(m::numeric, ARRAY[0, 0.2, 0.4, 0.6, 0.8]::numeric[]) END AS m_score
    FROM ranked
)
SELECT *,
    CASE
        WHEN r_score >= 4 AND f_score >= 4 AND m_score >= 4 THEN 'Champions'
        WHEN r_score >= 3 AND f_score >= 3 AND m_score >= 3 THEN 'Loyal'
        WHEN r_score >= 3 AND f_score <= 3 AND m_score <= 3 THEN 'Potential'
        WHEN r_score <= 2 AND f_score >= 3 AND m_score >= 3 THEN 'At Risk'
        WHEN r_score = 1 AND f_score = 1 THEN 'Lost'
        ELSE 'Dormant'
    END AS segment
FROM scored
