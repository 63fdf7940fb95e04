-- Products in one basket, and in the customer's next one.
-- Each basket's products stand beside those of the same basket, or of the next.
WITH sides AS (
    SELECT 'together' AS kind, tenant_id, customer_id, day, day AS other_day FROM basket
    UNION ALL
    SELECT 'next', tenant_id, customer_id, day, next_day FROM basket WHERE next_day IS NOT NULL
),
total AS (SELECT kind, tenant_id, count(*) AS baskets FROM sides GROUP BY kind, tenant_id),
one AS (
    SELECT kind, tenant_id, product, count(*) AS product_baskets
    FROM sides JOIN held USING (tenant_id, customer_id, day) GROUP BY kind, tenant_id, product
),
other AS (
    SELECT s.kind, s.tenant_id, h.product AS other, count(*) AS other_baskets
    FROM sides s JOIN held h ON (h.tenant_id, h.customer_id, h.day) = (s.tenant_id, s.customer_id, s.other_day)
    GROUP BY s.kind, s.tenant_id, h.product
),
pair AS (
    SELECT kind, a.tenant_id, a.product, b.product AS other, count(*) AS pair_baskets
    FROM (
        SELECT 'together' AS kind, day AS other_day, held.* FROM held
        UNION ALL
        SELECT 'next', next_day, held.* FROM held JOIN basket USING (tenant_id, customer_id, day)
    ) a
    JOIN held b ON (b.tenant_id, b.customer_id, b.day) = (a.tenant_id, a.customer_id, a.other_day)
    WHERE kind = 'next' OR a.product <> b.product
    GROUP BY kind, a.tenant_id, a.product, b.product HAVING count(*) >= 10
),
named AS (
    SELECT tenant_id, product_id, concat_ws(' · ', title, sku) AS label FROM staging.stg_products WHERE title IS NOT NULL
),
placed AS (
    SELECT *, row_number() OVER (
        PARTITION BY kind, tenant_id, product ORDER BY pair_baskets DESC, other_baskets, other COLLATE "C"
    ) AS place
    FROM pair
    JOIN total USING (kind, tenant_id)
    JOIN one USING (kind, tenant_id, product)
    JOIN other USING (kind, tenant_id, other)
)
SELECT kind, placed.tenant_id, product, other, baskets, product_baskets, other_baskets, pair_baskets,
    pair_baskets::float8 / baskets AS support,
    pair_baskets::float8 / product_baskets AS confidence,
    pair_baskets::float8 * baskets / product_baskets / other_baskets AS lift,
    coalesce(p.label, product) AS label, coalesce(q.label, other) AS other_label
FROM placed
LEFT JOIN named p ON (p.tenant_id, p.product_id) = (placed.tenant_id, product)
LEFT JOIN named q ON (q.tenant_id, q.product_id) = (placed.tenant_id, other)
WHERE place <= 20
