-- Every KPI of every window beside its baselines; kpis is kpis.sql by tenant_id, days, span.
WITH named AS (
    SELECT tenant_id, days, span, kpi, value::float8 AS value,
        kpi LIKE '%\_to\_%' OR kpi LIKE '%\_pct' OR kpi IN ('discount_rate', 'refund_rate', 'new_customer_share', 'ctr')
        AS is_share
    FROM ({kpis}) wide, jsonb_each_text(to_jsonb(wide) - ARRAY['tenant_id', 'days', 'span']) AS told (kpi, value)
)
SELECT now.tenant_id, now.days, was.span AS baseline, now.kpi, now.value, was.value AS previous,
    -- a share's change is in points; growth from nothing has no size, and from a loss no sign
    CASE WHEN now.is_share THEN now.value - was.value
        WHEN was.value > 0 THEN (now.value - was.value) / was.value END AS change
FROM named now JOIN named was USING (tenant_id, days, kpi)
WHERE now.span = 'value' AND was.span <> 'value'
