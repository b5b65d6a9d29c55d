-- The ten users who paid most.
-- Grain: user_id. Units: revenue in USD, paid orders only. Ties go to the smaller user_id.
select
  user_id,
  country,
  total_events,
  total_orders,
  paid_orders,
  revenue
from user_activity
order by revenue desc, user_id
limit 10
