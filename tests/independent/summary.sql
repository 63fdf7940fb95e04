-- Every KPI of every window beside its baselines; kpis is kpis.sql by tenant_id, days, span; known is known.sql.
WITH named AS (
    SELECT tenant_id, days, span, kpi,
        -- what begins before all that it is made of was known is nothing to be held against, and of the present window
        -- all must be known of the same days
        CASE WHEN latest > CASE span WHEN 'value' THEN greatest(first, earliest) ELSE first END THEN NULL
            ELSE value::float8 END AS value,
        kpi LIKE '%\_to\_%' OR kpi LIKE '%\_pct' OR kpi IN ('discount_rate', 'refund_rate', 'new_customer_share', 'ctr')
        AS is_share
    FROM ({kpis}) wide
    CROSS JOIN jsonb_each_text(to_jsonb(wide) - ARRAY['tenant_id', 'days', 'span']) AS told (kpi, value)
    JOIN span USING (tenant_id, days, span) LEFT JOIN ({known}) known USING (tenant_id, kpi)
)
SELECT now.tenant_id, now.days, was.span AS baseline, now.kpi, now.value, was.value AS previous,
    -- a share's change is in points; growth from nothing has no size, and from a loss no sign
    CASE WHEN now.is_share THEN now.value - was.value
        WHEN was.value > 0 THEN (now.value - was.value) / was.value END AS change
FROM named now JOIN named was USING (tenant_id, days, kpi)
WHERE now.span = 'value' AND was.span <> 'value'
