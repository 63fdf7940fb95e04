-- Every KPI of every window beside its baselines; kpis is kpis.sql by tenant_id, days, span; known is known.sql.
WITH named AS (
    SELECT wide.tenant_id, days, span, told.kpi,
        -- what begins before all that it is made of was known is nothing to be held against, and of the present window
        -- all must be known of the same days
        CASE WHEN span <> 'value' AND latest > first OR is_mixed AND latest > greatest(first, earliest) THEN NULL
            ELSE value::float8 END AS value,
        told.kpi LIKE '%\_to\_%' OR told.kpi LIKE '%\_pct' OR told.kpi IN ('discount_rate', 'refund_rate', 'new_customer_share', 'ctr')
        AS is_share
    FROM ({kpis}) wide
    CROSS JOIN jsonb_each_text(to_jsonb(wide) - ARRAY['tenant_id', 'days', 'span']) AS told (kpi, value)
    JOIN span USING (tenant_id, days, span) LEFT JOIN ({known}) known ON known.channel_id IS NULL
        AND (known.tenant_id, known.kpi) = (wide.tenant_id, told.kpi)
)
SELECT now.tenant_id, now.days, was.span AS baseline, now.kpi, now.value, was.value AS previous,
    -- a share's change is in points; growth from nothing has no size, and from a loss no sign
    CASE WHEN now.is_share THEN now.value - was.value
        WHEN was.value > 0 THEN (now.value - was.value) / was.value END AS change
FROM named now JOIN named was USING (tenant_id, days, kpi)
WHERE now.span = 'value' AND was.span <> 'value'
