-- How far chance moves a sum over orders: per order, refunds to date taken off, in whole units of currency².
-- A day, channel and campaign of which there is anything to tell, but no order, has squares of nothing.
SELECT tenant_id, date, channel_id, campaign_id,
    coalesce(sum(round(gross * gross)), 0) AS gross_sq, coalesce(sum(round(net * net)), 0) AS net_sq,
    coalesce(sum(round(margin * margin)), 0) AS margin_sq, coalesce(sum(round(margin * net)), 0) AS margin_net
FROM (SELECT DISTINCT tenant_id, date, channel_id, campaign_id FROM event_of_day) told
LEFT JOIN (
    SELECT tenant_id, order_day AS date, channel_id, campaign_id, order_id,
        sum(gross) AS gross, sum(gross - discounts - refunds) AS net,
        sum(gross - discounts - refunds - cogs - shipping_cost - ops_cost) AS margin
    FROM event_of_order GROUP BY tenant_id, order_day, channel_id, campaign_id, order_id HAVING sum(orders) = 1
) earned USING (tenant_id, date, channel_id, campaign_id)
GROUP BY tenant_id, date, channel_id, campaign_id
