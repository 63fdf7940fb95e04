-- Every KPI of the measures, at any grain: {grain} are columns of {events}.
SELECT {grain},
    -- sums
    orders, new_customers, gross AS revenue_gross, discounts, refunds, net AS revenue_net,
    cogs, shipping_cost, ops_cost, margin AS contribution_margin_total,
    spend, margin - spend AS contribution_after_marketing,
    sessions, pdp_views, add_to_cart, checkouts, purchases,
    -- of revenue
    CASE WHEN gross > 0 THEN discounts / gross END AS discount_rate,
    CASE WHEN gross - discounts > 0 THEN refunds / (gross - discounts) END AS refund_rate,
    CASE WHEN net > 0 THEN (net - cogs) / net END AS gross_margin_pct,
    CASE WHEN net > 0 THEN margin / net END AS contribution_margin_pct,
    CASE WHEN net > 0 THEN (margin - spend) / net END AS contribution_after_marketing_pct,
    CASE WHEN net > 0 THEN cogs / net END AS cogs_pct,
    CASE WHEN net > 0 THEN shipping_cost / net END AS shipping_pct,
    CASE WHEN net > 0 THEN ops_cost / net END AS ops_pct,
    -- per order
    CASE WHEN orders > 0 THEN (gross - discounts) / orders END AS aov,
    CASE WHEN orders > 0 THEN new_customers::numeric / orders END AS new_customer_share,
    CASE WHEN orders > 0 THEN platform_conversions / orders END AS claimed_ratio,
    -- per spend, and spend per
    CASE WHEN spend > 0 THEN net / spend END AS mer,
    CASE WHEN spend > 0 THEN gross / spend END AS mer_gross,
    CASE WHEN spend > 0 THEN new_net / spend END AS amer,
    CASE WHEN spend > 0 THEN net / spend END AS roas,
    CASE WHEN claimed_spend > 0 THEN platform_value / claimed_spend END AS roas_platform,
    CASE WHEN new_customers > 0 THEN spend / new_customers END AS blended_cac,
    CASE WHEN new_customers > 0 THEN spend / new_customers END AS channel_cac,
    CASE WHEN impressions > 0 THEN 1000 * shown_spend / impressions END AS cpm,
    CASE WHEN clicks > 0 THEN clicked_spend / clicks END AS cpc,
    CASE WHEN clickable_impressions > 0 THEN shown_clicks::numeric / clickable_impressions END AS ctr,
    -- the funnel
    CASE WHEN sessions > 0 THEN pdp_views::numeric / sessions END AS session_to_pdp,
    CASE WHEN pdp_views > 0 THEN add_to_cart::numeric / pdp_views END AS pdp_to_atc,
    CASE WHEN add_to_cart > 0 THEN checkouts::numeric / add_to_cart END AS atc_to_checkout,
    CASE WHEN checkouts > 0 THEN purchases::numeric / checkouts END AS checkout_to_purchase,
    CASE WHEN sessions > 0 THEN purchases::numeric / sessions END AS session_to_purchase
FROM (
    SELECT {grain},
        -- the shop counts these itself: nothing told is nothing done; what nobody measured stays unknown
        coalesce(sum(orders), 0) AS orders, coalesce(sum(new_customers), 0) AS new_customers,
        coalesce(sum(gross), 0) AS gross, coalesce(sum(discounts), 0) AS discounts,
        coalesce(sum(refunds), 0) AS refunds, coalesce(sum(gross - discounts - refunds), 0) AS net,
        coalesce(sum(gross - discounts - refunds) FILTER (WHERE is_of_first_order), 0) AS new_net,
        coalesce(sum(cogs), 0) AS cogs, coalesce(sum(shipping_cost), 0) AS shipping_cost,
        coalesce(sum(ops_cost), 0) AS ops_cost,
        coalesce(sum(gross - discounts - refunds - cogs - shipping_cost - ops_cost), 0) AS margin,
        sum(spend) AS spend, sum(impressions) AS impressions, sum(clicks) AS clicks,
        -- a ratio of two reports is of the rows that tell both; none tells of ads without what they cost
        sum(spend) FILTER (WHERE platform_value IS NOT NULL) AS claimed_spend,
        sum(spend) FILTER (WHERE impressions IS NOT NULL) AS shown_spend,
        sum(spend) FILTER (WHERE clicks IS NOT NULL) AS clicked_spend,
        sum(clicks) FILTER (WHERE impressions IS NOT NULL) AS shown_clicks,
        sum(impressions) FILTER (WHERE clicks IS NOT NULL) AS clickable_impressions,
        sum(platform_conversions) AS platform_conversions, sum(platform_value) AS platform_value,
        sum(sessions) AS sessions, sum(pdp_views) AS pdp_views, sum(add_to_cart) AS add_to_cart,
        sum(checkouts) AS checkouts, sum(purchases) AS purchases
    FROM {events} GROUP BY {grain}
) summed
