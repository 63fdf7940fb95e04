-- From which day on all, and any, that a KPI is made of is known, and whether it takes the shop's own numbers together
-- with others': one row per tenant, channel and KPI of {kpis}, and one of all channels together (null).
WITH told AS (
    -- the first day on which the shop, an ad platform or the analytics told of it; a ratio of two reports when both did
    SELECT tenant_id, source, whose, min(date) AS first
    FROM (
        -- whose it is: a channel's, of whose ads files alone tell, or anybody's
        SELECT *, CASE WHEN campaign_id LIKE 'file:%' AND spend IS NOT NULL AND NOT bool_or(
            spend IS NOT NULL AND campaign_id NOT LIKE 'file:%') OVER (PARTITION BY tenant_id, channel_id)
            THEN channel_id ELSE '' END AS whose
        FROM event_of_day
    ) event CROSS JOIN LATERAL (VALUES
        ('shop', nullif(greatest(abs(orders), abs(gross), abs(discounts), abs(refunds), abs(cogs), abs(shipping_cost),
            abs(ops_cost)), 0)),
        ('spend', spend), ('conversions', platform_conversions), ('roas_platform', platform_value + spend),
        ('cpc', spend + clicks), ('cpm', spend + impressions), ('ctr', clicks + impressions), ('sessions', sessions),
        ('session_to_pdp', pdp_views + sessions), ('pdp_to_atc', add_to_cart + pdp_views),
        ('atc_to_checkout', checkouts + add_to_cart), ('checkout_to_purchase', purchases + checkouts),
        ('session_to_purchase', purchases + sessions)
    ) told (source, amount)
    WHERE amount IS NOT NULL
    GROUP BY tenant_id, source, whose
), begun AS (
    -- all is known when the last file that has begun by now has; of a channel that files tell of, when its own has
    SELECT tenant_id, NULL AS channel_id, source, min(first) AS earliest,
        greatest(min(first), max(first) FILTER (WHERE whose <> '' AND first <= last_day)) AS latest
    FROM told JOIN shop USING (tenant_id) GROUP BY tenant_id, source
    UNION ALL
    SELECT tenant_id, channel_id, source, day, day
    FROM (
        SELECT tenant_id, channels.channel_id, source,
            coalesce(min(first) FILTER (WHERE whose = channels.channel_id), min(first)) AS day
        FROM (SELECT DISTINCT tenant_id, channel_id FROM event) channels JOIN told USING (tenant_id)
        GROUP BY tenant_id, channels.channel_id, source
    ) own
)
SELECT tenant_id, channel_id, kpi, max(latest) AS latest, min(earliest) AS earliest, bool_or(sources IS NOT NULL) AS is_mixed
FROM (VALUES {kpis}) kpis (kpi)
LEFT JOIN (VALUES
    ('contribution_after_marketing', ARRAY['shop', 'spend']), ('contribution_after_marketing_pct', ARRAY['shop', 'spend']),
    ('mer', ARRAY['shop', 'spend']), ('mer_gross', ARRAY['shop', 'spend']), ('amer', ARRAY['shop', 'spend']),
    ('blended_cac', ARRAY['shop', 'spend']), ('channel_cac', ARRAY['shop', 'spend']), ('roas', ARRAY['shop', 'spend']),
    ('claimed_ratio', ARRAY['conversions', 'shop'])
) made (kpi, sources) USING (kpi)
JOIN begun ON source = ANY (coalesce(sources, ARRAY[
    CASE WHEN kpi IN (SELECT source FROM told) THEN kpi ELSE 'shop' END
]))
GROUP BY tenant_id, channel_id, kpi
