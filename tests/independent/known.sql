-- From which day on all, and any, that a KPI is made of is known: one row per tenant and KPI of {kpis}.
SELECT tenant_id, kpi, max(first) AS latest, min(first) AS earliest
FROM (VALUES {kpis}) kpis (kpi)
LEFT JOIN (VALUES
    ('spend', ARRAY['spend']), ('contribution_after_marketing', ARRAY['shop', 'spend']),
    ('contribution_after_marketing_pct', ARRAY['shop', 'spend']),
    ('mer', ARRAY['shop', 'spend']), ('mer_gross', ARRAY['shop', 'spend']), ('amer', ARRAY['shop', 'spend']),
    ('blended_cac', ARRAY['shop', 'spend']), ('channel_cac', ARRAY['shop', 'spend']), ('roas', ARRAY['shop', 'spend']),
    ('roas_platform', ARRAY['platform_value', 'spend']), ('claimed_ratio', ARRAY['platform_conversions', 'shop']),
    ('cpc', ARRAY['spend', 'clicks']), ('cpm', ARRAY['spend', 'impressions']), ('ctr', ARRAY['clicks', 'impressions']),
    ('sessions', ARRAY['sessions']), ('session_to_pdp', ARRAY['pdp_views', 'sessions']),
    ('pdp_to_atc', ARRAY['add_to_cart', 'pdp_views']), ('atc_to_checkout', ARRAY['checkouts', 'add_to_cart']),
    ('checkout_to_purchase', ARRAY['purchases', 'checkouts']), ('session_to_purchase', ARRAY['purchases', 'sessions'])
) made (kpi, sources) USING (kpi)
JOIN (
    -- the first day on which the shop, or an ad platform or the analytics, told of it
    SELECT tenant_id, source, min(date) AS first
    FROM event_of_day CROSS JOIN LATERAL (VALUES
        ('shop', nullif(greatest(abs(orders), abs(gross), abs(discounts), abs(refunds), abs(cogs), abs(shipping_cost),
            abs(ops_cost)), 0)),
        ('spend', spend), ('impressions', impressions), ('clicks', clicks),
        ('platform_conversions', platform_conversions), ('platform_value', platform_value), ('sessions', sessions),
        ('pdp_views', pdp_views), ('add_to_cart', add_to_cart), ('checkouts', checkouts), ('purchases', purchases)
    ) told (source, amount)
    WHERE amount IS NOT NULL
    GROUP BY tenant_id, source
) begun ON source = ANY (coalesce(sources, ARRAY['shop']))
GROUP BY tenant_id, kpi
