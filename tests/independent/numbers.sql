-- The KPIs that are called with numbers, over every combination of a few of them.
WITH number (n) AS (VALUES (-1), (0), (0.5), (2.5), (150), (NULL))
SELECT a.n AS a, b.n AS b, c.n AS c,
    CASE WHEN b.n > 0 THEN a.n / b.n END AS ltv_at_days,
    CASE WHEN b.n > 0 THEN a.n / b.n END AS ltv_margin,
    CASE WHEN b.n > 0 THEN a.n / b.n END AS orders_per_customer,
    CASE WHEN b.n > 0 THEN a.n / b.n END AS retention_rate,
    CASE WHEN b.n > 0 THEN a.n / b.n END AS repeat_rate,
    CASE WHEN b.n > 0 THEN a.n / b.n END AS retention_month,
    CASE WHEN c.n > 0 THEN a.n * b.n / c.n END AS ltv_to_cac,
    -- half up to whole days; where nothing is to be earned back, or nothing earned, there is none
    CASE WHEN a.n > 0 AND b.n > 0 AND c.n > 0 THEN floor(a.n / (b.n * c.n / 30) + 0.5) END AS payback_days,
    -- signed: from −100 to −50 is −50 %
    CASE WHEN b.n <> 0 THEN (a.n - b.n) / b.n END AS percent_change,
    a.n - b.n AS percentage_point_change
FROM number a, number b, number c
