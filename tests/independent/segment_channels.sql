-- Buyers by segment and by the channel that brought them; customers is customer_value.sql.
SELECT tenant_id, segment, first_channel, count(*) AS customers, sum(orders) AS orders,
    sum(revenue_net) AS revenue_net, sum(contribution_margin) AS contribution_margin,
    count(*) / sum(count(*)) OVER shop AS customer_share,
    CASE WHEN sum(sum(revenue_net)) OVER shop > 0 THEN sum(revenue_net) / sum(sum(revenue_net)) OVER shop END
        AS revenue_share,
    CASE WHEN sum(sum(contribution_margin)) OVER shop > 0
        THEN sum(contribution_margin) / sum(sum(contribution_margin)) OVER shop END AS margin_share
FROM ({customers}) customers
GROUP BY tenant_id, segment, first_channel
WINDOW shop AS (PARTITION BY tenant_id)
