-- What BG/NBD and Gamma-Gamma expect of each buyer with the parameters that cohorts.ltv_models has: written from
-- Fader, Hardie & Lee 2005 (the chance of being alive; (10)) and Fader & Hardie 2013, not from the code it is held against.
-- A purchase is a day with orders; ₂F₁ is summed as its series. Values are scaled so that those of all repeat orders, of
-- the customers that the models are fitted to, add up to what they were.
WITH bought_day AS (
    SELECT tenant_id, customer_id, day, sum(net) AS net FROM bought GROUP BY tenant_id, customer_id, day
), history AS (
    SELECT tenant_id, customer_id, s.last_day - first_day AS t_known, count(*) - 1 AS x, max(day) - first_day AS t_x,
        sum(net) FILTER (WHERE day > first_day) / nullif(count(*) - 1, 0) AS worth,
        date_trunc('month', first_day) = min(date_trunc('month', first_day)) OVER () AS is_left_truncated
    FROM bought_day
    JOIN (SELECT tenant_id, customer_id, min(day) AS first_day FROM bought GROUP BY tenant_id, customer_id) f
        USING (tenant_id, customer_id)
    JOIN shop s USING (tenant_id)
    GROUP BY tenant_id, customer_id, first_day, s.last_day
), given AS (
    SELECT h.*, m.r, m.alpha, m.a, m.b, v.p, v.q, v.gamma,
        365 / (m.alpha + t_known + 365) AS z,
        m.r + x AS one, m.b + x AS two, m.a + m.b + x - 1 AS three
    FROM history h
    JOIN cohorts.ltv_models m USING (tenant_id)
    JOIN cohorts.ltv_models v USING (tenant_id)
    WHERE m.model = 'bg_nbd' AND m.is_used AND v.model = 'gamma_gamma' AND v.is_used
), series AS (
    SELECT one, two, three, z, 1 + sum(term) AS hypergeometric
    FROM (
        SELECT one, two, three, z,
            exp(sum(ln((one + n - 1) * (two + n - 1) / ((three + n - 1) * n) * z))
                OVER (PARTITION BY one, two, three, z ORDER BY n)) AS term
        FROM (SELECT DISTINCT one, two, three, z FROM given) distinct_ones, generate_series(1, 400) AS n
    ) terms
    GROUP BY one, two, three, z
), told AS (
    SELECT *,
        p * (gamma + x * coalesce(worth, 0)::float8) / (p * x + q - 1) AS kept_value,
        CASE WHEN x = 0 THEN 1
            ELSE 1 / (1 + a / (b + x - 1) * ((alpha + t_known) / (alpha + t_x)) ^ (r + x)) END AS p_alive,
        three / (a - 1) * (1 - ((alpha + t_known) / (alpha + t_known + 365)) ^ (r + x) * hypergeometric) AS if_alive
    FROM given JOIN series USING (one, two, three, z)
)
SELECT customer_id, p_alive, p_alive * if_alive AS expected_orders_365,
    kept_value * (
        SELECT sum(x * worth)::float8 / sum(x * kept_value)
        FROM told
        WHERE NOT is_left_truncated
    ) AS expected_order_value
FROM told
