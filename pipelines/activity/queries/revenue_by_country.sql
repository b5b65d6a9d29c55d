-- Users, events, orders and money by country.
-- Grain: country. Units: USD; revenue counts paid orders only, order_amount all.
select
  country,
  count(*) as users,
  sum(total_events) as events,
  sum(total_orders) as orders,
  sum(paid_orders) as paid_orders,
  sum(order_amount_total) as order_amount,
  sum(revenue) as revenue
from user_activity
group by country
order by country
